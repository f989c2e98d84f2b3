"""The menu bar, the help and what the program says of itself, opened with mouse and keys."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from gui_window import CTRL, LEFT, NO_KEY, Opened, Window, make_pictures, models, opened, window  # noqa: F401
from places import ROOT
from PySide6.QtCore import QCoreApplication, Qt, QTranslator
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QMenu

from cgconv.gui.about import AboutDialog
from cgconv.gui.help_texts import WORDS, as_html, topics
from cgconv.gui.help_window import HelpWindow
from cgconv.gui.language import TRANSLATIONS, install_language

pytestmark = pytest.mark.timeout(240)


def open_menu(window: Window, words: str) -> QMenu:
    bar = window.app.window.menuBar()
    entry = next(action for action in bar.actions() if action.text().replace("&", "") == words)
    window.click(bar, bar.actionGeometry(entry).center())
    window.wait(lambda: isinstance(QApplication.activePopupWidget(), QMenu), "for the menu")
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def entry_of(menu: QMenu, words: str) -> bool:
    return next(action for action in menu.actions() if action.text() == words).isEnabled()


def choose(window: Window, menu: str, words: str) -> None:
    """Click an entry of a menu of the bar."""
    shown = open_menu(window, menu)
    entry = next(action for action in shown.actions() if action.text() == words)
    assert entry.isEnabled(), f"{words} is disabled"
    QTest.mouseClick(shown, LEFT, NO_KEY, shown.actionGeometry(entry).center())
    window.wait(lambda: QApplication.activePopupWidget() is None, "for the menu to close")


def test_entries_of_the_menus_press_the_buttons_they_stand_for(window: Window, tmp_path: Path) -> None:
    one, other = make_pictures(tmp_path, 2)
    shown = open_menu(window, "Queue")
    assert not entry_of(shown, "Undo removal")
    assert not entry_of(shown, "Pause")
    QTest.keyClick(shown, Qt.Key.Key_Escape)
    window.answer_file_dialog(f'"{one}" "{other}"')
    choose(window, "File", "Add files …")
    window.wait_for_files(2)
    window.app.window.activateWindow()  # a desktop does that by itself when a dialog closes
    window.click_row(0)
    choose(window, "Queue", "Remove")
    assert window.names() == ["photo1"]
    choose(window, "Queue", "Undo removal")
    assert window.names() == ["photo0", "photo1"]
    choose(window, "View", "Queue as a table")
    assert window.page.queue_view.is_table
    QTest.keyClick(window.app.window, Qt.Key.Key_T, CTRL)
    assert not window.page.queue_view.is_table
    choose(window, "View", "Settings")
    assert window.app.window.stack.currentWidget() is window.app.settings
    QTest.keyClick(window.app.window, Qt.Key.Key_1, CTRL)
    window.wait_for_models()
    QTest.keyClick(window.app.window, Qt.Key.Key_R, CTRL)
    window.wait(lambda: all(path.with_name(f"{path.stem}.alpha.png").exists() for path in (one, other)), "for results")


def test_the_bar_goes_with_the_rest_when_the_picture_takes_the_screen(window: Window, tmp_path: Path) -> None:
    bar = window.app.window.menuBar()
    choose(window, "View", "Picture on the whole screen")
    assert window.app.window.isFullScreen()
    assert not bar.isVisible()
    QTest.keyClick(window.app.window, Qt.Key.Key_F11)
    assert (window.app.window.isFullScreen(), bar.isVisible()) == (False, True)


def test_no_key_does_two_things(window: Window) -> None:
    keys = [
        action.shortcut().toString()
        for action in [*window.app.menus.all_actions(), *window.page.queue_view.actions()]
        if not action.shortcut().isEmpty()
    ]
    actions = {action for action in [*window.app.menus.all_actions(), *window.page.queue_view.actions()]}
    assert len({key for key in keys}) == len([action for action in actions if not action.shortcut().isEmpty()])
    assert {"F1", "Ctrl+Z", "Ctrl+O", "Ctrl+Q", "Del"} <= set(keys)


def test_f1_opens_the_help_and_its_list_leads_to_every_task(window: Window) -> None:
    QTest.keyClick(window.app.window, Qt.Key.Key_F1)
    shown = window.dialog(HelpWindow)
    seen = []
    for row, topic in enumerate(topics()):
        assert shown.topics.currentRow() == row
        assert len(topic.steps) >= 2
        seen.append(shown.text.toPlainText())
        QTest.keyClick(shown.topics, Qt.Key.Key_Down)
    assert len(set(seen)) == 8
    assert not any("{" in text for text in seen)
    assert "Press Start" in seen[0]
    assert "Begin the translation here" in seen[1]
    keys = shown.text.toPlainText()
    for key, what in (("Ctrl+Z", "Undo removal"), ("F1", "Help"), ("Del", "Remove"), ("Space", "original")):
        assert re.search(rf"{re.escape(key)}\s+.*{what}", keys), key
    QTest.keyClick(shown, Qt.Key.Key_Escape)
    assert not shown.isVisible()
    choose(window, "Help", "Keys")
    assert shown.text.toPlainText() == keys


def test_the_help_calls_everything_as_the_window_does() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "gui").glob("*.py"))
    assert [words for _, words in WORDS.values() if f'tr("{words}")' not in code] == []
    used = {
        name for topic in topics() for text in (*topic.steps, *topic.more) for name in re.findall(r"\{(\w+)\}", text)
    }
    assert used <= set(WORDS)


def test_the_help_is_chinese_where_the_window_is(qapp: QApplication) -> None:
    if not list(TRANSLATIONS.glob("*.qm")):
        pytest.skip("translations are compiled when cgconv is installed")
    before = set(qapp.findChildren(QTranslator))
    install_language(qapp, "zh_CN")
    try:
        pages = [as_html(topic) for topic in topics()]
        assert all(re.search("[一-鿿]", page) and "{" not in page for page in pages)
        assert "<b>开始</b>" in pages[0]
        assert "(&" not in "".join(pages)
    finally:
        for translator in set(qapp.findChildren(QTranslator)) - before:
            QCoreApplication.removeTranslator(translator)


def test_about_says_version_and_licenses_and_opens_where_things_lie(
    window: Window, opened: Opened, models: Path
) -> None:
    choose(window, "Help", "About cgconv")
    shown = window.dialog(AboutDialog)
    text = shown.licenses.toPlainText()
    for words in ("PySide6", "LGPL", "numpy", metadata.version("numpy"), "Apache-2.0", "GNU General Public License"):
        assert words in text
    for button in shown.open_buttons:
        window.click(button)
    assert opened.paths[:2] == [str(window.app.memory.folder), str(models)]
    assert len(opened.paths) == len(shown.open_buttons) >= 3
    window.click(shown.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Close))
    window.wait(lambda: not any(isinstance(one, AboutDialog) for one in QApplication.topLevelWidgets()), "for its end")
