"""Give every frame of a film its mask: a picture's, a second film's at that time, or its own transparency."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from cgconv.runtime.errors import FilmError
from cgconv.runtime.mask import ALPHA, Mask, MaskOptions
from cgconv.runtime.pictures.job import read_mask

from .kept_segments import ends_hash
from .reader import FilmFrame, FilmInfo, FilmReader


class Masks:
    """A film's masks, asked for in the order of its frames. `notes` are sentences about how they fit.

    Raises:
        FilmError, PictureError, UsageError: there is no mask for this film, or it cannot be read.
    """

    def __init__(self, options: MaskOptions | None, film: FilmInfo, size_hw: tuple[int, int]) -> None:
        self._options, self._size_hw, self._film = options, size_hw, film
        self.notes: list[str] = []
        self.file: Path | None = None
        self._still: Mask | None = None
        self._moving: _MovingMask | None = None
        if options is None:
            return
        if options.source == ALPHA:
            if not film.has_alpha:
                raise FilmError("the film has no transparency that could be its mask (--mask alpha)", path=film.path)
            return
        self.file = options.file_for(film.path)
        try:
            self._moving = _MovingMask(self.file)
        except FilmError:  # a picture, or nothing that can be read, which its reader says
            drawn, self.notes = read_mask(self.file, film.displayed_hw)
            self._still = options.prepared(drawn, size_hw)

    def of(self, frame: FilmFrame) -> Mask | None:
        """Return the mask of a frame, in the result's size; None: all is to be seen."""
        if self._options is None or self._still is not None:
            return self._still
        if self._moving is not None:
            time_s = frame.pts * self._film.time_base - self._film.first_time_s
            return self._options.prepared(self._moving.at(time_s).image, self._size_hw)
        if frame.alpha is None:
            return None
        return self._options.prepared(frame.alpha, self._size_hw)

    @property
    def fingerprint(self) -> str | None:
        """What tells two mask files apart."""
        return None if self.file is None else ends_hash(self.file)

    def close(self) -> None:
        """Give the mask's file back."""
        if self._moving is not None:
            self._moving.close()


class _MovingMask:
    """A film of masks: its last frame stays where it is shorter."""

    def __init__(self, path: Path) -> None:
        self._reader = FilmReader(path, allow_hdr=True)
        self._frames: Iterator[FilmFrame] | None = None
        self._shown: FilmFrame | None = None
        self._next: FilmFrame | None = None

    def at(self, time_s: Fraction) -> FilmFrame:
        """Return the frame that is shown at a time, of times that rise."""
        info = self._reader.info
        if self._frames is None:
            self._frames = self._reader.frames()
            self._shown = self._next = next(self._frames, None)
        while self._next is not None and self._next.pts * info.time_base - info.first_time_s <= time_s:
            self._shown, self._next = self._next, next(self._frames, None)
        if self._shown is None:
            raise FilmError("no frame of this mask can be decoded", path=self._reader.path)
        return self._shown

    def close(self) -> None:
        with contextlib.suppress(FilmError):
            self._reader.close()
