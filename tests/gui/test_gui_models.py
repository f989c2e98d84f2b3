"""The gallery of models, used with mouse, keys and drops."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from gui_window import Opened, Window, make_pictures, models, opened, window  # noqa: F401  # fixtures
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QLabel, QMessageBox, QPushButton
from small_models import GraphBuilder, small_resnet, with_card

from cgconv.gui.dialogs import ImportDialog, ModelDialog
from cgconv.gui.gallery import model_files
from cgconv.gui.queue_item import State
from cgconv.runtime.models.model_file import write_model

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


def test_a_model_whose_name_is_taken_is_asked_for_another_one(window: Window, models: Path, tmp_path: Path) -> None:
    window.wait_for_models()
    before = len(shown(window))
    write_model(small_resnet(4, 1, 3), tmp_path / "alpha.onnx")
    window.answer_file_dialog(str(tmp_path / "alpha.onnx"))
    window.click(window.page.import_model)
    dialog = window.dialog(ImportDialog)
    assert dialog.reason.text().startswith("there is already a model named alpha")
    assert dialog.name.text() == "alpha-2"
    window.click(dialog.buttons.button(OK))
    window.wait(lambda: (models / "alpha-2.onnx").exists(), window.page.summary.text())
    window.wait(lambda: len(shown(window)) == before + 1, "for the gallery")


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


def test_every_kind_of_model_file_that_can_be_imported_can_be_dropped(qapp: QApplication, tmp_path: Path) -> None:
    files = [tmp_path / f"model{suffix}" for suffix in (".onnx", ".PTH", ".tar", ".bin", ".pkl", ".model")]
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)) for file in [*files, tmp_path / "photo.png"]])
    event = QDropEvent(QPointF(), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier(0))
    assert model_files(event) == files


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
