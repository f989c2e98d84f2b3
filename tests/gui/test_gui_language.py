"""Every text of the window is there in Chinese, and reaches the screen."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from gui_window import Window, make_pictures, models  # noqa: F401  # a fixture
from places import ROOT
from PySide6.QtCore import QCoreApplication, QTranslator
from PySide6.QtWidgets import QApplication

from cgconv.gui.language import TRANSLATIONS, install_language
from cgconv.gui.reasons import REASONS


def texts(path: Path) -> dict[tuple[str, str], list[str]]:
    """Return (context, source) → finished translations of a .ts file."""
    found = {}
    for context in ElementTree.parse(path).getroot().iter("context"):
        for message in context.iter("message"):
            translation = message.find("translation")
            assert translation is not None
            forms = [form.text or "" for form in translation.findall("numerusform")] or [translation.text or ""]
            done = translation.get("type") != "unfinished" and all(forms)
            found[context.findtext("name") or "", message.findtext("source") or ""] = forms if done else []
    return found


def test_every_text_is_translated(tmp_path: Path) -> None:
    lupdate = shutil.which("pyside6-lupdate", path=str(Path(sys.executable).parent))
    if lupdate is None:
        pytest.skip("pyside6-lupdate is not beside this Python")
    gathered = tmp_path / "gathered.ts"
    files = [str(path) for path in sorted((ROOT / "gui").glob("*.py"))]
    subprocess.run([lupdate, *files, "-ts", str(gathered)], check=True, capture_output=True)
    in_code = texts(gathered).keys()
    assert len(in_code) > 200
    chinese = texts(ROOT / "gui" / "translations" / "cgconv_zh_CN.ts")
    assert [key for key in in_code if not chinese.get(key)] == []


def test_translations_keep_the_places_for_values() -> None:
    for (context, source), forms in texts(ROOT / "gui" / "translations" / "cgconv_zh_CN.ts").items():
        for form in forms:
            assert set(re.findall(r"\{\w+\}|%n", source)) == set(re.findall(r"\{\w+\}|%n", form)), (context, source)


def test_the_compiler_of_translations_agrees_with_qt(qapp: QApplication, tmp_path: Path) -> None:
    source = ROOT / "gui" / "translations" / "cgconv_zh_CN.ts"
    compiled = tmp_path / "cgconv_zh_CN.qm"
    compiled.write_bytes(runpy.run_path(str(ROOT / "setup.py"))["compiled"](source.read_text(encoding="utf-8")))
    translator = QTranslator()
    assert translator.load(str(compiled))
    for (context, text), forms in texts(source).items():
        assert translator.translate(context, text) == forms[0]


def test_the_window_is_chinese_where_that_is_chosen(qapp: QApplication, models: Path, tmp_path: Path) -> None:
    if not list(TRANSLATIONS.glob("*.qm")):
        pytest.skip("translations are compiled when cgconv is installed")
    before = set(qapp.findChildren(QTranslator))
    install_language(qapp, "zh_CN")
    opened = Window(tmp_path / "home")
    try:
        assert opened.page.start.text().startswith("开始")
        assert opened.app.window.navigation.item(1).text() == "训练"
        broken = tmp_path / "broken.png"
        broken.write_bytes(b"no picture at all")
        opened.drop([broken, *make_pictures(tmp_path, 2)])
        opened.wait_for_files(3)
        assert opened.page.count.text() == "3 个文件"
        opened.wait(lambda: opened.named("broken.png").reason, "for the look at it")
        opened.click_row(opened.app.queue.row_of(opened.named("broken.png")))
        assert opened.page.reason.text() == f"{broken} 不是可读取的图片，或已损坏"  # the runtime said it in English
    finally:
        opened.close()
        for translator in set(qapp.findChildren(QTranslator)) - before:
            QCoreApplication.removeTranslator(translator)


def test_known_reasons_are_the_runtimes_own_words() -> None:
    """A sentence that the runtime no longer says would be shown in English, unnoticed."""
    sources = [
        path.read_text(encoding="utf-8") for folder in ("runtime", "cli") for path in (ROOT / folder).rglob("*.py")
    ]
    said = re.sub(r'"\s+f?"', "", "".join(sources))  # a string over several lines
    for template in REASONS:
        for words in re.split(r"\{\w+\}", template):
            assert words.strip(": ") in said, template


def test_english_counts_one_file_and_two_files(qapp: QApplication) -> None:
    if not list(TRANSLATIONS.glob("*.qm")):
        pytest.skip("translations are compiled when cgconv is installed")
    before = set(qapp.findChildren(QTranslator))
    install_language(qapp, "en")
    try:
        counted = [QCoreApplication.translate("ConvertPage", "%n file(s)", None, count) for count in (1, 2)]
        assert counted == ["1 file", "2 files"]
    finally:
        for translator in set(qapp.findChildren(QTranslator)) - before:
            QCoreApplication.removeTranslator(translator)


def test_every_event_of_the_worker_is_described() -> None:
    from typing import get_args

    from cgconv.runtime import events

    formats = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert [kind.__name__ for kind in get_args(events.WorkerEvent) if f"`{kind.__name__}`" not in formats] == []
