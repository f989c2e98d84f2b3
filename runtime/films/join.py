"""Join a film's segments with the sound, subtitles, chapters and facts of its source, and check the result."""

from __future__ import annotations

import heapq
import itertools
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.container import Container, InputContainer, OutputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from cgconv.runtime.errors import FilmError, OutputError

from .encoding import FORMATS, Encoding
from .reader import FilmInfo, film_stream, open_container
from .segment_writer import Segment, is_systems_fault, writing
from .sides import MP4_FAMILY, Attachment, Cut, Side, SidePlan, Times, facts, open_output
from .timeline import Timeline

if TYPE_CHECKING:
    from av.container.core import Chapter  # only in PyAV's stubs

    AnyPacket = av.Packet[Any]  # Any: of whichever stream

REHEARSED_PACKETS = 100
_LARGEST_TIMESCALE = 10_000_000


@dataclass
class StreamReport:
    """What became of the source's streams, in words."""

    kept: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    has_sound: bool = False


class NotJoined(Exception):
    """These streams do not make a film together, for a reason that is not the disk's."""


class DamagedSegment(Exception):
    """A finished segment cannot be read any more; `number` says which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def join_film(
    target: Path,
    segments: list[Segment],
    source: FilmInfo,
    *,
    suffix: str,
    encoding: Encoding,
    timeline: Timeline,
    plan: SidePlan,
    cut: Cut | None = None,
    check: Callable[..., None] | None = None,
    check_cancel: Callable[[], None] = lambda: None,
) -> StreamReport:
    """Write the film and check it: the segments' pictures at their true times, and all of `plan` that can be written.

    A stream that the muxer does not take is left out and named; the pictures are written whatever the others do.
    Packets that are copied are the source's, byte for byte. `check_cancel` is called for every packet and may raise.

    Raises:
        OutputError: disk full, no permission; or the container does not take the pictures themselves.
        DamagedSegment: a segment is not what it was.
    """

    def write(sides: list[Side], *, with_facts: bool = True) -> None:
        film = _Film(target, segments, source, suffix, encoding, timeline, cut or Cut(), check_cancel)
        film.write([replace(side) for side in sides], with_facts=with_facts)
        (check or check_film)(target, frames=len(film.times.pts), streams=1 + len(sides))

    sides, reasons = list(plan.sides), dict[int, str]()
    try:
        write(sides)
    except NotJoined as error:
        sides, reasons = _bearable(plan.sides, write, str(error))
    return StreamReport(
        kept=[side.name for side in sides] + plan.kept,
        dropped=plan.dropped
        + [f"{side.name}: it cannot be written ({reasons[side.index]})" for side in plan.sides if side not in sides],
        has_sound=any(side.is_sound for side in sides),
    )


def rehearse(
    target: Path,
    picture: Segment,
    source: FilmInfo,
    *,
    suffix: str,
    encoding: Encoding,
    timeline: Timeline,
    plan: SidePlan,
) -> SidePlan:
    """Write a film's header and its first packets to `target`, and return what of `plan` goes together.

    Raises:
        OutputError: the container does not take the pictures, or the disk does not take the file.
    """

    def write(sides: list[Side], *, with_facts: bool = True) -> None:
        film = _Film(target, [picture], source, suffix, encoding, timeline, Cut(), lambda: None, REHEARSED_PACKETS)
        film.write([replace(side) for side in sides], with_facts=with_facts)

    try:
        write(plan.sides)
    except NotJoined as error:
        sides, reasons = _bearable(plan.sides, write, str(error))
        dropped = [
            f"{side.name}: {suffix} cannot hold it ({reasons[side.index]})" for side in plan.sides if side not in sides
        ]
        plan = SidePlan(sides, plan.dropped + dropped, plan.kept)
    finally:
        target.unlink(missing_ok=True)
    return plan


def _bearable(wanted: list[Side], write: Callable[..., None], first_reason: str) -> tuple[list[Side], dict[int, str]]:
    """Write the film with as many of `wanted` as go together, and return those and why the others do not."""
    sides, reasons = list[Side](), dict[int, str]()
    for side in wanted:
        try:
            write([*sides, side])
            sides.append(side)
        except NotJoined as error:
            reasons[side.index] = str(error)
    if sides and wanted[-1] in sides:
        return sides, reasons  # the last writing is the one that is wanted
    try:
        write(sides)
    except NotJoined:
        try:
            write([], with_facts=False)
        except NotJoined as error:
            raise OutputError(
                f"the translated parts cannot be joined ({error}); the first attempt failed with: {first_reason}"
            ) from error
        return [], {side.index: reasons.get(side.index, first_reason) for side in wanted}
    return sides, reasons


@dataclass
class _Film:
    """One writing of a film."""

    target: Path
    segments: list[Segment]
    source: FilmInfo
    suffix: str
    encoding: Encoding
    timeline: Timeline
    cut: Cut
    check_cancel: Callable[[], None]
    most_packets: int | None = None

    def __post_init__(self) -> None:
        self.times = FrameTimes(self.segments, self.source)

    def write(self, sides: list[Side], *, with_facts: bool) -> None:
        """Write all packets. Raises NotJoined, OutputError, DamagedSegment."""
        wrapped = any(side.wrapped for side in sides)
        try:
            with open_container(self.source.path) as other, self._first_segment() as first:
                options = _muxer_options(self.suffix, self.source, other)
                with open_output(self.target, FORMATS[self.suffix], wrapped=wrapped, options=options) as output:
                    picture = self._add_streams(output, other, first.streams.video[0], sides)
                    if with_facts:
                        _copy_facts(output, other, self.cut)
                    output.start_encoding()
                    self._mux(output, other, picture, sides)
        except (FFmpegError, ValueError, TypeError, OSError) as error:
            if is_systems_fault(error):
                with writing(self.target):
                    raise
            reason = getattr(error, "strerror", None) or str(error)
            raise NotJoined(reason[:1].lower() + reason[1:]) from error

    def _first_segment(self) -> InputContainer:
        try:
            return av.open(os.path.abspath(self.segments[0].path))  # noqa: PTH100  # a name with a colon is no address
        except FFmpegError as error:
            raise DamagedSegment(0) from error

    def _add_streams(
        self, output: OutputContainer, other: InputContainer, segment: av.VideoStream, sides: list[Side]
    ) -> av.VideoStream:
        """Make the film's streams in the order of the source's."""
        film = film_stream(other, self.source.path)
        rate = self.source.rate if self.times.is_steady(self.source) else None
        waiting = {side.index: side for side in sides}
        picture: av.VideoStream | None = None
        for stream in other.streams:
            if stream.index == film.index:
                picture = _add_picture(output, segment, film, self.source, self.encoding, rate)
            elif stream.index in waiting:
                waiting[stream.index].open(output, stream)
        if picture is None:
            raise OutputError(f"{self.source.path}: the film has changed since it was translated")
        return picture

    def _mux(self, output: OutputContainer, other: InputContainer, picture: av.VideoStream, sides: list[Side]) -> None:
        shift = round(self.cut.shift_s / self.source.time_base)
        packets = heapq.merge(
            _picture_packets(self.segments, self.times, picture, self.source.time_base, shift),
            self._side_packets(other, sides),
            key=lambda timed: timed[0],
        )
        for _, packet in itertools.islice(packets, self.most_packets):
            self.check_cancel()
            output.mux(packet)

    def _side_packets(self, other: InputContainer, sides: list[Side]) -> Iterator[tuple[float, AnyPacket]]:
        timed = {side.index: side for side in sides if not isinstance(side, Attachment)}
        if not timed:
            return
        numbers = dict.fromkeys(timed, 0)
        door = Times()
        packets = other.demux([other.streams[index] for index in timed])
        while True:
            try:
                packet = next(packets)
            except (StopIteration, FFmpegError):  # a damaged end was reported when the pictures were read
                break
            if not packet.size:
                continue
            side = timed[packet.stream_index]
            self.timeline.mend(packet, numbers[side.index])
            numbers[side.index] += 1
            for made in side.take(packet, self.cut):
                yield _ready(door.settled(side, made))
        for side in timed.values():
            for made in side.end(self.cut):
                yield _ready(door.settled(side, made))


def _ready(packet: AnyPacket) -> tuple[float, AnyPacket]:
    return float((packet.dts or 0) * packet.time_base), packet


class FrameTimes:
    """The whole film's frame times, and decoding times that make any container keep them.

    MP4 stores a frame's duration as the distance to the next decoding time. So decoding times are the running sum of
    durations in decoding order, begun early enough that none is later than its frame: every frame comes back with
    its own time and its own duration, reordered frames and variable rates included, also across segments.
    """

    def __init__(self, segments: list[Segment], source: FilmInfo) -> None:
        self.pts = np.concatenate([segment.pts for segment in segments])
        given = np.concatenate([segment.durations for segment in segments])
        self.durations = settle_durations(self.pts, given, source)
        starts = np.cumsum([0] + [len(segment.pts) for segment in segments[:-1]])
        # `order[k]` is the place in the film of the k-th packet.
        self.order = np.concatenate([start + segment.order for start, segment in zip(starts, segments, strict=True)])
        running = self.pts[0] + np.concatenate([[0], np.cumsum(self.durations[self.order])[:-1]])
        self.dts = running - max(0, int((running - self.pts[self.order]).max()))

    def is_steady(self, source: FilmInfo) -> bool:
        """Say whether frames follow each other at one rate, give or take what the clock cannot show."""
        wanted = 1 / (source.rate * source.time_base)
        return bool(np.all(np.abs(np.diff(self.pts) - float(wanted)) <= 1)) if len(self.pts) > 1 else True


def settle_durations(pts: NDArray[np.int64], given: NDArray[np.int64], source: FilmInfo) -> NDArray[np.int64]:
    """Return every frame's duration: the source's own, or the distance to the next frame where that is missing (0).

    Where the source's durations run away from its times by more than a second, the times are right.
    """
    gaps = np.diff(pts)
    usual = max(1, round(1 / (source.rate * source.time_base)))
    last = int(given[-1]) or (int(gaps[-1]) if len(gaps) else usual)
    from_times = np.append(gaps, last).astype(np.int64)
    durations = np.where(given > 0, given, from_times)
    drift = np.abs(np.cumsum(durations)[:-1] - (pts[1:] - pts[0]))
    return from_times if len(drift) and float(drift.max() * source.time_base) > 1 else durations


def _picture_packets(
    segments: list[Segment], times: FrameTimes, stream: av.VideoStream, time_base: Fraction, shift: int
) -> Iterator[tuple[float, AnyPacket]]:
    position = 0
    for number, segment in enumerate(segments):
        first = position
        for packet in _segment_packets(segment, number):
            if position - first == len(segment.pts):
                raise DamagedSegment(number)
            place = times.order[position]
            packet.pts = int(times.pts[place]) + shift
            packet.dts = int(times.dts[position]) + shift
            packet.duration = int(times.durations[place])
            packet.time_base = time_base
            packet.stream = stream
            position += 1
            yield float(packet.dts * time_base), packet
        if position - first != len(segment.pts):
            raise DamagedSegment(number)


def _segment_packets(segment: Segment, number: int) -> Iterator[AnyPacket]:
    try:
        with av.open(os.path.abspath(segment.path)) as container:  # noqa: PTH100  # as above
            packets = container.demux(video=0)
            while (packet := next(packets, None)) is not None:
                if packet.size:  # else the demuxer's last word
                    yield packet
    except FFmpegError as error:
        raise DamagedSegment(number) from error


def _add_picture(
    output: OutputContainer,
    segment: av.VideoStream,
    film: av.VideoStream,
    source: FilmInfo,
    encoding: Encoding,
    rate: Fraction | None,
) -> av.VideoStream:
    stream = output.add_stream_from_template(segment, opaque=True)
    stream.time_base = Fraction(1, _timescale(source))
    if rate:
        stream.codec_context.framerate = rate  # Matroska keeps frames' durations only as this
    if encoding.tag:
        stream.codec_context.codec_tag = encoding.tag
    if source.sample_aspect_ratio:
        stream.codec_context.sample_aspect_ratio = source.sample_aspect_ratio
    if source.display_matrix:
        stream.set_display_matrix(source.display_matrix)
    stream.disposition = film.disposition
    stream.metadata.update(facts(film.metadata))
    if encoding.pix_fmt.startswith("yuva") and encoding.codec in ("vp8", "vp9"):
        stream.metadata["alpha_mode"] = "1"  # which makes players look beside the pictures
    return stream


def _copy_facts(output: OutputContainer, source: InputContainer, cut: Cut) -> None:
    output.metadata.update(facts(source.metadata))
    chapters: list[Chapter] = []
    for chapter in source.chapters():
        base = chapter["time_base"] or Fraction(1, 1000)
        start, end = Fraction(chapter["start"]) * base, Fraction(chapter["end"]) * base
        start, end = max(start, cut.start_s or start), min(end, cut.end_s or end)
        if start < end:
            shift = cut.shift_s / base
            chapter["start"], chapter["end"] = round(start / base + shift), round(end / base + shift)
            chapters.append(chapter)
    if chapters:
        output.set_chapters(chapters)


def _timescale(source: FilmInfo) -> int:
    """Return the ticks a second that hold every time of the source exactly; at least 1000 for old players' sake."""
    ticks = source.time_base.denominator
    return ticks if ticks >= 1000 else ticks * math.ceil(1000 / ticks)


