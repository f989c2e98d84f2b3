"""Encode images into one segment of a film, pictures only."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from cgconv.runtime.errors import OutputError

from .colors import Colors, Image, RgbToFrame, tag
from .encoding import Encoding

_TICK = Fraction(1, 1000)  # a segment's clock: frame n stands at n ticks, its true time lies beside it
_MOST_REORDERED = 16  # frames that may be decoded before one that is shown earlier, by every codec's limits


@dataclass(frozen=True)
class Segment:
    """A finished stretch of a film, pictures only, and the true times of its frames."""

    path: Path
    pts: NDArray[np.int64]  # in display order, in the source's time base
    durations: NDArray[np.int64]  # 0 where the source does not say
    order: NDArray[np.int64]  # the display index of each packet, in the order of decoding


class SegmentWriter:
    """Encodes images into one segment. `close()` must be called for the file to be whole.

    Raises:
        OutputError: disk full, no permission, an encoder that does not open.
    """

    def __init__(
        self,
        path: Path,
        encoding: Encoding,
        *,
        colors: Colors,
        image_hw: tuple[int, int],
        rate: Fraction,
        sample_aspect_ratio: Fraction | None = None,
        threads: int = 0,
    ) -> None:
        self.path, self._order, self._frames = path, list[int](), 0
        self._time_base = 1 / rate
        self._to_frame = RgbToFrame(colors, encoding.pix_fmt, threads=threads or 2)
        with writing(path):
            self._container = av.open(os.path.abspath(path), "w", format="matroska")  # noqa: PTH100  # a name with a colon is no address
            stream = self._container.add_stream(encoding.encoder, rate=rate, options=dict(encoding.options))
            if not isinstance(stream, av.VideoStream):
                raise TypeError(f"{encoding.encoder} cannot encode pictures")
            self._stream = stream
            context = self._stream.codec_context
            context.height, context.width = image_hw
            context.pix_fmt = encoding.pix_fmt
            context.time_base = self._time_base
            context.thread_count = threads
            context.thread_type = "AUTO"
            if sample_aspect_ratio:
                context.sample_aspect_ratio = sample_aspect_ratio
            tag(context, colors)

    def write(self, image: Image, alpha: Image | None = None) -> None:
        """Encode one image, H×W×3 RGB as stored, uint8 or float32 in [0, 1]; `alpha` is H×W."""
        frame = self._to_frame(image, alpha)
        frame.pts, frame.time_base = self._frames, self._time_base
        self._frames += 1
        with writing(self.path):
            self._mux(frame)

    def close(self) -> NDArray[np.int64]:
        """Drain the encoder, close the file and return the display index of each packet."""
        with writing(self.path):
            self._mux(None)
            self._container.close()
        if len(self._order) != self._frames:
            raise OutputError(f"the encoder gave {len(self._order)} of {self._frames} frames back", path=self.path)
        return np.array(self._order, np.int64)

    def abandon(self) -> None:
        """Close and delete what was written."""
        with contextlib.suppress(FFmpegError, OSError):  # the file goes anyway
            self._container.close()
        self.path.unlink(missing_ok=True)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            index = round((packet.pts or 0) * packet.time_base / self._time_base)
            # x265 makes up the decoding times of films that are shorter than its delay, so they are counted here.
            packet.pts, packet.dts, packet.duration = index, len(self._order) - _MOST_REORDERED, 1
            packet.time_base = _TICK
            self._order.append(index)
            self._container.mux(packet)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
_BROKEN = (errno.EIO, errno.ENODEV, errno.ENXIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def is_systems_fault(error: BaseException) -> bool:
    """Say whether the disk or the system is why something cannot be written, and not what was to be written."""
    number = getattr(error, "errno", None)
    return number in (*_FULL, *_FORBIDDEN, *_GONE, *_BROKEN)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong while `path` is written into one sentence."""
    try:
        yield
    except (FFmpegError, OSError) as error:
        number = error.errno or 0
        if number in _FULL:
            raise OutputError(f"{path.parent}: the disk is full, or the file may not grow further") from error
        if number in _FORBIDDEN:
            raise OutputError(f"{path.parent}: no permission to write here") from error
        if number in _GONE and (gone := [folder for folder in path.parents if not folder.exists()]):
            raise OutputError(f"{gone[-1]}: this folder has vanished, so the result cannot be written") from error
        raise OutputError(f"cannot be written ({error.strerror or error})", path=path) from error
