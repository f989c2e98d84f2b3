"""Join a film's segments with the sound, subtitles, chapters and facts of its source, and check the result."""

from __future__ import annotations

import heapq
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.container import Container, InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import AttachmentStream, Disposition, Stream
from numpy.typing import NDArray

from cgconv.runtime.errors import OutputError

from .encoding import FORMATS, Encoding
from .reader import FilmInfo, film_stream, open_container
from .writer import Segment, writing

if TYPE_CHECKING:
    from av.container.core import Chapter  # only in PyAV's stubs

    AnyPacket = av.Packet[Any]  # Any: of whichever stream

# Facts about the old file that would be wrong, or written twice, in the new one.
_STALE_FACTS = frozenset(("major_brand", "minor_version", "compatible_brands", "encoder", "alpha_mode", "duration"))
_LARGEST_TIMESCALE = 10_000_000


@dataclass
class StreamReport:
    """What became of the source's streams, in words."""

    kept: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Cut:
    """The stretch of the source that is kept, in seconds of its own timestamps; `shift_s` is added to every time."""

    start_s: Fraction | None = None
    end_s: Fraction | None = None

    @property
    def shift_s(self) -> Fraction:
        """What moves all streams alike, so that a cut film begins at 0."""
        return -self.start_s if self.start_s is not None else Fraction(0)

    def keeps(self, time_s: Fraction, duration_s: Fraction) -> bool:
        """Say whether a packet belongs to the cut: its middle lies inside."""
        middle = time_s + duration_s / 2
        return (self.start_s is None or middle >= self.start_s) and (self.end_s is None or middle < self.end_s)


def join_film(
    target: Path,
    segments: list[Segment],
    source: FilmInfo,
    *,
    suffix: str,
    encoding: Encoding,
    keep_audio: bool = True,
    cut: Cut | None = None,
    check_cancel: Callable[[], None] = lambda: None,
) -> StreamReport:
    """Write the film: the segments' pictures at their true times, and everything else copied from the source.

    Packets of sound and subtitles are the source's, byte for byte; in a cut those are kept that begin in it, to the
    nearest packet. `check_cancel` is called for every packet and may raise.

    Raises:
        OutputError: disk full, no permission.
    """
    cut = cut or Cut()
    times = FrameTimes(segments, source)
    report = StreamReport()
    with writing(target), open_container(source.path) as other, open_container(segments[0].path) as first:
        film = film_stream(other, source.path)
        options = _muxer_options(suffix, source, other)
        with av.open(str(target), "w", format=FORMATS[suffix], container_options=options) as output:
            copies: dict[int, Stream] = {}
            rate = source.rate if times.is_steady(source) else None
            for stream in other.streams:
                if stream.index == film.index:
                    picture = _add_picture(output, first.streams.video[0], film, source, encoding, rate)
                else:
                    _copy_stream(output, stream, suffix, keep_audio, copies, report)
            _copy_facts(output, other, cut)
            output.start_encoding()
            packets = heapq.merge(
                _picture_packets(segments, times, picture, source.time_base, cut.shift_s),
                _copied_packets(other, copies, cut),
                key=lambda timed: timed[0],
            )
            for _, packet in packets:
                check_cancel()
                output.mux(packet)
    return report


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
    segments: list[Segment], times: FrameTimes, stream: av.VideoStream, time_base: Fraction, shift_s: Fraction
) -> Iterator[tuple[float, AnyPacket]]:
    shift = round(shift_s / time_base)
    position = 0
    for segment in segments:
        first = position
        with open_container(segment.path) as container:
            for packet in container.demux(video=0):
                if not packet.size:
                    continue  # the demuxer's last word
                place = times.order[position]
                packet.pts = int(times.pts[place]) + shift
                packet.dts = int(times.dts[position]) + shift
                packet.duration = int(times.durations[place])
                packet.time_base = time_base
                packet.stream = stream
                position += 1
                yield float(packet.dts * time_base), packet
        if position - first != len(segment.pts):
            raise OutputError(f"{segment.path}: this segment is damaged; delete its folder and start again")


def _copied_packets(source: InputContainer, copies: dict[int, Stream], cut: Cut) -> Iterator[tuple[float, AnyPacket]]:
    if not copies:
        return
    wanted = [source.streams[index] for index in copies]
    packets = source.demux(wanted)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, FFmpegError):  # a damaged end of the source was reported when its pictures were read
            return
        time = packet.dts if packet.dts is not None else packet.pts
        if time is None or not packet.size:
            continue
        start = packet.pts if packet.pts is not None else time
        is_cover = packet.stream.type == "video"
        if not is_cover and not cut.keeps(start * packet.time_base, (packet.duration or 0) * packet.time_base):
            continue
        shift = 0 if is_cover else round(cut.shift_s / packet.time_base)
        packet.dts = time + shift
        packet.pts = start + shift
        packet.stream = copies[packet.stream.index]
        yield float(packet.dts * packet.time_base), packet


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
    stream.metadata.update(_facts(film.metadata))
    return stream


