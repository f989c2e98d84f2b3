"""What the worker does with models: lists them, shows what they make of a sample, imports and removes them."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from cgconv.cli.bring_in import bring_in
from cgconv.cli.models import card_rows
from cgconv.runtime import preview as looks
from cgconv.runtime.backends.engines.cache import EngineCache
from cgconv.runtime.backends.probe import natural_picture
from cgconv.runtime.events import (
    CachesMeasured,
    Diagnosed,
    ModelExported,
    ModelInfo,
    ModelSampled,
    ModelsListed,
    NameTaken,
    SheetMade,
    StepProgressed,
)
from cgconv.runtime.find import Kind
from cgconv.runtime.folders import cache_folder
from cgconv.runtime.models.store import (
    describe_model,
    free_name,
    is_taken,
    list_models,
    models_folder,
    name_for,
    remove_model,
    resolve_model,
)
from cgconv.runtime.protocol import read_json
from cgconv.runtime.requests import (
    BuildEngines,
    DescribeModel,
    HalveModel,
    ImportModel,
    MakeSheet,
    RemoveModel,
    SampleModel,
)

from .task import Say, Task

SAMPLE_EDGE_PX = 480


def list_all(task: Task, say: Say) -> None:
    """Name every model, with what is known of it."""
    models = []
    for stored in list_models():
        card, known = stored.card, _remembered(stored.path)
        sample = _sample_path(stored.path)
        facts = tuple((label, value) for label, value in card_rows(card) if value) if card else ()
        models.append(
            ModelInfo(
                name=stored.name,
                path=stored.path,
                title=card.title if card else "",
                direction=card.direction if card else "",
                licence=card.licence if card else "",
                bytes=stored.bytes,
                is_bundled=stored.bundled,
                problem=stored.problem or ("" if card else "this model has no card yet"),
                facts=facts,
                sample=sample if sample.exists() else None,
                megapixels_per_second=known.get("megapixels_per_second"),
            )
        )
    say(ModelsListed(tuple(models)))


def sample(task: Task, say: Say) -> None:
    """Translate a sample picture, and measure the second time: the first one warms everything up."""
    request = task.request
    assert isinstance(request, SampleModel)
    path = resolve_model(request.model)
    kept = _sample_path(path, request.picture if request.is_users else None)
    known = _remembered(path)
    if request.is_users and kept.exists() and "megapixels_per_second" in known:
        say(ModelSampled(request.model, kept, known["megapixels_per_second"], str(known.get("running", ""))))
        return
    if request.picture is not None:
        picture = _small_copy(request.picture, request.kind, request.time_s, request.picture.stat().st_mtime_ns)
    else:
        picture = natural_picture((SAMPLE_EDGE_PX * 3 // 4, SAMPLE_EDGE_PX))
    translated, speed, running = _sampled(request, picture, task, say)
    looks.write_image(kept, translated)
    if not request.is_users:
        facts = {"megapixels_per_second": speed, "running": running}
        _facts_path(path).write_text(json.dumps(facts), encoding="utf-8")
    say(ModelSampled(request.model, kept, speed, running))


@functools.lru_cache(maxsize=1)
def _small_copy(path: Path, kind: str, time_s: float, _: int) -> looks.Image:
    """Return a picture in the size of samples; the last one is remembered, because every model is asked for its own."""
    if kind == Kind.FILM:
        picture = looks.frame_for_preview(path, time_s, short_side=None)
    else:
        picture = looks.picture_for_preview(path, short_side=None)
    return looks.shrunk(picture.as_seen(), SAMPLE_EDGE_PX)


def _sampled(request: SampleModel, picture: looks.Image, task: Task, say: Say) -> tuple[looks.Image, float, str]:
    """Return the translated picture, megapixels a second, and what ran."""
    from cgconv.runtime.translator import open_translator

    # A translator of its own: the one that previews are made with stays open.
    with open_translator(resolve_model(request.model), cancel=task.cancel, builds_engines=False) as translator:
        translated = looks.translated_for_preview(picture, translator)
        batch = np.ascontiguousarray(picture[None])
        started = time.perf_counter()
        translator.translate(batch)
        speed = picture.shape[0] * picture.shape[1] / 1e6 / max(time.perf_counter() - started, 1e-6)
        running = translator.describe()
    return translated, speed, f"{running.backend}, {running.device}, {running.precision}"


def make_sheet(task: Task, say: Say) -> None:
    """Put what all models make of pictures on one sheet."""
    from cgconv.runtime import sheet

    request = task.request
    assert isinstance(request, MakeSheet)
    image = sheet.make_sheet(
        request.pictures,
        device=request.device,
        cancel=task.cancel,
        report=lambda step, fraction: say(StepProgressed(step, fraction)),
    )
    sheet.write_sheet(request.out, image)
    say(SheetMade(request.out))


def import_model(task: Task, say: Say) -> None:
    """Bring a model in; where its name is taken and nothing is said of that, say so instead."""
    request = task.request
    assert isinstance(request, ImportModel)
    say(StepProgressed("import"))
    name = request.name or name_for(request.path)
    if is_taken(name) and request.if_taken != "replace":
        if request.if_taken != "rename":
            say(NameTaken(name, free_name(name)))
            return
        name = free_name(name)
    path = bring_in(
        request.path, name, request.value_range or None, request.bgr, part=request.part or None,
        replaces=request.if_taken == "replace",
    )  # fmt: skip
    say(ModelExported(path.stem, path))
    list_all(task, say)


def describe(task: Task, say: Say) -> None:
    """Give a model of the user's another name and texts."""
    request = task.request
    assert isinstance(request, DescribeModel)
    describe_model(request.model, new_name=request.name, title=request.title, direction=request.direction)
    list_all(task, say)


