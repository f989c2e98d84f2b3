"""Build a run's networks from its settings, and say what sizes they take and how far they see."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from .choices import Direction, Downsampling, Focus, Upsampling
from .config import GeneratorConfig, TrainConfig
from .discriminators import Discriminator
from .generators import DEPTH, ResNetGenerator, UNetGenerator
from .layers import initialize

__all__ = [
    "Discriminator",
    "Generators",
    "ResNetGenerator",
    "UNetGenerator",
    "build_generator",
    "generator_config",
    "initialize",
    "receptive_field_px",
    "size_multiple",
    "smallest_size",
]

Generator = ResNetGenerator | UNetGenerator


class Generators(nn.Module):
    """The generators of a run: `ab` and `ba`, or the one that a one-sided recipe learns; the other is None then."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        built = {one: build_generator(generator_config(config.generator, one)) for one in config.directions}
        self.ab = built.get(Direction.A2B)
        self.ba = built.get(Direction.B2A)

    def of(self, direction: Direction) -> Generator:
        """Return the generator of a direction that the run learns."""
        generator = self.ab if direction is Direction.A2B else self.ba
        assert generator is not None, f"this run does not learn {direction}"
        return generator


def generator_config(config: GeneratorConfig, direction: Direction) -> GeneratorConfig:
    """Return what builds the generator of `direction`: half as wide where the run is for the other one."""
    width = config.width if config.focus in (Focus.BOTH, Focus(str(direction))) else config.width // 2
    if direction is Direction.A2B:
        return replace(config, width=width)
    return replace(config, width=width, channels_in=config.channels_out, channels_out=config.channels_in)


def build_generator(config: GeneratorConfig) -> Generator:
    """Return a generator with torch's own first weights; `initialize` gives it the published ones."""
    return UNetGenerator(config) if config.kind in DEPTH else ResNetGenerator(config)


def size_multiple(config: GeneratorConfig) -> int:
    """Return what height and width must be multiples of, pixels."""
    return 2 ** DEPTH[config.kind] if config.kind in DEPTH else 4


def smallest_size(config: GeneratorConfig) -> int:
    """Return what height and width must be at least, pixels."""
    return 2 ** DEPTH[config.kind] if config.kind in DEPTH else 8


def receptive_field_px(config: GeneratorConfig) -> int:
    """Return the side of the square of input pixels that one output pixel sees at most, normalization aside."""
    if config.kind in DEPTH:
        side = 1
        for _ in range(DEPTH[config.kind]):
            side = _before_doubling(side, config.upsampling, kernel=4)
        for _ in range(DEPTH[config.kind]):
            side = 2 * side + 2  # a 4×4 convolution of stride 2
        return side
    side = 7  # what the head sees of the features at full size; from here back to the picture
    for _ in range(2):
        side = _before_doubling(side, config.upsampling, kernel=3)
    side += 4 * config.blocks  # two 3×3 convolutions each, at a quarter of the size
    for _ in range(2):
        side = 2 * side + 1  # a 3×3 convolution, or a 3×3 blur, of stride 2
        if config.downsampling is Downsampling.BLURRED:
            side += 2  # the 3×3 convolution before the blur
    return side + 6


def _before_doubling(side: int, upsampling: Upsampling, *, kernel: int) -> int:
    """Return how many values in a row, before the size is doubled, `side` values behind it see at most."""
    match upsampling:
        case Upsampling.RESIZE:  # a 3×3 convolution on doubled features
            return (side + 2) // 2 + 1
        case Upsampling.BLURRED:  # there each value is made of two
            return (side + 2) // 2 + 2
        case Upsampling.TRANSPOSED:
            return (side + 1) // 2 + 1 if kernel == 3 else side // 2 + 2
