"""Carry what is not the picture into a film: sound, subtitles, covers and attachments, copied or stored otherwise."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.filter import Graph
from av.stream import AttachmentStream, Disposition, Stream
from av.subtitles.subtitle import SubtitleSet

from .encoding import FORMATS
from .timeline import Timeline

if TYPE_CHECKING:
    AnyPacket = av.Packet[Any]  # Any: of whichever stream

MP4_FAMILY = (".mp4", ".m4v", ".mov")
# What sound and text become where the container does not take them as they are.
_SOUND = {".mp4": "flac", ".m4v": "flac", ".mov": "pcm", ".mkv": "flac", ".webm": "libopus"}
_TEXT = {".mp4": "mov_text", ".m4v": "mov_text", ".mov": "mov_text", ".mkv": "subrip", ".webm": "webvtt"}
_SAID = {
    "flac": "FLAC",
    "libopus": "Opus",
    "pcm_s16le": "PCM",
    "pcm_s24le": "PCM",
    "mov_text": "MP4 text",
    "subrip": "SubRip",
    "webvtt": "WebVTT",
}
_DEEP_SOUND = ("s32", "s32p", "dbl", "dblp")  # more than 16 bits are kept as 24
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_OPUS_BITS_A_CHANNEL = 96_000
_COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png"), "bmp": ("cover.bmp", "image/bmp")}
NOT_WANTED, NOTHING, NOTHING_HERE = "not wanted", "there is nothing in it", "there is nothing of it in this part"
_TRIED_PACKETS = 40  # of each stream, before the film is begun
_TRIED_BYTES = 64 << 20  # of the source, read for that
_PREROLL_S = 1  # sound that is decoded from its middle needs some before it
_COARSE = ("matroska", "webm", "tee")
_MILLISECOND = Fraction(1, 1000)
_ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""  # noqa: E501  # one line each, by the format


@dataclass(frozen=True)
class Cut:
    """The stretch of the source that is kept, in seconds of its own mended times; `shift_s` is added to every time."""

    start_s: Fraction | None = None
    end_s: Fraction | None = None
    shift_s: Fraction = Fraction(0)

    def keeps(self, time_s: Fraction, duration_s: Fraction) -> bool:
        """Say whether a packet belongs to the cut: its middle lies inside."""
        middle = time_s + duration_s / 2
        return (self.start_s is None or middle >= self.start_s) and (self.end_s is None or middle < self.end_s)


@dataclass
class Side:
    """A stream of the source that goes into the film as it is. One `Side` serves one writing of a film."""

    index: int
    name: str
    wrapped: bool = False  # Matroska takes it as AVI would hold it, which only its muxer knows, not what asks it
    changed: str | None = None  # what it is stored as, where that is not what it was
    is_sound: bool = False
    output: Stream | None = None

    def open(self, output: OutputContainer, stream: Stream) -> None:
        """Make the stream in the film. Raises FFmpegError or ValueError: the container has no place for it."""
        copy = output.add_stream_from_template(stream, opaque=True)
        copy.time_base = stream.time_base
        copy.disposition = stream.disposition
        copy.metadata.update(facts(stream.metadata))
        self.output = copy

    def take(self, packet: AnyPacket, cut: Cut) -> Iterator[AnyPacket]:
        """Turn a packet of the source, its times mended, into packets for the film."""
        time = packet.dts if packet.dts is not None else packet.pts
        if time is None:
            return
        start = packet.pts if packet.pts is not None else time
        if cut.keeps(start * packet.time_base, (packet.duration or 0) * packet.time_base):
            shift = round(cut.shift_s / packet.time_base)
            packet.dts, packet.pts = time + shift, start + shift
            yield packet

    def end(self, cut: Cut) -> Iterator[AnyPacket]:
        """Yield what is left when the source has no more."""
        yield from ()


@dataclass
class Cover(Side):
    """A still picture that belongs to the film and has no time."""

    def take(self, packet: AnyPacket, cut: Cut) -> Iterator[AnyPacket]:
        """Yield the picture, at the start."""
        packet.pts = packet.dts = 0
        yield packet


@dataclass
class Attachment(Side):
    """A file that lies in the film: a font, a cover."""

    file_name: str = "attachment"
    mimetype: str = ""
    data: bytes = b""

    def open(self, output: OutputContainer, stream: Stream) -> None:
        """Put it into the film's header."""
        self.output = output.add_attachment(self.file_name, self.mimetype, self.data)

    def take(self, packet: AnyPacket, cut: Cut) -> Iterator[AnyPacket]:
        """Yield nothing: it is in the header."""
        yield from ()


