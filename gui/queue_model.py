"""Give the queue's entries to a table view: rows that come, go and move, cells in words."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import Path

from PySide6.QtCore import (
    QAbstractTableModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QPixmap

from cgconv.runtime.events import FileExamined

from .quantities import duration, size_in_words
from .queue_item import FILM, QueueItem, State
from .reasons import in_words

Index = QModelIndex | QPersistentModelIndex
THUMBNAILS_KEPT = 400  # decoded; the files stay in the cache
LOOKS_AT_ONCE = 40
STRETCHES_AT_ONCE = 20  # more are moved to the end first: views count their selection anew for each
ROWS_MIME = "application/x-cgconv-rows"  # what rows are while they are dragged: their keys
ITEM_ROLE = int(Qt.ItemDataRole.UserRole)
THUMBNAIL_WH = (64, 44)


class Column(IntEnum):
    """The table's columns."""

    NAME = 0
    FOLDER = 1
    KIND = 2
    SIZE = 3
    MODEL = 4
    STATE = 5
    SPEED = 6
    LEFT = 7


_URGENT_FIRST = (
    State.FAILED,
    State.STOPPED,
    State.RUNNING,
    State.PLANNED,
    State.WAITING,
    State.SKIPPED,
    State.DONE,
)


class QueueModel(QAbstractTableModel):
    """The entries of the queue, in order.

    Signals:
        looks_wanted(list): entries that are seen and of which size and thumbnail are not known yet.
        changed(): something that the queue's file holds has changed.
        bad_changed(int): so many entries failed, or will.
    """

    looks_wanted = Signal(list)
    changed = Signal()
    bad_changed = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.items: list[QueueItem] = []
        self._rows: dict[int, int] | None = {}  # key → row; None: to be counted again
        self._by_key: dict[int, QueueItem] = {}
        self._by_file: dict[str, list[QueueItem]] = {}
        self._last_key = 0
        self._pixmaps: OrderedDict[int, QPixmap] = OrderedDict()
        self._wanted: list[QueueItem] = []
        self._looked_for: dict[Path, list[QueueItem]] = {}
        self._ask = QTimer(self, singleShot=True, interval=30)
        self._ask.timeout.connect(self._ask_for_looks)
        self.default_model = ""  # shown for entries without their own
        self.is_sorted = False  # by a column, and not changed since
        self._bad: set[int] = set()  # keys

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802  # Qt's signature
        return 0 if parent.isValid() else len(self.items)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> str | None:  # noqa: N802
        if orientation is not Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        return [
            self.tr("File"),
            self.tr("Folder"),
            self.tr("Kind"),
            self.tr("Size"),
            self.tr("Model"),
            self.tr("State"),
            self.tr("Speed"),
            self.tr("Time left"),
        ][section]

    def data(self, index: Index, role: int = 0) -> object:
        if not index.isValid() or index.row() >= len(self.items):
            return None
        item, column = self.items[index.row()], Column(index.column())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(item, column)
            case Qt.ItemDataRole.DecorationRole if column is Column.NAME:
                return self._pixmap(item)
            case Qt.ItemDataRole.ToolTipRole:
                return self._tip(item, column)
            case Qt.ItemDataRole.AccessibleTextRole:
                text = self._text(item, column)
                if column is Column.MODEL and item.has_own_options:
                    text = self.tr("{model}, options of its own").format(model=text)
                return f"{self.headerData(column, Qt.Orientation.Horizontal)}: {text}" if text else None
            case Qt.ItemDataRole.TextAlignmentRole if column in (Column.SPEED, Column.LEFT):
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            case _ if role == ITEM_ROLE:
                return item
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled  # between rows, not on one
        return super().flags(index) | Qt.ItemFlag.ItemIsDragEnabled

    def supportedDropActions(self) -> Qt.DropAction:  # noqa: N802
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:  # noqa: N802
        return [ROWS_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:  # noqa: N802
        keys = [self.items[row].key for row in sorted({index.row() for index in indexes})]
        data = QMimeData()
        data.setData(ROWS_MIME, " ".join(map(str, keys)).encode())
        return data

    def dropMimeData(self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index) -> bool:  # noqa: N802
        keys = map(int, bytes(data.data(ROWS_MIME).data()).split())
        self.place([item for key in keys if (item := self.item(key)) is not None], row if row >= 0 else len(self.items))
        return True

    def add(self, items: Sequence[QueueItem]) -> int:
        """Append files that are to be translated; return how many are new.

        One that waits, or is done with the model that it would get now, is left out; one that failed waits again.
        """
        new, again = [], []
        for item in items:
            there = self._by_file.get(item.file_key, [])
            failed = [one for one in there if one.state in (State.FAILED, State.STOPPED)]
            for one in failed:
                one.reset()
            again += failed
            if not any(self.is_meant_for(one, item.model) for one in there):
                self._enter(item)
                new.append(item)
        self._append(new)
        for item in again:
            self.show_change(item)
        if again:
            self.changed.emit()
        return len(new)

    def restore(self, items: Sequence[QueueItem]) -> None:
        """Take the entries of an earlier queue, all of them."""
        for item in items:
            self._enter(item)
        self._append(items)

    def add_copies(self, items: Sequence[QueueItem], model: str = "") -> int:
        """Append files that are in the queue once more, for this model or the page's; return how many are new."""
        new = []
        for item in items:
            if not any(self.is_meant_for(one, model) for one in self._by_file[item.file_key]):
                new.append(item.copy(model))
                self._enter(new[-1])
        self._append(new)
        return len(new)

    def is_meant_for(self, item: QueueItem, model: str) -> bool:
        """Say whether an entry is to be translated with a model (empty: the page's), or has been."""
        wanted = model or self.default_model
        if item.state in (State.DONE, State.SKIPPED):
            return item.settled_model in (wanted, "")
        return not model or (item.model or self.default_model) == wanted

    def has_other_result(self, item: QueueItem) -> bool:
        """Say whether this file has a result by another entry, which is not to stand for this one's."""
        return any(one.has_result for one in self._by_file[item.file_key] if one is not item)

    def _enter(self, item: QueueItem) -> None:
        self._last_key += 1
        item.key = self._last_key
        self._by_key[item.key] = item
        self._by_file.setdefault(item.file_key, []).append(item)

    def _append(self, items: Sequence[QueueItem]) -> None:
        if items:
            first = len(self.items)
            self.is_sorted = False
            self.beginInsertRows(QModelIndex(), first, first + len(items) - 1)
            self.items.extend(items)
            self._rows = None
            self.endInsertRows()
            self._count_bad(items)
            self.changed.emit()

    def remove(self, items: Iterable[QueueItem]) -> list[tuple[int, QueueItem]]:
        """Take entries out, and return them with the rows they had; those being worked on stay."""
        keys = {item.key for item in items if item.state is not State.RUNNING}
        rows = [row for row, item in enumerate(self.items) if item.key in keys]
        removed = [(row, self.items[row]) for row in rows]
        stretches = _stretches(rows)
        if len(stretches) > STRETCHES_AT_ONCE:
            gone = [self.items[row] for row in rows]
            self._reorder([item for item in self.items if item.key not in keys] + gone, is_sorted=self.is_sorted)
            stretches = [(len(self.items) - len(gone), len(self.items) - 1)]
        for first, last in reversed(stretches):
            self.beginRemoveRows(QModelIndex(), first, last)
            for item in self.items[first : last + 1]:
                del self._by_key[item.key]
                self._by_file[item.file_key].remove(item)
                self._pixmaps.pop(item.key, None)
                self._bad.discard(item.key)
            del self.items[first : last + 1]
            self._rows = None
            self.endRemoveRows()
        if rows:
            self.changed.emit()
            self.bad_changed.emit(len(self._bad))
        return removed

    def put_back(self, removed: Sequence[tuple[int, QueueItem]]) -> list[QueueItem]:
        """Put entries that were removed into their rows again, and return them; what came anew meanwhile stays out."""
        back = [(row, item) for row, item in removed if not self._came_anew(item)]
        others, place = list(self.items), 0
        for _, item in back:
            if item.state in (State.PLANNED, State.RUNNING):
                item.reset()
            self._enter(item)
        self._append([item for _, item in back])
        order: list[QueueItem] = []
        for row, item in back:
            wanted = max(0, row - len(order))
            order += [*others[place : place + wanted], item]
            place += wanted
        self._reorder(order + others[place:])
        return [item for _, item in back]

    def _came_anew(self, item: QueueItem) -> bool:
        wanted = (item.model, item.options, item.part_s)
        same = [one for one in self._by_file.get(item.file_key, []) if (one.model, one.options, one.part_s) == wanted]
        return bool(same) and item.state not in (State.DONE, State.SKIPPED)

    def has_file(self, file_key: str) -> bool:
        """Say whether a file is in the queue."""
        return bool(self._by_file.get(file_key))

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Put all entries in the order of a column; they are translated in it, too."""
        if 0 <= column < len(Column):
            by = Column(column)
            is_down = order is Qt.SortOrder.DescendingOrder
            self._reorder(sorted(self.items, key=lambda item: self._rank(item, by), reverse=is_down), is_sorted=True)

    def _rank(self, item: QueueItem, column: Column) -> tuple[object, ...]:
        match column:
            case Column.SIZE:
                width, height = item.size_wh or (0, 0)
                return (width * height, item.seconds or 0.0)
            case Column.STATE:
                return (0 if item.is_bad else 1 + _URGENT_FIRST.index(item.state), -item.progress)
            case Column.SPEED:
                return (item.frames_per_second or 0.0,)
            case Column.LEFT:
                return (item.seconds_left or 0.0,)
        parts = re.split(r"(\d+)", self._text(item, column).casefold())  # words and numbers in turns: 2 before 10
        return tuple(int(part) if number % 2 else part for number, part in enumerate(parts))

    def move(self, items: Sequence[QueueItem], by: int) -> None:
        """Move entries one row up (-1) or down (1); at the end they stay."""
        rows = sorted(self.row_of(item) for item in items)
        if not rows or (by < 0 and rows[0] == 0) or (by > 0 and rows[-1] == len(self.items) - 1):
            return
        moved = list(self.items)
        for row in rows if by < 0 else reversed(rows):
            moved[row], moved[row + by] = moved[row + by], moved[row]
        self._reorder(moved)

    def place(self, items: Sequence[QueueItem], row: int) -> None:
        """Put entries, in the order that they have, in front of a row."""
        keys = {item.key for item in items}
        placed = [item for item in self.items if item.key in keys]
        above = [item for item in self.items[:row] if item.key not in keys]
        below = [item for item in self.items[row:] if item.key not in keys]
        self._reorder(above + placed + below)

    def _reorder(self, items: Sequence[QueueItem], *, is_sorted: bool = False) -> None:
        """Take the same entries in another order, in one step; selection and cursor go with theirs."""
        self.is_sorted = is_sorted
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        theirs = [self.items[index.row()] for index in before]
        self.items[:] = items
        self._rows = None
        after = [self.index(self.row_of(item), index.column()) for item, index in zip(theirs, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()
        self.changed.emit()

    def item(self, key: int) -> QueueItem | None:
        """Return the entry with this key."""
        return self._by_key.get(key)

    def row_of(self, item: QueueItem) -> int:
        """Return an entry's row, -1 where it is no longer there."""
        if self._rows is None:
            self._rows = {entry.key: row for row, entry in enumerate(self.items)}
        return self._rows.get(item.key, -1)

    def show_change(self, item: QueueItem, *, keep: bool = True) -> None:
        """Let views show an entry anew; with `keep` it goes into the queue's file, too."""
        row = self.row_of(item)
        if row >= 0:
            self._count_bad([item])
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(Column) - 1))
        if keep:
            self.changed.emit()

    def show_changes(self, items: Sequence[QueueItem]) -> None:
        """Let views show many entries anew at once."""
        if rows := [row for item in items if (row := self.row_of(item)) >= 0]:
            self._count_bad(items)
            self.dataChanged.emit(self.index(min(rows), 0), self.index(max(rows), len(Column) - 1))
            self.changed.emit()

    def _count_bad(self, items: Sequence[QueueItem]) -> None:
        before = len(self._bad)
        self._bad -= {item.key for item in items}
        self._bad |= {item.key for item in items if item.is_bad and item.key in self._by_key}
        if len(self._bad) != before:
            self.bad_changed.emit(len(self._bad))

    def show_default_model(self, name: str) -> None:
        """Say which model entries without their own will be translated with."""
        self.default_model = name
        if self.items:
            self.dataChanged.emit(self.index(0, Column.MODEL), self.index(len(self.items) - 1, Column.MODEL))

    def show_look(self, event: FileExamined) -> None:
        """Take note of what a file looks like."""
        size_wh = (event.width, event.height) if event.width and event.height else None
        problem = event.problem
        for item in self._looked_for.pop(event.path, []):
            item.thumbnail, item.size_wh = event.thumbnail, size_wh
            item.seconds, item.frames = event.seconds, event.frames
            item.weigh()
            if problem and item.state is State.WAITING and not item.reason:
                item.reason = problem
            self.show_change(item, keep=False)

    def _text(self, item: QueueItem, column: Column) -> str:
        match column:
            case Column.NAME:
                return item.path.name
            case Column.FOLDER:
                return item.place or item.path.parent.name
            case Column.KIND:
                return self.tr("Film") if item.kind == FILM else self.tr("Picture")
            case Column.SIZE:
                return size_in_words(item.size_wh, item.seconds)
            case Column.MODEL:
                used = item.settled_model if item.state is not State.WAITING else ""
                return used or item.model or self.default_model
            case Column.STATE:
                return self.state_in_words(item)
            case Column.SPEED:
                if item.frames_per_second and item.state is State.RUNNING:
                    return self.tr("{rate} fps").format(rate=f"{item.frames_per_second:.1f}")
                return ""
            case Column.LEFT:
                if item.seconds_left is not None and item.state is State.RUNNING:
                    return duration(item.seconds_left)
                return ""

    def state_in_words(self, item: QueueItem) -> str:
        """Return an entry's state for people."""
        if item.state is State.RUNNING and item.kind == FILM:
            return f"{item.progress:.0%}"
        if item.state is State.WAITING and item.reason:
            return self.tr("Cannot be read")
        if item.state is State.FAILED and item.is_partial:
            return self.tr("Partly done")
        return {
            State.WAITING: self.tr("Waiting"),
            State.PLANNED: self.tr("Next"),
            State.RUNNING: self.tr("Translating"),
            State.DONE: self.tr("Done"),
            State.SKIPPED: self.tr("Exists already"),
            State.FAILED: self.tr("Failed"),
            State.STOPPED: self.tr("Stopped"),
        }[item.state]

    def _tip(self, item: QueueItem, column: Column) -> str:
        if column is Column.MODEL and item.has_own_options:
            return self.tr("{model}, options of its own").format(model=self._text(item, column))
        if column is Column.STATE and (item.reason or item.warnings):
            return "\n".join(map(in_words, [*([item.reason] if item.reason else []), *item.warnings]))
        if item.output is not None and (item.is_partial or item.state not in (State.WAITING, State.FAILED)):
            return f"{item.path}\n→ {item.output}"
        return str(item.path)

    def _pixmap(self, item: QueueItem) -> QPixmap | None:
        if item.key in self._pixmaps:
            self._pixmaps.move_to_end(item.key)
            return self._pixmaps[item.key]
        if item.thumbnail is not None:
            pixmap = QPixmap(str(item.thumbnail))
            if not pixmap.isNull():
                self._pixmaps[item.key] = pixmap
                while len(self._pixmaps) > THUMBNAILS_KEPT:
                    self._pixmaps.popitem(last=False)
                return pixmap
        if not item.is_examined:
            self._wanted.append(item)
            if not self._ask.isActive():
                self._ask.start()
        return None

    def _ask_for_looks(self) -> None:
        """Ask for what was painted last, first: who scrolls past a thousand rows waits for none of them."""
        wanted = [item for item in reversed(self._wanted) if not item.is_examined][:LOOKS_AT_ONCE]
        self._wanted.clear()
        self.look_at(wanted)

    def look_at(self, items: Sequence[QueueItem]) -> None:
        """Have a look taken at entries that nobody has looked at yet."""
        wanted = [item for item in items if not item.is_examined]
        for item in wanted:
            item.is_examined = True
            self._looked_for.setdefault(item.path, []).append(item)
        if wanted:
            self.looks_wanted.emit(wanted)


def _stretches(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Return sorted rows as (first, last) of each unbroken stretch."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and row == found[-1][1] + 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found
