"""Translate every n-th frame of a film, and fill in the others along the motion between two that are translated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cgconv.runtime.errors import UsageError
from cgconv.runtime.opencv import cv2
from cgconv.runtime.steady import Between, MotionFinder, Steadier, as_sharp, carried_along, small_copy

from .colors import Image
from .reader import FilmFrame

LARGEST_EVERY = 8
HALF_A_LEVEL = 0.5 / 255
HOLE_PX = 9  # squares of a small copy: where neither frame shows more than half of one, nothing is filled in
LITTLE = np.float32(1e-3)  # what a place counts that neither shows


def check_every(every: int) -> None:
    """Raise UsageError where `every` is out of range."""
    if not 1 <= every <= LARGEST_EVERY:
        raise UsageError(f"--every is {every}, expected 1 to {LARGEST_EVERY}")


class Grouper:
    """Decides what becomes of each frame: translated, filled in, or what the one before became.

    Frames come in groups of `every` different ones, of which the last is translated, and each other one that the
    translated frames around it do not show. `last` is the last frame of all and `begun_pts` its time, None and 0
    before any; `motions` follows the translated frames, None where nobody asks.
    """

    def __init__(self, every: int, motions: MotionFinder | None, last: Image | None = None, begun_pts: int = 0) -> None:
        self._every, self._motions = every, motions
        self._seen, self._begun_pts = last, begun_pts
        self._last_copy = None if last is None else small_copy(last)
        self._between = MotionFinder().between
        self._group: list[FilmFrame] = []

    def take(self, frame: FilmFrame) -> list[FilmFrame]:
        """Take the next frame; return those that are decided by it, in order."""
        before, self._seen = self._seen, frame.to_translate
        is_new = before is None or not shows_the_same(before, frame.to_translate)
        self._group.append(replace(frame, repeats=not is_new))
        count = sum(not one.repeats for one in self._group)
        return self.end() if before is None or count in (0, self._every) else []

    def end(self) -> list[FilmFrame]:
        """Return the frames of a group that no more come to, decided."""
        group, self._group = self._group, []
        if not group:
            return []
        new = [one for one in group if not one.repeats]
        if self._every == 1:
            decided = [self._moved(one) for one in new]
        else:
            copies = [small_copy(one.to_translate) for one in new]
            decided = self._decide(new, copies, self._last_copy, self._begun_pts)
            self._last_copy = copies[-1] if copies else self._last_copy
        self._begun_pts = group[-1].pts
        waiting = iter(decided)
        group = [one if one.repeats else next(waiting) for one in group]
        return [*group[:-1], replace(group[-1], ends_group=True)]

    def _decide(
        self, frames: list[FilmFrame], copies: list[Image], before: Image | None, begun_pts: int
    ) -> list[FilmFrame]:
        """Decide about different frames, of which the last is translated, and the small copy `before` was."""
        filled: list[FilmFrame] = []
        for number, frame in enumerate(frames[:-1]):
            passed = (frame.pts - begun_pts) / max(1, frames[-1].pts - begun_pts)
            between = Between(self._between(copies[number], before), self._between(copies[number], copies[-1]), passed)
            if not _is_shown(between):
                after = number + 1
                return [
                    *self._decide(frames[:after], copies[:after], before, begun_pts),
                    *self._decide(frames[after:], copies[after:], copies[number], frame.pts),
                ]
            filled.append(replace(frame, between=between))
        return [*filled, *map(self._moved, frames[-1:])]

    def _moved(self, frame: FilmFrame) -> FilmFrame:
        return frame if self._motions is None else replace(frame, motion=self._motions.find(frame.to_translate))


class Filler:
    """Makes the results of decided frames: of translations, held still, and what lies between them.

    `last` is the last result before them, None before any.
    """

    def __init__(self, steadier: Steadier, last: Image | None = None) -> None:
        self.last = last
        self.steadier = steadier
        self._group: list[tuple[FilmFrame, Image]] = []

    def take(self, frame: FilmFrame, translated: Image) -> list[tuple[FilmFrame, Image]]:
        """Take the next frame and its translation, which does not matter where it is filled in or repeated.

        Returns the frames that have results now, with these.
        """
        self._group.append((frame, translated))
        if not frame.ends_group:
            return []
        group, self._group = self._group, []
        held = {one.pts: self.steadier.steady(made, one.motion) for one, made in group if one.is_translated}
        coming = iter(held.values())
        last, after = self.last, next(coming, None)
        shown, ready = last, []
        for one, _ in group:
            if one.between is not None:
                assert last is not None
                assert after is not None
                shown = fill_in(last, after, one.between)
            elif not one.repeats:
                shown = last = after
                after = next(coming, None)
            assert shown is not None  # the first frame of all is translated
            ready.append((one, shown))
        self.last = last
        return ready


def fill_in(last: Image, following: Image, between: Between) -> Image:
    """Return the result of a frame from those of the translated frames around it, as sharp as the nearer one."""
    carried = [carried_along(last, between.from_last), carried_along(following, between.from_next)]
    height, width = last.shape[:2]
    weights = [
        cv2.resize((motion.agrees + LITTLE) * np.float32(share), (width, height), interpolation=cv2.INTER_LINEAR)
        for motion, share in ((between.from_last, 1 - between.passed), (between.from_next, between.passed))
    ]
    blended = cv2.blendLinear(*carried, *weights)  # which divides by their sum
    return as_sharp(blended, carried[round(between.passed)])


def _is_shown(between: Between) -> bool:
    """Say whether the frames around it show a frame, but for small holes."""
    shown = np.maximum(between.from_last.agrees, between.from_next.agrees)
    holes = cv2.blur((shown < 0.5).astype(np.float32), (HOLE_PX, HOLE_PX))
    return bool(holes.max() <= 0.5)


def shows_the_same(one: Image, other: Image) -> bool:
    """Say whether two images are equal everywhere: to within half a gray level of 255 where they are finer."""
    if one.dtype == np.uint8:
        return np.array_equal(one, other)
    return one.shape == other.shape and bool(np.all(np.abs(one - other) <= HALF_A_LEVEL))
