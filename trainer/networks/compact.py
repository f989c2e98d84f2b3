"""The compact generator: most work at a quarter of the size, and the picture led past it. Ours.

2.7 billion multiplications for 256×256 pixels at width 64 with 6 blocks; the published ResNet of 9 blocks takes 49.6.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cgconv.trainer.choices import Padding
from cgconv.trainer.config import GeneratorConfig

from .layers import Pad, ResizeConv, norm

LAST_DEVIATION = 1e-3  # of the last convolution's first weights: the generator begins as the picture, nearly
REACH = 2.0  # from black to white


def multiply_adds_per_pixel(config: GeneratorConfig) -> float:
    """Return how many products a compact generator's convolutions sum for each pixel of a picture."""
    width, again = config.width, 0 if config.soften else config.channels_in
    half, quarter = width // 2, width // 4
    deep = 12 * 12 * config.channels_in * width + config.blocks * 2 * 9 * width * width
    fine = 9 * (half + again) * quarter + 25 * (quarter + again) * config.channels_out
    return deep / 16 + 9 * width * half / 4 + fine


class CompactGenerator(nn.Module):
    """Translate N×C×H×W pictures in [-1, 1] into pictures of the same size and range.

    H and W are multiples of 4 and at least 8. A convolution of stride 4 makes `width` channels of squares of 12 pixels;
    residual blocks of that size; two doublings by resize-convolution, to width / 2 and width / 4 channels, the second
    of which sees the picture again, as the last convolution does. What comes out is added to the picture.

    With `soften` it is added to a softened picture instead, and nothing sees the sharp one again: what is finer than
    that must come through the strides, so edges are painted, as a painter's are, and not kept.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        width, padding, seen = config.width, config.padding, config.channels_in
        half, quarter = width // 2, width // 4
        self.channels_out = config.channels_out
        self.soften = Soften(seen, padding) if config.soften else None
        again = 0 if config.soften else seen
        self.head = nn.Sequential(Pad(4, padding), nn.Conv2d(seen, width, 12, stride=4), *_normed(width, config))
        self.blocks = nn.Sequential(*(_Block(width, config) for _ in range(config.blocks)))
        self.up = nn.Sequential(
            ResizeConv(width, half, blurred=False, padding=padding, bias=True), *_normed(half, config)
        )
        self.fine = nn.Sequential(Pad(1, padding), nn.Conv2d(half + again, quarter, 3), *_normed(quarter, config))
        self.last = nn.Sequential(Pad(2, padding), nn.Conv2d(quarter + again, config.channels_out, 5))

    def begin(self) -> None:
        """Draw the first weights: PyTorch's own, and a last layer near zero."""
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                part.reset_parameters()
        last = self.last[1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.normal_(last.weight, 0.0, LAST_DEVIATION)
        nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        deep = self.up(self.blocks(self.head(x)))  # N, width / 2, H / 2, W / 2
        with torch.autocast(x.device.type, enabled=False):  # as in Pad
            deep = F.interpolate(deep, scale_factor=2.0, mode="nearest")
        if self.soften is not None:
            return _clamped(self._passed(self.soften(x)) + REACH * self.last(self.fine(deep)).float())
        fine = self.fine(torch.cat([deep, x.to(deep.dtype)], 1))  # N, width / 4, H, W
        change = self.last(torch.cat([fine, x.to(fine.dtype)], 1))
        return _clamped(self._passed(x.float()) + REACH * change.float())

    def _passed(self, x: Tensor) -> Tensor:
        """Return the picture in the channels that come out."""
        if x.shape[1] == self.channels_out:
            return x
        return x.mean(1, keepdim=True).expand(-1, self.channels_out, -1, -1)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return what CUT compares: the picture, the first features, and those of the first and the middle block."""
        found = [x, self.head(x)]
        x, middle = found[1], len(self.blocks) // 2
        for index in range(middle + 1):
            x = self.blocks[index](x)
            if index in (0, middle):
                found.append(x)
        return found


class Soften(nn.Module):
    """Soften a picture through the filter [1, 4, 6, 4, 1] ⊗ [1, 4, 6, 4, 1] / 256: N×C×H×W, in float32."""

    kernel: Tensor

    def __init__(self, channels: int, padding: Padding) -> None:
        super().__init__()
        row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
        self.register_buffer("kernel", torch.outer(row, row).repeat(channels, 1, 1, 1), persistent=False)
        self.pad = Pad(2, padding)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            x = self.pad(x.float())
            return F.conv2d(x, self.kernel.to(x.dtype), groups=x.shape[1])


class _Block(nn.Module):
    """Two 3×3 convolutions around a shortcut; N×C×H×W in and out."""

    def __init__(self, channels: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Pad(1, config.padding),
            nn.Conv2d(channels, channels, 3),
            *_normed(channels, config),
            Pad(1, config.padding),
            nn.Conv2d(channels, channels, 3),
            norm(channels, config.norm, learned=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


def _normed(channels: int, config: GeneratorConfig) -> tuple[nn.Module, nn.Module]:
    return norm(channels, config.norm, learned=True), nn.ReLU()


def _clamped(x: Tensor) -> Tensor:
    """Bring values into [-1, 1]; what lies beyond learns to come back, which torch.clamp would hide from it."""
    if torch.is_grad_enabled() and x.requires_grad:
        clamped: Tensor = _Clamp.apply(x)  # type: ignore[no-untyped-call]  # torch's
        return clamped
    return x.clamp(-1.0, 1.0)


class _Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # Any: autograd's context
        ctx.save_for_backward(x)
        return x.clamp(-1.0, 1.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        leaves = ((x > 1) & (gradient < 0)) | ((x < -1) & (gradient > 0))  # a step down the gradient goes further out
        return gradient.masked_fill(leaves, 0.0)
