"""The queue's order and what of it is seen: sorted by a column, only what failed, taken out and brought back."""

from __future__ import annotations

from pathlib import Path

import pytest
from film_clips import make_film
from gui_window import CTRL, Opened, Window, make_pictures, models, opened, picture_of, press, window  # noqa: F401
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox

from cgconv.gui import queue_actions
from cgconv.gui.queue_item import State
from cgconv.gui.queue_model import Column
from cgconv.runtime.films.kept_segments import PART, hidden_path

pytestmark = pytest.mark.timeout(240)


def click_head(window: Window, column: Column) -> None:
    head = window.page.queue_view.horizontalHeader()
    window.page.queue_view.horizontalScrollBar().setValue(0)
    at = QPoint(head.sectionViewportPosition(column) + 8, head.height() // 2)
    window.click(head.viewport(), at)


def shown(window: Window) -> list[str]:
    view = window.page.queue_view
    return [item.path.name for row, item in enumerate(window.items) if not view.isRowHidden(row)]


def test_a_columns_head_sorts_the_queue_and_results_come_in_that_order(window: Window, tmp_path: Path) -> None:
    for name, size_hw in (("b10", (48, 64)), ("b2", (96, 64)), ("A1", (32, 64))):
        make_pictures(tmp_path / name, 1, size_hw)[0].replace(tmp_path / f"{name}.png")
    paths = [tmp_path / name for name in ("b10.png", "b2.png", "A1.png")]
    window.drop([*paths, make_film(tmp_path / "clip.mp4", frames=10)])
    window.wait_for_files(4)
    window.wait(lambda: all(window.cell(row, Column.SIZE) for row in range(4)), "for sizes")
    window.click(window.page.as_table)
    window.click_row(1)
    head = window.page.queue_view.horizontalHeader()
    assert head.sortIndicatorSection() == -1
    click_head(window, Column.NAME)
    assert window.names() == ["A1", "b2", "b10", "clip"], "2 comes before 10, and capital letters nowhere of their own"
    assert window.page.queue_view.selected() == [window.named("b2.png")], "the selection stays with its file"
    click_head(window, Column.NAME)
    assert window.names() == ["clip", "b10", "b2", "A1"]
    click_head(window, Column.SIZE)
    by_size = window.names()
    assert [name for name in by_size if name != "clip"] == ["A1", "b10", "b2"]
    assert head.sortIndicatorSection() == Column.SIZE
    window.click_row(0)
    window.key(window.page.queue_view, Qt.Key.Key_Down, CTRL)
    assert head.sortIndicatorSection() == -1, "moved by hand it is no column's order any more"
    click_head(window, Column.KIND)
    began: list[str] = []
    window.app.conversion.item_changed.connect(
        lambda item: began.append(item.path.stem) if item.state is State.RUNNING and item.path.stem not in began else 0
    )
    window.start()
    window.wait(lambda: window.states() == [State.DONE] * 4, "for results")
    assert began == window.names()
    assert began[0] == "clip", "a film before pictures"


def test_only_what_failed_is_shown_while_that_is_wanted(window: Window, tmp_path: Path) -> None:
    page, view = window.page, window.page.queue_view
    good = make_pictures(tmp_path, 2)
    for name in ("c.png", "d.png"):
        (tmp_path / name).write_bytes(b"no picture at all")
    window.drop([*good, tmp_path / "c.png", tmp_path / "d.png"])
    window.wait_for_files(4)
    window.wait(lambda: page.failed_only.isEnabled(), "for a look at the broken ones")
    window.start()
    window.wait_until_idle()
    window.wait(lambda: window.states().count(State.FAILED) == 2, "for the failures")
    window.click_row(0)
    window.click(page.failed_only)
    assert shown(window) == ["c.png", "d.png"]
    assert page.count.text() == "2 of 4 file(s)"
    assert "not a picture" in page.reason.text(), "the first of them is selected"
    window.key(view, Qt.Key.Key_A, CTRL)
    assert [item.path.name for item in view.selected()] == ["c.png", "d.png"], "what is hidden is not selected"
    good[0].replace(tmp_path / "c.png")  # mended
    window.key(view, Qt.Key.Key_F5)
    assert not page.failed_only.isChecked(), "nothing failed any more: all are seen again"
    assert len(shown(window)) == 4
    window.start()
    window.wait(lambda: window.named("c.png").state is State.DONE, "for the mended one")
    window.wait_until_idle()
    window.click(page.failed_only)
    assert shown(window) == ["d.png"]
    window.click_row(3)
    window.key(view, Qt.Key.Key_Delete)
    assert (shown(window), page.failed_only.isEnabled()) == (["photo0.png", "photo1.png", "c.png"], False)


def test_files_of_a_folder_say_which(window: Window, tmp_path: Path) -> None:
    make_pictures(tmp_path / "holiday" / "beach", 1)
    make_pictures(tmp_path / "holiday", 1)
    (alone,) = make_pictures(tmp_path / "desk", 1)
    window.drop([tmp_path / "holiday", alone])
    window.wait_for_files(3)
    places = {item.path: window.cell(row, Column.FOLDER) for row, item in enumerate(window.items)}
    assert places == {
        tmp_path / "holiday" / "beach" / "photo0.png": str(Path("holiday/beach")),
        tmp_path / "holiday" / "photo0.png": "holiday",
        alone: "desk",
    }
    assert [item.place for item in window.items if item.path == alone] == [""], "in the list it goes without saying"


def test_what_was_removed_comes_back_where_it_was(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 5))
    window.wait_for_files(5)
    page, view = window.page, window.page.queue_view
    assert not page.undo.isEnabled()
    window.click_row(1)
    window.click_row(3, modifier=CTRL)
    window.key(view, Qt.Key.Key_Delete)
    assert window.names() == ["photo0", "photo2", "photo4"]
    assert page.count.text() == "3 file(s) · 2 removed, Ctrl+Z undoes it"
    window.click_row(0)
    window.key(view, Qt.Key.Key_Delete)
    QTest.keyClick(window.app.window, Qt.Key.Key_Z, CTRL)
    assert window.names() == ["photo0", "photo2", "photo4"]
    window.click(page.undo)
    assert window.names() == [f"photo{number}" for number in range(5)]
    assert (page.count.text(), page.undo.isEnabled()) == ("5 file(s)", False)
    assert view.current() is window.named("photo1.png")
    window.key(view, Qt.Key.Key_A, CTRL)
    window.key(view, Qt.Key.Key_Delete)
    window.drop([tmp_path / "photo2.png"])
    window.wait_for_files(1)
    QTest.keyClick(window.app.window, Qt.Key.Key_Z, CTRL)
    assert sorted(window.names()) == [f"photo{number}" for number in range(5)], "what came anew is there once"
    window.key(view, Qt.Key.Key_A, CTRL)
    window.key(view, Qt.Key.Key_Delete)
    window.key(page.options.out, Qt.Key.Key_Z, CTRL)  # a field's own
    assert window.names() == []


