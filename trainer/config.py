"""Say how a run trains: frozen settings, one class per concern, checked where they are made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cgconv.runtime.errors import UsageError


class Upsampling(StrEnum):
    """How a generator doubles the size of its features."""

    TRANSPOSED = "transposed"  # as published (arXiv 1703.10593, appendix 7.2); can leave checkerboards
    RESIZE = "resize"  # nearest neighbour, then a convolution (Odena et al. 2016, distill.pub/2016/deconv-checkerboard)


class DiscriminatorNorm(StrEnum):
    """What a discriminator is normalized with."""

    INSTANCE = "instance"  # as published; blind to a picture's overall colour and brightness
    SPECTRAL = "spectral"  # spectral normalization of the weights (arXiv 1802.05957); sees overall colour


class Focus(StrEnum):
    """Which direction the run is for."""

    BOTH = "both"  # as published: equal generators
    A2B = "a2b"  # the generator back has half the width, and a step takes about two thirds of the time
    B2A = "b2a"


class GanLoss(StrEnum):
    """The adversarial loss."""

    LEAST_SQUARES = "least-squares"  # as published (section 4)
    CROSS_ENTROPY = "cross-entropy"  # equation 1


class Precision(StrEnum):
    """The arithmetic of the networks. Weights, normalization statistics and losses are float32 in all of them."""

    AUTO = "auto"  # bf16 where the processor has it
    FP32 = "fp32"
    BF16 = "bf16"


@dataclass(frozen=True)
class GeneratorConfig:
    """A ResNet generator: 9 blocks and width 64 are the published ones for 256 pixels, 6 blocks for 128."""

    blocks: int = 9
    width: int = 64  # channels after the first convolution
    upsampling: Upsampling = Upsampling.TRANSPOSED
    focus: Focus = Focus.BOTH
    dropout: bool = False  # 0.5 inside each block, as an option of the published code
    channels_in: int = 3
    channels_out: int = 3

    def __post_init__(self) -> None:
        _check(1 <= self.blocks <= 32, "generator.blocks", self.blocks, "1 to 32")
        _check(4 <= self.width <= 512, "generator.width", self.width, "4 to 512")
        _check(self.channels_in in (1, 3), "generator.channels_in", self.channels_in, "1 or 3")
        _check(self.channels_out in (1, 3), "generator.channels_out", self.channels_out, "1 or 3")


@dataclass(frozen=True)
class DiscriminatorConfig:
    """A PatchGAN: 3 layers judge patches of 70×70 pixels."""

    layers: int = 3
    width: int = 64
    norm: DiscriminatorNorm = DiscriminatorNorm.INSTANCE
    color: bool = False  # a second, small judge of overall colour and brightness, to which instance norm is blind
    channels_in: int = 3

    def __post_init__(self) -> None:
        _check(1 <= self.layers <= 6, "discriminator.layers", self.layers, "1 to 6")
        _check(4 <= self.width <= 512, "discriminator.width", self.width, "4 to 512")


@dataclass(frozen=True)
class LossConfig:
    """Weights of the full objective (equation 3) and of the identity loss (section 5.2)."""

    gan: GanLoss = GanLoss.LEAST_SQUARES
    cycle: float = 10.0  # λ of equation 3
    identity: float = 5.0  # 0.5 λ for painting generation in the paper; 0 leaves the passes out
    identity_every: int = 1  # run the two identity passes on every n-th step only
    grid: float = 0.0  # weight of the grid loss, ours: wipes the generators' stride out of flat parts
    history: int = 50  # fakes remembered for the discriminators (section 4); 0 switches it off

    def __post_init__(self) -> None:
        _check(self.cycle >= 0, "loss.cycle", self.cycle, "0 or more")
        _check(self.identity >= 0, "loss.identity", self.identity, "0 or more")
        _check(self.grid >= 0, "loss.grid", self.grid, "0 or more")
        _check(self.identity_every >= 1, "loss.identity_every", self.identity_every, "1 or more")
        _check(self.history >= 0, "loss.history", self.history, "0 or more")


@dataclass(frozen=True)
class DataConfig:
    """Where the pictures are and what a network sees of them."""

    a: Path = Path()
    b: Path = Path()
    crop: int = 256  # side of the square that the networks see, pixels
    load: int = 286  # the short side is brought to this length before cropping, pixels; 0 leaves it
    shrink: float = 1.0  # with 2, squares of `crop` to 2 × `crop` pixels are cut and shrunk to `crop`
    flip: bool = True  # mirror left and right at random
    batch: int = 1

    def __post_init__(self) -> None:
        _check(self.crop >= 32 and self.crop % 4 == 0, "data.crop", self.crop, "a multiple of 4, at least 32")
        _check(self.load == 0 or self.load >= self.crop, "data.load", self.load, "0, or at least data.crop")
        _check(self.shrink >= 1, "data.shrink", self.shrink, "1 or more")
        _check(self.batch >= 1, "data.batch", self.batch, "1 or more")


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam, and how its learning rate goes: constant, then linear to 0 (section 4)."""

    learning_rate: float = 2e-4
    discriminator_learning_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    epochs: float = 200.0  # an epoch is max(pictures of a, pictures of b) pictures of each domain
    decay: float = 0.5  # the last part of the run in which the rate falls to 0
    ema_half_life: float = 700.0  # pictures after which a weight's share in the average has halved; 0: no average

    def __post_init__(self) -> None:
        _check(self.learning_rate > 0, "optimizer.learning_rate", self.learning_rate, "more than 0")
        _check(
            self.discriminator_learning_rate > 0,
            "optimizer.discriminator_learning_rate",
            self.discriminator_learning_rate,
            "more than 0",
        )
        _check(self.epochs > 0, "optimizer.epochs", self.epochs, "more than 0")
        _check(0 <= self.decay <= 1, "optimizer.decay", self.decay, "0 to 1")
        _check(self.ema_half_life >= 0, "optimizer.ema_half_life", self.ema_half_life, "0 or more")


