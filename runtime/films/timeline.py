"""Find where a film's clock jumps, and how far its packets are moved so that time goes on."""

from __future__ import annotations

import bisect
import itertools
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av

    AnyPacket = av.Packet[Any]  # Any: of whichever stream

BACK_S = Fraction(1, 10)  # a step back that is no mere unevenness, and
AHEAD_S = Fraction(10)  # one ahead that is no gap: FFmpeg's own limits
LONGEST_GAP_S = Fraction(30 * 3600)  # in containers whose clock does not start anew, likewise
STRAY_PACKETS = 5  # so many may have lost their way together before the clock is taken to have jumped
AROUND_JUMP = 3  # packets: a demuxer marks those it had in hand
LATE_S = 30  # how far behind a cut's end packets that belong to it may lie
_STARTS_ANEW = frozenset(("mpegts", "mpeg"))  # FFmpeg's AVFMT_TS_DISCONT: joined parts each bring their own clock
_MISSING = np.iinfo(np.int64).min


@dataclass
class Track:
    """A stream's packets in the order of the file: where each stands in the file, and its times in `base`."""

    base: Fraction
    kind: str
    positions: array[int] = field(default_factory=lambda: array("q"))
    decoding: array[int] = field(default_factory=lambda: array("q"))
    shown: array[int] = field(default_factory=lambda: array("q"))
    lengths: array[int] = field(default_factory=lambda: array("q"))


@dataclass
class Moves:
    """How far packets are moved: from packet `starts[n]` of a stream on by `ticks[n]`."""

    starts: list[int] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)
    jumps: list[int] = field(default_factory=list)  # of those, where the clock started anew and did not merely stray

    def of(self, number: int) -> int:
        """Return how far packet `number` is moved."""
        place = bisect.bisect_right(self.starts, number) - 1
        return self.ticks[place] if place >= 0 else 0

    def add(self, start: int, ticks: int, *, is_jump: bool = False) -> None:
        """Move the packets from `start` on."""
        self.starts.append(start)
        self.ticks.append(ticks)
        if is_jump:
            self.jumps.append(start)


@dataclass
class Timeline:
    """What one pass over a film's packets found. Times are the mended ones."""

    film: int  # the picture stream's index
    tracks: dict[int, Track]
    moves: dict[int, Moves]
    first_time_s: Fraction  # where the clock starts

    @property
    def jumps(self) -> bool:
        """Whether any time is moved; such a film cannot be sought in, its times mean several places."""
        return bool(self.moves)

    def mend(self, packet: AnyPacket, number: int) -> None:
        """Move packet `number` of its stream to its true time."""
        moves = self.moves.get(packet.stream_index)
        if moves is None:
            return
        ticks = moves.of(number)
        if packet.pts is not None:
            packet.pts += ticks
        if packet.dts is not None:
            packet.dts += ticks

    def is_at_jump(self, number: int) -> bool:
        """Say whether the picture's clock starts anew beside packet `number`; joined parts are not damaged."""
        moves = self.moves.get(self.film)
        return moves is not None and any(abs(start - number) <= AROUND_JUMP for start in moves.jumps)

    def times(self, index: int) -> NDArray[np.int64]:
        """Return when each packet of a stream is shown, in its time base; those without a time are left out."""
        track = self.tracks[index]
        times = _first_known(track.shown, track.decoding)
        moves = self.moves.get(index)
        if moves is not None:
            places = np.searchsorted(moves.starts, np.arange(len(times)), side="right")
            times = np.where(times == _MISSING, times, times + np.array([0, *moves.ticks])[places])
        return np.asarray(times[times != _MISSING], np.int64)

    def count(self, index: int) -> int:
        """Return how many packets a stream has."""
        return len(self.tracks[index].positions) if index in self.tracks else 0

    def frames(self, start_s: Fraction | None, end_s: Fraction | None) -> int:
        """Return how many pictures lie between two times of the film's clock."""
        if start_s is None and end_s is None:
            return self.count(self.film)
        times, base = self.times(self.film), self.tracks[self.film].base
        inside = np.ones(len(times), bool)
        if start_s is not None:
            inside &= times >= float(start_s / base)
        if end_s is not None:
            inside &= times < float(end_s / base)
        return int(inside.sum())

    @property
    def last_time_s(self) -> float:
        """When the last packet of pictures or sound ends; 0 where nothing has a time."""
        ends = [0.0]
        for index, track in self.tracks.items():
            times = self.times(index)
            if len(times) and track.kind in ("video", "audio"):
                ends.append(float((int(times.max()) + max(0, track.lengths[-1])) * track.base))
        return max(ends)

    def notes(self) -> list[str]:
        """Return a sentence about each stream whose times are mended."""
        notes = []
        for index, moves in sorted(self.moves.items(), key=lambda item: item[0] != self.film):
            track = self.tracks[index]
            first = moves.starts[0]
            time_s = float((_first_known(track.shown, track.decoding)[first] + moves.ticks[0]) * track.base)
            at = f"{max(0.0, time_s - float(self.first_time_s)):.2f} s"
            if index != self.film and moves.jumps and self.film in self.moves:
                continue  # the whole film's clock, said once
            if moves.jumps:
                what = "the film's clock jumps" if index == self.film else f"the times of stream {index} jump"
                notes.append(f"{what} at {at}; what comes after follows without a gap")
            else:
                whose = "the pictures" if index == self.film else f"stream {index} ({track.kind})"
                notes.append(f"some times of {whose} are wrong, the first at {at}; they were corrected")
        return notes


