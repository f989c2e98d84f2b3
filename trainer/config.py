"""Say how a run trains: frozen settings, one class per concern, checked where they are made."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from cgconv.runtime.errors import SettingError, UsageError

from .choices import (
    ContrastNetwork,
    Direction,
    DiscriminatorKind,
    DiscriminatorNorm,
    Downsampling,
    FeatureRange,
    Focus,
    GanLoss,
    GeneratorKind,
    Init,
    Norm,
    Padding,
    Precision,
    Preprocess,
    RecipeName,
    Schedule,
    Upsampling,
)

__all__ = [
    "ContrastConfig",
    "ContrastNetwork",
    "DataConfig",
    "Direction",
    "DiscriminatorConfig",
    "DiscriminatorKind",
    "DiscriminatorNorm",
    "Downsampling",
    "EvaluationConfig",
    "FeatureRange",
    "Focus",
    "GanLoss",
    "GeneratorConfig",
    "GeneratorKind",
    "Init",
    "LossConfig",
    "Norm",
    "OptimizerConfig",
    "Padding",
    "Precision",
    "Preprocess",
    "RecipeName",
    "RunConfig",
    "Schedule",
    "TeacherConfig",
    "TrainConfig",
    "Upsampling",
    "config_as_dict",
    "config_from_dict",
    "with_absolute_paths",
]


@dataclass(frozen=True)
class GeneratorConfig:
    """A generator. The published one for 256 pixels is a ResNet of 9 blocks and width 64; 6 blocks for 128 pixels."""

    kind: GeneratorKind = GeneratorKind.RESNET
    blocks: int = 9  # of a ResNet
    width: int = 64  # channels after the first convolution
    norm: Norm = Norm.INSTANCE
    padding: Padding = Padding.REFLECT  # of a ResNet
    downsampling: Downsampling = Downsampling.STRIDED  # of a ResNet
    upsampling: Upsampling = Upsampling.TRANSPOSED
    focus: Focus = Focus.BOTH
    skip: bool = False  # lead a ResNet's tone and finest detail past its norms and strides; ours
    soften: bool = False  # of a compact one: lead the picture past it softened, so that edges are painted, not kept
    dropout: bool = False  # 0.5 inside each block, or in a U-Net's inner layers, as an option of the published code
    channels_in: int = 3  # of pictures of a
    channels_out: int = 3  # of pictures of b

    def __post_init__(self) -> None:
        _check(1 <= self.blocks <= 32, "generator.blocks", self.blocks, "1 to 32")
        focused = self.focus is not Focus.BOTH  # then the other generator is half as wide
        wanted = f"8 to 512 with generator.focus {self.focus}" if focused else "4 to 512"
        _check((8 if focused else 4) <= self.width <= 512, "generator.width", self.width, wanted)
        _check(self.channels_in in (1, 3), "generator.channels_in", self.channels_in, "1 or 3")
        _check(self.channels_out in (1, 3), "generator.channels_out", self.channels_out, "1 or 3")


@dataclass(frozen=True)
class DiscriminatorConfig:
    """A discriminator. The published one is a PatchGAN: 3 layers judge patches of 70×70 pixels."""

    kind: DiscriminatorKind = DiscriminatorKind.PATCH
    layers: int = 3  # of a PatchGAN
    width: int = 64
    norm: DiscriminatorNorm = DiscriminatorNorm.INSTANCE
    padding: Padding = Padding.ZERO
    downsampling: Downsampling = Downsampling.STRIDED  # of a PatchGAN
    sigmoid: bool = False  # squash the scores to 0 … 1 before the loss sees them; for least squares only

    def __post_init__(self) -> None:
        _check(1 <= self.layers <= 6, "discriminator.layers", self.layers, "1 to 6")
        _check(4 <= self.width <= 512, "discriminator.width", self.width, "4 to 512")

    @property
    def smallest_px(self) -> int:
        """Side of the smallest pictures that it can judge: a PatchGAN's last two layers need 3×3 features."""
        match self.kind:
            case DiscriminatorKind.PATCH:
                return 3 << self.layers  # halved once a layer
            case DiscriminatorKind.PATCH_94:
                return 32  # 2×2 features in its last norm
            case DiscriminatorKind.PIXEL:
                return 2
            case DiscriminatorKind.PROJECTED:
                return 64  # 2×2 features at its coarsest scale


