"""Bring another project's checkpoint into the user's model folder as an ONNX file that was checked against torch."""

from __future__ import annotations

import datetime
import hashlib
import platform
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path

import onnx
import onnxruntime
import torch

from cgconv.runtime.card import ModelCard, Normalization, write_card
from cgconv.runtime.model_file import write_model
from cgconv.runtime.store import free_path
from cgconv.trainer.networks import receptive_field_px

from .export import SIZES_HW, CardText, Exported
from .families import read_state_dict, recognise
from .onnx_graph import INPUT_NAME, OUTPUT_NAME, generator_to_onnx, refuse_different, verify


def import_checkpoint(path: Path, *, name: str | None = None, text: CardText | None = None) -> Exported:
    """Bring another project's generator into the user's model folder, checked against torch.

    Raises ModelError where the file is damaged or of no known family; UsageError where the name is taken.
    """
    text = text or CardText()
    state = read_state_dict(path)
    recognised = recognise(state, path)
    config = recognised.config
    model_name = name or path.stem
    target = free_path(model_name)
    model = generator_to_onnx(recognised.generator, channels=config.channels_in)
    verification = verify(model, recognised.generator, [], SIZES_HW, channels=config.channels_in)
    refuse_different(verification, str(path))
    architecture = {"family": "ResNet", **{key: value for key, value in asdict(config).items() if key != "focus"}}
    card = ModelCard(
        name=model_name,
        title=text.title or model_name,
        architecture={key: str(value) if isinstance(value, StrEnum) else value for key, value in architecture.items()},
        input_name=INPUT_NAME,
        output_name=OUTPUT_NAME,
        value_range_in=(-1.0, 1.0),
        value_range_out=(-1.0, 1.0),
        size_multiple=4,
        smallest_size=8,
        receptive_field_px=receptive_field_px(config),
        normalization=Normalization.INSTANCE,
        licence=text.licence,
        data=text.data,
        source={
            "family": recognised.family,
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        },
        verification={
            "largest_difference_real": verification.real,
            "largest_difference_random": verification.random,
            "sizes_hw": [list(size_hw) for size_hw in verification.sizes_hw],
            "against": f"torch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}, onnx {onnx.__version__}, "
            f"{platform.system()} {platform.machine()}",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        },
    )
    write_card(model, card)
    write_model(model, target)
    return Exported(target, card, verification)
