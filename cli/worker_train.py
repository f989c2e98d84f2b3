"""What the worker does for a window's training: checks the data, trains, exports what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cgconv.runtime.errors import CgconvError, UsageError
from cgconv.runtime.events import DataChecked, ModelExported, StepProgressed
from cgconv.runtime.find import Kind, find_files
from cgconv.runtime.images import picture_size_hw
from cgconv.runtime.requests import CheckData, ExportRun, Train
from cgconv.runtime.store import models_folder

from .extras import needs_extra
from .worker import Say, Task

if TYPE_CHECKING:
    from cgconv.trainer.config import TrainConfig

FEW_PICTURES = 50  # below this a training has little to learn from
SMALL_SIDE_PX = 128
LOOKED_AT = 400  # headers read of each folder


def check_data(task: Task, say: Say) -> None:
    """Count the pictures of two folders and say what should be known before a training."""
    request = task.request
    assert isinstance(request, CheckData)
    counts, findings = [], []
    names: list[set[tuple[str, int]]] = []
    for label, folder in (("A", request.a), ("B", request.b)):
        if not folder.is_dir():
            say(DataChecked(0, 0, problem=f"{folder}: there is no such folder"))
            return
        paths = [file.path for file in find_files([folder], Kind.PICTURE).files]
        counts.append(len(paths))
        names.append({(path.name, path.stat().st_size) for path in paths})
        findings += [f"{label}: {finding}" for finding in _findings(paths)]
    if request.a.resolve() == request.b.resolve():
        say(DataChecked(counts[0], counts[1], problem="both are the same folder"))
        return
    if not all(counts):
        empty = request.b if counts[0] else request.a
        say(DataChecked(counts[0], counts[1], problem=f"{empty}: no pictures in this folder"))
        return
    if shared := len(names[0] & names[1]):
        findings.append(f"{shared} pictures are in both folders")
    say(DataChecked(counts[0], counts[1], tuple(findings)))


def _findings(paths: Sequence[Path]) -> list[str]:
    findings = []
    if 0 < len(paths) < FEW_PICTURES:
        findings.append(f"only {len(paths)} pictures; a few hundred learn much better")
    unreadable, small = [], 0
    for path in paths[:: max(1, len(paths) // LOOKED_AT)]:
        try:
            small += min(picture_size_hw(path)) < SMALL_SIDE_PX
        except CgconvError:
            unreadable.append(path.name)
    if unreadable:
        findings.append(f"{len(unreadable)} cannot be read and will be left out, {unreadable[0]} among them")
    if small:
        findings.append(f"{small} are smaller than {SMALL_SIDE_PX} pixels")
    return findings


def train(task: Task, say: Say) -> None:
    """Train, or go on with a run."""
    request = task.request
    assert isinstance(request, Train)
    with needs_extra("train", "training"):
        from cgconv.trainer.train import train as run_training
    config = _resumed(request) if request.resume else _config(request)
    for event in run_training(config, task.cancel, resume=request.resume):
        say(event)


def _config(request: Train) -> TrainConfig:
    from cgconv.trainer.config import config_from_dict

    values: dict[str, dict[str, Any]] = {}  # Any: the trainer makes its own types of them
    for dotted, value in request.settings:
        section, _, name = dotted.partition(".")
        if not name:
            raise UsageError(f"{dotted}: a setting is named section.name")
        values.setdefault(section, {})[name] = value
    config: TrainConfig = config_from_dict(values)
    return replace(
        config,
        data=replace(config.data, a=request.a, b=request.b),
        run=replace(config.run, out=request.out, name_a=request.name_a, name_b=request.name_b),
    )


def _resumed(request: Train) -> TrainConfig:
    from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint

    config = checkpoint_config(load_checkpoint(request.out))
    return replace(config, run=replace(config.run, out=request.out))


def export_run(task: Task, say: Say) -> None:
    """Make a model of a run, in the model folder."""
    request = task.request
    assert isinstance(request, ExportRun)
    say(StepProgressed("exporting"))
    with needs_extra("train", "exporting"):
        from cgconv.exporter.export import CardText, Direction, export
    name, number = request.name, 1
    while (target := models_folder() / f"{name}.onnx").exists():
        number += 1
        name = f"{request.name}-{number}"
    target.parent.mkdir(parents=True, exist_ok=True)
    (exported,) = export(
        request.run, direction=Direction(request.direction), out=target, name=name, text=CardText(title=request.title)
    )
    say(ModelExported(name, exported.path))
