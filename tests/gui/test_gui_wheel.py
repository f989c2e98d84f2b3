"""The mouse's wheel scrolls pages; it does not change what it passes over."""

from __future__ import annotations

from pathlib import Path

import pytest
from gui_window import LEFT, NO_KEY, Window, make_pictures, models, window  # noqa: F401  # fixtures
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QScrollArea,
    QScrollBar,
    QWidget,
)

from cgconv.gui.dialogs import ItemDialog

pytestmark = pytest.mark.timeout(400)


def turn_wheel(field: QWidget, steps: int = -3) -> None:
    """Turn the wheel with the mouse over the middle of a widget, as the desktop reports it: to the window."""
    at = field.mapTo(field.window(), field.rect().center())
    turn = QPoint(0, 120 * steps)
    event = QWheelEvent(
        QPointF(at),
        QPointF(field.window().mapToGlobal(at)),
        QPoint(),
        turn,
        Qt.MouseButton.NoButton,
        NO_KEY,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(field.window().windowHandle(), event)


def fields_of(root: QWidget) -> list[QWidget]:
    """Return every combo box, spin box and slider that can be seen."""
    kinds = (QComboBox, QAbstractSpinBox, QAbstractSlider)
    return [
        one
        for one in root.findChildren(QWidget)
        if isinstance(one, kinds) and not isinstance(one, QScrollBar) and one.isVisible() and one.isEnabled()
    ]


def value_of(field: QWidget) -> object:
    return field.currentIndex() if isinstance(field, QComboBox) else field.value()


def assert_nothing_changes(root: QWidget, focus: QWidget) -> int:
    """Turn the wheel over every field in both directions; return how many there were."""
    fields = fields_of(root)
    before = [value_of(field) for field in fields]
    areas = root.findChildren(QScrollArea)
    for field in fields:
        for area in areas:
            if area.isAncestorOf(field):
                area.ensureWidgetVisible(field)
        focus.setFocus()
        turn_wheel(field)
        turn_wheel(field, 3)
        turn_wheel(field, 3)
        assert not field.hasFocus(), f"the wheel gave {field.accessibleName()} the focus"
    changed = [field.accessibleName() for field, was in zip(fields, before, strict=True) if value_of(field) != was]
    assert changed == []
    return len(fields)


def test_the_wheel_changes_nothing_that_has_no_focus(window: Window, tmp_path: Path) -> None:
    """It turned a film's format into GIF and the batch into 4 while somebody scrolled, kept for the next start."""
    window.drop(make_pictures(tmp_path, 1))
    window.wait_for_files(1)
    window.click(window.page.options.more)
    found = 0
    for number, focus in ((1, window.page.add_files), (2, window.app.train.resume), (3, window.app.settings.clear)):
        window.go_to(number)
        found += assert_nothing_changes(window.app.window, focus)
    assert found > 20
    window.go_to(1)
    window.click_row(0)
    window.key(window.page.queue_view, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    dialog = window.dialog(ItemDialog)
    QTest.mouseClick(dialog.options.more, LEFT)
    assert assert_nothing_changes(dialog, dialog.buttons) > 15
    dialog.close()


def test_the_wheel_over_a_field_scrolls_and_with_the_focus_it_changes_the_value(window: Window) -> None:
    options = window.page.options
    window.click(options.more)
    area = next(one for one in window.app.window.findChildren(QScrollArea) if one.isAncestorOf(options))
    window.wait(lambda: area.verticalScrollBar().maximum() > 0, "for the page to be longer than its place")
    area.verticalScrollBar().setValue(0)
    below = next(one for one in fields_of(options) if one.visibleRegion().contains(one.rect().center()))
    window.page.add_files.setFocus()
    turn_wheel(below)
    assert area.verticalScrollBar().value() > 0, "the wheel does not scroll where a field is"
    area.ensureWidgetVisible(options.exists)
    options.exists.setFocus()
    turn_wheel(options.exists, -1)
    assert options.exists.currentIndex() == 1
