"""Say what a look at two folders of pictures came to, in sentences whose names of files open them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QTextBrowser, QWidget

from cgconv.runtime.events import DataSetChecked

NAMED_FILES = 3  # of a finding; the rest is counted

# kind → what was found, and what to do. The trainer's own sentences are for the command line.
SENTENCES: dict[str, tuple[object, object]] = {  # texts; what marks them for translation is said to give objects
    "unreadable": (QT_TRANSLATE_NOOP("findings", "{count} pictures cannot be read."),
                   QT_TRANSLATE_NOOP("findings", "The training leaves them out; repair or remove them.")),
    "few": (QT_TRANSLATE_NOOP("findings", "{folder} has few pictures: {count}."),
            QT_TRANSLATE_NOOP("findings", "A few hundred of each kind are a good start.")),
    "unbalanced": (QT_TRANSLATE_NOOP("findings", "One folder has many more pictures than the other."),
                   QT_TRANSLATE_NOOP("findings", "Those of the smaller one are seen many times; that is fine.")),
    "exact-across-domains": (QT_TRANSLATE_NOOP("findings", "{count} pictures are in both folders."),
                            QT_TRANSLATE_NOOP("findings",
                                              "They teach the model to change nothing; keep each in one folder.")),
    "near-across-domains": (QT_TRANSLATE_NOOP("findings", "{count} pictures look the same in both folders."),
                            QT_TRANSLATE_NOOP("findings",
                                              "They teach the model to change nothing; keep each in one folder.")),
    "exact-across-splits": (QT_TRANSLATE_NOOP("findings", "{count} pictures are in training and test folders."),
                           QT_TRANSLATE_NOOP("findings", "Test scores will look better than they really are.")),
    "near-across-splits": (QT_TRANSLATE_NOOP("findings", "{count} pictures look the same in training and test."),
                           QT_TRANSLATE_NOOP("findings", "Test scores will look better than they really are.")),
    "exact-duplicates": (QT_TRANSLATE_NOOP("findings", "{folder} has {count} pictures more than once."),
                        QT_TRANSLATE_NOOP("findings", "Keep one of each: what is there twice is learned twice.")),
    "near-duplicates": (QT_TRANSLATE_NOOP("findings", "{folder} has {count} pictures that look like another one."),
                        QT_TRANSLATE_NOOP("findings", "Keep one of each: what is there twice is learned twice.")),
    "flat": (QT_TRANSLATE_NOOP("findings", "{folder} has {count} pictures of one color, without content."),
             QT_TRANSLATE_NOOP("findings", "Remove them.")),
    "nearly-black": (QT_TRANSLATE_NOOP("findings", "{folder} has {count} pictures that are nearly black when read."),
                     QT_TRANSLATE_NOOP("findings", "Save them brightened to the full range of 16 bits.")),
    "gray": (QT_TRANSLATE_NOOP("findings", "{folder} has {count} gray pictures among colored ones."),
             QT_TRANSLATE_NOOP("findings", "Remove them, or colors come and go in the translation.")),
    "all-gray": (QT_TRANSLATE_NOOP("findings", "{folder} is gray throughout."), ""),
    "tiny": (QT_TRANSLATE_NOOP("findings", "{folder} has {count} very small pictures."),
             QT_TRANSLATE_NOOP("findings", "Remove them: enlarged, they teach the model to blur.")),
    "small": (QT_TRANSLATE_NOOP("findings", "{folder} has {count} small pictures."),
              QT_TRANSLATE_NOOP("findings", "They are enlarged for the training.")),
    "paired": (QT_TRANSLATE_NOOP("findings", "{count} pictures have the same name and size in both folders."),
               QT_TRANSLATE_NOOP("findings", "If they show the same scene, the preset pix2pix learns more from them.")),
    "color-gap": (QT_TRANSLATE_NOOP("findings", "The two folders hardly share colors."),
                  QT_TRANSLATE_NOOP("findings", "The translation will shift all colors.")),
}  # fmt: skip
REASONS = {
    "pix2pix": QT_TRANSLATE_NOOP("findings", "the pictures come in pairs"),
    "quick": QT_TRANSLATE_NOOP("findings", "there is no NVIDIA GPU here, and the others take days on a processor"),
    "small-data": QT_TRANSLATE_NOOP("findings", "it is made for few pictures"),
    "mobile": QT_TRANSLATE_NOOP("findings", "the pictures are small"),
    "classic": QT_TRANSLATE_NOOP("findings", "there are enough pictures for the original settings"),
}


class FindingsView(QTextBrowser):
    """Shows sentences, one below the other; what is longer than its place is scrolled to."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setOpenLinks(False)
        self.setAccessibleName(self.tr("What was found in the folders"))
        self.setMinimumHeight(72)
        self.anchorClicked.connect(QDesktopServices.openUrl)

    def text(self) -> str:
        """Return what is shown, without links."""
        return self.toPlainText()

    def setText(self, text: str) -> None:  # noqa: N802  # Qt's name
        self.setPlainText(text)

    def add(self, sentence: str) -> None:
        """Add a sentence below the others, once."""
        if sentence not in self.toPlainText():
            self.append(html.escape(sentence))

    def show_check(self, checked: DataSetChecked) -> None:
        """Say what was found, what needs attention first, and which preset is picked."""
        counts = [int(folder.get("pictures", 0)) for folder in checked.folders if folder.get("split") == "train"]
        told = [self.tr("{a} and {b} pictures.").format(a=counts[0], b=counts[-1])]
        told += [in_html(finding) for finding in checked.findings]
        reason = REASONS.get(checked.preset)
        words = QCoreApplication.translate("findings", str(reason)) if reason else checked.preset_reason
        told.append(html.escape(self.tr("Preset {name}: {reason}.").format(name=checked.preset, reason=words)))
        self.setHtml("".join(f'<p style="margin: 0 0 5px 0">{one}</p>' for one in told))


def in_html(finding: Mapping[str, Any]) -> str:  # Any: JSON values
    """Return a finding as a sentence in the window's language, with links to its files."""
    files: Sequence[Sequence[str]] = finding.get("files", ())
    values = finding.get("values", {})
    template = [str(text) for text in SENTENCES.get(str(finding.get("kind")), ())]
    if not template or not all(f"{{{name}}}" not in template[0] or name in values for name in ("count", "folder")):
        words = f"{finding.get('sentence', '')}. {finding.get('advice', '')}".strip()
    else:
        said = [QCoreApplication.translate("findings", part) for part in template if part]
        words = said[0].format(**values) + "".join(f" {part}" for part in said[1:])
    mark = "⚠ " if finding.get("needs_attention") else ""
    first = [group[0] for group in files if group]
    links = [f'<a href="{QUrl.fromLocalFile(path).toString(QUrl.ComponentFormattingOption.FullyEncoded)}">'
             f"{html.escape(Path(path).name)}</a>" for path in first[:NAMED_FILES]]  # fmt: skip
    if len(first) > NAMED_FILES:
        more = QCoreApplication.translate("findings", "and {count} more").format(count=len(first) - NAMED_FILES)
        links.append(html.escape(more))
    return mark + html.escape(words) + (f" {', '.join(links)}" if links else "")
