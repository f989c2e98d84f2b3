"""Export a run as ONNX files that were checked against torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from cgconv.runtime.errors import ModelError, OutputError, UsageError
from cgconv.runtime.models.card import ModelCard, Normalization, write_card
from cgconv.runtime.models.familiar import learn_familiar
from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.models.store import check_name
from cgconv.trainer.checkpoint import NAME, checkpoint_config, load_checkpoint
from cgconv.trainer.choices import Direction as Direction
from cgconv.trainer.choices import GeneratorKind, Norm
from cgconv.trainer.config import GeneratorConfig, TrainConfig, config_as_dict
from cgconv.trainer.networks.build import Generators, generator_config, receptive_field_px, size_multiple, smallest_size

from .onnx_graph import INPUT_NAME, OUTPUT_NAME, Verification, generator_to_onnx, refuse_different, verify
from .pictures import pictures_one_by_one, sample_pictures

SIZES_HW = ((64, 64), (128, 192), (256, 256))
FAMILIAR_PICTURES = 600  # of the training folder that the card says how they look, evenly spread


FAMILIES = {
    GeneratorKind.RESNET: "ResNet",
    GeneratorKind.MOBILE: "mobile ResNet",
    GeneratorKind.COMPACT: "compact",
    GeneratorKind.UNET_128: "U-Net 128",
    GeneratorKind.UNET_256: "U-Net 256",
}


@dataclass(frozen=True)
class Exported:
    """A file that was written, and how far it is from torch."""

    path: Path
    card: ModelCard
    verification: Verification
    pictures: Path | None = None  # the folder of pictures that it was trained to read, while that is there


@dataclass(frozen=True)
class CardText:
    """What the card says that no checkpoint knows."""

    title: str = ""
    licence: str = ""
    data: str = ""
    working_size_px: int | None = None


def newest_run(folder: Path = Path("runs")) -> Path:
    """Return the run under `folder` whose checkpoint is the newest. Raises UsageError where there is none."""
    checkpoints = sorted(folder.glob(f"*/{NAME}"), key=lambda path: path.stat().st_mtime)
    if not checkpoints:
        raise UsageError(f"{folder}/ holds no run with a checkpoint; name the folder of a run, or a checkpoint")
    return checkpoints[-1].parent


def export(
    source: Path,
    *,
    direction: Direction | None = None,
    out: Path | None = None,
    name: str | None = None,
    text: CardText = CardText(),
    exists_ok: bool = False,
) -> list[Exported]:
    """Write one ONNX file a direction and return them.

    `source` is a run's folder or a checkpoint; `out` a file (one direction) or a folder (default: the run's folder).
    Without a direction all that the run has learned are written, as NAME-a2b and NAME-b2a. The averaged weights are
    taken where there are some.
    Raises UsageError, ModelError (also where a file would differ from torch by more than 1e-3: then nothing is
    written), OutputError.
    """
    if name is not None:
        check_name(name)
    state = load_checkpoint(source)
    config = checkpoint_config(state)
    folder = source if source.is_dir() else source.parent
    if direction and direction not in config.directions:
        raise UsageError(f"{source}: learned {config.directions[0]} alone; there is no {direction} to export")
    directions = [direction] if direction else list(config.directions)
    base = name or (out.stem if out is not None and out.suffix == ".onnx" else folder.resolve().name)
    if out is not None and out.suffix == ".onnx" and len(directions) == 2:
        raise UsageError(
            "--out names one file, but there are two directions; add --direction a2b or b2a, or name a folder"
        )
    targets = {}
    for one in directions:
        model_name = base if direction else f"{base}-{one}"
        target = out if out is not None and out.suffix == ".onnx" else (out or folder) / f"{model_name}.onnx"
        if target.exists() and not exists_ok:
            raise OutputError(f"{target}: this file exists already; name another with --out, or add --overwrite")
        targets[one] = (model_name, target)

    generators = Generators(config)
    try:
        generators.load_state_dict(state["generators"])
        if config.optimizer.ema_half_life:
            generators.load_state_dict(state["average"], strict=False)
    except (LookupError, RuntimeError, TypeError, AttributeError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[-1].strip()[:120]
        raise ModelError(f"{source}: its weights do not fit its settings ({why})") from error
    ready = []
    for one, (model_name, target) in targets.items():
        generator = generators.of(one)
        settings = generator_config(config.generator, one)
        folder_read = config.data.a if one is Direction.A2B else config.data.b
        pictures = list(sample_pictures(folder_read, 3).values())
        channels, multiple = settings.channels_in, size_multiple(settings)
        sample_hw = {"sample_hw": (multiple, 2 * multiple)} if multiple > 32 else {}
        model = generator_to_onnx(generator, channels=channels, **sample_hw)
        verification = verify(model, generator.eval(), pictures, sizes_hw(multiple), channels=channels)
        refuse_different(verification, model_name)
        card = _card_of_run(model_name, one, config, state, verification, text)
        write_card(model, card)
        ready.append((model, Exported(target, card, verification, folder_read if pictures else None)))
    for model, exported in ready:
        write_model(model, exported.path)
    return [exported for _, exported in ready]


def sizes_hw(multiple: int) -> tuple[tuple[int, int], ...]:
    """Return the sizes that a file is checked at: three, as small as the network takes them."""
    if all(side % multiple == 0 for size_hw in SIZES_HW for side in size_hw):
        return SIZES_HW
    return (multiple, multiple), (multiple, 2 * multiple), (2 * multiple, multiple)


def _card_of_run(
    name: str,
    direction: Direction,
    config: TrainConfig,
    state: dict[str, Any],
    verification: Verification,
    text: CardText,
) -> ModelCard:  # Any: what a checkpoint holds
    a, b = config.run.name_a, config.run.name_b
    source = {
        "program": "cgconv train",
        "direction": str(direction),
        "images_seen": state["images_seen"],
        "weights": "averaged" if config.optimizer.ema_half_life else "last",
        "recipe": str(config.recipe),
        "seed": config.run.seed,
        "crop_px": config.data.crop,
        "loss": config_as_dict(config.loss),
    }
    card = _card(
        name,
        generator_config(config.generator, direction),
        verification,
        text,
        direction=f"{a} → {b}" if direction is Direction.A2B else f"{b} → {a}",
        source=source,
        training_size_px=config.data.crop,
        colors=_colors(state, "a" if direction is Direction.A2B else "b"),
    )
    if config.data.a == config.data.b:  # pictures side by side: none of them looks like one kind
        return card
    folder = config.data.a if direction is Direction.A2B else config.data.b
    return replace(card, familiar=learn_familiar(pictures_one_by_one(folder, FAMILIAR_PICTURES)))


def _colors(state: dict[str, Any], domain: str) -> dict[str, list[float]] | None:  # Any: what a checkpoint holds
    """Return the mean and deviation of the colors of a run's pictures; None where a checkpoint does not say them."""
    colors: dict[str, list[float]] | None = state.get("colors", {}).get(domain)
    fits = isinstance(colors, dict) and all(isinstance(colors.get(name), list) for name in ("mean", "std"))
    return colors if fits else None


