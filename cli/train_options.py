"""The settings of a training as options: each row is an option, the setting it sets, and what it is.

Kinds, choices and defaults are those of trainer/config.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from cgconv.runtime.errors import SettingError, UsageError
from cgconv.trainer.choices import RecipeName
from cgconv.trainer.config import TrainConfig, config_as_dict, config_from_dict
from cgconv.trainer.presets import DISTILL

from .options import choice_of, grouped_option

F = TypeVar("F", bound=Callable[..., Any])  # Any: commands take what their options give


class Setting(NamedTuple):
    """An option. `path` is section.name in TrainConfig."""

    option: str
    path: str
    help: str

    @property
    def default(self) -> Any:  # Any: what the setting holds
        """The published value."""
        return self.value_in(TrainConfig())

    def value_in(self, config: TrainConfig) -> Any:  # Any: as above
        """Return what it is in a config."""
        value: Any = config
        for name in self.path.split("."):
            value = getattr(value, name)
        return value

    @property
    def kind(self) -> type:
        """The type of its values; those that may be None are numbers."""
        return float if self.default is None else type(self.default)


COMMON = (
    Setting("--direction", "direction", "Which way pix2pix and cut learn to translate. cyclegan learns both."),
    Setting("--name-a", "run.name_a", "What the pictures of A are called in reports and on the model's card."),
    Setting("--name-b", "run.name_b", "What the pictures of B are called."),
    Setting("--epochs", "optimizer.epochs", "Length of the training: how often it goes through the larger folder."),
    Setting("--images", "optimizer.images", "Length as a number of pictures instead; 0: the length is in epochs."),
    Setting("--crop", "data.crop", "Side of the squares that the networks learn from, in pixels."),
    Setting("--batch", "data.batch", "Pictures in each training step, for each process."),
    Setting("--device", "run.device", "Where to compute: auto, cpu, cuda or cuda:N."),
    Setting("--seed", "run.seed", "Seed of everything random; the same seed gives the same run."),
)
MORE = {
    "Generators": (
        Setting("--generator", "generator.kind", "Architecture of the generators."),
        Setting("--blocks", "generator.blocks", "Number of residual blocks: 9 suits 256 pixels, 6 suits 128."),
        Setting("--width", "generator.width", "Channels of the first layer; half as many are a quarter of the work."),
        Setting("--norm", "generator.norm", "Normalization layers of the generators."),
        Setting("--padding", "generator.padding", "How the generators continue a picture beyond its edges."),
        Setting("--downsampling", "generator.downsampling", "strided is as in CycleGAN, blurred as in CUT."),
        Setting("--upsampling", "generator.upsampling", "transposed is as published, resize avoids checkerboards."),
        Setting("--skip", "generator.skip", "Lead tones and fine detail around the inner layers."),
        Setting("--soften", "generator.soften", "compact only: paint edges anew; for paintings, not photographs."),
        Setting("--dropout", "generator.dropout", "Use dropout in the generators."),
        Setting("--focus", "generator.focus", "Learn faster by making the other direction's generator half as wide."),
        Setting("--channels-a", "generator.channels_in", "Channels of A's pictures: 3 for color, 1 for gray."),
        Setting("--channels-b", "generator.channels_out", "Channels of B's pictures."),
    ),
    "Discriminators": (
        Setting("--discriminator", "discriminator.kind", "Architecture of the discriminators."),
        Setting("--discriminator-layers", "discriminator.layers", "Layers of a PatchGAN; with 3 it sees 70×70 pixels."),
        Setting("--discriminator-width", "discriminator.width", "Channels after the first layer."),
        Setting("--discriminator-norm", "discriminator.norm", "Normalization; with spectral it sees overall color."),
        Setting("--discriminator-padding", "discriminator.padding", "How it continues a picture beyond its edges."),
        Setting("--discriminator-downsampling", "discriminator.downsampling", "As in CycleGAN (strided) or CUT."),
        Setting("--discriminator-sigmoid", "discriminator.sigmoid", "Put a sigmoid on its scores; least-squares only."),
    ),
    "Losses (a weight of 0 switches a loss off)": (
        Setting("--gan-loss", "loss.gan", "The adversarial loss."),
        Setting("--gan-ab", "loss.gan_ab", "Weight of the adversarial loss from A to B."),
        Setting("--gan-ba", "loss.gan_ba", "Weight of the adversarial loss from B to A."),
        Setting("--cycle", "loss.cycle", "Weight of the cycle loss."),
        Setting("--cycle-a", "loss.cycle_a", "Weight of the cycle from A to B and back, if it differs from --cycle."),
        Setting("--cycle-b", "loss.cycle_b", "Weight of the cycle from B to A and back, if it differs from --cycle."),
        Setting("--identity", "loss.identity", "Weight of the identity loss, which keeps colors."),
        Setting("--identity-a", "loss.identity_a", "Weight for A's pictures, if it differs from --identity."),
        Setting("--identity-b", "loss.identity_b", "Weight for B's pictures, if it differs from --identity."),
        Setting("--identity-every", "loss.identity_every", "Compute the identity loss in every N-th step only."),
        Setting("--identity-to", "loss.identity_to", "Multiply the identity weight by this, little by little."),
        Setting("--identity-over", "loss.identity_over", "Share of the training after which --identity-to is reached."),
        Setting("--l1", "loss.l1", "pix2pix only: weight of the difference from the paired picture."),
        Setting("--penalty", "loss.penalty", "wgan-gp only: weight of the gradient penalty."),
        Setting("--r1", "loss.r1", "Weight of the R1 penalty on real pictures."),
        Setting("--r1-every", "loss.r1_every", "Compute the R1 penalty in every N-th step only, N times as strong."),
        Setting("--jitter", "loss.jitter", "Shift pictures by up to N pixels before the discriminators see them."),
        Setting("--history", "loss.history", "Earlier translations that the discriminators are shown again."),
        Setting("--brightness", "loss.brightness", "frozen only: weight of brightness that changes over broad areas."),
        Setting("--uneven-color", "loss.uneven_color", "frozen only: weight of color that changes in parts only."),
        Setting(
            "--stability",
            "loss.stability",
            "Weight of the loss that keeps results as steady as their pictures, for films.",
        ),
        Setting("--contrast-network", "contrast.network", "cut only: whose features the contrastive loss compares."),
        Setting("--contrast", "contrast.weight", "cut only: weight of the contrastive loss."),
        Setting("--contrast-identity", "contrast.identity", "cut only: also compare target pictures with themselves."),
        Setting("--contrast-flip", "contrast.flip", "cut only: mirror half of the batches."),
        Setting("--contrast-patches", "contrast.patches", "cut only: patches to compare in each picture and layer."),
        Setting("--contrast-features", "contrast.features", "cut only: numbers that describe a patch."),
        Setting("--contrast-temperature", "contrast.temperature", "cut only: lower tells patches apart more strictly."),
    ),
    "Pictures": (
        Setting("--preprocess", "data.preprocess", "What is done to each picture first. resize-… squeezes it square."),
        Setting("--load", "data.load", "Resize a side to this many pixels before cropping; 0 keeps the size."),
        Setting("--crop-from", "data.crop_from", "Begin with squares of this side, which grow to --crop; 0: do not."),
        Setting("--crop-over", "data.crop_over", "Share of the training after which --crop is reached."),
        Setting("--shrink", "data.shrink", "Cut squares up to this many times larger, and shrink them to --crop."),
        Setting("--flip", "data.flip", "Mirror pictures at random."),
        Setting("--serial", "data.serial", "Take pictures in the order of their names rather than at random."),
        Setting("--largest", "data.largest", "Use only the first N pictures of each folder; 0: all."),
        Setting("--memory-gb", "data.memory_gb", "Gigabytes of memory for pictures that are kept decoded."),
    ),
    "Optimizer": (
        Setting("--learning-rate", "optimizer.learning_rate", "Learning rate of generators and discriminators."),
        Setting("--discriminator-learning-rate", "optimizer.discriminator_learning_rate", "Of the discriminators."),
        Setting("--last-rate", "optimizer.last_rate", "Multiply the rate by this in each network's last layer."),
        Setting("--beta1", "optimizer.beta1", "Decay of Adam's running mean of gradients."),
        Setting("--beta2", "optimizer.beta2", "Decay of Adam's running mean of squared gradients."),
        Setting("--schedule", "optimizer.schedule", "How the learning rate changes during the training."),
        Setting("--decay", "optimizer.decay", "linear only: last share of the training, in which the rate falls to 0."),
        Setting("--step-epochs", "optimizer.step_epochs", "step only: epochs between two drops of the rate."),
        Setting("--step-factor", "optimizer.step_factor", "step only: multiply the rate by this at each drop."),
        Setting("--plateau-patience", "optimizer.plateau_patience", "plateau only: epochs without gain before a drop."),
        Setting("--plateau-factor", "optimizer.plateau_factor", "plateau only: multiply the rate by this at a drop."),
        Setting("--init", "optimizer.init", "Distribution that the first weights are drawn from."),
        Setting("--init-gain", "optimizer.init_gain", "Its standard deviation (normal) or gain (the others)."),
        Setting("--ema", "optimizer.ema_half_life", "Half-life of the averaged weights, in pictures; 0: no average."),
    ),
    "Evaluation": (
        Setting("--evaluate-every", "evaluation.every", "Pictures between two evaluations; 0: none."),
        Setting("--held-out", "evaluation.held_out", "Pictures of each folder kept for evaluations, at most a tenth."),
        Setting("--keep-best", "evaluation.keep_best", "Checkpoints with the best scores to keep."),
        Setting("--features", "evaluation.features", "Network for KID and FID: inception or an ONNX file."),
        Setting("--features-range", "evaluation.feature_range", "Values that the network of --features expects."),
    ),
    "Computing and reports": (
        Setting("--precision", "run.precision", "Number format that the networks compute in."),
        Setting("--compile", "run.compile", "Compile the networks: minutes at the start, then faster steps."),
        Setting("--threads", "run.threads", "Processor threads; 0: torch chooses."),
        Setting("--report-every", "run.report_every", "Steps between two lines of progress."),
        Setting("--sample-every", "run.sample_every", "Steps between two sheets of sample pictures; 0: none."),
        Setting("--checkpoint-every", "run.checkpoint_every", "Steps between two checkpoints."),
    ),
}
SETTINGS = (*COMMON, *(setting for group in MORE.values() for setting in group))

TEACHER = (  # that `cgconv distill` has besides
    Setting("--structure", "teacher.structure", "Weight of the structure (SSIM) of the teacher's results."),
    Setting("--perceived", "teacher.perceived", "Weight of how a frozen network sees the teacher's results."),
)
DISTILL_COMMON = "--width --images --crop --batch --device --seed"
DISTILL_MORE = {  # the others that it shares with `cgconv train`
    "Student": "--blocks --soften --name-a --name-b",
    "Losses (a weight of 0 switches a loss off)": "--l1 --structure --perceived --gan-ab --stability --jitter",
    "Pictures": "--load --shrink --flip --largest --memory-gb",
    "Optimizer": "--learning-rate --discriminator-learning-rate --ema",
    "Evaluation": "--evaluate-every --held-out --keep-best",
    "Computing and reports": "--precision --threads --report-every --sample-every --checkpoint-every",
}
DISTILL_HELP = {
    "--width": "Channels of the student's first layer, a multiple of 8; without it, for a fifth of the teacher's work.",
    "--name-a": "What the pictures are called in reports and on the student's card; without it, as the teacher says.",
    "--name-b": "What the teacher's results are called.",
    "--l1": "Weight of the difference from the teacher's results.",
    "--gan-ab": "Weight of the adversarial loss.",
    "--learning-rate": "Learning rate of the student.",
}
CHOSEN = ("--width", "--name-a", "--name-b")  # by the teacher: no default to show

GENERATOR_BLOCKS = ("resnet", "mobile", "compact")
PATCH_KINDS = ("patch", "pixel", "patch-94")
ONLY_WITH: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # options that do nothing but where a setting has one of these values
    ("--l1", "recipe", ("pix2pix", "distill")),
    ("--contrast --contrast-network --contrast-patches --contrast-temperature", "recipe", ("cut",)),
    ("--contrast-identity --contrast-flip --contrast-features", "recipe", ("cut",)),
    ("--contrast-identity --contrast-flip --contrast-features", "contrast.network", ("generator",)),
    ("--cycle --cycle-a --cycle-b", "recipe", ("cyclegan",)),
    ("--brightness --uneven-color", "contrast.network", ("frozen",)),
    ("--direction", "recipe", ("pix2pix", "cut")),
    ("--blocks --padding", "generator.kind", GENERATOR_BLOCKS),
    ("--downsampling --skip", "generator.kind", ("resnet", "mobile")),
    ("--soften", "generator.kind", ("compact",)),
    ("--upsampling --dropout", "generator.kind", ("resnet", "mobile", "unet-128", "unet-256")),
    ("--discriminator-layers --discriminator-downsampling", "discriminator.kind", ("patch",)),
    ("--discriminator-width --discriminator-norm --discriminator-padding", "discriminator.kind", PATCH_KINDS),
    ("--discriminator-sigmoid --r1 --r1-every", "discriminator.kind", PATCH_KINDS),
    ("--penalty", "loss.gan", ("wgan-gp",)),
    ("--decay", "optimizer.schedule", ("linear",)),
    ("--step-epochs --step-factor", "optimizer.schedule", ("step",)),
    ("--plateau-patience --plateau-factor", "optimizer.schedule", ("plateau",)),
)

IDENTITY_SCHEDULE = "--identity-every --identity-to --identity-over"
IDENTITY = f"--identity --identity-a --identity-b {IDENTITY_SCHEDULE}"
CONTRAST = "--contrast-identity --contrast-flip --contrast-patches --contrast-features --contrast-temperature"


def _learns_identity(c: TrainConfig) -> bool:
    return c.recipe != "cut" or c.contrast.network != "generator"


def _has_equal_channels(c: TrainConfig) -> bool:
    return c.generator.channels_in == c.generator.channels_out


def _is_one_way(c: TrainConfig, direction: str) -> bool:
    return len(c.directions) == 1 and c.direction == direction


IDLE: tuple[tuple[str, str, Callable[[TrainConfig], bool]], ...] = (
    # options that do nothing, beside what, and whether that is so
    ("--cycle", "with --cycle-a and --cycle-b", lambda c: None not in (c.loss.cycle_a, c.loss.cycle_b)),
    ("--identity", "with --identity-a and --identity-b", lambda c: None not in (c.loss.identity_a, c.loss.identity_b)),
    (IDENTITY, "with --recipe pix2pix", lambda c: c.recipe == "pix2pix"),
    (IDENTITY, "with --recipe cut, only with --contrast-network frozen", lambda c: not _learns_identity(c)),
    (IDENTITY_SCHEDULE, "with --identity 0", lambda c: not any(c.loss.identity_weights(0.0))),
    ("--identity-over", "without --identity-to", lambda c: c.loss.identity_to is None),
    (
        IDENTITY,
        "with --channels-a other than --channels-b",
        lambda c: not _has_equal_channels(c),
    ),
    ("--gan-ba", "with --direction a2b", lambda c: _is_one_way(c, "a2b")),
    ("--gan-ab", "with --direction b2a", lambda c: _is_one_way(c, "b2a")),
    ("--r1-every", "with --r1 0", lambda c: not c.loss.r1),
    (CONTRAST, "with --contrast 0", lambda c: not c.contrast.weight),
    ("--load", "with --preprocess crop or none", lambda c: c.data.preprocess in ("crop", "none")),
    ("--crop-over", "with --crop-from 0", lambda c: not c.data.crop_from),
    ("--held-out --keep-best --features", "with --evaluate-every 0", lambda c: not c.evaluation.every),
    ("--features-range", "without --features", lambda c: not c.evaluation.features),
)


def parameter(setting: Setting) -> str:
    """Return the name of the parameter that a command gets an option's value by."""
    return setting.option.removeprefix("--").replace("-", "_")


