"""An exported file does what the network does, says so in its card, and is written whole or not at all."""

import json
import threading
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from cgconv.cli.main import main
from cgconv.exporter import onnx_graph
from cgconv.exporter.export import CardText, Direction, Exported, export, newest_run
from cgconv.runtime.errors import ModelError, OutputError, UsageError
from cgconv.runtime.models.card import Normalization, read_card
from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint
from cgconv.trainer.choices import DiscriminatorNorm, Norm, RecipeName
from cgconv.trainer.config import (
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from cgconv.trainer.networks.build import Generators
from cgconv.trainer.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few steps."""
    root, random = tmp_path_factory.mktemp("run"), np.random.default_rng(0)
    for name in ("trainA", "trainB"):
        (root / name).mkdir()
        for index in range(3):
            cv2.imwrite(str(root / name / f"{index}.png"), random.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    config = TrainConfig(
        generator=GeneratorConfig(blocks=1, width=4),
        discriminator=DiscriminatorConfig(layers=1, width=4),
        data=DataConfig(a=root / "trainA", b=root / "trainB", crop=32, load=0),
        optimizer=OptimizerConfig(epochs=2),
        run=RunConfig(out=root / "runs" / "dots", name_a="dot", name_b="dash"),
    )
    list(train(config, threading.Event()))
    return config.run.out


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Exported]:
    """Both directions of the run."""
    text = CardText(title="Dots", licence="CC0-1.0", data="noise")
    return export(run, out=tmp_path_factory.mktemp("exported"), text=text)


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\\b", "a\nb", "\x1b[31m"])
def test_names_that_are_no_file_names_are_refused_as_an_import_does(run: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a model's name"):
        export(run, name=name, out=tmp_path / "exp")
    assert list(tmp_path.iterdir()) == []


def test_a_run_becomes_two_files_that_plain_onnx_runtime_opens(run: Path, exported: list[Exported]) -> None:
    assert [one.path.name for one in exported] == ["dots-a2b.onnx", "dots-b2a.onnx"]
    state = load_checkpoint(run)
    generators = Generators(checkpoint_config(state))
    generators.load_state_dict(state["average"], strict=False)
    values = np.random.default_rng(1).uniform(-1, 1, (3, 3, 40, 72)).astype(np.float32)
    for one, generator in zip(exported, (generators.ab, generators.ba), strict=True):
        session = onnxruntime.InferenceSession(one.path)
        found = session.run(None, {"input": values})[0]
        with torch.no_grad():
            assert np.abs(found - generator.eval()(torch.from_numpy(values)).numpy()).max() < 1e-3
        assert [dimension if isinstance(dimension, str) else 0 for dimension in session.get_inputs()[0].shape] == [
            "batch",
            0,
            "height",
            "width",
        ]
    model = onnx.load(exported[0].path, load_external_data=False)
    assert {opset.version for opset in model.opset_import if opset.domain == ""} == {20}
    assert sum(node.op_type == "InstanceNormalization" for node in model.graph.node) == 7


def test_batch_norms_take_each_pictures_own_statistics_once_they_are_trained(run: Path, tmp_path: Path) -> None:
    """Averaged weights were given the running statistics of the raw ones, of about the last ten pictures."""
    root = run.parent.parent
    config = TrainConfig(
        recipe=RecipeName.PIX2PIX,
        generator=GeneratorConfig(blocks=1, width=4, norm=Norm.BATCH),
        discriminator=DiscriminatorConfig(layers=1, width=4, norm=DiscriminatorNorm.BATCH),
        data=DataConfig(a=root / "trainA", b=root / "trainB", crop=32, load=0),
        optimizer=OptimizerConfig(epochs=2),
        run=RunConfig(out=tmp_path / "pairs"),
    )
    list(train(config, threading.Event()))
    (one,) = export(config.run.out, out=tmp_path)
    assert one.card.normalization == Normalization.INSTANCE
    state = load_checkpoint(config.run.out)
    generators = Generators(config)
    generators.load_state_dict({**state["generators"], **state["average"]})
    generator = generators.of(Direction.A2B).train()  # as the published code tests, pictures one by one
    values = torch.rand(2, 3, 32, 40) * torch.tensor([0.2, 1.8]).view(2, 1, 1, 1) - 1
    with torch.no_grad():
        wanted = torch.cat([generator(picture[None]) for picture in values])
    session = onnxruntime.InferenceSession(one.path)
    assert np.abs(session.run(None, {"input": values.numpy()})[0] - wanted.numpy()).max() < 1e-4


def test_the_card_tells_direction_sizes_colors_and_how_it_was_verified(exported: list[Exported]) -> None:
    card = read_card(exported[1].path)
    assert card == exported[1].card
    assert card is not None
    assert (card.name, card.title, card.direction, card.licence) == ("dots-b2a", "Dots", "dash → dot", "CC0-1.0")
    assert (card.size_multiple, card.smallest_size, card.training_size_px) == (4, 8, 32)
    assert card.color_mean == pytest.approx((127.5,) * 3, abs=4)
    assert 0 < card.verification["largest_difference_real"] < 1e-3
    assert card.verification["largest_difference_random"] < 1e-3
    assert len(card.verification["sizes_hw"]) == 3
    assert card.architecture["blocks"] == 1
    assert json.loads(card.to_json())["source"]["images_seen"] == 6


def test_files_hold_no_paths_of_the_machine_that_wrote_them(run: Path, exported: list[Exported]) -> None:
    for one in exported:
        data = one.path.read_bytes()
        assert b".py" not in data
        assert str(run.parent.parent).encode() not in data


def test_a_file_that_differs_from_torch_is_not_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = onnx_graph.generator_to_onnx

    def wrong(generator: nn.Module, **options: int) -> onnx.ModelProto:
        model = right(generator, **options)
        bias = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [3])
        bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + 0.01, bias.name))
        return model

    monkeypatch.setattr("cgconv.exporter.export.generator_to_onnx", wrong)
    with pytest.raises(ModelError, match="differs from torch"):
        export(run, direction=Direction.A2B, out=tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_stays_unless_told(run: Path, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        export(run, direction=Direction.A2B, out=tmp_path / "x.onnx")
    assert (tmp_path / "x.onnx").read_text() == "mine"
    with pytest.raises(UsageError, match="two directions"):
        export(run, out=tmp_path / "y.onnx")


def test_the_newest_run_is_found(run: Path, tmp_path: Path) -> None:
    assert newest_run(run.parent) == run
    with pytest.raises(UsageError, match="no run"):
        newest_run(tmp_path)


def test_a_run_becomes_files_in_half_precision_checked_on_its_own_pictures(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "dots.onnx"
    assert main(["export", str(run), "--direction", "a2b", "--out", str(out), "--fp16"]) == 0
    shown = capfd.readouterr()
    assert [Path(line.split(" (")[0]).name for line in shown.out.splitlines()] == ["dots.onnx", "dots.fp16.onnx"]
    assert "of 3 pictures" in shown.err
    full, half = (read_card(tmp_path / name) for name in ("dots.onnx", "dots.fp16.onnx"))
    assert full is not None
    assert half is not None
    facts = half.verification["fp16"]
    assert set(facts["psnr_db"]) == {"0.png", "1.png", "2.png"}
    assert facts["worst_db"] > 40
    assert facts["convolutions_in_half"] == facts["convolutions"] == 8
    assert half.verification["largest_difference_real"] == full.verification["largest_difference_real"]
    assert (half.direction, half.name) == ("dot → dash", "dots.fp16")
    assert main(["export", str(run), "--direction", "a2b", "--out", str(tmp_path / "x.fp16.onnx"), "--fp16"]) == 2
    assert "is written beside it" in capfd.readouterr().err
