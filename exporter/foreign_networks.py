"""Rebuild the generators of other projects from their weights, key by key as each project names them.

Every builder takes Weights and returns the network in eval mode. Nothing here asks which file it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cgconv.runtime.models.card import Normalization

from .weights import PICTURE, Weights

Range = tuple[float, float]


@dataclass(frozen=True)
class ForeignNetwork:
    """A generator rebuilt from another project's weights, and what its caller must know."""

    network: nn.Module  # N×channels_in×H×W → N×channels_out×H×W
    kind: str
    channels_in: int
    channels_out: int
    width: int  # channels of the first layer
    normalization: Normalization
    size_multiple: int
    smallest_size: int
    value_range: Range = (-1.0, 1.0)
    blocks: int | None = None  # residual ones
    has_batch_norm: bool = False


def numbered_resnet(weights: Weights) -> ForeignNetwork:
    """Return a ResNet whose layers are one numbered list `model.N`.

    Sources: models/networks.py of github.com/junyanz/pytorch-CycleGAN-and-pix2pix; of
    github.com/taesungp/contrastive-unpaired-translation, which blurs where sizes change (arXiv 1904.11486);
    implementations/cyclegan of github.com/eriklindernoren/PyTorch-GAN; mobile_resnet_generator.py of
    github.com/mit-han-lab/gan-compression, whose pruned networks have another width in every layer.
    """
    stem = weights.conv("model.1", PICTURE, 7)
    channels = stem.out_channels
    layers = [nn.ReflectionPad2d(3), stem, weights.norm("model.2", after="model.1", channels=channels), nn.ReLU()]
    at = 4
    for _ in range(2):
        is_blurred = weights.has(f"model.{at + 3}.filt")
        down = weights.conv(f"model.{at}", channels, 3, stride=1 if is_blurred else 2, padding=1)
        channels = down.out_channels
        layers += [down, weights.norm(f"model.{at + 1}", after=f"model.{at}", channels=channels), nn.ReLU()]
        if is_blurred:
            layers.append(BlurDown(weights.blur(f"model.{at + 3}", channels, 3)))
        at += 4 if is_blurred else 3
    blocks = 0
    while blocks == 0 or any(weights.has(f"model.{at}.{key}.weight") for key in _BLOCK_STARTS):
        layers.append(_numbered_block(weights, f"model.{at}", channels))
        blocks += 1
        at += 1
    for _ in range(2):
        channels, step = _numbered_up(weights, at, channels, layers)
        at += step
    head = weights.conv(f"model.{at + 1}", channels, 7, channels_out=PICTURE)
    weights.bias_of(f"model.{at + 1}", head.out_channels)
    layers += [nn.ReflectionPad2d(3), head, nn.Tanh()]
    return _resnet(weights, layers, stem, head, blocks)


_BLOCK_STARTS = ("conv_block.1", "conv_block.1.conv.0", "block.1")


def _numbered_block(weights: Weights, key: str, channels: int) -> nn.Module:
    """Return a residual block; the second convolution is one further where dropout stands between them."""
    inner = f"{key}.block" if weights.has(f"{key}.block.1.weight") else f"{key}.conv_block"
    is_here = {
        place: weights.has(f"{inner}.{place}.weight") or weights.has(f"{inner}.{place}.conv.0.weight")
        for place in (5, 6)
    }
    second = 6 if is_here[6] and not is_here[5] else 5
    first_layers, middle = _numbered_conv(weights, f"{inner}.1", channels, None)
    layers = [*first_layers, weights.norm(f"{inner}.2", after=_last_conv(weights, f"{inner}.1"), channels=middle)]
    second_layers, _ = _numbered_conv(weights, f"{inner}.{second}", middle, channels)
    norm = weights.norm(f"{inner}.{second + 1}", after=_last_conv(weights, f"{inner}.{second}"), channels=channels)
    return Residual(*layers, nn.ReLU(), *second_layers, norm)


def _numbered_conv(
    weights: Weights, key: str, channels_in: int, channels_out: int | None
) -> tuple[list[nn.Module], int]:
    """Return a 3×3 convolution, whole or separable (each channel alone, a norm, 1×1), and its number of channels."""
    if not weights.has(f"{key}.conv.0.weight"):
        whole = weights.conv(key, channels_in, 3, channels_out=channels_out)
        return [nn.ReflectionPad2d(1), whole], whole.out_channels
    each = weights.conv(f"{key}.conv.0", 1, 3, channels_out=channels_in, is_depthwise=True)
    norm = weights.norm(f"{key}.conv.1", after=f"{key}.conv.0", channels=channels_in)
    across = weights.conv(f"{key}.conv.2", channels_in, 1, channels_out=channels_out)
    return [nn.ReflectionPad2d(1), each, norm, across], across.out_channels


