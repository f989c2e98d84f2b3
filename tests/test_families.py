"""Checkpoints of other projects are recognised by their keys and shapes, rebuilt and imported."""

import pickle
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from cgconv.exporter.families import read_state_dict, recognise
from cgconv.exporter.import_checkpoint import import_checkpoint
from cgconv.runtime.errors import ModelError


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
