"""The layers that generators and discriminators are made of; features are N×C×H×W throughout."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cgconv.trainer.choices import Init, Norm, Padding, Upsampling


class Pad(nn.Module):
    """Pad all four sides, in the precision that comes in: autocast would make it float32, at the cost of a copy."""

    def __init__(self, pad_px: int, padding: Padding) -> None:
        super().__init__()
        self.pad_px = pad_px
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        mode = str(self.padding)
        if self.padding is Padding.WRAP:
            mode = "circular" if self.training else "reflect"
        elif self.padding is Padding.ZERO:
            mode = "constant"
        with torch.autocast(x.device.type, enabled=False):
            if mode == "reflect" and torch.is_grad_enabled() and not torch.compiler.is_compiling():
                reflected: Tensor = Reflect.apply(x, self.pad_px)  # type: ignore[no-untyped-call]  # torch's
                return reflected
            return F.pad(x, (self.pad_px,) * 4, mode=mode)


class Reflect(torch.autograd.Function):
    """Pad by reflection, with a gradient that folds the margins back by slices.

    PyTorch's own goes through copies in another memory layout: a third of a compact generator's step on a processor.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, pad_px: int) -> Tensor:  # Any: autograd's context
        ctx.pad_px = pad_px
        return F.pad(x, (pad_px,) * 4, mode="reflect")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        pad_px = ctx.pad_px
        for side in (2, 3):
            length = gradient.shape[side] - 2 * pad_px
            folded = gradient.narrow(side, pad_px, length).clone()
            folded.narrow(side, 1, pad_px).add_(gradient.narrow(side, 0, pad_px).flip(side))
            after = gradient.narrow(side, pad_px + length, pad_px).flip(side)
            folded.narrow(side, length - 1 - pad_px, pad_px).add_(after)
            gradient = folded
        return gradient, None


class ResizeConv(nn.Module):
    """Double H and W, then convolve 3×3. Plain bilinear left paintings without their finest grain, so it is a choice.

    Nearest neighbor, or bilinear: doubling through the filter [1, 3, 3, 1] of arXiv 1904.11486 is the same thing.
    """

    def __init__(self, channels_in: int, channels_out: int, *, blurred: bool, padding: Padding, bias: bool) -> None:
        super().__init__()
        self.mode = "bilinear" if blurred else "nearest"
        self.pad = Pad(1, padding)
        self.conv = nn.Conv2d(channels_in, channels_out, 3, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):  # as in Pad
            x = F.interpolate(x, scale_factor=2.0, mode=self.mode)
        out: Tensor = self.conv(self.pad(x))
        return out


class Grain(nn.Module):
    """Bring a picture's finest structure to the same strength everywhere: N×C×H×W to N×C×H×W, in float32.

    Ours. The difference from the mean of 5×5 pixels, over the deviation there (and half a gray level). Flat parts have
    next to nothing that a generator could make brush strokes of; their noise, brought out, is enough.
    """

    def __init__(self, padding: Padding) -> None:
        super().__init__()
        self.pad = Pad(2, padding)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            fine = x - F.avg_pool2d(self.pad(x), 5, 1)
            power = F.avg_pool2d(self.pad(fine.square()), 5, 1)
            return fine / (power + (0.5 / 127.5) ** 2).sqrt()


class Tone(nn.Module):
    """A 7×7 convolution of a picture that begins as the picture itself."""

    def __init__(self, channels_in: int, channels_out: int, padding: Padding) -> None:
        super().__init__()
        self.pad = Pad(3, padding)
        self.conv = nn.Conv2d(channels_in, channels_out, 7, bias=False)
        self.begin()

    def begin(self) -> None:
        """Set the weights to hand every channel through."""
        nn.init.dirac_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(self.pad(x))
        return out


class BlurDown(nn.Module):
    """Halve H and W through the filter [1, 2, 1] ⊗ [1, 2, 1] / 16, edges reflected (arXiv 1904.11486, as in CUT)."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        kernel = torch.outer(row, row).expand(channels, 1, 3, 3)
        self.register_buffer("kernel", kernel.clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            x = F.pad(x, (1, 1, 1, 1), mode="reflect")
            return F.conv2d(x, self.kernel.to(x.dtype), stride=2, groups=x.shape[1])


class Separable(nn.Module):
    """A depthwise 3×3 convolution, a norm, and a 1×1 convolution: the mobile block's (arXiv 2003.08936)."""

    def __init__(self, channels: int, kind: Norm) -> None:
        super().__init__()
        bias = kind is Norm.NONE
        self.depthwise = nn.Conv2d(channels, channels, 3, groups=channels, bias=bias)
        self.norm = norm(channels, kind)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pointwise(self.norm(self.depthwise(x)))
        return out


