"""Keep the libraries' own pixel limit and their warnings out of the way while pictures are read."""

from __future__ import annotations

import threading
import warnings
from contextlib import ExitStack

from PIL import Image, PngImagePlugin

from cgconv.runtime.opencv import cv2

MOST_TEXT_BYTES = 32 << 20  # of a text or profile in a PNG file; Pillow's own megabyte is less than some programs write


class _LibrariesQuiet:
    """Lift Pillow's own pixel limit, and hush its warnings and OpenCV's lines, while any thread is reading.

    All are settings of the whole process, so the first reader changes them and the last one puts them back.
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
                self._undo.callback(setattr, PngImagePlugin, "MAX_TEXT_CHUNK", PngImagePlugin.MAX_TEXT_CHUNK)
                PngImagePlugin.MAX_TEXT_CHUNK = MOST_TEXT_BYTES
                self._undo.callback(cv2.utils.logging.setLogLevel, cv2.utils.logging.setLogLevel(0))
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                self._undo.close()


libraries_quiet = _LibrariesQuiet()
