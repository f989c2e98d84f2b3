"""The window's colors: light, dark, or the desktop's."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from .palette import is_dark, outlined, plain, readable


def show_appearance(name: str) -> None:
    """Make everything light or dark, or leave it to the desktop."""
    schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
    QGuiApplication.setPalette(QPalette())
    QGuiApplication.styleHints().setColorScheme(schemes.get(name, Qt.ColorScheme.Unknown))
    palette = QGuiApplication.palette()
    if name and is_dark(palette) is not (name == "dark"):  # a desktop that cannot be asked
        QGuiApplication.setPalette(plain(name == "dark"))
    else:
        QGuiApplication.setPalette(readable(palette))
    for kind in ("QCheckBox", "QRadioButton"):  # a box's outline is made from its ground, which is not painted
        QApplication.setPalette(outlined(QGuiApplication.palette()), kind)  # type: ignore[arg-type]  # takes text only