def settings_options(command: F) -> F:
    """Give a command every option of the table; what is not given is None."""
    for group, settings in reversed([("", COMMON), *MORE.items()]):
        for setting in reversed(settings):
            command = grouped_option(group, *_spellings(setting), **_attributes(setting))(command)
    return command


def distill_options(command: F) -> F:
    """Give `cgconv distill` its options, with its own defaults; what is not given is None."""
    rows = {setting.option: setting for setting in (*SETTINGS, *TEACHER)}
    for group, options in reversed([("", DISTILL_COMMON), *DISTILL_MORE.items()]):
        for option in reversed(options.split()):
            setting = rows[option]._replace(help=DISTILL_HELP.get(option, rows[option].help))
            attributes = _attributes(setting, DISTILL)
            if option in CHOSEN:
                attributes["help"] = setting.help
            command = grouped_option(group, *_spellings(setting), **attributes)(command)
    return command


def _spellings(setting: Setting) -> tuple[str, str]:
    if setting.kind is bool:
        return f"{setting.option}/--no-{setting.option.removeprefix('--')}", parameter(setting)
    return setting.option, parameter(setting)


def _attributes(setting: Setting, shown_of: TrainConfig | None = None) -> dict[str, Any]:  # Any: as click.option takes
    """Return an option's type and help, which shows the value that it has in a config: the published one.

    The option's own default is None.
    """
    match setting.value_in(shown_of or TrainConfig()):
        case bool() as flag:
            shown = "yes" if flag else "no"
        case float() as number:
            shown = f"{number:g}"
        case other:
            shown = "" if other is None else str(other)
    attributes = {"default": None, "help": f"{setting.help}  [default: {shown}]" if shown else setting.help}
    if issubclass(setting.kind, StrEnum):
        return attributes | {"type": choice_of(setting.kind)}
    if setting.kind is bool:
        return attributes
    return attributes | {"type": setting.kind, "metavar": {int: "N", float: "X", str: "TEXT"}[setting.kind]}


