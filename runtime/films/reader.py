"""Read a film: upright RGB images, each with its exact time and duration, and what else is known of it."""

from __future__ import annotations

import heapq
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from cgconv.runtime.choices import Deinterlace, FieldRate
from cgconv.runtime.errors import FilmError
from cgconv.runtime.opencv import cv2
from cgconv.runtime.steady import Between, Motion

from .colors import HLG, Colors, FrameToRgb, Image, alpha_of, colors_of, has_alpha
from .fields import Fields, Scan, WholeFrames, find_fields
from .timeline import Timeline, read_timeline

PICTURE_SUFFIXES = frozenset((".avif", ".heic", ".heif", ".hif"))  # MP4's relatives that hold one picture
# Codecs whose films have alpha on purpose; bgra of screen recorders has it by chance, and counts where it is used.
WITH_ALPHA = frozenset(("prores", "vp8", "vp9", "png", "qtrle"))
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own leave the alpha of these out
NEVER_INTERLACED = frozenset(("vp8", "vp9", "av1", "gif", "apng", "webp"))
MISSING_END_S = 1.0  # headers are often wrong by less
DEFAULT_MAX_PIXELS = 250_000_000  # as for pictures
TEXT_FORMATS = frozenset(("tty", "ass", "srt", "webvtt", "lrc", "hls", "concat", "sdp", "ffmetadata"))
AV_TIME_BASE = Fraction(1, 1_000_000)
FASTEST = Fraction(240)  # frames a second, for encoders


@dataclass(frozen=True)
class FilmFrame:
    """An image and its exact time. `duration` is 0 where the film does not say; both count `FilmInfo.time_base`."""

    image: Image  # H×W×3 RGB upright, uint8, or float32 in [0, 1] for sources of more than 8 bits
    pts: int
    duration: int
    alpha: Image | None = None  # H×W in the image's dtype, where the film has transparency
    small: Image | None = None  # what is translated instead of it, where a film is painted with a broader brush
    motion: Motion | None = None  # how it came from the one translated before; None where nobody asks
    between: Between | None = None  # what it is filled in along (every.py); None where it is translated
    repeats: bool = False  # it shows what the one before shows
    ends_group: bool = False  # what comes after it depends on nothing but its own result

    @property
    def is_translated(self) -> bool:
        """Whether a model is to see it."""
        return self.between is None and not self.repeats

    @property
    def to_translate(self) -> Image:
        """What a model is to see of it."""
        return self.image if self.small is None else self.small


