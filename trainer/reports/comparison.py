"""Measure a model or a run on the test pictures of a data set, beside what does not translate."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from cgconv.runtime.errors import DataError, UsageError
from cgconv.trainer.choices import Direction, RecipeName
from cgconv.trainer.data.folders import pictures_in
from cgconv.trainer.data.held_out import FEWEST
from cgconv.trainer.data.pairs import Image, Source, read_image
from cgconv.trainer.judging.evaluation import (
    SMALLEST_SIDE_PX,
    Evaluation,
    Translate,
    Translators,
    middle_squares,
    spread,
    table,
)
from cgconv.trainer.judging.features import Features
from cgconv.trainer.judging.judge import judged_side_px, squares_of
from cgconv.trainer.trained_run import find_test_sources, load_run, read_source

LARGEST_SIDE_PX = 512
SIDES = {"ab": "a → b", "ba": "b → a"}


@dataclass(frozen=True)
class Comparison:
    """Measures by direction (ab, ba), row and measure, and the protocol that they hold for."""

    protocol: str
    measures: dict[str, dict[str, dict[str, float]]]

    def text(self) -> str:
        """Return the protocol and a Markdown table for each direction."""
        parts = [self.protocol]
        for direction, rows in self.measures.items():
            parts.append(f"{SIDES[direction]}\n\n{table(rows)}")
        return "\n\n".join(parts)


def comparison_as_json(comparison: Comparison) -> str:
    """Return the comparison as one JSON object."""
    return json.dumps(asdict(comparison), ensure_ascii=False, indent=1)


def compare_run(
    source: Path,
    data: Path,
    *,
    direction: str | None,
    paired: bool,
    count: int | None,
    features: Features | None,
    device: str = "auto",
) -> Comparison:
    """Measure a run's or a checkpoint's weights, averaged and raw, on the test pictures below `data`."""
    run = load_run(source, device=device)
    paired = paired or run.config.recipe is RecipeName.PIX2PIX
    wanted = [one for one in run.config.directions if direction in (None, one)]
    if not wanted:
        raise UsageError(f"--direction {direction}: {source} learned only {run.config.directions[0]}")
    images = [[read_source(one, run.config) for one in kind] for kind in _chosen(data, paired, count)]
    side_px = judged_side_px([image for kind in images for image in kind], run.config)
    channels = (run.config.generator.channels_in, run.config.generator.channels_out)
    real_a, real_b = (squares_of(kind, side_px, channels=n) for kind, n in zip(images, channels, strict=True))
    evaluation = Evaluation(real_a, real_b, paired=paired, features=features, split=_split(data))
    train = _train_pictures(data, lambda path: read_source(Source(path), run.config))
    others = {kind: squares_of(found, side_px, channels=channels["ab".index(kind)]) for kind, found in train.items()}
    rows = {_short(one): _baselines(evaluation, _short(one), others) for one in wanted}
    for name, translators in run.weights.items():
        found = evaluation.measure(translators)
        for one, of_direction in rows.items():
            of_direction[name] = {k.removeprefix(f"{one}."): v for k, v in found.items() if k.startswith(f"{one}.")}
    return Comparison(evaluation.protocol(), {one: _floor_last(of_direction) for one, of_direction in rows.items()})


def compare_model(
    translate: Translate,
    name: str,
    data: Path,
    *,
    direction: str | None,
    paired: bool,
    count: int | None,
    features: Features | None,
) -> Comparison:
    """Measure a model, given as a function of pictures, on the test pictures below `data`.

    Raises UsageError where no direction is given: a model's file need not say which folder's pictures it takes.
    """
    if direction not in list(Direction):
        raise UsageError(f"{name} does not say which way it translates; add --direction a2b or --direction b2a")
    images = [[read_image(one.path) for one in kind] for kind in _chosen(data, paired, count)]
    shortest = min(min(image.shape[:2]) for kind in images for image in kind)
    side_px = max(SMALLEST_SIDE_PX, min(shortest, LARGEST_SIDE_PX) // 4 * 4)
    real_a, real_b = (middle_squares(kind, side_px) for kind in images)
    evaluation = Evaluation(real_a, real_b, paired=paired, features=features, split=_split(data))

    def one_by_one(squares: Image) -> Image:
        translated = [translate(square[None])[0] for square in squares]
        if translated[0].shape != squares[0].shape:
            raise DataError(
                f"{name}: turns {squares.shape[1:3]} into {translated[0].shape[:2]}; measures need one size"
            )
        return middle_squares(translated, side_px)

    short = _short(Direction(direction))
    others = {kind: middle_squares(found, side_px) for kind, found in _train_pictures(data, read_image).items()}
    rows = _baselines(evaluation, short, others)
    translators = Translators(one_by_one) if short == "ab" else Translators(None, one_by_one)
    rows[name] = {k.removeprefix(f"{short}."): v for k, v in evaluation.measure(translators).items()}
    return Comparison(evaluation.protocol(), {short: _floor_last(rows)})


def _chosen(data: Path, paired: bool, count: int | None) -> list[list[Source]]:
    if count is not None and count < FEWEST:
        raise UsageError(f"--count: found {count}, expected at least {FEWEST}")
    sources = find_test_sources(data, paired=paired)
    return [[kind[index] for index in spread(len(kind), count)] for kind in sources]


def _baselines(evaluation: Evaluation, direction: str, others: dict[str, Image]) -> dict[str, dict[str, float]]:
    """Return the rows of what needs no translator."""
    own = {
        name.removeprefix(f"inputs.{direction}."): value
        for name, value in evaluation.inputs().items()
        if name.startswith(f"inputs.{direction}.")
    }
    rows = {"not translated": own, "color transfer (Reinhard)": evaluation.color_transfer(direction)}
    if direction[1] in others:
        rows["other real pictures"] = evaluation.others(others[direction[1]], direction)
    return rows


def _train_pictures(data: Path, read: Callable[[Path], Image]) -> dict[str, list[Image]]:
    """Return training pictures of each kind where they lie beside the test pictures, read as those: for the floor."""
    found = {}
    for kind, names in (("a", ("trainA", "train/A")), ("b", ("trainB", "train/B"))):
        for name in names:
            paths = pictures_in(data / name) if (data / name).is_dir() else []
            if len(paths) >= FEWEST:
                found[kind] = [read(paths[index]) for index in spread(len(paths), 40)]
    return found


def _floor_last(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    floor = "other real pictures"
    return {name: rows[name] for name in sorted(rows, key=lambda one: one == floor)}


def _short(direction: Direction) -> str:
    return "ab" if direction is Direction.A2B else "ba"


def _split(data: Path) -> str:
    return f"the test pictures of {data}"
