"""The gallery of models, used with mouse, keys and drops."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from gui_window import Opened, Window, make_pictures, models, opened, window  # noqa: F401  # fixtures
from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QLabel, QMessageBox, QPushButton
from small_models import GraphBuilder, small_resnet, with_card

from cgconv.gui.dialogs import DescribeDialog, ImportDialog, ModelDialog
from cgconv.gui.imports_dialog import ImportRow, ImportsDialog, Stage
from cgconv.gui.queue_item import State
from cgconv.runtime import requests
from cgconv.runtime.events import StepProgressed
from cgconv.runtime.models.card import read_card
from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.models.store import is_model_file

pytestmark = pytest.mark.timeout(400)
OK = QDialogButtonBox.StandardButton.Ok


def shown(window: Window) -> list[str]:
    """Return the titles that the gallery shows."""
    gallery = window.page.gallery.gallery
    return [str(gallery.index(row).data()) for row in range(gallery.rowCount())]


def click_model(window: Window, title: str) -> None:
    view = window.page.gallery
    window.click(view.viewport(), view.visualRect(view.gallery.index(shown(window).index(title))).center())


def test_a_model_dropped_on_the_gallery_is_there_to_be_picked_looked_at_and_removed(
    window: Window, models: Path, tmp_path: Path
) -> None:
    window.wait_for_models()
    facts = {"name": "gamma", "title": "Gamma", "direction": "photo → gamma", "licence": "CC0"}
    sizes = {"size_multiple": 4, "smallest_size": 8}
    write_model(with_card(small_resnet(4, 1, 3), **facts, **sizes), tmp_path / "gamma.onnx")
    window.drop([tmp_path / "gamma.onnx"], window.page.gallery.viewport())
    window.wait(lambda: "Gamma" in shown(window), f"for the model: {window.page.summary.text()}")
    assert (models / "gamma.onnx").exists()
    click_model(window, "Gamma")
    assert window.page.gallery.chosen == "gamma"
    index = window.page.gallery.currentIndex()
    spoken = str(index.data(Qt.ItemDataRole.AccessibleTextRole))
    assert spoken.startswith("Gamma, photo → gamma, ")
    assert spoken.endswith("CC0")
    window.click(window.page.model_information)
    dialog = window.dialog(ModelDialog)
    assert "photo → gamma" in " ".join(label.text() for label in dialog.findChildren(QLabel))
    window.click(next(button for button in dialog.findChildren(QPushButton) if button.text() == "Copy"))
    assert "CC0" in QGuiApplication.clipboard().text()
    window.key(dialog, Qt.Key.Key_Escape)
    window.click(window.page.remove_model)
    window.click(window.dialog(QMessageBox).button(QMessageBox.StandardButton.Yes))
    window.wait(lambda: "Gamma" not in shown(window), "for it to go")
    assert not (models / "gamma.onnx").exists()


def test_the_gallery_shows_what_models_make_of_a_sample_and_their_speed(window: Window) -> None:
    window.wait_for_models()
    gallery = window.page.gallery.gallery
    tip = Qt.ItemDataRole.ToolTipRole
    window.wait(lambda: " picture" in str(gallery.index(0).data(tip)), "for the speed")  # a second, or seconds each
    assert not gallery.index(0).data(Qt.ItemDataRole.DecorationRole).isNull()


def test_a_checkpoint_of_any_name_is_known_by_its_first_bytes_as_on_the_command_line(
    window: Window, tmp_path: Path
) -> None:
    window.wait_for_models()
    (tmp_path / "weights").write_bytes(b"\x80\x02}q\x00.")  # a pickle of nothing
    window.drop([tmp_path / "weights"], window.page.gallery.viewport())
    (row,) = window.app.model_actions.imports.dialog.rows
    window.wait(lambda: row.stage in (Stage.FAILED, Stage.UNKNOWN), "for the refusal")
    assert "weights" in row.words.text()


def test_a_file_that_is_no_model_is_refused_with_a_sentence(window: Window, tmp_path: Path) -> None:
    window.wait_for_models()
    before = shown(window)
    (tmp_path / "page.onnx").write_bytes(b"<!doctype html><html></html>")
    (tmp_path / "letter.pth").write_bytes(b"Dear all,")
    for name, word in (("page.onnx", "web page"), ("letter.pth", "letter.pth: ")):
        window.drop([tmp_path / name], window.page.gallery.viewport())
        window.wait(
            lambda word=word: word in window.page.summary.text() and "…" not in window.page.summary.text(),
            f"for the refusal of {name}",
        )
    assert shown(window) == before


def row_of(window: Window, name: str) -> ImportRow:
    """Return a file's place in the list of imports."""
    return next(row for row in window.dialog(ImportsDialog).rows if row.request.path.name == name)