def _last_conv(weights: Weights, key: str) -> str:
    return f"{key}.conv.2" if weights.has(f"{key}.conv.2.weight") else key


def _numbered_up(weights: Weights, at: int, channels: int, layers: list[nn.Module]) -> tuple[int, int]:
    """Add what doubles height and width; return its number of channels and how many numbers it takes."""
    if weights.has(f"model.{at}.filt"):  # CUT: blurred, then a convolution
        layers.append(BlurUp(weights.blur(f"model.{at}", channels, 4)))
    elif not weights.has(f"model.{at}.weight") and weights.has(f"model.{at + 1}.weight"):  # PyTorch-GAN
        layers.append(nn.Upsample(scale_factor=2.0, mode="nearest"))
    else:
        up = weights.deconv(f"model.{at}", channels, 3, output_padding=1)
        norm = weights.norm(f"model.{at + 1}", after=f"model.{at}", channels=up.out_channels)
        layers += [up, norm, nn.ReLU()]
        return up.out_channels, 3
    conv = weights.conv(f"model.{at + 1}", channels, 3, padding=1)
    norm = weights.norm(f"model.{at + 2}", after=f"model.{at + 1}", channels=conv.out_channels)
    layers += [conv, norm, nn.ReLU()]
    return conv.out_channels, 4


def named_resnet(weights: Weights) -> ForeignNetwork:
    """Return a ResNet with the parts `initial`, `down_blocks`, `res_blocks`, `up_blocks` and `last`.

    Source: ML/Pytorch/GANs/CycleGAN of github.com/aladdinpersson/Machine-Learning-Collection; its convolutions pad by
    reflection. A variant has neither norm nor ReLU after the first one.
    """
    is_plain = weights.has("initial.weight")
    first = "initial" if is_plain else "initial.0"
    stem = weights.conv(first, PICTURE, 7)
    channels = stem.out_channels
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), stem]
    if not is_plain:
        layers += [weights.norm("initial.1", after=first, channels=channels), nn.ReLU()]

    def conv_norm(key: str, channels_in: int, channels_out: int | None, stride: int = 1) -> tuple[list[nn.Module], int]:
        conv = weights.conv(f"{key}.conv.0", channels_in, 3, channels_out=channels_out, stride=stride)
        norm = weights.norm(f"{key}.conv.1", after=f"{key}.conv.0", channels=conv.out_channels)
        return [nn.ReflectionPad2d(1), conv, norm], conv.out_channels

    for index in range(2):
        down, channels = conv_norm(f"down_blocks.{index}", channels, None, stride=2)
        layers += [*down, nn.ReLU()]
    blocks = 0
    while blocks == 0 or weights.has(f"res_blocks.{blocks}.block.0.conv.0.weight"):
        one, middle = conv_norm(f"res_blocks.{blocks}.block.0", channels, None)
        two, _ = conv_norm(f"res_blocks.{blocks}.block.1", middle, channels)
        layers.append(Residual(*one, nn.ReLU(), *two))
        blocks += 1
    for index in range(2):
        key = f"up_blocks.{index}.conv"
        up = weights.deconv(f"{key}.0", channels, 3, output_padding=1)
        channels = up.out_channels
        layers += [up, weights.norm(f"{key}.1", after=f"{key}.0", channels=channels), nn.ReLU()]
    head = weights.conv("last", channels, 7, channels_out=PICTURE)
    weights.bias_of("last", head.out_channels)
    layers += [nn.ReflectionPad2d(3), head, nn.Tanh()]
    return _resnet(weights, layers, stem, head, blocks)


