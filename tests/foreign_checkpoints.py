"""Other projects' generators as their code lays them out, key by key, with seeded weights.

Written from the published listings alone; nothing here is taken from, or shared with, the exporter.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]


def seeded(build: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """Return a network in eval mode, its batch norms as if they had seen pictures."""
    torch.manual_seed(seed)
    network = build()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)  # type: ignore[union-attr]  # there by default
            module.running_var.uniform_(0.3, 2)  # type: ignore[union-attr]
        if isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d) and module.weight is not None:
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return network.eval()


class Numbered(nn.Module):
    """One list `model.N`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


class ConvBlock(nn.Module):
    """A residual block whose layers are called `conv_block.N`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv_block(x)
        return out


class Block(nn.Module):
    """The same, called `block.N`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.block(x)
        return out


def junyanz_resnet(
    blocks: int,
    width: int = 4,
    *,
    norm: Norm = nn.InstanceNorm2d,
    has_dropout: bool = False,
    channels_in: int = 3,
    channels_out: int = 3,
    blurs_down: bool = False,
    blurs_up: bool = False,
) -> nn.Module:
    """pytorch-CycleGAN-and-pix2pix's ResNet; with the blurs of CUT."""
    has_bias = norm is nn.InstanceNorm2d
    wide = 4 * width
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(channels_in, width, 7, bias=has_bias)]
    layers += [norm(width), nn.ReLU(True)]
    for channels in (width, 2 * width):
        layers += [nn.Conv2d(channels, 2 * channels, 3, 1 if blurs_down else 2, 1, bias=has_bias)]
        layers += [norm(2 * channels), nn.ReLU(True)]
        layers += [Downsample(2 * channels)] if blurs_down else []
    for _ in range(blocks):
        dropout: list[nn.Module] = [nn.Dropout(0.5)] if has_dropout else []
        layers.append(
            ConvBlock(
                nn.ReflectionPad2d(1),
                nn.Conv2d(wide, wide, 3, bias=has_bias),
                norm(wide),
                nn.ReLU(True),
                *dropout,
                nn.ReflectionPad2d(1),
                nn.Conv2d(wide, wide, 3, bias=has_bias),
                norm(wide),
            )
        )
    for channels in (wide, 2 * width):
        half = channels // 2
        if blurs_up:
            layers += [Upsample(channels), nn.Conv2d(channels, half, 3, 1, 1, bias=has_bias)]
        else:
            layers += [nn.ConvTranspose2d(channels, half, 3, 2, 1, 1, bias=has_bias)]
        layers += [norm(half), nn.ReLU(True)]
    return Numbered(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, channels_out, 7), nn.Tanh())


def binomial(*taps: float) -> Tensor:
    row = torch.tensor(taps)
    square = row[:, None] * row[None, :]
    return square / square.sum()


class Downsample(nn.Module):
    """CUT's: reflect, blur with 1 2 1, every second pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", binomial(1, 2, 1)[None, None].repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filt, stride=2, groups=x.shape[1])  # type: ignore[arg-type]


class Upsample(nn.Module):
    """CUT's: zeros between the pixels, blur with 1 3 3 1, cut the edges off."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", 4 * binomial(1, 3, 3, 1)[None, None].repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        out = F.conv_transpose2d(padded, self.filt, stride=2, padding=2, groups=x.shape[1])  # type: ignore[arg-type]
        return out[:, :, 1:, 1:][:, :, :-1, :-1]


