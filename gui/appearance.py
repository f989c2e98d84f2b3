"""The window's colors and its language."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QLibraryInfo, QLocale, Qt, QTranslator
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from .palette import is_dark, outlined, plain, readable

TRANSLATIONS = Path(__file__).parent / "translations"


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


def install_language(application: QApplication, name: str) -> None:
    """Translate all texts, Qt's own too; empty: the desktop's language, English where there is no translation."""
    for installed in application.findChildren(QTranslator):  # of another language, before
        application.removeTranslator(installed)
        installed.deleteLater()
    locale = QLocale(name) if name else QLocale.system()
    QLocale.setDefault(locale)
    qt_folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    wanted = [(QLocale("en"), "cgconv", str(TRANSLATIONS))]  # plurals; the others come on top of it
    wanted += [(locale, "qtbase", qt_folder), (locale, "cgconv", str(TRANSLATIONS))]
    for of_locale, stem, folder in wanted:
        translator = QTranslator(application)
        if translator.load(of_locale, stem, "_", folder):
            application.installTranslator(translator)
