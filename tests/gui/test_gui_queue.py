"""The queue, used with mouse, keys and drops: what goes in, how it is shown, moved, kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from film_clips import make_film
from gui_window import CTRL, Opened, Window, make_pictures, models, opened, window  # noqa: F401  # fixtures
from places import TESTS
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QLineEdit,
    QScrollBar,
    QWidget,
)

from cgconv.gui.dialogs import ItemDialog
from cgconv.gui.queue_item import State
from cgconv.gui.queue_model import Column

pytestmark = pytest.mark.timeout(400)


def test_files_may_be_dropped_anywhere_on_the_window(window: Window, tmp_path: Path) -> None:
    picture = make_pictures(tmp_path, 1)
    dropped: list[list[Path]] = []
    window.app.window.paths_dropped.connect(dropped.append)
    places: list[QWidget] = [window.app.window.navigation]
    for page in (window.app.settings, window.app.log, window.page):
        window.app.window.show_page(page)
        places += [child for child in page.findChildren(QWidget) if child.visibleRegion().boundingRect().width() > 4]
        for place in places:
            if place.isVisible() and place.visibleRegion().contains(place.rect().center()):
                before = len(dropped)
                window.drop(picture, place)
                assert len(dropped) == before + 1, f"a file let go over {place} was lost"
                window.app.window.show_page(page)  # a drop shows the queue
    assert len(dropped) > 60
    assert window.page.options.name.text() == ""
    window.wait_for_files(1)


def test_files_and_folders_are_added_with_buttons(window: Window, tmp_path: Path) -> None:
    one, other = make_pictures(tmp_path / "files", 2)
    make_pictures(tmp_path / "folder", 3)
    window.answer_file_dialog(f'"{one}" "{other}"')
    window.click(window.page.add_files)
    window.wait_for_files(2)
    window.answer_file_dialog(str(tmp_path / "folder"))
    window.click(window.page.add_folder)
    window.wait_for_files(5)
    assert window.page.count.text().startswith("5 ")


def test_the_table_shows_what_files_are_and_how_far_they_are(window: Window, tmp_path: Path) -> None:
    picture = make_pictures(tmp_path, 1, (48, 64))[0]
    window.drop([picture, make_film(tmp_path / "clip.mp4", frames=900, size_wh=(320, 240))])
    window.wait_for_files(2)
    window.wait_for_models()
    window.wait(lambda: window.cell(0, Column.SIZE) and window.cell(1, Column.SIZE), "for sizes")
    shown = [[window.cell(row, column) for column in Column] for row in (0, 1)]
    assert shown[0] == ["photo0.png", tmp_path.name, "Picture", "64×48", "alpha", "Waiting", "", ""]
    assert shown[1] == ["clip.mp4", tmp_path.name, "Film", "320×240, 0:30", "alpha", "Waiting", "", ""]
    for row in (0, 1):
        thumbnail = window.app.queue.index(row, Column.NAME).data(Qt.ItemDataRole.DecorationRole)
        assert thumbnail is not None
        assert not thumbnail.isNull()
    window.start()
    window.wait(lambda: window.cell(1, Column.SPEED).endswith(" fps") and window.cell(1, Column.LEFT), "for figures")
    assert window.cell(0, Column.STATE) == "Done"
    window.wait(lambda: window.cell(1, Column.STATE).endswith("%"), "for the progress")
    window.wait(lambda: "% · cgconv" in window.app.window.windowTitle(), "for the title")
    window.wait(lambda: " left" in window.page.summary.text(), "for the time left")
    assert "slowest: " in window.page.summary.text()
    window.wait(lambda: 0 < window.page.progress.value() < 1000, "for the bar to move")
    window.click(window.page.cancel)
    window.wait_until_idle()
    assert window.cell(1, Column.STATE) == "Stopped"
    assert window.app.window.windowTitle() == "cgconv"


def test_a_file_dropped_twice_is_in_the_queue_once(window: Window, tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "photos", 2)
    window.drop(pictures)
    window.wait_for_files(2)
    window.drop([tmp_path / "photos"])
    window.wait(lambda: "before" in window.page.summary.text(), "for the word about duplicates")
    assert len(window.items) == 2


def test_a_folder_without_pictures_and_a_file_of_no_use_are_said(window: Window, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("dear")
    window.drop([tmp_path / "letters"])
    window.wait(lambda: "1 other file" in window.page.summary.text(), "for the word")
    assert window.items == []
    assert window.page.summary.text().startswith("0 file")


def test_entries_are_moved_and_removed_with_keys_and_buttons(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 4))
    window.wait_for_files(4)
    view = window.page.queue_view
    window.click_row(3)
    window.key(view, Qt.Key.Key_Up, CTRL)
    assert window.names() == ["photo0", "photo1", "photo3", "photo2"]
    for _ in range(3):  # it is at the top after two
        window.click(window.page.up)
    assert window.names() == ["photo3", "photo0", "photo1", "photo2"]
    window.click(window.page.down)
    assert window.names() == ["photo0", "photo3", "photo1", "photo2"]
    window.key(view, Qt.Key.Key_Delete)
    assert window.names() == ["photo0", "photo1", "photo2"]
    window.click_row(0)
    window.click_row(2, modifier=CTRL)
    window.key(view, Qt.Key.Key_Down, CTRL)  # one of them is at the end: both stay
    assert window.names() == ["photo0", "photo1", "photo2"]
    window.click(window.page.remove)
    assert window.names() == ["photo1"]


def test_rows_are_dragged_to_another_place(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 5))
    window.wait_for_files(5)
    view, queue = window.page.queue_view, window.app.queue

    def drag_selected(to: QPoint) -> None:
        rows = queue.mimeData([queue.index(row, 0) for row in range(5) if view.is_selected(window.items[row])])
        assert window.drag(rows, view.viewport(), to, Qt.DropAction.MoveAction)

    def upper_edge(row: int) -> QPoint:
        return view.visualRect(queue.index(row, 0)).topLeft() + QPoint(40, 3)

    window.click_row(3)
    window.click_row(1, modifier=CTRL)
    drag_selected(upper_edge(0))
    assert window.names() == ["photo1", "photo3", "photo0", "photo2", "photo4"]
    assert [view.is_selected(item) for item in window.items] == [True, True, False, False, False]
    drag_selected(upper_edge(4))
    assert window.names() == ["photo0", "photo2", "photo1", "photo3", "photo4"]
    drag_selected(view.viewport().rect().bottomLeft() - QPoint(-40, 5))  # below the last row
    assert window.names() == ["photo0", "photo2", "photo4", "photo1", "photo3"]
    assert len(window.items) == 5


def test_one_entry_gets_a_model_and_options_of_its_own_and_gives_them_back(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 2))
    window.wait_for_files(2)
    window.wait_for_models()
    window.click_row(1)
    window.key(window.page.queue_view, Qt.Key.Key_E, CTRL)
    dialog = window.dialog(ItemDialog)
    window.key(dialog.model, Qt.Key.Key_Down)
    window.check(dialog.options.keep_colors)
    window.click(dialog.buttons.button(QDialogButtonBox.StandardButton.Ok))
    assert [window.cell(row, Column.MODEL) for row in (0, 1)] == ["alpha", "beta"]
    window.start()
    window.wait(lambda: window.states() == [State.DONE] * 2, "for results")
    window.wait_until_idle()
    assert sorted(path.name for path in tmp_path.glob("photo*.*.png")) == ["photo0.alpha.png", "photo1.beta.png"]
    window.ask_row(1, "Use the page's")
    window.ask_row(1, "Try again")
    assert window.cell(1, Column.STATE) == "Waiting"
    assert window.cell(1, Column.MODEL) == "alpha"


def test_results_are_opened_and_shown_in_their_folder(window: Window, opened: Opened, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path / "photos", 1))
    window.wait_for_files(1)
    window.type(window.page.options.out, str(tmp_path / "results"))
    window.start()
    window.wait(lambda: window.states() == [State.DONE], "for the result")
    result = str(tmp_path / "results" / "photo0.png")
    window.click_row(0)
    window.key(window.page.queue_view, Qt.Key.Key_Return)
    window.click_row(0, twice=True)
    window.ask_row(0, "Open result")
    assert opened.paths == [result] * 3
    window.key(window.page.queue_view, Qt.Key.Key_Return, CTRL)
    window.ask_row(0, "Show in folder")
    assert opened.paths[3:] == [str(tmp_path / "results")] * 2


def test_a_broken_file_fails_with_a_reason_in_words_and_the_rest_goes_on(window: Window, tmp_path: Path) -> None:
    good = make_pictures(tmp_path, 1)[0]
    (tmp_path / "broken.png").write_bytes(b"no picture at all")
    window.drop([tmp_path / "broken.png", good])
    window.wait_for_files(2)
    window.wait(lambda: "Cannot be read" in (window.cell(0, Column.STATE), window.cell(1, Column.STATE)), "for a word")
    window.start()
    window.wait(lambda: window.named("photo0.png").state is State.DONE, "for the good one")
    window.wait(lambda: window.named("broken.png").state is State.FAILED, "for the broken one")
    window.click_row(window.app.queue.row_of(window.named("broken.png")))
    assert window.page.reason.isVisible()
    assert window.page.reason.text() == f"{tmp_path / 'broken.png'} is not a picture that can be read, or it is damaged"
    window.click(window.page.copy_reason)
    assert QGuiApplication.clipboard().text() == window.page.reason.text()
    good.replace(tmp_path / "broken.png")  # mended
    window.wait_until_idle()
    window.click(window.page.retry)
    window.start()
    window.wait(lambda: window.named("broken.png").state is State.DONE, "for the mended one")
    window.wait_until_idle()
    window.click(window.page.clear_ended)
    assert window.items == []


def test_the_queue_comes_back_after_closing_in_the_middle(qapp: QApplication, models: Path, tmp_path: Path) -> None:
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


def test_the_queue_comes_back_after_the_window_was_killed(qapp: QApplication, models: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "photos", 3)
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from gui_window import Window\n"
        "from PySide6.QtWidgets import QApplication\n"
        "application = QApplication([])\n"
        "window = Window(Path(sys.argv[1]))\n"
        "window.drop([Path(sys.argv[2])])\n"
        "window.wait(lambda: (Path(sys.argv[1]) / 'queue.jsonl').exists(), 'for the queue on the disk')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    arguments = [str(tmp_path / "home"), str(tmp_path / "photos")]
    ran = subprocess.run([sys.executable, "-c", code, *arguments], cwd=TESTS, check=False)
    assert ran.returncode == -9
    second = Window(tmp_path / "home")
    try:
        assert second.names() == ["photo0", "photo1", "photo2"]
    finally:
        second.close()


def test_a_queue_file_that_was_damaged_gives_back_what_can_be_read(
    qapp: QApplication, models: Path, tmp_path: Path
) -> None:
    first = Window(tmp_path / "home")
    first.drop(make_pictures(tmp_path, 3))
    first.wait_for_files(3)
    first.close()
    file = tmp_path / "home" / "queue.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], '{"path": ', "null", lines[2]]))
    second = Window(tmp_path / "home")
    try:
        assert second.names() == ["photo0", "photo2"]
    finally:
        second.close()


def test_every_page_is_reached_by_keys_and_with_the_mouse(window: Window) -> None:
    stack, navigation = window.app.window.stack, window.app.window.navigation
    for number in (2, 3, 4, 1):
        window.go_to(number)
        assert stack.currentIndex() == number - 1
    for row in (3, 0, 2, 1):
        window.click(navigation.viewport(), navigation.visualItemRect(navigation.item(row)).center())
        assert stack.currentIndex() == row


def test_everything_that_can_be_used_has_a_name_for_screen_readers(window: Window) -> None:
    nameless = []
    for widget in window.app.window.findChildren(QWidget):
        if not isinstance(widget, QAbstractButton | QAbstractSlider | QAbstractSpinBox | QComboBox | QLineEdit):
            continue
        if isinstance(widget, QScrollBar) or widget.objectName().startswith("qt_"):
            continue
        if isinstance(widget.parent(), QAbstractSpinBox | QComboBox | QLineEdit) or type(widget.parent()).__name__ in (
            "QTableView",
            "QueueView",
            "QTabBar",
        ):
            continue
        words = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
        if not words.strip("…+− "):
            nameless.append(f"{type(widget).__name__} in {type(widget.parent()).__name__}")
    assert nameless == []
