"""A run learns, keeps everything, and goes on where it stopped."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from cgconv.cli.main import main  # noqa: E402
from cgconv.runtime.errors import (  # noqa: E402
    Cancelled,
    CgconvError,
    MissingError,
    ModelError,
    OutputError,
    UsageError,
)
from cgconv.runtime.events import (  # noqa: E402
    CheckpointSaved,
    TrainFinished,
    TrainProgressed,
    TrainStarted,
    TrainWarned,
)
from cgconv.trainer.arithmetic import open_arithmetic  # noqa: E402
from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint, save_checkpoint  # noqa: E402
from cgconv.trainer.choices import (  # noqa: E402
    GanLoss,
    GeneratorKind,
    Init,
    Precision,
    Preprocess,
    RecipeName,
    Schedule,
    Upsampling,
)
from cgconv.trainer.config import (  # noqa: E402
    ContrastConfig,
    DataConfig,
    DiscriminatorConfig,
    EvaluationConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
    config_as_dict,
    config_from_dict,
)
from cgconv.trainer.data.pairs import images_to_tensor, open_pairs, tensor_to_images  # noqa: E402
from cgconv.trainer.networks.build import Generators  # noqa: E402
from cgconv.trainer.presets import PUBLISHED  # noqa: E402
from cgconv.trainer.run import Run  # noqa: E402
from cgconv.trainer.schedule import Plateau, rate_factor  # noqa: E402
from cgconv.trainer.train import train  # noqa: E402

Folders = tuple[Path, Path]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Six reddish and five bluish pictures of 72×80, and a sixth pair for paired training."""
    root, random = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name, count, channel in (("trainA", 6, 2), ("trainB", 5, 0)):
        (root / name).mkdir()
        for index in range(count):
            image = random.integers(0, 120, (72, 80, 3), dtype=np.uint8)
            image[..., channel] += 120
            cv2.imwrite(str(root / name / f"{index}.png"), image)
    return root / "trainA", root / "trainB"


def tiny(folders: Folders, out: Path, **optimizer: Any) -> TrainConfig:
    return TrainConfig(
        generator=GeneratorConfig(blocks=1, width=4),
        discriminator=DiscriminatorConfig(layers=2, width=4),
        loss=LossConfig(history=3),
        contrast=ContrastConfig(patches=8, features=4),
        data=DataConfig(a=folders[0], b=folders[1], crop=32, load=36),
        optimizer=OptimizerConfig(**{"epochs": 2.0, **optimizer}),
        run=RunConfig(out=out, precision=Precision.FP32, report_every=3, sample_every=6, checkpoint_every=6),
    )


def losses_of(out: Path) -> dict[int, dict[str, float]]:
    lines = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: line["losses"] for line in lines if line["event"] == "TrainProgressed"}


def test_a_run_reports_samples_and_checkpoints_and_ends_after_its_epochs(folders: Folders, tmp_path: Path) -> None:
    events = list(train(tiny(folders, tmp_path / "run"), threading.Event()))
    assert isinstance(events[0], TrainStarted)
    assert events[0].images_total == 12  # 2 epochs of max(6, 5)
    assert events[-1] == TrainFinished(out=tmp_path / "run", images_seen=12)
    progress = [event for event in events if isinstance(event, TrainProgressed)]
    assert [event.step for event in progress] == [3, 6, 9, 12]
    assert progress[-1].learning_rate == pytest.approx(2e-4 * 1 / 6)  # the last of 6 steps of linear decay
    assert sum(isinstance(event, CheckpointSaved) for event in events) == 2
    assert list(losses_of(tmp_path / "run")) == [3, 6, 9, 12]
    grid = cv2.imread(str(next((tmp_path / "run" / "samples").iterdir())))
    assert grid.shape == (4 * 32, 6 * 32, 3)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["generator"]["width"] == 4


