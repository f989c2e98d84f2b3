"""Divide a batch among machines that know nothing of each other: each takes the files whose names fall to it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import UsageError
from .find import FoundFile

TAKES_ALL = "--shard 1/1 takes all"


@dataclass(frozen=True)
class Shard:
    """The part `number` (from 1) of `of`. `found_in` names the variable that said so, "" where it was asked for."""

    number: int
    of: int
    found_in: str = ""

    def takes(self, file: FoundFile) -> bool:
        """Say whether a file is of this part: the same on every machine, whatever else is in its folder.

        It is decided by the path within the folder that was named, without the ending, so that a.jpg and a.png, whose
        results may be called the same, stay together. What a variable says holds for what folders hold only.
        """
        if file.folder is None and self.found_in:
            return True
        path = file.path.relative_to(file.folder) if file.folder is not None else Path(file.path.name)
        name = unicodedata.normalize("NFC", path.with_suffix("").as_posix()).casefold()
        digest = hashlib.sha256(name.encode("utf-8", "backslashreplace")).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.number - 1

    def named(self, path: Path | None) -> Path | None:
        """Return the name of this part's own report or page: r.json becomes r.3-of-8.json."""
        if path is None or self.of == 1:
            return path
        return path.with_name(f"{path.stem}.{self.number}-of-{self.of}{path.suffix}")

    def __str__(self) -> str:
        """Return it in words."""
        return f"shard {self.number} of {self.of}" + (f" (from {self.found_in}; {TAKES_ALL})" if self.found_in else "")


def read_shard(given: str | None, variables: Mapping[str, str]) -> Shard | None:
    """Return the part that an option asks for, else the one that Slurm or Kubernetes says this process is to do.

    Raises UsageError, also where they say only half of it.
    """
    if given is not None:
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", given.strip(), re.ASCII)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise UsageError(f"--shard: found {given}, expected K/N with K from 1 to N, as 1/4 to 4/4")
        return Shard(int(match[1]), int(match[2]))
    if "SLURM_ARRAY_TASK_ID" in variables:
        return _of_slurm(variables)
    if "JOB_COMPLETION_INDEX" in variables:
        index = _number("JOB_COMPLETION_INDEX", variables)
        of = _number("JOB_COMPLETIONS", variables, "set it to the job's completions")
        return _checked(index + 1, of, "JOB_COMPLETION_INDEX")
    return None


def _of_slurm(variables: Mapping[str, str]) -> Shard:
    """Return the part of an array's task: its numbers begin anywhere (0-7, 1-8), and may go in steps (0-14:2)."""
    first, last = (_number(f"SLURM_ARRAY_TASK_{end}", variables) for end in ("MIN", "MAX"))
    task, of = _number("SLURM_ARRAY_TASK_ID", variables), _number("SLURM_ARRAY_TASK_COUNT", variables)
    step = _number("SLURM_ARRAY_TASK_STEP", {"SLURM_ARRAY_TASK_STEP": "1", **variables})
    if step < 1 or last - first != step * (of - 1) or (task - first) % step:
        raise UsageError(
            f"the numbers of this Slurm array have gaps ({of} tasks from {first} to {last}), so nobody can say which "
            f"part task {task} is: give --shard K/N; {TAKES_ALL}"
        )
    return _checked((task - first) // step + 1, of, "SLURM_ARRAY_TASK_ID")


def _number(name: str, variables: Mapping[str, str], hint: str = "") -> int:
    text = variables.get(name)
    if text is None or re.fullmatch(r"\d{1,9}", text, re.ASCII) is None:
        found = "is not set" if text is None else f"is {text!r}, not a number"
        others = "SLURM_ARRAY_TASK_ID" if name.startswith("SLURM") else "JOB_COMPLETION_INDEX"
        what = f"{others} says that the work is divided, but {name}" if name != others else name
        raise UsageError(f"{what} {found}: {hint + ', or ' if hint else ''}give --shard K/N; {TAKES_ALL}")
    return int(text)


def _checked(number: int, of: int, found_in: str) -> Shard:
    if not 1 <= number <= of:
        raise UsageError(f"{found_in} makes this shard {number} of {of}, which is none: give --shard K/N; {TAKES_ALL}")
    return Shard(number, of, found_in)
