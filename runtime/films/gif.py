"""Write an animated GIF with a palette of its own for every frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError
from av.filter import Graph

from .join import DamagedSegment, FrameTimes, StreamReport
from .reader import FilmInfo, film_stream, open_container
from .segment_writer import Segment, writing
from .sides import describe_stream, open_output

CENTISECOND = Fraction(1, 100)


def join_gif(
    target: Path,
    segments: list[Segment],
    source: FilmInfo,
    *,
    keep_audio: bool = True,
    check_cancel: Callable[[], None] = lambda: None,
) -> StreamReport:
    """Write the segments' pictures as one GIF that loops for ever, each frame with the 256 colors that suit it best.

    Frames keep their times to the hundredth of a second that GIF knows. Raises OutputError.
    """
    times = FrameTimes(segments, source)
    origin = times.pts[0]
    with writing(target), open_output(target, "gif") as output:
        stream = output.add_stream("gif", rate=100)
        stream.time_base = stream.codec_context.time_base = CENTISECOND
        stream.pix_fmt = "pal8"
        graph: Graph | None = None
        for number, frame in enumerate(_frames(segments)):
            check_cancel()
            if graph is None:
                stream.height, stream.width = frame.height, frame.width
                graph = _palette_graph(frame)
            graph.push(frame)
            paletted = graph.vpull()
            start = round(int(times.pts[number] - origin) * source.time_base / CENTISECOND)
            end = int(times.pts[number] - origin + times.durations[number]) * source.time_base / CENTISECOND
            paletted.pts, paletted.time_base = start, CENTISECOND
            paletted.duration = max(1, round(end) - start)
            for packet in stream.encode(paletted):
                packet.duration = paletted.duration
                output.mux(packet)
        output.mux(stream.encode(None))
    return StreamReport(dropped=_dropped(source, keep_audio=keep_audio))


def _dropped(source: FilmInfo, *, keep_audio: bool) -> list[str]:
    with open_container(source.path) as container:
        film = film_stream(container, source.path)
        return [
            f"{describe_stream(stream)}: "
            + ("not wanted" if stream.type == "audio" and not keep_audio else ".gif holds pictures only")
            for stream in container.streams
            if stream.index != film.index
        ]


def _frames(segments: list[Segment]) -> Iterator[av.VideoFrame]:
    for number, segment in enumerate(segments):
        try:
            with av.open(os.path.abspath(segment.path)) as container:  # noqa: PTH100  # a name with a colon is no address
                yield from container.decode(video=0)
        except FFmpegError as error:
            raise DamagedSegment(number) from error


def _palette_graph(frame: av.VideoFrame) -> Graph:
    """Return split → a palette for each frame → that palette used, dithered; memory for one frame at a time."""
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=CENTISECOND)
    split = graph.add("split")
    make = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
    use = graph.add("paletteuse", "new=1:dither=sierra2_4a")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(make, 1, 0)
    make.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph
