"""Make a small model of a large one: put the teacher into the run's folder, choose the student, compare the two."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from cgconv.runtime.errors import CgconvError, ModelError, UsageError
from cgconv.runtime.events import StudentCompared
from cgconv.runtime.images import write_atomically
from cgconv.runtime.models.card import ModelCard
from cgconv.runtime.translator import Translator, open_translator
from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint
from cgconv.trainer.choices import Direction, Preprocess
from cgconv.trainer.config import NOWHERE, TeacherConfig, TrainConfig
from cgconv.trainer.data.folders import pictures_in, refuse_nested
from cgconv.trainer.data.held_out import FEWEST
from cgconv.trainer.data.pairs import Image, read_image, resized
from cgconv.trainer.judging.evaluation import spread, table
from cgconv.trainer.judging.features import content, kid, see
from cgconv.trainer.judging.judge import judged_side_px, squares_of
from cgconv.trainer.judging.metrics import Images, psnr, ssim
from cgconv.trainer.networks.build import size_multiple
from cgconv.trainer.networks.compact import multiply_adds_per_pixel
from cgconv.trainer.teacher import MODEL
from cgconv.trainer.train import refuse_used

from .export import CardText, export
from .sources import model_file

SHARE = 0.2  # of the teacher's products that a student's width is chosen for
WIDTHS = range(64, 8, -8)
USUAL_WIDTH = 32  # where it is not known what the teacher costs
TABLE = "comparison.md"
MOST_COMPARED = 200  # pictures of a kind


def begin(
    config: TrainConfig,
    source: Path,
    *,
    pictures: Path | None,
    targets: Path | None,
    direction: Direction | None,
    chooses_width: bool,
) -> tuple[TrainConfig, Translator]:
    """Put the model that `source` names, or makes, into the run's folder; return the whole config, and that model open.

    `source` is a model's name or file, a run's folder or a checkpoint. Of a run, `pictures` and `targets` may be its
    own; of one that learned both ways, `direction` says which one teaches. With `chooses_width` the student is the
    widest, from 64 channels down to 16, that takes at most a fifth of the teacher's products.
    Raises UsageError, ModelError, OutputError.
    """
    out = config.run.out
    refuse_used(out)
    model = model_file(source)
    if model is not None:
        if direction is not None:
            raise UsageError(
                f"--direction {direction} works only with runs; {model} translates in one direction only, leave it out"
            )
        taught = TeacherConfig(name=model.stem)
    else:
        run = checkpoint_config(load_checkpoint(source))
        if direction is None and len(run.directions) > 1:
            raise UsageError(f"{source}: learned both ways; name the one that teaches: --direction a2b, or b2a")
        direction = direction or run.directions[0]
        read, made = (run.data.a, run.data.b) if direction is Direction.A2B else (run.data.b, run.data.a)
        pictures = pictures or read
        if targets is None and made.is_dir() and made != read:
            targets = made
        folder = source if source.is_dir() else source.parent
        own = str(source.absolute()) if targets is not None else ""
        taught = TeacherConfig(name=folder.resolve().name, discriminator=own, direction=direction)
    if pictures is None:
        raise UsageError(f"{source}: name the pictures to learn from: --data PICTURES")
    for folder in (pictures, *([targets] if targets else [])):
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder")
    refuse_nested(out, pictures, targets or pictures, paired=targets is None)
    if model is not None:
        write_atomically(out / MODEL, model.read_bytes())
    else:
        export(source, direction=direction, out=out / MODEL, name=taught.name, exists_ok=True)
    weights = config.teacher
    taught = replace(taught, sha256=_sha256(out / MODEL), structure=weights.structure, perceived=weights.perceived)
    config = replace(config, teacher=taught, data=replace(config.data, a=pictures, b=targets or NOWHERE))
    teacher = open_teacher(config)
    try:
        return _fitting(config, teacher, chooses_width=chooses_width), teacher
    except BaseException:
        teacher.close()
        raise


def open_teacher(config: TrainConfig) -> Translator:
    """Open the teacher of a run. Raises UsageError, ModelError where it is not the one that the run began with."""
    path, name = config.run.out / MODEL, config.teacher.name
    if not path.is_file():
        raise UsageError(f"{path}: the teacher is missing; put its file back, or begin anew with another --out")
    if _sha256(path) != config.teacher.sha256:
        raise ModelError(f"{path}: is not the teacher that this run began with; put that one back, or begin anew")
    translator = _open(path, config)
    if translator.card.scale != 1:
        translator.close()
        raise UsageError(
            f"{name}: makes pictures {translator.card.scale} times as large, but a student makes them as large as they"
            " are; take another teacher"
        )
    return translator


def _fitting(config: TrainConfig, teacher: Translator, *, chooses_width: bool) -> TrainConfig:
    """Return the config with what the teacher decides: the student's width, its pictures' size and name."""
    card, generator, data, run = teacher.card, config.generator, config.data, config.run
    if chooses_width:
        wanted = SHARE * teacher.multiply_adds_per_pixel()
        fitting = [one for one in WIDTHS if multiply_adds_per_pixel(replace(generator, width=one)) <= wanted]
        generator = replace(generator, width=next(iter(fitting), min(WIDTHS)) if wanted else USUAL_WIDTH)
    if card.fixed_size_hw is not None:  # whole pictures, squeezed into what it takes
        side = min(card.fixed_size_hw) // 4 * 4
        data = replace(
            data, preprocess=Preprocess.RESIZE_AND_CROP, load=min(data.load, side), crop=min(data.crop, side)
        )
    if (run.name_a, run.name_b) == ("a", "b"):
        names = [part.strip() for part in card.direction.split("→")]
        a, b = names if len(names) == 2 and all(names) else ("picture", config.teacher.name)
        run = replace(run, name_a=a, name_b=b)
    return replace(config, generator=generator, data=data, run=run)


def finish(config: TrainConfig, teacher: Translator) -> StudentCompared:
    """Export the student into its run's folder, and return how it and the teacher do on pictures that were held out.

    Raises ModelError, OutputError, UsageError.
    """
    out, card = config.run.out, teacher.card
    text = CardText(licence=card.licence, data=f"results of {config.teacher.name}" + _of(card))
    (exported,) = export(out, direction=Direction.A2B, text=text, exists_ok=True)
    with _open(exported.path, config) as student:
        protocol, measures = _compare(config, teacher, student)
    write_atomically(out / TABLE, f"{protocol}\n\n{table(measures)}\n".encode())
    return StudentCompared(exported.path, protocol, measures)


def _of(card: ModelCard) -> str:
    return f", which was trained on: {card.data}" if card.data else ""


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _open(path: Path, config: TrainConfig) -> Translator:
    return open_translator(path, device=config.run.device, threads=config.run.threads or None, builds_engines=False)


def _compare(config: TrainConfig, teacher: Translator, student: Translator) -> tuple[str, dict[str, dict[str, float]]]:
    """Return what the measures hold for, and they: of nothing, the teacher and the student."""
    squares, split = _judged(config)
    targets = _targets(config, squares.shape[1])
    names = (f"{config.teacher.name} (teacher)", f"{student.card.name} (student)")
    results, milliseconds = _in_turns((teacher, student), squares)
    seen, seen_targets = see(squares), None if targets is None else see(targets)[0]
    rows: dict[str, dict[str, float]] = {}
    if seen_targets is not None:
        rows["not translated"] = dict(zip(("kid", "kid_deviation"), kid(seen[0], seen_targets), strict=True))
    for at, translator in enumerate((teacher, student)):
        values, maps = see(results[at])
        row = {} if seen_targets is None else {"kid": kid(values, seen_targets)[0]}
        row["content"] = content(maps, seen[1])
        row["billion_products"] = translator.multiply_adds_per_pixel() * squares[0, ..., 0].size / 1e9
        row["milliseconds"] = milliseconds[at]
        rows[names[at]] = row
    rows[names[1]] |= {"psnr": psnr(results[1], results[0]), "ssim": ssim(results[1], results[0])}
    run = [f"{one.precision} by {one.backend}" for one in (teacher.describe(), student.describe())]
    protocol = [f"{len(squares)} pictures of {config.data.a}, {squares.shape[2]}×{squares.shape[1]}, {split}"]
    if targets is not None:
        protocol.append(f"KID × 1000 to {len(targets)} pictures of {config.data.b}, by EfficientNet-lite1")
    protocol += [
        "PSNR (dB) and SSIM to the teacher's results",
        f"time: the median of one in turns, {' and '.join(run)}",
    ]
    return "; ".join(protocol), rows


def _judged(config: TrainConfig) -> tuple[Images, str]:
    """Return the middle squares of the pictures that a run held out, else of those it learned from; which, in words."""
    data, multiple = config.data, size_multiple(config.generator)
    held = load_checkpoint(config.run.out).get("held_out") or {}
    paths = [path for path in (data.a / name for name in held.get("a", [])) if path.is_file()]
    split = "held out of the training"
    if len(paths) < FEWEST:
        paths, split = pictures_in(data.a, largest=data.largest), "which the student has learned from"
    paths = [paths[index] for index in spread(len(paths), MOST_COMPARED)]
    images = [resized(image, data, multiple=multiple) for image in _readable(paths)]
    return squares_of(images, judged_side_px(images, config)), split


def _targets(config: TrainConfig, side_px: int) -> Images | None:
    """Return the middle squares of pictures of the wanted kind; None where there are none, or too few."""
    if config.data.b == NOWHERE:
        return None
    paths = pictures_in(config.data.b, largest=config.data.largest)
    images = list(_readable([paths[index] for index in spread(len(paths), MOST_COMPARED)]))
    resized_images = [resized(image, config.data, multiple=size_multiple(config.generator)) for image in images]
    return squares_of(resized_images, side_px) if len(images) >= FEWEST else None


def _readable(paths: list[Path]) -> Iterator[Image]:
    for path in paths:
        with contextlib.suppress(CgconvError):  # policy: the training has said what cannot be read
            yield read_image(path)


def _in_turns(translators: tuple[Translator, Translator], squares: Images) -> tuple[list[Images], list[float]]:
    """Return what each makes of the pictures, and the median of its milliseconds a picture.

    One picture after the other by both, so that whatever else the machine does slows both.
    """
    made: tuple[list[Image], list[Image]] = ([], [])
    seconds: tuple[list[float], list[float]] = ([], [])
    for square in squares:
        for at, translator in enumerate(translators):
            began = time.perf_counter()
            made[at].append(translator.translate(square[None])[0])
            seconds[at].append(time.perf_counter() - began)
    return [np.stack(one) for one in made], [1000 * float(np.median(one)) for one in seconds]
