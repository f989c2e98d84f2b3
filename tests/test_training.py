"""A run learns, keeps everything, and goes on where it stopped."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from cgconv.runtime.errors import Cancelled, CgconvError, DataError, MissingError, ModelError, UsageError
from cgconv.runtime.events import CheckpointSaved, TrainFinished, TrainProgressed, TrainStarted
from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint, save_checkpoint
from cgconv.trainer.config import (
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    Precision,
    RunConfig,
    TrainConfig,
    config_as_dict,
    config_from_dict,
)
from cgconv.trainer.cyclegan import Generators
from cgconv.trainer.data import Domain, Pairs, find_domains, images_to_tensor, tensor_to_images
from cgconv.trainer.train import train


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Six reddish and five bluish pictures of 72×80."""
    root, random = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name, count, channel in (("trainA", 6, 2), ("trainB", 5, 0)):
        (root / name).mkdir()
        for index in range(count):
            image = random.integers(0, 120, (72, 80, 3), dtype=np.uint8)
            image[..., channel] += 120
            cv2.imwrite(str(root / name / f"{index}.png"), image)
    return root / "trainA", root / "trainB"


def tiny(folders: tuple[Path, Path], out: Path, **optimizer: float) -> TrainConfig:
    return TrainConfig(
        generator=GeneratorConfig(blocks=1, width=4),
        discriminator=DiscriminatorConfig(layers=2, width=4),
        loss=LossConfig(history=3),
        data=DataConfig(a=folders[0], b=folders[1], crop=32, load=36),
        optimizer=OptimizerConfig(**{"epochs": 2.0, **optimizer}),
        run=RunConfig(out=out, precision=Precision.FP32, report_every=3, sample_every=6, checkpoint_every=6),
    )