@dataclass(frozen=True)
class Orientation:
    """How coded frames turn upright: first rows and columns swap, then rows, then columns are mirrored."""

    swap: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    def upright(self, image: Image) -> Image:
        """Return the image as it is to be seen."""
        return self._flip(_transpose(image) if self.swap else image)

    def coded(self, image: Image) -> Image:
        """Return an upright image as it is stored."""
        image = self._flip(image)
        return _transpose(image) if self.swap else image

    def upright_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Return the displayed size of frames stored with `size_hw`, or the other way round."""
        return (size_hw[1], size_hw[0]) if self.swap else size_hw

    def _flip(self, image: Image) -> Image:
        if self.flip_rows or self.flip_columns:
            code = -1 if self.flip_rows and self.flip_columns else 0 if self.flip_rows else 1
            return np.asarray(cv2.flip(image, code))
        return image


def _transpose(image: Image) -> Image:
    return np.asarray(cv2.transpose(image))


@dataclass(frozen=True)
class FilmInfo:
    """What is known of a film before it is read through."""

    path: Path
    container: str  # FFmpeg's name of the format
    codec: str
    pix_fmt: str
    bits: int  # per channel
    coded_hw: tuple[int, int]  # as stored
    time_base: Fraction  # seconds of one pts
    rate: Fraction  # frames a second, about: only for encoders that want to know
    frames: int | None  # as the header says, None where it does not; cut to the part that is asked for
    seconds: float | None  # likewise
    first_time_s: Fraction  # where the film's own clock starts, usually 0
    sample_aspect_ratio: Fraction | None
    colors: Colors
    display_matrix: tuple[int, ...] | None  # 9 numbers, None: upright already
    orientation: Orientation
    is_transparent: bool  # in its first frame
    has_alpha: bool  # transparency is to be expected in any frame
    marks: frozenset[str]  # what the first frame says of how it is to be looked at: STEREO3D, SPHERICAL
    keeps_3d_as_fact: bool  # Matroska's way to say 3D, which goes from film to film with the other facts

    @property
    def displayed_hw(self) -> tuple[int, int]:
        """Height and width as seen, in stored pixels."""
        return self.orientation.upright_hw(self.coded_hw)

    @property
    def is_deep(self) -> bool:
        """Whether frames come as float32 because 8 bits would lose depth."""
        return self.bits > 8


class FilmReader:
    """An open film. `frames()` gives its images; `warnings` grows while they are read.

    `short_side` resizes so that the shorter displayed side has that many pixels; `start_s` and `end_s` cut (seconds
    on the film's own clock, the end is not included). `broken_at_s` is set where something could not be decoded.
    `deinterlace` makes whole frames of interlaced ones; but for OFF, opening decodes some seconds.

    Raises:
        FilmError: no such file, no film in it (a picture, sound only), damaged from the start, HDR not asked for.
    """

    def __init__(
        self,
        path: Path,
        *,
        short_side: int | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        allow_hdr: bool = False,
        threads: int = 0,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        deinterlace: Deinterlace = Deinterlace.OFF,
        field_rate: FieldRate = FieldRate.HALF,
    ) -> None:
        self.path = path
        self.warnings: list[str] = []
        self.broken_at_s: float | None = None
        self.timeline: Timeline | None = None
        self._start_s, self._end_s = start_s, end_s
        self._last_s = 0.0  # of the last packet
        self._number: int | None = None  # of the last packet, counted from the film's start; None after a seek
        self._threads, self._max_pixels = threads, max_pixels
        self.fields = Fields()
        self._whole: WholeFrames | None = None  # what makes progressive frames, where that is needed
        self._container, self._stream = self._open()
        try:
            self.info = self._learn(start_s, end_s)
            self._has_true_pts = "avi" not in self.info.container.split(",")
            if self.info.colors.is_hdr and not allow_hdr:
                name = "HLG" if self.info.colors.transfer == HLG else "PQ"
                raise FilmError(
                    f"this film is HDR ({name}), and would come out dull; convert it to SDR first, "
                    "or take it as it is with --allow-hdr",
                    path=path,
                )
            if deinterlace is not Deinterlace.OFF:
                self._look_for_fields(field_rate, forced=deinterlace is Deinterlace.BWDIF)
        except BaseException:
            self.close()
            raise
        self._place_cut()
        self.image_hw = _resized(self.info.displayed_hw, short_side)

    def read_timeline(self, *, check_cancel: Callable[[], None] = lambda: None) -> Timeline:
        """Read the times of all packets, so that `frames()` gives mended ones and `info` says how many there are."""
        end_s = None if self._end_s is None else float(self._end_s)
        self._reopen()
        self.timeline = read_timeline(self._container, self._stream.index, end_s=end_s, check_cancel=check_cancel)
        self._reopen()
        self.info = replace(self.info, first_time_s=self.timeline.first_time_s)
        self._place_cut()
        if frames := self.timeline.frames(*self.cut_s):
            self.info = replace(self.info, frames=self._made_of(frames))
        self.warnings += self.timeline.notes()
        return self.timeline

    @property
    def cut_s(self) -> tuple[Fraction | None, Fraction | None]:
        """Where the cut begins and ends, in seconds of the film's own times."""
        base = self.info.time_base
        return (
            None if self._start_pts is None else self._start_pts * base,
            None if self._end_pts is None else self._end_pts * base,
        )

    def frames(self, *, after_pts: int | None = None) -> Iterator[FilmFrame]:
        """Yield the frames in display order, times strictly rising; `after_pts` leaves out those up to that time.

        What cannot be decoded is left out; `broken_at_s` then says where, and `warnings` how much.
        """
        info = self.info
        stored_hw = info.orientation.upright_hw(self.image_hw)
        to_rgb = FrameToRgb(
            info.colors,
            stored_hw,
            is_deep=info.is_deep,
            threads=self._threads or 2,
        )
        last_pts: int | None = None
        for frame, pts, duration in self._whole_frames(after_pts):
            if last_pts is not None and pts <= last_pts:
                pts = last_pts + 1
            last_pts = pts
            if after_pts is not None and pts <= after_pts:
                continue
            if self._start_pts is not None and pts < self._start_pts:
                continue
            if self._end_pts is not None and pts >= self._end_pts:
                return
            alpha = alpha_of(frame, stored_hw, is_deep=info.is_deep) if info.has_alpha else None
            upright = info.orientation.upright
            yield FilmFrame(upright(to_rgb(frame)), pts, duration, None if alpha is None else upright(alpha))
        if self._end_pts is None and self.broken_at_s is None and last_pts is not None:
            self._look_for_missing_end(float(last_pts * info.time_base))

    def _whole_frames(self, after_pts: int | None) -> Iterator[tuple[av.VideoFrame, int, int]]:
        """Yield progressive frames with their times and durations, beginning where it is enough."""
        if self._whole is None:
            for frame, pts in self._rising(self._first_wanted(after_pts)):
                yield frame, pts, max(0, frame.duration or 0)
            return
        first = self._first_wanted(None if after_pts is None else after_pts // self._whole.finer)
        if first is not None:
            before = self._whole.first_needed
            rate = self._stream.average_rate or self.info.rate
            first = None if before is None else first - _ceil(before / (rate * self._raw_base))
        yield from self._whole.of(self._rising(first))

    def _rising(self, from_pts: int | None) -> Iterator[tuple[av.VideoFrame, int]]:
        """Yield decoded frames, times strictly rising, beginning at or before `from_pts`."""
        last_pts: int | None = None
        for frame, pts in self._timed(from_pts):
            if last_pts is not None and pts <= last_pts:
                pts = last_pts + 1
                self._warn_once(
                    "some frames have no time, or the same time as another frame; they are put one after the other"
                )
            last_pts = pts
            self._look_at(frame)
            yield frame, pts

    def _look_for_fields(self, rate: FieldRate, *, forced: bool) -> None:
        """Find out whether the film is interlaced, and set up what makes whole frames of it."""
        if self.info.codec in NEVER_INTERLACED and not forced:
            return
        self.fields = find_fields((frame for frame, _ in self._timed(None)), forced=forced)
        self.broken_at_s = None  # `frames` comes here again
        self.warnings.clear()
        if self.fields.scan is Scan.PROGRESSIVE:
            return
        whole = WholeFrames(self.fields, rate, self._raw_base, threads=self._threads)
        self._whole = whole
        info = self.info
        self.info = replace(
            info,
            time_base=self._raw_base / whole.finer,
            rate=min(info.rate * whole.factor, FASTEST),
            frames=self._made_of(info.frames),
        )

    def _made_of(self, frames: int | None) -> int | None:
        """Return how many progressive frames are made of so many."""
        return frames if frames is None or self._whole is None else round(frames * self._whole.factor)

    @property
    def _raw_base(self) -> Fraction:
        """Seconds of one pts of the file's own."""
        return self._stream.time_base or Fraction(1, 1000)

    def _place_cut(self) -> None:
        base, first = self.info.time_base, self.info.first_time_s
        self._start_pts = None if self._start_s is None else _ceil((_decimal(self._start_s) + first) / base)
        self._end_pts = None if self._end_s is None else _ceil((_decimal(self._end_s) + first) / base)

    def close(self) -> None:
        """Give the file back."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> tuple[InputContainer, av.VideoStream]:
        container = open_container(self.path, max_pixels=self._max_pixels)
        try:
            stream = film_stream(container, self.path)
            context = stream.codec_context
            width, height = _claimed_wh(container, stream, self.path)
            if width * height > self._max_pixels:
                raise FilmError(
                    f"frames of {width}×{height} pixels, more than the limit of {self._max_pixels:,}; see --max-pixels",
                    path=self.path,
                )
            context.options = {**context.options, "max_pixels": str(self._max_pixels)}
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = self._threads
            self._alpha_decoder = _alpha_decoder(stream, self._threads)
        except BaseException:
            container.close()
            raise
        return container, stream

    def _learn(self, start_s: float | None, end_s: float | None) -> FilmInfo:
        """Return what the header and the first frame say; the reader stands at the start again afterwards."""
        name = self.path.name
        frame = self._first_frame()
        if frame is None:
            raise FilmError(f"{name}: no frame of this film can be decoded")
        self._reopen()
        stream, context = self._stream, self._stream.codec_context
        base = self._raw_base
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        matrix, is_transparent = _display_matrix(frame), _is_transparent(frame)
        seconds = _seconds(self._container, stream)
        frames = stream.frames or (round(seconds * rate) if seconds else None)
        if seconds is not None and (start_s is not None or end_s is not None):
            kept_s = max(0.0, min(seconds, seconds if end_s is None else end_s) - (start_s or 0.0))
            frames = round(frames * kept_s / seconds) if frames and seconds else None
            seconds = kept_s
        return FilmInfo(
            path=self.path,
            container=self._container.format.name,
            codec=context.codec.canonical_name,
            pix_fmt=frame.format.name,
            bits=max(component.bits for component in frame.format.components),
            coded_hw=(frame.height, frame.width),
            time_base=base,
            rate=min(max(rate, Fraction(1)), FASTEST),
            frames=frames,
            seconds=seconds,
            first_time_s=(self._container.start_time or 0) * AV_TIME_BASE,
            sample_aspect_ratio=stream.sample_aspect_ratio or None,
            colors=colors_of(frame, context),
            display_matrix=matrix,
            orientation=_orientation(matrix),
            is_transparent=is_transparent,
            has_alpha=has_alpha(frame.format) and (is_transparent or context.codec.canonical_name in WITH_ALPHA),
            marks=_side_data(frame) & {"STEREO3D", "SPHERICAL"},
            keeps_3d_as_fact="stereo_mode" in stream.metadata,
        )

    def _first_frame(self) -> av.VideoFrame | None:
        packets = self._container.demux(self._stream)
        while True:
            try:
                for frame in self._frames_of(next(packets)):
                    return frame
            except StopIteration:
                return None
            except FFmpegError:
                continue  # `frames` says where the film is damaged

    def _reopen(self) -> None:
        self._container.close()
        self._container, self._stream = self._open()

    def _first_wanted(self, after_pts: int | None) -> int | None:
        """Return a time of the file from which on decoding is enough, None: the start."""
        if self.timeline is not None and self.timeline.jumps:
            return None  # a time means several places there
        start_pts = None if self._start_pts is None else self._start_pts // (self._whole.finer if self._whole else 1)
        wanted = [pts for pts in (after_pts, start_pts) if pts is not None]
        return max(wanted) if wanted and self._has_true_pts else None

    def _timed(self, from_pts: int | None) -> Iterator[tuple[av.VideoFrame, int]]:
        """Yield frames with their times, beginning at or before `from_pts`."""
        self._reopen()
        if from_pts is not None:
            frames = self._sought(from_pts)
            first = next(frames, None)
            if first is not None and first[1] <= from_pts:
                yield first
                yield from frames
                return
            self._reopen()  # the seek went too far, as it may where an index is missing: read from the start
        yield from self._sought(None)

    def _sought(self, from_pts: int | None) -> Iterator[tuple[av.VideoFrame, int]]:
        self._number = -1 if from_pts is None else None
        if from_pts is not None:
            try:
                self._container.seek(from_pts, stream=self._stream, backward=True)
            except FFmpegError:
                return
        times: list[int] = []  # of the packets whose frames are still to come, for films without times of frames
        next_pts = 0
        for packet in self._packets():
            if packet.size and packet.dts is not None:
                heapq.heappush(times, packet.dts)
            for frame in self._decode(packet):
                due = heapq.heappop(times) if times else None
                pts = frame.pts if self._has_true_pts and frame.pts is not None else due
                if pts is None:
                    pts = next_pts
                next_pts = pts + max(1, frame.duration or 0)
                yield frame, pts

    def _packets(self) -> Iterator[av.Packet[av.VideoStream]]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except FFmpegError as error:
                self._lose(self._last_s, f"cannot be read on ({error.strerror})")
                return
            if packet.size and self._number is not None:
                self._number += 1
                if self.timeline is not None:
                    self.timeline.mend(packet, self._number)
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None:
                self._last_s = float(time * (self._stream.time_base or 0) - (self._container.start_time or 0) / 10**6)
            if packet.is_corrupt and not self._is_at_jump():
                self._lose(self._last_s, "is damaged")
            yield packet

    def _is_at_jump(self) -> bool:
        """Say whether parts were joined here: the first one's last packet looks damaged then, and is not."""
        return self.timeline is not None and self._number is not None and self.timeline.is_at_jump(self._number)

    def _decode(self, packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame]:
        try:
            return self._frames_of(packet)
        except FFmpegError as error:
            # Frame threads report an error when they are asked for the next packet but so many.
            late = max(0, self._stream.codec_context.thread_count - 1) / float(self.info.rate)
            self._lose(max(0.0, self._last_s - late), f"cannot be decoded ({error.strerror})")
            return []

    def _frames_of(self, packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame]:
        if self._alpha_decoder is None:
            return packet.decode()
        return self._alpha_decoder.decode(packet if packet.size else None)

    def _lose(self, time_s: float, what: str) -> None:
        if self.broken_at_s is None:
            self.broken_at_s = time_s
            self.warnings.append(f"the film {what} at {time_s:.2f} s; what can be decoded is kept")

    def _look_for_missing_end(self, last_s: float) -> None:
        """Notice a file that was cut off: some formats just end, so that only the header knows of the rest."""
        first_s, length_s = (self._container.start_time or 0) / 10**6, (self._container.duration or 0) / 10**6
        # Lengths count from the film's start, in some files from 0: a file is short where it is by both.
        end_s = length_s if first_s < length_s else first_s + length_s
        if end_s - last_s < MISSING_END_S or (self.timeline is not None and self.timeline.jumps):
            return
        if self.timeline is not None:
            last_s = max(last_s, self.timeline.last_time_s)
        else:
            with open_container(self.path) as container:
                for packet in container.demux():
                    if packet.pts is not None and packet.size:
                        last_s = max(last_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if end_s - last_s >= MISSING_END_S:
            self._last_s = last_s
            self._lose(last_s - first_s, f"ends too early ({end_s:.2f} s were promised)")

    def _look_at(self, frame: av.VideoFrame) -> None:
        if "A53_CC" in _side_data(frame):
            self._warn_once("closed captions (CEA-608 or 708) lie in the pictures, and are not kept")
        if frame.interlaced_frame and self._whole is None:
            self._warn_once(
                "some frames say that they are interlaced, and stay as they are; --deinterlace bwdif makes whole ones"
            )
        if (frame.height, frame.width) != self.info.coded_hw:
            self._warn_once("the film changes its size in the middle; all frames get the size of the first one")

    def _warn_once(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)


def open_container(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> InputContainer:
    """Return the opened file. Raises FilmError with one sentence; foreign errors end here."""
    try:
        # An absolute path, or "12:30.mp4" would be an address; one protocol, or a playlist would fetch what it names.
        return av.open(
            os.path.abspath(path),  # noqa: PTH100  # resolves no links
            "r",
            metadata_errors="replace",
            container_options={"protocol_whitelist": "file"},
            options={"max_pixels": str(max_pixels)},  # opening decodes frames, of whatever size the file claims
        )
    except FFmpegError as error:
        reason = "this is not a film that can be read" if (error.errno or 0) >= 1000 else error.strerror
        if reason and (error.errno or 0) >= 1000 and _lacks_index(path):
            reason = "the recording was cut off before its index (moov) was written, so nothing in it can be found"
        raise FilmError(f"{reason}", path=path) from error
    except OSError as error:
        raise FilmError(error.strerror or str(error), path=path) from error


def _lacks_index(path: Path) -> bool:
    """Say whether an MP4 or MOV file holds pictures (mdat) and no index (moov), as when a camera lost its power."""
    seen = set[bytes]()
    try:
        with path.open("rb") as file:
            while len(head := file.read(8)) == 8 and len(seen) < 64:
                size, kind = struct.unpack(">I4s", head)
                if not kind.strip(b" ").isalnum():
                    break
                seen.add(kind)
                if size == 1:
                    size = struct.unpack(">Q", file.read(8).rjust(8, b"\0"))[0] - 8
                if size < 8:
                    break  # up to the end of the file
                file.seek(size - 8, os.SEEK_CUR)
    except (OSError, OverflowError, ValueError):
        return False
    return b"mdat" in seen and b"moov" not in seen


def film_stream(container: InputContainer, path: Path) -> av.VideoStream:
    """Return the stream that is the film, never a cover. Raises FilmError where there is none."""
    name = container.format.name
    if name.endswith("_pipe") or name == "image2" or path.suffix.lower() in PICTURE_SUFFIXES:
        raise FilmError("this is a picture, not a film; use cgconv images", path=path)
    if not TEXT_FORMATS.isdisjoint(name.split(",")):
        raise FilmError("this is text, not a film", path=path)
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None:
            return stream
    if container.streams.audio:
        raise FilmError("this holds only sound, no film", path=path)
    raise FilmError("there is no film in this file", path=path)


def _claimed_wh(container: InputContainer, stream: av.VideoStream, path: Path) -> tuple[int, int]:
    """Return the size that a film claims to have; FFmpeg forgets that of a GIF whose canvas it did not take."""
    context = stream.codec_context
    if container.format.name != "gif":
        return context.width, context.height
    with path.open("rb") as file:
        width, height = struct.unpack("<6x2H", file.read(10))
    return width, height


def _side_data(frame: av.VideoFrame) -> frozenset[str]:
    """Return the names of what comes with a frame beside its pixels."""
    entries: Iterable[Any] = frame.side_data.keys()  # Any: PyAV's stubs say str; these are its SideData objects
    return frozenset(entry.type.name for entry in entries)


def _display_matrix(frame: av.VideoFrame) -> tuple[int, ...] | None:
    entries: Iterable[Any] = frame.side_data.keys()  # Any: PyAV's stubs say str; these are its SideData objects
    for entry in entries:
        if entry.type.name == "DISPLAYMATRIX":
            return struct.unpack("=9i", bytes(entry))
    return None


def _alpha_decoder(stream: av.VideoStream, threads: int) -> av.VideoCodecContext | None:
    """Return a decoder for a stream whose alpha lies beside its pictures, as in WebM; None for all others."""
    name = ALPHA_DECODERS.get(stream.codec_context.name)
    said = {key.lower(): value for key, value in stream.metadata.items()}
    if name is None or said.get("alpha_mode") != "1":
        return None
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata, decoder.thread_count = stream.codec_context.extradata, threads
    return decoder


def _is_transparent(frame: av.VideoFrame) -> bool:
    """Say whether a frame lets anything shine through; a format with an alpha channel alone says little."""
    if not has_alpha(frame.format) and frame.format.name != "pal8":
        return False
    return bool(frame.reformat(format="rgba").to_ndarray()[..., 3].min() < 255)


def _orientation(matrix: tuple[int, ...] | None) -> Orientation:
    """Return the nearest of the eight orientations; x' = a·x + c·y and y' = b·x + d·y, 16.16 fixed point."""
    if matrix is None:
        return Orientation()
    a, b, _, c, d = matrix[:5]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(flip_rows=d < 0, flip_columns=a < 0)
    return Orientation(swap=True, flip_rows=b < 0, flip_columns=c < 0)


def _seconds(container: InputContainer, stream: av.VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _resized(size_hw: tuple[int, int], short_side: int | None) -> tuple[int, int]:
    """Return the size with the given short side, the other one rounded to an even number."""
    if short_side is None:
        return size_hw
    factor = Fraction(short_side, min(size_hw))
    other = max(2, 2 * round(max(size_hw) * factor / 2))
    return (short_side, other) if size_hw[0] <= size_hw[1] else (other, short_side)


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


def _decimal(seconds: float) -> Fraction:
    """Return what was meant: 0.2 is 1/5, not the nearest binary number, which is a little more."""
    return Fraction(str(seconds))
