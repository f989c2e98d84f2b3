"""Show the help: a list of tasks, and how each is done; and what keys there are."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDialog, QListWidget, QSplitter, QTextBrowser, QVBoxLayout, QWidget

from .help_texts import as_html, topics


class HelpWindow(QDialog):
    """The help, beside the window: both can be used."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Help for cgconv"))
        self._actions = actions
        self.topics = QListWidget()
        self.topics.setAccessibleName(self.tr("Topics"))
        self._pages = [as_html(topic) for topic in topics()]
        self.topics.addItems([topic.title for topic in topics()])
        self.topics.addItem(self.tr("Keys"))
        self.topics.setWordWrap(True)
        self.topics.setSpacing(3)
        self.text = QTextBrowser()
        self.text.setAccessibleName(self.tr("Help"))
        self.topics.currentRowChanged.connect(self._show)
        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.addWidget(self.topics)
        parts.addWidget(self.text)
        parts.setStretchFactor(1, 1)
        parts.setSizes([230, 530])
        parts.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.addWidget(parts)
        self.resize(780, 500)

    def open_at(self, row: int) -> None:
        """Show a topic by its number; -1 the keys."""
        self.topics.setCurrentRow(row % self.topics.count())
        self.show()
        self.raise_()
        self.activateWindow()
        self.topics.setFocus()

    def _show(self, row: int) -> None:
        self.text.setHtml(self._pages[row] if row < len(self._pages) else self._keys())

    def _keys(self) -> str:
        """Return a table of the keys that actions have, and of those that pictures take."""
        written = QKeySequence.SequenceFormat.NativeText
        rows = [
            (action.shortcut().toString(written), action.toolTip().rstrip(" …"))
            for action in self._actions
            if not action.shortcut().isEmpty()
        ]
        rows += [
            ("←  →", self.tr("Move the line between before and after")),
            ("+  −", self.tr("Zoom in the picture, and out")),
            ("0", self.tr("The whole picture")),
            ("1", self.tr("Every pixel of the picture")),
            (self.tr("Space"), self.tr("Hold for the original")),
        ]
        cell = "<td style='padding:3px 18px 3px 0' valign='middle'>"
        lines = "".join(f"<tr>{cell}<b>{key}</b></td>{cell}{what}</td></tr>" for key, what in rows)
        return f"<h2>{self.tr('Keys')}</h2><table>{lines}</table>"
