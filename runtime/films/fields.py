"""Tell films whose frames hold two moments (interlaced, telecined), and make whole frames of them by libavfilter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import av
from av.error import EOFError as NoMoreFrames
from av.filter import Graph

from cgconv.runtime.choices import FieldRate

SMALLEST_PX = 8  # a side: bwdif and its relatives refuse two columns or three lines
LOOK_AT_FRAMES = 75  # three seconds of PAL
LOOK_LONGER_FRAMES = 300  # where too little moves in those
FEW_MOVING = 10
FEW_COMBED = 6  # without flags, fewer say nothing: fine patterns in a film of a few frames look combed
LEAST_COMBED = 0.2  # of the frames in which something moves; single fast objects look combed, too
LEAST_REPEATED = 0.12  # of the frames, for either field: 3:2 pulldown repeats each in one frame of five
SURE = 0.8  # share of one order of fields over which pictures are believed, and not the flags
FRAMES_AROUND = 4  # that bwdif looks at, about a frame
EVEN = Fraction(1, 30)  # a clock for filters that want an even one; true times are kept beside it
CYCLE, KEPT = 5, 4  # of 5 telecined frames 4 are the film's


class Scan(StrEnum):
    """What a film's frames are."""

    PROGRESSIVE = "progressive"
    INTERLACED = "interlaced"
    TELECINED = "telecined"


@dataclass(frozen=True)
class Fields:
    """How a film's fields lie in its frames. `parity` is tff, bff or auto (each frame says it itself)."""

    scan: Scan = Scan.PROGRESSIVE
    parity: str = "auto"
    are_flagged: bool = False  # frames say whether they are interlaced

    def said(self, rate: FieldRate) -> str | None:
        """Return a sentence on what is done about the fields, None where nothing is."""
        if self.scan is Scan.PROGRESSIVE:
            return None
        leave = "(--deinterlace off leaves them as they are)"
        if self.scan is Scan.TELECINED:
            return f"the film is telecined, 24 frames a second spread over 30: the 24 are taken back {leave}"
        order = {"tff": "top field first", "bff": "bottom field first"}.get(self.parity, "in the order its frames say")
        made = "every field" if rate is FieldRate.FULL else "each two fields"
        return f"the film is interlaced, {order}: a whole frame is made of {made} {leave}"


def find_fields(frames: Iterable[av.VideoFrame], *, forced: bool = False) -> Fields:
    """Judge a film by its first frames: their flags, and what idet sees in them. Where nothing moves, flags decide.

    `forced` calls nothing progressive. Frames so small that the filters do not take them are.
    """
    flagged = seen = 0
    orders, repeated = Counter[str](), Counter[str]()
    for frame, found in _looked_at(frames):
        if min(frame.width, frame.height) < SMALLEST_PX:
            return Fields()
        seen += 1
        flagged += frame.interlaced_frame
        orders[found["lavfi.idet.multiple.current_frame"]] += 1
        repeated[found["lavfi.idet.repeated.current_frame"]] += 1
        moving = seen - orders["undetermined"]
        if seen >= LOOK_LONGER_FRAMES or (seen >= LOOK_AT_FRAMES and moving >= FEW_MOVING):
            break
    combed, whole = orders["tff"] + orders["bff"], orders["progressive"]
    parity = "auto"
    if combed and (not flagged or max(orders["tff"], orders["bff"]) >= SURE * combed):
        parity = "tff" if orders["tff"] >= orders["bff"] else "bff"
    if combed and min(repeated["top"], repeated["bottom"]) >= max(2, LEAST_REPEATED * seen):
        return Fields(Scan.TELECINED, parity, flagged > 0)
    enough = 2 if flagged else FEW_COMBED
    is_combed = combed >= max(enough, LEAST_COMBED * (combed + whole)) and (flagged > 0 or combed > whole)
    if forced or is_combed or (flagged and not combed + whole):
        return Fields(Scan.INTERLACED, parity, flagged > 0 and not forced)
    return Fields()


def _looked_at(frames: Iterable[av.VideoFrame]) -> Iterator[tuple[av.VideoFrame, dict[str, str]]]:
    """Yield frames with what idet says of each."""
    waiting: list[av.VideoFrame] = []
    graph: _Chain | None = None
    for frame in frames:
        if graph is None:
            graph = _Chain(frame, [("idet", "")])
        elif not graph.fits(frame):
            break
        waiting.append(frame)
        for judged in graph.push(frame):
            yield waiting.pop(0), judged.metadata
    if graph is not None:
        yield from ((waiting.pop(0), judged.metadata) for judged in graph.push(None))


