"""What cgconv keeps and what others hand it may be damaged or hostile: that costs a line, never the program."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from small_models import small_resnet

from cgconv.cli.main import main
from cgconv.cli.worker.command import serve
from cgconv.runtime.errors import CgconvError, ModelError
from cgconv.runtime.models.card import CARD_KEY, read_card
from cgconv.runtime.models.model_file import load_model, write_model
from cgconv.runtime.models.store import list_models
from cgconv.runtime.protocol import read_request, request_line
from cgconv.runtime.requests import ConvertOptions, ListPresets, Plan, Scan


def graph_of(nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto] | None = None) -> onnx.GraphProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("x", "y")]
    return helper.make_graph(nodes, "g", ends[:1], ends[1:], weights or [])


def model_of(nodes: list[onnx.NodeProto], functions: list[onnx.FunctionProto] | None = None) -> onnx.ModelProto:
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    return helper.make_model(graph_of(nodes), ir_version=10, opset_imports=opsets, functions=functions or [])


def function(name: str, *calls: str) -> onnx.FunctionProto:
    names = ["a", *(f"t{number}" for number in range(len(calls) - 1)), "b"]
    nodes = [
        helper.make_node(call, [given], [made], domain="" if call == "Neg" else "own")
        for call, given, made in zip(calls, names, names[1:], strict=False)
    ]
    return helper.make_function("own", name, ["a"], ["b"], nodes, model_of([]).opset_import)


# --- models and their cards


def with_card(change: Callable[[dict[str, Any]], str | None]) -> onnx.ModelProto:
    """Return a model whose card `change` has edited in place, or the text that it gives."""
    model = small_resnet()
    (entry,) = (entry for entry in model.metadata_props if entry.key == CARD_KEY)
    values = json.loads(entry.value)
    text = change(values)
    entry.value = json.dumps(values) if text is None else text
    return model


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


HOSTILE_CARDS: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "nested": lambda card: json.dumps(card).replace('"source": {', f'"source": {{"deep": {nested(900)}, ', 1),
    "too deep to parse": lambda card: nested(100_000),
    "half a character": lambda card: card.update(title="\ud800"),
    "half a character inside": lambda card: card.update(source={"\udfff": ["\ud800"]}),
    "a number without end": lambda card: json.dumps(card).replace('"scale": 1', f'"scale": {"9" * 5000}'),
    "no object": lambda card: "[]",
    "lists of lists": lambda card: card.update(layout_in=[[]], dtype={}, scale=[1]),
}


def test_one_hostile_card_costs_the_lists_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A card of 900 objects within each other ended `models list` and `doctor`."""
    monkeypatch.setenv("CGCONV_MODELS", str(tmp_path))
    for name, change in HOSTILE_CARDS.items():
        write_model(with_card(change), tmp_path / f"{name}.onnx")
    no_text = small_resnet().SerializeToString().replace(b'"name"', b'"n\xff\xfee"')
    (tmp_path / "no text.onnx").write_bytes(no_text)
    (tmp_path / "link.onnx").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.onnx")
    write_model(small_resnet(), tmp_path / "good.onnx")
    listed = {model.name: model for model in list_models()}
    unreadable = {*HOSTILE_CARDS, "no text", "link", "pipe"}
    assert {name for name, model in listed.items() if model.problem} == unreadable
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(listed)
    assert main(["models", "list", "--json"]) == 0
    capsys.readouterr()


def test_a_model_with_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    data = model_of([helper.make_node("Neg", ["x"], ["y"])]).SerializeToString()
    (tmp_path / "m.onnx").write_bytes(data.replace(b"Neg", b"N\xffg"))
    with pytest.raises(ModelError, match="not text in UTF-8"):
        load_model(tmp_path / "m.onnx")