@pytest.mark.parametrize("keeps_both", [True, False])
def test_a_model_whose_name_is_taken_is_asked_about(
    window: Window, models: Path, tmp_path: Path, keeps_both: bool
) -> None:
    window.wait_for_models()
    before, old = len(shown(window)), (models / "alpha.onnx").read_bytes()
    write_model(small_resnet(4, 1, 3), tmp_path / "alpha.onnx")
    window.answer_file_dialog(str(tmp_path / "alpha.onnx"))
    window.click(window.page.import_model)
    row = row_of(window, "alpha.onnx")
    assert row.stage is Stage.TAKEN
    assert "already a model named alpha" in row.words.text()
    assert (models / "alpha.onnx").read_bytes() == old
    window.click(row.keep_both if keeps_both else row.replace)
    window.wait(lambda: row.stage is Stage.DONE, f"for the import: {row.words.text()}")
    assert ((models / "alpha.onnx").read_bytes() == old) is keeps_both
    assert (models / "alpha-2.onnx").exists() is keeps_both
    window.wait(lambda: len(shown(window)) == before + keeps_both, "for the gallery")
    window.key(window.app.model_actions.imports.dialog, Qt.Key.Key_Escape)


def test_four_models_at_once_have_each_their_own_progress_result_and_reason(
    window: Window, models: Path, tmp_path: Path
) -> None:
    window.wait_for_models()
    for name in ("one", "beta", "two"):
        write_model(small_resnet(4, 1, 3), tmp_path / f"{name}.onnx")
    (tmp_path / "page.onnx").write_bytes(b"<!doctype html><html></html>")
    files = [tmp_path / f"{name}.onnx" for name in ("one", "page", "beta", "two")]
    window.drop(files, window.page.gallery.viewport())
    rows = [row_of(window, path.name) for path in files]
    assert {row.stage for row in rows} <= {Stage.WAITING, Stage.RUNNING}
    assert all(row.progress.isVisible() for row in rows)
    ends = [Stage.DONE, Stage.FAILED, Stage.TAKEN, Stage.DONE]
    window.wait(lambda: [row.stage for row in rows] == ends, f"for the ends: {[row.words.text() for row in rows]}")
    assert "one is in the gallery" in rows[0].words.text()
    assert "web page" in rows[1].words.text()
    assert "already a model named beta" in rows[2].words.text()
    dialog = window.dialog(ImportsDialog)
    assert dialog.summary.text() == "2 imported · 1 failed · 1 to be answered"
    window.click(rows[2].cancel)
    assert rows[2].stage is Stage.CANCELLED
    window.key(dialog, Qt.Key.Key_Escape)
    window.wait(lambda: {"one", "two"} <= set(shown(window)), "for the gallery")
    assert not (models / "page.onnx").exists()


def test_a_model_that_waits_for_its_import_can_be_left_out(window: Window, models: Path, tmp_path: Path) -> None:
    window.wait_for_models()
    os.kill(window.app.looks.process_id(), signal.SIGSTOP)  # so that the second one waits for sure
    try:
        for name in ("one", "two"):
            write_model(small_resnet(4, 1, 3), tmp_path / f"{name}.onnx")
        window.drop([tmp_path / "one.onnx", tmp_path / "two.onnx"], window.page.gallery.viewport())
        first, second = row_of(window, "one.onnx"), row_of(window, "two.onnx")
        window.click(second.cancel)
    finally:
        os.kill(window.app.looks.process_id(), signal.SIGCONT)
    window.wait(lambda: first.stage is Stage.DONE, "for the first one")
    window.wait(lambda: not window.app.model_actions.at_work(), "for the answer")
    assert second.stage is Stage.CANCELLED
    assert not (models / "two.onnx").exists()


