"""Look at pictures of two kinds, or at pairs, and say what would spoil a training on them."""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.errors import CgconvError, UsageError
from cgconv.runtime.events import DataSetChecked, FilesProgressed, counted
from cgconv.runtime.images import read_thumbnail

from .folders import files_in, find_domains, is_picture
from .reading_threads import open_readers

REPORT_EVERY_S = 0.2
EDGE_PX = 32  # of what is kept of each picture
TINY_PX = 16  # of what two pictures are compared by

FEW_PICTURES = 50  # of one kind, below which little but copying is learned
QUICK_DATA = 100  # from which a discriminator that looks through a frozen network learns enough
SMALL_DATA = 200  # below which other discriminators soon know every picture by heart
TIMES_MORE = 10  # of one kind than of the other
DUPLICATE_SHARE = 0.02  # of a folder, from which doubles shift what is learned
FLAT_SHARE = 0.01
GRAY_SHARE = 0.02
SMALL_PX = 256  # short side of the published crops
TINY_PICTURE_PX = 64
FLAT_CONTRAST = 3.0  # levels, standard deviation of gray values
GRAY_CHROMA = 8  # levels between a pixel's largest and smallest channel; JPEG gives gray pictures a few
WIDE_COLOR_GAP = 2.0  # difference of two kinds' mean colors / how much pictures of one kind differ
NEAR_BITS = 10  # of 63 that may differ in the hashes of near-duplicates
NEAR_LIKENESS = 0.98  # correlation of two pictures' pixels, from which they are near-duplicates
NEAR_COLOR = 15.0  # mean difference of color, in units of CIELAB
NEAR_DETAIL = 0.9  # the same of what their blurred versions do not show
LONGEST_LIST = 1000  # files in a finding


@dataclass(frozen=True)
class Looked:
    """What is kept of one picture. `problem` is set where it cannot be read; then only the first three are known."""

    path: Path
    folder: str  # e.g. trainA
    size_bytes: int
    problem: str = ""
    digest: bytes = b""
    size_hw: tuple[int, int] = (0, 0)
    hash: int = 0  # 63 bits, alike for pictures that look alike
    tiny: NDArray[np.float32] = field(default_factory=lambda: np.zeros((TINY_PX, TINY_PX, 3), np.float32))  # CIELAB
    lab: tuple[float, float, float] = (0.0, 0.0, 0.0)  # mean CIELAB: lightness 0 to 100, green–red, blue–yellow
    contrast: float = 0.0  # levels
    is_gray: bool = False
    is_nearly_black: bool = False  # 16 bits of which 12 are used

    @property
    def is_flat(self) -> bool:
        return not self.problem and self.contrast < FLAT_CONTRAST and not self.is_nearly_black


@dataclass(frozen=True)
class Folder:
    """One of the folders, or one half of its pictures: `domain` is a or b, `split` train, test or val."""

    name: str
    path: Path
    domain: str
    split: str
    half: str = ""  # left, right, or empty for whole pictures


@dataclass(frozen=True)
class Finding:
    """Something to know, in a sentence; `advice` is what to do about it. `files`: lists of what belongs together."""

    kind: str
    needs_attention: bool
    sentence: str
    advice: str = ""
    files: tuple[tuple[str, ...], ...] = ()
    values: dict[str, int | str] = field(default_factory=dict)  # count and folder, for a window's own sentences


@dataclass(frozen=True)
class DataFacts:
    """What a preset is chosen by."""

    pictures_a: int
    pictures_b: int
    short_side_px: int  # median over the training pictures of both kinds
    has_gpu: bool
    paired: bool = False


def check_data(
    a: Path, b: Path | None = None, *, paired: bool = False, threads: int | None = None, has_gpu: bool | None = None
) -> Iterator[FilesProgressed | DataSetChecked]:
    """Yield how far it is, and at the end DataSetChecked.

    `a` and `b` are folders of pictures, sub-folders included; `a` alone holds trainA and trainB, or train/A and
    train/B; with `paired`, as for pix2pix, also pictures with a on their left and b on their right. Folders of test and
    val pictures beside them are looked at, too. `has_gpu` None: find out. Raises UsageError where there are no such
    folders, or nothing in one of them.
    """
    folders = find_folders(a, b, paired=paired)
    listed, others = [], Counter[str]()
    for folder in folders:
        paths, others[folder.name] = _pictures_in(folder.path)
        listed += [(folder, path) for path in paths]
        if not paths and folder.split == "train":
            raise UsageError(f"{folder.path}: there are no pictures in it")
    looked: list[Looked] = []
    said_at = time.monotonic()
    yield FilesProgressed("check", 0, len(listed))
    with open_readers(threads or os.cpu_count()) as pool:
        for one in pool.map(lambda given: look_at(given[1], given[0].name, given[0].half), listed):
            looked.append(one)
            if time.monotonic() - said_at >= REPORT_EVERY_S:
                said_at = time.monotonic()
                yield FilesProgressed("check", len(looked), len(listed))
    yield FilesProgressed("check", len(listed), len(listed))
    yield report(folders, looked, others, paired=paired, has_gpu=has_nvidia_gpu() if has_gpu is None else has_gpu)


