"""The Settings and Log pages, used with mouse and keys."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from gui_window import Opened, Window, make_pictures, models, opened, window  # noqa: F401  # fixtures
from PySide6.QtCore import QCoreApplication, QLocale, Qt, QTranslator
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog
from small_models import small_resnet

from cgconv.gui import log_file, when_done
from cgconv.gui.app import App
from cgconv.gui.language import TRANSLATIONS
from cgconv.gui.main_window import MainWindow
from cgconv.gui.palette import READABLE, bad, contrast, good, is_dark, secondary
from cgconv.gui.queue_item import State
from cgconv.gui.settings_page import SettingsPage
from cgconv.gui.start import Program
from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.models.store import models_folder

pytestmark = pytest.mark.timeout(400)


def test_caches_are_measured_and_cleared_and_folders_shown(
    window: Window, models: Path, opened: Opened, tmp_path: Path
) -> None:
    window.drop(make_pictures(tmp_path, 1))
    window.wait(lambda: window.items and window.items[0].thumbnail, "for a thumbnail")
    thumbnail = window.items[0].thumbnail
    assert thumbnail.exists()
    window.go_to(3)
    page = window.app.settings
    window.wait(lambda: "thumbnails" in page.caches.text(), "for the measurement")
    window.click(page.open_models)
    window.click(page.open_caches)
    assert opened.paths[0] == str(models)
    assert Path(opened.paths[1]) in thumbnail.parents
    window.click(page.clear)
    window.wait(lambda: not thumbnail.exists(), "for the clearing")


def test_a_model_is_written_in_half_precision(window: Window, models: Path) -> None:
    window.wait_for_models()
    window.go_to(3)
    page = window.app.settings
    window.key(page.model, Qt.Key.Key_Down)
    window.click(page.halve)
    assert page.steps.isVisible()
    assert page.stop.isVisible()
    window.wait(lambda: not page.steps.isVisible(), "for the end")
    assert (models / "beta.fp16.onnx").exists() or "dB" in page.step.text(), page.step.text()


def test_engines_without_tensorrt_are_refused_with_what_to_install(window: Window) -> None:
    pytest.importorskip("cgconv.exporter.engine")
    window.wait_for_models()
    window.go_to(3)
    page = window.app.settings
    window.click(page.build)
    window.wait(lambda: not page.steps.isVisible(), "for the end")
    assert "TensorRT" in page.step.text() or "GPU" in page.step.text()


def test_this_computer_is_examined_into_the_log_which_is_copied_and_cleared(window: Window) -> None:
    window.go_to(4)
    log = window.app.log
    window.click(log.diagnose)
    window.wait(lambda: "auto chooses" in log.text.toPlainText(), "for the diagnosis")
    window.click(log.copy)
    assert "auto chooses" in QGuiApplication.clipboard().text()
    window.click(log.clear)
    assert log.text.toPlainText() == ""


@pytest.fixture
def program(qapp: QApplication, tmp_path: Path, models: Path) -> object:
    """The program with its window, as `cgconv gui` opens it, and English afterwards."""
    if not list(TRANSLATIONS.glob("*.qm")):
        pytest.skip("translations are compiled when cgconv is installed")
    opened = Program(qapp, tmp_path / "home")
    opened.app.open([])
    yield opened
    opened.app.close()
    for translator in qapp.findChildren(QTranslator):
        QCoreApplication.removeTranslator(translator)
        translator.deleteLater()
    QLocale.setDefault(QLocale("en"))


def hands_of(app: App) -> Window:
    """Return a user's hands for a window that is open already."""
    window = Window.__new__(Window)
    window.app, window.page, window.items = app, app.convert, app.queue.items
    window.wait(app.window.isActiveWindow, "for the window: keys go to the active one")
    return window


