"""The Settings and Log pages, used with mouse and keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from gui_window import Opened, Window, make_pictures, models, opened, window  # noqa: F401  # fixtures
from PySide6.QtCore import QCoreApplication, Qt, QTranslator
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from cgconv.gui.appearance import TRANSLATIONS, install_language
from cgconv.gui.palette import READABLE, bad, contrast, good, is_dark, secondary

pytestmark = pytest.mark.timeout(400)


def test_caches_are_measured_and_cleared_and_folders_shown(
    window: Window, models: Path, opened: Opened, tmp_path: Path
) -> None:
    window.drop(make_pictures(tmp_path, 1))
    window.wait(lambda: window.items and window.items[0].thumbnail, "for a thumbnail")
    thumbnail = window.items[0].thumbnail
    assert thumbnail.exists()
    window.go_to(3)
    page = window.app.settings
    window.wait(lambda: "thumbnails" in page.caches.text(), "for the measurement")
    window.click(page.open_models)
    window.click(page.open_caches)
    assert opened.paths[0] == str(models)
    assert Path(opened.paths[1]) in thumbnail.parents
    window.click(page.clear)
    window.wait(lambda: not thumbnail.exists(), "for the clearing")


def test_a_model_is_written_in_half_precision(window: Window, models: Path) -> None:
    window.wait_for_models()
    window.go_to(3)
    page = window.app.settings
    window.key(page.model, Qt.Key.Key_Down)
    window.click(page.halve)
    assert page.steps.isVisible()
    assert page.stop.isVisible()
    window.wait(lambda: not page.steps.isVisible(), "for the end")
    assert (models / "beta.fp16.onnx").exists() or "dB" in page.step.text(), page.step.text()


def test_engines_without_tensorrt_are_refused_with_what_to_install(window: Window) -> None:
    pytest.importorskip("cgconv.exporter.engine")
    window.wait_for_models()
    window.go_to(3)
    page = window.app.settings
    window.click(page.build)
    window.wait(lambda: not page.steps.isVisible(), "for the end")
    assert "TensorRT" in page.step.text() or "GPU" in page.step.text()


def test_this_computer_is_examined_into_the_log_which_is_copied_and_cleared(window: Window) -> None:
    window.go_to(4)
    log = window.app.log
    window.click(log.diagnose)
    window.wait(lambda: "auto chooses" in log.text.toPlainText(), "for the diagnosis")
    window.click(log.copy)
    assert "auto chooses" in QGuiApplication.clipboard().text()
    window.click(log.clear)
    assert log.text.toPlainText() == ""


def test_the_language_is_chosen_for_the_next_start(window: Window, qapp: QApplication, tmp_path: Path) -> None:
    if not list(TRANSLATIONS.glob("*.qm")):
        pytest.skip("translations are compiled when cgconv is installed")
    window.go_to(3)
    box = window.app.settings.language
    window.key(box, Qt.Key.Key_End)
    assert box.currentText() == "简体中文"
    assert window.app.settings.language_note.isVisible()
    window.close()
    before = set(qapp.findChildren(QTranslator))
    install_language(qapp, str(window.app.memory.settings.value("window/language")))  # as `run` does
    second = Window(tmp_path / "home")
    try:
        assert second.app.window.navigation.item(2).text() == "设置"
        assert second.app.settings.language.currentText() == "简体中文"
    finally:
        second.close()
        for translator in set(qapp.findChildren(QTranslator)) - before:
            QCoreApplication.removeTranslator(translator)


def test_dark_and_light_are_chosen_with_keys_and_text_can_be_read(window: Window) -> None:
    window.go_to(3)
    box = window.app.settings.appearance
    roles = QPalette.ColorRole
    try:
        for key, dark in ((Qt.Key.Key_End, True), (Qt.Key.Key_Up, False)):
            window.key(box, key)
            palette = QApplication.palette()
            assert is_dark(palette) is dark
            base = palette.color(roles.Base)
            for color in (secondary(palette), good(palette), bad(palette), palette.color(roles.Text)):
                assert contrast(color, base) >= READABLE
            assert contrast(palette.color(roles.HighlightedText), palette.color(roles.Highlight)) >= READABLE
    finally:
        window.key(box, Qt.Key.Key_Home)