def find_folders(a: Path, b: Path | None, *, paired: bool = False) -> list[Folder]:
    """Return the training folders of both kinds and those of test and val pictures beside them. Raises UsageError."""
    try:
        of_a, of_b = find_domains(a, b, paired=paired)
    except UsageError as error:
        if b is None and not paired and a.is_dir():
            raise UsageError(f"{error}, or pairs side by side with --paired") from error
        raise
    if of_a.resolve() != of_b.resolve():
        return _with_siblings(of_a, of_b)
    if b is not None:
        raise UsageError(f"{of_a}: this is one folder; name one of each kind")
    return _halves(of_a)


def _halves(train: Path) -> list[Folder]:
    """Return both halves of the pictures in a folder, and, where it is called train, of those of the other splits."""
    name = train.resolve().name
    found = [(name, train, "train")]
    if name == "train":
        found += [(split, train.parent / split, split) for split in ("test", "val") if (train.parent / split).is_dir()]
    sides = (("a", "left"), ("b", "right"))
    return [
        Folder(f"{name} ({half})", path, domain, split, half) for name, path, split in found for domain, half in sides
    ]


def _with_siblings(a: Path, b: Path) -> list[Folder]:
    """Return folders a and b, and, where they are called trainA or train/A, those of the other splits."""
    found = []
    for domain, path in (("a", a), ("b", b)):
        resolved = path.resolve()
        name = f"train/{resolved.name}" if resolved.parent.name == "train" else resolved.name
        found.append(Folder(name, path, domain, "train"))
        for split in ("test", "val"):
            if name.startswith("train/"):
                beside, beside_name = path.parent.parent / split / path.name, f"{split}/{resolved.name}"
            elif name.startswith("train"):
                beside_name = split + name.removeprefix("train")
                beside = path.parent / beside_name
            else:
                continue
            if beside.is_dir():
                found.append(Folder(beside_name, beside, domain, split))
    if found[0].name == next(one.name for one in found if one.domain == "b"):  # two folders of one name
        found = [Folder(str(one.path), one.path, one.domain, one.split) for one in found]
    return sorted(found, key=lambda one: ("train", "test", "val").index(one.split))


def _pictures_in(folder: Path) -> tuple[list[Path], int]:
    """Return the files that a training would read, sorted, and the number of others; hidden ones do not count."""
    files = files_in(folder)
    pictures = [path for path in files if is_picture(path)]
    return pictures, len(files) - len(pictures)