def read_timeline(
    container: InputContainer,
    film: int,
    *,
    end_s: float | None = None,
    check_cancel: Callable[[], None] = lambda: None,
) -> Timeline:
    """Read the times of all packets, nothing decoded, and return how they are to be mended.

    `film` is the index of the picture stream. With `end_s`, a time from the film's start on, reading stops soon behind.
    """
    tracks = {
        stream.index: Track(stream.time_base, stream.type)
        for stream in container.streams
        if stream.time_base and stream.type in ("video", "audio", "subtitle")
    }
    went_on_s, last = 0.0, None
    packets = container.demux()
    for position in range(1 << 62):
        check_cancel()
        try:
            packet = next(packets)
        except (StopIteration, FFmpegError):  # where a film is damaged is said by the one who decodes it
            break
        track = tracks.get(packet.stream_index)
        if track is None or not packet.size:
            continue
        track.positions.append(position)
        track.decoding.append(_MISSING if packet.dts is None else packet.dts)
        track.shown.append(_MISSING if packet.pts is None else packet.pts)
        track.lengths.append(packet.duration or 0)
        if packet.stream_index == film and packet.dts is not None and end_s is not None:
            step_s = float((packet.dts - last) * track.base) if last is not None else 0.0
            last = packet.dts
            went_on_s += step_s if 0 < step_s < AHEAD_S else 0.0
            if went_on_s > end_s + LATE_S:
                break
    starts_anew = not _STARTS_ANEW.isdisjoint(container.format.name.split(","))
    return mended(film, tracks, starts_anew=starts_anew, first_time_us=container.start_time)


def mended(film: int, tracks: dict[int, Track], *, starts_anew: bool, first_time_us: int | None) -> Timeline:
    """Return the timeline of a film: its pictures' jumps, and the other streams' after them."""
    moves: dict[int, Moves] = {}
    pictures = tracks.get(film)
    offsets = [Fraction(0)]
    jumps: list[tuple[int, Fraction]] = []  # places in the file and how far everything behind is moved
    if pictures is not None:
        found = _moves(pictures, offsets, starts_anew=starts_anew)
        if found.starts:
            moves[film] = found
            jumps = [(pictures.positions[start], found.of(start) * pictures.base) for start in found.jumps]
            offsets += [offset for _, offset in jumps]
    for index, track in tracks.items():
        if index == film:
            continue
        if track.kind == "audio":
            found = _moves(track, offsets, starts_anew=starts_anew)
        else:  # too sparse to show by themselves where the clock jumps
            found = Moves()
            for place, offset in jumps:
                start = bisect.bisect_left(track.positions, place)
                if start < len(track.positions):
                    found.add(start, round(offset / track.base), is_jump=True)
        if found.starts:
            moves[index] = found
    if first_time_us is not None:
        first = Fraction(first_time_us, 10**6)
    else:
        firsts = [track.base * int(times[0]) for track in tracks.values() if len(times := _known(track))]
        first = min(firsts, default=Fraction(0))
    return Timeline(film, tracks, moves, first)


def _moves(track: Track, offsets: list[Fraction], *, starts_anew: bool) -> Moves:
    """Return how a stream's times are mended; where its clock jumps, one of the film's `offsets` is taken that fits."""
    moves = Moves()
    # Times of showing jump to and fro between those of decoding, so they count only where there are no others.
    raw = np.array(track.decoding, np.int64)
    if np.all(raw == _MISSING):
        raw = np.array(track.shown, np.int64)
    kept = np.flatnonzero(raw != _MISSING)  # packets without a time follow the one before
    times = raw[kept]
    if len(times) < 2:
        return moves
    steps = np.diff(times)
    back, ahead = int(BACK_S / track.base), int(AHEAD_S / track.base)
    if not np.any((steps < -back) | (steps > ahead)):
        return moves
    forward = steps[(steps > 0) & (steps <= ahead)]
    usual = int(np.median(forward)) if len(forward) else 1
    breaks = np.flatnonzero((steps < -back) | (steps > usual + back)) + 1
    second = int(1 / track.base)
    starts = [0, *breaks.tolist(), len(times)]
    shift, end = 0, int(times[breaks[0] - 1]) + usual
    for start, stop in itertools.pairwise(starts[1:]):
        first, count = int(times[start]), stop - start
        gap = first + shift - end
        if -back <= gap <= ahead:
            end = int(times[stop - 1]) + shift + usual
            continue
        returns = int(times[stop]) + shift - end if stop < len(times) else None
        if count <= STRAY_PACKETS and returns is not None and -back <= returns <= count * usual + second:
            moves.add(int(kept[start]), end - first)
            moves.add(int(kept[stop]), shift)
            continue
        if gap > 0 and not starts_anew and gap * track.base <= LONGEST_GAP_S:
            end = int(times[stop - 1]) + shift + usual
            continue  # a pause, as cameras make them
        known = [round(offset / track.base) for offset in offsets]
        fitting = min(known, key=lambda offset: abs(first + offset - end))
        if not -2 * back <= first + fitting - end <= second:
            fitting = end - first
        if fitting != shift:
            shift = fitting
            moves.add(int(kept[start]), shift, is_jump=True)
        end = int(times[stop - 1]) + shift + usual
    return moves


def _first_known(wanted: array[int], otherwise: array[int]) -> NDArray[np.int64]:
    one, other = np.array(wanted, np.int64), np.array(otherwise, np.int64)
    return np.asarray(np.where(one == _MISSING, other, one), np.int64)


def _known(track: Track) -> NDArray[np.int64]:
    times = _first_known(track.shown, track.decoding)
    return np.asarray(times[times != _MISSING], np.int64)