def _card(
    name: str,
    config: GeneratorConfig,
    verification: Verification,
    text: CardText,
    *,
    direction: str,
    source: dict[str, Any],
    training_size_px: int | None,
    colors: dict[str, list[float]] | None,
) -> ModelCard:  # Any: JSON values
    settings = {key: value for key, value in asdict(config).items() if key not in ("focus", "kind")}
    architecture = {"family": FAMILIES[config.kind], **settings}
    has_norms = config.norm is not Norm.NONE  # batch norms take each picture's own statistics, too
    return ModelCard(
        name=name,
        title=text.title or name,
        direction=direction,
        architecture={key: str(value) if isinstance(value, StrEnum) else value for key, value in architecture.items()},
        input_name=INPUT_NAME,
        output_name=OUTPUT_NAME,
        value_range_in=(-1.0, 1.0),
        value_range_out=(-1.0, 1.0),
        size_multiple=size_multiple(config),
        smallest_size=smallest_size(config),
        receptive_field_px=receptive_field_px(config),
        training_size_px=training_size_px,
        working_size_px=text.working_size_px,
        color_mean=tuple(colors["mean"]) if colors else None,  # type: ignore[arg-type]  # three numbers
        color_std=tuple(colors["std"]) if colors else None,  # type: ignore[arg-type]
        normalization=Normalization.INSTANCE if has_norms else Normalization.NONE,
        licence=text.licence,
        data=text.data,
        source=source,
        verification=verification.for_card(),
    )
