"""The settings of a training as options: each row is an option, the setting it sets, and what it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from cgconv.runtime.errors import SettingError, UsageError

if TYPE_CHECKING:
    from cgconv.trainer.config import TrainConfig

F = TypeVar("F", bound=Callable[..., Any])  # Any: commands take what their options give
Kind = type[int] | type[float] | type[bool] | type[str] | str  # a text lists choices: "a|b"


class Setting(NamedTuple):
    """An option. `path` is section.name in TrainConfig; `default` the published value, as the help shows it."""

    option: str
    path: str
    kind: Kind
    default: str
    help: str


UP = "transposed|resize|blurred"
DOWN = "strided|blurred"
PAD = "reflect|replicate|zero|wrap"

SETTINGS = (
    Setting("--direction", "direction", "a2b|b2a", "a2b", "What pix2pix and cut learn; cyclegan learns both."),
    Setting("--name-a", "run.name_a", str, "a", "What A's pictures are, for the model's card."),
    Setting("--name-b", "run.name_b", str, "b", "What B's pictures are."),
    # generators
    Setting("--generator", "generator.kind", "resnet|mobile|compact|unet-128|unet-256", "resnet",
            "How a generator is built."),
    Setting("--blocks", "generator.blocks", int, "9", "Residual blocks: 9 for 256 pixels, 6 for 128."),
    Setting("--width", "generator.width", int, "64", "Channels of a generator; 32 is a quarter of the work."),
    Setting("--norm", "generator.norm", "instance|batch|none", "instance", "What normalizes its features."),
    Setting("--padding", "generator.padding", PAD, "reflect", "What lies beyond a picture's edge."),
    Setting("--downsampling", "generator.downsampling", DOWN, "strided", "As CycleGAN's, or as CUT's."),
    Setting("--upsampling", "generator.upsampling", UP, "transposed", "As published, or without checkerboards."),
    Setting("--skip", "generator.skip", bool, "no", "Lead tone past the norms, and first features to the last layer."),
    Setting("--soften", "generator.soften", bool, "no", "compact: paint edges anew; for paintings, not photographs."),
    Setting("--dropout", "generator.dropout", bool, "no", "Dropout inside a generator."),
    Setting("--focus", "generator.focus", "both|a2b|b2a", "both", "Make the other generator half as wide, for speed."),
    Setting("--channels-a", "generator.channels_in", "1|3", "3", "Channels of A's pictures: 1 is greyscale."),
    Setting("--channels-b", "generator.channels_out", "1|3", "3", "Channels of B's pictures."),
    # discriminators
    Setting("--discriminator", "discriminator.kind", "patch|pixel|patch-94|projected", "patch", "How one is built."),
    Setting("--discriminator-layers", "discriminator.layers", int, "3", "Of a PatchGAN: 3 see 70×70 pixels."),
    Setting("--discriminator-width", "discriminator.width", int, "64", "Channels after its first convolution."),
    Setting("--discriminator-norm", "discriminator.norm", "instance|batch|spectral|none", "instance",
            "As CycleGAN's, as pix2pix's, or spectral: sees overall colour."),
    Setting("--discriminator-padding", "discriminator.padding", PAD, "zero", "What lies beyond a picture's edge."),
    Setting("--discriminator-downsampling", "discriminator.downsampling", DOWN, "strided", "As CycleGAN's or CUT's."),
    Setting("--discriminator-sigmoid", "discriminator.sigmoid", bool, "no", "Squash scores; for least-squares."),
    # losses
    Setting("--gan-loss", "loss.gan", "least-squares|cross-entropy|hinge|wgan-gp", "least-squares",
            "The adversarial loss."),
    Setting("--gan-ab", "loss.gan_ab", float, "1", "Weight of the adversarial loss A to B; 0 leaves it out."),
    Setting("--gan-ba", "loss.gan_ba", float, "1", "The same for B to A."),
    Setting("--cycle", "loss.cycle", float, "10", "Weight of the cycle loss; 0 leaves it out."),
    Setting("--cycle-a", "loss.cycle_a", float, "", "Of A to B to A alone."),
    Setting("--cycle-b", "loss.cycle_b", float, "", "Of B to A to B alone."),
    Setting("--identity", "loss.identity", float, "5", "Weight of the identity loss; keeps colours. 0 leaves it out."),
    Setting("--identity-a", "loss.identity_a", float, "", "Of A's pictures alone."),
    Setting("--identity-b", "loss.identity_b", float, "", "Of B's pictures alone."),
    Setting("--identity-every", "loss.identity_every", int, "1", "Reckon it on every N-th step only."),
    Setting("--identity-to", "loss.identity_to", float, "", "Factor that its weight has come to at the end."),
    Setting("--identity-over", "loss.identity_over", float, "1", "Share of the run after which it has."),
    Setting("--l1", "loss.l1", float, "100", "pix2pix: weight of the distance to the paired picture."),
    Setting("--penalty", "loss.penalty", float, "10", "wgan-gp: weight of the gradient penalty."),
    Setting("--r1", "loss.r1", float, "0", "Weight of the R1 penalty on real pictures."),
    Setting("--r1-every", "loss.r1_every", int, "16", "Reckon it on every N-th step only, N times as strong."),
    Setting("--jitter", "loss.jitter", int, "0", "Shift what discriminators see by up to N pixels."),
    Setting("--history", "loss.history", int, "50", "Fakes that discriminators are shown again."),
    Setting("--brightness", "loss.brightness", float, "0", "frozen: weight of broad changes of brightness."),
    Setting("--uneven-color", "loss.uneven_color", float, "0", "frozen: weight of colour that changes in parts only."),
    Setting("--contrast-network", "contrast.network", "generator|frozen", "generator",
            "cut: compare patches by the generator's own features, or a frozen network's."),
    Setting("--contrast", "contrast.weight", float, "1", "cut: weight of the contrastive loss."),
    Setting("--contrast-identity", "contrast.identity", bool, "yes", "cut: reckon it on target pictures too."),
    Setting("--contrast-flip", "contrast.flip", bool, "no", "cut: mirror half of the batches."),
    Setting("--contrast-patches", "contrast.patches", int, "256", "cut: patches of a picture and layer."),
    Setting("--contrast-features", "contrast.features", int, "256", "cut: features that patches are compared by."),
    Setting("--contrast-temperature", "contrast.temperature", float, "0.07", "cut: how sharply."),
    # pictures
    Setting("--preprocess", "data.preprocess",
            "resize-and-crop|scale-width|scale-width-and-crop|crop|none|short-side-and-crop", "resize-and-crop",
            "What happens to pictures first; short-side-and-crop keeps their shape."),
    Setting("--load", "data.load", int, "286", "Pixels that a side is brought to before cropping; 0 leaves it."),
    Setting("--crop", "data.crop", int, "256", "Side of the squares that the networks see."),
    Setting("--crop-from", "data.crop_from", int, "0", "Begin with squares this small; 0: full from the start."),
    Setting("--crop-over", "data.crop_over", float, "0.5", "Share of the run after which they are full."),
    Setting("--shrink", "data.shrink", float, "1", "Cut squares up to X times larger and shrink them."),
    Setting("--flip", "data.flip", bool, "yes", "Mirror left and right at random."),
    Setting("--serial", "data.serial", bool, "no", "Take pictures by name, not at random."),
    Setting("--largest", "data.largest", int, "0", "Take the first N pictures of each folder; 0: all."),
    Setting("--batch", "data.batch", int, "1", "Pictures a step and process."),
    Setting("--memory-gb", "data.memory_gb", float, "4", "Memory for decoded pictures."),
    # optimizer
    Setting("--epochs", "optimizer.epochs", float, "200", "Times through the larger folder."),
    Setting("--images", "optimizer.images", int, "0", "Length in pictures instead; 0: by epochs."),
    Setting("--learning-rate", "optimizer.learning_rate", float, "0.0002", "Adam's rate, of both unless one is named."),
    Setting("--discriminator-learning-rate", "optimizer.discriminator_learning_rate", float, "0.0002",
            "The discriminators' rate."),
    Setting("--last-rate", "optimizer.last_rate", float, "1", "Factor on it for each network's last convolution."),
    Setting("--beta1", "optimizer.beta1", float, "0.5", "Adam's first decay."),
    Setting("--beta2", "optimizer.beta2", float, "0.999", "Adam's second."),
    Setting("--schedule", "optimizer.schedule", "linear|step|cosine|plateau|constant", "linear",
            "How the rate goes."),
    Setting("--decay", "optimizer.decay", float, "0.5", "linear: last part of the run, in which it falls to 0."),
    Setting("--step-epochs", "optimizer.step_epochs", float, "50", "step: epochs between two falls."),
    Setting("--step-factor", "optimizer.step_factor", float, "0.1", "step: what it falls to each time."),
    Setting("--plateau-patience", "optimizer.plateau_patience", int, "5", "plateau: epochs without gain before that."),
    Setting("--plateau-factor", "optimizer.plateau_factor", float, "0.2", "plateau: what it falls to each time."),
    Setting("--init", "optimizer.init", "normal|xavier|kaiming|orthogonal", "normal", "How weights are drawn."),
    Setting("--init-gain", "optimizer.init_gain", float, "0.02", "Their deviation, or gain."),
    Setting("--ema", "optimizer.ema_half_life", float, "700", "Half-life of averaged weights in pictures; 0: none."),
    # judging
    Setting("--evaluate-every", "evaluation.every", int, "2000",
            "Images between two evaluations on held-out pictures; 0: none."),
    Setting("--held-out", "evaluation.held_out", int, "32", "Pictures of each folder kept for that, a tenth at most."),
    Setting("--keep-best", "evaluation.keep_best", int, "1", "States of the lowest score that are kept."),
    Setting("--features", "evaluation.features", str, "", "KID and FID by inception or an ONNX file, not lite1."),
    Setting("--features-range", "evaluation.feature_range", "-1..1|0..1|0..255|imagenet", "-1..1",
            "The values that such a file wants."),
    # run
    Setting("--seed", "run.seed", int, "0", "Of all that is random."),
    Setting("--device", "run.device", str, "auto", "auto, cpu, cuda or cuda:N."),
    Setting("--precision", "run.precision", "auto|fp32|bf16|fp16", "auto", "Number type of the networks."),
    Setting("--compile", "run.compile", bool, "no", "Compile the networks: minutes at the start, faster steps."),
    Setting("--threads", "run.threads", int, "", "Processor threads; default: all."),
    Setting("--report-every", "run.report_every", int, "50", "Steps between two reports."),
    Setting("--sample-every", "run.sample_every", int, "500", "Steps between two grids of pictures; 0: none."),
    Setting("--checkpoint-every", "run.checkpoint_every", int, "500", "Steps between two checkpoints."),
)  # fmt: skip

ONLY_WITH: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # options that do nothing but where a setting has one of these values
    ("--l1", "recipe", ("pix2pix",)),
    ("--contrast --contrast-identity --contrast-flip --contrast-patches --contrast-features --contrast-temperature",
     "recipe", ("cut",)),
    ("--cycle --cycle-a --cycle-b", "recipe", ("cyclegan",)),
    ("--contrast-network", "recipe", ("cut",)),
    ("--contrast-identity --contrast-flip --contrast-features", "contrast.network", ("generator",)),
    ("--brightness --uneven-color", "contrast.network", ("frozen",)),
    ("--direction", "recipe", ("pix2pix", "cut")),
    ("--blocks --padding", "generator.kind", ("resnet", "mobile", "compact")),
    ("--downsampling --skip", "generator.kind", ("resnet", "mobile")),
    ("--soften", "generator.kind", ("compact",)),
    ("--upsampling --dropout", "generator.kind", ("resnet", "mobile", "unet-128", "unet-256")),
    ("--discriminator-layers --discriminator-downsampling", "discriminator.kind", ("patch",)),
    ("--discriminator-width --discriminator-norm --discriminator-padding --discriminator-sigmoid --r1 --r1-every",
     "discriminator.kind", ("patch", "pixel", "patch-94")),
    ("--penalty", "loss.gan", ("wgan-gp",)),
    ("--decay", "optimizer.schedule", ("linear",)),
    ("--step-epochs --step-factor", "optimizer.schedule", ("step",)),
    ("--plateau-patience --plateau-factor", "optimizer.schedule", ("plateau",)),
)  # fmt: skip

IDENTITY = "--identity --identity-a --identity-b"
IDENTITY_SCHEDULE = "--identity-every --identity-to --identity-over"
CONTRAST = "--contrast-identity --contrast-flip --contrast-patches --contrast-features --contrast-temperature"

IDLE: tuple[tuple[str, str, Callable[[TrainConfig], bool]], ...] = (
    # options that do nothing, beside what, and whether that is so
    ("--cycle", "with --cycle-a and --cycle-b", lambda c: None not in (c.loss.cycle_a, c.loss.cycle_b)),
    ("--identity", "with --identity-a and --identity-b", lambda c: None not in (c.loss.identity_a, c.loss.identity_b)),
    (f"{IDENTITY} {IDENTITY_SCHEDULE}", "with --recipe pix2pix", lambda c: c.recipe == "pix2pix"),
    (f"{IDENTITY} {IDENTITY_SCHEDULE}", "with --recipe cut, only with --contrast-network frozen",
     lambda c: c.recipe == "cut" and c.contrast.network == "generator"),
    (IDENTITY_SCHEDULE, "with --identity 0", lambda c: not any(c.loss.identity_weights(0.0))),
    ("--identity-over", "without --identity-to", lambda c: c.loss.identity_to is None),
    (f"{IDENTITY} {IDENTITY_SCHEDULE}", "with --channels-a other than --channels-b",
     lambda c: c.generator.channels_in != c.generator.channels_out),
    ("--gan-ba", "with --direction a2b", lambda c: len(c.directions) == 1 and c.direction == "a2b"),
    ("--gan-ab", "with --direction b2a", lambda c: len(c.directions) == 1 and c.direction == "b2a"),
    ("--r1-every", "with --r1 0", lambda c: not c.loss.r1),
    (CONTRAST, "with --contrast 0", lambda c: not c.contrast.weight),
    ("--load", "with --preprocess crop or none", lambda c: c.data.preprocess in ("crop", "none")),
    ("--crop-over", "with --crop-from 0", lambda c: not c.data.crop_from),
    ("--held-out --keep-best --features", "with --evaluate-every 0", lambda c: not c.evaluation.every),
    ("--features-range", "without --features", lambda c: not c.evaluation.features),
)  # fmt: skip


def parameter(setting: Setting) -> str:
    """Return the name of the parameter that a command gets an option's value by."""
    return setting.option.removeprefix("--").replace("-", "_")