def test_the_language_changes_at_once_and_the_queue_and_the_page_stay(program: Program, tmp_path: Path) -> None:
    window, first = hands_of(program.app), program.app
    window.drop(make_pictures(tmp_path, 1))
    window.wait_for_files(1)
    window.go_to(3)
    box = window.app.settings.language
    window.key(box, Qt.Key.Key_End)
    assert box.currentText() == "简体中文"
    window.wait(lambda: program.app is not first, "for the window in Chinese")
    second = hands_of(program.app)
    assert second.app.window.navigation.item(2).text() == "设置"
    assert second.app.window.stack.currentWidget() is second.app.settings
    assert second.app.settings.language.currentText() == "简体中文"
    assert second.names() == ["photo0"]
    shown = [one for one in QApplication.topLevelWidgets() if isinstance(one, MainWindow) and one.isVisible()]
    assert shown == [second.app.window]


def test_the_language_waits_for_what_is_being_translated(program: Program, tmp_path: Path) -> None:
    window, first = hands_of(program.app), program.app
    window.drop(make_pictures(tmp_path, 1))
    window.wait_for_files(1)
    window.start()
    window.go_to(3)
    window.key(window.app.settings.language, Qt.Key.Key_End)
    assert window.app.settings.language_note.isVisible()
    assert program.app is first, "before the loop of events has run, nothing can be done"
    window.wait(lambda: program.app is not first, "for the end, and the window in Chinese")
    assert hands_of(program.app).states() == [State.DONE]


def test_the_model_folder_is_changed_at_once_and_for_the_command_line_too(
    qapp: QApplication, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CGCONV_MODELS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "data" / "cgconv" / "models").mkdir(parents=True)
    write_model(small_resnet(4, 1, 1), tmp_path / "data" / "cgconv" / "models" / "old.onnx")
    window = Window(tmp_path / "home")
    try:
        gallery = window.page.gallery.gallery
        window.wait(lambda: "old" in {model.name for model in gallery.models}, "for models")
        window.go_to(3)
        page = window.app.settings
        assert not page.models_note.isVisible()
        window.answer_file_dialog(str(models))
        window.click(page.change_models)
        window.wait(lambda: {"alpha", "beta"} <= {model.name for model in gallery.models}, "for its models")
        assert "old" not in {model.name for model in gallery.models}
        assert page.models_folder.text() == str(models)
        assert "stay there" in page.models_note.text()
        assert models_folder() == models, "the command line looks there, too"
        window.click(page.usual_models)
        window.wait(lambda: "old" in {model.name for model in gallery.models}, "for the usual ones")
        assert models_folder() == tmp_path / "data" / "cgconv" / "models"
    finally:
        window.close()


def test_a_model_folder_that_the_environment_names_is_said_and_stays(window: Window, models: Path) -> None:
    window.go_to(3)
    page = window.app.settings
    assert "CGCONV_MODELS" in page.models_note.text()
    assert page.models_note.isVisible()
    assert not page.change_models.isEnabled()
    assert page.models_folder.text() == str(models)


def test_results_go_to_the_usual_folder_where_none_is_said(window: Window, tmp_path: Path) -> None:
    window.go_to(3)
    window.type(window.app.settings.out, str(tmp_path / "usual"))
    window.go_to(1)
    options = window.page.options
    assert options.out.placeholderText() == str(tmp_path / "usual")
    assert options.out.text() == ""
    window.drop(make_pictures(tmp_path / "in", 1))
    window.wait_for_files(1)
    window.start()
    window.wait(lambda: window.states() == [State.DONE], window.page.reason.text())
    assert (tmp_path / "usual" / "photo0.png").exists()
    window.close()
    second = Window(tmp_path / "home")
    try:
        assert second.app.settings.out.text() == str(tmp_path / "usual")
        assert second.page.options.out.text() == "", "it is not taken for what was said of these results"
        assert second.page.options.options().out == tmp_path / "usual"
    finally:
        second.close()


def choose_end(window: Window, words: str) -> None:
    """Choose with the keys what happens when all is done."""
    window.go_to(3)
    box = window.app.settings.when_done
    window.key(box, Qt.Key.Key_Home)
    while box.currentText() != words:
        before = box.currentIndex()
        window.key(box, Qt.Key.Key_Down)
        assert box.currentIndex() > before, f"{words} is not offered"
    window.go_to(1)