class WholeFrames:
    """Makes progressive frames of a film's: one of each, one of each field, or 4 of 5 telecined ones.

    `finer` is by how much times are finer than the film's own.
    """

    def __init__(self, fields: Fields, rate: FieldRate, base: Fraction, *, threads: int = 0) -> None:
        self._fields, self._base, self._threads = fields, base, threads
        self._is_full = rate is FieldRate.FULL and fields.scan is Scan.INTERLACED
        self._is_telecined = fields.scan is Scan.TELECINED
        self.finer = 2 if self._is_full else KEPT if self._is_telecined else 1
        self.factor = Fraction(2) if self._is_full else Fraction(KEPT, CYCLE) if self._is_telecined else Fraction(1)

    @property
    def first_needed(self) -> int | None:
        """How many frames before the first wanted one are needed; None: all, because frames are left out by count."""
        return None if self._is_telecined else FRAMES_AROUND

    def of(self, frames: Iterable[tuple[av.VideoFrame, int]]) -> Iterator[tuple[av.VideoFrame, int, int]]:
        """Yield whole frames with times and durations, in `finer` ticks, of frames whose times rise strictly."""
        chain: _Chain | None = None
        times: list[int] = []
        for frame, pts in frames:
            if chain is not None and not chain.fits(frame):
                yield from self._timed(chain.push(None), times)
                chain = None
            if chain is None:
                base = EVEN if self._is_telecined else self._base
                chain, times, self._made = _Chain(frame, self._filters(), base, self._threads), [], 0
            times.append(pts)
            frame.pts, frame.time_base = (len(times), EVEN) if self._is_telecined else (pts, self._base)
            yield from self._timed(chain.push(frame), times)
        if chain is not None:
            yield from self._timed(chain.push(None), times)

    def _filters(self) -> list[tuple[str, str]]:
        parity, deint = self._fields.parity, "interlaced" if self._fields.are_flagged else "all"
        if self._is_telecined:  # what remains combed is marked by fieldmatch
            rest = ("bwdif", f"mode=send_frame:parity={parity}:deint=interlaced")
            return [("fieldmatch", f"order={parity}:combmatch=full"), rest, ("decimate", f"cycle={CYCLE}")]
        return [("bwdif", f"mode={'send_field' if self._is_full else 'send_frame'}:parity={parity}:deint={deint}")]

    def _timed(self, frames: Iterable[av.VideoFrame], times: list[int]) -> Iterator[tuple[av.VideoFrame, int, int]]:
        for frame in frames:
            if not self._is_telecined:
                tick = (frame.time_base or self._base) * self.finer / self._base
                yield frame, round((frame.pts or 0) * tick), round(max(0, frame.duration or 0) * tick)
                continue
            cycle, place = divmod(self._made, KEPT)  # the film's frames lie evenly in each five
            self._made += 1
            start = times[min(cycle * CYCLE, len(times) - 1)]
            usual = (times[-1] - times[0]) // max(1, len(times) - 1)
            after = (cycle + 1) * CYCLE
            end = times[after] if after < len(times) else start + CYCLE * usual
            yield frame, start * KEPT + place * (end - start), end - start


class _Chain:
    """Filters of libavfilter in a row, for frames of one size and format."""

    def __init__(
        self, frame: av.VideoFrame, filters: list[tuple[str, str]], base: Fraction | None = None, threads: int = 1
    ) -> None:
        self._shape = (frame.width, frame.height, frame.format.name)
        self._graph = Graph()
        self._graph.threads = threads
        base = base or frame.time_base or EVEN
        width, height, pix_fmt = self._shape
        shape = f"video_size={width}x{height}:pix_fmt={pix_fmt}"
        last = self._graph.add("buffer", f"{shape}:time_base={base}:frame_rate={1 / EVEN}")  # decimate wants a rate
        for name, arguments in filters:
            made = self._graph.add(name, arguments)
            last.link_to(made)
            last = made
        last.link_to(self._graph.add("buffersink"))
        self._graph.configure()

    def fits(self, frame: av.VideoFrame) -> bool:
        """Say whether a frame has the size and format that the filters are set up for."""
        return self._shape == (frame.width, frame.height, frame.format.name)

    def push(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Give a frame in, None at the end, and yield those that come out."""
        self._graph.vpush(frame)
        while True:
            try:
                yield self._graph.vpull()
            except (BlockingIOError, NoMoreFrames):
                return
