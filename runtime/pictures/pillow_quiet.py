"""Keep Pillow's own pixel limit and its warnings out of the way while pictures are read."""

from __future__ import annotations

import threading
import warnings
from contextlib import ExitStack

from PIL import Image


class _PillowQuiet:
    """Lift Pillow's own pixel limit and hush its warnings while any thread is reading.

    Both are settings of the whole process, so the first reader changes them and the last one puts them back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._undo = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            self._readers += 1
            if self._readers == 1:
                self._undo.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
                self._undo.enter_context(warnings.catch_warnings())
                Image.MAX_IMAGE_PIXELS = None
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                self._undo.close()


pillow_quiet = _PillowQuiet()