def fast_neural_style(weights: Weights) -> ForeignNetwork:
    """Return the style network of fast_neural_style in github.com/pytorch/examples (arXiv 1603.08155).

    Values are 0 to 255 at both ends; what the last convolution makes beyond them is cut off by whoever saves it.
    """

    def conv_norm(
        key: str, norm: str, channels_in: int | tuple[int, ...], kernel: int, stride: int = 1
    ) -> tuple[nn.Conv2d, list[nn.Module]]:
        conv = weights.conv(f"{key}.conv2d", channels_in, kernel, stride=stride)
        weights.bias_of(f"{key}.conv2d", conv.out_channels)
        return conv, [nn.ReflectionPad2d(kernel // 2), conv, weights.affine_norm(norm, conv.out_channels)]

    stem, first = conv_norm("conv1", "in1", PICTURE, 9)
    layers = [*first, nn.ReLU()]
    last = stem
    for number in (2, 3):
        last, down = conv_norm(f"conv{number}", f"in{number}", last.out_channels, 3, stride=2)
        layers += [*down, nn.ReLU()]
    channels = last.out_channels
    blocks = 0
    while blocks == 0 or weights.has(f"res{blocks + 1}.conv1.conv2d.weight"):
        blocks += 1
        _, one = conv_norm(f"res{blocks}.conv1", f"res{blocks}.in1", channels, 3)
        _, two = conv_norm(f"res{blocks}.conv2", f"res{blocks}.in2", channels, 3)
        layers.append(Residual(*one, nn.ReLU(), *two))
    for number in (1, 2):
        last, up = conv_norm(f"deconv{number}", f"in{number + 3}", last.out_channels, 3)
        layers += [nn.Upsample(scale_factor=2.0, mode="nearest"), *up, nn.ReLU()]
    head = weights.conv("deconv3.conv2d", last.out_channels, 9, channels_out=PICTURE)
    weights.bias_of("deconv3.conv2d", head.out_channels)
    layers += [nn.ReflectionPad2d(4), head]
    return _resnet(weights, layers, stem, head, blocks, value_range=(0.0, 255.0))


def course_generator(weights: Weights) -> ForeignNetwork:
    """Return the generator of the CSC321 assignment (two steps down, `resnet_block`) or of Udacity's course (three).

    Sources: the assignment's models.py as published in github.com/huiminren/CycleGAN-emojis; Udacity's notebook
    CycleGAN_Solution.ipynb. 4×4 convolutions without bias, batch norm; in the assignment a ReLU follows the block.
    """
    steps = 3 if weights.has("conv3.0.weight") else 2
    channels: int | tuple[int, ...] = PICTURE
    layers: list[nn.Module] = []
    downs = []
    for number in range(1, steps + 1):
        down = weights.conv(f"conv{number}.0", channels, 4, stride=2, padding=1)
        channels = down.out_channels
        downs.append(down)
        layers += [down, weights.batch_norm(f"conv{number}.1", channels), nn.ReLU()]
    wide = downs[-1].out_channels

    def conv_norm(key: str) -> nn.Sequential:
        conv = weights.conv(f"{key}.0", wide, 3, channels_out=wide, padding=1)
        return nn.Sequential(conv, weights.batch_norm(f"{key}.1", wide))

    blocks = 0
    if steps == 2:
        layers += [Residual(conv_norm("resnet_block.conv_layer")), nn.ReLU()]
        blocks = 1
    while steps == 3 and (blocks == 0 or weights.has(f"res_blocks.{blocks}.conv_layer1.0.weight")):
        one, two = (conv_norm(f"res_blocks.{blocks}.conv_layer{number}") for number in (1, 2))
        layers.append(Residual(one, nn.ReLU(), two))
        blocks += 1
    for number in range(1, steps):
        up = weights.deconv(f"deconv{number}.0", wide, 4)
        wide = up.out_channels
        layers += [up, weights.batch_norm(f"deconv{number}.1", wide), nn.ReLU()]
    head = weights.deconv(f"deconv{steps}.0", wide, 4, channels_out=PICTURE)
    layers += [head, nn.Tanh()]
    weights.finish()
    return ForeignNetwork(
        network=nn.Sequential(*layers).eval(),
        kind="ResNet",
        channels_in=downs[0].in_channels,
        channels_out=head.out_channels,
        width=downs[0].out_channels,
        normalization=weights.normalization,
        has_batch_norm=weights.batch_norms > 0,
        size_multiple=2**steps,
        smallest_size=2 ** (steps + 1),  # a norm of one pixel's own statistics would make it zero
        blocks=blocks,
    )


def unet(weights: Weights) -> ForeignNetwork:
    """Return the U-Net of github.com/junyanz/pytorch-CycleGAN-and-pix2pix (models/networks.py), of any depth.

    It halves the picture until one pixel of its smallest size is left: 7 times for 128, 8 times for 256.
    """
    down = weights.conv("model.model.0", PICTURE, 4, stride=2, padding=1)
    inner, depth = _unet_level(weights, "model.model.1", down.out_channels)
    up = weights.deconv("model.model.3", 2 * down.out_channels, 4, channels_out=PICTURE)
    weights.bias_of("model.model.3", up.out_channels)
    weights.finish()
    return ForeignNetwork(
        network=nn.Sequential(down, inner, nn.ReLU(), up, nn.Tanh()).eval(),
        kind="U-Net",
        channels_in=down.in_channels,
        channels_out=up.out_channels,
        width=down.out_channels,
        normalization=weights.normalization,
        has_batch_norm=weights.batch_norms > 0,
        size_multiple=2 ** (depth + 1),
        smallest_size=2 ** (depth + 1),
    )


def _unet_level(weights: Weights, key: str, channels: int) -> tuple[nn.Module, int]:
    """Return the part of a U-Net from `key` inwards, and how often it halves the picture."""
    down = weights.conv(f"{key}.model.1", channels, 4, stride=2, padding=1)
    inside = down.out_channels
    if weights.has(f"{key}.model.3.weight"):  # innermost
        up = weights.deconv(f"{key}.model.3", inside, 4, channels_out=channels)
        norm = weights.norm(f"{key}.model.4", after=f"{key}.model.3", channels=channels)
        return Skip(down, nn.ReLU(), up, norm), 1
    norm_down = weights.norm(f"{key}.model.2", after=f"{key}.model.1", channels=inside)
    inner, depth = _unet_level(weights, f"{key}.model.3", inside)
    up = weights.deconv(f"{key}.model.5", 2 * inside, 4, channels_out=channels)
    norm_up = weights.norm(f"{key}.model.6", after=f"{key}.model.5", channels=channels)
    return Skip(down, norm_down, inner, nn.ReLU(), up, norm_up), depth + 1


class Residual(nn.Module):
    """Layers around a shortcut; N×C×H×W in and out."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class Skip(nn.Module):
    """A U-Net's level, N×C×H×W → N×2C×H×W: its input beside what the levels below make of it.

    The published leaky ReLU works in place, so that the shortcut too carries what comes out of it.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(x, 0.2)
        return torch.cat([x, self.body(x)], dim=1)


class BlurDown(nn.Module):
    """Halve H and W of N×C×H×W through a blur filter C×1×3×3."""

    def __init__(self, taps: Tensor) -> None:
        super().__init__()
        self.pad = nn.ReflectionPad2d(1)
        self.register_buffer("taps", taps)
        self.taps: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(self.pad(x), self.taps, stride=2, groups=len(self.taps))


class BlurUp(nn.Module):
    """Double H and W of N×C×H×W through a blur filter C×1×4×4.

    Published with less padding and one row and column cut off at each side, which is the same.
    """

    def __init__(self, taps: Tensor) -> None:
        super().__init__()
        self.pad = nn.ReplicationPad2d(1)
        self.register_buffer("taps", taps)
        self.taps: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose2d(self.pad(x), self.taps, stride=2, padding=3, groups=len(self.taps))


class Gray(nn.Module):
    """Give a network of gray pictures color doors: N×3×H×W in and out, whatever it takes and makes itself.

    Gray is 0.299 R + 0.587 G + 0.114 B, as in Pillow's mode L, which the published data loaders use.
    """

    def __init__(self, network: nn.Module, *, grays_in: bool, grays_out: bool) -> None:
        super().__init__()
        self.network, self.grays_in, self.grays_out = network, grays_in, grays_out
        self.register_buffer("luma", torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1))
        self.luma: Tensor

    def forward(self, x: Tensor) -> Tensor:
        if self.grays_in:
            x = F.conv2d(x, self.luma)
        x = self.network(x)
        return torch.cat([x, x, x], dim=1) if self.grays_out else x


def _resnet(
    weights: Weights,
    layers: Iterable[nn.Module],
    stem: nn.Conv2d,
    head: nn.Conv2d,
    blocks: int,
    *,
    value_range: Range = (-1.0, 1.0),
) -> ForeignNetwork:
    weights.finish()
    return ForeignNetwork(
        network=nn.Sequential(*layers).eval(),
        kind="ResNet",
        channels_in=stem.in_channels,
        channels_out=head.out_channels,
        width=stem.out_channels,
        normalization=weights.normalization,
        has_batch_norm=weights.batch_norms > 0,
        size_multiple=4,
        smallest_size=8,  # a quarter of it is still larger than the reflected edge
        value_range=value_range,
        blocks=blocks,
    )
