"""Bring a trained run back: its generators as functions of pictures, and test pictures as it saw its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cgconv.runtime.errors import ModelError, UsageError
from cgconv.trainer.data.folders import find_test_domains, is_picture, pairs_by_name, pictures_in
from cgconv.trainer.data.pairs import Image, Source, read_image, scaled
from cgconv.trainer.judging.evaluation import SMALLEST_SIDE_PX, Translators
from cgconv.trainer.judging.judge import translators_of
from cgconv.trainer.networks.build import Generators

from .arithmetic import find_device
from .checkpoint import checkpoint_config, load_checkpoint
from .choices import Preprocess
from .config import TrainConfig

LARGEST_SHORT_SIDE_PX = 512  # of pictures that the run saw in their own size


@dataclass(frozen=True)
class LoadedRun:
    """A run's generators as functions of pictures: `weights` by name, the averaged ones first where there are some."""

    config: TrainConfig
    images_seen: int
    weights: dict[str, Translators]


def load_run(source: Path, *, device: str = "auto") -> LoadedRun:
    """Return the generators of a run's folder or checkpoint, on auto, cpu, cuda or cuda:N.

    Raises UsageError, MissingError, ModelError.
    """
    found = find_device(device)
    state = load_checkpoint(source)
    config = checkpoint_config(state)
    weights = {}
    try:
        if config.optimizer.ema_half_life:
            average = Generators(config)
            average.load_state_dict(state["generators"])
            average.load_state_dict(state["average"], strict=False)
            weights["averaged weights"] = translators_of(average.eval().to(found), config)
        generators = Generators(config)
        generators.load_state_dict(state["generators"])
        weights["raw weights"] = translators_of(generators.eval().to(found), config)
    except (LookupError, RuntimeError, TypeError, AttributeError) as error:  # torch lists all keys that do not fit
        why = (str(error).splitlines() or [type(error).__name__])[-1].strip()[:120]
        raise ModelError(f"{source}: its weights do not fit its settings ({why})") from error
    return LoadedRun(config, state["images_seen"], weights)


def find_test_sources(data: Path, *, paired: bool) -> tuple[list[Source], list[Source]]:
    """Return the test pictures of a and b below `data`: testA and testB, test/A and test/B, or pairs side by side.

    Raises UsageError where there are none.
    """
    folder = data / "test"
    if paired and folder.is_dir() and any(is_picture(path) for path in folder.iterdir()):
        paths = pictures_in(folder)
        return [Source(path, "left") for path in paths], [Source(path, "right") for path in paths]
    a, b = find_test_domains(data)
    if paired:
        of_a, of_b = pairs_by_name(a, b)
    else:
        of_a, of_b = pictures_in(a), pictures_in(b)
    for found, where in ((of_a, a), (of_b, b)):
        if not found:
            raise UsageError(f"{where}: found no picture in it")
    return [Source(path) for path in of_a], [Source(path) for path in of_b]


def read_source(source: Source, config: TrainConfig) -> Image:
    """Return a test picture at the scale that the run learned from, its shape kept.

    Where the run resized its pictures, the short side comes to its crop, or to the 64 pixels that measures need; else
    it is left, up to 512 pixels.
    """
    image = read_image(source.path)
    if source.half:
        middle = image.shape[1] // 2
        image = image[:, :middle] if source.half == "left" else image[:, middle : 2 * middle]
    data = config.data
    short = min(image.shape[:2])
    resizes = data.load > 0 and data.preprocess not in (Preprocess.CROP, Preprocess.NONE)
    wanted = max(data.crop, SMALLEST_SIDE_PX) if resizes else min(short, LARGEST_SHORT_SIDE_PX)
    height, width = (max(wanted, round(side * wanted / short)) for side in image.shape[:2])
    return scaled(image, (height, width))
