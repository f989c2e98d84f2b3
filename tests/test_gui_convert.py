"""The Convert page, used with mouse, keys and drops, with real workers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from film_clips import look_at, make_film
from gui_window import Window, make_pictures, models, window  # noqa: F401  # fixtures
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QInputDialog, QLineEdit, QMenu, QMessageBox

from cgconv.gui.dialogs import ItemDialog, ModelDialog
from cgconv.gui.queue_item import State
from cgconv.gui.queue_model import Column

pytestmark = pytest.mark.timeout(240)
CTRL = Qt.KeyboardModifier.ControlModifier


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
    assert "4" in window.page.summary.text()
    assert "cpu" in window.page.machine.text() or "processor" in window.page.machine.text()
    assert film.exists()


def test_thumbnails_sizes_and_lengths_appear_in_the_table(window: Window, tmp_path: Path) -> None:
    window.drop([make_pictures(tmp_path, 1, (48, 64))[0], make_film(tmp_path / "clip.mp4", frames=30)])
    window.wait_for_files(2)
    window.wait(lambda: all(item.size_wh for item in window.items), "for sizes")
    queue = window.app.queue
    assert queue.index(0, Column.SIZE).data() == "64×48"
    assert queue.index(1, Column.SIZE).data() == "96×64, 0:01"
    assert queue.index(1, Column.KIND).data() == "Film"
    assert not queue.index(0, Column.NAME).data(Qt.ItemDataRole.DecorationRole).isNull()


def test_a_file_dropped_twice_is_in_the_queue_once(window: Window, tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "photos", 2)
    window.drop(pictures)
    window.wait_for_files(2)
    window.drop([tmp_path / "photos"])
    window.wait(lambda: "before" in window.page.summary.text(), "for the word about duplicates")
    assert len(window.items) == 2


def test_a_broken_file_fails_with_a_reason_in_words_and_the_rest_goes_on(window: Window, tmp_path: Path) -> None:
    good = make_pictures(tmp_path, 1)[0]
    (tmp_path / "broken.png").write_bytes(b"no picture at all")
    window.drop([tmp_path / "broken.png", good])
    window.wait_for_files(2)
    window.start()
    window.wait(lambda: window.named("photo0.png").state is State.DONE, "for the good one")
    window.wait(lambda: window.named("broken.png").state is State.FAILED, "for the broken one")
    window.click_row(window.app.queue.row_of(window.named("broken.png")))
    assert "broken.png" in window.page.reason.text()
    window.click(window.page.copy_reason)
    assert QGuiApplication.clipboard().text() == window.named("broken.png").reason
    good.replace(tmp_path / "broken.png")  # mended
    window.wait_until_idle()
    window.click(window.page.retry)
    window.start()
    window.wait(lambda: window.named("broken.png").state is State.DONE, "for the mended one")


def test_entries_are_moved_and_removed_with_keys_and_buttons(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 4))
    window.wait_for_files(4)
    view = window.page.queue_view
    window.click_row(3)
    window.key(view, Qt.Key.Key_Up, CTRL)
    assert [item.path.stem for item in window.items] == ["photo0", "photo1", "photo3", "photo2"]
    window.click(window.page.up)
    window.click(window.page.up)
    window.click(window.page.up)  # it is at the top already
    assert [item.path.stem for item in window.items] == ["photo3", "photo0", "photo1", "photo2"]
    window.click(window.page.down)
    assert [item.path.stem for item in window.items] == ["photo0", "photo3", "photo1", "photo2"]
    window.key(view, Qt.Key.Key_Delete)
    assert [item.path.stem for item in window.items] == ["photo0", "photo1", "photo2"]
    window.click_row(0)
    window.click(window.page.remove)
    assert [item.path.stem for item in window.items] == ["photo1", "photo2"]


def test_one_entry_gets_a_model_and_options_of_its_own(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 2))
    window.wait_for_files(2)
    window.wait_for_models()
    window.click_row(1)
    window.key(window.page.queue_view, Qt.Key.Key_E, CTRL)
    dialog = next(child for child in window.app.window.children() if isinstance(child, ItemDialog))
    window.wait(dialog.isVisible)
    window.key(dialog.model, Qt.Key.Key_Down)
    window.click(dialog.options.keep_colors, QPoint(8, dialog.options.keep_colors.height() // 2))
    window.click(dialog.buttons.button(QDialogButtonBox.StandardButton.Ok))
    assert window.items[1].model == "beta"
    assert window.app.queue.index(0, Column.MODEL).data() == "alpha"
    window.start()
    window.wait(lambda: window.states() == [State.DONE] * 2, "for results")
    assert sorted(path.name for path in tmp_path.glob("photo*.*.png")) == ["photo0.alpha.png", "photo1.beta.png"]


def test_two_entries_that_would_get_one_name_keep_both_results(window: Window, tmp_path: Path) -> None:
    make_pictures(tmp_path / "a", 1)
    make_pictures(tmp_path / "b", 1, (40, 40))
    window.drop([tmp_path / "a" / "photo0.png", tmp_path / "b" / "photo0.png"])
    window.wait_for_files(2)
    _type(window.page.options.out, str(tmp_path / "out"))
    _type(window.page.options.name, "{name}-painted")
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
    window.key(window.page.options.exists, Qt.Key.Key_Down)
    window.click_row(0)
    window.key(window.page.queue_view, Qt.Key.Key_F5)
    window.start()
    window.wait(lambda: window.states() == [State.DONE], "for the result")
    assert result.read_bytes() != b"mine"


def test_the_preview_shows_before_and_after_and_its_divider_can_be_dragged(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 1, (96, 128)))
    window.wait_for_files(1)
    view = window.page.preview.view
    window.wait(lambda: view._translated is not None, "for the translation")
    left_of_middle = QPoint(view.width() // 2 - 30, view.height() // 2)
    original = view.grab().toImage().pixelColor(left_of_middle)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, view.rect().center())
    QTest.mouseMove(view, QPoint(view.width() // 4, view.height() // 2))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(view.width() // 4, 9))
    assert view.divider < 0.3
    translated = view.grab().toImage().pixelColor(left_of_middle)
    assert translated != original
    window.key(window.page.options.strength, Qt.Key.Key_Home)  # strength 0: the original everywhere
    assert view.grab().toImage().pixelColor(left_of_middle) == original


def test_the_preview_zooms_to_pixels_and_back_with_keys(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 1, (900, 1200)))
    window.wait_for_files(1)
    view = window.page.preview.view
    window.wait(lambda: view._full_wh == (1200, 900), "for the original")
    whole = view._target().width()
    window.key(view, Qt.Key.Key_1)
    assert view._target().width() == pytest.approx(1200 / view.devicePixelRatioF())
    window.key(view, Qt.Key.Key_0)
    assert view._target().width() == pytest.approx(whole)
    window.click(window.page.preview.closer)
    assert view._target().width() == pytest.approx(whole * 1.25, rel=0.01)


def test_a_film_is_scrubbed_and_looped(window: Window, tmp_path: Path) -> None:
    window.drop([make_film(tmp_path / "clip.mp4", frames=90)])
    window.wait_for_files(1)
    panel = window.page.preview
    window.wait(lambda: panel.view._translated is not None, "for the first frame")
    window.wait(lambda: panel.scrubber.maximum() == 30, "for the length")
    first = panel.view._original.levels[0].copy()
    window.key(panel.scrubber, Qt.Key.Key_End)
    window.wait(lambda: panel.view._original.levels[0] != first, "for another frame")
    assert panel.time.text() == "0:03 / 0:03"
    window.key(panel.scrubber, Qt.Key.Key_Home)
    window.click(panel.loop)
    window.wait(lambda: len(panel._loop_frames) >= 5, "for frames of the loop")
    shown = panel.view._original.levels[0].copy()
    window.wait(lambda: panel.view._original.levels[0] != shown, "for the loop to move")


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
    window.click(window.page.pause)
    QTest.qWait(800)  # what was being computed comes to its end
    held = item.progress
    QTest.qWait(800)
    assert item.progress == held
    window.click(window.page.start)  # now says Go on
    window.wait(lambda: item.progress > held, "for the film to go on")
    window.click(window.page.cancel)
    window.wait_until_idle()
    assert item.state is State.STOPPED
    assert not (tmp_path / "clip.alpha.mp4").exists()


def test_the_queue_comes_back_after_closing_in_the_middle(
    qapp: QApplication, models: Path, tmp_path: Path
) -> None:  # fmt: skip
    first = Window(tmp_path / "home")
    first.drop([make_pictures(tmp_path, 1)[0]])
    first.wait_for_files(1)
    first.start()
    first.wait(lambda: first.states() == [State.DONE], "for the picture")
    first.wait_until_idle()
    first.drop([make_film(tmp_path / "clip.mp4", frames=900, size_wh=(320, 240))])
    first.wait_for_files(2)
    first.click_row(1)
    first.key(first.page.queue_view, Qt.Key.Key_Up, CTRL)
    first.start()
    first.wait(lambda: first.named("clip.mp4").progress > 0, "for the film to be under way")
    first.close()

    second = Window(tmp_path / "home")
    try:
        assert [item.path.name for item in second.items] == ["clip.mp4", "photo0.png"]
        assert second.states() == [State.WAITING, State.DONE]
    finally:
        second.close()


def test_a_queue_file_that_was_damaged_gives_back_what_can_be_read(
    qapp: QApplication, models: Path, tmp_path: Path
) -> None:  # fmt: skip
    first = Window(tmp_path / "home")
    first.drop(make_pictures(tmp_path, 3))
    first.wait_for_files(3)
    first.close()
    file = tmp_path / "home" / "queue.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], '{"path": ', "null", lines[2]]))
    second = Window(tmp_path / "home")
    try:
        assert [item.path.stem for item in second.items] == ["photo0", "photo2"]
    finally:
        second.close()


def test_a_model_dropped_on_the_gallery_is_there_and_can_be_removed(
    window: Window, models: Path, tmp_path: Path
) -> None:
    window.wait_for_models()
    gallery = window.page.gallery
    dropped = tmp_path / "gamma.onnx"
    dropped.write_bytes((models / "alpha.onnx").read_bytes())
    window.drop([dropped], gallery.viewport())
    window.wait(lambda: "gamma" in [model.name for model in gallery.gallery.models], "for the model")
    row = [model.name for model in gallery.gallery.models].index("gamma")
    window.click(gallery.viewport(), gallery.visualRect(gallery.gallery.index(row)).center())
    assert gallery.chosen == "gamma"
    window.click(window.page.model_information)
    dialog = next(child for child in window.app.window.children() if isinstance(child, ModelDialog))
    dialog.close()
    window.click(window.page.remove_model)
    box = next(child for child in window.app.window.children() if isinstance(child, QMessageBox))
    window.click(box.button(QMessageBox.StandardButton.Yes))
    window.wait(lambda: "gamma" not in [model.name for model in gallery.gallery.models], "for it to go")
    assert not (models / "gamma.onnx").exists()


def test_a_file_that_is_no_model_is_refused_with_a_sentence(window: Window, tmp_path: Path) -> None:
    window.wait_for_models()
    (tmp_path / "page.onnx").write_bytes(b"<!doctype html><html></html>")
    window.drop([tmp_path / "page.onnx"])
    window.wait(lambda: "web page" in window.page.summary.text(), "for the refusal")


def test_the_gallery_shows_what_models_make_of_a_sample_and_their_speed(window: Window) -> None:
    window.wait_for_models()
    gallery = window.page.gallery.gallery
    window.wait(lambda: all(model.megapixels_per_second for model in gallery.models[:2]), "for the measurements")
    assert not gallery.index(0).data(Qt.ItemDataRole.DecorationRole).isNull()


def test_options_and_presets_are_remembered(qapp: QApplication, models: Path, tmp_path: Path) -> None:
    first = Window(tmp_path / "home")
    options = first.page.options
    first.key(options.strength, Qt.Key.Key_Home)
    for _ in range(3):
        QTest.keyClick(options.strength, Qt.Key.Key_PageUp)
    first.click(options.keep_colors, QPoint(8, options.keep_colors.height() // 2))
    _save_preset(first, "soft")
    first.close()
    second = Window(tmp_path / "home")
    try:
        assert second.page.options.options().strength == pytest.approx(0.3)
        assert second.page.options.options().keep_colors
        second.key(second.page.options.strength, Qt.Key.Key_End)
        presets = second.page.presets
        presets.setFocus()
        QTest.keyClick(presets, Qt.Key.Key_Down)
        assert presets.currentText() == "soft"
        second.wait(lambda: second.page.options.options().strength == pytest.approx(0.3), "for the preset")
    finally:
        second.close()


def test_entries_added_while_others_are_translated_are_translated_too(window: Window, tmp_path: Path) -> None:
    window.drop([make_film(tmp_path / "clip.mp4", frames=40)])
    window.wait_for_files(1)
    window.start()
    window.wait(lambda: window.states()[0] is State.RUNNING, "for the film")
    window.drop(make_pictures(tmp_path / "more", 2))
    window.wait_for_files(3)
    window.wait(lambda: window.states() == [State.DONE] * 3, "for everything")


def test_finished_entries_are_cleared(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 2))
    window.wait_for_files(2)
    window.start()
    window.wait(lambda: window.states() == [State.DONE] * 2, "for results")
    window.wait_until_idle()
    window.click(window.page.clear_ended)
    assert window.items == []


def test_start_without_anything_to_do_says_so(window: Window) -> None:
    window.start()
    assert "add pictures" in window.page.summary.text()


def test_every_page_is_reached_by_keys(window: Window) -> None:
    for number in (2, 3, 4, 1):
        QTest.keyClick(window.app.window, getattr(Qt.Key, f"Key_{number}"), CTRL)
        assert window.app.window.stack.currentIndex() == number - 1


def test_everything_that_can_be_used_has_a_name_for_screen_readers(window: Window) -> None:
    from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar, QWidget

    nameless = []
    for widget in window.app.window.findChildren(QWidget):
        if not isinstance(widget, QAbstractButton | QAbstractSlider | QAbstractSpinBox | QComboBox | QLineEdit):
            continue
        if isinstance(widget, QScrollBar) or widget.objectName().startswith("qt_"):
            continue
        if isinstance(widget.parent(), QAbstractSpinBox | QComboBox | QLineEdit) or type(widget.parent()).__name__ in (
            "QTableView", "QueueView", "QTabBar"):  # fmt: skip
            continue
        words = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
        if not words.strip("…+− "):
            nameless.append(f"{type(widget).__name__} in {type(widget.parent()).__name__}")
    assert nameless == []


def _type(line: QLineEdit, text: str) -> None:
    line.setFocus()
    QTest.keyClicks(line, text)


def _save_preset(window: Window, name: str) -> None:
    """Use the menu with keys: Presets, its first entry, the name, Enter."""
    menu = window.page.preset_menu.menu()
    assert isinstance(menu, QMenu)
    menu.popup(window.page.preset_menu.mapToGlobal(QPoint(0, 0)))
    QTest.keyClick(menu, Qt.Key.Key_Down)
    QTest.keyClick(menu, Qt.Key.Key_Return)
    window.wait(lambda: window.app.window.findChild(QInputDialog) is not None, "for the dialog")
    dialog = window.app.window.findChild(QInputDialog)
    line = dialog.findChild(QLineEdit)
    QTest.keyClicks(line, name)
    QTest.keyClick(line, Qt.Key.Key_Return)
    window.wait(lambda: window.page.presets.findData(name) >= 0, "for the preset")
