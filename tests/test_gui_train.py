"""The Train and Settings pages, used with mouse, keys and drops, with real workers."""

from __future__ import annotations

from pathlib import Path

import pytest
from gui_window import Window, make_pictures, models, window  # noqa: F401  # fixtures
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from cgconv.gui import train_page

pytestmark = pytest.mark.timeout(280)
CTRL = Qt.KeyboardModifier.ControlModifier
TINY: train_page.Settings = (
    ("generator.blocks", "1"), ("generator.width", "4"), ("discriminator.width", "4"), ("data.crop", "64"),
    ("data.load", "64"), ("run.report_every", "2"), ("run.sample_every", "4"), ("run.checkpoint_every", "4"),
    ("run.device", "cpu"),
)  # fmt: skip


def test_two_folders_become_a_model_in_the_gallery(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    pytest.importorskip("torch")
    pytest.importorskip("lightning")
    page = window.app.train
    page._runs = tmp_path / "runs"
    monkeypatch.setattr(train_page, "WATCHING", TINY)
    make_pictures(tmp_path / "photos", 6)
    make_pictures(tmp_path / "paintings", 5)
    QTest.keyClick(window.app.window, Qt.Key.Key_2, CTRL)
    window.drop([tmp_path / "photos"], page.a)
    window.drop([tmp_path / "paintings"], page.b)
    window.wait(lambda: "6 and 5" in page.findings.text(), "for the data check")
    assert "small-data" in page.preset.currentText()
    window.click(page.start)
    window.wait(lambda: len(page._curves) > 0, f"for the curves; {page.status.text()}")
    window.wait(lambda: not page.samples._pixmap.isNull(), "for samples")
    window.click(page.pause)
    window.wait(lambda: page.start.isEnabled(), "for the pause")
    assert (tmp_path / "runs" / "paintings" / "checkpoint.pt").exists()
    paused_at = page.progress.value()
    window.click(page.start)  # says Go on
    window.wait(lambda: page.progress.value() > paused_at, "for it to go on")
    window.click(page.pause)
    window.wait(lambda: page.use.isEnabled(), "for the pause")
    window.click(page.use)
    gallery = window.page.gallery.gallery
    window.wait(lambda: "paintings" in [model.name for model in gallery.models], "for the model")


def test_a_folder_without_pictures_is_said_before_the_start(window: Window, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    make_pictures(tmp_path / "photos", 2)
    page = window.app.train
    QTest.keyClick(window.app.window, Qt.Key.Key_2, CTRL)
    window.drop([tmp_path / "photos"], page.a)
    window.drop([tmp_path / "empty"], page.b)
    window.wait(lambda: "no picture" in page.findings.text(), "for the finding")
    assert not page.start.isEnabled()


def test_without_the_train_extra_the_page_says_how_to_get_it(window: Window) -> None:
    window.wait_for_models()
    window.app._show_extras({"train": False})  # what a worker says where torch is not installed
    assert "pip install 'cgconv[train]'" in window.app.train.findings.text()
    assert not window.app.train.start.isEnabled()


def test_caches_are_measured_and_cleared(window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window.drop(make_pictures(tmp_path, 1))
    window.wait(lambda: window.items and window.items[0].thumbnail, "for a thumbnail")
    thumbnail = window.items[0].thumbnail
    assert thumbnail.exists()
    QTest.keyClick(window.app.window, Qt.Key.Key_3, CTRL)
    page = window.app.settings
    window.wait(lambda: "thumbnails" in page.caches.text(), "for the measurement")
    window.click(page.clear)
    window.wait(lambda: not thumbnail.exists(), "for the clearing")


def test_a_model_is_written_in_half_precision(window: Window, models: Path) -> None:
    window.wait_for_models()
    QTest.keyClick(window.app.window, Qt.Key.Key_3, CTRL)
    page = window.app.settings
    window.click(page.halve)
    window.wait(lambda: not page.steps.isVisible(), "for the end")
    assert (models / "alpha.fp16.onnx").exists() or "dB" in page.step.text(), page.step.text()


def test_this_computer_is_examined_into_the_log(window: Window) -> None:
    QTest.keyClick(window.app.window, Qt.Key.Key_4, CTRL)
    window.click(window.app.log.diagnose)
    window.wait(lambda: "auto takes" in window.app.log.text.toPlainText(), "for the diagnosis")


def test_engines_without_tensorrt_are_refused_with_what_to_install(window: Window) -> None:
    pytest.importorskip("cgconv.exporter.engine")
    window.wait_for_models()
    QTest.keyClick(window.app.window, Qt.Key.Key_3, CTRL)
    page = window.app.settings
    window.click(page.build)
    window.wait(lambda: not page.steps.isVisible(), "for the end")
    assert "TensorRT" in page.step.text() or "GPU" in page.step.text()


def test_dark_and_light_are_chosen_with_keys_and_text_can_be_read(window: Window) -> None:
    from PySide6.QtGui import QPalette

    from cgconv.gui.palette import READABLE, bad, contrast, good, is_dark, secondary

    QTest.keyClick(window.app.window, Qt.Key.Key_3, CTRL)
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
