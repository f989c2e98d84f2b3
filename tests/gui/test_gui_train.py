"""The Train page, used with mouse, keys and drops, with the real worker on tiny pictures and networks."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from gui_window import Window, make_pictures, models, picture_of, window  # noqa: F401  # fixtures
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from cgconv.gui import train_page
from cgconv.gui.queue_item import State

pytestmark = pytest.mark.timeout(280)
TINY: train_page.Settings = (
    ("generator.blocks", "1"),
    ("generator.width", "4"),
    ("discriminator.width", "4"),
    ("data.crop", "64"),
    ("data.load", "64"),
    ("run.report_every", "2"),
    ("run.sample_every", "4"),
    ("run.checkpoint_every", "4"),
    ("run.device", "cpu"),
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trainings be so small that a step takes hundredths of a second."""
    pytest.importorskip("torch")
    pytest.importorskip("lightning")
    monkeypatch.setattr(train_page, "WATCHING", TINY)


def two_folders(window: Window, folder: Path, preset: str = "small-data") -> None:
    """Go to the page, drop photographs on one box and paintings on the other, and pick a preset."""
    make_pictures(folder / "photos", 6)
    make_pictures(folder / "paintings", 5)
    page = window.app.train
    window.go_to(2)
    window.drop([folder / "photos"], page.a)
    window.drop([folder / "paintings"], page.b)
    window.wait(lambda: "6 and 5 pictures" in page.findings.text(), f"for the data check; {page.findings.text()}")
    window.wait(lambda: page.preset.count() > 0, "for the presets")
    while page.preset.currentData() != preset:
        before = page.preset.currentIndex()
        window.key(page.preset, Qt.Key.Key_Down)
        assert page.preset.currentIndex() > before, f"{preset} is not offered"
    window.type(page.out, str(folder / "runs" / "paintings"))
    window.type(page.epochs.lineEdit(), "60")
    QTest.keyClick(page.epochs, Qt.Key.Key_Tab)


def colors_in(picture: QImage) -> int:
    """Return how many different colors there are, which a gray or empty place has few of."""
    small = picture.scaled(64, 64)
    return len({small.pixel(x, y) for x in range(64) for y in range(64)})


def test_two_folders_become_a_model_that_translates(window: Window, tiny: None, tmp_path: Path) -> None:
    page = window.app.train
    window.wait_for_models()
    two_folders(window, tmp_path)
    assert not page.use.isEnabled()
    empty = colors_in(picture_of(page.samples)), colors_in(picture_of(page.curves))
    window.click(page.start)
    window.wait(lambda: " left" in page.status.text(), f"for the figures; {page.status.text()}")
    window.wait(lambda: colors_in(picture_of(page.samples)) > empty[0] + 100, "for samples")
    window.wait(lambda: colors_in(picture_of(page.curves)) > empty[1] + 20, "for curves")
    window.wait(lambda: page.progress.value() > 0, "for the progress")
    window.click(page.pause)
    window.wait(page.start.isEnabled, "for the pause")
    assert "Paused" in page.status.text()
    assert (tmp_path / "runs" / "paintings" / "checkpoint.pt").exists()
    paused_at = page.progress.value()
    assert page.start.text() == "&Go on"
    window.click(page.start)
    window.wait(lambda: page.progress.value() > paused_at, "for it to go on")
    window.click(page.pause)
    window.wait(page.use.isEnabled, "for the pause")
    window.key(page.direction, Qt.Key.Key_Down)
    assert page.direction.currentText() == "paintings → photos"
    window.click(page.use)
    gallery = window.page.gallery
    names = lambda: [str(gallery.gallery.index(row).data()) for row in range(gallery.gallery.rowCount())]  # noqa: E731
    window.wait(lambda: "paintings" in names(), f"for the model; {page.status.text()}")
    window.go_to(1)
    window.drop(make_pictures(tmp_path / "new", 1))
    window.wait_for_files(1)
    row = gallery.gallery.index(names().index("paintings"))
    window.click(gallery.viewport(), gallery.visualRect(row).center())
    window.start()
    window.wait(lambda: window.states() == [State.DONE], window.page.reason.text())
    assert (tmp_path / "new" / "photo0.paintings.png").exists()