def look_at(path: Path, folder: str, half: str = "") -> Looked:
    """Read one picture, or its left or right half, and keep what is needed of it."""
    size = 0
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.file_digest(file, "blake2b").digest()
        thumbnail = read_thumbnail(path, edge_px=2 * EDGE_PX if half else EDGE_PX)
    except CgconvError as error:  # policy: one bad file does not end a check, it is what the check is for
        return Looked(path, folder, size, problem=str(error))
    except OSError as error:
        return Looked(path, folder, size, problem=f"{path} cannot be read: {error.strerror or error}")
    pixels, size_hw = thumbnail.pixels, thumbnail.size_hw
    if half:
        pixels = pixels[:, :EDGE_PX] if half == "left" else pixels[:, EDGE_PX:]
        pixels = np.asarray(cv2.resize(pixels, (EDGE_PX, EDGE_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        size, size_hw = size // 2, (size_hw[0], size_hw[1] // 2)
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    mean = lab.reshape(-1, 3).mean(0)
    chroma = pixels.max(2).astype(int) - pixels.min(2)
    return Looked(
        path,
        folder,
        size,
        digest=digest + half.encode(),  # a picture's halves are no copies of each other
        size_hw=size_hw,
        hash=perceptual_hash(np.asarray(gray)),
        tiny=np.asarray(cv2.resize(lab, (TINY_PX, TINY_PX), interpolation=cv2.INTER_AREA), dtype=np.float32),
        lab=(float(mean[0]), float(mean[1]), float(mean[2])),
        contrast=float(gray.std()),
        is_gray=bool(np.percentile(chroma, 98) <= GRAY_CHROMA),
        is_nearly_black=thumbnail.is_nearly_black,
    )


def perceptual_hash(gray: NDArray[np.uint8]) -> int:
    """Return 63 bits that change little when a picture is resized, compressed or brightened.

    The signs of the 8×8 lowest cosine coefficients of a gray 32×32 picture against their median, without the mean's.
    """
    low = cv2.dct(gray.astype(np.float32))[:8, :8].ravel()[1:]
    bits = low > np.median(low)
    return int("".join("1" if bit else "0" for bit in bits), 2)


def find_near_duplicates(pictures: Sequence[Looked]) -> list[list[Looked]]:
    """Return groups of pictures that look the same, without those that are so byte for byte or have no content.

    Pairs whose hashes differ in at most `NEAR_BITS` bits are compared pixel by pixel, so that two seas under two skies
    do not pass for one. N² / 2 comparisons of hashes: 10,000 pictures take a second.
    """
    unique = list({one.digest: one for one in pictures if not one.problem and not one.is_flat}.values())
    hashes = np.array([one.hash for one in unique], np.uint64)
    groups = _Groups(len(unique))
    for i in range(len(unique) - 1):
        differing = np.bitwise_count(hashes[i + 1 :] ^ hashes[i])
        for j in np.flatnonzero(differing <= NEAR_BITS) + i + 1:
            if _look_the_same(unique[i].tiny, unique[j].tiny):
                groups.join(i, int(j))
    return [[unique[i] for i in members] for members in groups.of_several()]


def _look_the_same(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Compare two pictures in CIELAB: their lightness as a whole and in its details alone, then their colors.

    Other brightness or contrast, and somewhat other colors, as of another print of a painting, change nothing.
    """
    light = (a[..., 0], b[..., 0])
    if _likeness(*light) < NEAR_LIKENESS:
        return False
    details = [one - cv2.blur(one, (5, 5)) for one in light]
    if _likeness(details[0], details[1]) < NEAR_DETAIL:
        return False
    return float(np.linalg.norm(a[..., 1:] - b[..., 1:], axis=-1).mean()) <= NEAR_COLOR


def _likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the correlation of two arrays, -1 to 1."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-6))


class _Groups:
    """Things of which some belong together (union-find)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def join(self, one: int, other: int) -> None:
        self._parent[self._root(other)] = self._root(one)

    def of_several(self) -> list[list[int]]:
        members = defaultdict(list)
        for one in range(len(self._parent)):
            members[self._root(one)].append(one)
        return [group for group in members.values() if len(group) > 1]

    def _root(self, one: int) -> int:
        while self._parent[one] != one:
            self._parent[one] = self._parent[self._parent[one]]
            one = self._parent[one]
        return one


def report(
    folders: Sequence[Folder], looked: Sequence[Looked], others: Counter[str], *, paired: bool, has_gpu: bool
) -> DataSetChecked:
    """Put together what was seen. `others` counts the files of each folder that are no pictures."""
    by_folder = {folder.name: [one for one in looked if one.folder == folder.name] for folder in folders}
    train = {
        folder.domain: [one for one in by_folder[folder.name] if not one.problem]
        for folder in folders
        if folder.split == "train"
    }
    findings = [
        *_unreadable(looked),
        *_counts(folders, train),
        *_duplicates(folders, looked, paired=paired),
        *_flat_and_gray(folders, by_folder),
        *_sizes(folders, by_folder),
        *(_pairs(folders, by_folder) if paired else _names(train)),
    ]
    gap, gap_findings = _color_gap(train)
    findings += gap_findings
    sides = [min(one.size_hw) for pictures in train.values() for one in pictures]
    facts = DataFacts(
        len(train["a"]), len(train["b"]), round(statistics.median(sides)) if sides else 0, has_gpu, paired
    )
    preset, reason = choose_preset(facts)
    return DataSetChecked(
        ready=not any(finding.needs_attention for finding in findings),
        folders=tuple(_folder_facts(folder, by_folder[folder.name], others[folder.name]) for folder in folders),
        findings=tuple(asdict(one) for one in sorted(findings, key=lambda one: not one.needs_attention)),
        color_gap=gap,
        preset=preset,
        preset_reason=reason,
    )


def choose_preset(facts: DataFacts) -> tuple[str, str]:
    """Return the name of the preset to begin with, and why."""
    if facts.paired:
        return "pix2pix", "the pictures come in pairs, from which it learns more than from two kinds"
    fewest = min(facts.pictures_a, facts.pictures_b)
    if not fewest:
        return "small-data", "there is no picture of one kind yet that can be read"
    if not facts.has_gpu:
        few = (
            f", though {counted(fewest, 'picture')} of one kind are too few to learn much from"
            if fewest < QUICK_DATA
            else ""
        )
        return "quick", f"there is no NVIDIA GPU here, and the others would take days on a processor{few}"
    if fewest < SMALL_DATA:
        only = f"only {counted(fewest, 'picture')} of one kind"
        return "small-data", f"there {'is' if fewest == 1 else 'are'} {only}, which a discriminator soon memorizes"
    if facts.short_side_px < SMALL_PX:
        reason = "which is less than the published network is made for"
        return "mobile", f"the pictures' median short side is {facts.short_side_px} px, {reason}"
    return "classic", "there are enough pictures of both kinds for the training as published"


def _unreadable(looked: Iterable[Looked]) -> Iterator[Finding]:
    bad = list({one.path: one for one in looked if one.problem}.values())  # once where both of its halves are
    if bad:
        yield Finding(
            "unreadable",
            True,
            f"{counted(len(bad), 'picture')} cannot be read",
            "repair or remove them; a training leaves them out",
            _single(bad),
            {"count": len(bad)},
        )


def _counts(folders: Sequence[Folder], train: dict[str, list[Looked]]) -> Iterator[Finding]:
    names = {folder.domain: folder.name for folder in folders if folder.split == "train"}
    halves = {folder.domain for folder in folders if folder.half == "right"}  # said of the left ones
    for domain, pictures in train.items():
        if len(pictures) < FEW_PICTURES and domain not in halves:
            count = f"only {counted(len(pictures), 'picture')}" if pictures else "no picture that can be read"
            yield Finding(
                "few",
                True,
                f"{names[domain]} has {count}",
                "a few hundred of each kind are a good start",
                values={"count": len(pictures), "folder": names[domain]},
            )
    few, many = sorted(train, key=lambda domain: len(train[domain]))
    if len(train[few]) * TIMES_MORE < len(train[many]):
        yield Finding(
            "unbalanced",
            False,
            f"{names[many]} has {len(train[many]):,} pictures, {names[few]} {len(train[few]):,}",
            "each epoch shows the pictures of the smaller folder many times, so fewer epochs are enough",
        )


def _duplicates(folders: Sequence[Folder], looked: Sequence[Looked], *, paired: bool) -> Iterator[Finding]:
    """Say what is there more than once. The two pictures of a pair may look the same (a noisy one and a clean one)."""
    domains = {folder.name: folder.domain for folder in folders}
    splits = {folder.name: folder.split for folder in folders}
    by_digest = defaultdict(list)
    for one in looked:
        if not one.problem:
            by_digest[one.digest].append(one)
    exact = [group for group in by_digest.values() if len(group) > 1]
    near = find_near_duplicates(looked)
    sizes = Counter(one.folder for one in looked if not one.problem)
    for every, how, kind in ((exact, "byte for byte the same", "exact"), (near, "nearly the same", "near")):
        groups = list({frozenset(one.path for one in group): group for group in every}.values())  # once for both halves
        across = [group for group in groups if not paired and len({domains[one.folder] for one in group}) > 1]
        if across:
            yield Finding(
                f"{kind}-across-domains",
                True,
                f"{counted(len(across), 'picture')} {_are(across)} {how} in both kinds",
                "pictures in both teach the model to change nothing; keep each in one folder",
                _groups(across),
                {"count": len(across)},
            )
        leaks = [group for group in groups if len({splits[one.folder] for one in group}) > 1 and group not in across]
        if leaks:
            yield Finding(
                f"{kind}-across-splits",
                True,
                f"{counted(len(leaks), 'picture')} {_are(leaks)} {how} in training and test",
                "figures on the test pictures come out too good; remove them from one of the two",
                _groups(leaks),
                {"count": len(leaks)},
            )
        for folder in folders:
            inside = [[one for one in group if one.folder == folder.name] for group in groups]
            inside = [group for group in inside if len(group) > 1]
            extra = sum(len(group) - 1 for group in inside)
            if extra:
                yield Finding(
                    f"{kind}-duplicates",
                    folder.split == "train" and extra >= DUPLICATE_SHARE * sizes[folder.name],
                    f"{folder.name} has {counted(extra, 'picture')} too many that {'is' if extra == 1 else 'are'} {how}"
                    " as another one",
                    "keep one of each: what is there twice is learned twice as much",
                    _groups(inside),
                    {"count": extra, "folder": folder.name},
                )


def _flat_and_gray(folders: Sequence[Folder], by_folder: dict[str, list[Looked]]) -> Iterator[Finding]:
    for folder in folders:
        pictures = [one for one in by_folder[folder.name] if not one.problem]
        flat = [one for one in pictures if one.is_flat]
        if flat:
            yield Finding(
                "flat",
                folder.split == "train" and len(flat) >= FLAT_SHARE * len(pictures),
                f"{folder.name} has {counted(len(flat), 'picture')} of one color, without content",
                "remove them",
                _single(flat),
                {"count": len(flat), "folder": folder.name},
            )
        dark = [one for one in pictures if one.is_nearly_black]
        if dark:
            yield Finding(
                "nearly-black",
                folder.split == "train",
                f"{folder.name} has {counted(len(dark), 'picture')} of 16 bits that {_use(dark)} 12 of them only,"
                " nearly black when read",
                "save them brightened to the full range",
                _single(dark),
                {"count": len(dark), "folder": folder.name},
            )
        gray = [one for one in pictures if one.is_gray and not one.is_flat]
        share = len(gray) / max(len(pictures), 1)
        if gray and share < 0.95:
            yield Finding(
                "gray",
                folder.split == "train" and share >= GRAY_SHARE,
                f"{folder.name} has {counted(len(gray), 'gray picture')} among {len(pictures):,}; others have color",
                "remove them, or colors come and go in the translation",
                _single(gray),
                {"count": len(gray), "folder": folder.name},
            )
        elif gray:
            yield Finding(
                "all-gray",
                False,
                f"{folder.name} is gray throughout",
                "one channel is enough for this kind",
                values={"folder": folder.name},
            )


def _sizes(folders: Sequence[Folder], by_folder: dict[str, list[Looked]]) -> Iterator[Finding]:
    for folder in folders:
        pictures = [one for one in by_folder[folder.name] if not one.problem]
        tiny = [one for one in pictures if min(one.size_hw) < TINY_PICTURE_PX]
        small = [one for one in pictures if min(one.size_hw) < SMALL_PX]
        if tiny:
            yield Finding(
                "tiny",
                len(tiny) < len(pictures),
                f"{folder.name} has {counted(len(tiny), 'picture')} under {TINY_PICTURE_PX} px",
                "remove them: enlarged, they teach the model to blur",
                _single(tiny),
                {"count": len(tiny), "folder": folder.name},
            )
        elif small and folder.split == "train":
            yield Finding(
                "small",
                False,
                f"{counted(len(small), 'picture')} of {folder.name} {_are(small)} under {SMALL_PX} px on the short"
                " side",
                "they are enlarged for training; smaller crops (--crop, --load) avoid that",
                values={"count": len(small), "folder": folder.name},
            )


def _names(train: dict[str, list[Looked]]) -> Iterator[Finding]:
    """Say where the names pair up: then the pictures may, too."""
    sizes = [{one.path.stem: one.size_hw for one in pictures} for pictures in train.values()]
    shared = [stem for stem in sizes[0] if sizes[1].get(stem) == sizes[0][stem]]
    if len(shared) >= 0.9 * max(len(sizes[0]), len(sizes[1]), 1):
        yield Finding(
            "paired",
            False,
            f"{len(shared):,} pictures have the same name and size in both kinds",
            "if those show the same scene, the recipe pix2pix learns more from them (--preset pix2pix)",
            values={"count": len(shared)},
        )


def _pairs(folders: Sequence[Folder], by_folder: dict[str, list[Looked]]) -> Iterator[Finding]:
    """Say which pictures of paired folders are no pairs."""
    for split in ("train", "test", "val"):
        of_split = [folder for folder in folders if folder.split == split]
        if len(of_split) < 2:
            continue
        a, b = (
            {
                one.path.relative_to(folder.path).with_suffix(""): one
                for one in by_folder[folder.name]
                if not one.problem
            }
            for folder in of_split
        )
        alone = [one for name, one in (a | b).items() if name not in a or name not in b]
        if alone:
            yield Finding(
                "alone",
                True,
                f"{counted(len(alone), 'picture')} of {split} without a partner of its name",
                "a training leaves them out; name both pictures of a pair the same",
                _single(alone),
            )
        unlike = [(a[name], b[name]) for name in a if name in b and _aspects_differ(a[name].size_hw, b[name].size_hw)]
        if unlike:
            yield Finding(
                "unlike-shapes",
                True,
                f"{counted(len(unlike), 'pair')} of {split} {_are(unlike)} of two shapes",
                "a training squeezes the second picture into the first one's shape: crop them alike",
                _groups(unlike),
            )
        high = [one for one in a.values() if of_split[0].half and 2 * one.size_hw[1] <= one.size_hw[0]]
        if high:
            yield Finding(
                "not-side-by-side",
                True,
                f"{counted(len(high), 'picture')} of {split} {_are(high)} no wider than high",
                "is a pair side by side in each? A training takes the left half for A, the right one for B",
                _single(high),
            )


def _aspects_differ(one_hw: tuple[int, int], other_hw: tuple[int, int]) -> bool:
    """Return whether one size is not the other enlarged, to within a pixel."""
    grow = other_hw[0] / one_hw[0]
    return abs(one_hw[1] * grow - other_hw[1]) > max(grow, 1)


def _color_gap(train: dict[str, list[Looked]]) -> tuple[dict[str, Any], list[Finding]]:  # Any: JSON values
    """Return how far apart the two kinds' colors are, in CIELAB and in units of how much pictures of a kind differ."""
    if not all(train.values()):
        return {}, []
    lab = {domain: np.array([one.lab for one in pictures]) for domain, pictures in train.items()}
    means = {domain: values.mean(0) for domain, values in lab.items()}
    difference = means["b"] - means["a"]
    spread = np.sqrt((lab["a"].var(0) + lab["b"].var(0)) / 2)
    in_spreads = np.abs(difference) / np.maximum(spread, 1.0)  # one unit of CIELAB is hardly seen
    words = [
        f"{abs(value):.0f} {up if value > 0 else down}"
        for value, up, down in zip(
            difference, ("lighter", "redder", "yellower"), ("darker", "greener", "bluer"), strict=True
        )
        if abs(value) >= 2
    ]
    sentence = f"B is {', '.join(words)} than A on average" if words else "A and B have the same colors on average"
    gap = {
        "lab_mean_a": [round(float(value), 1) for value in means["a"]],
        "lab_mean_b": [round(float(value), 1) for value in means["b"]],
        "distance": round(float(np.linalg.norm(difference)), 1),
        "spreads": round(float(in_spreads.max()), 2),
        "sentence": sentence,
    }
    findings = []
    if in_spreads.max() >= WIDE_COLOR_GAP:
        findings.append(
            Finding(
                "color-gap",
                False,
                f"the two kinds hardly share colors: {sentence}",
                "the translation will shift all colors; if it should not, bring them together first",
            )
        )
    return gap, findings


def _folder_facts(folder: Folder, pictures: Sequence[Looked], others: int) -> dict[str, Any]:  # Any: JSON values
    readable = [one for one in pictures if not one.problem]
    sides = sorted(min(one.size_hw) for one in readable)
    return {
        "name": folder.name,
        "path": str(folder.path),
        "domain": folder.domain,
        "split": folder.split,
        "pictures": len(readable),
        "unreadable": len(pictures) - len(readable),
        "other_files": others,
        "bytes": sum(one.size_bytes for one in pictures),
        "short_side_px": [sides[0], round(statistics.median(sides)), sides[-1]] if sides else None,
        "gray": sum(one.is_gray for one in readable),
        "flat": sum(one.is_flat for one in readable),
    }


def has_nvidia_gpu() -> bool:
    """Say whether there is an NVIDIA GPU, without torch."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _single(pictures: Iterable[Looked]) -> tuple[tuple[str, ...], ...]:
    return tuple((str(one.path),) for one in pictures)[:LONGEST_LIST]


def _groups(groups: Iterable[Sequence[Looked]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(str(one.path) for one in group) for group in groups)[:LONGEST_LIST]


def _use(pictures: Sequence[object]) -> str:
    return "uses" if len(pictures) == 1 else "use"


def _are(groups: Sequence[object]) -> str:
    return "is" if len(groups) == 1 else "are"