@dataclass
class Sound(Side):
    """Sound that is decoded and stored without loss, or as Opus where a container takes nothing else."""

    codec: str = "flac"
    _graph: Graph | None = None
    _graph_of: tuple[Any, ...] = ()

    def open(self, output: OutputContainer, stream: Stream) -> None:
        """Open the encoder."""
        context: Any = stream.codec_context  # Any: PyAV's stubs know no layouts of a plain context
        rate = 48000 if self.codec == "libopus" else context.sample_rate
        channels = min(8, context.layout.nb_channels or 2)
        encoder: Any = output.add_stream(self.codec, rate=rate)
        encoder.codec_context.layout = _LAYOUTS[channels]
        encoder.codec_context.time_base = Fraction(1, rate)
        if self.codec == "flac":
            encoder.codec_context.format = "s32" if context.format.name in _DEEP_SOUND else "s16"
        if self.codec == "libopus":
            encoder.codec_context.format = "s16"
            encoder.codec_context.bit_rate = _OPUS_BITS_A_CHANNEL * channels
        encoder.disposition = stream.disposition
        encoder.metadata.update(facts(stream.metadata))
        self.output = encoder

    def take(self, packet: AnyPacket, cut: Cut) -> Iterator[AnyPacket]:
        """Decode, keep what is in the cut, encode. What is damaged becomes silence."""
        time = packet.pts if packet.pts is not None else packet.dts
        if time is not None and cut.start_s is not None and time * packet.time_base < cut.start_s - _PREROLL_S:
            return
        try:
            frames: list[Any] = packet.decode()  # Any: PyAV's stubs take them for pictures
        except FFmpegError:
            return
        for frame in frames:
            if frame.pts is None or frame.time_base is None:
                continue
            start, length = frame.pts * frame.time_base, Fraction(frame.samples, frame.sample_rate)
            if cut.keeps(start, length):
                frame.pts += round(cut.shift_s / frame.time_base)
                yield from self._filtered(frame)

    def end(self, cut: Cut) -> Iterator[AnyPacket]:
        """Drain filter and encoder."""
        yield from self._drained()
        yield from self._encoded(None)

    def _filtered(self, frame: Any) -> Iterator[AnyPacket]:
        kind = (frame.sample_rate, frame.format.name, frame.layout.name, frame.layout.nb_channels)
        if self._graph is not None and kind != self._graph_of:
            yield from self._drained()
        if self._graph is None:
            self._graph, self._graph_of = self._new_graph(frame), kind
        self._graph.push(frame)
        yield from self._pulled()

    def _new_graph(self, frame: Any) -> Graph:
        """Return a filter that gives the encoder its format, with silence where the source has gaps."""
        encoder: Any = self.output
        context = encoder.codec_context
        graph = Graph()
        steps = [
            graph.add_abuffer(
                sample_rate=frame.sample_rate,
                format=frame.format.name,
                layout=frame.layout.name,
                time_base=frame.time_base,
            ),
            graph.add("aresample", "async=1:min_hard_comp=0.05"),
            graph.add(
                "aformat",
                f"sample_fmts={context.format.name}:sample_rates={context.sample_rate}:"
                f"channel_layouts={context.layout.name}",
            ),
        ]
        if context.frame_size:
            steps.append(graph.add("asetnsamples", f"n={context.frame_size}:p=0"))
        steps.append(graph.add("abuffersink"))
        for one, other in itertools.pairwise(steps):
            one.link_to(other)
        graph.configure()
        return graph

    def _pulled(self) -> Iterator[AnyPacket]:
        while self._graph is not None:
            try:
                frame = self._graph.pull()
            except (BlockingIOError, EOFError):
                return
            yield from self._encoded(frame)

    def _drained(self) -> Iterator[AnyPacket]:
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pulled()
            self._graph = None

    def _encoded(self, frame: Any) -> Iterator[AnyPacket]:
        encoder: Any = self.output
        yield from encoder.codec_context.encode(frame)