def test_threads_are_those_asked_for(folders: Folders, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    config = tiny(folders, tmp_path / "run")
    try:
        for wanted in (1, 2):
            events = train(replace(config, run=replace(config.run, threads=wanted)), threading.Event())
            next(events)
            assert torch.get_num_threads() == wanted
            events.close()  # type: ignore[attr-defined]  # a generator
    finally:
        torch.set_num_threads(before)


def test_learning_moves_colors_from_one_domain_to_the_other(folders: Folders, tmp_path: Path) -> None:
    config = tiny(folders, tmp_path / "run", epochs=25.0, learning_rate=2e-3, discriminator_learning_rate=2e-3)
    config = replace(config, loss=replace(config.loss, identity=0.0, cycle=1.0))
    list(train(config, threading.Event()))
    generators = Generators(config)
    generators.load_state_dict(load_checkpoint(tmp_path / "run")["average"], strict=False)
    red = cv2.imread(str(folders[0] / "0.png"))[:, :72, ::-1]
    with torch.no_grad():
        fake_blue = tensor_to_images(generators.eval().ab(images_to_tensor(red[None])))[0]
    assert red[..., 0].mean() > red[..., 2].mean() + 60
    assert fake_blue[..., 2].mean() > fake_blue[..., 0].mean()


@pytest.mark.parametrize("recipe", list(PUBLISHED))
def test_a_stopped_run_resumes_to_the_bit(folders: Folders, tmp_path: Path, recipe: RecipeName) -> None:
    def config(name: str) -> TrainConfig:
        made = tiny(folders, tmp_path / name, schedule=Schedule.PLATEAU, plateau_patience=0, epochs=2.4)
        made = replace(made, recipe=recipe, generator=replace(made.generator, dropout=True))
        return replace(made, run=replace(made.run, report_every=1), loss=replace(made.loss, jitter=4))

    whole = config("whole")
    list(train(whole, threading.Event()))
    stopped, cancel = config("stopped"), threading.Event()
    events = train(stopped, cancel)
    while not isinstance(event := next(events), TrainProgressed) or event.step < 4:
        pass
    cancel.set()  # it is heard after the next step
    with pytest.raises(Cancelled, match=r"--resume .*stopped"):
        list(events)
    assert load_checkpoint(stopped.run.out)["steps"] == 5
    list(train(stopped, threading.Event(), resume=True))

    assert losses_of(whole.run.out) == losses_of(stopped.run.out)
    ends = [load_checkpoint(one.run.out) for one in (whole, stopped)]
    weights = [name for name in ends[0] if isinstance(ends[0][name], dict) and name not in ("config", "schedule")]
    assert {"generators", "average"} < set(weights)
    for part in weights:
        for name, value in ends[0][part].items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, ends[1][part][name]), f"{part}.{name}"
    assert ends[0]["schedule"] == ends[1]["schedule"]


