"""Build a run's networks from its settings, and say what sizes they take and how far they see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from torch import Tensor, nn

from cgconv.trainer.choices import Direction, DiscriminatorKind, Downsampling, Focus, GeneratorKind, Upsampling
from cgconv.trainer.config import DiscriminatorConfig, GeneratorConfig, TrainConfig

from .compact import CompactGenerator
from .discriminators import Discriminator
from .efficientnet import Lite, open_efficientnet
from .generators import DEPTH, ResNetGenerator, UNetGenerator
from .layers import initialize
from .projected import ProjectedDiscriminator

__all__ = [
    "AnyDiscriminator",
    "CompactGenerator",
    "Discriminator",
    "Generators",
    "ResNetGenerator",
    "UNetGenerator",
    "averaged",
    "build_discriminator",
    "build_generator",
    "generator_config",
    "initialize",
    "receptive_field_px",
    "size_multiple",
    "smallest_size",
]

Generator = CompactGenerator | ResNetGenerator | UNetGenerator
AnyDiscriminator = Discriminator | ProjectedDiscriminator


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


@contextmanager
def averaged(generators: nn.Module, average_of: dict[str, Tensor]) -> Iterator[None]:
    """Give the generators their averaged weights, in eval mode, until the end of the block."""
    current = {name: p.detach().clone() for name, p in generators.named_parameters()}
    generators.load_state_dict(average_of, strict=False)
    generators.eval()
    try:
        yield
    finally:
        generators.load_state_dict(current, strict=False)
        generators.train()


def generator_config(config: GeneratorConfig, direction: Direction) -> GeneratorConfig:
    """Return what builds the generator of `direction`: half as wide where the run is for the other one."""
    width = config.width if config.focus in (Focus.BOTH, Focus(str(direction))) else config.width // 2
    if direction is Direction.A2B:
        return replace(config, width=width, focus=Focus.BOTH)
    return replace(
        config, width=width, focus=Focus.BOTH, channels_in=config.channels_out, channels_out=config.channels_in
    )


def build_generator(config: GeneratorConfig) -> Generator:
    """Return a generator with torch's own first weights; `initialize` gives it the published ones."""
    if config.kind is GeneratorKind.COMPACT:
        return CompactGenerator(config)
    return UNetGenerator(config) if config.kind in DEPTH else ResNetGenerator(config)


def build_discriminator(config: DiscriminatorConfig, *channels: int) -> AnyDiscriminator:
    """Return a discriminator of pictures of so many channels; with several numbers, of pictures behind each other.

    Raises MissingError where the weights that a projected one looks through are missing.
    """
    if config.kind is DiscriminatorKind.PROJECTED:
        return ProjectedDiscriminator(open_efficientnet(Lite.LITE0), channels)
    return Discriminator(config, sum(channels))


def size_multiple(config: GeneratorConfig) -> int:
    """Return what height and width must be multiples of, pixels."""
    return 2 ** DEPTH[config.kind] if config.kind in DEPTH else 4


def smallest_size(config: GeneratorConfig) -> int:
    """Return what height and width must be at least, pixels."""
    return 2 ** DEPTH[config.kind] if config.kind in DEPTH else 8


def receptive_field_px(config: GeneratorConfig) -> int:
    """Return the side of the square of input pixels that one output pixel sees at most, normalization aside.

    Followed backwards as a span of columns, for each place that a pixel may have within the strides.
    """
    if config.kind is GeneratorKind.COMPACT:
        return max(_seen_px_compact(config, place) for place in range(4))
    depth = DEPTH.get(config.kind)
    return max(_seen_px(config, place, depth) for place in range(size_multiple(config)))


def _seen_px(config: GeneratorConfig, place: int, depth: int | None) -> int:
    low, high = place, place
    if depth is None:
        low, high = low - 3, high + 3  # the head
    for _ in range(depth or 2):
        low, high = _before_doubling(low, high, config.upsampling, kernel=4 if depth else 3)
    if depth is None:
        low, high = low - 2 * config.blocks, high + 2 * config.blocks  # two 3×3 convolutions a block
    for _ in range(depth or 2):
        low, high = 2 * low - 1, 2 * high + (2 if depth else 1)  # a 4×4 or 3×3 convolution, or a blur, of stride 2
        if depth is None and config.downsampling is Downsampling.BLURRED:
            low, high = low - 1, high + 1  # the convolution before the blur
    if depth is None:
        low, high = low - 3, high + 3  # the stem
        if config.skip:
            low, high = low - 4, high + 4  # two means of 5×5 pixels
    return high - low + 1


def _seen_px_compact(config: GeneratorConfig, place: int) -> int:
    low, high = place - 3, place + 3  # the last convolution, 5×5, and the one before, 3×3
    low, high = low // 2, high // 2  # repeated columns
    low, high = (low - 1) // 2, (high + 1) // 2  # a 3×3 convolution on repeated columns
    low, high = low - 2 * config.blocks, high + 2 * config.blocks  # two 3×3 convolutions a block
    low, high = 4 * low - 4, 4 * high + 7  # a 12×12 convolution of stride 4
    return high - low + 1


def _before_doubling(low: int, high: int, upsampling: Upsampling, *, kernel: int) -> tuple[int, int]:
    """Return the span of columns, before the size is doubled, that the columns `low` to `high` behind it see."""
    match upsampling:
        case Upsampling.RESIZE:  # a 3×3 convolution on repeated columns
            return (low - 1) // 2, (high + 1) // 2
        case Upsampling.BLURRED:  # a 3×3 convolution on columns that are each made of two
            return (low - 2) // 2, high // 2 + 1
        case Upsampling.TRANSPOSED:  # column i reaches 2i - 1 to 2i - 2 + kernel
            return -((kernel - 2 - low) // 2), (high + 1) // 2
