"""Take a checkpoint's tensors one by one, as the layers that they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

import torch
from torch import Tensor, nn

from cgconv.runtime.errors import ModelError
from cgconv.runtime.models.card import Normalization

Expected = Sequence[int | tuple[int, ...] | None]  # one axis each: its size, the sizes it may have, or None: any
PICTURE = (1, 3)  # channels that a picture may have

_Conv = TypeVar("_Conv", nn.Conv2d, nn.ConvTranspose2d)


class NormMode(StrEnum):
    """Where a batch norm's mean and variance come from."""

    RUNNING = "running"  # the checkpoint: one set for all pictures, as `eval()` does
    BATCH = "batch"  # each picture alone, as a network left in training mode does with batches of one


class Mismatch(ModelError):
    """A checkpoint is not of the family it was read as; the text says which key, what was found and what was wanted."""


class Weights:
    """A checkpoint's tensors; each is taken by its published key, with the shape that it must have.

    Every method raises Mismatch where a tensor is missing or has another shape. `finish` raises it where one is left.
    """

    def __init__(self, tensors: Mapping[str, Tensor], norm_mode: NormMode = NormMode.RUNNING) -> None:
        self._tensors = tensors
        self._taken: set[str] = set()
        self._norm_mode = norm_mode
        self.batch_norms = 0
        self.instance_norms = 0

    @property
    def normalization(self) -> Normalization:
        """What the layers taken so far are normalized by when the network runs."""
        if self.instance_norms or (self.batch_norms and self._norm_mode is NormMode.BATCH):
            return Normalization.INSTANCE
        return Normalization.BATCH if self.batch_norms else Normalization.NONE

    def has(self, key: str) -> bool:
        """Say whether there is a tensor `key`."""
        return key in self._tensors

    def conv(
        self,
        key: str,
        channels_in: int | tuple[int, ...],
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        channels_out: int | tuple[int, ...] | None = None,
        is_depthwise: bool = False,
    ) -> nn.Conv2d:
        """Return the convolution `key`, with the bias that it has or has not."""
        weight = self._take(f"{key}.weight", (channels_out, 1 if is_depthwise else channels_in, kernel, kernel))
        outputs = weight.shape[0]
        groups = outputs if is_depthwise else 1
        layer = nn.Conv2d(
            weight.shape[1] * groups, outputs, kernel, stride, padding, groups=groups, bias=self.has(f"{key}.bias")
        )
        return self._filled(layer, key, weight, outputs)

    def deconv(
        self,
        key: str,
        channels_in: int,
        kernel: int,
        *,
        channels_out: int | tuple[int, ...] | None = None,
        stride: int = 2,
        padding: int = 1,
        output_padding: int = 0,
    ) -> nn.ConvTranspose2d:
        """Return the transposed convolution `key`, with the bias that it has or has not."""
        weight = self._take(f"{key}.weight", (channels_in, channels_out, kernel, kernel))
        outputs = weight.shape[1]
        layer = nn.ConvTranspose2d(
            channels_in, outputs, kernel, stride, padding, output_padding, bias=self.has(f"{key}.bias")
        )
        return self._filled(layer, key, weight, outputs)

    def bias_of(self, key: str, channels: int) -> None:
        """Insist that the convolution `key` has a bias."""
        self._take(f"{key}.bias", (channels,))

    def norm(self, key: str, *, after: str, channels: int) -> nn.Module:
        """Return the norm `key` of the convolution `after`, as its tensors tell.

        Weight, bias and running statistics: batch norm. Weight and bias alone: instance norm with a learned affine.
        Nothing, or running statistics alone: instance norm. Such files came from torch before 0.4, whose instance norm
        kept running statistics and did not use them (github.com/junyanz/pytorch-CycleGAN-and-pix2pix/pull/276). That
        instance norm follows convolutions with a bias only, else there would be nothing to tell it from no norm.
        """
        if self.has(f"{key}.weight"):
            return (
                self.batch_norm(key, channels) if self.has(f"{key}.running_mean") else self.affine_norm(key, channels)
            )
        self.bias_of(after, channels)
        self._leave_statistics(key)
        self.instance_norms += 1
        return nn.InstanceNorm2d(channels)

    def batch_norm(self, key: str, channels: int) -> nn.Module:
        """Return the batch norm `key`, computed as the norm mode says."""
        self.batch_norms += 1
        affine = {name: self._take(f"{key}.{name}", (channels,)) for name in ("weight", "bias")}
        running = {name: self._take(f"{key}.{name}", (channels,)) for name in ("running_mean", "running_var")}
        if self._norm_mode is NormMode.BATCH:
            return _loaded(nn.InstanceNorm2d(channels, affine=True), affine)
        return _loaded(nn.BatchNorm2d(channels), {**affine, **running})

    def affine_norm(self, key: str, channels: int) -> nn.Module:
        """Return the instance norm `key` with a learned affine; running statistics stay unused."""
        self.instance_norms += 1
        affine = {name: self._take(f"{key}.{name}", (channels,)) for name in ("weight", "bias")}
        self._leave_statistics(key)
        return _loaded(nn.InstanceNorm2d(channels, affine=True), affine)

    def blur(self, key: str, channels: int, taps: int) -> Tensor:
        """Return a blur filter channels×1×taps×taps."""
        return self._take(f"{key}.filt", (channels, 1, taps, taps))

    def finish(self) -> None:
        """Insist that every tensor was taken."""
        for key, tensor in self._tensors.items():
            if key not in self._taken and not key.endswith(".num_batches_tracked"):
                raise Mismatch(f"it does not have {key} {list(tensor.shape)}")

    def _filled(self, layer: _Conv, key: str, weight: Tensor, outputs: int) -> _Conv:
        tensors = {"weight": weight}
        if layer.bias is not None:
            tensors["bias"] = self._take(f"{key}.bias", (outputs,))
        return _loaded(layer, tensors)

    def _take(self, key: str, expected: Expected) -> Tensor:
        tensor = self._tensors.get(key)
        if tensor is None:
            raise Mismatch(f"{key} is missing, expected {_words(expected)}")
        if len(tensor.shape) != len(expected) or not all(map(_fits, tensor.shape, expected)):
            raise Mismatch(f"{key} is {list(tensor.shape)}, expected {_words(expected)}")
        self._taken.add(key)
        return tensor.detach().to(torch.float32)

    def _leave_statistics(self, key: str) -> None:
        self._taken |= {f"{key}.running_mean", f"{key}.running_var"}


_Layer = TypeVar("_Layer", bound=nn.Module)


def _loaded(layer: _Layer, tensors: dict[str, Tensor]) -> _Layer:
    layer.load_state_dict(tensors, strict=False)  # not strict: a batch norm's counter of batches is of no use here
    return layer


def _fits(size: int, expected: int | tuple[int, ...] | None) -> bool:
    return size > 0 and (expected is None or size == expected or (isinstance(expected, tuple) and size in expected))


def _words(expected: Expected) -> str:
    sizes = [
        " or ".join(map(str, size)) if isinstance(size, tuple) else "any" if size is None else str(size)
        for size in expected
    ]
    return f"[{', '.join(sizes)}]"
