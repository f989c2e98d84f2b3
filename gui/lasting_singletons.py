"""Keep None, True and False alive: PySide6 6.12 gives references to them away.

`Signal.emit()` returns True, and many a function without a result (QPainter.setPen, setBrush, drawLine …) None, without
having taken a reference. From Python 3.12 on that does no harm (they are immortal, PEP 683); before, some six hundred
signals, or two hundred paintings of a preview, use all references up and Python ends the process ("bool_dealloc:
deallocating True or False", "none_dealloc: deallocating None"). Measured with 6.12.0: sys.getrefcount(True) falls by
one with each emit, sys.getrefcount(None) by one with each setPen.
"""

from __future__ import annotations

import ctypes
import platform
import sys

_MANY = 1 << 40  # references: more than any session uses up


def keep_singletons_alive() -> None:
    """Give None, True and False so many references that none ever runs out, as Python 3.12 does by itself."""
    is_wide = ctypes.sizeof(ctypes.c_ssize_t) > 4
    if sys.version_info < (3, 12) and platform.python_implementation() == "CPython" and is_wide:
        for value in (None, True, False):
            if sys.getrefcount(value) < _MANY:
                ctypes.c_ssize_t.from_address(id(value)).value += _MANY