def remove(task: Task, say: Say) -> None:
    """Delete a model of the user's."""
    request = task.request
    assert isinstance(request, RemoveModel)
    remove_model(request.model)
    list_all(task, say)


def diagnose(task: Task, say: Say) -> None:
    """Say what `cgconv doctor` says."""
    from cgconv.cli.doctor import described
    from cgconv.runtime.doctor import examine

    say(Diagnosed(tuple(described(examine()))))


def measure_caches(task: Task, say: Say) -> None:
    """Say how large the caches are."""
    folder = cache_folder()
    sizes: dict[str, int] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        sizes[path.name] = _bytes_below(path)
    say(CachesMeasured(folder, sizes))


def clear_caches(task: Task, say: Say) -> None:
    """Delete what can be made again, but not what another process is just making."""
    engines = EngineCache()
    engines.clear()
    folder = cache_folder()
    for path in folder.iterdir() if folder.is_dir() else ():
        if path == engines.folder:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    measure_caches(task, say)


def halve(task: Task, say: Say) -> None:
    """Write a model in half precision into the model folder."""
    from cgconv.exporter.half import export_half

    request = task.request
    assert isinstance(request, HalveModel)
    say(StepProgressed("checking half precision against float32, picture by picture"))
    exported = export_half(resolve_model(request.model), out=models_folder(), is_cancelled=task.cancel.is_set)
    say(ModelExported(exported.path.stem, exported.path))
    list_all(task, say)


def build_engines(task: Task, say: Say) -> None:
    """Compile a model for this computer's GPU."""
    from cgconv.exporter.engine import build_engines as build

    request = task.request
    assert isinstance(request, BuildEngines)
    build(
        resolve_model(request.model),
        sizes_hw=[(height, width) for width, height in request.sizes_wh],
        report=say,
        is_cancelled=task.cancel.is_set,
    )


def _bytes_below(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return sum((Path(folder) / name).lstat().st_size for folder, _, names in os.walk(path) for name in names)


def _key(path: Path) -> str:
    stat = path.stat()
    return hashlib.sha256(os.fsencode(f"{path.absolute()}|{stat.st_size}|{stat.st_mtime_ns}")).hexdigest()[:32]


def _sample_path(path: Path, picture: Path | None = None) -> Path:
    """Return where a model's sample is kept: of the program's picture, or of a user's."""
    of_picture = f"-{_key(picture)}" if picture is not None else ""
    return cache_folder() / "samples" / f"{_key(path)}{of_picture}.jpg"


def _facts_path(path: Path) -> Path:
    return _sample_path(path).with_suffix(".json")


def _remembered(path: Path) -> dict[str, Any]:  # Any: JSON values
    try:
        found = read_json(_facts_path(path).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
