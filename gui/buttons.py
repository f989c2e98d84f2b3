"""Make tool buttons in one call."""

from __future__ import annotations

from PySide6.QtWidgets import QToolButton


def tool_button(text: str, *, checkable: bool = False) -> QToolButton:
    """Return a tool button with words on it."""
    button = QToolButton()
    button.setText(text)
    button.setCheckable(checkable)
    return button
