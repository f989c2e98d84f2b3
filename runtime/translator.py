"""A model, opened and ready for images of any size: the door to translating."""

from __future__ import annotations

from .translate.translator import Translator, open_translator

__all__ = ["Translator", "open_translator"]
