"""Translate frames that come through one pipe, and send them on through another, for ffmpeg and editors."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

import av
import numpy as np

from cgconv.runtime.brush import check_brush, shrink, working_hw
from cgconv.runtime.errors import FilmError, OutputError, UsageError

from .colors import UNSPECIFIED, Colors, FrameToRgb, Image, RgbToFrame, convention, plane_lines
from .painted import painted
from .reader import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from cgconv.runtime.translate.shared_translator import Translates

POLL_S = 0.1
LAST_WRITE_S = 2.0  # after Ctrl-C, for a reader that has stopped reading
LONGEST_LINE = 4096  # of a y4m header
READ_BYTES = 1 << 20
Y4M_FORMATS = {
    **{name: "yuv420p" for name in ("420", "420jpeg", "420mpeg2", "420paldv")},
    **{f"{chroma}": f"yuv{chroma}p" for chroma in ("422", "444")},
    **{f"{chroma}p{bits}": f"yuv{chroma}p{bits}le" for chroma in ("420", "422", "444") for bits in (10, 12)},
}


class PixelFormat(StrEnum):
    """How frames lie in the pipe: bare RGB of 8 or 16 bits, or YUV4MPEG, which says size and rate itself."""

    RGB24 = "rgb24"
    RGB48LE = "rgb48le"
    Y4M = "y4m"


@dataclass(frozen=True, kw_only=True)
class PipeOptions:
    """What comes through the pipe, and what is wanted of it; the rest is as in FilmOptions."""

    pixel_format: PixelFormat
    size_wh: tuple[int, int] | None = None
    strength: float = 1.0
    keep_colors: bool = False
    brush: float | None = None
    detail: float = 1.0
    batch: int = 1
    max_pixels: int = DEFAULT_MAX_PIXELS

    def __post_init__(self) -> None:
        check_brush(self.brush, self.detail)
        if (self.size_wh is None) != (self.pixel_format is PixelFormat.Y4M):
            needs = "says its size itself" if self.size_wh else "does not say its size: give it with --size WxH"
            raise UsageError(f"--pixel-format {self.pixel_format} {needs}")
        if self.size_wh is not None:
            _check_size(self.size_wh, self.max_pixels)


@dataclass(frozen=True)
class PipeEnd:
    """How it ended: frames sent on whole, whether the reader had gone before the last, whether it was cancelled."""

    frames: int
    reader_has_gone: bool
    cancelled: bool


def translate_pipe(
    source: int, target: int, translator: Translates, options: PipeOptions, cancel: threading.Event
) -> PipeEnd:
    """Read frames from the descriptor `source`, and write each, translated, to `target`, until either ends.

    Reading, translating and writing go on side by side. Where nobody reads `target` any more, all ends soon, also
    while `source` is silent. Raises FilmError where `source` ends within a frame, or is not what was said; all whole
    frames before that are sent on.
    """
    pipes = _Pipes(source, target, cancel)
    try:
        form = _form(pipes, options)
    except _Over:
        return PipeEnd(0, pipes.reader_has_gone, cancel.is_set())
    came: _Line = queue.Queue(2 * options.batch + 2)
    made: queue.Queue[Image | None] = queue.Queue(2 * options.batch + 2)
    threading.Thread(target=_read, args=(form, came, pipes), name="read", daemon=True).start()
    sender = _Sender(pipes, form, made, translator.card.scale)
    sender.start()
    small_hw = working_hw(form.size_hw, translator.card, options.brush)
    failed: BaseException | None = None
    try:
        while failed is None:
            images, failed = _next_images(came, options.batch, pipes)
            if images:
                smalls = [shrink(image, small_hw) for image in images]
                for image, small, new in zip(images, smalls, translator.translate(np.stack(smalls)), strict=True):
                    result, _ = painted(
                        image,
                        small,
                        new,
                        translator.card,
                        strength=options.strength,
                        colors=options.keep_colors,
                        detail=options.detail,
                    )
                    _offer(made, result, pipes.gives_up)
        _offer(made, None, pipes.gives_up)
        while sender.is_alive() and not pipes.gives_up():
            sender.join(POLL_S)
    finally:
        pipes.stop.set()
    if sender.error is not None:
        raise sender.error
    if not isinstance(failed, _Over) and not pipes.reader_has_gone:
        raise failed
    return PipeEnd(sender.frames, pipes.reader_has_gone, cancel.is_set())


class _Over(Exception):
    """There is nothing more to read, or nobody for whom."""


def _read(form: _Form, came: _Line, pipes: _Pipes) -> None:
    """Hand on what comes, and in the end why nothing more does."""
    try:
        for image in form.images():
            if not _offer(came, image, pipes.gives_up):
                return
        last: BaseException = _Over()
    except BaseException as error:  # raised again where frames are waited for
        last = error
    _offer(came, last, pipes.gives_up)


def _next_images(came: _Line, count: int, pipes: _Pipes) -> tuple[list[Image], BaseException | None]:
    """Return the next images, fewer only with the reason why there are no more."""
    images: list[Image] = []
    while len(images) < count:
        if pipes.is_over:
            return [], _Over()
        try:
            item = came.get(timeout=POLL_S)
        except queue.Empty:
            continue
        if isinstance(item, BaseException):
            return images, item
        images.append(item)
    return images, None


def _offer(line: queue.Queue[Item], item: Item, gives_up: Callable[[], bool]) -> bool:
    """Put an item in line; False where nobody waits for it any more."""
    while not gives_up():
        with contextlib.suppress(queue.Full):
            line.put(item, timeout=POLL_S)
            return True
    return False


class _Pipes:
    """Both ends. Waiting for what comes notices that nobody reads the other end any more, and that all is to stop."""

    def __init__(self, source: int, target: int, cancel: threading.Event) -> None:
        self._source, self._cancel = source, cancel
        self.target = target
        self.stop = threading.Event()
        self.reader_has_gone = False
        self._cancelled_at: float | None = None
        self._poll = None
        if sys.platform != "win32":  # where only sockets can be polled
            self._poll = select.poll()
            self._poll.register(source, select.POLLIN)
            self._poll.register(target, 0)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be read."""
        return self.stop.is_set() or self._cancel.is_set()

    def gives_up(self) -> bool:
        """Say whether nothing goes on: at once after an end, after Ctrl-C when what was on its way had its time."""
        if self._cancel.is_set():
            self._cancelled_at = self._cancelled_at or time.monotonic()
            if time.monotonic() - self._cancelled_at > LAST_WRITE_S:
                self.stop.set()
        return self.stop.is_set()

    def leave(self) -> None:
        """Remember that nobody reads what is sent on."""
        self.reader_has_gone = True
        self.stop.set()

    def read(self, size: int) -> bytes:
        """Return so many bytes, fewer at the end. Raises _Over where all is to stop."""
        parts, missing = [], size
        while missing:
            self._wait()
            part = os.read(self._source, min(missing, READ_BYTES))
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def line(self) -> bytes:
        """Return a line without its end; empty at the end of all. Raises FilmError where it does not end."""
        found = bytearray()
        while (byte := self.read(1)) not in (b"\n", b""):
            found += byte
            if len(found) > LONGEST_LINE:
                raise FilmError("what comes through the pipe is not y4m (YUV4MPEG2)")
        return bytes(found)

    def _wait(self) -> None:
        while not self.is_over:
            if self._poll is None:
                return
            for descriptor, happened in self._poll.poll(1000 * POLL_S):
                if descriptor == self.target and happened & (select.POLLERR | select.POLLHUP):
                    self.leave()
                elif descriptor == self._source:
                    return
        raise _Over


