"""cgconv export --engine and cgconv engines, down to files, on a GPU that is not there (see fake_nvidia.py)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from fake_nvidia import FakeGpu
from places import ROOT, TESTS
from small_models import identity_model, photo, with_card

from cgconv.cli.main import main
from cgconv.runtime.backends.engines.cache import EngineCache
from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.translator import open_translator

pytestmark = pytest.mark.usefixtures("own_engines")


def test_engines_built_ahead_are_what_the_runtime_uses(
    gpu: FakeGpu, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(model), "--engine", "--sizes", "62x39,24x24", "--batch", "1-4"]) == 0
    captured = capsys.readouterr()
    assert "(small, 64×40, batch 1–4, fp16)" in captured.out  # rounded up to what the model takes
    assert "(small, 24×24, batch 1–4, fp16)" in captured.out
    assert "dB from the ONNX file" in captured.err
    assert len(gpu.builds) == 2
    with open_translator(model, backend="tensorrt") as translator:
        for shape in ((39, 62), (40, 64), (24, 24)):
            translator.translate(photo(shape))
        translator.translate(photo((40, 64)).repeat(4, axis=0))
    assert len(gpu.builds) == 2


def test_what_is_there_is_not_built_again_unless_a_higher_level_is_asked_for(
    gpu: FakeGpu, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", str(model), "--engine", "--sizes", "24x24"]
    for extra, levels in (([], [3]), ([], [3]), (["--level", "2"], [3]), (["--level", "5"], [3, 5]), ([], [3, 5])):
        assert main([*command, *extra]) == 0
        assert [build["level"] for build in gpu.builds] == levels
    assert "there already" in capsys.readouterr().err


def test_engines_are_checked_on_the_pictures_that_are_named(gpu: FakeGpu, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(3):
        cv2.imwrite(str(folder / f"{seed}.png"), photo((20, 70), seed)[0])
    gpu.detail_error = 6.0  # right only where there is nothing to see
    assert main(["export", str(model), "--engine", "--sizes", "24x24", "--pictures", str(folder)]) == 1


def test_an_engine_in_halves_that_is_off_is_built_in_fp32(
    gpu: FakeGpu, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu.half_error = 20.0
    assert main(["export", str(model), "--engine", "--sizes", "24x24"]) == 0
    assert "(small, 24×24, fp32)" in capsys.readouterr().out
    assert [build["has_halves"] for build in gpu.builds] == [True, False]


def test_an_engine_that_is_off_either_way_is_an_error(
    gpu: FakeGpu, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu.error = 20.0
    for _ in range(2):
        assert main(["export", str(model), "--engine", "--sizes", "24x24"]) == 1
        assert "dB from the ONNX model, 38 are wanted: it is not used" in capsys.readouterr().err
    assert len(gpu.builds) == 2  # the refusals are remembered


def test_a_model_of_one_size_gets_that_one(gpu: FakeGpu, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "fixed.onnx"
    write_model(with_card(identity_model([1, 3, 32, 48]), fixed_size_hw=(32, 48)), path)
    assert main(["export", str(path), "--engine"]) == 0
    assert "48×32" in capsys.readouterr().out
    assert main(["export", str(path), "--engine", "--sizes", "64x64"]) == 2
    assert "takes 48×32 only" in capsys.readouterr().err
    assert main(["export", str(path), "--engine", "--batch", "1-4"]) == 2
    assert "takes 1 image at once only" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sizes", "24x24"], "no effect without --engine"),
        (["--level", "0"], "no effect without --engine"),
        (["--engine", "--sizes", "24"], "--sizes: found '24', expected widths and heights such as 1280x720"),
        (["--engine", "--batch", "9-2"], "--batch: found '9-2'"),
        (["--engine", "--level", "7"], "--level"),
    ],
)
def test_options_of_engines_that_make_no_sense_are_misuse(
    arguments: list[str], words: str, gpu: FakeGpu, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(model), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert gpu.builds == []


def test_without_a_gpu_one_sentence_says_what_is_needed(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cgconv.runtime.backends.engines import backend as tensorrt_backend

    monkeypatch.setattr(tensorrt_backend, "cuda_devices", lambda: 0)
    for command in (
        ["export", str(model), "--engine"],
        ["images", str(ROOT / "docs" / "images"), "--model", str(model), "--backend", "tensorrt"],
    ):
        assert main(command) == 3
        said = capsys.readouterr().err
        assert "TensorRT needs an NVIDIA GPU" in said
        assert "pip install 'cgconv[tensorrt]'" in said
        assert len(said.strip().splitlines()) == 1


def test_engines_are_listed_and_cleared(gpu: FakeGpu, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines", "list"]) == 0
    assert "no engines yet" in capsys.readouterr().out
    main(["export", str(model), "--engine", "--sizes", "24x24,40x32"])
    capsys.readouterr()
    assert main(["engines", "list"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert len(lines) == 2
    assert all(part in lines[0] for part in ("small", "24×24", "fp16", "MB", "dB", "TensorRT 11.4.0.106", "Fake 9000"))
    assert "2 engines" in captured.err
    assert main(["engines", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {entry["size"] for entry in listed["engines"]} == {"24×24", "40×32"}
    assert listed["bytes"] > sum(entry["engine_bytes"] for entry in listed["engines"])
    assert main(["engines", "clear", "--yes"]) == 0
    assert "deleted 2 engines" in capsys.readouterr().out
    assert EngineCache().engines() == []


def test_a_strangers_engine_is_listed_as_one(gpu: FakeGpu, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["export", str(model), "--engine", "--sizes", "24x24"])
    (EngineCache().folder / f"{'ab' * 32}.engine").write_bytes(b"from elsewhere")
    capsys.readouterr()
    assert main(["engines", "list"]) == 0
    assert "not made here, damaged or changed" in capsys.readouterr().out


def test_json_tells_of_the_build(gpu: FakeGpu, model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "a.png"
    cv2.imwrite(str(picture), photo((24, 24))[0])
    command = ["images", str(picture), "--model", str(model), "--backend", "tensorrt", "--json"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    names = [event["event"] for event in events]
    assert names.index("EngineBuilding") < names.index("EngineBuilt") < names.index("JobFinished")
    built = events[names.index("EngineBuilt")]
    assert (built["model"], built["size"]) == ("small", "24×24")
    assert built["decibels"] > 45


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from fake_nvidia import FakeGpu, installed
from cgconv.cli.main import main
with installed(FakeGpu(step_s=0.1, steps=10**6)):
    sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or os.name == "nt", reason="Ctrl-C cannot be sent to a child here")
def test_ctrl_c_stops_a_build_with_exit_code_130(model: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(TESTS), "export", str(model), "--engine"]
    child = subprocess.Popen([*command, "--sizes", "24x24"], stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    for line in child.stderr:
        if "building the engine of small for 24×24" in line:
            break
    child.send_signal(signal.SIGINT)
    rest = child.communicate(timeout=200)[1]
    assert child.returncode == 130
    assert "stopped while an engine was being built" in rest
    assert "Traceback" not in rest


def test_building_engines_needs_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; import cgconv.exporter.engine; "
        "assert not {'tensorrt', 'cuda', 'torch.nn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