def _muxer_options(suffix: str, source: FilmInfo, other: Container) -> dict[str, str]:
    if suffix not in MP4_FAMILY:
        return {}
    flags = "+faststart"
    if any(key.startswith("com.") for key in other.metadata):
        flags += "+use_metadata_tags"  # Apple's and Android's keys (where, which phone, how fast) have no other place
    # Starts of streams are stored in the whole film's ticks, a thousandth by default: too coarse for sound's.
    common = math.lcm(_timescale(source), *(s.time_base.denominator for s in other.streams.audio if s.time_base))
    options = {"movflags": flags, "video_track_timescale": str(_timescale(source))}
    if common <= _LARGEST_TIMESCALE:
        options["movie_timescale"] = str(common)
    return options


def check_film(path: Path, *, frames: int, streams: int) -> None:
    """Open a finished film again: count its frames and streams, decode the first frame and the last ones.

    Raises:
        NotJoined: the file is not what was to be written.
    """
    try:
        container = open_container(path)
        with container:
            video = film_stream(container, path)
            if len(container.streams) < streams:
                raise NotJoined(f"{len(container.streams)} of {streams} streams were written")
            found, last_key = 0, None
            for packet in container.demux(video):
                if packet.size:
                    found += 1
                    last_key = packet.pts if packet.is_keyframe and packet.pts is not None else last_key
            if found != frames:
                raise NotJoined(f"{found} of {frames} frames were written")
            for time in (None, last_key):
                container.seek(time or 0, stream=video)
                if next(container.decode(video), None) is None:
                    raise NotJoined("what was written cannot be decoded")
    except (FFmpegError, FilmError) as error:
        raise NotJoined(f"what was written cannot be read ({getattr(error, 'strerror', None) or error})") from error
