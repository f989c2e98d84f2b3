"""An exported file does what the network does, says so in its card, and is written whole or not at all."""

import json
import pickle
import threading
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from cgconv.exporter import onnx_graph
from cgconv.exporter.export import CardText, Direction, Exported, export, import_checkpoint, newest_run
from cgconv.exporter.families import read_state_dict, recognise
from cgconv.runtime.card import read_card
from cgconv.runtime.errors import ModelError, OutputError, UsageError
from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint
from cgconv.trainer.config import (
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from cgconv.trainer.cyclegan import Generators
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
            "batch", 0, "height", "width",
        ]  # fmt: skip
    model = onnx.load(exported[0].path, load_external_data=False)
    assert {opset.version for opset in model.opset_import if opset.domain == ""} == {20}
    assert sum(node.op_type == "InstanceNormalization" for node in model.graph.node) == 7


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


def junyanz_resnet(blocks: int, width: int, *, dropout: bool = False, channels: int = 3) -> nn.Module:
    """The generator as that project's models/networks.py lays it out, with instance norm."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers: list[nn.Module] = [nn.ReflectionPad2d(1), nn.Conv2d(4 * width, 4 * width, 3)]
            layers += [nn.InstanceNorm2d(4 * width), nn.ReLU()]
            layers += [nn.Dropout(0.5)] if dropout else []
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(4 * width, 4 * width, 3), nn.InstanceNorm2d(4 * width)]
            self.conv_block = nn.Sequential(*layers)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.conv_block(x)

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7)]
            layers += [nn.InstanceNorm2d(width), nn.ReLU()]
            for wide in (width, 2 * width):
                layers += [nn.Conv2d(wide, 2 * wide, 3, 2, 1), nn.InstanceNorm2d(2 * wide), nn.ReLU()]
            layers += [Block() for _ in range(blocks)]
            for wide in (4 * width, 2 * width):
                layers += [nn.ConvTranspose2d(wide, wide // 2, 3, 2, 1, 1), nn.InstanceNorm2d(wide // 2), nn.ReLU()]
            layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh()]
            self.model = nn.Sequential(*layers)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.model(x)

    torch.manual_seed(0)
    return Generator().eval()


@pytest.mark.parametrize(
    ("blocks", "width", "dropout", "channels", "how"),
    [
        (9, 4, False, 3, "plain"),
        (6, 8, True, 3, "plain"),
        (6, 4, False, 1, "module."),
        (9, 4, False, 3, "state_dict"),
        (6, 4, False, 3, "running statistics"),
        (6, 4, False, 3, "legacy"),
    ],
)
def test_junyanz_resnets_come_out_equal(
    tmp_path: Path, blocks: int, width: int, dropout: bool, channels: int, how: str
) -> None:
    theirs = junyanz_resnet(blocks, width, dropout=dropout, channels=channels)
    state: dict[str, object] = dict(theirs.state_dict())
    if how == "module.":
        state = {f"module.{key}": value for key, value in state.items()}
    if how == "running statistics":
        state |= {"model.2.running_mean": torch.rand(width), "model.2.running_var": torch.rand(width)}
    path = tmp_path / "latest_net_G_A.pth"
    saved = {"state_dict": state, "epoch": 3} if how == "state_dict" else state
    torch.save(saved, path, _use_new_zipfile_serialization=how != "legacy")
    found = recognise(read_state_dict(path), path)
    x = torch.rand(2, channels, 32, 48) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(found.generator(x), theirs(x), atol=1e-5)


def test_an_imported_checkpoint_becomes_a_model_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CGCONV_MODELS", str(tmp_path / "models"))
    theirs = junyanz_resnet(6, 4)
    torch.save(theirs.state_dict(), tmp_path / "latest_net_G_A.pth")
    imported = import_checkpoint(tmp_path / "latest_net_G_A.pth", name="horses")
    assert imported.path == tmp_path / "models" / "horses.onnx"
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3, 32, 32)).astype(np.float32)
    found = onnxruntime.InferenceSession(imported.path).run(None, {"input": x})[0]
    with torch.no_grad():
        assert np.abs(found - theirs(torch.from_numpy(x)).numpy()).max() < 1e-4
    assert len(imported.card.source["sha256"]) == 64
    assert "6 blocks" in imported.card.source["family"]


class Harmful:
    """Runs a command when it is unpickled by a careless program."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (Path.touch, (self.trace,))  # type: ignore[return-value]


def test_foreign_and_damaged_files_get_one_sentence_and_run_no_code(tmp_path: Path) -> None:
    path, trace = tmp_path / "x.pth", tmp_path / "ran"
    good = junyanz_resnet(6, 4).state_dict()

    def refused(why: str) -> None:
        with pytest.raises(ModelError, match=why) as caught:
            recognise(read_state_dict(path), path)
        assert "\n" not in str(caught.value)

    torch.save({"model.1.weight": good["model.1.weight"], "hook": Harmful(trace)}, path)
    refused("could run code|no PyTorch checkpoint")
    path.write_bytes(pickle.dumps(Harmful(trace)))
    refused("could run code|no PyTorch checkpoint")
    assert not trace.exists()
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    refused("Git-LFS")
    path.write_bytes(b"<!DOCTYPE html><html>")
    refused("web page")
    path.write_bytes(b"")
    refused("empty")
    torch.save(good, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused("damaged")
    torch.save({"conv1.weight": torch.zeros(3, 3)}, path)
    refused(r"no generator that cgconv knows.*conv1\.weight \[3, 3\]")
    torch.save({**good, "model.10.conv_block.5.weight": torch.zeros(2, 2, 3, 3)}, path)
    refused(r"model\.10\.conv_block\.5\.weight is \[2, 2, 3, 3\]")
    torch.save({**good, "model.2.weight": torch.ones(4)}, path)  # batch norm
    refused(r"model\.2\.weight")
    torch.save([1, 2], path)
    refused("not a generator's weights")