def settings_options(command: F) -> F:
    """Give a command every option of the table; what is not given is None."""
    for setting in reversed(SETTINGS):
        shown = f"{setting.help}  [{setting.default}]" if setting.default else setting.help
        if isinstance(setting.kind, str):
            choice = click.Choice(setting.kind.split("|"))
            command = click.option(setting.option, parameter(setting), type=choice, help=shown)(command)
        elif setting.kind is bool:
            both = f"{setting.option}/--no-{setting.option.removeprefix('--')}"
            command = click.option(both, parameter(setting), default=None, help=shown)(command)
        else:
            metavar = {int: "N", float: "X", str: "TEXT"}[setting.kind]
            command = click.option(
                setting.option, parameter(setting), type=setting.kind, metavar=metavar, help=shown
            )(command)  # fmt: skip
    return command


def with_settings(config: TrainConfig, given: dict[str, Any]) -> TrainConfig:  # Any: option values
    """Return a config with what was given on the command line. Raises UsageError where it does not fit."""
    from cgconv.trainer.config import config_as_dict, config_from_dict

    values = config_as_dict(config)
    for setting in SETTINGS:
        value = given[parameter(setting)]
        if value is None:
            continue
        section, _, name = setting.path.rpartition(".")
        (values[section] if section else values)[name] = value
        if setting.option == "--learning-rate" and given["discriminator_learning_rate"] is None:
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
        options = {setting.path: setting.option for setting in SETTINGS}
        wanted = re.sub(r"[a-z]+\.[a-z0-9_]+", lambda found: options.get(found[0], found[0]), error.wanted)
        option = options.get(error.name, error.name)
        there = {s.option: given[parameter(s)] for s in SETTINGS if given[parameter(s)] is not None}
        guilty = [one for one in there if one in re.findall(r"--[a-z0-9-]+", wanted)]
        if option in there or not guilty:
            raise UsageError(f"{option}: found {error.found}, wanted {wanted}") from error
        typed = guilty[0] if isinstance(there[guilty[0]], bool) else f"{guilty[0]} {there[guilty[0]]}"
        raise UsageError(f"{typed}: {option} is {error.found}, wanted {wanted}") from error


def refuse_idle(config: TrainConfig, given: dict[str, Any]) -> None:  # Any: option values
    """Raise click.UsageError where an option was given that would do nothing."""
    there = {setting.option for setting in SETTINGS if given[parameter(setting)] is not None}
    if given["epochs"] is not None and given["images"]:
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
    from cgconv.trainer.choices import RecipeName
    from cgconv.trainer.data.folders import find_domains

    if a is None:
        return config
    a, b = find_domains(a, b, paired=config.recipe is RecipeName.PIX2PIX)
    return replace(config, data=replace(config.data, a=a, b=b))