@dataclass(frozen=True)
class LossConfig:
    """Weights of the objective (arXiv 1703.10593, equation 3 and section 5.2). 0 leaves a term and its passes out."""

    gan: GanLoss = GanLoss.LEAST_SQUARES
    gan_ab: float = 1.0  # weight of the adversarial loss a → b
    gan_ba: float = 1.0
    cycle: float = 10.0  # λ of equation 3
    cycle_a: float | None = None  # of a → b → a alone; None: `cycle`
    cycle_b: float | None = None
    identity: float = 5.0  # 0.5 λ for painting generation in the paper
    identity_a: float | None = None  # of pictures of a through b → a; None: `identity`
    identity_b: float | None = None
    identity_every: int = 1  # run the identity passes on every n-th step only
    identity_to: float | None = None  # factor that the identity weights have come to …
    identity_over: float = 1.0  # … after this share of the run, linearly; None above: they stay
    l1: float = 100.0  # pix2pix: weight of the distance to the paired picture (arXiv 1611.07004, section 3.1)
    penalty: float = 10.0  # WGAN-GP: weight of the gradient penalty (arXiv 1704.00028)
    r1: float = 0.0  # γ of the R1 penalty on real pictures (arXiv 1801.04406)
    r1_every: int = 16  # on every n-th step, n times as strong (arXiv 1912.04958, appendix B)
    jitter: int = 0  # discriminators see crops shifted by up to this many pixels, so that no place is special
    brightness: float = 0.0  # cut on frozen features: weight of how far squares of 16 pixels change their brightness …
    uneven_color: float = 0.0  # … and of how far they change their color otherwise than the whole picture does
    stability: float = 0.0  # weight of how far a small change of a picture changes its translation otherwise
    history: int = 50  # fakes remembered for the discriminators (section 4); 0 switches it off

    def __post_init__(self) -> None:
        not_negative = ["gan_ab", "gan_ba", "cycle", "cycle_a", "cycle_b", "identity", "identity_a", "identity_b"]
        not_negative += ["identity_to", "l1", "penalty", "r1", "jitter", "history"]
        not_negative += ["brightness", "uneven_color", "stability"]
        for name in not_negative:
            value = getattr(self, name)
            _check(value is None or value >= 0, f"loss.{name}", value, "0 or more")
        _check(0 < self.identity_over <= 1, "loss.identity_over", self.identity_over, "more than 0, up to 1")
        _check(self.identity_every >= 1, "loss.identity_every", self.identity_every, "1 or more")
        _check(self.r1_every >= 1, "loss.r1_every", self.r1_every, "1 or more")

    @property
    def cycle_weights(self) -> tuple[float, float]:
        """Weights of the cycles that start at a and at b."""
        return _sides(self.cycle, self.cycle_a, self.cycle_b)

    def identity_weights(self, progress: float) -> tuple[float, float]:
        """Weights of the identity losses of a's and b's pictures at `progress` (0 to 1) of the run."""
        factor = 1.0
        if self.identity_to is not None:
            factor += (self.identity_to - 1.0) * min(1.0, progress / self.identity_over)
        of_a, of_b = _sides(self.identity, self.identity_a, self.identity_b)
        return of_a * factor, of_b * factor


@dataclass(frozen=True)
class ContrastConfig:
    """The contrastive loss of CUT (arXiv 2007.15651): a translated patch stays like the patch it was made of."""

    network: ContrastNetwork = ContrastNetwork.GENERATOR
    weight: float = 1.0  # 10 for FastCUT
    identity: bool = True  # also on pictures of the target domain; off for FastCUT
    flip: bool = False  # mirror half of the batches before translating, and features back; on for FastCUT
    patches: int = 256  # a picture and layer
    features: int = 256  # of the two-layer head
    temperature: float = 0.07

    def __post_init__(self) -> None:
        _check(self.weight >= 0, "contrast.weight", self.weight, "0 or more")
        _check(self.patches >= 2, "contrast.patches", self.patches, "2 or more")
        _check(self.features >= 1, "contrast.features", self.features, "1 or more")
        _check(self.temperature > 0, "contrast.temperature", self.temperature, "more than 0")


@dataclass(frozen=True)
class TeacherConfig:
    """The model that a run of `distill` learns from, and how its results are compared, beside `loss.l1`."""

    name: str = ""
    sha256: str = ""  # of teacher.onnx in the run's folder
    discriminator: str = ""  # the run whose discriminator this one's begins as; empty: a fresh one …
    direction: Direction = Direction.A2B  # … and the way of it that teaches
    structure: float = 10.0  # weight of 1 - SSIM to its results …
    perceived: float = 1.0  # … and of the distance to them as a frozen network sees it

    def __post_init__(self) -> None:
        for name in ("structure", "perceived"):
            _check(getattr(self, name) >= 0, f"teacher.{name}", getattr(self, name), "0 or more")


DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,4})?")
NOWHERE = Path()  # in place of a folder that is not needed
WHOLE = (Preprocess.SCALE_WIDTH, Preprocess.NONE)  # the networks see whole pictures, of any size


@dataclass(frozen=True)
class DataConfig:
    """Where the pictures are and what a network sees of them."""

    a: Path = Path()
    b: Path = (
        Path()
    )  # pix2pix: equal to `a` where each picture holds a on its left and b on its right; distill: or none
    preprocess: Preprocess = Preprocess.RESIZE_AND_CROP
    load: int = 286  # the length that `preprocess` brings a side to, pixels; 0 leaves pictures as they are
    crop: int = 256  # side of the square that the networks see, pixels
    crop_from: int = 0  # crops begin this small …
    crop_over: float = 0.5  # … and reach `crop` after this share of the run; 0 above: full from the start
    shrink: float = 1.0  # with 2, squares of `crop` to 2 × `crop` pixels are cut and shrunk to `crop`
    flip: bool = True  # mirror left and right at random
    serial: bool = False  # pictures in the order of their names, not at random
    largest: int = 0  # take only the first n pictures of each folder; 0: all
    batch: int = 1  # of each process
    memory_gb: float = 4.0  # decoded pictures that are kept in memory; the rest are decoded again in their turn

    def __post_init__(self) -> None:
        _check(32 <= self.crop <= 8192 and self.crop % 4 == 0, "data.crop", self.crop, "a multiple of 4, 32 to 8192")
        fits = not self.crop_from or (32 <= self.crop_from <= self.crop and self.crop_from % 4 == 0)
        _check(fits, "data.crop_from", self.crop_from, "0, or a multiple of 4 from 32 to data.crop")
        _check(0 < self.crop_over <= 1, "data.crop_over", self.crop_over, "more than 0, up to 1")
        _check(0 <= self.load <= 16384, "data.load", self.load, "0 to 16384")
        whole = self.preprocess in WHOLE
        fits = self.load == 0 or whole or self.preprocess is Preprocess.CROP or self.load >= self.crop
        _check(fits, "data.load", self.load, "0, or at least data.crop")
        _check(self.shrink >= 1, "data.shrink", self.shrink, "1 or more")
        _check(self.largest >= 0, "data.largest", self.largest, "0 or more")
        _check(1 <= self.batch <= 4096, "data.batch", self.batch, "1 to 4096")
        _check(not whole or self.batch == 1, "data.batch", self.batch, f"1 with data.preprocess {self.preprocess}")
        _check(0 <= self.memory_gb <= 1e6, "data.memory_gb", self.memory_gb, "0 to 1,000,000")


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam, and how its learning rate goes: as published constant, then linear to 0 (section 4)."""

    learning_rate: float = 2e-4
    discriminator_learning_rate: float = 2e-4
    last_rate: float = 1.0  # factor for the last convolutions: no norm follows, so a step of theirs moves everything
    beta1: float = 0.5
    beta2: float = 0.999
    epochs: float = 200.0  # an epoch is max(pictures of a, pictures of b) pictures of each domain
    images: int = 0  # the run's length in pictures of each domain, instead of epochs; 0: epochs
    schedule: Schedule = Schedule.LINEAR
    decay: float = 0.5  # linear: the last part of the run, in which the rate falls to 0
    step_epochs: float = 50.0  # step: epochs after which the rate is multiplied with `step_factor`
    step_factor: float = 0.1
    plateau_patience: int = 5  # plateau: epochs without a better objective, by 1 %, before the rate …
    plateau_factor: float = 0.2  # … is multiplied with this
    init: Init = Init.NORMAL
    init_gain: float = 0.02
    ema_half_life: float = 700.0  # pictures after which a weight's share in the average has halved; 0: no average

    def __post_init__(self) -> None:
        for name in ("learning_rate", "discriminator_learning_rate", "last_rate", "step_epochs", "init_gain"):
            _check(getattr(self, name) > 0, f"optimizer.{name}", getattr(self, name), "more than 0")
        for name in ("step_factor", "plateau_factor"):
            _check(0 < getattr(self, name) <= 1, f"optimizer.{name}", getattr(self, name), "more than 0, up to 1")
        for name in ("beta1", "beta2"):
            _check(0 <= getattr(self, name) < 1, f"optimizer.{name}", getattr(self, name), "0 or more, under 1")
        _check(0 < self.epochs <= 1e6, "optimizer.epochs", self.epochs, "more than 0, up to 1,000,000")
        _check(0 <= self.images <= 10**9, "optimizer.images", self.images, "0 to 1,000,000,000")
        _check(0 <= self.decay <= 1, "optimizer.decay", self.decay, "0 to 1")
        _check(self.plateau_patience >= 0, "optimizer.plateau_patience", self.plateau_patience, "0 or more")
        _check(self.ema_half_life >= 0, "optimizer.ema_half_life", self.ema_half_life, "0 or more")


@dataclass(frozen=True)
class EvaluationConfig:
    """How a run is judged while it trains, on pictures of its folders that it never learns from."""

    every: int = 2000  # images between evaluations; 0: none, and a run that begins so holds no picture out
    held_out: int = 32  # pictures of each folder, at most a tenth of it; none of folders under 40
    keep_best: int = 1  # states of the lowest score that are kept beside the last one
    features: str = ""  # for KID and FID: inception, or an ONNX file; empty: EfficientNet-lite1
    feature_range: FeatureRange = FeatureRange.SIGNED  # what that file wants

    def __post_init__(self) -> None:
        for name in ("every", "held_out", "keep_best"):
            _check(getattr(self, name) >= 0, f"evaluation.{name}", getattr(self, name), "0 or more")


@dataclass(frozen=True)
class RunConfig:
    """Where a run lives and how often it reports."""

    out: Path = Path("runs/run")
    name_a: str = "a"
    name_b: str = "b"
    seed: int = 0
    device: str = "auto"  # auto, cpu, cuda, cuda:1 …
    precision: Precision = Precision.AUTO
    compile: bool = False  # torch.compile the generators and discriminators: minutes at the start, faster steps
    threads: int = 0  # processor threads; 0 leaves torch's choice
    report_every: int = 50  # steps
    sample_every: int = 500  # steps; 0: no samples
    checkpoint_every: int = 500  # steps

    def __post_init__(self) -> None:
        _check(0 <= self.seed < 2**63, "run.seed", self.seed, "0 or more, under 2^63")
        _check(0 <= self.threads <= 256, "run.threads", self.threads, "0 to 256")
        _check(bool(DEVICE.fullmatch(self.device)), "run.device", self.device, "auto, cpu, cuda or cuda:N")
        _check(self.sample_every >= 0, "run.sample_every", self.sample_every, "0 or more")
        for name in ("name_a", "name_b"):
            _check(bool(getattr(self, name).strip()), f"run.{name}", repr(getattr(self, name)), "a word or two")
        for name in ("report_every", "checkpoint_every"):
            _check(getattr(self, name) >= 1, f"run.{name}", getattr(self, name), "1 or more")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a run is: written beside its results, and into every checkpoint."""

    recipe: RecipeName = RecipeName.CYCLEGAN
    direction: Direction = Direction.A2B  # what a one-sided recipe (pix2pix, cut, distill) learns; cyclegan learns both
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    contrast: ContrastConfig = field(default_factory=ContrastConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    run: RunConfig = field(default_factory=RunConfig)

    def __post_init__(self) -> None:
        sigmoid, gan = self.discriminator.sigmoid, self.loss.gan
        _check(not sigmoid or gan is GanLoss.LEAST_SQUARES, "loss.gan", gan, "least-squares with discriminator.sigmoid")
        projected = self.discriminator.kind is DiscriminatorKind.PROJECTED
        _check(
            not (projected and gan is GanLoss.WGAN_GP),
            "loss.gan",
            gan,
            "another with discriminator.kind projected: its spectral norms stand for the penalty",
        )
        _check(not (projected and self.loss.r1), "loss.r1", self.loss.r1, "0 with discriminator.kind projected")
        _check(not (projected and sigmoid), "discriminator.sigmoid", sigmoid, "no with discriminator.kind projected")
        compact = self.generator.kind is GeneratorKind.COMPACT
        _check(
            not compact or self.generator.width % 8 == 0,
            "generator.width",
            self.generator.width,
            "a multiple of 8 with generator.kind compact",
        )
        frozen = self.recipe is RecipeName.CUT and self.contrast.network is ContrastNetwork.FROZEN
        _check(
            projected or not frozen,
            "discriminator.kind",
            self.discriminator.kind,
            "projected with contrast.network frozen: its frozen network is what is compared on",
        )
        _check(
            projected or self.recipe is not RecipeName.DISTILL,
            "discriminator.kind",
            self.discriminator.kind,
            "projected with recipe distill: its frozen network is what is compared on",
        )
        smallest = self.data.crop_from or self.data.crop
        judged, jitter = self.discriminator.smallest_px, self.loss.jitter
        kind, layers = self.discriminator.kind, self.discriminator.layers
        beside = f" with discriminator.kind {kind}"
        beside += f" of {layers} layers" if kind is DiscriminatorKind.PATCH else ""
        beside += f" and loss.jitter {jitter}" if jitter else ""
        _check(
            self.data.preprocess in WHOLE or smallest - jitter >= judged,
            "data.crop_from" if self.data.crop_from else "data.crop",
            smallest,
            f"{judged + jitter} or more{beside}",
        )
        _check(any(self._weights), "loss", "no term with a weight", "one at least, or there is nothing to learn")
        a, b = self.generator.channels_in, self.generator.channels_out
        comparable = self.recipe is not RecipeName.CUT or a == b  # its generator reads its own translations
        _check(comparable, "generator.channels_out", b, f"{a}, as generator.channels_in, with cut")
        distills = self.recipe is RecipeName.DISTILL
        _check(not distills or self.direction is Direction.A2B, "direction", self.direction, "a2b with recipe distill")
        one_sided = self.recipe is not RecipeName.CYCLEGAN
        _check(
            not one_sided or self.generator.focus is Focus.BOTH,
            "generator.focus",
            self.generator.focus,
            f"both with {self.recipe}: it has one generator",
        )

    @property
    def _weights(self) -> tuple[float, ...]:
        """The weights of all that the generators may learn from."""
        loss = self.loss
        adversarial = loss.gan_ab if self.direction is Direction.A2B else loss.gan_ba
        match self.recipe:
            case RecipeName.CYCLEGAN:
                comparable = self.generator.channels_in == self.generator.channels_out
                identity = (*loss.identity_weights(0.0), *loss.identity_weights(1.0)) if comparable else ()
                own: tuple[float, ...] = (loss.gan_ab, loss.gan_ba, *loss.cycle_weights, *identity)
            case RecipeName.PIX2PIX:
                own = (adversarial, loss.l1)
            case RecipeName.DISTILL:
                own = (adversarial, loss.l1, self.teacher.structure, self.teacher.perceived)
            case RecipeName.CUT:
                own = (adversarial, self.contrast.weight)
                if self.contrast.network is ContrastNetwork.FROZEN:
                    own = (*own, *loss.identity_weights(0.0), loss.brightness, loss.uneven_color)
        return own

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The directions that the run learns: those of the generators in its checkpoint."""
        return tuple(Direction) if self.recipe is RecipeName.CYCLEGAN else (self.direction,)


def with_absolute_paths(config: TrainConfig) -> TrainConfig:
    """Return the config with the paths that it reads from made absolute, so that the run goes on from any folder."""
    data, evaluation = config.data, config.evaluation
    features = evaluation.features
    if features not in ("", "inception"):
        features = str(Path(features).absolute())
    return replace(
        config,
        data=replace(data, a=data.a.absolute(), b=data.b.absolute() if data.b != NOWHERE else NOWHERE),
        evaluation=replace(evaluation, features=features),
    )


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
            continue
        try:
            if default is None:  # the fields that may be None are numbers
                kwargs[f.name] = None if value is None else float(value)
            elif isinstance(default, bool):
                kwargs[f.name] = _as_bool(value)
            else:
                kwargs[f.name] = type(default)(value)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{cls.__name__}.{f.name}: found {value!r}, {error}") from error
    return cls(**kwargs)


def _as_bool(value: object) -> bool:
    """Return a flag, also one that came as text; bool("False") would be True."""
    found = {"true": True, "false": False}.get(str(value).lower())
    if found is None:
        raise ValueError("expected true or false")
    return found


def _sides(both: float, of_a: float | None, of_b: float | None) -> tuple[float, float]:
    return both if of_a is None else of_a, both if of_b is None else of_b


def _check(fits: bool, name: str, found: object, wanted: str) -> None:
    if isinstance(found, float) and not math.isfinite(found):
        fits, wanted = False, "a finite number"
    if not fits:
        raise SettingError(name, found, wanted)
