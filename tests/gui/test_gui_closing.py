"""Closing the window: it asks where work would be stopped, says what is kept, and a training saves first."""

from __future__ import annotations

from pathlib import Path

import pytest
from film_clips import make_film
from gui_window import Window, make_pictures, models, press  # noqa: F401  # a fixture
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox

from cgconv.gui import train_page
from cgconv.gui.queue_item import State

pytestmark = pytest.mark.timeout(280)


def test_an_idle_window_closes_at_once(qapp: QApplication, models: Path, tmp_path: Path) -> None:
    window = Window(tmp_path / "home")
    window.drop(make_pictures(tmp_path, 1))
    window.wait_for_files(1)
    window.app.window.close()
    assert not window.app.window.isVisible()


def test_closing_while_a_film_is_translated_asks_and_says_what_is_kept(
    qapp: QApplication, models: Path, tmp_path: Path
) -> None:
    window = Window(tmp_path / "home")
    window.drop([make_film(tmp_path / "clip.mp4", frames=600, size_wh=(320, 240))])
    window.wait_for_files(1)
    window.start()
    window.wait(lambda: window.named("clip.mp4").progress > 0, "for the film to be under way")
    window.app.window.close()
    said = window.dialog(QMessageBox).informativeText()
    assert "still to translate: they stay in the queue" in said
    assert "clip.mp4 is" in said
    assert "kept" in said
    window.key(window.dialog(QMessageBox), Qt.Key.Key_Return)  # the safe answer is the usual one
    assert window.app.window.isVisible()
    assert window.named("clip.mp4").state is State.RUNNING
    window.app.window.close()
    press(window, "Stop and close")
    window.wait(lambda: not window.app.window.isVisible(), "for the end")
    second = Window(tmp_path / "home")
    try:
        assert second.states() == [State.WAITING]
    finally:
        second.close()


def test_a_training_saves_before_the_window_closes(
    qapp: QApplication, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window gave the trainer nine seconds, then killed it: up to 200 steps were lost."""
    pytest.importorskip("torch")
    from test_gui_train import TINY, two_folders

    never = dict(TINY) | {"run.checkpoint_every": "100000", "run.sample_every": "100000"}
    monkeypatch.setattr(train_page, "WATCHING", tuple(never.items()))
    window = Window(tmp_path / "home")
    two_folders(window, tmp_path)
    page = window.app.train
    window.type(page.epochs.lineEdit(), "9999")
    QTest.keyClick(page.epochs, Qt.Key.Key_Tab)
    window.click(page.start)
    window.wait(lambda: " left" in page.status.text(), f"for the figures; {page.status.text()}")
    checkpoint = tmp_path / "runs" / "paintings" / "checkpoint.pt"
    assert not checkpoint.exists()
    window.app.window.close()
    assert "saves its state" in window.dialog(QMessageBox).informativeText()
    press(window, "Stop and close")
    window.wait(lambda: not window.app.window.isVisible(), "for the end")
    assert checkpoint.exists()