DIES_AT_THE_NINTH_STEP = """
import os, signal, sys
from pathlib import Path
from cgconv.cli.main import main
from cgconv.trainer.reports.run_log import RunLog
add = RunLog.add
def add_and_die(self, event):
    add(self, event)
    if getattr(event, "step", 0) >= 9 and (self.out / "checkpoint.pt").exists():
        os.kill(os.getpid(), signal.SIGKILL)
RunLog.add = add_and_die
main(sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
def test_a_killed_run_goes_on_as_if_nothing_had_happened(folders: Folders, tmp_path: Path) -> None:
    """kill -9 in the middle of an epoch; what follows equals an uninterrupted run's losses, bit for bit."""

    def command(name: str) -> list[str]:
        options = "--blocks 1 --width 4 --discriminator-width 4 --crop 32 --load 36 --precision fp32 --device cpu"
        options += " --epochs 4 --report-every 1 --checkpoint-every 4 --threads 1"
        return ["train", *map(str, folders), "--out", str(tmp_path / name), *options.split()]

    assert main(command("whole")) == 0
    killed = tmp_path / "killed"
    process = subprocess.run(
        [sys.executable, "-c", DIES_AT_THE_NINTH_STEP, *command("killed")], capture_output=True, check=False
    )
    assert process.returncode == -signal.SIGKILL
    assert 4 <= load_checkpoint(killed)["steps"] < 24  # the eighth step's may have been on its way
    with (killed / "metrics.jsonl").open("a") as file:
        file.write('{"event": "TrainProgressed", "step": 23, "los')  # as a kill in the middle of a write leaves it
    assert main(["train", "--resume", str(killed)]) == 0
    whole, after = losses_of(tmp_path / "whole"), losses_of(killed)
    assert list(after) == list(range(1, 25))
    assert after == whole


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.FP16])
def test_mixed_precision_runs_learn_too(folders: Folders, tmp_path: Path, precision: Precision) -> None:
    config = tiny(folders, tmp_path / "run", learning_rate=2e-3)
    config = replace(config, run=replace(config.run, precision=precision))
    events = list(train(config, threading.Event()))
    assert isinstance(events[0], TrainStarted)
    assert events[0].precision == precision
    losses = losses_of(config.run.out)
    assert losses[12]["cycle_a"] < losses[3]["cycle_a"]
    assert (load_checkpoint(config.run.out)["scaler"].get("scale", 0) > 0) is (precision is Precision.FP16)


def test_a_second_run_never_writes_over_the_first(folders: Folders, tmp_path: Path) -> None:
    list(train(tiny(folders, tmp_path / "run", epochs=1.0), threading.Event()))
    with pytest.raises(UsageError, match="--resume"):
        next(iter(train(tiny(folders, tmp_path / "run"), threading.Event())))


def test_one_process_at_a_time_trains_into_a_folder(folders: Folders, tmp_path: Path) -> None:
    """Two that wrote the same checkpoint and metrics ended with neither's run."""
    config = tiny(folders, tmp_path / "run", epochs=1.0)
    first = train(config, threading.Event())
    next(first)
    other = replace(config, run=replace(config.run, seed=1))
    with pytest.raises(UsageError, match="run: another process is training into this folder"):
        next(train(other, threading.Event()))
    assert json.loads((tmp_path / "run" / "config.json").read_text())["run"]["seed"] == 0
    list(first)
    assert not (tmp_path / "run" / "training.lock").exists()
    list(train(replace(config, optimizer=replace(config.optimizer, epochs=2.0)), threading.Event(), resume=True))
    assert load_checkpoint(tmp_path / "run")["steps"] == 12


def test_folders_within_each_other_are_refused(folders: Folders, tmp_path: Path) -> None:
    """A run whose folder lay in a folder of pictures took its own samples for pictures when it went on."""
    root, (a, b) = folders[0].parent, folders
    for data_a, data_b, out, wanted in (
        (a, b, a, "--out .*is inside .*trainA"),
        (a, b, b / "runs" / "new", "--out .*is inside .*trainB"),
        (a, a, tmp_path / "run", "one is inside the other"),
        (root, b, tmp_path / "run", "one is inside the other"),
    ):
        with pytest.raises(UsageError, match=wanted):
            next(train(tiny((data_a, data_b), out), threading.Event()))
        assert out == a or not out.exists()


def test_a_run_that_cannot_be_judged_says_so_once(folders: Folders, tmp_path: Path) -> None:
    """Too few pictures to hold any out: neither the missing curves nor features that are not there went noticed."""
    config = tiny(folders, tmp_path / "run", epochs=1.0)
    (warned,) = [event for event in train(config, threading.Event()) if isinstance(event, TrainWarned)]
    assert (warned.images_seen, "is not judged" in warned.message) == (0, True)
    assert "is not judged" in (tmp_path / "run" / "report.html").read_text()
    longer = replace(config, optimizer=replace(config.optimizer, epochs=2.0))
    assert not any(isinstance(e, TrainWarned) for e in train(longer, threading.Event(), resume=True))
    off = replace(config, evaluation=EvaluationConfig(every=0), run=replace(config.run, out=tmp_path / "off"))
    assert not any(isinstance(e, TrainWarned) for e in train(off, threading.Event()))
    wanted = replace(config, evaluation=EvaluationConfig(features="no.onnx"))
    with pytest.raises(UsageError, match=r"no\.onnx: no such file"):
        next(train(replace(wanted, run=replace(config.run, out=tmp_path / "features")), threading.Event()))


