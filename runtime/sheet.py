"""Put what several models make of the same pictures on one labeled sheet, to choose a model from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import Cancelled, ModelError, PictureError, UsageError
from .images import REQUESTABLE, FileFormat, Picture, encode_picture, format_of_suffix, write_atomically
from .models.store import list_models, resolve_model
from .opencv import cv2
from .preview import picture_for_preview, shrunk, translated_for_preview

Image = NDArray[np.uint8]  # H×W×3 RGB

EDGE_PX = 512
WHITE, INK = 255, (32, 32, 32)
WIDE = 1.5  # width over height that a sheet of one picture comes near to
SMALLEST_TEXT_PX = 11
SMALLEST_CELL_PX = 160  # wide: a label is to be readable over a tiny picture, too


class LeftOut(NamedTuple):
    """Why pictures and models are not on a sheet, a sentence each."""

    pictures: list[str]
    models: list[str]


def make_sheet(
    pictures: Sequence[Path],
    models: Sequence[str] = (),
    *,
    edge_px: int = EDGE_PX,
    device: str = "auto",
    report: Callable[[str, float], None] = lambda step, fraction: None,
    cancel: threading.Event | None = None,
    left_out: LeftOut | None = None,
) -> Image:
    """Return one image: each picture as it is, and what each model makes of it at that size, under their names.

    `models` are names or files; without any it is all that have a name, and what cannot be opened is left out. Pictures
    larger than `edge_px` are shrunk to it before they are translated, so strokes are as wide as in a picture of that
    size. One picture fills a grid, several a row each. `report` hears what is done now, and the fraction done;
    `left_out` gets why pictures and models are not on the sheet: without it, a picture that cannot be read is an error.

    Raises:
        UsageError: no picture, no such model, or none that can be used. PictureError, ModelError: of those named.
        Cancelled: `cancel` was set.
    """
    if not pictures:
        raise UsageError("the sheet needs at least one picture")
    told = LeftOut([], []) if left_out is None else left_out
    paths = [resolve_model(model) for model in models]
    for stored in list_models() if not models else ():
        if stored.problem is None:
            paths.append(stored.path)
        else:
            told.models.append(stored.problem)
    rows: list[list[tuple[str, Image]]] = []
    for picture in pictures:
        try:
            original = shrunk(picture_for_preview(picture, short_side=None).as_seen(), edge_px)
        except PictureError as error:
            if left_out is None or (picture == pictures[-1] and not rows):
                raise
            told.pictures.append(str(error))
        else:
            rows.append([(picture.name, original)])
    originals = [row[0][1] for row in rows]
    for number, path in enumerate(paths):
        report(path.stem, number / len(paths))
        try:
            results = _results(path, originals, device, cancel)
        except ModelError as error:
            if models:
                raise
            told.models.append(str(error))
            continue
        for row, result in zip(rows, results, strict=True):
            row.append((path.stem, result))
    if len(rows[0]) == 1:
        raise UsageError("no model can be used for the sheet; cgconv models list shows why")
    return draw_sheet(rows, edge_px=edge_px)


def sheet_format(path: Path) -> FileFormat:
    """Return the format that a sheet of this name is written in. Raises UsageError where that is none."""
    file_format = format_of_suffix(path)
    if file_format is None or file_format not in REQUESTABLE:
        raise UsageError(f"{path}: a sheet is a picture; name it .jpg or .png")
    return file_format


def write_sheet(path: Path, sheet: Image) -> None:
    """Write a sheet, whole or not at all. Raises UsageError, OutputError."""
    write_atomically(path, encode_picture(Picture(sheet), file_format=sheet_format(path), quality=92))


def draw_sheet(rows: Sequence[Sequence[tuple[str, Image]]], *, edge_px: int = EDGE_PX) -> Image:
    """Return an image of labeled pictures: one row's in a grid of about 3:2, several rows' as they are given."""
    if len(rows) == 1:
        rows = _wrapped(rows[0])
    gap = max(4, edge_px // 40)
    widths = [
        max(SMALLEST_CELL_PX, *(row[column][1].shape[1] for row in rows if column < len(row)))
        for column in range(max(map(len, rows)))
    ]
    text_px = max(14, edge_px // 20)
    bands = [_band(row, widths, gap, text_px) for row in rows]
    return np.pad(np.concatenate(bands), ((gap, 0), (gap, 0), (0, 0)), constant_values=WHITE)


def _results(path: Path, originals: Sequence[Image], device: str, cancel: threading.Event | None) -> list[Image]:
    from .translator import open_translator

    results = []
    with open_translator(path, device=device, cancel=cancel, builds_engines=False) as translator:  # one picture each
        for original in originals:
            if cancel is not None and cancel.is_set():
                raise Cancelled("stopped before the sheet was finished")
            result = translated_for_preview(original, translator)
            results.append(shrunk(result, max(original.shape[:2])))  # an upscaler's is larger
    return results


def _wrapped(cells: Sequence[tuple[str, Image]]) -> list[Sequence[tuple[str, Image]]]:
    """Return the cells in rows of one length, the last one shorter, so that the whole is about 3:2."""
    height, width = cells[0][1].shape[:2]

    def off(columns: int) -> float:
        rows = -(-len(cells) // columns)
        shape: float = columns * width / (rows * height)
        return max(shape / WIDE, WIDE / shape) + 0.1 * (rows * columns - len(cells))

    columns = min(range(1, len(cells) + 1), key=off)
    return [cells[start : start + columns] for start in range(0, len(cells), columns)]


def _band(row: Sequence[tuple[str, Image]], widths: Sequence[int], gap: int, text_px: int) -> Image:
    """Return a row of pictures under their labels, on white."""
    label_px = text_px * 3 // 2
    height = label_px + max(image.shape[0] for _, image in row) + gap
    band = np.full((height, sum(widths) + gap * len(widths), 3), WHITE, np.uint8)
    left = 0
    for (label, image), width in zip(row, widths, strict=False):
        _write(band[:label_px, left : left + width], label, text_px)
        band[label_px : label_px + image.shape[0], left : left + image.shape[1]] = image
        left += width + gap
    return band


def _write(strip: NDArray[Any], text: str, text_px: int) -> None:  # Any: uint8; OpenCV's stubs want no more
    """Write a label into a strip: smaller where it is too long, and shortened where that is not enough."""
    font = cv2.FontFace("sans")
    width, px = strip.shape[1], text_px
    while px > SMALLEST_TEXT_PX and _width(text, font, px) > width:
        px -= 1
    shown = text
    while len(shown) > 1 and _width(shown, font, px) > width:
        shown = shown[: len(shown.rstrip("…")) - 1] + "…"
    canvas = np.ascontiguousarray(strip)  # OpenCV writes into whole arrays alone
    cv2.putText(canvas, shown, (0, strip.shape[0] - text_px // 2), INK, font, px)
    strip[:] = canvas


def _width(text: str, font: cv2.FontFace, px: int) -> int:
    left, _, width, _ = cv2.getTextSize((10_000, 100), text, (0, 50), font, px)
    return int(left + width)
