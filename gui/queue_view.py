"""Show the queue, as a list or as a table of all columns, and take what users do with its entries."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QDragEnterEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QTableView,
    QWidget,
)

from .palette import secondary
from .queue_cells import ListCell, ModelCell, NameCell, StateCell
from .queue_item import ENDED, QueueItem, State
from .queue_model import ITEM_ROLE, ROWS_MIME, THUMBNAIL_WH, Column, QueueModel

ROW_PX = 52
NAME_PX = 180  # the least for thumbnail and name in a table; in a narrow one the other columns are scrolled to
SORT_MARK_PX = 24  # margins, and the arrow in a column's head
BAR_PX = 104  # what a film's progress needs


class QueueView(QTableView):
    """The queue: a list with two lines an entry, or a table.

    Signals:
        item_chosen(object): the entry that the cursor is on, or None.
        selection_changed(list): the selected entries.
        removal_wanted(list), retry_wanted(list): of these entries.
        move_wanted(list, int): these entries up (-1) or down (1).
        result_wanted(QueueItem), folder_wanted(QueueItem): open the result, show it in its folder.
        options_wanted(list): give these entries a model and options of their own.
        shared_options_wanted(list): these entries follow the page again.
        reason_wanted(QueueItem): copy why it failed.
        again_wanted(list, str): put these files into the queue once more, for the model of this name.
    """

    item_chosen = Signal(object)
    selection_changed = Signal(list)
    removal_wanted = Signal(list)
    retry_wanted = Signal(list)
    move_wanted = Signal(list, int)
    result_wanted = Signal(object)
    folder_wanted = Signal(object)
    options_wanted = Signal(list)
    shared_options_wanted = Signal(list)
    reason_wanted = Signal(object)
    again_wanted = Signal(list, str)

    def __init__(self, queue: QueueModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.is_table = self.shows_failed_only = False
        self.queue = queue
        self.models: list[tuple[str, str]] = []  # name and title of those that can be used
        self.setModel(queue)
        self.setAccessibleName(self.tr("Queue"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)  # of its own rows; files are the window's
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setDragDropOverwriteMode(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setIconSize(QSize(*THUMBNAIL_WH))
        rows = self.verticalHeader()
        rows.setVisible(False)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_PX)
        columns = self.horizontalHeader()
        columns.setHighlightSections(False)
        columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        columns.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Fixed)
        columns.sectionResized.connect(self._fit_name)
        columns.setMinimumSectionSize(50)
        columns.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # none, or the next line sorts the queue
        self.setSortingEnabled(True)
        self.fit_columns()
        self._list_cell, self._name_cell, self._state_cell = ListCell(self), NameCell(self), StateCell(self)
        self._model_cell = ModelCell(self)
        self.setItemDelegateForColumn(Column.MODEL, self._model_cell)
        self.setItemDelegateForColumn(Column.STATE, self._state_cell)
        self.show_as_table(False)
        self._make_actions()
        self.selectionModel().selectionChanged.connect(self._tell_selection)
        self.selectionModel().currentChanged.connect(self._tell_current)
        queue.rowsInserted.connect(lambda _parent, first, last: self._follow(first, last))
        queue.rowsRemoved.connect(lambda: self._follow(0, len(queue.items) - 1))
        queue.layoutChanged.connect(lambda: self._follow(0, len(queue.items) - 1))
        queue.dataChanged.connect(lambda first, last: self._hide_rows(first.row(), last.row()))

    def fit_columns(self) -> None:
        """Give every column the width of what it usually holds, in today's font and language."""
        metrics = self.fontMetrics()
        widest = {
            Column.FOLDER: ["holiday/beach", self.queue.tr("Folder")],
            Column.KIND: [self.queue.tr("Picture"), self.queue.tr("Film"), self.queue.tr("Kind")],
            Column.SIZE: ["1920×1080, 0:00"],
            Column.MODEL: ["monet2photo", self.queue.tr("Model")],
            Column.STATE: [self.queue.tr("Exists already"), self.queue.tr("Cannot be read")],
            Column.SPEED: ["000.0 fps", self.queue.tr("Speed")],
            Column.LEFT: ["0:00:00", self.queue.tr("Time left")],
        }
        for column, words in widest.items():
            width = max(metrics.horizontalAdvance(word) for word in words) + SORT_MARK_PX
            self.setColumnWidth(column, max(width, BAR_PX) if column is Column.STATE else width)

    def show_as_table(self, on: bool) -> None:
        """Show all columns, or one with what matters of them."""
        self.is_table = on
        self.setItemDelegateForColumn(Column.NAME, self._name_cell if on else self._list_cell)
        self.horizontalHeader().setVisible(on)
        for column in Column:
            self.setColumnHidden(column, not on and column is not Column.NAME)
        self._fit_name()

    def show_failed_only(self, on: bool) -> None:
        """Hide what has not failed, or show all again."""
        self.shows_failed_only = on
        self._hide_rows(0, len(self.queue.items) - 1)
        if self.currentIndex().isValid() and self.isRowHidden(self.currentIndex().row()):
            shown = next((row for row in range(len(self.queue.items)) if not self.isRowHidden(row)), -1)
            self.selectRow(shown)
        self._tell_selection()

    def _follow(self, first: int, last: int) -> None:
        """Show the order that the queue has now: no column's any more where something was moved or added."""
        if not self.queue.is_sorted:
            self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self._hide_rows(first, last)

    def _hide_rows(self, first: int, last: int) -> None:
        for row in range(first, last + 1):
            is_hidden = self.shows_failed_only and not self.queue.items[row].is_bad
            if self.isRowHidden(row) is not is_hidden:
                self.setRowHidden(row, is_hidden)

    def table_width(self) -> int:
        """Return how wide the table wants to be."""
        columns = sum(self.columnWidth(column) or self.horizontalHeader().sectionSizeHint(column) for column in Column
                      if column is not Column.NAME)  # fmt: skip
        return NAME_PX + 60 + columns + self.verticalScrollBar().sizeHint().width() + 2 * self.frameWidth()

    def _make_actions(self) -> None:
        self.remove_action = self._action(self.tr("Remove"), QKeySequence.StandardKey.Delete)
        self.up_action = self._action(self.tr("Move up"), "Ctrl+Up")
        self.down_action = self._action(self.tr("Move down"), "Ctrl+Down")
        self.retry_action = self._action(self.tr("Try again"), "F5")
        self.result_action = self._action(self.tr("Open result"), "Return")
        self.folder_action = self._action(self.tr("Show in folder"), "Ctrl+Return")
        self.options_action = self._action(self.tr("Own model and options …"), "Ctrl+E")
        self.shared_action = self._action(self.tr("Use the page's model and options"), "")
        self.reason_action = self._action(self.tr("Copy the reason"), "Ctrl+Shift+C")
        self.remove_action.triggered.connect(lambda: self.removal_wanted.emit(self.selected()))
        self.up_action.triggered.connect(lambda: self.move_wanted.emit(self.selected(), -1))
        self.down_action.triggered.connect(lambda: self.move_wanted.emit(self.selected(), 1))
        self.retry_action.triggered.connect(lambda: self.retry_wanted.emit(self.selected()))
        self.options_action.triggered.connect(lambda: self.options_wanted.emit(self.selected()))
        self.shared_action.triggered.connect(lambda: self.shared_options_wanted.emit(self.selected()))
        self.result_action.triggered.connect(lambda: self._with_current(self.result_wanted))
        self.folder_action.triggered.connect(lambda: self._with_current(self.folder_wanted))
        self.reason_action.triggered.connect(lambda: self._with_current(self.reason_wanted))
        self.doubleClicked.connect(lambda: self._with_current(self.result_wanted))
        self.refresh_actions()

    def _action(self, text: str, shortcut: QKeySequence.StandardKey | str) -> QAction:
        action = QAction(text, self)
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.addAction(action)
        return action

    def selected(self) -> list[QueueItem]:
        """Return the selected entries, from top to bottom."""
        rows: set[int] = set()
        selection = self.selectionModel().selection()
        for stretch in map(selection.at, range(selection.count())):  # whole rows; one by one would be felt
            rows.update(range(stretch.top(), stretch.bottom() + 1))
        count = len(self.queue.items)
        return [self.queue.items[row] for row in sorted(rows) if row < count and not self.isRowHidden(row)]

    def is_selected(self, item: QueueItem) -> bool:
        """Say whether an entry is selected."""
        row = self.queue.row_of(item)
        return row >= 0 and self.selectionModel().isRowSelected(row)

    def current(self) -> QueueItem | None:
        """Return the entry that the cursor is on."""
        item = self.currentIndex().data(ITEM_ROLE)
        return item if isinstance(item, QueueItem) else None

    def refresh_actions(self) -> None:
        """Enable what can be done with what is selected."""
        self._refresh_actions(self.selected())

    def _refresh_actions(self, items: list[QueueItem]) -> None:
        one = items[0] if len(items) == 1 else None
        for action in (self.up_action, self.down_action):
            action.setEnabled(bool(items))
        self.remove_action.setEnabled(any(item.state is not State.RUNNING for item in items))
        self.retry_action.setEnabled(any(item.state in ENDED for item in items))
        self.options_action.setEnabled(any(item.state is not State.RUNNING for item in items))
        self.shared_action.setEnabled(any(item.has_own_options for item in items))
        self.result_action.setEnabled(one is not None and one.has_result)
        is_partial = one is not None and one.is_partial
        self.result_action.setText(self.tr("Open the part that is done") if is_partial else self.tr("Open result"))
        self.folder_action.setEnabled(one is not None)
        self.reason_action.setEnabled(one is not None and bool(one.reason))

    def _tell_selection(self) -> None:
        items = self.selected()
        self._refresh_actions(items)
        self.selection_changed.emit(items)

    def _tell_current(self, current: QModelIndex, previous: QModelIndex) -> None:
        if current.row() != previous.row() or not current.isValid():
            self.item_chosen.emit(current.data(ITEM_ROLE) if current.isValid() else None)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        self.refresh_actions()
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for group in (
            (self.result_action, self.folder_action),
            (self.options_action, self.shared_action),
            (self.retry_action, self.reason_action),
            (self.up_action, self.down_action, self.remove_action),
        ):
            menu.addActions(list(group))
            menu.addSeparator()
            if self.options_action in group:
                self._add_again(menu)
        menu.exec(event.globalPos())

    def _add_again(self, menu: QMenu) -> None:
        """Offer to translate what is selected with each of the models, too."""
        items = self.selected()
        again = menu.addMenu(self.tr("Again with"))
        again.setEnabled(bool(items and self.models))
        for name, title in self.models:
            again.addAction(title).setData(name)
        again.triggered.connect(lambda action: self.again_wanted.emit(items, action.data()))
        menu.addSeparator()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit_name()

    def _fit_name(self) -> None:
        """Give the name what the other columns leave."""
        others = sum(self.columnWidth(column) for column in Column if column is not Column.NAME)  # 0 of a hidden one
        least = NAME_PX if self.is_table else 0
        self.setColumnWidth(Column.NAME, max(least, self.viewport().width() - others))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if event.mimeData().hasFormat(ROWS_MIME):
            super().dragEnterEvent(event)
        else:
            event.ignore()  # the window takes files

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        if self.queue.items:
            return
        painter = QPainter(self.viewport())
        painter.setPen(secondary(self.palette()))
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        painter.setFont(font)
        painter.drawText(
            self.viewport().rect().adjusted(12, 20, -12, -20),
            int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap),
            self.tr("Drop photographs, films or folders here,\nor press Add files."),
        )

    def _with_current(self, signal: object) -> None:
        item = self.current()
        if item is not None:
            signal.emit(item)  # type: ignore[attr-defined]  # a bound signal
