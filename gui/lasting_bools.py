"""Keep True alive: PySide6 6.12 gives a reference to it away with every signal that is emitted.

`Signal.emit()` returns True without having taken a reference. From Python 3.12 on that does no harm (bool is immortal,
PEP 683); before, some six hundred signals use all references up and Python ends the process ("bool_dealloc:
deallocating True or False"). Measured with 6.12.0: sys.getrefcount(True) falls by one with each emit.
"""

from __future__ import annotations

import ctypes
import platform
import sys

_MANY = 1 << 40  # references: more signals than any session emits


def keep_bools_alive() -> None:
    """Give True and False so many references that none of them ever runs out, as Python 3.12 does by itself."""
    is_wide = ctypes.sizeof(ctypes.c_ssize_t) > 4
    if sys.version_info < (3, 12) and platform.python_implementation() == "CPython" and is_wide:
        for value in (True, False):
            if sys.getrefcount(value) < _MANY:
                ctypes.c_ssize_t.from_address(id(value)).value += _MANY