class _Raw:
    """Bare RGB frames, one after the other."""

    def __init__(self, pipes: _Pipes, size_wh: tuple[int, int], *, is_deep: bool) -> None:
        self._pipes, self._is_deep = pipes, is_deep
        self.size_hw = (size_wh[1], size_wh[0])
        self.head = b""

    def images(self) -> Iterator[Image]:
        """Yield frames until the pipe ends."""
        size = self.size_hw[0] * self.size_hw[1] * (6 if self._is_deep else 3)
        for data in _frames(self._pipes, size):
            pixels = np.frombuffer(data, "<u2" if self._is_deep else np.uint8).reshape(*self.size_hw, 3)
            yield pixels.astype(np.float32) / np.float32(65535) if self._is_deep else pixels

    def data(self, image: Image) -> bytes:
        """Return a frame as it goes through the pipe."""
        if self._is_deep:
            image = np.rint(np.clip(image, 0, 1) * np.float32(65535)).astype("<u2")
        return image.tobytes()

    def grow(self, scale: int) -> None:
        """Take what the model makes larger."""


class _Y4m:
    """YUV4MPEG: a line that says what comes, then a line and the planes for every frame."""

    def __init__(self, pipes: _Pipes, max_pixels: int) -> None:
        self._pipes = pipes
        head = pipes.line().split(b" ")
        if head[0] != b"YUV4MPEG2":
            raise FilmError("what comes through the pipe is not y4m (YUV4MPEG2)")
        self._tags = [tag.decode("ascii", "replace") for tag in head[1:] if tag]
        said = {tag[0]: tag[1:] for tag in self._tags if not tag.startswith("X")}
        if not all(re.fullmatch("[1-9][0-9]{0,5}", said.get(name, "")) for name in "WH"):
            raise FilmError("the y4m that comes through the pipe does not say how large its frames are")
        self._wh = (int(said["W"]), int(said["H"]))
        _check_size(self._wh, max_pixels)
        name = said.get("C", "420jpeg")
        if name not in Y4M_FORMATS:
            raise FilmError(f"the y4m that comes through the pipe is of kind C{name}; ffmpeg's -pix_fmt yuv420p helps")
        if said.get("I", "p")[:1] in ("t", "b", "m"):
            raise FilmError("the y4m that comes through the pipe is interlaced; ffmpeg's -vf bwdif makes whole frames")
        self._pix_fmt = Y4M_FORMATS[name]
        self.size_hw = (self._wh[1], self._wh[0])
        self._is_deep = self._pix_fmt.endswith("le")
        full = any(tag.upper() == "XCOLORRANGE=FULL" for tag in self._tags)
        self._colors = Colors(
            UNSPECIFIED, UNSPECIFIED, UNSPECIFIED, 2 if full else 1, assumed_matrix=convention(self.size_hw[0])
        )
        self._to_frame = RgbToFrame(self._colors, self._pix_fmt)
        self.head = b""
        self.grow(1)

    def grow(self, scale: int) -> None:
        """Take what the model makes larger."""
        size = {"W": self._wh[0] * scale, "H": self._wh[1] * scale}
        tags = [f"{tag[0]}{size[tag[0]]}" if tag[0] in size else tag for tag in self._tags]
        self.head = " ".join(["YUV4MPEG2", *tags]).encode() + b"\n"

    def images(self) -> Iterator[Image]:
        """Yield frames until the pipe ends."""
        to_rgb = FrameToRgb(self._colors, self.size_hw, is_deep=self._is_deep)
        bytes_each = 2 if self._is_deep else 1
        size = sum(plane.width * plane.height * bytes_each for plane in av.VideoFrame(*self._wh, self._pix_fmt).planes)
        while line := self._pipes.line():
            if line.split(b" ")[0] != b"FRAME":
                raise FilmError("the y4m that comes through the pipe has something else between its frames")
            data = next(_frames(self._pipes, size), None)
            if data is None:
                raise FilmError("what comes through the pipe ends within a frame")
            frame, start = av.VideoFrame(*self._wh, self._pix_fmt), 0
            for plane in frame.planes:
                wide = plane.width * bytes_each
                values = np.frombuffer(data, np.uint8, wide * plane.height, start).reshape(plane.height, wide)
                plane_lines(plane)[:, :wide] = values
                start += values.size
            yield to_rgb(frame)

    def data(self, image: Image) -> bytes:
        """Return a frame as it goes through the pipe."""
        planes = self._to_frame(image).planes
        wide = 2 if self._is_deep else 1
        return b"FRAME\n" + b"".join(plane_lines(plane)[:, : plane.width * wide].tobytes() for plane in planes)


