"""Take pictures of the window's pages, light and dark, in both languages, small and at twice the scale, into a folder.

The documents show few of them: those are brought up to date in docs/images. The others are to be looked at.

The photographs are those of docs/images/monet.jpg (README.md names who took them); losses are made up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 180
VARIANTS = [  # language, appearance, scale, size in points
    ("en", "light", 1, (1280, 800)),
    ("en", "dark", 1, (1280, 800)),
    ("zh_CN", "light", 1, (1280, 800)),
    ("zh_CN", "dark", 1, (1024, 640)),
    ("en", "light", 1, (1024, 640)),
    ("en", "light", 1, (2560, 1440)),
    ("en", "light", 2, (1280, 800)),
]
IMAGES = Path(__file__).parent.parent / "docs" / "images"


def main() -> None:
    """Take all pictures, each variant in a process of its own: Qt takes its scale when it starts."""
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        take(
            folder, sys.argv[2], sys.argv[3], int(sys.argv[4]), (int(sys.argv[5]), int(sys.argv[6])), Path(sys.argv[7])
        )
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        photographs = make_media(Path(home) / "holiday")
        for language, appearance, scale, size_wh in VARIANTS:
            environment = {
                **os.environ,
                "QT_QPA_PLATFORM": "offscreen",
                "QT_SCALE_FACTOR": str(scale),
                "HOME": home,
                "XDG_CONFIG_HOME": f"{home}/.config",
                "XDG_CACHE_HOME": f"{home}/.cache",
                "XDG_DATA_HOME": f"{home}/.local/share",
            }
            arguments = [str(folder), language, appearance, *map(str, (scale, *size_wh)), str(photographs)]
            subprocess.run([sys.executable, __file__, *arguments], env=environment, check=True)
    for shown in IMAGES.glob("gui-*.png"):
        make_small(folder / shown.name, shown)


def make_small(path: Path, small: Path) -> None:
    """Bring a picture to 256 colors: a third of the size, in a repository for ever."""
    from PIL import Image

    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(small, optimize=True)


def make_media(folder: Path) -> Path:
    """Return a folder of photographs and a film."""
    import av
    import cv2
    import numpy as np

    folder.mkdir(parents=True)
    sheet = cv2.imread(str(Path(__file__).parent.parent / "docs" / "images" / "monet.jpg"))
    assert sheet is not None, "docs/images/monet.jpg is missing"
    names = {"cat": (0, 0), "palace": (0, 788), "coffee": (268, 0), "dahlia": (268, 788), "rocket": (536, 0)}
    for name, (top, left) in names.items():  # each 256×384, with its translation to the right of it
        cv2.imwrite(str(folder / f"{name}.jpg"), sheet[top : top + 256, left : left + 384])
    picture = cv2.cvtColor(sheet[:256, 788:1172], cv2.COLOR_BGR2RGB)
    with av.open(str(folder / "walk.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(250):
            left, top = number * 64 // 250, number * 76 // 250
            part = np.ascontiguousarray(picture[top : top + 180, left : left + 320], dtype=np.uint8)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(part, format="rgb24")))
        film.mux(stream.encode(None))
    return folder


def take(folder: Path, language: str, appearance: str, scale: int, size_wh: tuple[int, int], media: Path) -> None:
    """Take the pictures of one variant."""
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication, QWidget

    from cgconv.gui.app import App
    from cgconv.gui.appearance import show_appearance
    from cgconv.gui.language import install_language
    from cgconv.runtime import events

    application = QApplication(["cgconv"])
    install_language(application, language)
    show_appearance(appearance)

    def wait(condition: Callable[[], object]) -> None:
        until = time.monotonic() + PATIENCE_S
        while not condition() and time.monotonic() < until:
            QTest.qWait(50)

    def shoot(page: str, shown: QWidget | None = None) -> None:
        QTest.qWait(300)
        suffix = "" if (scale, size_wh) == (1, (1280, 800)) else f"-{size_wh[0]}x{size_wh[1]}-{scale}00"
        (shown or app.window).grab().save(str(folder / f"gui-{page}-{appearance}-{language.split('_')[0]}{suffix}.png"))

    with tempfile.TemporaryDirectory() as home:
        app = App(Path(home))
        app.open([])
        app.window.resize(*size_wh)
        page = app.convert
        wait(lambda: page.gallery.chosen)
        wait(lambda: all(model.megapixels_per_second for model in page.gallery.gallery.models))
        shoot("empty")
        app.add_paths([media])
        wait(lambda: len(app.queue.items) > 1)
        wait(lambda: all(item.size_wh for item in app.queue.items))
        wait(lambda: page.preview.view._translated is not None)
        page.options.exists.setCurrentIndex(1)  # other variants have been here before
        page.start.click()
        film = app.queue.items[-1]
        wait(lambda: film.progress > 0.05)
        wait(lambda: not page.preview.status.text().endswith("…"))
        shoot("convert")
        page.cancel.click()
        app.window.show_page(app.train)
        train = app.train
        train.a.path.setText("~/Pictures/holiday")
        train.b.path.setText("~/Pictures/monet")
        train.out.setText("~/cgconv-runs/monet")
        train._check.stop()
        folders = tuple({"split": "train", "pictures": count} for count in (420, 380))
        train.show_check(events.DataSetChecked(True, folders, (), {}, "quick", "there is no NVIDIA GPU here"))
        shown = [
            events.SamplesSaved(Path(__file__).parent.parent / "docs" / "images" / "monet.jpg"),
            events.TrainStarted(Path(home), 10_000, 0, 420, 380, "cpu", "bf16"),
            *(
                events.TrainProgressed(step, step, 10_000, losses(step), 3.4, (10_000 - step) / 3.4, 0.02, 2e-4)
                for step in range(50, 4000, 50)
            ),
        ]
        for event in shown:
            train.show_event(event)
        shoot("train")
        app.window.show_page(app.settings)
        wait(lambda: app.settings.open_caches.isEnabled())
        shoot("settings")
        from cgconv.gui.dialogs import DescribeDialog
        from cgconv.gui.when_done import SuspendDialog
        from cgconv.runtime.requests import ImportModel

        imports = app.model_actions.imports.dialog
        for name, event in (
            ("monet-night.onnx", events.ModelExported("monet-night", Path(home))),
            ("ukiyoe.pth", events.CommandFailed("ukiyoe.pth is damaged or cut off: 12 of 48 tensors are there", 1)),
            ("vangogh.onnx", events.NameTaken("vangogh", "vangogh-2")),
            ("winter.onnx", events.StepProgressed("import")),
            ("zebra.onnx", None),
        ):
            number = 10_000 + len(imports.rows)
            app.model_actions.imports._rows[number] = imports.add(ImportModel(Path("~/Downloads") / name))
            if event is not None:
                app.model_actions.show_answer(number, event)
        imports.show_counts()
        for name, dialog in (
            ("imports", imports),
            ("describe", DescribeDialog(app.model_actions.models[0], app.window)),
            ("suspend", SuspendDialog(app.window)),
        ):
            dialog.show()
            shoot(name, dialog)
            dialog.close()
        app.model_actions.imports._rows.clear()
        app.window.show_page(app.log)
        shoot("log")
        app.close()


def losses(step: int) -> dict[str, float]:
    """Return made-up losses that fall as real ones do."""
    fall, ripple = 2.718 ** (-step / 1500), ((step * 7919) % 101 - 50) / 1000
    return {
        "cycle": 1.6 * fall + 0.9 + ripple,
        "gan a→b": 0.5 + 0.2 * fall - ripple,
        "identity": 0.8 * fall + 0.3 + ripple,
    }


if __name__ == "__main__":
    main()