def eriklindernoren_resnet(blocks: int, width: int = 4) -> nn.Module:
    """PyTorch-GAN's: nearest neighbor, then a convolution."""
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU(True)]
    for channels in (width, 2 * width):
        layers += [nn.Conv2d(channels, 2 * channels, 3, 2, 1), nn.InstanceNorm2d(2 * channels), nn.ReLU(True)]
    wide = 4 * width
    for _ in range(blocks):
        layers.append(
            Block(
                nn.ReflectionPad2d(1),
                nn.Conv2d(wide, wide, 3),
                nn.InstanceNorm2d(wide),
                nn.ReLU(True),
                nn.ReflectionPad2d(1),
                nn.Conv2d(wide, wide, 3),
                nn.InstanceNorm2d(wide),
            )
        )
    for channels in (wide, 2 * width):
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(channels, channels // 2, 3, 1, 1)]
        layers += [nn.InstanceNorm2d(channels // 2), nn.ReLU(True)]
    return Numbered(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


class Separable(nn.Module):
    """gan-compression's SeparableConv2d; its own norm is instance norm whatever the others are."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        each = nn.Conv2d(channels_in, channels_in, 3, groups=channels_in)
        self.conv = nn.Sequential(each, nn.InstanceNorm2d(channels_in), nn.Conv2d(channels_in, channels_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


def mobile_resnet(widths: list[int], inner: list[int], norm: Norm = nn.InstanceNorm2d) -> nn.Module:
    """gan-compression's: `widths` after the stem, two steps down, two up; `inner` within each block."""
    has_bias = norm is nn.InstanceNorm2d
    stem, one, wide, three, four = widths
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, stem, 7, bias=has_bias), norm(stem), nn.ReLU(True)]
    for narrow, broad in ((stem, one), (one, wide)):
        layers += [nn.Conv2d(narrow, broad, 3, 2, 1, bias=has_bias), norm(broad), nn.ReLU(True)]
    for middle in inner:
        layers.append(
            ConvBlock(
                nn.ReflectionPad2d(1),
                Separable(wide, middle),
                norm(middle),
                nn.ReLU(True),
                nn.Dropout(0.0),
                nn.ReflectionPad2d(1),
                Separable(middle, wide),
                norm(wide),
            )
        )
    for broad, narrow in ((wide, three), (three, four)):
        layers += [nn.ConvTranspose2d(broad, narrow, 3, 2, 1, 1, bias=has_bias), norm(narrow), nn.ReLU(True)]
    return Numbered(*layers, nn.ReflectionPad2d(3), nn.Conv2d(four, 3, 7), nn.Tanh())


class UNetBlock(nn.Module):
    """pytorch-CycleGAN-and-pix2pix's UnetSkipConnectionBlock."""

    def __init__(self, is_outermost: bool, *layers: nn.Module) -> None:
        super().__init__()
        self.is_outermost = is_outermost
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        if self.is_outermost:
            out: Tensor = self.model(x)
            return out
        return torch.cat([x, self.model(x)], 1)  # the first layer has changed x in place by then


class UNet(nn.Module):
    """pytorch-CycleGAN-and-pix2pix's UnetGenerator: halves a picture `depth` times."""

    def __init__(
        self,
        depth: int,
        width: int = 2,
        *,
        norm: Norm = nn.BatchNorm2d,
        has_dropout: bool = False,
        channels_in: int = 3,
        channels_out: int = 3,
    ) -> None:
        super().__init__()
        has_bias = norm is nn.InstanceNorm2d
        widths = [min(2**level, 8) * width for level in range(depth)]

        def down(channels: int, inside: int) -> nn.Module:
            return nn.Conv2d(channels, inside, 4, 2, 1, bias=has_bias)

        def up(inside: int, channels: int) -> nn.Module:
            return nn.ConvTranspose2d(inside, channels, 4, 2, 1, bias=has_bias)

        channels, inside = widths[-2], widths[-1]
        block = UNetBlock(
            False, nn.LeakyReLU(0.2, True), down(channels, inside), nn.ReLU(True), up(inside, channels), norm(channels)
        )
        for level in reversed(range(1, depth - 1)):
            channels, inside = widths[level - 1], widths[level]
            dropout = [nn.Dropout(0.5)] if has_dropout and level >= 4 else []
            block = UNetBlock(
                False,
                nn.LeakyReLU(0.2, True),
                down(channels, inside),
                norm(inside),
                block,
                nn.ReLU(True),
                up(2 * inside, channels),
                norm(channels),
                *dropout,
            )
        last = nn.ConvTranspose2d(2 * width, channels_out, 4, 2, 1)
        self.model = UNetBlock(True, down(channels_in, width), block, nn.ReLU(True), last, nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


class NamedConv(nn.Module):
    """AladdinPersson's ConvBlock."""

    def __init__(self, conv: nn.Module, channels: int, has_relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Sequential(conv, nn.InstanceNorm2d(channels), nn.ReLU(True) if has_relu else nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class AladdinPersson(nn.Module):
    """AladdinPersson's generator; `plain` is the variant whose first convolution stands alone."""

    def __init__(self, blocks: int, width: int = 4, *, is_plain: bool = False, channels: int = 3) -> None:
        super().__init__()

        def reflecting(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
            return nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, padding_mode="reflect")

        def doubling(channels_in: int, channels_out: int) -> nn.ConvTranspose2d:
            return nn.ConvTranspose2d(channels_in, channels_out, 3, 2, 1, 1)

        first = reflecting(channels, width, 7)
        self.initial = first if is_plain else nn.Sequential(first, nn.InstanceNorm2d(width), nn.ReLU(True))
        wide = 4 * width
        self.down_blocks = nn.ModuleList(
            [
                NamedConv(reflecting(width, 2 * width, 3, 2), 2 * width),
                NamedConv(reflecting(2 * width, wide, 3, 2), wide),
            ]
        )
        self.res_blocks = nn.Sequential(
            *(
                Block(NamedConv(reflecting(wide, wide, 3), wide), NamedConv(reflecting(wide, wide, 3), wide, False))
                for _ in range(blocks)
            )
        )
        self.up_blocks = nn.ModuleList(
            [NamedConv(doubling(wide, 2 * width), 2 * width), NamedConv(doubling(2 * width, width), width)]
        )
        self.last = reflecting(width, channels, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.initial(x)
        for part in self.down_blocks:
            x = part(x)
        x = self.res_blocks(x)
        for part in self.up_blocks:
            x = part(x)
        return torch.tanh(self.last(x))


class StyleConv(nn.Module):
    """fast-neural-style's ConvLayer and UpsampleConvLayer."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, doubles: bool = False
    ) -> None:
        super().__init__()
        self.doubles = doubles
        self.reflection_pad = nn.ReflectionPad2d(kernel // 2)
        self.conv2d = nn.Conv2d(channels_in, channels_out, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        if self.doubles:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        out: Tensor = self.conv2d(self.reflection_pad(x))
        return out


class StyleBlock(nn.Module):
    """fast-neural-style's ResidualBlock."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = StyleConv(channels, channels, 3)
        self.in1 = nn.InstanceNorm2d(channels, affine=True)
        self.conv2 = StyleConv(channels, channels, 3)
        self.in2 = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.in2(self.conv2(F.relu(self.in1(self.conv1(x))))) + x
        return out


class StyleNet(nn.Module):
    """fast-neural-style's TransformerNet; values 0..255."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.conv1, self.in1 = StyleConv(3, width, 9), nn.InstanceNorm2d(width, affine=True)
        self.conv2, self.in2 = StyleConv(width, 2 * width, 3, 2), nn.InstanceNorm2d(2 * width, affine=True)
        self.conv3, self.in3 = StyleConv(2 * width, 4 * width, 3, 2), nn.InstanceNorm2d(4 * width, affine=True)
        for number in range(1, 6):
            setattr(self, f"res{number}", StyleBlock(4 * width))
        self.deconv1 = StyleConv(4 * width, 2 * width, 3, doubles=True)
        self.in4 = nn.InstanceNorm2d(2 * width, affine=True)
        self.deconv2, self.in5 = StyleConv(2 * width, width, 3, doubles=True), nn.InstanceNorm2d(width, affine=True)
        self.deconv3 = StyleConv(width, 3, 9)
        nn.init.normal_(self.deconv3.conv2d.weight, 0, 1.5)  # a trained one fills 0..255
        nn.init.constant_(self.deconv3.conv2d.bias, 127)  # type: ignore[arg-type]  # there by default

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.in1(self.conv1(x)))
        x = F.relu(self.in2(self.conv2(x)))
        x = F.relu(self.in3(self.conv3(x)))
        for number in range(1, 6):
            x = getattr(self, f"res{number}")(x)
        x = F.relu(self.in4(self.deconv1(x)))
        x = F.relu(self.in5(self.deconv2(x)))
        out: Tensor = self.deconv3(x)
        return out


def course_conv(channels_in: int, channels_out: int, kernel: int = 4, stride: int = 2) -> nn.Sequential:
    conv = nn.Conv2d(channels_in, channels_out, kernel, stride, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out))


def course_deconv(channels_in: int, channels_out: int, has_norm: bool = True) -> nn.Sequential:
    deconv = nn.ConvTranspose2d(channels_in, channels_out, 4, 2, 1, bias=False)
    return nn.Sequential(deconv, *([nn.BatchNorm2d(channels_out)] if has_norm else []))


class CSC321Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer = course_conv(channels, channels, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv_layer(x)
        return out


class CSC321(nn.Module):
    """The assignment's CycleGenerator."""

    def __init__(self, width: int = 8, channels: int = 3) -> None:
        super().__init__()
        self.conv1, self.conv2 = course_conv(channels, width), course_conv(width, 2 * width)
        self.resnet_block = CSC321Block(2 * width)
        self.deconv1, self.deconv2 = course_deconv(2 * width, width), course_deconv(width, channels, has_norm=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        x = F.relu(self.resnet_block(x))
        return torch.tanh(self.deconv2(F.relu(self.deconv1(x))))


class UdacityBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer1, self.conv_layer2 = (course_conv(channels, channels, 3, 1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv_layer2(F.relu(self.conv_layer1(x)))
        return out


class Udacity(nn.Module):
    """The course's CycleGenerator."""

    def __init__(self, blocks: int = 6, width: int = 4) -> None:
        super().__init__()
        wide = 4 * width
        self.conv1, self.conv2 = course_conv(3, width), course_conv(width, 2 * width)
        self.conv3 = course_conv(2 * width, wide)
        self.res_blocks = nn.Sequential(*(UdacityBlock(wide) for _ in range(blocks)))
        self.deconv1, self.deconv2 = course_deconv(wide, 2 * width), course_deconv(2 * width, width)
        self.deconv3 = course_deconv(width, 3, has_norm=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv3(F.relu(self.conv2(F.relu(self.conv1(x))))))
        x = F.relu(self.deconv2(F.relu(self.deconv1(self.res_blocks(x)))))
        return torch.tanh(self.deconv3(x))
