"""The benchmarks of the trainer run, compare what they say, and end with an error where they would mislead."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from places import ROOT
from small_models import identity_model, with_card

from cgconv.runtime.models.model_file import write_model

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from cgconv.trainer.config import TrainConfig  # noqa: E402
from cgconv.trainer.data.pairs import open_pairs  # noqa: E402
from cgconv.trainer.judging.features import kid, see  # noqa: E402

BENCHMARKS = ROOT / "benchmarks"


def benchmark(name: str) -> ModuleType:
    """Import a benchmark, which is no part of the package."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def paint(folder: Path, count: int, *, size_wh: tuple[int, int]) -> None:
    """Write smooth pictures, each another."""
    folder.mkdir()
    random = np.random.default_rng(count)
    for number in range(count):
        low = random.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(low, size_wh, interpolation=cv2.INTER_LINEAR))


def middles_by_hand(paths: list[Path]) -> np.ndarray:
    """The 64 pixels in the middle of pictures whose short side has come to 72, nine eighths of the crop."""
    squares = []
    for path in sorted(paths):
        image = cv2.imread(str(path))[..., ::-1]
        height, width = (round(side * 72 / min(image.shape[:2])) for side in image.shape[:2])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        squares.append(image[(height - 64) // 2 :, (width - 64) // 2 :][:64, :64])
    return np.stack(squares)


def run_ablation(
    module: ModuleType, data: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[np.ndarray], list[TrainConfig]]:
    """Run it tiny; return what it judged by, a and b, and the settings of each row."""
    judged: list[np.ndarray] = []
    trained: list[TrainConfig] = []
    judge, train = module.Evaluation, module.train

    def evaluation(real_a: np.ndarray, real_b: np.ndarray, **rest: Any) -> Any:
        judged.extend([real_a, real_b])
        return judge(real_a, real_b, **rest)

    def training(config: TrainConfig, *rest: Any) -> Any:
        trained.append(config)
        return train(config, *rest)

    monkeypatch.setattr(module, "Evaluation", evaluation)
    monkeypatch.setattr(module, "train", training)
    module.main(["--data", str(data), "--images", "1", "--width", "4", "--crop", "64", "--test", "4"])
    return judged, trained


def test_the_ablation_trains_five_rows_and_judges_by_pictures_that_none_of_them_learns_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without test folders it took the first training pictures, unscaled, and called them the test folders."""
    for folder in ("trainA", "trainB"):
        paint(tmp_path / folder, 40, size_wh=(108, 90))
    module = benchmark("ablation")
    judged, trained = run_ablation(module, tmp_path, monkeypatch)
    held = sorted(range(40), key=lambda number: hashlib.sha256(str(number).encode()).digest())[:4]
    for folder, squares in zip(("trainA", "trainB"), judged, strict=True):
        assert np.array_equal(squares, middles_by_hand([tmp_path / folder / f"{number}.png" for number in held]))
    names = sorted(f"{number}.png" for number in held)
    assert open_pairs(trained[0]).held_names == {"a": names, "b": names}
    assert len({replace(config, loss=trained[0].loss, run=trained[0].run) for config in trained}) == 1, "all else equal"
    weights = [(c.loss.gan_ab, c.loss.gan_ba, *c.loss.cycle_weights) for c in trained]
    assert weights == [(0, 0, 10, 10), (1, 1, 0, 0), (1, 1, 10, 0), (1, 1, 0, 10), (1, 1, 10, 10)]
    assert all(config.loss.identity == 0 for config in trained)
    lines = capsys.readouterr().out.splitlines()
    protocol = "4 pictures of a and 4 of b, 64×64, held out of the training folders, short side 72 as in training; "
    assert lines[1].startswith(protocol)
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert [row[0] for row in table] == ["losses", "---", "(not translated)", *module.ROWS]
    assert all(np.isfinite([float(cell) for cell in row[1:]]).all() and len(row) == 9 for row in table[2:])


def test_the_ablation_judges_by_test_folders_where_there_are_some_and_holds_nothing_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, count in (("trainA", 40), ("trainB", 41), ("testA", 4), ("testB", 5)):
        paint(tmp_path / folder, count, size_wh=(96, 144))
    module = benchmark("ablation")
    monkeypatch.setattr(module, "ROWS", {"CycleGAN": {}})
    judged, (config,) = run_ablation(module, tmp_path, monkeypatch)
    for folder, squares in zip(("testA", "testB"), judged, strict=True):
        chosen = [tmp_path / folder / f"{number}.png" for number in range(4)]
        assert np.array_equal(squares, middles_by_hand(chosen))
    assert [len(domain) for domain in open_pairs(config).domains] == [40, 41]
    assert "64×64, the test folders, short side 72 as in training; " in capsys.readouterr().out


TINY = ["--width", "4", "--blocks", "1", "--crop", "32", "--steps", "1", "--device", "cpu", "--precision", "fp32"]


def test_the_timing_of_a_step_lists_three_kinds_and_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark("training").main(TINY) == 0
    shown = capsys.readouterr()
    rows = [line.split(" | ")[0] for line in shown.out.splitlines() if line.startswith("| ")]
    assert rows == ["| step", "| plain eager float32", "| ours, fp32", "| ours, fp32, without identity"]
    assert "objectives apart by at most 0.0" in shown.out
    assert "waiting for pictures, in steps of ours alone: " in shown.out
    assert shown.err == ""


def test_the_timing_of_a_step_on_frozen_features_lists_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--preset", "paint", "--width", "8", "--blocks", "1", "--crop", "88", "--steps", "1"]
    assert benchmark("training").main([*options, "--device", "cpu", "--precision", "fp32"]) == 0
    shown = capsys.readouterr().out
    assert "compact generator of 1 blocks and width 8, 88 pixels, batch 4, 1 steps" in shown
    assert " images a second\n" in shown
    rows = [line.split(" | ")[0] for line in shown.splitlines() if line.startswith("| ")]
    parts = ["| generator", "| frozen network", "| discriminator", "| contrast"]
    assert rows == ["| part", "| a step without identity", *parts]


def fake_steps(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *apart: float) -> None:
    """A plain step takes 10 s and ours 3 s by a clock of their own; a picture comes every 4 s."""
    clock = SimpleNamespace(now=0.0)
    clock.perf_counter = lambda: clock.now

    def batches(pairs: Any, first: int) -> Iterator[Any]:
        began = clock.now
        for number in itertools.count(1):
            clock.now = max(clock.now, began + 4 * number)
            yield torch.zeros(1), torch.zeros(1)

    def taking(seconds: float, values: Iterator[float]) -> Callable[..., float]:
        def step(*_: Any) -> float:
            clock.now += seconds
            return next(values)

        return step

    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module.Pairs, "batches", batches)
    monkeypatch.setattr(module.PlainStep, "step", taking(10, itertools.repeat(2.0)))
    monkeypatch.setattr(module, "objective", taking(3, (2 * (1 + one) for one in (*apart, *[0.0] * 99))))


def test_a_step_is_timed_beside_a_plain_one_and_pictures_are_waited_for_in_steps_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plain steps between ours gave the pictures time to come, and so there was nothing to wait for."""
    module = benchmark("training")
    fake_steps(module, monkeypatch, 0.009, 0, 0, 0, 0, 0.04)  # the last: rounding that has grown
    assert module.main([*TINY, "--steps", "5"]) == 0
    shown = capsys.readouterr().out
    assert "| ours, fp32 | 3.000 | 3.000 | 3.33 |" in shown
    assert "in steps of ours alone: 1000.00 ms a step, 25.0% of the time" in shown


@pytest.mark.parametrize("apart", [(0.011,), (0, 0, 0, 0, -0.02), (float("nan"),)])
def test_steps_that_do_not_train_alike_are_one_sentence_and_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], apart: tuple[float, ...]
) -> None:
    module = benchmark("training")
    fake_steps(module, monkeypatch, *apart)
    assert module.main([*TINY, "--steps", "5"]) == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("objectives of the first 5 steps are apart by over 1%: ")