def test_a_run_reports_samples_and_checkpoints_and_ends_after_its_epochs(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    events = list(train(tiny(folders, tmp_path / "run"), threading.Event()))
    assert isinstance(events[0], TrainStarted)
    assert events[0].images_total == 12  # 2 epochs of max(6, 5)
    assert events[-1] == TrainFinished(out=tmp_path / "run", images_seen=12)
    progress = [event for event in events if isinstance(event, TrainProgressed)]
    assert [event.step for event in progress] == [3, 6, 9, 12]
    assert progress[-1].learning_rate == pytest.approx(2e-4 * 1 / 6)  # the last of 6 steps of linear decay
    assert sum(isinstance(event, CheckpointSaved) for event in events) == 2
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [3, 6, 9, 12]
    grid = cv2.imread(str(next((tmp_path / "run" / "samples").iterdir())))
    assert grid.shape == (4 * 32, 6 * 32, 3)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["generator"]["width"] == 4


def test_learning_moves_colors_from_one_domain_to_the_other(folders: tuple[Path, Path], tmp_path: Path) -> None:
    config = tiny(folders, tmp_path / "run", epochs=25.0, learning_rate=2e-3, discriminator_learning_rate=2e-3)
    config = replace(config, loss=replace(config.loss, identity=0.0, cycle=1.0))
    list(train(config, threading.Event()))
    generators = Generators(config)
    generators.load_state_dict(load_checkpoint(tmp_path / "run")["average"], strict=False)
    red = Domain(folders[0], load_px=36).image(0)
    with torch.no_grad():
        fake_blue = tensor_to_images(generators.eval().ab(images_to_tensor(red[None])))[0]
    assert red[..., 0].mean() > red[..., 2].mean() + 60
    assert fake_blue[..., 2].mean() > fake_blue[..., 0].mean()


def test_a_stopped_run_resumes_to_the_bit(folders: tuple[Path, Path], tmp_path: Path) -> None:
    whole = tiny(folders, tmp_path / "whole")
    list(train(whole, threading.Event()))

    stopped, cancel = tiny(folders, tmp_path / "stopped"), threading.Event()
    events = train(stopped, cancel)
    while not isinstance(next(events), TrainProgressed):
        pass
    cancel.set()  # after step 3; it is heard after the next
    with pytest.raises(Cancelled, match=r"--out .* --resume"):
        list(events)
    assert load_checkpoint(stopped.run.out)["steps"] == 4
    list(train(stopped, threading.Event(), resume=True))

    ends = [load_checkpoint(config.run.out) for config in (whole, stopped)]
    assert ends[0]["steps"] == ends[1]["steps"] == 12
    for part in ("generators", "discriminators", "average"):
        for name, value in ends[0][part].items():
            assert torch.equal(value, ends[1][part][name]), f"{part}.{name}"


def test_a_second_run_never_writes_over_the_first(folders: tuple[Path, Path], tmp_path: Path) -> None:
    list(train(tiny(folders, tmp_path / "run", epochs=1.0), threading.Event()))
    with pytest.raises(UsageError, match="--resume"):
        next(iter(train(tiny(folders, tmp_path / "run"), threading.Event())))


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    config = tiny(folders, tmp_path / "run", epochs=1.0)
    list(train(config, threading.Event()))
    kept = load_checkpoint(config.run.out)
    kept["generators"]["ab.head.1.bias"][:] = float("nan")
    save_checkpoint(config.run.out / "checkpoint.pt", kept)
    before = (config.run.out / "checkpoint.pt").read_bytes()
    longer = replace(config, optimizer=replace(config.optimizer, epochs=3.0))
    rarely = replace(longer, run=replace(longer.run, report_every=100, checkpoint_every=1))  # kept before reported
    with pytest.raises(CgconvError, match=r"cycle_a.* not finite"):
        list(train(rarely, threading.Event(), resume=True))
    assert (config.run.out / "checkpoint.pt").read_bytes() == before


def test_a_gpu_that_is_not_there_is_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this computer has one")
    config = tiny(folders, tmp_path / "run")
    with pytest.raises(MissingError, match="--device cuda"):
        next(iter(train(replace(config, run=replace(config.run, device="cuda")), threading.Event())))


@pytest.mark.parametrize("device", ["cuda:x", "toaster"])
def test_a_device_that_is_none_is_refused(folders: tuple[Path, Path], tmp_path: Path, device: str) -> None:
    config = tiny(folders, tmp_path / "run")
    with pytest.raises(UsageError, match=device):
        next(iter(train(replace(config, run=replace(config.run, device=device)), threading.Event())))


def test_both_layouts_of_data_sets_are_found(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert find_domains(folders[0].parent, None) == folders
    (tmp_path / "train" / "A").mkdir(parents=True)
    (tmp_path / "train" / "B").mkdir()
    assert find_domains(tmp_path, None) == (tmp_path / "train" / "A", tmp_path / "train" / "B")
    with pytest.raises(DataError, match="trainA"):
        find_domains(tmp_path / "train", None)
    with pytest.raises(DataError, match="nowhere"):
        find_domains(folders[0], tmp_path / "nowhere")


def test_a_bad_picture_is_left_out_and_an_empty_folder_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    with pytest.raises(DataError, match="no picture"):
        Domain(tmp_path, load_px=0)
    cv2.imwrite(str(tmp_path / "good.png"), np.zeros((40, 40, 3), np.uint8))
    caplog.clear()
    domain = Domain(tmp_path, load_px=0)
    assert [path.name for path in domain.paths] == ["good.png"]
    assert "broken.jpg" in caplog.text


def test_an_epoch_shows_every_picture_once(folders: tuple[Path, Path]) -> None:
    pairs = Pairs(Domain(folders[0], load_px=0), Domain(folders[1], load_px=0), DataConfig(crop=32, load=0), seed=0)
    assert pairs.epoch_images == 6
    seen = [pairs._next_index(0) for _ in range(12)]
    assert sorted(seen[:6]) == sorted(seen[6:]) == list(range(6))
    assert seen[:6] != seen[6:]


def test_crops_are_cut_between_the_crop_and_shrink_times_it(folders: tuple[Path, Path]) -> None:
    config = DataConfig(crop=32, load=0, shrink=2.0, flip=False, batch=3)
    pairs = Pairs(Domain(folders[0], load_px=0), Domain(folders[1], load_px=0), config, seed=0)
    a, b = pairs.next_batch()
    assert a.shape == b.shape == (3, 3, 32, 32)
    assert -1 <= a.min() < a.max() <= 1
    assert a[:, 0].mean() > a[:, 2].mean()  # red, first in RGB


def test_pictures_survive_the_way_through_a_tensor() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    assert np.array_equal(tensor_to_images(images_to_tensor(images)), images)


def test_a_config_survives_its_file_and_refuses_what_does_not_fit(folders: tuple[Path, Path], tmp_path: Path) -> None:
    config = tiny(folders, tmp_path)
    assert config_from_dict(json.loads(json.dumps(config_as_dict(config)))) == config
    assert config_from_dict({**config_as_dict(config), "of a newer version": 1}) == config
    with pytest.raises(UsageError, match=r"data\.crop"):
        DataConfig(crop=30)
    with pytest.raises(UsageError, match="upsampling"):
        config_from_dict({"generator": {"upsampling": "magic"}})


def test_a_checkpoint_rebuilds_its_networks_and_holds_no_code(folders: tuple[Path, Path], tmp_path: Path) -> None:
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