def _copy_stream(
    output: OutputContainer,
    stream: Stream,
    suffix: str,
    keep_audio: bool,
    copies: dict[int, Stream],
    report: StreamReport,
) -> None:
    name = describe_stream(stream)
    if stream.type == "audio" and not keep_audio:
        report.dropped.append(f"{name}: not wanted")
    elif isinstance(stream, AttachmentStream):
        if suffix == ".mkv":
            output.add_attachment(stream.metadata.get("filename", "attachment"), stream.mimetype or "", stream.data)
            report.kept.append(name)
        else:
            report.dropped.append(f"{name}: {suffix} has no place for it")
    elif stream.type == "video" and not stream.disposition & Disposition.attached_pic:
        report.dropped.append(f"{name}: only the first picture stream is translated")
    elif stream.type in ("audio", "subtitle", "video") and _can_hold(suffix, stream):
        copy = output.add_stream_from_template(stream, opaque=True)
        copy.time_base = stream.time_base
        copy.disposition = stream.disposition
        copy.metadata.update(_facts(stream.metadata))
        copies[stream.index] = copy
        report.kept.append(name)
    else:
        report.dropped.append(f"{name}: {suffix} cannot hold it")


def _can_hold(suffix: str, stream: Stream) -> bool:
    """Say whether a container takes a stream as it is, by writing a header to nowhere."""
    if stream.codec_context is None:
        return False
    try:
        with av.open(io.BytesIO(), "w", format=FORMATS[suffix]) as trial:
            copy = trial.add_stream_from_template(stream, opaque=True)
            copy.time_base = stream.time_base
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True


def describe_stream(stream: Stream) -> str:
    codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else ""
    parts = [stream.type, codec, stream.metadata.get("language", ""), stream.metadata.get("title", "")]
    return f"stream {stream.index} ({', '.join(part for part in parts if part and part != 'und')})"


def _copy_facts(output: OutputContainer, source: InputContainer, cut: Cut) -> None:
    output.metadata.update(_facts(source.metadata))
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


def _facts(metadata: dict[str, str]) -> dict[str, str]:
    """Leave out what the old encoder and muxer said of themselves."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _STALE_FACTS and not key.upper().startswith(("_STATISTICS", "BPS", "NUMBER_OF_"))
    }


def _timescale(source: FilmInfo) -> int:
    """Return the ticks a second that hold every time of the source exactly; at least 1000 for old players' sake."""
    ticks = source.time_base.denominator
    return ticks if ticks >= 1000 else ticks * math.ceil(1000 / ticks)


def _muxer_options(suffix: str, source: FilmInfo, other: Container) -> dict[str, str]:
    if suffix not in (".mp4", ".m4v", ".mov"):
        return {}
    flags = "+faststart"
    if any(key.startswith("com.apple.") for key in other.metadata):
        flags += "+use_metadata_tags"  # Apple's own keys, where and by which phone, have no other place
    # Starts of streams are stored in the whole film's ticks, a thousandth by default: too coarse for sound's.
    common = math.lcm(_timescale(source), *(s.time_base.denominator for s in other.streams.audio if s.time_base))
    options = {"movflags": flags, "video_track_timescale": str(_timescale(source))}
    if common <= _LARGEST_TIMESCALE:
        options["movie_timescale"] = str(common)
    return options


def check_film(path: Path, *, frames: int, streams: int) -> None:
    """Open a finished film again: count its frames and streams, decode the first frame and the last ones.

    Raises:
        OutputError: the file is not what was to be written.
    """
    container = open_container(path)
    with container:
        video = film_stream(container, path)
        if len(container.streams) < streams:
            raise OutputError(f"{path.name}: {len(container.streams)} of {streams} streams were written")
        found, last_key = 0, None
        for packet in container.demux(video):
            if packet.size:
                found += 1
                last_key = packet.pts if packet.is_keyframe and packet.pts is not None else last_key
        if found != frames:
            raise OutputError(f"{path.name}: {found} of {frames} frames were written; is the disk full?")
        for time in (None, last_key):
            container.seek(time or 0, stream=video)
            try:
                decoded = next(container.decode(video), None)
            except FFmpegError as error:
                raise OutputError(f"{path.name}: what was written cannot be decoded ({error.strerror})") from error
            if decoded is None:
                raise OutputError(f"{path.name}: what was written cannot be decoded")
