"""What the worker shows of a window's files: finds them, makes thumbnails, previews before and after."""

from __future__ import annotations

import functools
import itertools
import secrets
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from cgconv.runtime import preview as looks
from cgconv.runtime.blend import keep_colors
from cgconv.runtime.errors import Cancelled, CgconvError, PictureError
from cgconv.runtime.events import (
    FileExamined,
    FilesFound,
    FoundItem,
    LoopFrameReady,
    PreviewReady,
    ScanFinished,
)
from cgconv.runtime.find import Kind, find_files, real_key
from cgconv.runtime.images import Picture
from cgconv.runtime.models.store import resolve_model
from cgconv.runtime.requests import Examine, Preview, PreviewLoop, Scan
from cgconv.runtime.translator import Translator

from .task import Say, Task

FILES_AT_ONCE = 500
TRANSLATIONS_KEPT = 4  # of previews, the small ones counted


def scan(task: Task, say: Say) -> None:
    """Find pictures and films; each file once, pictures first."""
    from cgconv.runtime.models.store import known_names

    request = task.request
    assert isinstance(request, Scan)
    names = known_names()
    files: dict[str, FoundItem] = {}
    found = {}
    for kind in (Kind.PICTURE, Kind.FILM):
        found[kind] = find_files(request.paths, kind, model_names=names, leave_out=request.leave_out)
        for file in found[kind].files:
            key = real_key(file.path)
            if key not in files:  # a GIF is both: a picture here
                files[key] = FoundItem(file.path, file.folder, kind, key)
    items = list(files.values())
    for start in range(0, len(items), FILES_AT_ONCE):
        say(FilesFound(tuple(items[start : start + FILES_AT_ONCE])))
    paths = [{str(path) for path, _ in found[kind].refused} for kind in found]
    refused = {str(path): reason for path, reason in found[Kind.PICTURE].refused if str(path) in paths[0] & paths[1]}
    of_no_kind = found[Kind.PICTURE].ignored - found[Kind.PICTURE].other_kind
    own = max(findings.own_results for findings in found.values())
    say(ScanFinished(len(items), of_no_kind, own, tuple(refused.items())))


def examine(task: Task, say: Say) -> None:
    """Say what a file is, with a thumbnail."""
    request = task.request
    assert isinstance(request, Examine)
    try:
        found = looks.examine(request.path, Kind(request.kind), edge_px=request.thumbnail_px)
    except (CgconvError, OSError) as error:  # one file's trouble, said beside its name
        reason = str(error) if isinstance(error, CgconvError) else f"{request.path}: {error.strerror or error}"
        say(FileExamined(request.path, problem=reason))
        return
    height, width = found.size_hw
    say(FileExamined(request.path, found.thumbnail, width, height, found.seconds, found.frames))


def preview(task: Task, say: Say) -> None:
    """Show the original at once, then a small translation, then the full one."""
    from .convert import translator_for

    request = task.request
    assert isinstance(request, Preview)
    options = request.options
    short_side = options.short_side or None
    original = _original(request.path, request.kind, request.time_s, short_side)
    height, full_width = original.size_hw
    pixels, note = height * full_width, ""
    if pixels > looks.LARGEST_PIXELS:
        edge = int(max(original.size_hw) * (looks.LARGEST_PIXELS / pixels) ** 0.5)
        original, note = looks.shrunk_picture(original, edge), "reduced"
    scales = [1.0]
    draft = looks.shrunk_picture(original, looks.DRAFT_EDGE_PX)
    if draft is not original:
        scales.insert(0, draft.size_hw[1] / original.size_hw[1])
    if request.result is not None:
        say(PreviewReady(_write(_stored(draft)), None, scales[0], False, note))
        _show_result(request, original, 1.0, say)
        return
    if not request.model:
        say(PreviewReady(_write(_stored(original)), None, 1.0, True, note))
        return
    if not request.full:
        scales = scales[:1]
    say(PreviewReady(_write(_stored(draft)), None, scales[0], False, note))
    _stop_if(task)
    translator = translator_for(request.model, options, task, say, builds_engines=False)
    for number, scale in enumerate(scales):
        _stop_if(task)
        image = original if scale == 1 else draft
        brush = max(1.0, options.brush * image.size_hw[1] / full_width) if options.brush else None
        translated = _translated(request, image, translator, brush)
        if options.keep_colors:
            translated = keep_colors(image.pixels, translated)
        _stop_if(task)
        shown = looks.with_transparency_of(image, translated)
        say(PreviewReady(_write(_stored(image)), _write(shown), scale, number == len(scales) - 1, note))