@dataclass
class Text(Side):
    """Subtitles of text, in the container's own kind."""

    codec: str = "subrip"

    def open(self, output: OutputContainer, stream: Stream) -> None:
        """Open the encoder with the source's styles."""
        source: Any = stream.codec_context  # Any: PyAV's stubs give a plain context no subtitle header
        source.open(strict=False)
        encoder: Any = output.add_stream(self.codec)
        encoder.codec_context.subtitle_header = source.subtitle_header or _ASS_HEADER
        encoder.codec_context.time_base = encoder.time_base = _MILLISECOND
        encoder.disposition = stream.disposition
        encoder.metadata.update(facts(stream.metadata))
        self.output = encoder

    def take(self, packet: AnyPacket, cut: Cut) -> Iterator[AnyPacket]:
        """Turn one text into the other kind; empty ones only say that there is none."""
        if packet.pts is None:
            return
        start, length = packet.pts * packet.time_base, (packet.duration or 0) * packet.time_base
        if not cut.keeps(start, length):
            return
        encoder: Any = self.output
        begin, duration = round((start + cut.shift_s) / _MILLISECOND), round(length / _MILLISECOND)
        for subtitle in packet.decode():
            text = getattr(subtitle, "ass", b"")
            if not text:
                raise ValueError("these subtitles are pictures, not text")
            kept = SubtitleSet.create(text=text, start=0, end=duration, pts=begin)
            made = encoder.codec_context.encode_subtitle(kept)
            made.time_base, made.pts, made.dts, made.duration = _MILLISECOND, begin, begin, duration
            yield made


@dataclass
class SidePlan:
    """Which of the source's streams a film gets, and how; `dropped` are sentences about the others."""

    sides: list[Side] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # what the muxer writes by itself

    @property
    def said(self) -> list[str]:
        """Sentences about what is stored otherwise than it was."""
        return [f"{side.name}: {side.changed}" for side in self.sides if side.changed]


def plan_sides(
    source: InputContainer, film: int, *, suffix: str, keep_audio: bool, timeline: Timeline, cut: Cut, folder: Path
) -> SidePlan:
    """Return what becomes of the streams beside the picture, each tried on its first packets in `folder`."""
    plan = SidePlan()
    samples = _first_packets(source, film)
    for stream in source.streams:
        if stream.index == film:
            continue
        name = describe_stream(stream)
        reason = _unwanted(stream, suffix, keep_audio, timeline, cut)
        if reason is not None:
            plan.dropped.append(f"{name}: {reason}")
        elif stream.type == "data" and "timecode" in stream.metadata:
            plan.kept.append(name)  # written from the picture's own facts
        elif side := _fitting(source, stream, name, suffix, samples.get(stream.index, []), folder):
            plan.sides.append(side)
        else:
            plan.dropped.append(f"{name}: {suffix} cannot hold it")
    return plan


def lost_sound(dropped: Iterable[str]) -> bool:
    """Say whether sound that was wanted is among the streams that are left out."""
    return any(
        "(audio" in sentence and not sentence.endswith((NOT_WANTED, NOTHING, NOTHING_HERE)) for sentence in dropped
    )