def test_a_film_that_was_removed_by_mistake_goes_on_where_it_was(window: Window, tmp_path: Path) -> None:
    window.drop([make_film(tmp_path / "clip.mp4", frames=900)])
    window.wait_for_files(1)
    window.start()
    window.wait(lambda: window.items[0].progress > 0, "for the film to be under way")
    window.click(window.page.cancel)
    window.wait_until_idle()
    parts = hidden_path(tmp_path / "clip.alpha.mp4", PART)
    parts.mkdir(exist_ok=True)
    (parts / "0.json").write_text("{}")
    window.click_row(0)
    window.key(window.page.queue_view, Qt.Key.Key_Delete)
    QTest.keyClick(window.app.window, Qt.Key.Key_Z, CTRL)
    assert window.states() == [State.STOPPED]
    assert parts.exists()
    window.key(window.page.queue_view, Qt.Key.Key_Delete)
    window.close()
    assert not parts.exists(), "once it cannot be brought back any more, its work is thrown away"


def test_a_drop_of_very_many_files_is_asked_about(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert queue_actions.MANY == 1500
    monkeypatch.setattr(queue_actions, "MANY", 3)
    make_pictures(tmp_path / "all", 3)
    window.drop([tmp_path / "all"])
    assert window.dialog(QMessageBox).text() == "3 pictures and films in all: add them all?"
    press(window, "Cancel")
    assert window.items == []
    assert window.page.summary.text() == "Nothing was added."
    window.drop([tmp_path / "all"])
    press(window, "Add all")
    window.wait_for_files(3)
    window.drop(make_pictures(tmp_path / "few", 2))
    window.wait_for_files(5)


def test_marks_of_what_failed_and_what_can_be_undone_are_drawn(window: Window) -> None:
    for button in (window.page.undo, window.page.failed_only):
        drawn = picture_of(button)
        assert len({drawn.pixel(x, y) for x in range(drawn.width()) for y in range(drawn.height())}) > 3


def test_what_was_translated_of_a_damaged_film_is_opened_from_its_row(
    window: Window, opened: Opened, tmp_path: Path
) -> None:
    film = make_film(tmp_path / "a.mkv", frames=120, options={"g": "10"})
    data = film.read_bytes()
    film.write_bytes(data[: len(data) // 2])
    window.type(window.page.options.out, str(tmp_path / "out"))
    window.drop([film])
    window.wait_for_files(1)
    window.start()
    window.wait(lambda: window.states() == [State.FAILED], "for the damage")
    window.wait_until_idle()
    result = tmp_path / "out" / "a.mkv"
    assert window.cell(0, Column.STATE) == "Partly done"
    window.click_row(0)
    assert "damaged at" in window.page.reason.text()
    assert window.page.reason.text().endswith(f"The finished part: {result}")
    window.key(window.page.queue_view, Qt.Key.Key_Return)
    window.ask_row(0, "Open the part that is done")
    window.key(window.page.queue_view, Qt.Key.Key_Return, CTRL)
    assert opened.paths == [str(result)] * 2 + [str(tmp_path / "out")]
    window.wait(lambda: window.page.preview.status.text().startswith("The result"), "for the part in the preview")