def with_settings(config: TrainConfig, given: dict[str, Any]) -> TrainConfig:  # Any: option values
    """Return a config with what was given on the command line. Raises UsageError where it does not fit."""
    values = config_as_dict(config)
    for setting in (*SETTINGS, *TEACHER):
        value = given.get(parameter(setting))
        if value is None:
            continue
        section, _, name = setting.path.rpartition(".")
        (values[section] if section else values)[name] = value
        both_learn = config.recipe is not RecipeName.DISTILL  # whose student and discriminator learn at unlike rates
        if setting.option == "--learning-rate" and given["discriminator_learning_rate"] is None and both_learn:
            values[section]["discriminator_learning_rate"] = value
        if setting.option == "--epochs" and given["images"] is None:
            values[section]["images"] = 0  # which would go before them
    made: TrainConfig = config_from_dict(values)
    return made


@contextmanager
def settings_as_options(given: dict[str, Any]) -> Iterator[None]:  # Any: option values
    """Name in what is wrong with a setting the options that set it, those that were given first."""
    try:
        yield
    except SettingError as error:
        settings = (*SETTINGS, *TEACHER)
        options = {setting.path: setting.option for setting in settings}
        wanted = re.sub(r"[a-z]+\.[a-z0-9_]+", lambda found: options.get(found[0], found[0]), error.wanted)
        option = options.get(error.name, error.name)
        there = {s.option: given[parameter(s)] for s in settings if given.get(parameter(s)) is not None}
        guilty = [one for one in there if one in re.findall(r"--[a-z0-9-]+", wanted)]
        if option in there or not guilty:
            raise UsageError(f"{option}: found {error.found}, expected {wanted}") from error
        typed = guilty[0] if isinstance(there[guilty[0]], bool) else f"{guilty[0]} {there[guilty[0]]}"
        raise UsageError(f"{typed}: {option} is {error.found}, expected {wanted}") from error


