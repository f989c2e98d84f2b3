"""Options of a run that nothing else holds to a count or a formula do what they say."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from cgconv.runtime.events import TrainProgressed, TrainStarted  # noqa: E402
from cgconv.trainer import arithmetic as arithmetic_module  # noqa: E402
from cgconv.trainer import train as train_module  # noqa: E402
from cgconv.trainer.arithmetic import open_arithmetic  # noqa: E402
from cgconv.trainer.checkpoint import load_checkpoint  # noqa: E402
from cgconv.trainer.choices import Precision, Preprocess, Schedule  # noqa: E402
from cgconv.trainer.config import (  # noqa: E402
    DataConfig,
    DiscriminatorConfig,
    EvaluationConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from cgconv.trainer.data import pairs as data_module  # noqa: E402
from cgconv.trainer.data.pairs import Pairs, open_pairs, tensor_to_images  # noqa: E402
from cgconv.trainer.judging.judge import Judge  # noqa: E402
from cgconv.trainer.recipes.cyclegan import CycleGan  # noqa: E402
from cgconv.trainer.run import Run  # noqa: E402
from cgconv.trainer.train import train  # noqa: E402

SIZE_HW = 40, 48
PICTURE_BYTES = 40 * 48 * 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures a kind: red says which one, green is its column, blue its row."""
    root = tmp_path_factory.mktemp("data")
    for domain in ("A", "B"):
        (root / domain).mkdir()
        for number in range(40):
            rows, columns = np.indices(SIZE_HW)
            image = np.stack([rows, columns, np.full(SIZE_HW, 5 * number)], axis=-1).astype(np.uint8)
            cv2.imwrite(str(root / domain / f"{number:02d}.png"), image)
    return root


def tiny(root: Path, out: Path = Path("run"), **data: Any) -> TrainConfig:
    settings = {"preprocess": Preprocess.CROP, "load": 0, "crop": 32, **data}
    return TrainConfig(
        generator=GeneratorConfig(blocks=1, width=4),
        discriminator=DiscriminatorConfig(layers=1, width=4),
        data=DataConfig(a=root / "A", b=root / "B", **settings),
        evaluation=EvaluationConfig(every=0),
        run=RunConfig(out=out, device="cpu", precision=Precision.FP32, threads=1, report_every=1, sample_every=0),
    )


def test_the_seed_draws_the_first_weights_and_begins_the_other_draws(root: Path) -> None:
    config = tiny(root)
    config = replace(config, run=replace(config.run, seed=7))
    arithmetic = open_arithmetic("cpu", Precision.FP32)
    run = Run(config, arithmetic, open_pairs(config))
    assert (torch.initial_seed(), run.recipe.random.initial_seed()) == (7, 7), "dropout and the histories"
    torch.manual_seed(7)
    for name, network in CycleGan(config, arithmetic).networks.items():
        for weight, wanted in zip(run.recipe.networks[name].parameters(), network.parameters(), strict=True):
            assert torch.equal(weight, wanted)


def test_the_seed_decides_the_order_of_pictures_and_their_crops(root: Path) -> None:
    config = tiny(root)
    pairs = open_pairs(replace(config, run=replace(config.run, seed=7)))
    for number in range(90):
        batch = [tensor_to_images(images)[0].astype(int) for images in pairs.batch(number)]
        epoch, place = divmod(number, 40)
        order = [np.random.default_rng([7, side, epoch]).permutation(40)[place] for side in (0, 1)]
        assert [image[0, 0, 0] for image in batch] == [5 * picture for picture in order]
        random = np.random.default_rng([7, number])
        for image in batch:
            mirrored = random.random() < 0.5
            top, left = random.integers(0, 40 - 32 + 1), random.integers(0, 48 - 32 + 1)
            assert (image[0, -1 if mirrored else 0, 1:] == (left, top)).all()


class FakeFabric:
    """Stands where Lightning would look for the device."""

    world_size, global_rank = 1, 0

    def __init__(self, **asked: Any) -> None:
        self.device = torch.device(asked["accelerator"], *(asked["devices"] if asked["devices"] != 1 else ()))

    def launch(self) -> None:
        pass


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs that are not there, as far as opening one goes."""
    monkeypatch.setattr(arithmetic_module, "Fabric", FakeFabric)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)  # opening a GPU sets it


@pytest.mark.usefixtures("gpus")
def test_the_device_is_the_one_asked_for_and_a_gpu_by_default() -> None:
    for asked, found in {"auto": "cuda", "cuda": "cuda", "cuda:1": "cuda:1", "cpu": "cpu"}.items():
        assert str(open_arithmetic(asked, Precision.FP32).device) == found


def test_without_a_gpu_a_run_takes_the_processor(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in ("auto", "cpu"):
        config = tiny(root, tmp_path / device)
        events = train(replace(config, run=replace(config.run, device=device)), threading.Event())
        started = next(events)
        events.close()  # type: ignore[attr-defined]  # a generator
        assert isinstance(started, TrainStarted)
        assert started.device == "cpu"


@pytest.mark.parametrize("has_bf16", [True, False])
def test_auto_precision_is_bf16_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch, has_bf16: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
    arithmetic = open_arithmetic("cpu", Precision.AUTO)
    assert arithmetic.precision is (Precision.BF16 if has_bf16 else Precision.FP32)
    with arithmetic.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype is (torch.bfloat16 if has_bf16 else torch.float32)


@pytest.mark.usefixtures("gpus")
def test_auto_precision_is_float32_on_gpus_that_only_emulate_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert open_arithmetic("cuda", Precision.AUTO).precision is Precision.FP32
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert open_arithmetic("cuda", Precision.AUTO).precision is Precision.BF16
    assert open_arithmetic("cuda", Precision.FP32).precision is Precision.FP32


def test_no_more_pictures_are_kept_than_memory_was_given_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held-out pictures had as much again. Those that are not kept are read again when they are asked for."""
    read, read_image = list[Path](), data_module.read_image
    monkeypatch.setattr(data_module, "read_image", lambda path: read.append(path) or read_image(path))
    for pictures, fewest in ((0, 0), (10.5, 5), (100, 80)):
        config = tiny(root, memory_gb=pictures * PICTURE_BYTES / 1024**3)
        config = replace(config, evaluation=EvaluationConfig(every=9, held_out=4))
        pairs = open_pairs(config)
        assert pairs.held is not None
        domains = (*pairs.domains, *pairs.held)
        read.clear()
        assert [d.image(index).nbytes for d in domains for index in range(len(d))] == [PICTURE_BYTES] * 80
        assert fewest <= 80 - len(read) <= pictures