def test_quick_learns_one_direction_and_that_becomes_a_model(
    window: Window, tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dict(TINY) | {"generator.width": "8", "loss.jitter": "0", "data.batch": "1"}
    monkeypatch.setattr(train_page, "WATCHING", tuple(settings.items()))
    page = window.app.train
    window.wait_for_models()
    two_folders(window, tmp_path, "quick")
    assert page.direction.count() == 2
    assert page.preset.currentText() == "quick (cut)"
    empty = colors_in(picture_of(page.samples))
    window.click(page.start)
    window.wait(lambda: " left" in page.status.text(), f"for the figures; {page.status.text()}")
    window.wait(lambda: colors_in(picture_of(page.samples)) > empty + 100, "for samples")
    window.wait((tmp_path / "runs" / "paintings" / "checkpoint.pt").exists, "for a checkpoint")
    window.click(page.pause)
    window.wait(page.use.isEnabled, f"for the pause; {page.status.text()}")
    assert [page.direction.itemText(row) for row in range(page.direction.count())] == ["photos → paintings"]
    window.click(page.use)
    gallery = window.page.gallery
    names = lambda: [str(gallery.gallery.index(row).data()) for row in range(gallery.gallery.rowCount())]  # noqa: E731
    window.wait(lambda: "paintings" in names(), f"for the model; {page.status.text()}")


def test_a_training_whose_worker_is_killed_goes_on_from_its_checkpoint(
    window: Window, tiny: None, tmp_path: Path
) -> None:
    page = window.app.train
    two_folders(window, tmp_path)
    window.click(page.start)
    window.wait((tmp_path / "runs" / "paintings" / "checkpoint.pt").exists, f"for a checkpoint; {page.status.text()}")
    window.wait(lambda: page.progress.value() > 0, "for progress")
    os.kill(window.app.training.process_id(), signal.SIGKILL)
    window.wait(lambda: "unexpectedly" in page.status.text(), f"for the word; {page.status.text()}")
    assert page.start.text() == "&Go on"
    killed_at = page.progress.value()
    window.click(page.start)
    window.wait(lambda: page.progress.value() > killed_at, f"for it to go on; {page.status.text()}")
    window.click(page.pause)
    window.wait(page.start.isEnabled, "for the pause")


def test_a_run_is_continued_by_its_folder_to_its_end_and_the_next_one_gets_another(
    qapp: QApplication, models: Path, tiny: None, tmp_path: Path
) -> None:
    """Go on did nothing after a run had been continued by its folder and paused: the page knew no pictures."""
    first = Window(tmp_path / "home")
    two_folders(first, tmp_path)
    first.type(first.app.train.epochs.lineEdit(), "4")
    QTest.keyClick(first.app.train.epochs, Qt.Key.Key_Tab)
    first.click(first.app.train.start)
    run = tmp_path / "runs" / "paintings"
    first.wait((run / "checkpoint.pt").exists, f"for a checkpoint; {first.app.train.status.text()}")
    first.close()  # in the middle
    second = Window(tmp_path / "home")
    page = second.app.train
    try:
        second.go_to(2)
        second.wait(lambda: page.preset.count() > 0, "for the worker")
        second.answer_file_dialog(str(run))
        second.click(page.resume)
        second.wait(lambda: " left" in page.status.text() or "has finished" in page.status.text(), page.status.text())
        if page.pause.isEnabled():
            second.click(page.pause)
            second.wait(lambda: not page.is_running, "for the pause")
        if "has finished" not in page.status.text():
            assert page.start.text() == "&Go on"
            second.click(page.start)
            second.wait(lambda: "has finished" in page.status.text(), f"for the end; {page.status.text()}")
        assert page.use.isEnabled()
        assert page.start.text() == "&Start training"
    finally:
        second.close()


def test_a_folder_without_pictures_is_said_before_the_start(window: Window, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    make_pictures(tmp_path / "photos", 2)
    page = window.app.train
    window.go_to(2)
    window.answer_file_dialog(str(tmp_path / "photos"))
    window.click(page.a.browse)
    window.type(page.b.path, str(tmp_path / "empty"))
    window.wait(lambda: "no picture" in page.findings.text(), "for the finding")
    assert not page.start.isEnabled()


def test_without_the_train_extra_the_page_says_how_to_get_it(
    qapp: QApplication, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, package=None: None if name == 'torch' else find(name, package)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    opened = Window(tmp_path / "home")
    try:
        page = opened.app.train
        opened.go_to(2)
        opened.wait(lambda: "cgconv[train]" in page.findings.text(), "for the sentence")
        assert f"{Path(sys.executable).name} -m pip install 'cgconv[train]'" in page.findings.text()
        opened.drop(make_pictures(tmp_path / "photos", 1), page.a)
        opened.drop(make_pictures(tmp_path / "paintings", 1), page.b)
        assert "cgconv[train]" in page.findings.text()
        assert not page.start.isEnabled()
        assert not page.resume.isEnabled()
    finally:
        opened.close()
