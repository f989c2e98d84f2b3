"""The presets that everybody has: what results are written as, for some common ends. Nothing of the look is in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from cgconv.runtime.requests import ConvertOptions

DEFAULTS = ":defaults"  # no name that a user would give
_WRITTEN = ("short_side", "picture_format", "quality", "film_format", "codec", "crf", "keep_audio", "precision")
_QUICK_EDGE_PX = 480

_CHANGES: dict[str, dict[str, Any]] = {  # Any: a field's own type
    ":phone": {"picture_format": "jpg", "quality": 82, "film_format": "mp4", "codec": "h264", "crf": 26},
    ":archive": {"picture_format": "png", "film_format": "mkv", "codec": "ffv1"},
    ":quick": {"short_side": _QUICK_EDGE_PX, "picture_format": "jpg", "quality": 75, "film_format": "mp4",
               "codec": "h264", "crf": 30, "keep_audio": False},
    ":master": {"picture_format": "tiff", "film_format": "mov", "codec": "prores"},
}  # fmt: skip

_WORDS = {  # who goes through the list with keys does not lose the look on the way: the defaults come last
    ":phone": (
        QT_TRANSLATE_NOOP("built-in presets", "Sharing on a phone"),
        QT_TRANSLATE_NOOP("built-in presets", "JPEG, and MP4 with H.264: small, and every phone opens them"),
    ),
    ":archive": (
        QT_TRANSLATE_NOOP("built-in presets", "Archive without loss"),
        QT_TRANSLATE_NOOP("built-in presets", "PNG, and Matroska with FFV1: every pixel as it was computed; large"),
    ),
    ":quick": (
        QT_TRANSLATE_NOOP("built-in presets", "Quick look"),
        QT_TRANSLATE_NOOP("built-in presets", "480 px on the shorter side, without sound: soon done, to judge by"),
    ),
    ":master": (
        QT_TRANSLATE_NOOP("built-in presets", "Film master"),
        QT_TRANSLATE_NOOP("built-in presets", "QuickTime with ProRes in 10 bits, and TIFF: for cutting; large"),
    ),
    DEFAULTS: (
        QT_TRANSLATE_NOOP("built-in presets", "Defaults"),
        QT_TRANSLATE_NOOP("built-in presets", "Every option as it was in the beginning"),
    ),
}


def built_in_presets() -> list[tuple[str, str, str]]:
    """Return key, name and purpose of each, in the window's language."""
    translate = QCoreApplication.translate
    return [
        (key, translate("built-in presets", str(name)), translate("built-in presets", str(purpose)))
        for key, (name, purpose) in _WORDS.items()
    ]


def with_built_in(key: str, options: ConvertOptions) -> ConvertOptions | None:
    """Return options as a built-in preset has them; None where there is none of this key."""
    usual = ConvertOptions()
    if key == DEFAULTS:
        return usual
    if key not in _CHANGES:
        return None
    return replace(options, **{name: getattr(usual, name) for name in _WRITTEN} | _CHANGES[key])