def _unwanted(stream: Stream, suffix: str, keep_audio: bool, timeline: Timeline, cut: Cut) -> str | None:
    is_cover = bool(stream.disposition & Disposition.attached_pic)
    if stream.type == "audio" and not keep_audio:
        return NOT_WANTED
    if stream.type == "video" and not is_cover:
        return "only the first picture stream is translated"
    if stream.type == "data":
        if "timecode" not in stream.metadata:
            return "data of this kind is not copied"  # a phone's own, whose meaning FFmpeg does not know
        return None if suffix != ".webm" else f"{suffix} cannot hold it"
    if stream.type not in ("audio", "video", "subtitle", "attachment"):
        return f"{suffix} cannot hold it"
    if stream.type in ("audio", "subtitle") and not _is_in(stream.index, timeline, cut):
        return NOTHING_HERE if timeline.count(stream.index) else NOTHING
    return None


def _is_in(index: int, timeline: Timeline, cut: Cut) -> bool:
    """Say whether a stream has anything in the cut."""
    if cut.start_s is None and cut.end_s is None:
        return timeline.count(index) > 0
    base, lengths = timeline.tracks[index].base, timeline.tracks[index].lengths
    times = timeline.times(index)
    whole = len(times) == len(lengths)
    return any(
        cut.keeps(int(time) * base, (lengths[number] if whole else 0) * base) for number, time in enumerate(times)
    )


def _fitting(
    source: InputContainer, stream: Stream, name: str, suffix: str, packets: list[AnyPacket], folder: Path
) -> Side | None:
    for side in _candidates(source, stream, name, suffix, packets):
        if _works(side, stream, suffix, packets, folder):
            return side
    return None


def _candidates(
    source: InputContainer, stream: Stream, name: str, suffix: str, packets: list[AnyPacket]
) -> Iterator[Side]:
    """Yield the ways to keep a stream, the best one first."""
    if isinstance(stream, AttachmentStream):
        if suffix == ".mkv":
            file_name = stream.metadata.get("filename", "attachment")
            yield Attachment(
                stream.index, name, file_name=file_name, mimetype=stream.mimetype or "", data=bytes(stream.data)
            )
        return
    if stream.codec_context is None:
        return
    if stream.type == "video":
        if suffix == ".mkv" and packets:
            usual = _COVERS.get(stream.codec_context.name, ("cover", "application/octet-stream"))
            yield Attachment(
                stream.index,
                name,
                data=bytes(packets[0]),
                file_name=stream.metadata.get("filename", usual[0]),
                mimetype=stream.metadata.get("mimetype", usual[1]),
            )
        elif suffix in MP4_FAMILY:
            yield Cover(stream.index, name)
        return
    is_sound = stream.type == "audio"
    yield Side(stream.index, name, is_sound=is_sound)
    if suffix == ".mkv" and stream.type == "audio" and not source.chapters():
        yield Side(stream.index, name, wrapped=True, is_sound=True)  # this way chapters would be lost
    if stream.type == "audio":
        codec = _SOUND[suffix]
        if codec == "pcm":
            context: Any = stream.codec_context  # Any: PyAV's stubs give a plain context no sample format
            codec = "pcm_s24le" if context.format and context.format.name in _DEEP_SOUND else "pcm_s16le"
        yield Sound(stream.index, name, is_sound=True, codec=codec, changed=_changed(codec, suffix))
    elif stream.type == "subtitle":
        yield Text(stream.index, name, codec=_TEXT[suffix], changed=_changed(_TEXT[suffix], suffix))


def _changed(codec: str, suffix: str) -> str:
    return f"stored as {_SAID[codec]}, because {suffix} cannot hold it as it is"


def _first_packets(source: InputContainer, film: int) -> dict[int, list[AnyPacket]]:
    """Return the first packets of each stream but the picture's; reads no more than the film's beginning."""
    found: dict[int, list[AnyPacket]] = {stream.index: [] for stream in source.streams if stream.index != film}
    wanted = {index for index in found if source.streams[index].type in ("audio", "subtitle", "video")}
    read = 0
    packets = source.demux()
    while wanted and read < _TRIED_BYTES:
        try:
            packet = next(packets)
        except (StopIteration, FFmpegError):
            break
        read += packet.size
        if packet.size and packet.stream_index in wanted:
            found[packet.stream_index].append(packet)
            if len(found[packet.stream_index]) == _TRIED_PACKETS:
                wanted.discard(packet.stream_index)
    return found


