"""Keep the mouse's wheel from changing values: over a field without the focus it scrolls what the field lies in."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollArea, QScrollBar, QWidget

_FIELDS = (QComboBox, QAbstractSpinBox, QAbstractSlider)


class WheelGuard(QObject):
    """An event filter; one serves all fields."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  # Qt's name
        if event.type() is QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            around = watched.parentWidget()
            while around is not None and not isinstance(around, QScrollArea):
                around = around.parentWidget()
            if around is not None:
                QCoreApplication.sendEvent(around.viewport(), event)
            return True
        return False

    def guard(self, root: QWidget) -> None:
        """Watch over every combo box, spin box and slider in `root`; the wheel gives them no focus either."""
        for field in root.findChildren(QWidget):
            if isinstance(field, _FIELDS) and not isinstance(field, QScrollBar):
                if field.focusPolicy() is Qt.FocusPolicy.WheelFocus:
                    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                field.installEventFilter(self)


def leave_values_alone(root: QWidget) -> None:
    """Let the wheel scroll everywhere in `root`, and change only what has the focus."""
    WheelGuard(root).guard(root)