def _show_result(request: Preview, original: Picture, scale: float, say: Say) -> None:
    """Show the file that was made beside the original; of a film, the frame of the same moment."""
    assert request.result is not None
    time_s = max(0.0, request.time_s - request.options.start_s)
    is_film = request.kind == Kind.FILM
    made = looks.frame_for_preview(request.result, time_s, short_side=None) if is_film else (
        looks.picture_for_preview(request.result, short_side=None))  # fmt: skip
    say(PreviewReady(_write(_stored(original)), _write(_stored(made)), scale, True, "result"))


def _translated(request: Preview, image: Picture, translator: Translator, brush: float | None) -> looks.Image:
    """Return the translation, the last ones from memory: whether colors are kept is decided afterwards."""
    of_file = (request.path, request.path.stat().st_mtime_ns, request.time_s, image.size_hw)
    wanted = replace(request.options, keep_colors=False, strength=1.0, out=None, name="")
    key = (of_file, request.model, resolve_model(request.model).stat().st_mtime_ns, wanted)
    if key not in _last_translations:
        made = looks.translated_for_preview(image.pixels, translator, brush=brush, detail=request.options.detail)
        while len(_last_translations) >= TRANSLATIONS_KEPT:
            del _last_translations[next(iter(_last_translations))]
        _last_translations[key] = made
    return _last_translations[key]


def preview_loop(task: Task, say: Say) -> None:
    """Translate a few seconds of a film, frame by frame, as they come."""
    from .convert import translator_for

    request = task.request
    assert isinstance(request, PreviewLoop)
    translator = translator_for(request.model, request.options, task, say, builds_engines=False)
    frames = looks.loop_frames(
        request.path,
        start_s=request.start_s,
        seconds=request.seconds,
        per_second=request.frames_per_second,
        short_side=request.short_side,
    )
    count = round(request.seconds * request.frames_per_second)
    for index, (time_s, image) in enumerate(itertools.islice(frames, count)):
        _stop_if(task)
        translated = looks.translated_for_preview(image, translator)
        if request.options.keep_colors:
            translated = keep_colors(image, translated)
        _stop_if(task)
        say(LoopFrameReady(index, count, time_s, _write(image), _write(translated)))


_last_original: list[tuple[tuple[object, ...], Picture]] = []
_last_translations: dict[object, looks.Image] = {}


def _original(path: Path, kind: str, time_s: float, short_side: int | None) -> Picture:
    """Return the picture or frame; the last one is remembered, because its options change more often than it does."""
    try:
        stat = path.stat()
    except OSError as error:
        raise PictureError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    key = (path, stat.st_mtime_ns, stat.st_size, time_s, short_side)
    if not _last_original or _last_original[0][0] != key:
        if Kind(kind) is Kind.FILM:
            image = looks.frame_for_preview(path, time_s, short_side=short_side)
        else:
            image = looks.picture_for_preview(path, short_side=short_side)
        _last_original[:] = [(key, image)]
    return _last_original[0][1]


def _stored(picture: Picture) -> looks.Image:
    """Return a picture in 8 bits, H×W×4 where it is transparent."""
    return looks.with_transparency_of(picture, picture.pixels)


def _write(image: looks.Image) -> Path:
    """Write an image as fast as it can be read: the window deletes the file."""
    path = _previews_folder() / f"{secrets.token_hex(8)}{'.png' if image.shape[2] == 4 else '.bmp'}"
    looks.write_image(path, image)
    return path


@functools.cache
def _previews_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="cgconv-previews-"))


def clean_up() -> None:
    """Delete previews that nobody took."""
    if _previews_folder.cache_info().currsize:
        shutil.rmtree(_previews_folder(), ignore_errors=True)


def _stop_if(task: Task) -> None:
    if task.cancel.is_set():
        raise Cancelled("a newer preview is wanted")
