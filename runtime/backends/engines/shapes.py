"""Say which pictures an engine is for: batches and sizes, from smallest to largest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cgconv.runtime.errors import UsageError

Shape = tuple[int, int, int]  # images, height, width

LARGEST_EDGE_PX = 65_536
LARGEST_BATCH = 256
_SMALLEST_RANGE_PX = 512


@dataclass(frozen=True)
class Profile:
    """The smallest, usual and largest batch of pictures: TensorRT chooses kernels that fit all and suit the usual."""

    smallest: Shape
    usual: Shape
    largest: Shape

    def __post_init__(self) -> None:
        ordered = zip(self.smallest, self.usual, self.largest, strict=True)
        if not all(1 <= low <= middle <= high for low, middle, high in ordered):
            raise ValueError(f"not in order: {self.smallest}, {self.usual}, {self.largest}")

    @property
    def is_one_size(self) -> bool:
        """Whether all pictures have one height and width."""
        return self.smallest[1:] == self.largest[1:]

    def covers(self, shape: Shape) -> bool:
        """Say whether a batch of this shape can be run."""
        triples = zip(self.smallest, shape, self.largest, strict=True)
        return all(low <= edge <= high for low, edge, high in triples)


Profiles = tuple[Profile, ...]


def for_one_size(size_hw: tuple[int, int], batch: tuple[int, int]) -> Profiles:
    """Return the profiles of an engine for one size and `batch` images, from–to.

    Single images get a profile of their own: kernels chosen for eight are not the best for one.
    """
    (first, last), (height, width) = batch, size_hw
    whole = Profile((first, height, width), (last, height, width), (last, height, width))
    if first == 1 < last:
        one = (1, height, width)
        return Profile(one, one, one), whole
    return (whole,)


def for_any_size(shape: Shape, *, smallest_px: int, multiple_px: int) -> Profiles:
    """Return the profile of an engine for all sizes up to a power of two that holds `shape`.

    The bounds depend on nothing but that power, so that the next folder of pictures finds the same engine.
    """
    batch, height, width = shape
    edge = _SMALLEST_RANGE_PX
    while edge < max(height, width):
        edge *= 2
    largest = max(edge // multiple_px * multiple_px, height, width)
    usual = max(edge * 3 // 4 // multiple_px * multiple_px, smallest_px)
    return (Profile((1, smallest_px, smallest_px), (batch, usual, usual), (batch, largest, largest)),)


def described(profiles: Profiles) -> str:
    """Return profiles in words: 1280×720, batch 1–8."""
    first = min(profile.smallest[0] for profile in profiles)
    last = max(profile.largest[0] for profile in profiles)
    _, low_height, low_width = profiles[0].smallest
    _, height, width = profiles[-1].largest
    size = f"{width}×{height}"
    if not all(profile.is_one_size for profile in profiles):
        size = f"{low_width}×{low_height} to {size}"
    return size if last == 1 else f"{size}, batch {last}" if first == last else f"{size}, batch {first}–{last}"


def as_json(profiles: Profiles) -> list[list[list[int]]]:
    """Return profiles as JSON values."""
    return [[list(shape) for shape in (one.smallest, one.usual, one.largest)] for one in profiles]


def from_json(values: Any) -> Profiles:  # Any: JSON values
    """Return profiles from JSON values. Raises ValueError or TypeError where they are none."""
    profiles = []
    for shapes in values:
        smallest, usual, largest = (tuple(int(edge) for edge in shape) for shape in shapes)
        if not len(smallest) == len(usual) == len(largest) == 3:
            raise ValueError("a shape has three edges")
        profiles.append(Profile(smallest, usual, largest))
    if not profiles:
        raise ValueError("no profile")
    return tuple(profiles)


def parse_sizes(text: str) -> list[tuple[int, int]]:
    """Return the sizes of `1280x720,1920x1080` as (height, width). Raises UsageError."""
    sizes = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,5})\s*[x×*]\s*(\d{1,5})", part.strip(), re.IGNORECASE)
        if match is None or not all(1 <= int(edge) <= LARGEST_EDGE_PX for edge in match.groups()):
            raise UsageError(f"--sizes: found {text!r}, expected widths and heights such as 1280x720,1920x1080")
        size_hw = (int(match[2]), int(match[1]))
        if size_hw not in sizes:
            sizes.append(size_hw)
    return sizes


def parse_batch(text: str) -> tuple[int, int]:
    """Return the images of `4` or `1-8` as (first, last). Raises UsageError."""
    match = re.fullmatch(r"(\d{1,3})(?:\s*[-–]\s*(\d{1,3}))?", text.strip())
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last <= LARGEST_BATCH:
        raise UsageError(f"--batch: found {text!r}, expected images at once such as 1 or 1-8, at most {LARGEST_BATCH}")
    return first, last