def test_models_go_on_being_imported_after_one_that_ends_the_worker(
    window: Window, models: Path, tmp_path: Path
) -> None:
    window.wait_for_models()
    worker = window.app.looks
    os.kill(worker.process_id(), signal.SIGSTOP)
    for name in ("bad", "good"):
        write_model(small_resnet(4, 1, 3), tmp_path / f"{name}.onnx")
    window.drop([tmp_path / "bad.onnx", tmp_path / "good.onnx"], window.page.gallery.viewport())
    bad, good = row_of(window, "bad.onnx"), row_of(window, "good.onnx")
    worker.answered.emit(min(window.app.model_actions.imports._rows), StepProgressed("import"))  # as it says itself
    assert (bad.stage, good.stage) == (Stage.RUNNING, Stage.WAITING)
    os.kill(worker.process_id(), signal.SIGKILL)
    window.wait(lambda: good.stage is Stage.DONE, f"for the second one: {good.words.text()}")
    assert bad.stage is Stage.FAILED
    assert "stopped unexpectedly" in bad.words.text()
    assert not (models / "bad.onnx").exists()
    assert (models / "good.onnx").exists()


def ask_model(window: Window, title: str, words: str) -> None:
    """Open the menu of a model with the mouse's other button, and click an entry of it."""
    click_model(window, title)
    view = window.page.gallery
    at = view.visualRect(view.gallery.index(shown(window).index(title))).center()
    chosen = window.choose(words)
    asked = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, view.viewport().mapToGlobal(at))
    QApplication.sendEvent(view.viewport(), asked)
    window.wait(lambda: chosen, "for the menu")


def test_a_model_is_renamed_and_described_in_its_card_from_its_menu(
    window: Window, models: Path, tmp_path: Path
) -> None:
    facts = {"name": "gamma", "title": "Gamma", "direction": "photo → gamma"}
    write_model(with_card(small_resnet(4, 1, 3), **facts, size_multiple=4, smallest_size=8), models / "gamma.onnx")
    window.wait_for_models()
    window.app.ask_looks(requests.ListModels())
    window.wait(lambda: "Gamma" in shown(window), "for the model")
    window.drop(make_pictures(tmp_path / "in", 1))
    window.wait_for_files(1)
    window.choose_in_submenu(0, "Again with", "Gamma")
    window.wait_for_files(2)
    ask_model(window, "Gamma", "Rename")
    dialog = window.dialog(DescribeDialog)
    window.type(dialog.name, "delta")
    window.type(dialog.title, "Blue hour")
    window.type(dialog.direction, "day to dusk")
    window.click(dialog.buttons.button(QDialogButtonBox.StandardButton.Save))
    window.wait(lambda: "Blue hour" in shown(window), f"for the new title: {window.page.summary.text()}")
    assert not (models / "gamma.onnx").exists()
    card = read_card(models / "delta.onnx")
    assert (card.name, card.title, card.direction) == ("delta", "Blue hour", "day to dusk")
    assert window.page.gallery.chosen == "delta"
    assert window.items[1].model == "delta"


def test_a_name_that_no_model_can_have_is_refused_and_nothing_lost(window: Window, models: Path) -> None:
    facts = {"name": "gamma", "title": "Gamma", "size_multiple": 4, "smallest_size": 8}
    write_model(with_card(small_resnet(4, 1, 3), **facts), models / "gamma.onnx")
    window.app.ask_looks(requests.ListModels())
    window.wait(lambda: "Gamma" in shown(window), "for the model")
    ask_model(window, "Gamma", "Rename")
    dialog = window.dialog(DescribeDialog)
    window.type(dialog.name, "../gamma")
    window.click(dialog.buttons.button(QDialogButtonBox.StandardButton.Save))
    window.wait(lambda: "cannot be a model's name" in window.page.summary.text(), "for the refusal")
    assert (models / "gamma.onnx").exists()


def test_the_question_before_a_model_is_deleted_is_answered_no_by_enter(window: Window, models: Path) -> None:
    facts = {"name": "gamma", "title": "Gamma", "size_multiple": 4, "smallest_size": 8}
    write_model(with_card(small_resnet(4, 1, 3), **facts), models / "gamma.onnx")
    window.app.ask_looks(requests.ListModels())
    window.wait(lambda: "Gamma" in shown(window), "for the model")
    ask_model(window, "Gamma", "Delete")
    box = window.dialog(QMessageBox)
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert not box.isVisible()
    assert not window.app.model_actions._changes, "it is being deleted"
    assert (models / "gamma.onnx").exists()