_Form = _Raw | _Y4m
_Line = queue.Queue[Image | BaseException]
Item = TypeVar("Item")


def _form(pipes: _Pipes, options: PipeOptions) -> _Form:
    if options.size_wh is None:
        return _Y4m(pipes, options.max_pixels)
    return _Raw(pipes, options.size_wh, is_deep=options.pixel_format is PixelFormat.RGB48LE)


def _frames(pipes: _Pipes, size: int) -> Iterator[bytes]:
    """Yield pieces of `size` bytes. Raises FilmError where the last one is shorter."""
    while data := pipes.read(size):
        if len(data) < size:
            raise FilmError(f"what comes through the pipe ends within a frame ({len(data):,} of {size:,} bytes)")
        yield data


class _Sender(threading.Thread):
    """Writes frames in their order."""

    def __init__(self, pipes: _Pipes, form: _Form, made: queue.Queue[Image | None], scale: int) -> None:
        super().__init__(name="send", daemon=True)
        self._pipes, self._form, self._made, self._scale = pipes, form, made, scale
        self.frames = 0
        self.error: OutputError | None = None

    def run(self) -> None:
        try:
            self._form.grow(self._scale)
            self._write(self._form.head)
            while not self._pipes.stop.is_set():
                try:
                    image = self._made.get(timeout=POLL_S)
                except queue.Empty:
                    continue
                if image is None:
                    return
                self._write(self._form.data(image))
                self.frames += 1
        except BrokenPipeError:
            self._pipes.leave()
        except OSError as error:
            self.error = OutputError(f"the frames cannot be sent on: {error.strerror or error}")
            self._pipes.stop.set()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._pipes.target, view) :]


def _check_size(size_wh: tuple[int, int], max_pixels: int) -> None:
    if size_wh[0] * size_wh[1] > max_pixels:
        raise UsageError(f"frames of {size_wh[0]}×{size_wh[1]} pixels, more than the limit of {max_pixels:,}")
