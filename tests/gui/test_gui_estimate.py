"""What the Train page says before Start: how long it takes, what was found, and what it does with a model meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from gui_window import Opened, Window, make_pictures, models, opened, window  # noqa: F401  # fixtures
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog
from test_gui_train import TINY, tiny, two_folders  # noqa: F401  # a fixture

from cgconv.gui import train_page
from cgconv.gui.quantities import duration, long_time

pytestmark = pytest.mark.timeout(280)


def test_how_long_it_takes_is_said_before_the_start_and_quick_is_offered_first(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The suggested preset asked for 61 hours without a word."""
    pytest.importorskip("torch")
    monkeypatch.setattr(train_page, "WATCHING", TINY)
    page = window.app.train
    window.go_to(2)
    window.wait(lambda: page.preset.count() > 0, "for the presets")
    if not Path("/proc/driver/nvidia/version").exists():
        assert page.preset.itemData(0) == "quick"
    two_folders(window, tmp_path, "small-data")
    window.wait(lambda: "About" in page.estimate.text(), f"for the estimate; {page.estimate.text()}")
    assert "on this computer: 360 pictures" in page.estimate.text()  # 60 times through 6
    window.type(page.epochs.lineEdit(), "9999")
    QTest.keyClick(page.epochs, Qt.Key.Key_Tab)
    window.wait(lambda: "59,994 pictures" in page.estimate.text(), f"for another estimate; {page.estimate.text()}")


def test_findings_are_sentences_whose_files_open(window: Window, tmp_path: Path, opened: Opened) -> None:
    pytest.importorskip("torch")
    make_pictures(tmp_path / "photos", 3)
    make_pictures(tmp_path / "paintings", 3)
    cv2.imwrite(str(tmp_path / "photos" / "blank & gray.png"), np.full((48, 64, 3), 128, np.uint8))
    page = window.app.train
    window.go_to(2)
    window.drop([tmp_path / "photos"], page.a)
    window.drop([tmp_path / "paintings"], page.b)
    window.wait(lambda: "of one color" in page.findings.text(), f"for the finding; {page.findings.text()}")
    lines = page.findings.text().splitlines()
    assert "⚠ photos has 1 pictures of one color, without content. Remove them. blank & gray.png" in lines
    cursor = page.findings.document().find("blank & gray")
    page.findings.setTextCursor(cursor)
    page.findings.ensureCursorVisible()
    at = page.findings.cursorRect(cursor).center() - QPoint(8, 0)
    window.click(page.findings.viewport(), at)
    assert opened.paths == [str(tmp_path / "photos" / "blank & gray.png")]


def test_the_model_is_used_while_it_trains_and_samples_open_in_full_size(
    window: Window, tiny: None, tmp_path: Path
) -> None:
    page = window.app.train
    window.wait_for_models()
    two_folders(window, tmp_path)
    window.type(page.epochs.lineEdit(), "9999")
    QTest.keyClick(page.epochs, Qt.Key.Key_Tab)
    window.click(page.start)
    window.wait(page.use.isEnabled, f"for a checkpoint; {page.status.text()}")
    assert page.is_running
    window.wait(lambda: "on the processor, " in page.status.text(), f"for the device; {page.status.text()}")
    window.wait(lambda: not page.samples._pixmap.isNull(), "for samples")
    window.click(page.samples)
    window.dialog(QDialog).close()
    assert "the discriminator's error" in page.curves.legend.text().replace("&nbsp;", " ").replace("&#x27;", "'")
    window.click(page.use)
    window.wait(lambda: window.page.gallery.chosen == "paintings", f"for the model; {page.status.text()}")
    assert window.app.window.stack.currentWidget() is window.page
    assert page.is_running


def test_folders_and_run_are_there_at_the_next_start(
    qapp: QApplication, models: Path, tiny: None, tmp_path: Path
) -> None:
    first = Window(tmp_path / "home")
    two_folders(first, tmp_path)
    first.click(first.app.train.start)
    first.wait((tmp_path / "runs" / "paintings" / "checkpoint.pt").exists, "for a checkpoint")
    first.close()
    second = Window(tmp_path / "home")
    try:
        page = second.app.train
        second.go_to(2)
        assert page.a.path.text() == str(tmp_path / "photos")
        assert page.b.name.text() == "paintings"
        assert page.out.text() == str(tmp_path / "runs" / "paintings")
        assert page.start.text() == "&Go on"
    finally:
        second.close()


def test_an_estimate_can_be_called_off() -> None:
    pytest.importorskip("torch")
    from cgconv.runtime.errors import Cancelled
    from cgconv.trainer.estimate import images_a_second
    from cgconv.trainer.presets import PRESETS

    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        images_a_second(PRESETS["quick"].config, cancel)


def test_long_times_are_said_in_words() -> None:
    assert duration(1325 * 3600 + 51 * 60 + 15) == "%n day(s)".replace("%n", "55")
    assert [long_time(seconds) for seconds in (40, 3600, 40 * 3600)] == [
        "1 minute(s)", "60 minute(s)", "40 hour(s)",
    ]  # fmt: skip
