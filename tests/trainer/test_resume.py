"""A run that goes on keeps its word: what it held out stays held out, and a bad checkpoint is refused in a sentence."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from cgconv.cli.main import main  # noqa: E402
from cgconv.runtime.errors import ModelError, UsageError  # noqa: E402
from cgconv.runtime.events import Evaluated, TrainProgressed, TrainStarted  # noqa: E402
from cgconv.trainer import train as training  # noqa: E402
from cgconv.trainer.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from cgconv.trainer.choices import Precision  # noqa: E402
from cgconv.trainer.config import (  # noqa: E402
    DataConfig,
    DiscriminatorConfig,
    EvaluationConfig,
    GeneratorConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from cgconv.trainer.data.held_out import hold_out  # noqa: E402
from cgconv.trainer.data.pairs import Pairs  # noqa: E402
from cgconv.trainer.judging.evaluation import BestStates  # noqa: E402


def paint(folder: Path, count: int, *, prefix: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(count)
    for number in range(count):
        low = random.integers(0, 255, (4, 4, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{prefix}{number}.png"), cv2.resize(low, (36, 36)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for name in ("trainA", "trainB"):
        paint(root / name, 44)
    return root


def tiny(data: Path, out: Path, *, images: int, every: int) -> TrainConfig:
    return TrainConfig(
        generator=GeneratorConfig(blocks=1, width=4),
        discriminator=DiscriminatorConfig(layers=1, width=4),
        data=DataConfig(a=data / "trainA", b=data / "trainB", crop=32, load=32),
        optimizer=OptimizerConfig(images=images),
        evaluation=EvaluationConfig(every=every, held_out=4, keep_best=0),
        run=RunConfig(out=out, device="cpu", precision=Precision.FP32, threads=1, sample_every=0),
    )


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Pairs]:
    """Gather what trainings learn from."""
    found: list[Pairs] = []
    real = training.open_pairs

    def remember(*given: Any, **options: Any) -> Pairs:
        found.append(real(*given, **options))
        return found[-1]

    monkeypatch.setattr(training, "open_pairs", remember)
    return found


def train(config: TrainConfig, *, resume: bool = False) -> list[Any]:
    return list(training.train(config, threading.Event(), resume=resume))


def learned_from(pairs: Pairs) -> set[str]:
    return {source.path.name for source in pairs.domains[0].sources}


def test_no_resume_learns_from_what_the_run_held_out(data: Path, tmp_path: Path, opened: list[Pairs]) -> None:
    """Without evaluations nothing was held out, so that a resumed run learned what it was judged by afterwards."""
    train(tiny(data, tmp_path / "run", images=2, every=2))
    train(tiny(data, tmp_path / "run", images=4, every=0), resume=True)
    events = train(tiny(data, tmp_path / "run", images=6, every=2), resume=True)
    held = {f"{number}.png" for number in hold_out([f"{number}.png" for number in range(44)], 4)}
    for pairs in opened:
        assert learned_from(pairs) == {f"{number}.png" for number in range(44)} - held
        assert pairs.held is not None
        assert {source.path.name for source in pairs.held[0].sources} == held
    assert any(isinstance(event, Evaluated) for event in events)


def test_pictures_that_join_the_folders_later_change_nothing_in_that(
    data: Path, tmp_path: Path, opened: list[Pairs]
) -> None:
    """Those held out are the smallest hashes, a tenth at most: more pictures would choose others."""
    for name in ("trainA", "trainB"):
        paint(tmp_path / name, 44)
    train(tiny(tmp_path, tmp_path / "run", images=1, every=2))
    for name in ("trainA", "trainB"):
        paint(tmp_path / name, 300, prefix="more")
    train(tiny(tmp_path, tmp_path / "run", images=2, every=2), resume=True)
    first, second = opened
    assert second.held_names == first.held_names
    assert learned_from(second) > learned_from(first)
    for name in ("trainA", "trainB"):
        paint(tmp_path / "other" / name, 50, prefix="other")
    train(tiny(tmp_path / "other", tmp_path / "run", images=3, every=2), resume=True)
    assert len(learned_from(opened[-1])) == 46, "of other pictures others are held out"
    train(tiny(tmp_path, tmp_path / "run", images=4, every=0), resume=True)
    assert learned_from(opened[-1]) == learned_from(second)


def test_a_run_that_has_learned_from_all_pictures_is_not_judged_by_them(
    data: Path, tmp_path: Path, opened: list[Pairs], capfd: pytest.CaptureFixture[str]
) -> None:
    train(tiny(data, tmp_path / "run", images=1, every=0))
    assert len(learned_from(opened[-1])) == 44
    with pytest.raises(UsageError, match=r"evaluation\.every: found 2, expected 0: .*learned from all"):
        train(tiny(data, tmp_path / "run", images=2, every=2), resume=True)
    assert main(["train", "--resume", str(tmp_path / "run"), "--images", "2", "--evaluate-every", "2"]) == 2
    assert "--evaluate-every: found 2, expected 0" in capfd.readouterr().err
    state = load_checkpoint(tmp_path / "run")
    assert state["images_seen"] == 1
    del state["held_out"]  # as earlier versions wrote it
    save_checkpoint(tmp_path / "run" / "checkpoint.pt", state)
    with pytest.raises(UsageError, match="learned from all"):
        train(tiny(data, tmp_path / "run", images=2, every=2), resume=True)
    train(tiny(data, tmp_path / "run", images=2, every=0), resume=True)
    assert len(learned_from(opened[-1])) == 44


def test_a_checkpoint_that_cannot_be_read_is_one_sentence(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An empty file was an IndexError, five letters were a KeyError, and changed bytes were trained on."""
    train(tiny(data, tmp_path / "run", images=1, every=0))
    path = tmp_path / "run" / "checkpoint.pt"
    whole = path.read_bytes()
    middle = len(whole) // 2
    for bad in (
        b"",
        b"hello",
        whole[:middle],
        whole[:-10],
        b"\x80\x04}q\x00.",  # the last is a pickle
        whole[:middle] + bytes(byte ^ 255 for byte in whole[middle : middle + 2000]) + whole[middle + 2000 :],
    ):
        path.write_bytes(bad)
        assert main(["train", "--resume", str(tmp_path / "run"), "--images", "2"]) == 1
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(f"cgconv: {path}: not a checkpoint that can be read (")
        assert line.endswith(")")
    path.write_bytes(whole)
    state = load_checkpoint(path)
    for name in ("judge", "generators", "discriminators", "processes"):
        save_checkpoint(path, {key: value for key, value in state.items() if key != name})
        with pytest.raises(ModelError, match=f"this checkpoint lacks {name}"):
            train(tiny(data, tmp_path / "run", images=2, every=0), resume=True)
    state["generators"] = {key: value[:1] for key, value in state["generators"].items()}
    save_checkpoint(path, state)
    with pytest.raises(ModelError, match="contents do not match its settings"):
        train(tiny(data, tmp_path / "run", images=2, every=0), resume=True)


