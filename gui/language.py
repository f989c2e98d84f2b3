"""The window's language. To add one, write translations/cgconv_xx.ts and name it in settings_page.py."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

TRANSLATIONS = Path(__file__).parent / "translations"


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
