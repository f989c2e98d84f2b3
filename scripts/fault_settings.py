"""Faults of what cgconv itself keeps: the window's queue, presets and settings, a run's files, lines to a worker."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from random import Random

from fault_frame import Edit, Lost, Mutations, Row, Wrong, byte_edits
from fault_models import changed_text, tiny_config, tiny_run

FIRST, LAST = "/first.png", "/last.png"  # entries of the queue that nothing happens to


def rows() -> list[Row]:
    """Return the rows of this file."""
    return [
        Mutations(name="settings: the window's queue", tries=200, make=_queue, attempt=open_queue, change=_line_edits),
        Mutations(name="settings: presets", tries=100, make=_preset, attempt=open_presets, change=_text_edits),
        Mutations(name="settings: window.ini", tries=100, make=_window, attempt=open_settings, change=_text_edits),
        Mutations(name="settings: lines to a worker", tries=150, make=_requests, attempt=serve, change=_line_edits),
        Mutations(name="journals: metrics of runs", tries=50, make=_metrics, attempt=go_on, change=_line_edits),
        Mutations(name="journals: best states of runs", tries=50, make=_best, attempt=go_on, change=_text_edits),
        Mutations(name="journals: settings of runs", tries=40, make=_config, attempt=go_on, change=_text_edits),
    ]


def _text_edits(data: bytes, random: Random) -> list[Edit]:
    """Return edits of bytes, or JSON with other values."""
    if random.random() < 0.5 or not data.lstrip().startswith(b"{"):
        return byte_edits(data, random)
    return [Edit(0, len(data), changed_text(data.decode(), random).encode("utf-8", "surrogatepass"))]


def _line_edits(data: bytes, random: Random) -> list[Edit]:
    """Return edits of the lines between the first and the last one."""
    first, last = data.index(b"\n") + 1, data.rindex(b"\n", 0, len(data) - 1) + 1
    middle = data[first:last]
    if random.random() < 0.5:
        lines = middle.splitlines(keepends=True)
        at = random.randrange(len(lines))
        start = first + sum(map(len, lines[:at]))
        if random.random() < 0.3:
            new = random.choice((b"[]", b"null", b"7", b'""', b"{}", b"\xff\xfe", b'"\\ud800"', b"", b"[" * 100_000))
        else:
            new = changed_text(lines[at].decode(), random).encode("utf-8", "surrogatepass").replace(b"\n", b" ")
        return [Edit(start, start + len(lines[at]), new + b"\n")]
    # A cut or a line end may join the last line to what is damaged, so one stands before it.
    edits = [
        replace(edit, at=first + edit.at, until=min(first + edit.until, last)) for edit in byte_edits(middle, random)
    ]
    one = [edit for edit in edits[:1] if edit.at <= edit.until]
    return [Edit(edit.at, edit.until, edit.data + (b"\n" if edit.until == last else b"")) for edit in one]


# --- the window


def _queue(folder: Path) -> Sequence[Path]:
    from cgconv.gui.queue_item import QueueItem, State, line_of
    from cgconv.runtime.requests import ConvertOptions

    items = [QueueItem(Path(FIRST), "picture", FIRST)]
    for number, state in enumerate(State):
        item = QueueItem(Path(f"/{number}.mp4"), "film", f"/{number}.mp4", folder=Path("/"), options=ConvertOptions())
        item.state, item.size_wh, item.seconds = state, (640, 480), 1.5
        items.append(item)
    items.append(QueueItem(Path(LAST), "picture", LAST))
    (folder / "queue.jsonl").write_text("".join(line_of(item) + "\n" for item in items), encoding="utf-8")
    return [folder / "queue.jsonl"]


def open_queue(file: Path, results: Path) -> None:
    """Read the queue as the window does when it opens, and write it when it closes."""
    from cgconv.gui.memory import Memory

    before = file.read_bytes()
    memory = Memory(file.parent)
    items = memory.read_queue()
    paths = [str(item.path) for item in items]
    if paths[:1] != [FIRST] or paths[-1:] != [LAST]:
        raise Lost("one bad line takes others along")
    for item in items:
        item.weigh()
        assert item.work > 0
    memory.write_queue(items)
    if [str(item.path) for item in Memory(file.parent).read_queue()] != paths:
        raise Wrong("the queue is another one when it is read again")
    if len(items) < before.count(b"\n") and not _was_set_aside(file):
        raise Lost("what could not be read is gone")


def _was_set_aside(file: Path) -> bool:
    return any(path.name.startswith(file.name + ".") for path in file.parent.iterdir())


def _preset(folder: Path) -> Sequence[Path]:
    from cgconv.gui.memory import PRESET_SUFFIX, write_preset
    from cgconv.runtime.requests import ConvertOptions

    write_preset(folder / f"mine{PRESET_SUFFIX}", "mine", ConvertOptions(strength=0.5))
    return list(folder.iterdir())


def open_presets(file: Path, results: Path) -> None:
    """Gather presets, of which this is one."""
    from cgconv.gui.memory import Memory
    from cgconv.runtime.requests import ConvertOptions

    memory = Memory(results)
    memory.keep_preset("good", ConvertOptions())
    shutil.copy(file, results / "presets" / file.name)
    if "good" not in memory.presets():
        raise Lost("one bad preset keeps the others from being read")
    memory.presets()


def _window(folder: Path) -> Sequence[Path]:
    from cgconv.gui.memory import Memory
    from cgconv.runtime.requests import ConvertOptions

    memory = Memory(folder)
    memory.keep_options(ConvertOptions(strength=0.25, out=Path("/results")))
    memory.settings.setValue("window/language", "zh_CN")
    memory.settings.setValue("window/appearance", "dark")
    memory.settings.setValue("convert/model", "monet")
    memory.settings.sync()
    return [folder / "window.ini"]


def open_settings(file: Path, results: Path) -> None:
    """Read the window's settings."""
    from cgconv.gui.memory import Memory

    memory = Memory(file.parent)
    asdict(memory.options())
    for key in ("window/language", "window/appearance", "convert/model"):
        str(memory.settings.value(key, ""))


