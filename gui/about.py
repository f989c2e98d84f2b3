"""Say which version this is, whose work is in it and under which licenses, and where its files lie."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from .elided import ElidedLabel
from .quantities import folder_in_words

_LIBRARIES = (
    "PySide6-Essentials",
    "pyqtgraph",
    "numpy",
    "opencv-python-headless",
    "av",
    "pillow",
    "pillow-heif",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "tensorrt",
    "click",
    "rich",
    "platformdirs",
    "torch",
    "lightning",
)


class AboutDialog(QDialog):
    """About the program.

    Signals:
        folder_wanted(Path): show this folder.
    """

    folder_wanted = Signal(object)

    def __init__(self, places: Sequence[tuple[str, Path]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About cgconv"))
        title = QLabel(f"<h2>cgconv {metadata.version('cgconv')}</h2>")
        line = self.tr("Learns to turn pictures of one kind into another, and translates pictures and films.")
        about = QLabel(line, wordWrap=True)
        grid = QGridLayout()
        self.open_buttons = []
        for row, (words, folder) in enumerate(places):
            where = ElidedLabel(folder_in_words(folder))
            button = QPushButton(self.tr("Open folder"))
            button.setAccessibleName(f"{self.tr('Open folder')}: {words}")
            button.clicked.connect(lambda _checked, folder=folder: self.folder_wanted.emit(folder))
            self.open_buttons.append(button)
            grid.addWidget(QLabel(words), row, 0)
            grid.addWidget(where, row, 1)
            grid.addWidget(button, row, 2)
        grid.setColumnStretch(1, 1)
        self.licenses = QTextBrowser()
        self.licenses.setAccessibleName(self.tr("Licenses"))
        self.licenses.setHtml(self._licenses())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (title, about):
            widget.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            layout.addWidget(widget)
        layout.addLayout(grid)
        layout.addWidget(self.licenses, 1)
        layout.addWidget(buttons)
        self.resize(620, 560)

    def _licenses(self) -> str:
        rows = "".join(
            f"<tr><td style='padding-right:18px'>{html.escape(name)}</td><td style='padding-right:18px'>{version}</td>"
            f"<td>{html.escape(license)}</td></tr>"
            for name, version, license in [("cgconv", metadata.version("cgconv"), "Apache-2.0"), *_libraries()]
        )
        # A source tree's own record (egg-info) stands before the installed one where it is worked in, without the text.
        found = (one.read_text("licenses/NOTICE") for one in metadata.distributions(name="cgconv"))
        notice = next(filter(None, found), "")
        more = "".join(f"<p>{html.escape(part)}</p>" for part in notice.split("\n\n"))
        return f"<h3>{self.tr('Licenses')}</h3><table>{rows}</table>{more}"


def _libraries() -> Iterator[tuple[str, str, str]]:
    """Yield name, version and license of the libraries that are here."""
    for name in _LIBRARIES:
        try:
            found = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        kinds = [
            line.rpartition(" :: ")[2] for line in found.get_all("Classifier") or () if line.startswith("License ::")
        ]
        stated = " ".join(found.get_all("License-Expression") or found.get_all("License") or ())
        license = stated if 0 < len(stated) < 80 else ", ".join(kinds) or "—"
        yield name, found["Version"], license