def refuse_idle(config: TrainConfig, given: dict[str, Any]) -> None:  # Any: option values
    """Raise click.UsageError where an option was given that would do nothing."""
    there = {setting.option for setting in SETTINGS if given.get(parameter(setting)) is not None}
    if given.get("epochs") is not None and given["images"]:
        raise click.UsageError("--epochs: no effect beside --images")
    for options, path, values in ONLY_WITH:
        section, _, name = path.rpartition(".")
        value = str(getattr(getattr(config, section) if section else config, name))
        idle = sorted(there & set(options.split()))
        if idle and value not in values:
            option = {setting.path: setting.option for setting in SETTINGS}.get(path, f"--{path}")
            raise click.UsageError(
                f"{', '.join(idle)}: no effect with {option} {value}, only with {' or '.join(values)}"
            )
    for options, beside, is_idle in IDLE:
        idle = sorted(there & set(options.split()))
        if idle and is_idle(config):
            raise click.UsageError(f"{', '.join(idle)}: no effect {beside}")


def with_folders(config: TrainConfig, a: Path | None, b: Path | None) -> TrainConfig:
    """Return a config with the folders that hold its pictures. Raises UsageError where they are not there."""
    from cgconv.trainer.data.folders import find_domains

    if a is None:
        return config
    a, b = find_domains(a, b, paired=config.recipe is RecipeName.PIX2PIX)
    return replace(config, data=replace(config.data, a=a, b=b))