def test_steps_of_the_rate_come_after_their_epochs_by_their_factor(root: Path, tmp_path: Path) -> None:
    options = OptimizerConfig(
        epochs=4,
        schedule=Schedule.STEP,
        step_epochs=1.5,
        step_factor=0.3,
        learning_rate=1e-3,
        discriminator_learning_rate=1e-4,
    )
    config = replace(tiny(root, tmp_path / "run", largest=2), optimizer=options)
    events = list(train(config, threading.Event()))
    rates = [event.learning_rate for event in events if isinstance(event, TrainProgressed)]
    assert rates == pytest.approx([1e-3 * 0.3 ** (images_seen // 3) for images_seen in range(8)])
    of_discriminators = load_checkpoint(tmp_path / "run")["optimizers"][1]["param_groups"]
    assert [group["lr"] for group in of_discriminators] == pytest.approx([1e-4 * 0.3**2] * 2)


@pytest.mark.parametrize(
    ("crop_over", "sides"),
    [(0.25, [32, 32, 64, 64, *[96] * 12]), (0.75, [*[32] * 6, *[64] * 6, *[96] * 4]), (1.0, [32] * 8 + [64] * 8)],
)
def test_crops_are_full_after_their_share_of_the_run(root: Path, crop_over: float, sides: list[int]) -> None:
    """Between 32 and 96 pixels there is one step more, half way."""
    config = tiny(root, crop=96, crop_from=32, crop_over=crop_over, preprocess=Preprocess.RESIZE_AND_CROP, load=96)
    pairs = open_pairs(replace(config, optimizer=OptimizerConfig(images=16)))
    assert [pairs.batch(number)[0].shape[-1] for number in range(16)] == sides


class Clock:
    """Goes on only where it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_speed_time_left_and_waiting_are_counted_since_the_last_report(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of two come after 3 s, step n takes n s, and an evaluation 100 s, which count as neither."""
    clock, losses = Clock(), list[dict[str, float]]()
    monkeypatch.setattr(train_module, "time", clock)
    batches, step = Pairs.batches, Run.step

    def late(pairs: Pairs, first: int) -> Generator[Any, None, None]:
        with closing(batches(pairs, first)) as coming:
            for batch in coming:
                clock.now += 3
                yield batch

    def slow(run: Run, *batch: Any) -> dict[str, Any]:
        found = step(run, *batch)
        clock.now += run.steps
        losses.append({name: float(value) for name, value in found.items()})
        return found

    def evaluate(judge: Judge, run: Run) -> None:
        clock.now += 100

    for owner, name, fake in ((Pairs, "batches", late), (Run, "step", slow), (Judge, "evaluate", evaluate)):
        monkeypatch.setattr(owner, name, fake)
    monkeypatch.setattr(Judge, "is_due", lambda judge, run, at_end: run.steps == 3)
    config = tiny(root, tmp_path / "run", batch=2)
    config = replace(
        config,
        loss=LossConfig(identity_every=2),
        optimizer=OptimizerConfig(images=12),
        run=replace(config.run, report_every=2),
    )
    found = [event for event in train(config, threading.Event()) if isinstance(event, TrainProgressed)]
    seconds = [3 + 1 + 3 + 2, 3 + 3 + 3 + 4, 3 + 5 + 3 + 6]
    assert [event.images_per_second for event in found] == pytest.approx([4 / taken for taken in seconds])
    assert [event.seconds_left for event in found] == pytest.approx([8 / 4 * seconds[0], 4 / 4 * seconds[1], 0])
    assert [event.data_wait for event in found] == pytest.approx([(3 + 3) / taken for taken in seconds])
    assert [(event.step, event.images_seen) for event in found] == [(2, 4), (4, 8), (6, 12)]
    assert "identity_a" not in losses[1], "a mean over the steps that have it"
    for event, steps in zip(found, (losses[:2], losses[2:4], losses[4:]), strict=True):
        wanted = {name: np.mean([one[name] for one in steps if name in one]) for name in steps[0]}
        assert event.losses == pytest.approx(wanted, rel=1e-5)
