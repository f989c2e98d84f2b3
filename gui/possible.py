"""Offer only what goes together: entries of lists that do not are there, but cannot be chosen, and say why."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox

from cgconv.runtime.choices import BackendName, FilmFormat, PrecisionChoice, VideoCodec
from cgconv.runtime.misfits import NO_NAME, can_hold, is_name, machine_misfit
from cgconv.runtime.requests import ConvertOptions

translate = QCoreApplication.translate


@dataclass(frozen=True)
class Here:
    """What this computer has; None: not known yet, so nothing is said to be missing."""

    devices: Collection[str] | None = None
    backends: Collection[str] | None = None

    def why_no_device(self, device: str) -> str:
        """Return why a device cannot be taken, "" where it can."""
        if self.devices is None or device == "auto" or device in self.devices:
            return ""
        return translate("possible", "This computer does not have one.")

    def why_no_backend(self, backend: str) -> str:
        """Return why a library cannot be taken, "" where it can."""
        if self.backends is None or backend == "auto" or backend in self.backends:
            return ""
        return translate("possible", "It is not installed here.")


def offer(combo: QComboBox, why_not: Callable[[str], str]) -> None:
    """Let only those entries be chosen that nothing speaks against; `why_not` gets an entry's value."""
    model = combo.model()
    assert isinstance(model, QStandardItemModel)
    for row in range(combo.count()):
        reason = why_not(combo.itemData(row))
        entry = model.item(row)
        if entry.isEnabled() is bool(reason):
            entry.setEnabled(not reason)
        if entry.toolTip() != reason:
            combo.setItemData(row, reason, Qt.ItemDataRole.ToolTipRole)


def why_not_in(container: str, codec: str, words: Callable[[str], str]) -> str:
    """Return why a codec's films cannot be of a format, "" where they can; `words` says an entry's name."""
    if can_hold(FilmFormat(container), VideoCodec(codec)):
        return ""
    return translate("possible", "{container} films cannot hold {codec}.").format(
        container=words(container), codec=words(codec)
    )


def why_not_on(backend: str, device: str, precision: str, words: Callable[[str], str]) -> str:
    """Return why nothing is computed so, "" where it is; `words` says an entry's name."""
    library, number = BackendName(backend), PrecisionChoice(precision)
    if not machine_misfit(library, device, number):
        return ""
    if machine_misfit(library, device, PrecisionChoice.AUTO):
        sentence = translate("possible", "{backend} cannot run on this: {device}.")
    elif machine_misfit(library, "auto", number):
        sentence = translate("possible", "{backend} cannot run in {precision}.")
    elif machine_misfit(BackendName.AUTO, device, number):
        sentence = translate("possible", "This cannot run in {precision}: {device}.")
    else:
        sentence = translate("possible", "{backend} cannot run in {precision} on this: {device}.")
    return sentence.format(backend=words(backend), device=words(device), precision=precision)


def problem_of(options: ConvertOptions, here: Here, words: Callable[[str], str]) -> str:
    """Return why nothing can be started with these options, "" where it can; `words` says the names of entries."""
    if options.name and not is_name(options.name):
        if "{name}" not in options.name:
            return translate("possible", "The file name must contain {place}.").format(place="{name}")
        return translate("possible", "Name: it must not contain {signs}").format(signs=" ".join(NO_NAME))
    if 0 < options.end_s <= options.start_s:
        return translate("possible", "The end time is before the start time.")
    if reason := here.why_no_device(options.device):
        return f"{words(options.device)}: {reason}"
    if reason := here.why_no_backend(options.backend):
        return f"{words(options.backend)}: {reason}"
    return why_not_in(options.film_format, options.codec, words) or why_not_on(
        options.backend, options.device, options.precision, words
    )
