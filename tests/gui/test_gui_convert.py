"""Conversions from Start to the results, used with mouse, keys and drops, with real workers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from film_clips import look_at, make_film
from gui_window import Window, make_pictures, models, window  # noqa: F401  # fixtures
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from cgconv.gui.queue_item import State
from cgconv.runtime.events import RequestFinished

pytestmark = pytest.mark.timeout(400)


def test_a_folder_of_pictures_and_a_film_is_dropped_and_comes_out_translated(window: Window, tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "media", 3)
    film = make_film(tmp_path / "media" / "clip.mp4", frames=10)
    window.drop([tmp_path / "media"])
    window.wait_for_files(4)
    window.start()
    window.wait(lambda: all(state is State.DONE for state in window.states()), f"for results: {window.states()}")
    window.wait_until_idle()
    results = tmp_path / "media-alpha"
    assert sorted(path.name for path in results.iterdir()) == ["clip.mp4", "photo0.png", "photo1.png", "photo2.png"]
    assert len(look_at(results / "clip.mp4").images) == 10
    before, after = cv2.imread(str(pictures[0])), cv2.imread(str(results / "photo0.png"))
    assert before.shape == after.shape
    assert np.abs(before.astype(int) - after).mean() > 5
    assert window.page.summary.text() == "4 done"
    assert "processor" in window.page.machine.text()
    assert film.exists()


def test_options_reach_pictures_and_films(window: Window, tmp_path: Path) -> None:
    picture = make_pictures(tmp_path / "photos", 1, (64, 96))[0]
    film = make_film(tmp_path / "photos" / "clip.mp4", frames=40, sounds=["eng"])
    (tmp_path / "results").mkdir()
    window.drop([picture, film])
    window.wait_for_files(2)
    options = window.page.options
    window.answer_file_dialog(str(tmp_path / "results"))
    window.click(options.browse)
    window.open_advanced()
    window.type(options.name, "small-{name}")
    window.key(options.strength, Qt.Key.Key_Home)
    window.type(options.short_side.lineEdit(), "32")
    window.key(options.codec, Qt.Key.Key_End)  # FFV1, which loses nothing
    window.key(options.picture_format, Qt.Key.Key_Down)  # PNG
    window.key(options.film_format, Qt.Key.Key_Down)
    window.key(options.film_format, Qt.Key.Key_Down)
    window.key(options.film_format, Qt.Key.Key_Down)  # MKV
    window.check(options.keep_audio)
    window.type(options.end_s.lineEdit(), "0.5")
    QTest.keyClick(options.end_s, Qt.Key.Key_Tab)
    window.start()
    window.wait(lambda: window.states() == [State.DONE] * 2, f"for results; {window.page.reason.text()}")
    made = cv2.imread(str(tmp_path / "results" / "small-photo0.png"))
    assert made.shape == (32, 48, 3)
    resized = cv2.resize(cv2.imread(str(picture)), (48, 32), interpolation=cv2.INTER_AREA)
    assert np.abs(made.astype(int) - resized).mean() < 4  # strength 0: the original
    facts = look_at(tmp_path / "results" / "small-clip.mkv")
    assert len(facts.images) == 15
    assert facts.images[0].shape == (32, 48, 3)
    assert facts.sounds == []


def test_two_entries_that_would_get_one_name_keep_both_results(window: Window, tmp_path: Path) -> None:
    make_pictures(tmp_path / "a", 1)
    make_pictures(tmp_path / "b", 1, (40, 40))
    window.drop([tmp_path / "a" / "photo0.png", tmp_path / "b" / "photo0.png"])
    window.wait_for_files(2)
    window.type(window.page.options.out, str(tmp_path / "out"))
    window.open_advanced()
    window.type(window.page.options.name, "{name}-painted")
    window.start()
    window.wait(lambda: window.states() == [State.DONE] * 2, "for results")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["photo0-painted-2.png", "photo0-painted.png"]


def test_a_second_start_leaves_results_alone_unless_told_to_replace_them(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 1))
    window.wait_for_files(1)
    result = tmp_path / "photo0.alpha.png"
    result.write_bytes(b"mine")
    window.start()
    window.wait(lambda: window.states() == [State.SKIPPED], "for the skip")
    window.wait_until_idle()
    assert result.read_bytes() == b"mine"
    assert window.page.summary.text().endswith("1 existed already")
    window.open_advanced()
    window.key(window.page.options.exists, Qt.Key.Key_Down)
    window.click_row(0)
    window.key(window.page.queue_view, Qt.Key.Key_F5)
    window.start()
    window.wait(lambda: window.states() == [State.DONE], "for the result")
    assert result.read_bytes() != b"mine"


def test_results_that_cannot_be_written_fail_with_a_sentence(window: Window, tmp_path: Path) -> None:
    window.drop([*make_pictures(tmp_path, 1), make_film(tmp_path / "clip.mp4", frames=5)])
    window.wait_for_files(2)
    (tmp_path / "taken").write_text("a file where the folder should be")
    window.type(window.page.options.out, str(tmp_path / "taken" / "results"))
    window.start()
    window.wait(lambda: window.states() == [State.FAILED] * 2, "for the failures")
    window.wait_until_idle()
    for row in (0, 1):
        window.click_row(row)
        assert "cannot be written" in window.page.reason.text()
    assert window.page.summary.text() == "0 done · 2 failed"


def test_a_killed_worker_costs_the_film_it_was_at_and_nothing_else(window: Window, tmp_path: Path) -> None:
    long = make_film(tmp_path / "a-long.mp4", frames=600, size_wh=(320, 240))
    window.drop([long])
    window.wait_for_files(1)
    window.drop([make_film(tmp_path / "b-short.mp4", frames=5)])
    window.wait_for_files(2)
    window.start()
    window.wait(lambda: window.named("a-long.mp4").progress > 0, "for the film to be under way")
    os.kill(window.app.jobs.process_id(), signal.SIGKILL)
    window.wait(lambda: window.named("a-long.mp4").state is State.FAILED, "for the failure")
    window.wait(lambda: window.named("b-short.mp4").state is State.DONE, "for the other film")
    window.wait_until_idle()
    window.click_row(0)
    assert "unexpectedly" in window.page.reason.text()
    assert (tmp_path / "b-short.alpha.mp4").exists()
    assert not (tmp_path / "a-long.alpha.mp4").exists()


def test_pausing_holds_everything_and_cancelling_ends_it(window: Window, tmp_path: Path) -> None:
    window.drop([make_film(tmp_path / "clip.mp4", frames=900, size_wh=(320, 240))])
    window.wait_for_files(1)
    window.start()
    item = window.named("clip.mp4")
    window.wait(lambda: item.progress > 0, "for the film to be under way")
    answers: list[object] = []
    window.app.jobs.answered.connect(lambda _, event: answers.append(event))
    window.click(window.page.pause)
    assert window.page.summary.text() == "Paused"
    window.wait(lambda: any(isinstance(event, RequestFinished) for event in answers), "for the worker to know")
    held = item.progress
    QTest.qWait(1500)
    assert item.progress - held < 30 / 900, "more frames than those that were on their way"
    assert window.page.start.text() == "&Go on"
    window.click(window.page.start)
    window.wait(lambda: item.progress - held > 30 / 900, "for the film to go on")
    window.click(window.page.cancel)
    window.wait_until_idle()
    assert item.state is State.STOPPED
    assert not (tmp_path / "clip.alpha.mp4").exists()


def test_the_end_is_said_on_the_desktop_while_another_window_is_looked_at(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "said"
    program = tmp_path / "bin" / "notify-send"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nfor word; do last=$word; done\necho "$last" >> "{said}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    window.drop(make_pictures(tmp_path, 2))
    window.wait_for_files(2)
    window.start()
    other = QWidget()
    other.show()
    other.activateWindow()
    window.wait(other.isActiveWindow, "for the other window")
    window.wait(lambda: said.exists() and said.read_text() == "2 done\n", "for the notification")
    other.close()


def test_entries_added_while_others_are_translated_are_translated_too(window: Window, tmp_path: Path) -> None:
    window.drop([make_film(tmp_path / "clip.mp4", frames=40)])
    window.wait_for_files(1)
    window.start()
    window.wait(lambda: window.states()[0] is State.RUNNING, "for the film")
    window.drop(make_pictures(tmp_path / "more", 2))
    window.wait_for_files(3)
    window.wait(lambda: window.states() == [State.DONE] * 3, "for everything")


def test_start_without_anything_to_do_says_so(window: Window) -> None:
    window.start()
    assert "add pictures" in window.page.summary.text()


def test_options_model_and_window_are_remembered(qapp: QApplication, models: Path, tmp_path: Path) -> None:
    first = Window(tmp_path / "home")
    first.wait_for_models()
    options = first.page.options
    first.key(options.strength, Qt.Key.Key_Home)
    for _ in range(3):
        first.key(options.strength, Qt.Key.Key_PageUp)
    first.check(options.keep_colors)
    first.open_advanced()
    first.type(options.name, "{name}-soft")
    first.key(first.page.gallery, Qt.Key.Key_Right)
    first.app.window.resize(1100, 760)
    first.close()
    second = Window(tmp_path / "home", size_wh=None)
    try:
        assert second.page.options.strength_text.text() == "30 %"
        assert second.page.options.keep_colors.isChecked()
        assert second.page.options.name.text() == "{name}-soft"
        assert second.app.window.height() == 760  # its width is more than an offscreen screen has
        second.wait_for_models()
        assert second.page.gallery.chosen == "beta"
    finally:
        second.close()
