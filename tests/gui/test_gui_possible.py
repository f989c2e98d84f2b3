"""What does not go together cannot be chosen, and why nothing can be started is said while typing."""

from __future__ import annotations

from pathlib import Path

import pytest
from gui_window import CTRL, Window, make_pictures, models, window  # noqa: F401  # fixtures
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFontMetrics, QStandardItemModel
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QDialogButtonBox

from cgconv.gui.dialogs import ItemDialog
from cgconv.gui.possible import Here
from cgconv.runtime.backends.machine import cuda_devices
from cgconv.runtime.choices import BackendName, FilmFormat, PrecisionChoice, VideoCodec
from cgconv.runtime.films.encoding import film_output_suffix
from cgconv.runtime.misfits import can_hold, machine_misfit
from cgconv.runtime.requests import ConvertOptions

pytestmark = pytest.mark.timeout(240)


def offered(combo: QComboBox) -> list[str]:
    model = combo.model()
    assert isinstance(model, QStandardItemModel)
    return [combo.itemData(row) for row in range(combo.count()) if model.item(row).isEnabled()]


def why_not(combo: QComboBox, value: str) -> str:
    return combo.itemData(combo.findData(value), Qt.ItemDataRole.ToolTipRole) or ""


def choose(window: Window, combo: QComboBox, value: str) -> None:
    """Go through a list with the keys, as far as it lets one, until it shows a value."""
    window.key(combo, Qt.Key.Key_Home)
    for _ in range(combo.count()):
        if combo.currentData() == value:
            return
        QTest.keyClick(combo, Qt.Key.Key_Down)


def test_only_codecs_that_fit_the_container_can_be_chosen_and_the_other_way_round(window: Window) -> None:
    options = window.page.options
    window.open_advanced()
    choose(window, options.film_format, "webm")
    assert offered(options.codec) == ["auto", "av1", "vp9"]
    assert why_not(options.codec, "prores") == "WebM films cannot hold ProRes."
    choose(window, options.codec, "prores")
    assert options.codec.currentData() != "prores", "the keys pass over it"
    choose(window, options.film_format, "same")
    choose(window, options.codec, "prores")
    assert options.codec.currentData() == "prores"
    assert offered(options.film_format) == ["same", "mov", "mkv"]
    assert not options.crf.isEnabled(), "ProRes has no such setting"
    choose(window, options.codec, "h264")
    window.key(options.crf, Qt.Key.Key_A, CTRL)
    QTest.keyClicks(options.crf, "60")
    assert options.options().crf <= 51


def test_only_what_computes_together_can_be_chosen(window: Window) -> None:
    options = window.page.options
    options.show_here(Here())  # as long as nothing is known of this computer
    window.open_advanced()
    choose(window, options.precision, "bf16")
    assert "onnxruntime" not in offered(options.backend)
    assert why_not(options.backend, "onnxruntime") == "ONNX Runtime cannot run in bf16."
    choose(window, options.precision, "int8")
    assert "cuda" not in offered(options.device)
    choose(window, options.precision, "auto")
    choose(window, options.backend, "openvino")
    assert not {"cuda", "directml", "coreml"} & set(offered(options.device))
    assert "fp16" not in offered(options.precision)


def test_gpus_that_are_not_there_cannot_be_chosen(window: Window) -> None:
    options = window.page.options
    assert options.here.devices is None
    window.open_advanced()
    window.wait(lambda: options.here.devices is not None, "for what this computer has")
    has_nvidia = cuda_devices() > 0
    assert ("cuda" in offered(options.device)) is has_nvidia
    assert (why_not(options.device, "cuda") == "This computer does not have one.") is not has_nvidia
    assert "cpu" in offered(options.device)
    assert {"onnxruntime", "auto"} <= set(offered(options.backend))
    if not has_nvidia:
        assert "tensorrt" not in offered(options.backend)


def test_a_preset_of_another_computer_says_why_nothing_can_be_started(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 1))
    window.wait_for_files(1)
    page, options = window.page, window.page.options
    options.show_here(Here(("cpu",), ("onnxruntime", "openvino")))
    options.show_options(ConvertOptions(device="cuda:1"))
    assert options.options().device == "cuda:1"
    assert not page.start.isEnabled()
    assert page.start.toolTip() == options.note.text() == "cuda:1: This computer does not have one."
    choose(window, options.device, "cpu")
    assert page.start.isEnabled()
    assert options.note.text() == page.start.toolTip() == ""
    options.show_here(Here(("cpu", "cuda", "cuda:1"), ("onnxruntime",)))
    assert options.device.itemText(options.device.findData("cuda:1")) in ("cuda:1", "NVIDIA GPU 2")


def test_a_name_is_checked_while_it_is_typed(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 1))
    window.wait_for_files(1)
    page, options = window.page, window.page.options
    window.open_advanced()
    place = options.note.mapTo(window.app.window, QPoint())
    said = []
    options.name.setFocus()
    for key in "{name}:x":
        QTest.keyClicks(options.name, key)
        said.append((options.note.text(), page.start.isEnabled(), page.start.toolTip() == options.note.text()))
    must_hold = "The file name must contain {name}."
    may_not = 'Name: it must not contain \\ / : * ? " < > |'
    assert said == [(must_hold, False, True)] * 5 + [("", True, True)] + [(may_not, False, True)] * 2
    assert options.note.mapTo(window.app.window, QPoint()) == place
    assert QFontMetrics(options.note.font()).horizontalAdvance(may_not) <= options.note.width(), "it is seen whole"
    window.type(options.name, "new {name}")
    window.start()
    window.wait(lambda: (tmp_path / "new photo0.png").exists(), "for the result of that name")


def test_a_part_that_ends_before_it_begins_is_said(window: Window) -> None:
    options = window.page.options
    window.open_advanced()
    for box, text in ((options.start_s, "10"), (options.end_s, "5")):
        window.key(box, Qt.Key.Key_A, CTRL)
        QTest.keyClicks(box, text)
    assert options.note.text() == "The end time is before the start time."
    window.key(options.end_s, Qt.Key.Key_A, CTRL)
    QTest.keyClicks(options.end_s, "12")
    assert options.note.text() == ""


def test_options_of_one_file_alone_are_checked_too(window: Window, tmp_path: Path) -> None:
    window.drop(make_pictures(tmp_path, 1))
    window.wait_for_files(1)
    window.wait_for_models()
    window.click_row(0)
    window.key(window.page.queue_view, Qt.Key.Key_E, CTRL)
    dialog = window.dialog(ItemDialog)
    take = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    window.click(dialog.options.more)
    window.type(dialog.options.name, "x")
    assert (take.isEnabled(), dialog.options.note.isVisible()) == (False, True)
    window.type(dialog.options.name, "{name} x")
    assert take.isEnabled()
    window.click(take)
    assert window.page.start.isEnabled()


@pytest.mark.parametrize("codec", VideoCodec)
def test_the_window_and_the_command_line_agree_on_containers(codec: VideoCodec) -> None:
    for container in FilmFormat:
        if container is not FilmFormat.SAME:
            assert can_hold(container, codec) is (film_output_suffix(f".{container}", codec) == f".{container}")


def test_automatic_fits_everything() -> None:
    for device in ("auto", "cpu", "cuda", "cuda:1", "gpu", "directml", "coreml"):
        assert machine_misfit(BackendName.AUTO, device, PrecisionChoice.AUTO) == ""
    for precision in PrecisionChoice:
        assert machine_misfit(BackendName.AUTO, "auto", precision) == ""
    for backend in BackendName:
        assert machine_misfit(backend, "auto", PrecisionChoice.AUTO) == ""