def test_functions_that_multiply_are_refused_before_they_are_put_in_their_places(tmp_path: Path) -> None:
    """1.8 kB of functions that each call the one before twice became 4 GB."""
    doubling = [function("D0", "Neg"), *(function(f"D{n}", f"D{n - 1}", f"D{n - 1}") for n in range(1, 40))]
    circle = [function("D0", "D1"), function("D1", "D0")]
    for functions, last, words in ((doubling, "D39", "so often"), (circle, "D0", "calls itself")):
        write_model(model_of([helper.make_node(last, ["x"], ["y"], domain="own")], functions), tmp_path / "m.onnx")
        with pytest.raises(ModelError, match=words):
            load_model(tmp_path / "m.onnx")
    write_model(model_of([helper.make_node("D5", ["x"], ["y"], domain="own")], doubling[:6]), tmp_path / "m.onnx")
    assert len(load_model(tmp_path / "m.onnx").functions) == 6


def test_weights_in_other_files_are_refused_wherever_they_are_named(tmp_path: Path) -> None:
    outside = numpy_helper.from_array(onnx.numpy_helper.to_array(helper.make_tensor("w", 1, [1], [1.0])), "w")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="/etc/passwd")
    plain = model_of([helper.make_node("Neg", ["x"], ["y"])])
    models = [onnx.ModelProto() for _ in range(5)]
    for model in models:
        model.CopyFrom(plain)
    models[0].training_info.add().algorithm.initializer.append(outside)
    models[1].training_info.add().initialization.initializer.append(outside)
    models[2].graph.initializer.append(outside)
    attribute = models[3].graph.node[0].attribute.add(name="sparse", type=onnx.AttributeProto.SPARSE_TENSORS)
    attribute.sparse_tensors.add().values.CopyFrom(outside)
    models[4].functions.append(function("F", "Neg"))
    models[4].functions[0].attribute_proto.add(name="w", type=onnx.AttributeProto.TENSOR).t.CopyFrom(outside)
    for model in models:
        write_model(model, tmp_path / "m.onnx")
        with pytest.raises(ModelError, match="another file"):
            load_model(tmp_path / "m.onnx")