def _works(side: Side, stream: Stream, suffix: str, packets: list[AnyPacket], folder: Path) -> bool:
    """Say whether a stream can be kept this way, by writing its first packets."""
    side, path = replace(side), folder / f"trial{suffix}"
    times = Times()
    try:
        with open_output(path, FORMATS[suffix], wrapped=side.wrapped) as output:
            side.open(output, stream)
            output.start_encoding()
            for packet in packets:
                made = [times.settled(side, one) for one in side.take(_copied(packet), Cut())]
                if not isinstance(side, Attachment):
                    output.mux(made)
            output.mux([times.settled(side, one) for one in side.end(Cut())])
    except (FFmpegError, ValueError, TypeError):
        return False
    finally:
        path.unlink(missing_ok=True)
    return True


def _copied(packet: AnyPacket) -> AnyPacket:
    """Return a packet that can be changed while `packet` is tried again."""
    copy = av.Packet(bytes(packet))
    copy.stream = packet.stream
    copy.time_base, copy.pts, copy.dts, copy.duration = packet.time_base, packet.pts, packet.dts, packet.duration
    copy.is_keyframe = packet.is_keyframe
    for data in packet.iter_sidedata():
        copy.set_sidedata(data)
    return copy


class Times:
    """The muxer's door: within a stream, decoding times rise by at least a tick and none is later than its frame."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    def settled(self, side: Side, packet: AnyPacket) -> AnyPacket:
        """Give a packet its stream in the film and times that the muxer takes."""
        output = side.output
        if output is None or isinstance(side, Attachment):
            return packet
        base = output.time_base or packet.time_base
        time, start = packet.dts, packet.pts
        if time is None or start is None:
            time = start = time if start is None else start
        duration = round((packet.duration or 0) * packet.time_base / base)
        due = round((time or 0) * packet.time_base / base)
        last = self._last.get(side.index)
        if last is not None:
            # Matroska lets packets stand together on one of its milliseconds.
            due = max(due, last if output.container.format.name in _COARSE else last + 1)
        self._last[side.index] = due
        packet.pts = max(due, round((start or 0) * packet.time_base / base))
        packet.dts, packet.duration, packet.time_base = due, duration, base
        packet.stream = output
        return packet


def open_output(
    path: Path, file_format: str, *, wrapped: bool = False, options: dict[str, str] | None = None
) -> OutputContainer:
    """Return a container to write to. `wrapped` goes by FFmpeg's tee, which asks the muxer itself what it can hold."""
    name = os.path.abspath(path)  # noqa: PTH100  # a name with a colon is no address once it begins with a slash
    if not wrapped:
        return av.open(name, "w", format=file_format, container_options=options or {})
    escaped = "".join(f"\\{letter}" if letter in "\\'|[] " else letter for letter in name)
    return av.open(f"[f={file_format}]{escaped}", "w", format="tee")


def describe_stream(stream: Stream) -> str:
    """Return a stream's number, kind, codec, language and title in words."""
    codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else ""
    parts = [stream.type, codec, stream.metadata.get("language", ""), stream.metadata.get("title", "")]
    return f"stream {stream.index} ({', '.join(part for part in parts if part and part != 'und')})"


# Facts about the old file that would be wrong, or written twice, in the new one.
_STALE_FACTS = frozenset(("major_brand", "minor_version", "compatible_brands", "encoder", "alpha_mode", "duration"))


def facts(metadata: dict[str, str]) -> dict[str, str]:
    """Leave out what the old encoder and muxer said of themselves."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _STALE_FACTS and not key.upper().startswith(("_STATISTICS", "BPS", "NUMBER_OF_"))
    }
