"""Try a run on its test pictures: a page of real, translated and reconstructed pictures, and the measures."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from cgconv.runtime.errors import OutputError, UsageError
from cgconv.runtime.html_page import fill_page
from cgconv.runtime.images import write_atomically
from cgconv.trainer.choices import RecipeName
from cgconv.trainer.data.held_out import FEWEST
from cgconv.trainer.data.pairs import Image, Source, scaled
from cgconv.trainer.judging.evaluation import MEASURES, SMALLEST_SIDE_PX, Evaluation, middle_squares, spread, table
from cgconv.trainer.judging.features import Features
from cgconv.trainer.judging.judge import squares_of
from cgconv.trainer.judging.metrics import Images, mean_change
from cgconv.trainer.trained_run import LoadedRun, find_test_sources, load_run, read_source

PAGE, IMAGES, METRICS = "index.html", "images", "metrics.json"
MOST_JUDGED = 100  # pictures of a kind that the measures are taken of, evenly spread
LARGEST_SQUARE_PX = 512  # of the middle squares that they are taken of


@dataclass(frozen=True)
class Tested:
    """What came of a test: the page, the protocol in one line, and the table of each direction."""

    page: Path
    protocol: str
    tables: dict[str, str]


@dataclass
class _Row:
    """One test picture: its files and their sizes, by what they show; and middle squares, where it is judged."""

    name: str
    files: dict[str, Path]
    sizes_hw: dict[str, tuple[int, int]]
    squares: dict[str, Image]


def run_test(
    source: Path,
    data: Path,
    *,
    out: Path | None = None,
    count: int | None = None,
    features: Features | None = None,
    device: str = "auto",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tested:
    """Translate a run's test pictures both ways with the averaged weights, and write a page about it.

    `source` is a run's folder or a checkpoint; `data` holds the test split; the page lands in `out`, by default
    test-IMAGES in the run's folder. `count` takes that many of each kind, evenly spread. `progress` is told how many
    of how many pictures are done. Raises UsageError, DataError, MissingError, ModelError, OutputError.
    """
    run = load_run(source, device=device)
    folder = source if source.is_dir() else source.parent
    paired = run.config.recipe is RecipeName.PIX2PIX
    sources = find_test_sources(data, paired=paired)
    if out is not None:
        _refuse_used(out, data)
    out = out or folder / f"test-{run.images_seen:08d}"
    chosen = [[of_kind[index] for index in spread(len(of_kind), count)] for of_kind in sources]
    translators = next(iter(run.weights.values()))
    names = {"a": run.config.run.name_a, "b": run.config.run.name_b}
    try:
        (out / IMAGES).mkdir(parents=True, exist_ok=True)
        for old in (out / IMAGES).glob("*.png"):  # of an earlier test, perhaps of more pictures
            old.unlink()
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror or error})") from error

    total = len(chosen[0]) * (translators.ab is not None) + len(chosen[1]) * (translators.ba is not None)
    done = 0
    rows: dict[str, list[_Row]] = {}
    for side, (direction, there, back) in enumerate(
        (("ab", translators.ab, translators.ba), ("ba", translators.ba, translators.ab))
    ):
        if there is None:
            continue
        rows[direction], taken = [], set[str]()
        judged = set(spread(len(chosen[side]), MOST_JUDGED))
        for number, one in enumerate(chosen[side]):
            shown = {f"real {direction[0]}": read_source(one, run.config)}
            real = shown[f"real {direction[0]}"]
            shown[f"fake {direction[1]}"] = there(real[None])[0]
            if back is not None:
                shown[f"back {direction[0]}"] = back(shown[f"fake {direction[1]}"][None])[0]
            if paired:
                shown[f"real {direction[1]}"] = scaled(
                    read_source(chosen[1 - side][number], run.config), real.shape[:2]
                )
            name = _free_name(one.path.stem, taken)
            files = {what: out / IMAGES / f"{name} {what}.png" for what in shown}
            for what, file in files.items():
                data_of_file = cv2.imencode(".png", cv2.cvtColor(shown[what], cv2.COLOR_RGB2BGR))[1]
                write_atomically(file, data_of_file.tobytes())
            sizes_hw = {what: (image.shape[0], image.shape[1]) for what, image in shown.items()}
            squares = {what: _square(image) for what, image in shown.items()} if number in judged else {}
            rows[direction].append(_Row(name, files, sizes_hw, squares))
            done += 1
            progress(done, total)

    evaluation, tables, measures = _judged(rows, chosen, run, paired, features, split=f"the test pictures of {data}")
    protocol = evaluation.protocol() if evaluation is not None else _unmeasured(chosen)
    listing = {"images_seen": run.images_seen, "protocol": protocol, "measures": measures}
    write_atomically(out / METRICS, (json.dumps(listing, indent=1) + "\n").encode())
    page = _page(out, folder.resolve().name, run.images_seen, names, rows, measures, protocol)
    write_atomically(out / PAGE, page.encode("utf-8", "replace"))
    return Tested(out / PAGE, protocol, tables)


def _refuse_used(out: Path, data: Path) -> None:
    """Refuse a folder of pictures, and one that holds anything but an earlier page."""
    whole = out.resolve()
    pictures = [data / name for name in ("testA", "testB", "test", "trainA", "trainB", "train", "valA", "valB", "val")]
    if whole == data.resolve() or any(whole.is_relative_to(folder.resolve()) for folder in pictures):
        raise UsageError(f"--out {out}: the page would be among the pictures of {data}; name another folder")
    there = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if there and not {METRICS} <= there <= {METRICS, PAGE, IMAGES}:
        raise UsageError(f"--out {out}: holds other files already; name another folder")


def _judged(
    rows: Mapping[str, list[_Row]],
    chosen: Sequence[Sequence[Source]],
    run: LoadedRun,
    paired: bool,
    features: Features | None,
    *,
    split: str,
) -> tuple[Evaluation | None, dict[str, str], dict[str, dict[str, dict[str, float]]]]:
    """Return the evaluation, a table and the measures of each direction, of the middle squares of what was shown."""
    config = run.config
    reals: dict[str, list[Image]] = {}
    for side, kind in enumerate("ab"):
        mine = rows.get("ab" if kind == "a" else "ba")
        places = spread(len(chosen[side]), MOST_JUDGED)
        if mine is not None:
            reals[kind] = [mine[place].squares[f"real {kind}"] for place in places]
        else:
            reals[kind] = [_square(read_source(chosen[side][place], config)) for place in places]
    side_px = min(min(image.shape[:2]) for images in reals.values() for image in images)
    if side_px < SMALLEST_SIDE_PX or min(len(images) for images in reals.values()) < FEWEST:
        return None, {}, {}
    channels = {"a": config.generator.channels_in, "b": config.generator.channels_out}
    squares = {kind: squares_of(images, side_px, channels=channels[kind]) for kind, images in reals.items()}
    evaluation = Evaluation(squares["a"], squares["b"], paired=paired, features=features, split=split)
    tables, measures = {}, {}
    for direction, of_direction in rows.items():
        places = spread(len(of_direction), MOST_JUDGED)

        def cut(what: str, of_direction: list[_Row] = of_direction, places: list[int] = places) -> Images:
            return squares_of([of_direction[place].squares[what] for place in places], side_px)

        found = {
            "not translated": {
                name.removeprefix(f"inputs.{direction}."): value
                for name, value in evaluation.inputs().items()
                if name.startswith(f"inputs.{direction}.")
            },
            "color transfer (Reinhard)": evaluation.color_transfer(direction),
            "translated": evaluation.measure_images(cut(f"fake {direction[1]}"), direction),
        }
        if f"back {direction[0]}" in of_direction[0].squares:
            found["translated"]["cycle"] = mean_change(cut(f"back {direction[0]}"), squares[direction[0]])
        tables[direction], measures[direction] = table(found), found
    return evaluation, tables, measures


def _unmeasured(chosen: Sequence[Sequence[Source]]) -> str:
    a, b = (len(of_kind) for of_kind in chosen)
    return f"no measures of {a} and {b} pictures: they take {FEWEST} of each kind, of {SMALLEST_SIDE_PX} pixels or more"


def _square(image: Image) -> Image:
    return np.ascontiguousarray(middle_squares([image], min(*image.shape[:2], LARGEST_SQUARE_PX))[0])


def _free_name(stem: str, taken: set[str]) -> str:
    """Return a file name for a picture that no other one of this page has, on any disk."""
    name, number = stem, 2
    while name.casefold() in taken:
        name, number = f"{stem}-{number}", number + 1
    taken.add(name.casefold())
    return name


def _page(
    out: Path,
    run: str,
    images_seen: int,
    names: Mapping[str, str],
    rows: Mapping[str, Sequence[_Row]],
    measures: Mapping[str, Mapping[str, Mapping[str, float]]],
    protocol: str,
) -> str:
    parts = []
    for direction, of_direction in rows.items():
        source, target = (names[kind] for kind in direction)
        labels = {
            f"real {direction[0]}": source,
            f"fake {direction[1]}": f"→ {target}",
            f"back {direction[0]}": f"back to {source}",
            f"real {direction[1]}": f"wanted {target}",
        }
        parts.append(f"<h2>{html.escape(source)} → {html.escape(target)}</h2>")
        if direction in measures:
            parts.append(_table(measures[direction]))
        parts.append(f'<div class="rows">{"".join(_figure(row, labels, out) for row in of_direction)}</div>')
    values = {
        "title": f"{html.escape(run)}: test",
        "run": html.escape(run),
        "state": f"after {images_seen:,} images",
        "protocol": html.escape(protocol),
        "body": "\n".join(parts),
    }
    return fill_page(Path(__file__).with_name("translated_page.html"), values)


def _figure(row: _Row, labels: Mapping[str, str], out: Path) -> str:
    cells = []
    for what, file in row.files.items():
        link = quote(file.relative_to(out).as_posix())
        height, width = row.sizes_hw[what]
        label = html.escape(labels[what])
        cells.append(
            f'<a href="{link}"><img src="{link}" alt="{label}" width="{width}" height="{height}" loading="lazy">'
            f"<span>{label}</span></a>"
        )
    return f'<figure><div class="cells">{"".join(cells)}</div><figcaption>{html.escape(row.name)}</figcaption></figure>'


def _table(measures: Mapping[str, Mapping[str, float]]) -> str:
    columns = {head: how for head, how in MEASURES.items() if any(how[0] in found for found in measures.values())}
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    lines = [f"<tr><td></td>{head}</tr>"]
    for name, found in measures.items():
        cells = "".join(f"<td>{format(found[key], how) if key in found else ''}</td>" for key, how in columns.values())
        lines.append(f"<tr><th>{html.escape(name)}</th>{cells}</tr>")
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'
