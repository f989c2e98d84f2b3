"""Presets: the built-in ones give what they promise, own ones are kept, exported and imported."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from gui_window import Window, models, window  # noqa: F401  # fixtures
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog, QLineEdit
from small_models import photo

from cgconv.gui.queue_item import State
from cgconv.runtime.requests import ConvertOptions

pytestmark = pytest.mark.timeout(400)


def pick(window: Window, name: str) -> None:
    """Go through the box of presets with the keys until this one is chosen."""
    box = window.page.presets
    window.key(box, Qt.Key.Key_Home)
    while box.currentText() != name:
        before = box.currentIndex()
        window.key(box, Qt.Key.Key_Down)
        assert box.currentIndex() > before, f"{name} is not offered"


def ask_menu(window: Window, words: str) -> None:
    window.choose(words)
    window.click(window.page.preset_menu)


def video_stream(path: Path) -> tuple[str, str, int, int]:
    """Return a film's codec, pixel format, shorter side and number of sound tracks."""
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        context = stream.codec_context
        return context.name, context.pix_fmt, min(stream.width, stream.height), len(film.streams.audio)


def make_media(folder: Path) -> list[Path]:
    """Write a photograph and a film with sound, larger than a quick look."""
    folder.mkdir()
    height, width = 500, 520
    cv2.imwrite(str(folder / "photo.webp"), photo((height, width), 1)[0][..., ::-1])
    with av.open(str(folder / "walk.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        sound = film.add_stream("aac", rate=48000)
        for number in range(2):
            image = np.full((height, width, 3), 40 * number, np.uint8)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 9600), np.float32), format="fltp", layout="stereo")
        silence.sample_rate = 48000
        for packet in (*sound.encode(silence), *sound.encode(None), *stream.encode(None)):
            film.mux(packet)
    return [folder / "photo.webp", folder / "walk.mp4"]


def test_built_in_presets_give_what_they_promise(window: Window, tmp_path: Path) -> None:
    window.wait_for_models()
    window.drop(make_media(tmp_path / "in"))
    window.wait_for_files(2)
    for preset, picture, film, stream in (
        ("Sharing on a phone", "photo.jpg", "walk.mp4", ("h264", "yuv420p", 500, 1)),
        ("Archive without loss", "photo.png", "walk.mkv", ("ffv1", "yuv420p", 500, 1)),
        ("Quick look", "photo.jpg", "walk.mp4", ("h264", "yuv420p", 480, 0)),
        ("Film master", "photo.tiff", "walk.mov", ("prores", "yuv444p10le", 500, 1)),
    ):
        out = tmp_path / preset
        window.type(window.page.options.out, str(out))
        pick(window, preset)
        assert window.page.presets.toolTip()
        window.app.queue_actions.retry(window.items)
        window.start()
        window.wait(
            lambda result=out / film: window.states() == [State.DONE] * 2 and window.items[1].output == result,
            f"for {preset}: {window.items}",
        )
        window.wait_until_idle()
        assert video_stream(out / film) == stream, preset
        with Image.open(out / picture) as made:
            assert min(made.size) == stream[2]
        assert window.page.options.out.text() == str(out), "where results go stays"
    sizes = {path.parent.name: path.stat().st_size for path in tmp_path.glob("*/walk.m*")}
    assert sizes["Sharing on a phone"] < sizes["Film master"]


def test_a_preset_is_left_as_soon_as_an_option_is_changed_and_all_are_reset(window: Window) -> None:
    page, options = window.page, window.page.options
    pick(window, "Film master")
    assert page.presets.currentText() == "Film master"
    assert not page.forget_preset.isEnabled()
    window.key(options.strength, Qt.Key.Key_Home)
    window.key(options.quality, Qt.Key.Key_Up)
    assert page.presets.currentText() == "Uses the options below"
    assert options.film_format.currentData() == "mov"
    ask_menu(window, "Reset")
    window.wait(lambda: options.options() == ConvertOptions(), "for the defaults")
    assert page.presets.currentText() == "Defaults"


def test_presets_are_saved_used_exported_imported_and_deleted(window: Window, tmp_path: Path) -> None:
    page, options = window.page, window.page.options
    window.key(options.strength, Qt.Key.Key_Home)
    ask_menu(window, "Save as preset")
    line = window.dialog(QInputDialog).findChild(QLineEdit)
    window.type(line, "soft & slow")
    window.key(line, Qt.Key.Key_Return)
    assert page.presets.currentText() == "soft & slow"
    window.key(options.strength, Qt.Key.Key_End)
    pick(window, "soft & slow")
    assert options.strength_text.text() == "0 %"
    window.answer_file_dialog(str(tmp_path / "soft"))
    ask_menu(window, "Export")
    file = tmp_path / "soft.cgconv-preset.json"
    window.wait(file.exists, "for the file, whose suffix was left out")
    assert str(file) in page.summary.text()
    ask_menu(window, "Delete")
    window.wait(lambda: page.presets.findText("soft & slow") == -1, "for it to go")
    assert page.presets.currentText() == "Uses the options below"
    window.key(options.strength, Qt.Key.Key_End)
    window.answer_file_dialog(str(file))
    ask_menu(window, "Import")
    window.wait(lambda: page.presets.currentText() == "soft & slow", "for the preset")
    assert options.strength_text.text() == "0 %"


def test_an_export_never_takes_the_place_of_a_file_that_was_not_named(window: Window, tmp_path: Path) -> None:
    (tmp_path / "mine.cgconv-preset.json").write_text("precious")
    window.answer_file_dialog(str(tmp_path / "mine"))
    ask_menu(window, "Export")
    window.wait(lambda: "already exists" in window.page.summary.text(), "for the refusal")
    assert (tmp_path / "mine.cgconv-preset.json").read_text() == "precious"


def test_an_import_says_what_it_took_and_what_not(window: Window, tmp_path: Path) -> None:
    page, file = window.page, tmp_path / "from a friend.json"
    values = {"strength": 0.5, "codec": "theora", "glitter": 7, "keep_colors": True}
    file.write_text(json.dumps({"cgconv_preset": 1, "name": "friend", "options": values}))
    for name in ("friend", "friend 2"):
        window.answer_file_dialog(str(file))
        ask_menu(window, "Import")
        window.wait(lambda name=name: page.presets.currentText() == name, "for the preset")
        said = page.summary.text()
        assert f"{name} is imported" in said
        assert "imported: Strength, Keep the original's colors" in said
        assert "not imported, because unknown here: Film codec, glitter" in said
    file.write_text("[]")
    window.answer_file_dialog(str(file))
    ask_menu(window, "Import")
    window.wait(lambda: "holds no preset" in page.summary.text(), "for the refusal")
