"""The page with the picture in its middle, used with mouse and keys: what is where, and that it stays there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from film_clips import look_at, make_film
from gui_window import CTRL, LEFT, NO_KEY, Window, make_pictures, models, picture_of, window  # noqa: F401  # fixtures
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QWidget

from cgconv.gui.dialogs import ItemDialog
from cgconv.gui.palette import contrast
from cgconv.gui.pyramid import CHECK_COLORS
from cgconv.gui.queue_item import State
from cgconv.gui.queue_model import Column
from cgconv.runtime import requests

pytestmark = pytest.mark.timeout(400)
SMALL_WH, LARGE_WH = (1024, 640), (2560, 1440)


def paint(path: Path, color: tuple[int, ...], size_hw: tuple[int, int] = (48, 64)) -> Path:
    """Write a picture of one color (blue, green, red, and perhaps alpha)."""
    cv2.imwrite(str(path), np.full((*size_hw, len(color)), color, np.uint8))
    return path


def color_after(window: Window) -> QColor:
    """Return a color right of the divider, the picture's label left out."""
    view = window.page.preview.view
    return picture_of(view).pixelColor(view.rect().center() + QPoint(40, 10))


def places(window: Window) -> dict[str, QRect]:
    """Return where everything lies that can be looked at or pressed."""
    found = {}
    for number, widget in enumerate(window.page.findChildren(QWidget)):
        if widget.isVisible() and widget.objectName() not in ("qt_scrollarea_hcontainer", "qt_scrollarea_vcontainer"):
            top_left = widget.mapTo(window.app.window, QPoint())
            found[f"{number} {type(widget).__name__} {widget.accessibleName()}"] = QRect(top_left, widget.size())
    return found


def moved(before: dict[str, QRect], after: dict[str, QRect]) -> list[str]:
    return [
        f"{name}: {before[name]} → {after[name]}" for name in before if name in after and before[name] != after[name]
    ]


def test_everything_has_its_place_at_1024_by_640_whatever_is_said(window: Window, tmp_path: Path) -> None:
    """A refused model made the window 1647 pixels wide, and the preview's sentences moved the page by 51."""
    window.app.window.resize(*SMALL_WH)
    window.wait_for_models()
    paint(tmp_path / "one.png", (90, 60, 30))
    make_film(tmp_path / "two.mp4", frames=30)
    window.drop([tmp_path / "one.png", tmp_path / "two.mp4"])
    window.wait_for_files(2)
    window.wait_for_preview()
    before = places(window)
    assert before
    page = window.page
    assert page.preview.view.width() > 370, "the picture is what the page is for"
    window.click_row(1)
    window.wait_for_preview()
    assert moved(before, places(window)) == []
    refused = tmp_path / ("a-model-whose-name-is-" + "very-" * 7 + "long.onnx")
    refused.write_bytes(b"<!doctype html><html></html>")
    window.drop([refused], page.gallery.viewport())
    window.wait(lambda: "web page" in page.summary.text(), "for the refusal")
    assert page.summary.fontMetrics().horizontalAdvance(page.summary.text()) > page.summary.width()
    assert moved(before, places(window)) == []
    assert (window.app.window.width(), window.app.window.height()) == SMALL_WH
    smallest = window.app.window.minimumSizeHint()
    assert (smallest.width() <= SMALL_WH[0], smallest.height() <= SMALL_WH[1]) == (True, True)
    assert page.summary.toolTip() == page.summary.text()


