"""A file in 8 bits does what the float32 file does, is measured, says so, and is not written where it is too far."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from places import ROOT
from small_models import GraphBuilder, decibels, identity_model, photo, small_resnet, with_card

from cgconv.cli.main import main
from cgconv.exporter.int8 import export_int8
from cgconv.runtime.backends import eight_bits, processor
from cgconv.runtime.backends.choose import choose_machine
from cgconv.runtime.errors import ModelError, OutputError, UsageError
from cgconv.runtime.graphs.graph import specialize
from cgconv.runtime.graphs.half import convolutions
from cgconv.runtime.images import Picture, encode_picture, write_atomically
from cgconv.runtime.models.card import ModelCard, read_card
from cgconv.runtime.models.model_file import load_model, write_model
from cgconv.runtime.translator import open_translator

Array = np.ndarray[Any, Any]
FORMATS = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A float32 file and the same in 8 bits."""
    full = tmp_path_factory.mktemp("int8") / "small.onnx"
    write_model(small_resnet(), full)
    return full, export_int8(full).path


def translated(path: Path, image: Array, **options: Any) -> tuple[str, str, Array]:
    with open_translator(path, **options) as translator:
        running = translator.describe()
        return running.precision, running.why, translator.translate(image)


def put_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        image = photo((40 + number, 90), number)[0]
        write_atomically(folder / f"{number}.png", encode_picture(Picture(image), file_format="png"))
    return folder


def far_model(layers: int) -> onnx.ModelProto:
    """A model whose norms make large what differs little: 8 bits lose it."""
    net = GraphBuilder(2)
    data = "input"
    for _ in range(layers):
        data = net.node("Mul", data, net.constant(np.float32([0.01, 1, 1]).reshape(1, 3, 1, 1)))
        weight = net.constant(np.eye(3).reshape(3, 3, 1, 1)[[0, 0, 0]])
        data = net.norm(net.node("Conv", data, weight), 3)
    return with_card(net.model(net.node("Tanh", data)))


def test_the_card_says_how_near_the_file_is_and_what_it_was_measured_on(files: tuple[Path, Path]) -> None:
    full, rounded = files
    card, was = read_card(rounded), read_card(full)
    assert card is not None
    assert was is not None
    facts = card.verification["int8"]
    assert card.name == "small.int8"
    assert facts["sha256"] == hashlib.sha256(full.read_bytes()).hexdigest()
    kinds = [node.op_type for node in load_model(rounded).graph.node]
    assert (facts["convolutions"], facts["convolutions_in_int8"]) == (10, kinds.count("QuantizeLinear"))
    assert facts["convolutions_in_int8"] >= 8
    assert facts["median_db"] >= 35
    assert facts["worst_db"] == min(facts["psnr_db"].values()) >= 30
    assert (facts["calibration"], facts["pictures"]) == ("made up", "made up")
    assert all(f"`{key}`" in FORMATS for key in facts)
    assert (card.size_multiple, card.input_name) == (was.size_multiple, was.input_name)
    assert rounded.stat().st_size < 0.7 * full.stat().st_size  # weights, in a byte, are not all of so small a file


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_the_file_is_computed_in_8_bits_as_it_is(backend: str, files: tuple[Path, Path]) -> None:
    image = photo((50, 70), 9)
    exact = translated(files[0], image, backend=backend, precision="fp32")[2]
    precision, why, result = translated(files[1], image, backend=backend)
    assert precision == "int8"
    assert "the file is in int8" in why
    assert 33 < decibels(result, exact) < 60


def test_other_programs_need_nothing_of_ours(files: tuple[Path, Path]) -> None:
    onnx.checker.check_model(onnx.load(files[1]), full_check=True)
    values = np.ascontiguousarray((photo((48, 64), 4) / 127.5 - 1).transpose(0, 3, 1, 2), dtype=np.float32)
    made, wanted = (onnxruntime.InferenceSession(path).run(None, {"input": values})[0] for path in files[::-1])
    assert made.dtype == np.float32
    assert decibels(made, wanted, peak=2.0) > 33


def test_fp32_takes_the_rounding_of_values_back(files: tuple[Path, Path]) -> None:
    image = photo((50, 70), 9)
    exact = translated(files[0], image, precision="fp32")[2]
    rounded = translated(files[1], image)[2]
    precision, _, widened = translated(files[1], image, precision="fp32")
    assert precision == "fp32"
    assert decibels(widened, exact) > decibels(rounded, exact) + 3
    model, card = load_model(files[1]), read_card(files[1])
    assert card is not None
    graph = specialize(model, card).graph
    assert not any("Quantize" in node.op_type or "Dequantize" in node.op_type for node in graph.node)
    assert len(convolutions(graph)) == 10


