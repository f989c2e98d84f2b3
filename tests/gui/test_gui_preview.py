"""The preview, used with mouse and keys; what is looked at is what is painted."""

from __future__ import annotations

from pathlib import Path

import pytest
from film_clips import make_film
from gui_window import LEFT, NO_KEY, Window, make_pictures, models, picture_of, window  # noqa: F401  # fixtures
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

pytestmark = pytest.mark.timeout(400)


def color_at(window: Window, at: QPoint) -> QColor:
    return picture_of(window.page.preview.view).pixelColor(at)


def are_alike(one: QColor, other: QColor) -> bool:
    """Say whether two colors are one, but for rounding: an enlarged picture is painted in two parts."""
    return max(abs(a - b) for a, b in zip(one.getRgb(), other.getRgb(), strict=True)) <= 2


def zoom_of(window: Window) -> float:
    """Return the zoom that is shown, in per cent."""
    return float(window.page.preview.zoom.text().rstrip("%"))


def drag(window: Window, start: QPoint, end: QPoint) -> None:
    surface, view = window.app.window.windowHandle(), window.page.preview.view
    start, end = (view.mapTo(window.app.window, at) for at in (start, end))
    QTest.mousePress(surface, LEFT, NO_KEY, start)
    for step in range(1, 5):
        QTest.mouseMove(surface, start + (end - start) * step / 4)
    QTest.mouseRelease(surface, LEFT, NO_KEY, end)


def test_before_and_after_stand_side_by_side_and_follow_divider_strength_and_model(
    window: Window, tmp_path: Path
) -> None:
    window.drop(make_pictures(tmp_path, 1, (96, 128)))
    window.wait_for_files(1)
    window.wait_for_preview()
    assert window.page.preview.status.text() == "Full resolution, 128×96"
    view = window.page.preview.view
    middle = view.rect().center()
    left, right = middle - QPoint(30, 0), middle + QPoint(30, 0)
    original, translated = color_at(window, left), color_at(window, right)
    drag(window, middle, QPoint(view.width() // 4, middle.y()))
    assert color_at(window, left) != original  # the divider has gone past it
    assert are_alike(color_at(window, right), translated)
    for _ in range(12):
        window.key(view, Qt.Key.Key_Right)
    assert are_alike(color_at(window, left), original)
    window.key(view, Qt.Key.Key_Left)
    drag(window, QPoint(middle.x(), 20), QPoint(3, 20))
    after = color_at(window, left)
    assert after != original
    QTest.keyPress(view, Qt.Key.Key_Space)
    assert are_alike(color_at(window, left), original)
    QTest.keyRelease(view, Qt.Key.Key_Space)
    assert are_alike(color_at(window, left), after)
    window.key(window.page.options.strength, Qt.Key.Key_Home)
    assert are_alike(color_at(window, left), original)
    window.key(window.page.options.strength, Qt.Key.Key_End)
    assert are_alike(color_at(window, left), after)
    window.key(window.page.gallery, Qt.Key.Key_Right)
    window.wait(lambda: color_at(window, left) not in (after, original), "for the other model's translation")
    window.wait_for_preview()
    of_beta = color_at(window, left)
    window.check(window.page.options.keep_colors)
    window.wait(lambda: color_at(window, left) != of_beta, "for the original's colors")


def test_the_preview_zooms_and_pans_to_full_resolution_with_mouse_and_keys(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 1, (900, 1200)))
    window.wait_for_files(1)
    view, panel = window.page.preview.view, window.page.preview
    window.wait(lambda: panel.zoom.text(), "for the picture")
    window.wait_for_preview()
    whole = zoom_of(window)
    assert whole == pytest.approx(100 * min(view.width() / 1200, view.height() / 900), abs=1)
    window.key(view, Qt.Key.Key_1)
    assert zoom_of(window) == 100
    before = picture_of(view)
    at = QPoint(view.width() // 4, view.height() // 2)
    drag(window, at, at + QPoint(-40, -25))
    moved = picture_of(view)
    for x, y in ((60, 90), (90, 140), (120, 180)):  # picture pixels have gone with the mouse
        assert moved.pixelColor(x - 40, y - 25) == before.pixelColor(x, y)
    window.key(view, Qt.Key.Key_0)
    assert zoom_of(window) == whole
    window.click(panel.closer)
    assert zoom_of(window) == pytest.approx(whole * 1.25, abs=1)
    window.click(panel.farther)
    assert zoom_of(window) == whole
    window.click(panel.pixels)
    assert zoom_of(window) == 100
    window.click(panel.fit)
    assert zoom_of(window) == whole
    place = QPointF(view.mapTo(window.app.window, view.rect().center()))
    up = QWheelEvent(
        place,
        QPointF(view.mapToGlobal(view.rect().center())),
        QPoint(),
        QPoint(0, 240),
        NO_BUTTON,
        NO_KEY,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(window.app.window.windowHandle(), up)
    assert zoom_of(window) == pytest.approx(whole * 1.25**2, abs=1)
    window.click(view, twice=True)
    assert zoom_of(window) == whole
    window.key(view, Qt.Key.Key_Plus)
    window.key(view, Qt.Key.Key_Minus)
    assert zoom_of(window) == whole


NO_BUTTON = Qt.MouseButton.NoButton


def test_a_film_is_scrubbed_and_looped(window: Window, tmp_path: Path) -> None:
    window.drop([make_film(tmp_path / "clip.mp4", frames=90)])
    window.wait_for_files(1)
    panel = window.page.preview
    window.wait(lambda: panel.film.time.text() == "0:00 / 0:03", "for the length")
    window.wait_for_preview()
    first = picture_of(panel.view)
    window.key(panel.film.scrubber, Qt.Key.Key_End)
    assert panel.film.time.text() == "0:03 / 0:03"
    window.wait(lambda: not panel.status.text().startswith("Full"), "for the question")
    window.wait_for_preview()
    assert picture_of(panel.view) != first
    window.key(panel.film.scrubber, Qt.Key.Key_Home)
    window.click(panel.film.loop)
    window.wait(lambda: panel.status.text().startswith("Loop: ") and "Loop: 1 " not in panel.status.text(), "a loop")
    shown = picture_of(panel.view)
    window.wait(lambda: picture_of(panel.view) != shown, "for the loop to move")
    window.click(panel.film.loop)
    window.wait_for_preview()
    assert picture_of(panel.view) == first


def test_a_picture_that_cannot_be_shown_says_why(window: Window, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture at all")
    window.drop([tmp_path / "broken.png"])
    window.wait_for_files(1)
    window.wait(lambda: window.page.preview.status.text() == "No preview", "for the word")
    assert window.page.preview.zoom.text() == ""
