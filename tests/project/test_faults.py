"""The suite of faults counts truly: what dies, hangs, grows, raises or leaves rests behind is found."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from places import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

from fault_frame import Edit, Lost, Mutations, Row, Trials, Wrong, applied, byte_edits, run_rows, table

from cgconv.runtime.errors import ModelError

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are watched through /proc")


def one_file(folder: Path) -> Sequence[Path]:
    (folder / "whole.txt").write_bytes(b"GOOD" + bytes(60))
    return [folder / "whole.txt"]


def read(file: Path, results: Path) -> None:
    """Do what the file's first letters say."""
    data = file.read_bytes()
    (results / "done.txt").write_bytes(data)
    match data[:4]:
        case b"REFU":
            raise ModelError("refused")
        case b"RAIS":
            raise ValueError("nobody foresaw this")
        case b"DIES":
            os.abort()
        case b"HANG":
            while True:
                pass
        case b"WAIT":
            time.sleep(1000)
        case b"GROW":
            held = b"x" * 2_000_000_000
            time.sleep(1000)
            del held
        case b"LEFT":
            (results / ".rest.part").touch()


def harm(random: Random, folder: Path) -> None:
    if random.random() < 2:
        raise Lost("it is gone")


def _changed(word: bytes) -> Row:
    def change(data: bytes, random: Random) -> list[Edit]:
        needed, idle = [Edit(0, 4, word)], [Edit(50, 51, b"?")]
        return [*idle, *needed, *idle] if word == b"RAIS" else needed

    name = word.decode()
    limit_s = 300.0 if word == b"GROW" else 1.0  # memory is to end it, however slowly a busy machine hands it out
    return Mutations(name=name, tries=1, make=one_file, attempt=read, change=change, limit_s=limit_s)


def rows() -> list[Row]:
    words = (b"FINE", b"REFU", b"RAIS", b"DIES", b"HANG", b"WAIT", b"GROW", b"LEFT")
    return [*map(_changed, words), Trials(name="harm", tries=1, attempt=harm)]


def test_each_kind_of_end_is_counted_as_what_it_is(tmp_path: Path) -> None:
    counts = run_rows(rows(), module=__name__, seed=3, keep=tmp_path / "kept", processes=1)
    found = {name: (count.tries, count.refused, count.lost, count.wrong) for name, count in counts.items()}
    right = {"FINE": (1, 0, 0, 0), "REFU": (1, 1, 0, 0), "harm": (1, 0, 1, 0)}
    assert found == {name: right.get(name, (1, 0, 0, 1)) for name in found}
    words = {name: " ".join(count.findings) for name, count in counts.items()}
    assert "ValueError: nobody foresaw this" in words["RAIS"]
    assert "SIGABRT" in words["DIES"]
    assert "hangs" in words["HANG"]
    assert "hangs" in words["WAIT"]
    assert "GB" in words["GROW"]
    assert "left .rest.part" in words["LEFT"]
    kept = (tmp_path / "kept" / "RAIS-3-0.txt").read_bytes()
    assert kept == b"RAIS" + bytes(60), "only what is needed is changed"
    assert len(table(counts).splitlines()) == len(counts) + 2


def test_a_try_can_be_had_again_from_its_seed() -> None:
    data = bytes(range(256))
    first, again = (applied(data, byte_edits(data, Random("7/name/12"))) for _ in range(2))
    assert first == again != data


def test_edits_past_the_end_of_a_file_change_its_end() -> None:
    assert applied(b"abc", [Edit(2, 99, b"x"), Edit(50, 60, b"y")]) == b"abxy"


def test_what_was_lost_is_wrong_too() -> None:
    assert issubclass(Lost, Wrong)


@pytest.mark.parametrize("module", ["fault_pictures"])
def test_a_few_tries_of_each_row_find_nothing(module: str, tmp_path: Path) -> None:
    """`make faults` does hundreds, of another seed each time; this one is fixed: the suite says the same twice."""
    rows_of_module = importlib.import_module(module).rows()
    chosen = [replace(row, tries=12) for row in rows_of_module]
    counts = run_rows(chosen, module=module, seed=5, keep=tmp_path / "kept", processes=1)
    assert [finding for count in counts.values() for finding in count.findings] == []
    assert all(count.refused for count in counts.values())


def test_a_few_tries_of_the_quick_rows_go_well(tmp_path: Path) -> None:
    """`make faults` does a hundred times as many of these, and all the others."""
    pytest.importorskip("PySide6.QtCore", reason="Qt's libraries are not here")
    import faults

    quick = {"models: cards", "settings: the window's queue", "settings: presets", "settings: window.ini"}
    chosen = [row for row in faults.rows() if row.name in quick]
    assert len(chosen) == len(quick)
    counts = faults.tried(chosen, seed=1, keep=tmp_path / "kept", share=0.03, processes=1)
    assert [finding for count in counts.values() for finding in count.findings] == []
    assert all(count.tries >= 3 for count in counts.values())