# --- the worker


def _requests(folder: Path) -> Sequence[Path]:
    from cgconv.runtime.protocol import request_line
    from cgconv.runtime.requests import Cancel, ConvertOptions, FileToPlan, MeasureCaches, Pause, Plan, Resume, Scan

    lines = [
        request_line(1, Pause()),
        request_line(2, Scan((folder / "nothing",))),
        request_line(3, Plan((FileToPlan(1, folder / "a.png", None, "picture", "monet", 0),), (ConvertOptions(),))),
        request_line(4, MeasureCaches()),
        request_line(5, Cancel(3)),
        request_line(999, Resume()),
    ]
    (folder / "lines.jsonl").write_text("".join(lines), encoding="utf-8")
    return [folder / "lines.jsonl"]


def serve(file: Path, results: Path) -> None:
    """Send the lines to a worker of its own and see whether it still answers the last one."""
    command = [sys.executable, "-m", "cgconv.cli", "worker"]
    with file.open("rb") as lines:
        done = subprocess.run(command, stdin=lines, capture_output=True, check=False, env=os.environ)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if not any(answer["request"] == 999 for answer in answers):
        raise Wrong(f"the worker ended: {done.stderr.decode(errors='replace').strip().splitlines()[-1:]}")
    said = [answer["reason"] for answer in answers if answer["event"] == "CommandFailed"]
    if strange := [reason for reason in said if reason.startswith("unexpected ")]:
        raise Wrong(strange[0])


# --- a run

_finished: Path | None = None  # a run of two pictures, made once in each child


def _metrics(folder: Path) -> Sequence[Path]:
    facts = {"images_total": 2, "losses": {"cycle": 1.5}, "images_per_second": 1.0, "seconds_left": 0.0}
    facts |= {"data_wait": 0.0, "learning_rate": 2e-4}
    lines = [{"event": "TrainProgressed", "step": step, "images_seen": step, **facts} for step in (0, 0, 1, 1, 2)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return [folder / "metrics.jsonl"]


def _best(folder: Path) -> Sequence[Path]:
    kept = [{"file": f"best-0000000{n}.pt", "score": 0.5 * n, "images_seen": n} for n in (1, 2)]
    (folder / "best.json").write_text(json.dumps({"rule": "lowest", "kept": kept}), encoding="utf-8")
    return [folder / "best.json"]


def _config(folder: Path) -> Sequence[Path]:
    from cgconv.trainer.config import config_as_dict

    (folder / "config.json").write_text(json.dumps(config_as_dict(tiny_config(folder))), encoding="utf-8")
    return [folder / "config.json"]


def go_on(file: Path, results: Path) -> None:
    """Go on with a run that this file lies in."""
    from cgconv.trainer.train import train

    global _finished
    if _finished is None:
        _finished = tiny_run(Path(tempfile.mkdtemp(prefix="cgconv-faults-run-")))
    root = results.parent / "resumed"
    shutil.copytree(_finished.parent, root)
    shutil.copy(file, root / "run" / file.name)
    for name in ("best-00000001.pt", "best-00000002.pt"):
        (root / "run" / name).write_bytes(b"")
    config = tiny_config(root)
    for _ in train(replace(config, optimizer=replace(config.optimizer, images=3)), threading.Event(), resume=True):
        pass
    if not (root / "run" / "report.html").is_file():
        raise Wrong("a run without its page")
    if file.name == "metrics.jsonl":
        first = file.read_bytes().splitlines()[0]
        if first not in (root / "run" / file.name).read_bytes().splitlines():
            raise Lost("what could be read of the metrics is gone")
