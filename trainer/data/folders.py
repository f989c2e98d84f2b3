"""Find the pictures of a data set: two folders, one that holds both, pairs by name, or pairs side by side."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from cgconv.runtime.errors import UsageError
from cgconv.runtime.images import SUFFIXES

log = logging.getLogger(__name__)

NAMES_SHOWN = 3  # of the pictures without a partner


def find_domains(a: Path, b: Path | None, *, paired: bool = False) -> tuple[Path, Path]:
    """Return the folders of domains a and b.

    With `b` None, `a` holds trainA and trainB, or train/A and train/B; with
    `paired` it may also hold pictures with a on their left and b on their right (in it or in its train folder): then
    both are that folder. Raises UsageError where they are not there.
    """
    below = [(a / "trainA", a / "trainB"), (a / "train" / "A", a / "train" / "B")]
    for pair in below if b is None else [(a, b)]:
        if all(folder.is_dir() for folder in pair):
            return pair
    if b is not None:
        missing = a if not a.is_dir() else b
        raise UsageError(f"{missing}: no such folder")
    if paired:
        for folder in (a / "train", a):
            if folder.is_dir() and any(is_picture(path) for path in folder.iterdir()):
                return folder, folder
    sides = ", nor pictures side by side" if paired else ""
    if not a.is_dir():
        raise UsageError(f"{a}: no such folder")
    raise UsageError(
        f"{a}: found neither trainA and trainB nor train/A and train/B in it{sides}; name two folders instead"
    )


def find_test_domains(data: Path) -> tuple[Path, Path]:
    """Return the folders of the test pictures of a and b below `data`: testA and testB, or test/A and test/B.

    Raises UsageError where there are none.
    """
    for pair in ((data / "testA", data / "testB"), (data / "test" / "A", data / "test" / "B")):
        if all(folder.is_dir() for folder in pair):
            return pair
    if not data.is_dir():
        raise UsageError(f"{data}: no such folder")
    raise UsageError(f"{data}: found neither testA and testB nor test/A and test/B in it")


def refuse_nested(out: Path, a: Path, b: Path, *, paired: bool) -> None:
    """Refuse folders within each other: a run would learn from its own samples, or each kind from the other.

    Pairs may lie in one folder, side by side. Raises UsageError.
    """
    whole_out, whole_a, whole_b = (path.resolve() for path in (out, a, b))
    for folder in (whole_a, whole_b):
        if whole_out.is_relative_to(folder):
            raise UsageError(f"--out {out}: is inside {folder}, whose pictures are trained on; name another folder")
    side_by_side = paired and whole_a == whole_b
    if not side_by_side and (whole_a.is_relative_to(whole_b) or whole_b.is_relative_to(whole_a)):
        raise UsageError(f"{a} and {b}: one is inside the other; name two separate folders")


def pictures_in(folder: Path, *, largest: int = 0) -> list[Path]:
    """Return the pictures below a folder by name, the first `largest` of them where that is not 0.

    Files and folders whose names begin with a dot are passed over, as `cgconv images` does.
    """
    paths = [path for path in files_in(folder) if path.suffix.lower() in SUFFIXES]
    return paths[:largest] if largest else paths


def files_in(folder: Path) -> list[Path]:
    """Return the files below a folder that are not hidden, sorted. Links are followed, no folder is entered twice."""
    found: list[Path] = []
    entered: set[str] = set()
    waiting = [str(folder)]
    while waiting:  # folders themselves before links to them, so that a picture's name does not depend on a link
        for place, folders, names in os.walk(waiting.pop(0)):
            real = os.path.realpath(place)
            folders[:] = [] if real in entered else sorted(name for name in folders if not name.startswith("."))
            if real in entered:
                continue
            entered.add(real)
            below = [Path(place, name) for name in folders]
            waiting += [str(path) for path in below if path.is_symlink()]
            found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(path for path in found if os.path.isfile(path))  # noqa: PTH113  # Path's own raises at odd links


def pairs_by_name(a: Path, b: Path, *, largest: int = 0) -> tuple[list[Path], list[Path]]:
    """Return the pictures of both folders that have a partner of the same name (endings may differ), in order.

    Those that have none are left out, with one line of warning. Raises UsageError where there are no pairs.
    """
    found = [pictures_in(folder) for folder in (a, b)]
    of_a, of_b = (
        {path.relative_to(folder).with_suffix(""): path for path in paths}
        for paths, folder in zip(found, (a, b), strict=True)
    )
    names = sorted(of_a.keys() & of_b.keys())
    if not names:
        raise UsageError(f"{a} and {b}: found no two pictures of the same name; paired training needs pairs")
    partnered = {of_kind[name] for name in names for of_kind in (of_a, of_b)}
    lone = [str(path) for paths in found for path in paths if path not in partnered]
    if lone:
        shown = ", ".join(lone[:NAMES_SHOWN]) + (", …" if len(lone) > NAMES_SHOWN else "")
        one = len(lone) == 1
        why = "picture without a partner of its name is" if one else "pictures without a partner of their name are"
        log.warning("%d %s left out: %s", len(lone), why, shown)
    names = names[:largest] if largest else names
    return [of_a[name] for name in names], [of_b[name] for name in names]


def is_picture(path: Path) -> bool:
    """Return whether a path is a file whose name says that it is a picture."""
    return path.suffix.lower() in SUFFIXES and os.path.isfile(path)  # noqa: PTH113  # Path's own raises at odd links
