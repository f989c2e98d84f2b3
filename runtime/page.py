"""Write a page that shows originals and results with a divider between them, and opens from disk."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from .errors import CgconvError
from .events import counted
from .find import FILM_SUFFIXES
from .html_page import fill_page
from .images import picture_size_hw, read_first_picture, write_atomically

Image = npt.NDArray[Any]  # Any: uint8

SHOWN_BY_BROWSERS = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp"})
PLAYED_BY_BROWSERS = frozenset({".mp4", ".m4v", ".mov", ".webm"})
PREVIEW_EDGE_PX = 1280  # longest edge of what is embedded for files that browsers cannot show


def write_page(pairs: Sequence[tuple[Path, Path]], path: Path, title: str) -> None:
    """Write an HTML page of (original, result) pairs: pictures, films, or both, in their order.

    The page links to the files by relative paths, loads nothing from a network, and holds no copy of them, but for
    small previews of what browsers cannot show (TIFF, HEIC, MKV). Move it together with the files.

    Raises:
        OutputError: the page cannot be written.
    """
    figures = "\n".join(_figure(before, after, path.absolute().parent) for before, after in pairs)
    count = counted(len(pairs), "pair")
    values = {"title": html.escape(title), "count": count, "figures": figures}
    document = fill_page(Path(__file__).with_name("page.html"), values)
    write_atomically(path, document.encode("utf-8", "replace"))


def _figure(before: Path, after: Path, page_folder: Path) -> str:
    height, width = _size_hw(after)
    is_film = _is_film(before) and _is_film(after)
    plays = is_film and all(path.suffix.lower() in PLAYED_BY_BROWSERS for path in (before, after))
    name = html.escape(after.name.encode("utf-8", "replace").decode("utf-8"))
    layers = [
        _layer(file, page_folder, side, is_film=is_film, plays=plays)
        for file, side in ((after, "after"), (before, "before"))
    ]
    note = " · shown as one frame: browsers do not play this format" if is_film and not plays else ""
    button = '<button type="button" class="play">Play</button>' if plays else ""
    return (
        f'<figure><div class="pair" style="aspect-ratio:{width}/{height}">{"".join(layers)}'
        '<span class="tag left" aria-hidden="true">before</span><span class="tag right" aria-hidden="true">after</span>'
        '<span class="line" aria-hidden="true"></span>'
        f'<input type="range" min="0" max="100" step="0.1" value="50" aria-label="Divider: original or result, {name}">'
        f"</div><figcaption>{button}<b>{name}</b>"
        f'<span><a href="{_link(before, page_folder)}">original</a> · <a href="{_link(after, page_folder)}">result</a>'
        f"{note}</span></figcaption></figure>"
    )


def _layer(file: Path, page_folder: Path, side: str, *, is_film: bool, plays: bool) -> str:
    alt = "original" if side == "before" else "result"
    if plays:
        muted = " muted" if side == "before" else ""
        return (
            f'<video class="{side}" src="{_link(file, page_folder)}#t=0.001" preload="metadata" loop playsinline'
            f'{muted} aria-label="{alt}"></video>'
        )
    shown = not is_film and file.suffix.lower() in SHOWN_BY_BROWSERS
    source = _link(file, page_folder) if shown else _preview(file, is_film=is_film)
    return f'<img class="{side}" src="{source}" alt="{alt}" loading="lazy" decoding="async" draggable="false">'


def _link(file: Path, page_folder: Path) -> str:
    """Return a link that works from the page's folder, whatever characters the name has."""
    file = file.absolute()
    try:
        relative = os.path.relpath(file, page_folder)
    except ValueError:  # another drive
        return html.escape(file.as_uri())
    return html.escape(quote(os.fsencode(relative.replace(os.sep, "/")), safe="/"))


def _is_film(path: Path) -> bool:
    return path.suffix.lower() in FILM_SUFFIXES - SHOWN_BY_BROWSERS


def _size_hw(path: Path) -> tuple[int, int]:
    """Return the displayed height and width, 3:4 where they cannot be read: the browser then finds out."""
    try:
        if _is_film(path):
            frame = _film_frame(path)
            return (frame.shape[0], frame.shape[1]) if frame is not None else (9, 16)
        return picture_size_hw(path)
    except (CgconvError, OSError):
        return 3, 4


def _preview(path: Path, *, is_film: bool) -> str:
    """Return a small JPEG of a picture or a film's frame as a data URI; an empty one where it cannot be read."""
    try:
        image = _film_frame(path) if is_film else read_first_picture(path, allow_hdr=True).as_seen()
    except (CgconvError, OSError):
        image = None
    if image is None:
        return "data:,"
    from .opencv import cv2

    scale = min(1.0, PREVIEW_EDGE_PX / max(image.shape[:2]))
    if scale < 1:
        size_wh = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        image = np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA))
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}" if done else "data:,"


def _film_frame(path: Path) -> Image | None:
    """Return a film's first frame as H×W×3 RGB uint8, None where it has none."""
    from .films.reader import FilmReader

    with FilmReader(path, allow_hdr=True) as reader:
        frame = next(reader.frames(), None)
    if frame is None:
        return None
    if frame.image.dtype == np.uint8:
        return np.asarray(frame.image)
    return np.asarray((frame.image * 255 + 0.5).astype(np.uint8))