def test_the_quality_of_models_is_measured_beside_what_does_not_translate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = benchmark("model_quality")
    for name, count in (("inputs", 5), ("targets", 6), ("others", 4)):
        paint(tmp_path / name, count, size_wh=(96, 80))
    write_model(with_card(identity_model(), name="same"), tmp_path / "same.onnx")
    folders = ["--inputs", str(tmp_path / "inputs"), "--targets", str(tmp_path / "targets")]
    others = ["--others", str(tmp_path / "others"), "--size", "64"]
    monkeypatch.setattr(module, "RIVAL", "not_installed")
    module.main([str(tmp_path / "same.onnx"), *folders, *others])
    protocol, _, *lines = capsys.readouterr().out.splitlines()
    assert protocol.startswith("5 pictures of a and 6 of b, 64×64, from inputs and targets; KID × 1000")
    rows = {cells[0]: cells[1:] for line in lines if len(cells := line.strip("| ").split(" | ")) > 1}
    assert list(rows) == ["pictures", "inputs", "color transfer (Reinhard)", "same.onnx", "other real pictures"]
    assert rows["same.onnx"] == rows["inputs"], "nothing changed"
    assert rows["inputs"][2:] == ["1.00", "1.00"]
    inputs, targets = (
        np.stack([cv2.imread(str(path))[8:72, 16:80, ::-1] for path in sorted((tmp_path / name).iterdir())])
        for name in ("inputs", "targets")
    )
    assert float(rows["inputs"][0]) == pytest.approx(kid(see(inputs)[0], see(targets)[0])[0], abs=0.06)

    twice = [str(tmp_path / "same.onnx")] * 3
    with pytest.raises(SystemExit):
        module.main([*twice, *folders, str(tmp_path / "others")])
    assert "one folder for all models, or one for each" in capsys.readouterr().err