@pytest.mark.parametrize(("name", "term"), [("generators", r"cycle_a"), ("discriminators", r"gan_ab")])
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint(
    folders: Folders, tmp_path: Path, name: str, term: str
) -> None:
    config = tiny(folders, tmp_path / "run", epochs=1.0)
    list(train(config, threading.Event()))
    kept = load_checkpoint(config.run.out)
    bias = [key for key in kept[name] if key.startswith(("ab", "b")) and key.endswith("bias")][-1]
    kept[name][bias][:] = float("nan")
    save_checkpoint(config.run.out / "checkpoint.pt", kept)
    before = (config.run.out / "checkpoint.pt").read_bytes()
    longer = replace(config, optimizer=replace(config.optimizer, epochs=3.0))
    rarely = replace(longer, run=replace(longer.run, report_every=100, checkpoint_every=1))  # kept before reported
    with pytest.raises(CgconvError, match=rf"{term}.* not a number.*last good state"):
        list(train(rarely, threading.Event(), resume=True))
    assert (config.run.out / "checkpoint.pt").read_bytes() == before


def test_weights_that_are_not_finite_are_never_kept(folders: Folders, tmp_path: Path) -> None:
    """The losses of a step are found before its update: they can be fine when the weights no longer are."""
    config = tiny(folders, tmp_path / "run", learning_rate=1e39, discriminator_learning_rate=2e-4)
    config = replace(config, run=replace(config.run, checkpoint_every=1))
    with pytest.raises(CgconvError, match=r"not a number; nothing was kept yet"):
        list(train(config, threading.Event()))
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_a_sentence_and_leaves_the_last_checkpoint(folders: Folders, tmp_path: Path) -> None:
    config = tiny(folders, tmp_path / "run", epochs=1.0)
    list(train(config, threading.Event()))
    before = (config.run.out / "checkpoint.pt").read_bytes()
    (config.run.out / "checkpoint.pt.part").symlink_to("/dev/full")  # what the next checkpoint is first written to
    longer = replace(config, optimizer=replace(config.optimizer, epochs=2.0))
    with pytest.raises(OutputError, match=r"No space left on device.*intact") as caught:
        list(train(longer, threading.Event(), resume=True))
    assert "\n" not in str(caught.value)
    assert (config.run.out / "checkpoint.pt").read_bytes() == before
    assert load_checkpoint(config.run.out)["steps"] == 6


