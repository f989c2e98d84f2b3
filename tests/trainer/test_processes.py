"""Several processes train as one does with their batches together."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from places import TESTS

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from two_processes import CASES, config_for, steps  # noqa: E402

from cgconv.trainer.checkpoint import load_checkpoint  # noqa: E402

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, random = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in ("trainA", "trainB"):
        (root / name).mkdir()
        for index in range(4):
            cv2.imwrite(str(root / name / f"{index}.png"), random.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    return root


def test_two_processes_have_equal_weights_and_the_losses_and_gradients_of_one_with_twice_the_batch(
    data: Path, tmp_path: Path
) -> None:
    """With other pictures the gradients miss by 0.15 to 1.6 of their length, and a step's weights by 2e-4."""
    script = TESTS / "two_processes.py"
    done = subprocess.run([*TORCHRUN, str(script), str(data), str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    for recipe in CASES:
        first, second = (torch.load(tmp_path / f"{recipe}-{rank}.pt", weights_only=True) for rank in range(2))
        alone = steps(config_for(recipe, data, batch=2))
        for number, (one, two, whole) in enumerate(zip(first, second, alone, strict=True)):
            assert torch.equal(one[1], two[1]), f"{recipe}, step {number}"
            assert one[0] == two[0]
            assert one[0].keys() == whole[0].keys()
            for name, value in whole[0].items():
                assert one[0][name] == pytest.approx(value, rel=1e-4, abs=1e-5), f"{recipe} {name}, step {number}"
            for name, gradient in whole[2].items():
                missed = (one[2][name] - gradient).norm() / gradient.norm()
                assert missed < 1e-4, f"{recipe} {name}, step {number}"
            assert (one[1] - whole[1]).abs().mean() < 1e-6, f"{recipe}, step {number}"
        moved = (alone[-1][1] - alone[0][1]).abs().mean()
        assert moved > 1e-4


def test_torchrun_trains_and_goes_on_by_the_command_line(data: Path, tmp_path: Path) -> None:
    options = "--blocks 1 --width 4 --discriminator-width 4 --crop 32 --load 36 --precision fp32 --device cpu"
    options += " --report-every 1 --history 3"
    command = [*TORCHRUN, "-m", "cgconv.cli", "train", str(data), "--out", str(tmp_path / "run"), "--epochs", "1"]
    done = subprocess.run([*command, *options.split()], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("training on 4 and 4 pictures") == 1, "one process speaks"
    resume = [*TORCHRUN, "-m", "cgconv.cli", "train", "--resume", str(tmp_path / "run"), "--epochs", "2"]
    done = subprocess.run(resume, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    state = load_checkpoint(tmp_path / "run")
    assert (state["steps"], state["images_seen"]) == (4, 8)  # two pictures a step
    assert [len(part["memories"]["history_a"]["fakes"]) for part in state["processes"]] == [3, 3]
    lines = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
    assert [line["images_seen"] for line in lines if line["event"] == "TrainProgressed"] == [2, 4, 6, 8]
