"""Make tool buttons, and say what those without words do."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractButton, QToolButton


def tool_button(text: str, *, checkable: bool = False) -> QToolButton:
    """Return a tool button with words on it."""
    button = QToolButton()
    button.setText(text)
    button.setCheckable(checkable)
    return button


def name_button(button: QAbstractButton, words: str) -> None:
    """Say what a button does: as its tip, and to screen readers."""
    button.setToolTip(words)
    button.setAccessibleName(words)