@pytest.mark.parametrize("suffix", [".onnx", ".pth", ".pt", ""])
def test_pipes_and_devices_are_no_models(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Opening a pipe that nobody writes to waits for ever."""
    pipe = tmp_path / f"pipe{suffix}"
    os.mkfifo(pipe)
    monkeypatch.setenv("CGCONV_MODELS", str(tmp_path / "models"))
    assert main(["models", "import", str(pipe)]) == 1
    assert "a pipe or a device" in capsys.readouterr().err
    assert main(["models", "import", "/dev/zero", "--name", "zero"]) == 1
    assert "a pipe or a device" in capsys.readouterr().err
    if suffix == ".onnx":  # they were called files that are not there
        (tmp_path / "self.onnx").symlink_to("self.onnx")
        for strange, said in ((pipe, "a pipe or a device"), (tmp_path / "self.onnx", "cannot be read")):
            assert main(["images", str(tmp_path), "--model", str(strange)]) in (1, 2)
            assert main(["models", "info", str(strange)]) == 1
            assert said in capsys.readouterr().err
    if suffix == ".pt":
        assert main(["export", str(pipe)]) == 1
        assert "a pipe or a device" in capsys.readouterr().err


# --- lines to a worker

GOOD = request_line(99, ListPresets())
BAD_LINES = [
    "[]",
    "null",
    "7",
    '"x"',
    "{}",
    "",
    "[" * 100_000,
    '{"request": ["Scan"], "id": 1}',
    '{"request": "Scan", "id": true}',
    '{"request": "Scan", "id": 1}',
    '{"request": "Scan", "id": 1, "paths": "abc"}',
    '{"request": "Scan", "id": 1, "paths": [7]}',
    '{"request": "Scan", "id": 1, "paths": ["a\\u0000b"]}',
    '{"request": "Cancel", "id": 1, "number": []}',
    '{"request": "Plan", "id": 1, "files": [3], "options": [{}]}',
    '{"request": "BuildEngines", "id": 1, "model": "m", "sizes_wh": [[1, 2, 3]]}',
    '{"request": "\\ud800", "id": 1}',
]


class Answers(io.StringIO):
    """What a worker says; `all_said` is set once it is through with a request."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last, self.all_said = last, threading.Event()

    def write(self, text: str) -> int:
        answer = json.loads(text)
        if answer["request"] == self.last and answer["event"] in ("RequestFinished", "CommandFailed"):
            self.all_said.set()
        return super().write(text)


def answers_to(lines: list[str], last: int = 99) -> list[dict[str, Any]]:
    """Return what a worker answers to the lines, which do not end before it is through with request number `last`."""
    stream = Answers(last)

    def lines_until_then() -> Iterator[str]:
        yield from lines
        assert stream.all_said.wait(250)

    serve(lines_until_then(), stream)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("line", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_line_that_is_no_request_costs_the_worker_one_answer(line: str) -> None:
    """`[]` ended it, with everything that was under way."""
    with pytest.raises(ValueError):  # noqa: PT011  # the text is for the log
        read_request(line)
    answers = answers_to([line, GOOD])
    assert [answer["event"] for answer in answers if answer["request"] == 0] == ["WorkerReady", "CommandFailed"]
    assert any(answer["request"] == 99 and answer["event"] == "RequestFinished" for answer in answers)


def test_a_number_that_is_taken_is_refused_and_the_first_request_is_done() -> None:
    answers = answers_to([GOOD, GOOD, request_line(100, ListPresets())], last=100)
    finished = [answer["request"] for answer in answers if answer["event"] == "RequestFinished"]
    assert finished in ([99, 100], [99, 99, 100]), "the first may be through before the second comes"


def test_a_word_of_no_kind_is_a_sentence() -> None:
    line = request_line(1, Plan((), (ConvertOptions(),))).replace(
        '"files": []',
        ('"files": [{"key": 1, "path": "/a", "folder": null, "kind": "x", "model": "monet", "options": 0}]'),
    )
    (failed,) = [answer for answer in answers_to([line], last=1) if answer["event"] == "CommandFailed"]
    assert "unexpected" not in failed["reason"]


def test_bytes_that_are_no_text_do_not_end_a_real_worker() -> None:
    command = [sys.executable, "-m", "cgconv.cli", "worker"]
    lines = b"\xff\xfe\n" + GOOD.encode()
    done = subprocess.run(command, input=lines, capture_output=True, check=False, timeout=200)
    assert done.returncode == 0
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["event"] for answer in answers if answer["request"] == 99][-1] == "RequestFinished"


def test_requests_come_back_as_they_were() -> None:
    for request in (Scan((Path("/a"), Path("/b")), Path("/c")), Plan((), (ConvertOptions(out=Path("/x")),))):
        assert read_request(request_line(5, request)) == (5, request)


# --- the window's own files, which need no window


def test_a_damaged_queue_costs_its_bad_lines_which_are_kept_aside(tmp_path: Path) -> None:
    """Two bytes that are no text, and the window did not open."""
    pytest.importorskip("PySide6.QtCore", reason="Qt's libraries are not here")
    from cgconv.gui.memory import Memory
    from cgconv.gui.queue_item import QueueItem, line_of

    good = [QueueItem(Path(f"/{number}.png"), "picture", f"/{number}.png") for number in range(3)]
    bad = [
        b"\xff\xfe\n",
        b"[]\n",
        b"\n",
        b"[" * 5000 + b"\n",
        b'{"path": 7, "kind": "picture", "file_key": "x"}\n',
        line_of(good[0]).replace("waiting", "nonsense").encode() + b"\n",
        line_of(good[0]).replace("picture", "sound").encode() + b"\n",
    ]
    lines = [line_of(item).encode() + b"\n" for item in good]
    (tmp_path / "queue.jsonl").write_bytes(lines[0] + b"".join(bad) + lines[1] + lines[2])
    memory = Memory(tmp_path)
    assert [item.path for item in memory.read_queue()] == [item.path for item in good]
    assert (tmp_path / "queue.jsonl.damaged").read_bytes() == b"".join(bad)
    assert len(memory.notes) == 1
    assert "queue.jsonl.damaged" in memory.notes[0]
    again = Memory(tmp_path)
    assert len(again.read_queue()) == 3
    assert again.notes == []


def test_strange_numbers_in_an_entry_cost_the_numbers(tmp_path: Path) -> None:
    pytest.importorskip("PySide6.QtCore", reason="Qt's libraries are not here")
    from cgconv.gui.queue_item import item_of, options_of

    for seconds, size in ((1e400, [1]), (-1, [0, 5]), ("x", "ab"), (True, [1e9, 2]), ([], {})):
        line = {"path": "/a", "kind": "film", "file_key": "/a", "seconds": seconds, "size_wh": size}
        item = item_of(json.dumps(line))
        assert (item.seconds, item.size_wh) == (None, None)
        item.weigh()
        assert item.work > 0
    strange = {"out": "a\0b", "strength": 10**400, "batch": 10**30, "exists": 5, "crf": True}
    assert options_of(strange) == ConvertOptions()


def test_damaged_presets_and_settings_are_set_aside_and_the_rest_is_used(tmp_path: Path) -> None:
    pytest.importorskip("PySide6.QtCore", reason="Qt's libraries are not here")
    from cgconv.gui.memory import PRESET_SUFFIX, Memory

    memory = Memory(tmp_path)
    memory.keep_preset("good", ConvertOptions(strength=0.5))
    memory.keep_options(ConvertOptions(strength=0.25))
    folder = tmp_path / "presets"
    for number, data in enumerate((nested(900).encode(), b"\xff", b"[]", nested(100_000).encode())):
        (folder / f"bad{number}{PRESET_SUFFIX}").write_bytes(data)
    assert memory.presets() == {"good": ConvertOptions(strength=0.5)}
    assert len(memory.notes) == 4
    assert sorted(path.name for path in folder.glob("*.damaged")) == [
        f"bad{n}{PRESET_SUFFIX}.damaged" for n in range(4)
    ]
    memory.settings.setValue("convert/options", nested(900))
    memory.settings.sync()
    again = Memory(tmp_path)
    assert again.options() == ConvertOptions()
    assert "window.ini.damaged" in again.notes[0]
    assert (tmp_path / "window.ini.damaged").read_text() == nested(900)
    assert asdict(again.options()) == asdict(ConvertOptions())


# --- the terminal


def cgconv(*arguments: str, closed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with streams closed as a shell closes them."""
    names = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": "", **environment}
    command = f'exec "$@" {closed}'
    return subprocess.run(
        ["/bin/sh", "-c", command, "sh", sys.executable, "-m", "cgconv.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env=os.environ | names,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's way of closing streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(closed: str) -> None:
    done = cgconv("models", "list", closed=closed)
    assert done.returncode == 0, done.stderr
    assert "unexpected" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="X and Wayland")
def test_a_window_without_a_display_is_one_sentence() -> None:
    """Qt aborted, with advice for programmers and exit code 134."""
    pytest.importorskip("PySide6.QtWidgets", reason="Qt's libraries are not here")
    for names in ({}, {"QT_QPA_PLATFORM": "xcb", "DISPLAY": ":4711"}):
        done = cgconv("gui", **names)
        assert done.returncode == 3
        (line,) = done.stderr.splitlines()
        assert line.startswith("cgconv: the window cannot be opened: ")


def test_reading_a_card_never_fails_in_another_way(tmp_path: Path) -> None:
    for change in HOSTILE_CARDS.values():
        with pytest.raises(CgconvError):
            read_card(with_card(change))
