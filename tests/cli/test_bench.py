"""cgconv bench: what is printed follows from counted times by the formula; what does not open is said."""

from __future__ import annotations

import importlib.util
import itertools
import json
from dataclasses import asdict
from pathlib import Path

import pytest
from film_clips import make_film
from places import ROOT
from small_models import small_resnet

from cgconv.cli.bench import described
from cgconv.cli.main import main
from cgconv.runtime import bench as module
from cgconv.runtime.bench import Bench, bench
from cgconv.runtime.models.model_file import write_model

BENCHMARKS = ROOT / "benchmarks"
WAYS = (("openvino", "cpu", "fp32"), ("onnxruntime", "cpu", "fp32"), ("openvino", "cpu", "fp16"))
# Products of the small ResNet of width 8, from its layers: both ends of 7×7, two strides, four in blocks, two upwards.
PER_PIXEL = 2 * 49 * 3 * 8 + 9 * (8 * 16 / 4 + 16 * 32 / 16 + 4 * 32 * 32 / 16 + 32 * 16 / 4 + 16 * 8)


@pytest.fixture(autouse=True)
def small_ceilings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CONVOLUTIONS", ((16, 1, 32), (8, 3, 64)))
    monkeypatch.setattr(module, "_COPIED_BYTES", 1 << 20)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "small.onnx"
    write_model(small_resnet(), path)
    return path


def measured(model: Path, film: Path | None = None) -> Bench:
    seconds = itertools.count(0.0, 0.5)  # each look at the clock is half a second later
    return bench(model, sizes_wh=((64, 32),), film=film, ways=WAYS, clock=lambda: next(seconds))


def test_figures_follow_from_the_times(small: Path) -> None:
    found = measured(small)
    assert found.ceilings.bytes == pytest.approx(2 * (1 << 20) / 0.5 / 1e9)
    most = 4 * (8 * 3 * 64) ** 2  # of the two: the row of 3×3, for the clock goes on by the same half second
    assert found.ceilings.products["fp32"] == pytest.approx(most / 0.5 / 1e9)
    assert found.ceilings.products["int8"] == found.ceilings.products["fp32"]
    first, second, _ = found.timings
    for one in (first, second):
        assert one.size_wh == (64, 32)
        assert one.pictures_per_second == pytest.approx(2.0)
        assert one.share == pytest.approx(PER_PIXEL * 64 * 32 / most)
    assert first.decibels == 99  # it is what the others are compared with
    assert 45 < second.decibels <= 99


def test_what_does_not_open_is_said_and_left_out_of_the_table(small: Path) -> None:
    found = measured(small)
    assert "fp16 needs --backend onnxruntime" in (found.timings[2].problem or "")
    lines = described(found)
    assert sum(line.startswith("| openvino cpu fp16") for line in lines) == 0
    assert any(line.startswith("not available: openvino cpu fp16: ") for line in lines)
    assert any(line.startswith("| openvino cpu fp32 | 64×32 | 2.00 | same |") for line in lines)
    assert found.processor in lines[0]


def test_stages_of_pictures_and_films_stand_beside_the_whole(small: Path, tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=5)
    picture, frame = measured(small, film).stages
    assert list(picture.seconds) == ["read", "translate", "write"]
    assert picture.whole_s >= sum(picture.seconds.values()) * 0.99
    assert set(frame.seconds) == {"decode", "translate", "encode"}
    assert frame.what == "frame of film.mp4"
    assert frame.whole_s > 0


def test_the_command_prints_a_table_or_json(
    small: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LEAST_S", 0.0)
    assert main(["bench", "-m", str(small), "--sizes", "32x32", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["model"] == "small"
    assert {one["backend"] for one in found["timings"] if not one["problem"]} >= {"openvino", "onnxruntime"}
    assert main(["bench", "-m", str(small), "--sizes", "32 by 32"]) == 2
    assert "expected sizes such as 256x256,640x360" in capfd.readouterr().err


def test_figures_are_written_into_their_place_in_the_page(small: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("write_figures", BENCHMARKS / "write_figures.py")
    assert spec is not None
    assert spec.loader is not None
    write_figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(write_figures)
    page = tmp_path / "benchmarks.md"
    page.write_text(f"above\n{write_figures.BEGIN}\nold figures\n{write_figures.END}\nbelow\n", encoding="utf-8")
    found = json.loads(json.dumps(asdict(measured(small))))
    for _ in range(2):  # a second time they take the place of the first
        write_figures.write(found, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("above\n")
    assert text.endswith("\nbelow\n")
    assert "old figures" not in text
    assert text.count("| openvino cpu fp32 | 64×32 | 2.00 | same |") == 1
    assert "openvino cpu fp32, 64×32" in (tmp_path / "images" / "bench.svg").read_text(encoding="utf-8")


def test_the_baseline_says_how_often_as_fast_as_the_usual_way_in_the_same_round() -> None:
    spec = importlib.util.spec_from_file_location("baseline", BENCHMARKS / "baseline.py")
    assert spec is not None
    assert spec.loader is not None
    baseline = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(baseline)
    usual, ours = [(2.0, 3.0), (8.0, 6.0), (4.0, 3.0)], [(1.0, 1.5), (2.0, 3.0), (1.0, 1.0)]  # wall and core seconds
    assert baseline.lines({baseline.USUAL: usual, "ours": ours}, 2)[2:] == [
        "| torch eager float32 | 2000 | 1.00 | 1500 | 1.00 |",
        "| ours | 500 | 4.00 | 750 | 2.00 |",
    ]
