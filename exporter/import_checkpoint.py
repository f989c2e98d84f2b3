"""Bring another project's checkpoint into the user's model folder as an ONNX file that was checked against torch."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from cgconv.runtime.errors import UsageError
from cgconv.runtime.graphs.graph import specialize
from cgconv.runtime.graphs.stages import receptive_field_px
from cgconv.runtime.models.card import ModelCard, write_card
from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.models.store import free_path, name_for

from .checkpoint_file import read_checkpoint
from .export import CardText, Exported
from .families import Recognized, recognize
from .foreign_networks import ForeignNetwork, Gray
from .onnx_graph import INPUT_NAME, OUTPUT_NAME, Verification, generator_to_onnx, refuse_different, verify
from .weights import NormMode

_SMALLEST_CHECKED = 64  # px; on fewer, instance norm blows rounding up


def import_checkpoint(
    path: Path,
    *,
    name: str | None = None,
    text: CardText | None = None,
    part: str | None = None,
    norm_mode: NormMode | None = None,
    replaces: bool = False,
) -> Exported:
    """Bring another project's generator into the user's model folder, checked against torch on several sizes.

    `part` names one of several networks in the file; `norm_mode` says where batch norms have their statistics from
    (default: running); `replaces`: a model that has the name makes way. Raises ModelError where the file is damaged or
    of no known family; UsageError where the name is taken, or `part` or `norm_mode` do not fit the file; OutputError.
    """
    model_name = name_for(path) if name is None else name
    target = free_path(model_name, replaces=replaces)
    recognized = recognize(read_checkpoint(path), path, part=part, norm_mode=norm_mode or NormMode.RUNNING)
    generator = recognized.generator
    if norm_mode is not None and not generator.has_batch_norm:
        raise UsageError(f"{path}: --norm-mode is for batch norm, and this {recognized.family} has none")
    model, verification = _to_onnx(generator)
    refuse_different(verification, str(path), value_range=generator.value_range)
    card = _card(model_name, recognized, path, norm_mode or NormMode.RUNNING, verification, text or CardText())
    seen_px = receptive_field_px(specialize(model, card), card.size_multiple)
    card = replace(card, receptive_field_px=seen_px)
    write_card(model, card)
    write_model(model, target)
    return Exported(target, card, verification)


def _to_onnx(generator: ForeignNetwork) -> tuple[onnx.ModelProto, Verification]:
    grays_in, grays_out = generator.channels_in == 1, generator.channels_out == 1
    network = generator.network
    if grays_in or grays_out:
        network = Gray(network, grays_in=grays_in, grays_out=grays_out)
    edge = generator.size_multiple * math.ceil(_SMALLEST_CHECKED / generator.size_multiple)
    sizes_hw = ((edge, edge), (edge, 2 * edge), (2 * edge, edge))
    model = generator_to_onnx(network, sample_hw=sizes_hw[1])
    return model, verify(model, network, [], sizes_hw, value_range=generator.value_range)


def _card(
    name: str, recognized: Recognized, path: Path, norm_mode: NormMode, verification: Verification, text: CardText
) -> ModelCard:
    generator = recognized.generator
    architecture: dict[str, Any] = {  # Any: JSON values
        "family": generator.kind,
        "blocks": generator.blocks,
        "width": generator.width,
        "channels_in": generator.channels_in,
        "channels_out": generator.channels_out,
        "norm": "batch" if generator.has_batch_norm else str(generator.normalization),
        "statistics": "running" if generator.has_batch_norm and norm_mode is NormMode.RUNNING else "own",
    }
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ModelCard(
        name=name,
        title=text.title or name,
        architecture={key: value for key, value in architecture.items() if value is not None},
        input_name=INPUT_NAME,
        output_name=OUTPUT_NAME,
        value_range_in=generator.value_range,
        value_range_out=generator.value_range,
        size_multiple=generator.size_multiple,
        smallest_size=generator.smallest_size,
        normalization=generator.normalization,
        licence=text.licence,
        data=text.data,
        source={"family": recognized.family, "part": recognized.part, "file": path.name, "sha256": digest},
        verification=verification.for_card(),
    )
