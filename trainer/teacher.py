"""Ask a teacher once for each picture, and keep what it says: a run that distills learns from that."""

from __future__ import annotations

import hashlib
import logging
import shlex
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cgconv.runtime.errors import Cancelled, CgconvError, UsageError
from cgconv.runtime.events import TeacherAsked
from cgconv.runtime.images import write_atomically
from cgconv.trainer.data.folders import pictures_in
from cgconv.trainer.data.pairs import Image, read_image, resized
from cgconv.trainer.networks.build import size_multiple

from .checkpoint import checkpoint_config, load_checkpoint
from .choices import Direction, DiscriminatorKind, RecipeName
from .config import TrainConfig

log = logging.getLogger(__name__)

RESULTS = "teacher"  # folder of a run that holds a teacher's results …
MODEL = "teacher.onnx"  # … and the file beside it that made them
ASKED_EVERY_S = 0.5  # between two events
FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]

Taught = list[tuple[Path, Path]]  # a picture, and the teacher's result of it
AskTeacher = Callable[[Image], Image]  # uint8 H×W×3 RGB, the same shape out


def ask_teacher(
    config: TrainConfig, teacher: AskTeacher | None, cancel: threading.Event
) -> Generator[TeacherAsked, None, Taught]:
    """Return a run's pictures with the teacher's results, which lie as PNG files in the run's folder.

    A result is named by the hash of teacher, size and picture, so that a run that goes on asks for what is missing
    alone, and never takes one for that of another picture. Pictures are seen as a training sees them: whole, at the
    size that the config says. Those that cannot be read are left out, with one line of warning.
    Raises UsageError where results are missing and there is no teacher; Cancelled: what it has said by then is kept.
    """
    data, multiple = config.data, size_multiple(config.generator)
    smallest_px = config.discriminator.smallest_px + config.loss.jitter
    folder = config.run.out / RESULTS
    seen_as = f"{config.teacher.sha256} {data.preprocess} {data.load} {data.crop} {multiple} {smallest_px}"
    pictures = pictures_in(data.a, largest=data.largest)
    if not pictures:
        raise UsageError(f"{data.a}: found no picture in it")

    def teach(picture: Path) -> Image:
        if teacher is None:
            raise UsageError(
                f"{folder}: the teacher's result of {picture} is missing; `cgconv distill --resume"
                f" {shlex.quote(str(config.run.out))}` makes it again"
            )
        return teacher(resized(read_image(picture), data, multiple=multiple, smallest_px=smallest_px))

    taught: Taught = []
    began = said = time.monotonic()
    asked = 0
    for number, picture in enumerate(pictures):
        if cancel.is_set():
            raise Cancelled(
                f"stopped; the teacher's results so far are kept in {folder}, and the same command continues"
            )
        try:
            digest = hashlib.sha256(seen_as.encode() + picture.read_bytes()).hexdigest()
            result = folder / f"{digest[:32]}.png"
            said_of_it = None if result.exists() else teach(picture)
        except (CgconvError, OSError) as error:
            if isinstance(error, UsageError):
                raise
            log.warning("left out: %s", error)  # policy: one bad file does not end a training
            continue
        if said_of_it is not None:
            folder.mkdir(parents=True, exist_ok=True)
            png = cv2.imencode(".png", np.ascontiguousarray(said_of_it[..., ::-1]), FAST)[1]
            write_atomically(result, png.tobytes())
            asked += 1
        taught.append((picture, result))
        now = time.monotonic()
        if asked and (now - said >= ASKED_EVERY_S or number + 1 == len(pictures)):
            said, left = now, len(pictures) - number - 1
            yield TeacherAsked(number + 1, len(pictures), seconds_left=(now - began) / asked * left)
    if not taught:
        raise UsageError(f"{data.a}: found no picture in it that can be read")
    return taught


def own_discriminator(run: Path, direction: Direction) -> dict[str, Any] | None:  # Any: tensors by name
    """Return the weights of the projected discriminator that judged a run's results; None where it has none.

    Raises ModelError, UsageError where the run cannot be read.
    """
    state = load_checkpoint(run)
    config = checkpoint_config(state)
    sees_pairs = config.recipe is RecipeName.PIX2PIX
    if config.discriminator.kind is not DiscriminatorKind.PROJECTED or sees_pairs or direction not in config.directions:
        return None
    if config.recipe is not RecipeName.CYCLEGAN:
        return state.get("discriminator")
    mark = "b." if direction is Direction.A2B else "a."
    both = state.get("discriminators", {})
    return {name.removeprefix(mark): value for name, value in both.items() if name.startswith(mark)}