def test_what_cannot_be_found_out_of_a_foreign_model_is_asked_for(window: Window, models: Path, tmp_path: Path) -> None:
    net = GraphBuilder()  # always the same gray, which says nothing of the range that it works in
    dull = net.node("Add", net.node("Mul", "input", net.constant(np.float32(0))), net.constant(np.float32(7)))
    write_model(net.model(dull), tmp_path / "my dull model.onnx")
    window.wait_for_models()
    window.drop([tmp_path / "my dull model.onnx"], window.page.gallery.viewport())
    first = window.dialog(ImportDialog)
    assert "cannot be a model's name" in first.reason.text()
    assert first.name.text() == "my-dull-model"
    window.click(first.buttons.button(OK))
    window.wait(lambda: window.dialog(ImportDialog) is not first, "for the second question")
    second = window.dialog(ImportDialog)
    assert "range" in second.reason.text()
    window.key(second.value_range, Qt.Key.Key_Down)
    window.click(second.buttons.button(OK))
    window.wait(lambda: (models / "my-dull-model.onnx").exists(), window.page.summary.text())


def test_every_kind_of_model_file_that_can_be_imported_can_be_dropped(tmp_path: Path) -> None:
    files = [tmp_path / f"model{suffix}" for suffix in (".onnx", ".PTH", ".tar", ".bin", ".pkl", ".model", ".png")]
    assert [is_model_file(file) for file in files] == [True] * 6 + [False]


def test_a_checkpoint_dropped_on_the_gallery_translates(window: Window, models: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from foreign_checkpoints import junyanz_resnet, seeded

    torch.save(seeded(lambda: junyanz_resnet(6)).state_dict(), tmp_path / "latest_net_G.pth")
    window.wait_for_models()
    window.drop([tmp_path / "latest_net_G.pth"], window.page.gallery.viewport())
    window.wait(lambda: (models / "latest_net_G.onnx").exists(), f"for the model: {window.page.summary.text()}")
    window.wait(lambda: "latest_net_G" in shown(window), "for the gallery")
    click_model(window, "latest_net_G")
    window.drop(make_pictures(tmp_path, 1))
    window.wait_for_files(1)
    window.start()
    window.wait(lambda: window.states() == [State.DONE], window.page.reason.text())
    assert (tmp_path / "photo0.latest_net_G.png").exists()


def test_the_gallery_shows_the_models_on_the_users_own_picture(window: Window, tmp_path: Path) -> None:
    window.wait_for_models()
    gallery = window.page.gallery.gallery
    wide, tall = tmp_path / "wide.png", tmp_path / "tall.png"
    for path, size_hw in ((wide, (60, 90)), (tall, (90, 60))):
        cv2.imwrite(str(path), np.full((*size_hw, 3), 120, np.uint8))
    window.drop([wide, tall])
    window.wait_for_files(2)

    def sizes_wh() -> set[tuple[int, int]]:
        pixmaps = [gallery.index(row).data(Qt.ItemDataRole.DecorationRole) for row in (0, 1)]
        return {(pixmap.width(), pixmap.height()) for pixmap in pixmaps if pixmap is not None}

    for row, size_wh in ((1, (60, 90)), (0, (90, 60))):
        window.click_row(row)
        window.wait(lambda size_wh=size_wh: sizes_wh() == {size_wh}, f"for the models' samples of entry {row}")


def test_all_models_come_on_one_sheet_that_is_opened(
    window: Window, models: Path, tmp_path: Path, opened: Opened
) -> None:
    window.wait_for_models()
    write_model(small_resnet(4, 1, 5), models / "monet.onnx")  # hides the shipped one, which takes its time
    window.click(window.page.sheet)
    window.wait(lambda: "Put a picture into the queue first" in window.page.summary.text(), "for the advice")
    window.drop(make_pictures(tmp_path / "in", 1))
    window.wait_for_files(1)
    window.answer_file_dialog(str(tmp_path / "choice.png"))
    window.click(window.page.sheet)
    window.wait(lambda: opened.paths, f"for the sheet: {window.page.summary.text()}")
    assert opened.paths == [str(tmp_path / "choice.png")]
    image = cv2.imread(str(tmp_path / "choice.png"))
    assert image.shape[1] > 2 * 64
    assert "choice.png" in window.page.summary.text()