class InstanceNorm(nn.Module):
    """Bring each picture's channels to mean 0 and variance 1, ε = 1e-5; with `learned`, to a learned mean and scale.

    Without, constant float32 weights make torch keep mean and variance in float32 where features are bf16. With none
    it rounds both to bf16, and values come out wrong by up to 0.04 deviations; the time is the same.
    """

    ones: Tensor
    zeros: Tensor

    def __init__(self, channels: int, *, learned: bool = False) -> None:
        super().__init__()
        if learned:
            self.ones, self.zeros = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        else:
            self.register_buffer("ones", torch.ones(channels), persistent=False)
            self.register_buffer("zeros", torch.zeros(channels), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return _in_order(F.instance_norm(x, weight=self.ones, bias=self.zeros))


class BatchNorm(nn.BatchNorm2d):
    """BatchNorm with learned weights, which takes each picture's own statistics once it is trained.

    As pix2pix does (arXiv 1611.07004, section 3.3; its code tests pictures one by one in training mode): networks that
    learned from batches of one have never seen other statistics, and averaged weights have no running ones.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return _in_order(super().forward(x))
        return _in_order(F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps))


def _in_order(x: Tensor) -> Tensor:
    """Have the gradient of a norm's result come to it in the order of memory that it computes in.

    On a processor torch 2.13 takes what comes for a single picture with its channels last, as from a frozen network,
    for one with its rows last: the gradients of the norm, and of all before it, are then wrong.
    """
    if len(x) == 1 and x.requires_grad and not torch.compiler.is_compiling():
        x.register_hook(torch.Tensor.contiguous)  # type: ignore[no-untyped-call]  # torch's
    return x


def norm(channels: int, kind: Norm, *, learned: bool = False) -> nn.Module:
    """Return a norm as published: InstanceNorm without learned weights, unless `learned`; BatchNorm with them."""
    if kind is Norm.INSTANCE:
        return InstanceNorm(channels, learned=learned)
    return BatchNorm(channels) if kind is Norm.BATCH else nn.Identity()


def double(channels_in: int, channels_out: int, upsampling: Upsampling, *, padding: Padding, kind: Norm) -> nn.Module:
    """Return the layer of a ResNet that doubles H and W."""
    bias = kind is Norm.NONE
    if upsampling is Upsampling.TRANSPOSED:
        return nn.ConvTranspose2d(channels_in, channels_out, 3, stride=2, padding=1, output_padding=1, bias=bias)
    blurred = upsampling is Upsampling.BLURRED
    return ResizeConv(channels_in, channels_out, blurred=blurred, padding=padding, bias=bias)


def initialize(module: nn.Module, init: Init = Init.NORMAL, gain: float = 0.02) -> None:
    """Draw the weights of all convolutions and linear layers and set biases to 0, as the published code does.

    BatchNorm's scales are drawn from N(1, gain); what begins as the picture draws its own. All by
    torch's random state.
    """
    for part in module.modules():
        bias = getattr(part, "bias", None)
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, gain)
        elif isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            parametrized = getattr(part, "parametrizations", None)  # spectral norm keeps the weight it divides here
            _draw(part.weight if parametrized is None else parametrized.weight.original, init, gain)
        if isinstance(bias, nn.Parameter):
            nn.init.zeros_(bias)
    for part in module.modules():
        begin = getattr(part, "begin", None)  # of a Tone, and of a compact generator
        if begin is not None:
            begin()


def _draw(weight: Tensor, init: Init, gain: float) -> None:
    match init:
        case Init.NORMAL:
            nn.init.normal_(weight, 0.0, gain)
        case Init.XAVIER:
            nn.init.xavier_normal_(weight, gain)
        case Init.KAIMING:
            nn.init.kaiming_normal_(weight)
        case Init.ORTHOGONAL:
            nn.init.orthogonal_(weight, gain)