def test_metrics_that_do_not_fit_on_the_disk_are_a_sentence_too(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(folders, tmp_path / "run", epochs=1.0)
    list(train(config, threading.Event()))

    def full(log: object, event: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(config.run.out / "metrics.jsonl"))

    monkeypatch.setattr("cgconv.trainer.reports.run_log.RunLog.add", full)
    longer = replace(config, optimizer=replace(config.optimizer, epochs=2.0))
    with pytest.raises(OutputError, match=r"metrics.jsonl: .*No space left on device.*last good state"):
        list(train(longer, threading.Event(), resume=True))
    assert load_checkpoint(config.run.out)["steps"] == 6


def test_checkpoints_of_the_first_format_export_and_are_not_gone_on_with(folders: Folders, tmp_path: Path) -> None:
    """The bundled model's run was written by a trial version: other places for histories, other optimizers."""
    config = tiny(folders, tmp_path / "run", epochs=1.0)
    list(train(config, threading.Event()))
    state = load_checkpoint(config.run.out)
    [process] = state.pop("processes")
    old = {name: state[name] for name in ("generators", "discriminators", "average", "colors", "images_seen", "steps")}
    old |= {
        "cgconv": 1,
        "config": {**state["config"], "discriminator": {"layers": 2, "width": 4, "color": False, "channels_in": 3}},
        "history": [process["memories"]["history_a"]["fakes"], process["memories"]["history_b"]["fakes"]],
        "random": {
            "torch": process["random"]["torch"],
            "cuda": [],
            "history": process["random"]["recipe"],
            "python": [3, [0], None],
        },
        "optimizers": state["optimizers"],
        "data": "{}",
    }
    torch.save(old, config.run.out / "checkpoint.pt")
    kept = load_checkpoint(config.run.out)
    Generators(checkpoint_config(kept)).load_state_dict(kept["generators"])
    longer = replace(config, optimizer=replace(config.optimizer, epochs=2.0))
    with pytest.raises(ModelError, match="pre-release version; it can be exported, but not resumed"):
        list(train(longer, threading.Event(), resume=True))


@pytest.mark.parametrize("recipe", [RecipeName.CYCLEGAN, RecipeName.CUT])
def test_pictures_of_two_sizes_train_with_a_gradient_penalty(tmp_path: Path, recipe: RecipeName) -> None:
    """Points between a real and a fake picture were wanted where these differed in size."""
    for name, size_hw in (("a", (40, 64)), ("b", (56, 36))):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "0.png"), np.random.default_rng(0).integers(0, 256, (*size_hw, 3), np.uint8))
    config = tiny((tmp_path / "a", tmp_path / "b"), tmp_path / "run", images=2)
    data = replace(config.data, preprocess=Preprocess.NONE)
    config = replace(config, recipe=recipe, data=data, loss=LossConfig(gan=GanLoss.WGAN_GP, history=1))
    list(train(config, threading.Event()))
    assert load_checkpoint(config.run.out)["steps"] == 2


def test_crops_that_grow_train_with_a_gradient_penalty(folders: Folders, tmp_path: Path) -> None:
    """A remembered fake was as small as crops had been, the real picture as large as they had become."""
    config = tiny(folders, tmp_path / "run", images=12)
    data = replace(config.data, crop=64, load=64, crop_from=32, crop_over=0.5)
    list(train(replace(config, data=data, loss=LossConfig(gan=GanLoss.WGAN_GP, history=2)), threading.Event()))
    assert load_checkpoint(config.run.out)["steps"] == 12