def test_a_processor_that_would_cut_sums_off_measures_anew(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "processor_features", lambda: ("avx2",))
    seen: list[int] = []

    def measured(model: onnx.ModelProto, card: ModelCard, *_: Any, **__: Any) -> None:
        seen.append(len(convolutions(specialize(model, card).graph)))
        raise ModelError("measured")

    monkeypatch.setattr(eight_bits, "check_int8", measured)
    model, card = load_model(files[1]), read_card(files[1])
    assert card is not None
    with pytest.raises(ModelError, match="measured"):
        choose_machine(model, card, backend="auto", device="cpu", precision="int8", threads=None)
    assert seen == [10]


def test_what_a_stranger_calls_int8_is_not_taken_apart(files: tuple[Path, Path]) -> None:
    # another program's file may leave a clamp to the rounding, so only ours are widened
    stranger = load_model(files[1])
    card = read_card(stranger)
    assert card is not None
    graph = specialize(stranger, replace(card, verification={})).graph
    assert any(node.op_type == "QuantizeLinear" for node in graph.node)
    damaged = load_model(files[1])
    scales = next(one for one in damaged.graph.initializer if one.name.endswith("_scales"))
    scales.CopyFrom(onnx.numpy_helper.from_array(np.ones(2, np.float32), scales.name))
    with pytest.raises(ModelError, match="damaged"):
        specialize(damaged, card)


@pytest.mark.parametrize(
    ("layers", "why"), [(4, r"dB from float32 .* 35 and 30 are needed"), (1, "all .* would have to stay in float32")]
)
def test_a_model_that_is_too_far_in_8_bits_is_not_written(layers: int, why: str, tmp_path: Path) -> None:
    path = tmp_path / "far.onnx"
    write_model(far_model(layers), path)
    with pytest.raises(ModelError, match=f"{why}.*; nothing was written"):
        export_int8(path)
    assert [one.name for one in tmp_path.iterdir()] == ["far.onnx"]


def test_real_pictures_give_ranges_and_others_of_them_the_verdict(files: tuple[Path, Path], tmp_path: Path) -> None:
    folder = put_pictures(tmp_path / "photos", 5)
    written = export_int8(files[0], out=tmp_path, calibrate=folder)
    assert set(written.facts["psnr_db"]) == {"1.png", "3.png"}
    assert (written.facts["calibration"], written.facts["pictures"]) == ("3 real", "real")
    more = put_pictures(tmp_path / "more", 1)
    both = export_int8(files[0], out=tmp_path, calibrate=folder, pictures=more, exists_ok=True)
    assert set(both.facts["psnr_db"]) == {"0.png"}
    assert both.facts["calibration"] == "5 real"
    with pytest.raises(UsageError, match="1 readable pictures, and 2 are needed"):
        export_int8(files[0], out=tmp_path, calibrate=more, exists_ok=True)


def test_what_cannot_be_or_is_there_already_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in 8 bits already"):
        export_int8(files[1])
    with pytest.raises(OutputError, match="exists already"):
        export_int8(files[0])
    with pytest.raises(UsageError, match="overwrite the float32"):
        export_int8(files[0], out=files[0], exists_ok=True)
    path = tmp_path / "same.onnx"
    write_model(with_card(identity_model()), path)
    with pytest.raises(ModelError, match="no convolution"):
        export_int8(path)


def test_the_command_writes_it_shows_it_and_translates_with_it(
    files: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = put_pictures(tmp_path / "photos", 2)
    assert main(["export", str(files[0]), "--int8", "--fp16", "--out", str(tmp_path), "--calibrate", str(folder)]) == 0
    shown = capfd.readouterr()
    assert [Path(line.split(" (")[0]).name for line in shown.out.splitlines()] == ["small.int8.onnx", "small.fp16.onnx"]
    assert "of 10 convolutions in 8 bits" in shown.err
    model = tmp_path / "small.int8.onnx"
    assert main(["models", "info", str(model)]) == 0
    assert "8 bits" in capfd.readouterr().out
    report = tmp_path / "report.json"
    out = tmp_path / "out"
    assert main(["images", str(folder), "--model", str(model), "--out", str(out), "--report", str(report)]) == 0
    assert "the file is in int8" in json.dumps(json.loads(report.read_text()))
    assert main(["export", str(files[0]), "--calibrate", str(folder), "--fp16"]) == 2
    assert "--calibrate: no effect without --int8" in capfd.readouterr().err