def test_before_and_after_side_by_side_held_and_on_the_whole_screen(window: Window, tmp_path: Path) -> None:
    paths = make_pictures(tmp_path, 2, (400, 200))
    window.drop(paths)
    window.wait_for_files(2)
    window.wait_for_preview()
    panel, view = window.page.preview, window.page.preview.view
    window.click(panel.beside)
    shown = picture_of(view)
    middle = QPoint(view.width() // 4, view.height() // 2)
    other = middle + QPoint(view.width() // 2 + 1, 0)
    assert shown.pixelColor(middle) != shown.pixelColor(other)
    surface = window.app.window.windowHandle()
    button = panel.original.mapTo(window.app.window, panel.original.rect().center())
    QTest.mousePress(surface, LEFT, NO_KEY, button)
    held = picture_of(view)
    assert held.pixelColor(middle) == shown.pixelColor(middle)
    assert held.pixelColor(other) != shown.pixelColor(other)
    QTest.mouseRelease(surface, LEFT, NO_KEY, button)
    assert picture_of(view) == shown
    window.key(view, Qt.Key.Key_1)
    assert panel.zoom.text() == "100%"
    window.click_row(1)
    window.wait_for_preview()
    fitting = panel.zoom.text()
    assert fitting != "100%", "a new file is seen whole"
    window.click(panel.divider)
    assert picture_of(view) != shown
    QTest.keyClick(window.app.window, Qt.Key.Key_F11)
    assert window.app.window.isFullScreen()
    assert not window.page.start.isVisible()
    assert not window.app.window.navigation.isVisible()
    assert view.isVisible()
    QTest.keyClick(window.app.window, Qt.Key.Key_Escape)
    assert not window.app.window.isFullScreen()
    assert window.page.start.isVisible()
    assert window.page.queue_view.isVisible()


def test_the_queue_becomes_a_table_of_all_columns_and_a_list_again(window: Window, tmp_path: Path) -> None:
    page = window.page
    window.drop(make_pictures(tmp_path, 2))
    window.wait_for_files(2)

    def columns() -> int:
        return sum(not page.queue_view.isColumnHidden(column) for column in Column)

    assert (columns(), page.queue_view.horizontalHeader().isVisible()) == (1, False)
    width = page.queue_view.width()
    window.app.window.resize(*LARGE_WH)
    window.click(page.as_table)
    assert (columns(), page.queue_view.horizontalHeader().isVisible()) == (len(Column), True)
    assert page.preview.isVisible(), "there is room for both"
    window.app.window.resize(*SMALL_WH)
    window.wait(lambda: not page.preview.isVisible(), "for the picture to make way")
    window.click(page.as_table)
    assert columns() == 1
    assert page.preview.isVisible()
    window.wait(lambda: abs(page.queue_view.width() - width) < 40, "for the list's width")


def test_the_old_after_stays_until_the_new_one_is_there_and_is_kept(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 1, (96, 128)))
    window.wait_for_files(1)
    window.wait_for_models()
    window.wait_for_preview()
    view, gallery = window.page.preview.view, window.page.gallery
    of_alpha, stayed = color_after(window), []
    asked: list[requests.Request] = []
    ask = window.app.looks.ask
    window.app.looks.ask = lambda request: asked.append(request) or ask(request)

    def is_other() -> bool:
        stayed.append(view.has_translation)
        return color_after(window) != of_alpha

    window.key(gallery, Qt.Key.Key_Right)
    window.wait(is_other, "for the other model's translation")
    window.wait_for_preview()
    assert all(stayed)
    of_beta = color_after(window)
    asked.clear()
    for key, color in ((Qt.Key.Key_Left, of_alpha), (Qt.Key.Key_Right, of_beta)):
        window.key(gallery, key)
        window.wait(lambda color=color: color_after(window) == color, "for what was there before")
    assert [request for request in asked if isinstance(request, requests.Preview)] == []


def test_a_finished_entry_shows_the_file_that_was_made_until_something_else_is_wanted(
    window: Window, tmp_path: Path
) -> None:
    window.drop([paint(tmp_path / "one.png", (200, 100, 50)), paint(tmp_path / "two.png", (20, 100, 50))])
    window.wait_for_files(2)
    window.wait_for_models()
    window.click_row(0)
    window.start()
    window.wait(lambda: window.states() == [State.DONE] * 2, "for the results")
    window.wait(lambda: window.page.preview.status.text().startswith("The result"), "for the result to be shown")
    paint(tmp_path / "one.alpha.png", (0, 0, 255))  # as if another program had worked on it
    window.click_row(1)
    window.click_row(0)
    window.wait(lambda: color_after(window) == QColor(255, 0, 0), "for the file as it is on the disk")
    window.key(window.page.options.strength, Qt.Key.Key_PageDown)
    window.wait(lambda: color_after(window) != QColor(255, 0, 0), "for what the other strength would make")
    window.key(window.page.options.strength, Qt.Key.Key_PageUp)
    window.wait(lambda: color_after(window) == QColor(255, 0, 0), "for the result again")


def test_what_is_transparent_lies_on_a_checkerboard(window: Window, tmp_path: Path) -> None:
    window.drop([paint(tmp_path / "glass.png", (10, 200, 90, 0), (200, 300))])
    window.wait_for_files(1)
    window.wait_for_preview()
    view = window.page.preview.view
    shown = picture_of(view)
    for side in (-1, 1):  # before and after
        x = view.width() // 2 + side * 60
        colors = {shown.pixelColor(x + step, view.height() // 2 + 30).name() for step in range(20)}
        assert colors == set(CHECK_COLORS)


def test_a_part_of_a_film_is_marked_shown_and_made(window: Window, tmp_path: Path) -> None:
    window.drop([make_film(tmp_path / "a.mp4", frames=90), make_film(tmp_path / "b.mp4", frames=90)])
    window.wait_for_files(2)
    window.wait_for_models()
    film = window.page.preview.film
    window.wait(lambda: film.time.text() == "0:00 / 0:03", "for the length")
    for _ in range(2):
        window.key(film.scrubber, Qt.Key.Key_PageUp)  # a second each
    window.click(film.begin)
    item = window.items[0]
    assert item.part_s == (2.0, 0.0)
    said = Qt.ItemDataRole.AccessibleTextRole
    assert "options of its own" in str(window.app.queue.index(0, Column.MODEL).data(said))
    assert "options of its own" not in str(window.app.queue.index(1, Column.MODEL).data(said))
    window.click_row(1)
    window.wait(lambda: film.time.text() == "0:00 / 0:03", "for the other film, from its beginning")
    assert not film.whole.isEnabled()
    window.click_row(0)
    assert film.whole.isEnabled()
    window.start()
    window.wait(lambda: window.states() == [State.DONE] * 2, "for the films")
    [part] = tmp_path.glob("a.alpha_0m02*.mp4")
    assert len(look_at(part).images) == 30
    assert len(look_at(tmp_path / "b.alpha.mp4").images) == 90
    window.wait_until_idle()
    window.close()
    again = Window(tmp_path / "home")
    try:
        assert again.items[0].part_s == (2.0, 0.0)
        again.wait(lambda: again.page.preview.film.whole.isEnabled(), "for the film")
        again.click(again.page.preview.film.whole)
        assert again.items[0].part_s == (0.0, 0.0)
    finally:
        again.close()


def test_an_entry_with_options_of_its_own_is_shown_with_them(window: Window, tmp_path: Path) -> None:
    window.drop([paint(tmp_path / "one.png", (200, 100, 50))])
    window.wait_for_files(1)
    window.wait_for_models()
    window.wait_for_preview()
    translated = color_after(window)
    window.click_row(0)
    window.key(window.page.queue_view, Qt.Key.Key_E, CTRL)
    dialog = window.dialog(ItemDialog)
    window.key(dialog.options.strength, Qt.Key.Key_Home)
    window.click(dialog.buttons.button(QDialogButtonBox.StandardButton.Ok))
    window.wait(lambda: color_after(window) == QColor(50, 100, 200), "for its strength of 0")
    strength = window.page.options.strength
    window.key(strength, Qt.Key.Key_PageDown)
    window.key(strength, Qt.Key.Key_PageUp)
    assert color_after(window) == QColor(50, 100, 200), "the page's strength is not its own"
    window.ask_row(0, "Use the page's")
    window.wait(lambda: color_after(window) == translated, "for the page's strength")


def test_models_picked_last_come_first_at_the_next_start(qapp: QApplication, models: Path, tmp_path: Path) -> None:
    first = Window(tmp_path / "home")
    first.wait_for_models()
    first.key(first.page.gallery, Qt.Key.Key_Right)
    names = [model.name for model in first.page.gallery.gallery.models]
    assert names[:2] == ["alpha", "beta"], "nothing moves while it is picked"
    first.close()
    second = Window(tmp_path / "home", size_wh=None)
    try:
        second.wait_for_models()
        assert [model.name for model in second.page.gallery.gallery.models][:2] == ["beta", "alpha"]
        assert second.page.gallery.chosen == "beta"
    finally:
        second.close()


def test_icons_and_boxes_follow_the_appearance_at_once(window: Window) -> None:
    page, look = window.page, window.app.settings.appearance
    buttons = (page.as_table, page.add_files, page.preview.beside, page.preview.film.begin)

    def darkest(button: QWidget) -> int:
        pixmap = button.icon().pixmap(24, 24).toImage()
        seen = [pixmap.pixelColor(x, y) for x in range(24) for y in range(24)]
        return sorted(color.lightness() for color in seen if color.alpha() > 200)[0]

    def hues(button: QWidget) -> set[int]:
        drawn = picture_of(button)
        places = [(x, y) for x in range(drawn.width()) for y in range(drawn.height())]
        seen = [drawn.pixelColor(*place) for place in places]
        return {color.hsvHue() for color in seen if color.hsvSaturation() > 60}

    try:
        for key, is_dark in ((Qt.Key.Key_End, True), (Qt.Key.Key_Up, False)):
            window.go_to(3)
            window.key(look, key)
            window.wait(lambda is_dark=is_dark: all((darkest(button) > 128) is is_dark for button in buttons), "icons")
            window.go_to(1)
            box = page.options.keep_colors
            shown, at = picture_of(page), box.mapTo(page, QPoint(0, box.height() // 2))
            ground = shown.pixelColor(at - QPoint(2, 0))
            outline = [shown.pixelColor(at + QPoint(x, 0)) for x in range(4)]
            assert max(contrast(color, ground) for color in outline) >= 3
            assert not hues(page.as_table)
            window.click(page.as_table)
            assert hues(page.as_table), "what is switched on is blue"
            window.click(page.as_table)
    finally:
        window.go_to(3)
        window.key(look, Qt.Key.Key_Home)


def test_the_first_window_fits_the_screen(qapp: QApplication, models: Path, tmp_path: Path) -> None:
    opened = Window(tmp_path / "home", size_wh=None)
    try:
        room, size = opened.app.window.screen().availableSize(), opened.app.window.size()
        least = opened.app.window.minimumSizeHint()
        assert size.height() <= max(room.height(), least.height())
        assert size.width() <= max(room.width(), least.width())
    finally:
        opened.close()
