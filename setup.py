"""Compile the window's translations (.ts, by Qt Linguist) into the .qm files that Qt reads, while cgconv is built.

Qt's own lrelease is part of PySide6, which is no build requirement: `pip install cgconv` brings no window. The format
is that of QTranslator (qtbase, src/corelib/kernel/qtranslator.cpp).
"""

import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MAGIC = bytes.fromhex("3cb86418caef9c95cd211cbf60a1bddd")
HASHES, MESSAGES, NUMERUS_RULES, LANGUAGE = 0x42, 0x69, 0x88, 0xA7
END, TRANSLATION, SOURCE_TEXT, CONTEXT, COMMENT = 1, 3, 6, 7, 8
EQUALS_ONE = bytes([0x01, 0x01])  # English: one form for 1, one for the rest; Chinese needs no rule


class BuildWithTranslations(build_py):
    """Puts NAME.qm beside every NAME.ts before the package's files are gathered."""

    def run(self) -> None:
        """Compile, then build as ever."""
        for source in sorted(Path("gui", "translations").glob("*.ts")):
            source.with_suffix(".qm").write_bytes(compiled(source.read_text(encoding="utf-8")))
        super().run()


def compiled(text: str) -> bytes:
    """Return the .qm file of a .ts file; messages that are not translated are left out."""
    root = ElementTree.fromstring(text)
    language = root.get("language", "")
    messages, hashes = b"", []
    for context in root.iter("context"):
        name = (context.findtext("name") or "").encode()
        for message in context.iter("message"):
            forms = forms_of(message)
            if not forms:
                continue
            source = (message.findtext("source") or "").encode()
            comment = (message.findtext("comment") or "").encode()
            hashes.append((elf_hash(source + comment), len(messages)))
            for form in forms:
                messages += tagged(TRANSLATION, form.encode("utf-16-be"))
            messages += tagged(COMMENT, comment) + tagged(SOURCE_TEXT, source) + tagged(CONTEXT, name) + bytes([END])
    table = b"".join(struct.pack(">II", *entry) for entry in sorted(hashes))
    rules = EQUALS_ONE if language.startswith("en") else b""
    sections = [(LANGUAGE, language.encode()), (HASHES, table), (MESSAGES, messages), (NUMERUS_RULES, rules)]
    return MAGIC + b"".join(tagged(tag, data) for tag, data in sections if data)


def forms_of(message: ElementTree.Element) -> list[str]:
    """Return a message's translation, several where it counts something; none where it is not finished."""
    translation = message.find("translation")
    if translation is None or translation.get("type") in ("unfinished", "vanished", "obsolete"):
        return []
    numerus = [form.text or "" for form in translation.findall("numerusform")]
    forms = numerus or [translation.text or ""]
    return forms if all(forms) else []


def tagged(tag: int, data: bytes) -> bytes:
    """Return data behind its tag and length."""
    return struct.pack(">BI", tag, len(data)) + data


def elf_hash(data: bytes) -> int:
    """Return the hash that QTranslator looks a source text up by."""
    value = 0
    for byte in data:
        value = ((value << 4) + byte) & 0xFFFFFFFF
        high = value & 0xF0000000
        value = (value ^ (high >> 24)) & ~high & 0xFFFFFFFF
    return value or 1


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildWithTranslations})
