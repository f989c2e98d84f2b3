"""Name everything that can go wrong, and the exit code it leads to.

CgconvError                      1  root; its text is one sentence for the user
├── InputError                   1  a file that cannot be used
│   ├── PictureError                a picture: unreadable, truncated, too large
│   ├── FilmError                   a film: unreadable, HDR that was not asked for
│   │   └── PartialFilmError        broken in the middle; what could be decoded was translated and kept
│   ├── ModelError                  a model or checkpoint: damaged, foreign, too new, not a generator
│   ├── DataError                   a data set: its pictures cannot be read, or are too few or too small
│   └── DownloadError               a file from the network: unreachable, refused, not what was promised
├── OutputError                  1  a result that cannot be written: exists, disk full, no permission
├── UsageError                   2  options that do not fit together, a name that does not exist
│   └── SettingError                a training's setting with a value that it cannot have
├── MissingError                 3  a device, backend or extra that is not here
├── ResourceError                1  memory ran out; says what to lower
└── Cancelled                  130  the user asked to stop
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


class CgconvError(Exception):
    """Root of the tree. `str(error)` is one sentence for the user; `exit_code` is the process's.

    `path` is the file that it is about, where that is known, and `problem` the sentence without it.
    """

    exit_code = 1

    def __init__(self, problem: str, *, path: Path | None = None) -> None:
        super().__init__(problem if path is None else f"{path}: {problem}")
        self.problem, self.path = problem, path


class InputError(CgconvError):
    """A file that cannot be used."""


class PictureError(InputError):
    """A picture that cannot be read."""


class FilmError(InputError):
    """A film that cannot be read."""


class PartialFilmError(FilmError):
    """A film of which only a part could be decoded; `output` holds its translation, `facts` as for a whole one."""

    def __init__(
        self, problem: str, *, output: Path, facts: dict[str, Any], path: Path | None = None
    ) -> None:  # Any: JSON values
        super().__init__(problem, path=path)
        self.output = output
        self.facts = facts


class ModelError(InputError):
    """A model or checkpoint that cannot be used."""


class DataError(InputError):
    """A data set that cannot be trained on."""


class DownloadError(InputError):
    """A file that could not be fetched, or is not what was promised."""


class OutputError(CgconvError):
    """A result that cannot be written."""


class UsageError(CgconvError):
    """Options that do not fit together, or a name that does not exist."""

    exit_code = 2


class SettingError(UsageError):
    """A setting, as section.name, with what was found and what was wanted, which may name other settings."""

    def __init__(self, name: str, found: object, wanted: str) -> None:
        super().__init__(f"{name}: found {found}, expected {wanted}")
        self.name, self.found, self.wanted = name, found, wanted


class MissingError(CgconvError):
    """A device, backend or extra that this machine does not have."""

    exit_code = 3


class ResourceError(CgconvError):
    """Memory ran out."""


class Cancelled(CgconvError):
    """The user asked to stop."""

    exit_code = 130