def test_where_nothing_is_left_to_train_nothing_is_written(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The settings said 1 image afterwards, and other folders, while the checkpoint knew better."""
    train(tiny(data, tmp_path / "run", images=2, every=0))
    assert not (tmp_path / "run" / "samples").exists(), "--sample-every 0"
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    for name in ("trainA", "trainB"):
        paint(tmp_path / "other" / name, 3)
    resume = ["train", "--resume", str(tmp_path / "run")]
    assert main([*resume, "--images", "1"]) == 0
    assert "2 images have been seen, more than the 1 asked for: nothing is left to do" in capfd.readouterr().err
    assert main([*resume, "--data", str(tmp_path / "other")]) == 0
    assert "all of its 2 images have been seen" in capfd.readouterr().err
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_a_run_without_a_checkpoint_says_how_to_begin_anew(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "my run"
    killed = training.train(tiny(data, out, images=2, every=0), threading.Event())
    assert isinstance(next(killed), TrainStarted)
    killed.close()  # type: ignore[attr-defined]  # a generator
    with pytest.raises(UsageError, match=r"ended before its first checkpoint.*--out '.*/my run'\)"):
        load_checkpoint(out)
    train(tiny(data, out, images=2, every=0))
    assert load_checkpoint(out)["images_seen"] == 2


def test_the_page_of_a_run_without_samples_is_whole(data: Path, tmp_path: Path) -> None:
    config = tiny(data, tmp_path / "run", images=1, every=0)
    train(replace(config, run=replace(config.run, name_a="red")))
    assert "red" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["run"]["sample_every"] == 0


def test_a_run_goes_on_in_another_precision(data: Path, tmp_path: Path) -> None:
    """Remembered fakes of bf16 went into float32 discriminators as they were: a RuntimeError of types."""
    config = tiny(data, tmp_path / "run", images=3, every=0)
    first = replace(config, run=replace(config.run, precision=Precision.BF16))
    train(first)
    longer = replace(config, optimizer=replace(config.optimizer, images=12), loss=replace(config.loss, history=3))
    train(longer, resume=True)
    assert load_checkpoint(tmp_path / "run")["steps"] == 12


def test_a_run_goes_on_from_any_folder(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    config = tiny(Path(), tmp_path / "run", images=2, every=0)
    assert not config.data.a.is_absolute()
    train(config)
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--resume", str(tmp_path / "run"), "--images", "4"]) == 0
    assert load_checkpoint(tmp_path / "run")["images_seen"] == 4


def test_pictures_that_have_moved_are_one_line(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(data, tmp_path / "data")
    train(tiny(tmp_path / "data", tmp_path / "run", images=2, every=0))
    (tmp_path / "data").rename(tmp_path / "moved")
    resume = ["train", "--resume", str(tmp_path / "run"), "--images", "4"]
    assert main(resume) == 2
    assert f"{tmp_path / 'data' / 'trainA'}: no such folder" in capfd.readouterr().err
    assert main([*resume, "--data", str(tmp_path / "moved")]) == 0


def test_rates_and_weights_may_change_in_a_run_that_goes_on(data: Path, tmp_path: Path) -> None:
    """The optimizer's state brought the old rate back, so that advice to lower it could not be followed."""
    train(tiny(data, tmp_path / "run", images=2, every=0))
    new = ["--learning-rate", "3e-5", "--discriminator-learning-rate", "7e-6", "--cycle", "25"]
    assert main(["train", "--resume", str(tmp_path / "run"), "--images", "100", "--report-every", "1", *new]) == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    reports = [line for line in lines if line["event"] == "TrainProgressed" and line["images_seen"] > 2]
    assert reports[0]["learning_rate"] == pytest.approx(3e-5)
    terms = reports[-1]["losses"]
    weighted = 25 * (terms["cycle_a"] + terms["cycle_b"]) + 5 * (terms["identity_a"] + terms["identity_b"])
    assert terms["objective"] == pytest.approx(weighted + terms["gan_ab"] + terms["gan_ba"], rel=1e-5)
    state = load_checkpoint(tmp_path / "run")
    assert [group["initial_lr"] for group in state["optimizers"][1]["param_groups"]] == pytest.approx([7e-6] * 2)


def test_what_a_run_was_made_of_may_not_change(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(tiny(data, tmp_path / "run", images=2, every=0))
    assert main(["train", "--resume", str(tmp_path / "run"), "--width", "8"]) == 2
    assert "--width: cannot be changed with --resume" in capfd.readouterr().err
    assert main(["train", "--resume", str(tmp_path / "run"), "--l1", "8"]) == 2
    assert "--l1: no effect with --recipe cyclegan" in capfd.readouterr().err


def test_the_checkpoint_is_read_while_nobody_else_may_write_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read before the lock was taken, it could be one that the run before had not finished yet."""
    train(tiny(data, tmp_path / "run", images=2, every=0))
    locked = []
    real = training.load_checkpoint

    def load(path: Path) -> dict[str, Any]:
        locked.append((path / "training.lock").exists())
        return real(path)

    monkeypatch.setattr(training, "load_checkpoint", load)
    train(tiny(data, tmp_path / "run", images=4, every=0), resume=True)
    assert locked == [True]
    assert not (tmp_path / "run" / "training.lock").exists()


def test_a_training_that_cannot_begin_leaves_no_folder(data: Path, tmp_path: Path) -> None:
    config = tiny(data, tmp_path / "run", images=2, every=0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="found no readable picture"):
        train(replace(config, data=replace(config.data, a=tmp_path / "empty")))
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    with pytest.raises(UsageError, match="found no readable picture"):
        train(replace(config, data=replace(config.data, a=tmp_path / "empty")))
    assert (tmp_path / "run").exists(), "somebody else's"


def test_a_new_run_takes_nothing_of_one_that_ended_before_its_first_checkpoint(data: Path, tmp_path: Path) -> None:
    """Its lines and samples stood among the new run's, and its best state competed with theirs."""
    out = tmp_path / "run"
    (out / "samples").mkdir(parents=True)
    (out / "samples" / "00000900.jpg").write_bytes(b"old")
    (out / "metrics.jsonl").write_text('{"event": "TrainWarned", "images_seen": 0, "message": "old"}\n')
    train(tiny(data, out, images=2, every=0))
    assert "old" not in (out / "metrics.jsonl").read_text()
    assert not (out / "samples" / "00000900.jpg").exists()

    train(tiny(data, tmp_path / "judged", images=2, every=2))
    config = tiny(data, tmp_path / "judged", images=2, every=2)
    train(replace(config, run=replace(config.run, out=tmp_path / "best"), evaluation=EvaluationConfig(2, 4, 1)))
    (tmp_path / "best" / "checkpoint.pt").unlink()
    with pytest.raises(UsageError, match=r"best: holds the best states of a run that ended before its first"):
        train(tiny(data, tmp_path / "best", images=2, every=2))
    assert (tmp_path / "best" / "best-00000002.pt").exists()


@pytest.mark.parametrize(
    "entry",
    [
        {"file": "../precious", "score": 9.0, "images_seen": 1},
        {"file": "best-00000001.pt", "score": 9.0},
        {"file": "best-00000001.pt", "score": "9", "images_seen": 1},
        {"file": 7, "score": 9.0, "images_seen": 1},
    ],
)
def test_a_list_of_best_states_from_elsewhere_deletes_nothing(tmp_path: Path, entry: dict[str, Any]) -> None:
    """best.json is a file like any other: it named what the next better state displaced, wherever that lay."""
    out = tmp_path / "run"
    out.mkdir()
    for path in (tmp_path / "precious", out / "best-00000001.pt"):
        path.write_bytes(b"kept")
    (out / "best.json").write_text(json.dumps({"kept": [entry]}))
    best = BestStates(out, 1)
    assert best.wants(0.5, 2)
    best.keep(0.5, 2, lambda path: path.write_bytes(b"new"))
    assert (tmp_path / "precious").read_bytes() == b"kept"


def test_the_page_is_there_from_the_first_report_on(data: Path, tmp_path: Path) -> None:
    config = tiny(data, tmp_path / "run", images=3, every=0)
    events = training.train(replace(config, run=replace(config.run, report_every=1)), threading.Event())
    next(event for event in events if isinstance(event, TrainProgressed))
    next(events)  # what is written about a report is written before the next event
    assert "1 of 3 images" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    events.close()
