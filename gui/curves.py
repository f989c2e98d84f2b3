"""Draw how a training's losses change, with a legend in plain words below."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from .palette import curve_colors

CURVE_POINTS = 2000
WORDS = {
    "objective": QT_TRANSLATE_NOOP("curves", "total error (goes down at first)"),
    "gan_ab": QT_TRANSLATE_NOOP("curves", "fooling the discriminator, forward"),
    "gan_ba": QT_TRANSLATE_NOOP("curves", "fooling the discriminator, backward"),
    "cycle_a": QT_TRANSLATE_NOOP("curves", "difference after translating forward and back again"),
    "cycle_b": QT_TRANSLATE_NOOP("curves", "difference after translating backward and forward again"),
    "identity": QT_TRANSLATE_NOOP("curves", "not changing pictures already in the target style"),
    "identity_a": QT_TRANSLATE_NOOP("curves", "not changing pictures already in the target style, backward"),
    "identity_b": QT_TRANSLATE_NOOP("curves", "not changing pictures already in the target style, forward"),
    "contrast": QT_TRANSLATE_NOOP("curves", "keeping the layout of the picture"),
    "contrast_identity": QT_TRANSLATE_NOOP("curves", "keeping the layout of pictures already in the target style"),
    "brightness": QT_TRANSLATE_NOOP("curves", "keeping the light"),
    "uneven_color": QT_TRANSLATE_NOOP("curves", "color that changes in patches"),
    "l1": QT_TRANSLATE_NOOP("curves", "distance from the wanted picture"),
    "discriminator": QT_TRANSLATE_NOOP("curves", "the discriminator's error"),
    "discriminator_a": QT_TRANSLATE_NOOP("curves", "the discriminator's error, backward"),
    "discriminator_b": QT_TRANSLATE_NOOP("curves", "the discriminator's error, forward"),
}


class Curves(QFrame):
    """The losses over the pictures seen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._curves: dict[str, tuple[list[float], list[float], Any]] = {}  # Any: pyqtgraph's lines
        self._plot: Any = None  # pyqtgraph's widget, made with the first point
        self._empty = QLabel(self.tr("Curves appear here: how far the model is from what it is to learn."))
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self.legend = QLabel(wordWrap=True)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.hide()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self._empty)
        self._layout.addWidget(self.legend)

    def cut(self, images_seen: int) -> None:
        """Take back what is being learned again, or, from 0 on, another run's curves."""
        for xs, ys, line in self._curves.values():
            while xs and xs[-1] > images_seen:
                xs.pop(), ys.pop()
            line.setData(xs, ys)

    def add_points(self, images_seen: int, losses: Mapping[str, float]) -> None:
        """Draw the losses after so many pictures."""
        if self._plot is None:
            self._make_plot()
        for name, loss in losses.items():
            if name not in self._curves:
                self._curves[name] = ([], [], self._plot.plot(name=name))
                self._show_colors()
            xs, ys, line = self._curves[name]
            xs.append(float(images_seen))
            ys.append(float(loss or 0))
            if len(xs) > CURVE_POINTS:
                del xs[::2], ys[::2]
            line.setData(xs, ys)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and self._plot is not None:
            self._show_colors()

    def _make_plot(self) -> None:
        import pyqtgraph

        self._plot = pyqtgraph.PlotWidget()
        self._plot.setLabel("bottom", self.tr("pictures seen"))
        self._plot.setLabel("left", self.tr("loss"))
        self._plot.showGrid(y=True, alpha=0.25)
        self._plot.setMouseEnabled(x=False, y=False)
        self._empty.hide()
        self._layout.insertWidget(0, self._plot, 1)
        self.legend.show()

    def _show_colors(self) -> None:
        import pyqtgraph

        palette = self.palette()
        self._plot.setBackground(palette.base().color())
        for side in ("left", "bottom"):
            self._plot.getAxis(side).setPen(palette.text().color())
            self._plot.getAxis(side).setTextPen(palette.text().color())
        colors = curve_colors(palette)
        said = []
        for number, (name, (_, _, line)) in enumerate(self._curves.items()):
            color = colors[number % len(colors)]
            line.setPen(pyqtgraph.mkPen(color, width=2))
            words = QCoreApplication.translate("curves", str(WORDS[name])) if name in WORDS else name
            said.append(f'<span style="color:{color}">■</span>&nbsp;{html.escape(words).replace(" ", "&nbsp;")}')
        self.legend.setText(" &nbsp; ".join(said))
