"""Start does the obvious: it takes up again what stopped or failed, and asks where all is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from film_clips import make_film
from gui_window import Window, make_pictures, models, press, window  # noqa: F401  # fixtures
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from cgconv.gui.queue_item import State
from cgconv.gui.queue_model import Column

pytestmark = pytest.mark.timeout(400)


def test_start_takes_up_what_was_cancelled_and_what_failed(window: Window, tmp_path: Path) -> None:
    """After Cancel, Start said that there was nothing to translate."""
    (good,) = make_pictures(tmp_path, 1)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture at all")
    window.drop([broken, good, make_film(tmp_path / "clip.mp4", frames=300, size_wh=(320, 240))])
    window.wait_for_files(3)
    window.start()
    film = window.named("clip.mp4")
    window.wait(lambda: film.progress > 0, "for the film to be under way")
    window.click(window.page.cancel)
    window.wait_until_idle()
    assert (film.state, window.named("broken.png").state) == (State.STOPPED, State.FAILED)
    good.replace(broken)  # mended
    window.click(window.page.start)
    window.wait(lambda: window.named("broken.png").state is State.DONE, "for the mended one")
    window.wait(lambda: film.state is State.RUNNING, "for the film to be taken up again")
    window.click(window.page.cancel)
    window.wait_until_idle()
    assert film.state is State.STOPPED


def test_when_all_is_done_start_asks_and_another_model_makes_a_second_entry(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 1))
    window.wait_for_files(1)
    window.start()
    window.wait(lambda: window.states() == [State.DONE], "for the result")
    window.wait_until_idle()
    window.click(window.page.start)
    assert "again with alpha?" in window.dialog(QMessageBox).text()
    press(window, "Cancel")
    assert window.states() == [State.DONE]
    window.key(window.page.gallery, Qt.Key.Key_Right)
    window.click(window.page.start)
    assert "again with beta?" in window.dialog(QMessageBox).text()
    press(window, "Translate again")
    window.wait(lambda: window.states() == [State.DONE] * 2, "for the second result")
    assert [window.cell(row, Column.MODEL) for row in (0, 1)] == ["alpha", "beta"]
    assert sorted(path.name for path in tmp_path.glob("photo0.*.png")) == ["photo0.alpha.png", "photo0.beta.png"]


def test_the_same_model_again_keeps_the_result_that_is_there(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 1))
    window.wait_for_files(1)
    window.start()
    window.wait(lambda: window.states() == [State.DONE], "for the result")
    window.wait_until_idle()
    first = (tmp_path / "photo0.alpha.png").read_bytes()
    window.key(window.page.options.strength, Qt.Key.Key_Home)
    window.click(window.page.start)
    assert "kept" in window.dialog(QMessageBox).informativeText()
    press(window, "Translate again")
    window.wait(lambda: (tmp_path / "photo0.alpha-2.png").exists(), "for the second result")
    assert len(window.items) == 1
    assert (tmp_path / "photo0.alpha.png").read_bytes() == first


def test_two_models_on_one_picture_from_the_rows_menu_and_by_dropping_it_again(window: Window, tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path, 1)
    window.wait_for_models()
    window.drop(pictures)
    window.wait_for_files(1)
    window.choose_in_submenu(0, "Again with", "beta")
    window.wait_for_files(2)
    window.start()
    window.wait(lambda: window.states() == [State.DONE] * 2, "for results")
    window.wait_until_idle()
    assert sorted(path.name for path in tmp_path.glob("photo0.*.png")) == ["photo0.alpha.png", "photo0.beta.png"]
    window.drop(pictures)
    window.wait(lambda: "before" in window.page.summary.text(), "for the word that it is there")
    assert len(window.items) == 2


def test_a_second_model_keeps_its_result_in_a_folder_where_both_have_one_name(window: Window, tmp_path: Path) -> None:
    window.wait_for_models()
    window.drop(make_pictures(tmp_path, 1))
    window.wait_for_files(1)
    window.type(window.page.options.out, str(tmp_path / "results"))
    window.key(window.page.options.out, Qt.Key.Key_Tab)
    window.start()
    window.wait(lambda: window.states() == [State.DONE], "for the result")
    window.wait_until_idle()
    window.choose_in_submenu(0, "Again with", "beta")
    window.wait_for_files(2)
    window.start()
    window.wait(lambda: window.states() == [State.DONE] * 2, f"for the second result; {window.states()}")
    first, second = sorted((tmp_path / "results").iterdir())
    assert (first.name, second.name) == ("photo0-2.png", "photo0.png")
    assert first.read_bytes() != second.read_bytes()


def test_a_file_dropped_again_after_another_model_was_picked_is_a_second_entry(window: Window, tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path, 1)
    window.drop(pictures)
    window.wait_for_files(1)
    window.start()
    window.wait(lambda: window.states() == [State.DONE], "for the result")
    window.wait_until_idle()
    window.key(window.page.gallery, Qt.Key.Key_Right)
    window.drop(pictures)
    window.wait_for_files(2)
    assert [window.cell(row, Column.MODEL) for row in (0, 1)] == ["alpha", "beta"]