@pytest.mark.skipif(
    shutil.which(os.environ.get("CXX", "g++")) is None, reason="no C++ compiler: install g++ to compile networks"
)
def test_compiled_networks_have_the_losses_of_those_that_are_not(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With WGAN-GP: its penalty takes a gradient of a gradient, which compiled networks do not have."""
    from torch._dynamo.utils import counters

    monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", "1")  # more would each import torch anew
    found = {}
    for name, compiled in (("as they are", False), ("compiled", True)):
        config = replace(
            tiny(folders, tmp_path / name, images=2),
            recipe=RecipeName.PIX2PIX,
            discriminator=DiscriminatorConfig(layers=1, width=4),
            evaluation=EvaluationConfig(every=0),
            loss=LossConfig(gan=GanLoss.WGAN_GP, history=0),
        )
        before = counters["frames"]["ok"]
        run = replace(config.run, compile=compiled, report_every=1)
        list(train(replace(config, run=run), threading.Event()))
        assert (counters["frames"]["ok"] > before) is compiled
        found[name] = losses_of(run.out)
    for step, losses in found["as they are"].items():
        assert found["compiled"][step] == pytest.approx(losses, rel=1e-3, abs=1e-5)


def test_without_a_compiler_compiling_is_a_sentence_that_names_it() -> None:
    import torch._dynamo
    import torch._inductor.config

    from cgconv.trainer.run import _compiling

    nothing = {"cpp.cxx": ("no-such-compiler",), "force_disable_caches": True}
    with (
        torch._inductor.config.patch(nothing),  # type: ignore[no-untyped-call]
        pytest.raises(MissingError, match=r"--compile: .*no-such-compiler.*--no-compile trains without") as caught,
        _compiling(),
    ):
        torch.compile(lambda x: torch.sin(x) + 1)(torch.ones(8))
    assert "\n" not in str(caught.value)


def test_averaged_weights_follow_their_half_life(folders: Folders, tmp_path: Path) -> None:
    config = tiny(folders, tmp_path / "run", ema_half_life=2.0, learning_rate=1e-2)
    run = Run(config, open_arithmetic("cpu", Precision.FP32), open_pairs(config))
    wanted = run.recipe.generators.ab.head[1].bias.detach().clone()
    for number in range(6):
        run.step(*run.pairs.batch(number))
        keep = min(0.5 ** (1 / 2.0), (2 + number) / (11 + number))  # warms up from 2 of 11
        wanted = keep * wanted + (1 - keep) * run.recipe.generators.ab.head[1].bias.detach()
    assert torch.allclose(run.average_of["ab.head.1.bias"], wanted, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "factors"),
    [
        (OptimizerConfig(decay=0.5), {0.0: 1, 0.5: 1, 0.75: 0.5, 1.0: 0}),
        (OptimizerConfig(decay=0.0), {0.0: 1, 0.99: 1}),
        (OptimizerConfig(schedule=Schedule.CONSTANT), {0.0: 1, 1.0: 1}),
        (OptimizerConfig(schedule=Schedule.COSINE), {0.0: 1, 1 / 3: 0.75, 0.5: 0.5, 1.0: 0}),
        (OptimizerConfig(schedule=Schedule.STEP, step_epochs=50), {0.0: 1, 0.249: 1, 0.25: 0.1, 0.6: 0.01}),
    ],
)
def test_the_learning_rate_goes_as_its_schedule_says(options: OptimizerConfig, factors: dict[float, float]) -> None:
    for progress, factor in factors.items():
        found = rate_factor(options, progress=progress, epochs=200 * progress)
        assert found == pytest.approx(factor, abs=1e-9)


def test_a_plateau_lowers_the_rate_after_its_patience() -> None:
    plateau = Plateau(OptimizerConfig(plateau_patience=1, plateau_factor=0.5))
    factors = []
    for objective in (10.0, 8.0, 7.99, 7.98, 7.0, 7.0, 7.0, 7.0, 7.0):  # under 1 % better is no gain
        plateau.end_epoch(objective)
        factors.append(plateau.factor)
    assert factors == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_the_generators_objective_drives_the_plateau(folders: Folders, tmp_path: Path) -> None:
    config = tiny(
        folders,
        tmp_path / "run",
        schedule=Schedule.PLATEAU,
        plateau_patience=0,
        learning_rate=1e-12,
        discriminator_learning_rate=1e-12,
    )
    run = Run(config, open_arithmetic("cpu", Precision.FP32), open_pairs(config))
    for number in range(13):  # the weights hardly move: the second epoch is no better
        run.step(*run.pairs.batch(number))
    assert run.rate == pytest.approx(0.2e-12)


def test_first_weights_are_drawn_as_asked(folders: Folders, tmp_path: Path) -> None:
    config = tiny(folders, tmp_path / "run", init=Init.ORTHOGONAL, init_gain=0.5)
    run = Run(config, open_arithmetic("cpu", Precision.FP32), open_pairs(config))
    rows = run.recipe.networks["discriminators"].a.body[2].weight.detach().flatten(1)  # 8 × 64
    assert torch.allclose(rows @ rows.T, 0.25 * torch.eye(8), atol=1e-6)


def test_a_gpu_that_is_not_there_is_named(folders: Folders, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this computer has one")
    config = tiny(folders, tmp_path / "run")
    with pytest.raises(MissingError, match="--device cuda"):
        next(iter(train(replace(config, run=replace(config.run, device="cuda")), threading.Event())))


@pytest.mark.parametrize("device", ["cuda:x", "cpu:0", "toaster"])
def test_a_device_that_is_none_is_refused(folders: Folders, tmp_path: Path, device: str) -> None:
    config = tiny(folders, tmp_path / "run")
    with pytest.raises(UsageError, match=device):
        next(iter(train(replace(config, run=replace(config.run, device=device)), threading.Event())))


def test_a_crop_that_a_u_net_cannot_take_is_refused(folders: Folders, tmp_path: Path) -> None:
    config = tiny(folders, tmp_path / "run")
    config = replace(config, generator=GeneratorConfig(kind=GeneratorKind.UNET_128))
    with pytest.raises(UsageError, match=r"data\.crop: found 32, expected a multiple of 128"):
        next(iter(train(config, threading.Event())))


def test_a_config_survives_its_file_and_refuses_what_does_not_fit(folders: Folders, tmp_path: Path) -> None:
    config = tiny(folders, tmp_path)
    config = replace(config, loss=replace(config.loss, cycle_a=3.0, identity_to=0.1))
    assert config_from_dict(json.loads(json.dumps(config_as_dict(config)))) == config
    assert config_from_dict({**config_as_dict(config), "of a newer version": 1}) == config
    for wrong, named in (
        ({"generator": {"upsampling": "magic"}}, "upsampling"),
        ({"loss": {"cycle": "nan"}}, r"loss\.cycle"),
        ({"loss": {"gan": "hinge"}, "discriminator": {"sigmoid": True}}, r"discriminator\.sigmoid"),
        ({"recipe": "cut", "generator": {"focus": "a2b"}}, r"generator\.focus"),
        ({"recipe": "cut", "generator": {"channels_in": 1}}, r"generator\.channels_out"),
        ({"data": {"preprocess": "none", "batch": 2}}, r"data\.batch"),
        ({"discriminator": {"layers": 4}, "data": {"crop": 32}}, r"data\.crop: found 32, expected 48 or more"),
        ({"loss": {"jitter": 9}, "data": {"crop": 64, "crop_from": 32}}, r"data\.crop_from: found 32, expected 33"),
        ({"loss": dict.fromkeys(("gan_ab", "gan_ba", "cycle", "identity"), 0)}, "nothing to learn"),
        ({"recipe": "cut", "loss": {"gan_ab": 0}, "contrast": {"weight": 0}}, "nothing to learn"),
        ({"recipe": "pix2pix", "direction": "b2a", "loss": {"gan_ba": 0, "l1": 0}}, "nothing to learn"),
        ({"generator": {"width": 4, "focus": "a2b"}}, r"generator\.width: found 4, expected 8 to 512"),
        ({"optimizer": {"beta2": 1}}, r"optimizer\.beta2"),
        ({"optimizer": {"epochs": "inf"}}, r"optimizer\.epochs: found inf, expected a finite number"),
        ({"run": {"seed": -1}}, r"run\.seed"),
        ({"run": {"compile": "no"}}, r"compile: found 'no', expected true or false"),
    ):
        with pytest.raises(UsageError, match=named):
            config_from_dict(wrong)
    assert config_from_dict({"run": {"compile": "False"}}).run.compile is False
    assert config_from_dict({"generator": {"upsampling": "resize"}}).generator.upsampling is Upsampling.RESIZE


def test_a_checkpoint_rebuilds_its_networks_and_holds_no_code(folders: Folders, tmp_path: Path) -> None:
    config = tiny(folders, tmp_path / "run", epochs=1.0)
    list(train(config, threading.Event()))
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert checkpoint_config(state) == config
    Generators(checkpoint_config(state)).load_state_dict(state["generators"])


def test_damaged_and_foreign_checkpoints_get_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(ModelError, match="damaged"):
        load_checkpoint(path)
    torch.save({"model.1.weight": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="models import"):
        load_checkpoint(path)
    torch.save({"cgconv": 99}, path)
    with pytest.raises(ModelError, match="99"):
        load_checkpoint(path)
    with pytest.raises(UsageError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "nothing")
