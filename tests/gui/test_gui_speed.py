"""The window stays responsive with ten thousand files, by counts; benchmarks/gui_speed.py measures times and stalls."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from gui_window import CTRL, Window, make_pictures, models, press, window  # noqa: F401  # fixtures
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from cgconv.gui.queue_item import QueueItem, State, line_of

pytestmark = pytest.mark.timeout(280)


def test_ten_thousand_files_are_listed_at_once_and_scrolled_without_growing(window: Window, tmp_path: Path) -> None:
    window.wait_for_models()  # the worker is awake
    picture = make_pictures(tmp_path / "one", 1)[0].read_bytes()
    for number in range(10_000):
        path = tmp_path / "many" / str(number // 1000) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    process = psutil.Process()
    before = process.memory_info().rss
    view = window.page.queue_view
    insertions: list[int] = []
    view.model().rowsInserted.connect(lambda _parent, first, last: insertions.append(last - first + 1))
    window.drop([tmp_path / "many"])
    press(window, "Add all")
    window.wait_for_files(10_000)
    for _ in range(40):
        window.key(view, Qt.Key.Key_PageDown)
        QTest.qWait(10)
    window.key(view, Qt.Key.Key_End)
    QTest.qWait(300)
    grown = process.memory_info().rss - before
    assert sum(insertions) == 10_000
    assert len(insertions) < 200, "files come in stretches: each insertion lays the view out"
    assert grown < 80e6


def test_ten_thousand_entries_come_back_and_are_cleared_in_no_time(
    qapp: QApplication, models: Path, tmp_path: Path
) -> None:
    """Every second entry is done: they went one stretch after the other, and views counted each time."""
    lines = []
    for number in range(10_000):
        item = QueueItem(tmp_path / f"{number}.png", "picture", str(number))
        item.state = State.DONE if number % 2 else State.FAILED
        lines.append(line_of(item))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "queue.jsonl").write_text("\n".join(lines))
    opened = Window(tmp_path / "home")
    try:
        assert len(opened.items) == 10_000
        opened.wait_for_models()
        view = opened.page.queue_view
        actions: list[tuple[str, Callable[[], object]]] = [
            ("clearing 5,000 of them", lambda: opened.click(opened.page.clear_ended)),
            ("selecting the rest", lambda: opened.key(view, Qt.Key.Key_A, CTRL)),
            ("trying the rest again", lambda: opened.key(view, Qt.Key.Key_F5)),
            ("removing the rest", lambda: opened.key(view, Qt.Key.Key_Delete)),
        ]
        model, said = opened.app.queue, Counter[str]()
        for name in ("rowsInserted", "rowsRemoved", "dataChanged", "layoutChanged", "modelReset", "changed"):
            getattr(model, name).connect(lambda *_, name=name: said.update([name]))
        counts = []
        for what, act in actions:
            said.clear()
            act()
            # a stretch each would be 5,000; meanwhile answers about single files may come in
            assert max(said.values(), default=0) <= 40, f"{what}: views were told {dict(said)} times"
            counts.append((len(opened.items), opened.states().count(State.WAITING)))
        assert counts == [(5000, 0), (5000, 0), (5000, 5000), (0, 0)]
    finally:
        opened.close()


@pytest.mark.parametrize(
    "again_and_again",
    ["source.changed.emit()", "painter.setPen(color)", "painter.setBrush(color)"],
)
def test_what_pyside_gives_away_does_not_end_python(again_and_again: str) -> None:
    """PySide6 6.12 took a reference of True with every signal, and of None with every pen of a painter.

    On Python 3.11 the window died after six hundred signals; dragging the preview's divider took two hundred paintings.
    """
    code = (
        "from PySide6.QtCore import QObject, Signal\n"
        "from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPixmap\n"
        "import cgconv.gui.app\n"
        "class Source(QObject):\n    changed = Signal()\n"
        "application, color, source = QGuiApplication([]), QColor(1, 2, 3), Source()\n"
        "pixmap = QPixmap(9, 9)\n"
        "painter = QPainter(pixmap)\n"
        f"for _ in range(50_000):\n    {again_and_again}\n"
        "painter.end()\n"
        "print('alive')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "alive"), ran.stderr


def test_the_window_imports_nothing_heavy() -> None:
    heavy = "torch onnxruntime openvino cv2 av onnx numpy"
    code = f"import sys, cgconv.gui.app; print([name for name in {heavy!r}.split() if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