def translate_one(window: Window, folder: Path) -> None:
    window.drop(make_pictures(folder, 1))
    window.wait_for_files(1)
    window.start()
    window.wait(lambda: window.states() == [State.DONE], window.page.reason.text())
    window.wait_until_idle()


def test_the_folder_of_results_is_opened_or_a_sound_made_when_all_is_done(
    window: Window, tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds: list[bool] = []
    monkeypatch.setattr(when_done, "make_sound", lambda: sounds.append(True))
    choose_end(window, "Open the folder of results")
    translate_one(window, tmp_path / "in")
    window.wait(lambda: opened.paths == [str(tmp_path / "in")], "for the folder")
    choose_end(window, "Play a sound")
    window.drop(make_pictures(tmp_path / "more", 1))
    window.wait_for_files(2)
    window.start()
    window.wait(lambda: sounds, "for the sound")
    assert len(opened.paths) == 1


def test_a_computer_is_suspended_after_a_countdown_that_can_be_called_off(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep = tmp_path / "asleep"
    touch = [sys.executable, "-c", "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()", str(asleep)]
    monkeypatch.setattr(when_done, "suspend_command", lambda: touch)
    for after_s, button in ((3600, "stay"), (3600, "now"), (1, "")):
        monkeypatch.setattr(when_done, "COUNTDOWN_S", after_s)
        monkeypatch.setattr(when_done, "TICK_MS", 20 if after_s == 1 else 1000)
        when_done.begin("suspend", None, window.app.window)
        dialog = window.dialog(when_done.SuspendDialog)
        assert f"{after_s}" in dialog.informativeText()
        if button == "stay":
            QTest.keyClick(dialog, Qt.Key.Key_Return)  # a key that was meant for something else
            assert not dialog.isVisible()
            assert not dialog._timer.isActive()
            assert not asleep.exists()
            continue
        if button:
            window.click(getattr(dialog, button))
        window.wait(asleep.exists, "for the sleep")
        window.wait(lambda dialog=dialog: not _is_shown(dialog), "for the dialog to go")
        asleep.unlink()


def _is_shown(dialog: QDialog) -> bool:
    return dialog in QApplication.topLevelWidgets() and dialog.isVisible()


def test_suspending_is_offered_only_where_the_computer_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(when_done.sys, "platform", "linux")
    monkeypatch.setattr(when_done, "_POWER_STATES", tmp_path / "none")
    assert when_done.suspend_command() == []
    box = SettingsPage(tmp_path, "", "", None, "suspend").when_done
    assert "suspend" not in {box.itemData(row) for row in range(box.count())}
    assert box.currentData() == "nothing"


def test_the_log_is_kept_on_disk_with_dates_in_a_few_files_of_limited_size(
    window: Window, tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "LARGEST_BYTES", 2000)
    window.go_to(4)
    log = window.app.log
    for number in range(400):
        log.add(f"line {number} \ud800")  # a name of a file that is no text
    window.click(log.open_folder)
    assert opened.paths == [str(tmp_path / "home" / "log")]
    files = sorted((tmp_path / "home" / "log").iterdir())
    assert [path.name for path in files] == ["cgconv.log", "cgconv.log.1", "cgconv.log.2", "cgconv.log.3"]
    assert all(path.stat().st_size <= 2000 for path in files)
    last = files[0].read_text(encoding="utf-8").splitlines()[-1]
    assert "line 399" in last
    assert last[:2] == "20", "the date stands before it"


def test_dark_and_light_are_chosen_with_keys_and_text_can_be_read(window: Window) -> None:
    window.go_to(3)
    box = window.app.settings.appearance
    roles = QPalette.ColorRole
    try:
        for key, dark in ((Qt.Key.Key_End, True), (Qt.Key.Key_Up, False)):
            window.key(box, key)
            palette = QApplication.palette()
            assert is_dark(palette) is dark
            base = palette.color(roles.Base)
            for color in (secondary(palette), good(palette), bad(palette), palette.color(roles.Text)):
                assert contrast(color, base) >= READABLE
            assert contrast(palette.color(roles.HighlightedText), palette.color(roles.Highlight)) >= READABLE
    finally:
        window.key(box, Qt.Key.Key_Home)