@dataclass(frozen=True)
class RunConfig:
    """Where a run lives and how often it reports."""

    out: Path = Path("runs/run")
    name_a: str = "a"
    name_b: str = "b"
    seed: int = 0
    device: str = "auto"  # auto, cpu, cuda, cuda:1 …
    precision: Precision = Precision.AUTO
    threads: int = 0  # processor threads; 0 leaves torch's choice
    report_every: int = 50  # steps
    sample_every: int = 500  # steps
    checkpoint_every: int = 500  # steps

    def __post_init__(self) -> None:
        for name in ("report_every", "sample_every", "checkpoint_every"):
            _check(getattr(self, name) >= 1, f"run.{name}", getattr(self, name), "1 or more")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a run is: written beside its results, and into every checkpoint."""

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    run: RunConfig = field(default_factory=RunConfig)


def config_as_dict(config: Any) -> dict[str, Any]:  # Any: any of the classes above; values are JSON's
    """Return a config as plain Python values that JSON and `torch.load(weights_only=True)` accept."""
    return dict(json.loads(json.dumps(asdict(config), default=str)))


def config_from_dict(values: dict[str, Any], cls: type = TrainConfig) -> Any:  # Any: an instance of `cls`
    """Rebuild a config from `config_as_dict`'s values.

    Unknown names are ignored, so that a checkpoint of a newer version opens; missing ones get their defaults.
    Raises UsageError, naming the option, where a value does not fit.
    """
    kwargs: dict[str, Any] = {}
    defaults = cls()
    for f in fields(cls):
        if f.name not in values:
            continue
        default = getattr(defaults, f.name)
        value = values[f.name]
        if is_dataclass(default):
            kwargs[f.name] = config_from_dict(value, type(default))
        else:
            try:
                kwargs[f.name] = type(default)(value)
            except (TypeError, ValueError) as error:
                raise UsageError(f"{cls.__name__}.{f.name}: found {value!r}, {error}") from error
    return cls(**kwargs)


def _check(fits: bool, name: str, found: object, wanted: str) -> None:
    if not fits:
        raise UsageError(f"{name}: found {found}, wanted {wanted}")
