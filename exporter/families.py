"""Recognise other projects' generators by their keys and shapes, and rebuild them as ours.

Known: the ResNet generator of github.com/junyanz/pytorch-CycleGAN-and-pix2pix (models/networks.py) with instance norm,
any number of blocks, with or without dropout, any width, 1 or 3 channels; `module.` prefixes and the running
statistics of files from before its version of 2018 too.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from cgconv.runtime.errors import ModelError
from cgconv.trainer.config import GeneratorConfig, Upsampling
from cgconv.trainer.networks import ResNetGenerator

LARGEST_FILE = 2 * 1024**3  # bytes; read before it is known what the file is


@dataclass(frozen=True)
class Recognised:
    """A generator rebuilt from another project's file."""

    family: str
    generator: ResNetGenerator
    config: GeneratorConfig


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint file without running any code of it.

    Raises ModelError, with what the file is instead, where it is no PyTorch checkpoint.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ModelError(
                f"{path}: {path.stat().st_size / 1e9:.1f} GB, over the limit of {LARGEST_FILE / 1e9:.1f} GB"
            )
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    _refuse_texts(path, head)
    try:
        with warnings.catch_warnings():  # torch's own remarks on old pickles are not for the user
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" in str(error) or "Unsupported" in str(error):
            raise ModelError(
                f"{path}: holds Python objects besides tensors, which could run code; "
                "save its state_dict() alone in the program it comes from"
            ) from error
        raise ModelError(f"{path}: no PyTorch checkpoint, or a damaged one") from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, zipfile.BadZipFile, AttributeError) as error:
        raise ModelError(f"{path}: no PyTorch checkpoint, or a damaged one (truncated download?)") from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{path}: a PyTorch file, but not a generator's weights (a state_dict)")
    return {str(key).removeprefix("module."): value for key, value in state.items()}


def recognise(state: Mapping[str, Tensor], path: Path) -> Recognised:
    """Return the generator that `state` holds, in eval mode. Raises ModelError with what was found instead."""
    state = {
        key: value
        for key, value in state.items()
        if not key.endswith(("running_mean", "running_var", "num_batches_tracked"))
    }
    config = _junyanz_config(state)
    if config is None:
        keys = ", ".join(f"{key} {list(value.shape)}" for key, value in list(state.items())[:3])
        raise ModelError(f"{path}: no generator that cgconv knows; it starts with {keys}")
    wanted = _junyanz_keys(config)
    unused = [f"{key} {list(value.shape)}" for key, value in state.items() if _weight_of(key) not in wanted]
    if unused:
        raise ModelError(
            f"{path}: nearest is junyanz ResNet with {config.blocks} blocks, but it does not have {unused[0]}"
        )
    generator = ResNetGenerator(config).eval()
    own = generator.state_dict()
    for key, ours in wanted.items():
        found = state.get(key)
        if found is None or found.shape != own[ours].shape:
            there = "nothing" if found is None else list(found.shape)
            raise ModelError(
                f"{path}: nearest is junyanz ResNet with {config.blocks} blocks, but {key} is {there}, "
                f"expected {list(own[ours].shape)}"
            )
        own[ours] = found.float()
    generator.load_state_dict(own)
    return Recognised(family=f"junyanz ResNet, {config.blocks} blocks", generator=generator, config=config)


def _junyanz_config(state: Mapping[str, Tensor]) -> GeneratorConfig | None:
    """Return the settings that a junyanz ResNet's keys tell, or None where the first keys are not its own."""
    stem = state.get("model.1.weight")
    blocks = len({key.split(".")[1] for key in state if key.startswith("model.") and ".conv_block." in key})
    if stem is None or stem.ndim != 4 or stem.shape[2:] != (7, 7) or not blocks:
        return None
    head = state.get(f"model.{17 + blocks}.weight")
    if head is None or head.ndim != 4 or head.shape[0] not in (1, 3) or stem.shape[1] not in (1, 3):
        return None
    return GeneratorConfig(
        blocks=blocks,
        width=int(stem.shape[0]),
        upsampling=Upsampling.TRANSPOSED,
        dropout=any(".conv_block.6." in key for key in state),
        channels_in=int(stem.shape[1]),
        channels_out=int(head.shape[0]),
    )


def _junyanz_keys(config: GeneratorConfig) -> dict[str, str]:
    """Return their key → ours. Biases that InstanceNorm subtracts again have no place in ours; the last one stays."""
    keys = {"model.1.weight": "stem.1.weight", "model.4.weight": "down.0.weight", "model.7.weight": "down.3.weight"}
    second = 6 if config.dropout else 5
    for block in range(config.blocks):
        keys[f"model.{10 + block}.conv_block.1.weight"] = f"blocks.{block}.body.1.weight"
        keys[f"model.{10 + block}.conv_block.{second}.weight"] = f"blocks.{block}.body.6.weight"
    after = 10 + config.blocks
    keys |= {f"model.{after}.weight": "up.0.weight", f"model.{after + 3}.weight": "up.3.weight"}
    return keys | {f"model.{after + 7}.weight": "head.1.weight", f"model.{after + 7}.bias": "head.1.bias"}


def _weight_of(key: str) -> str:
    """Return the weight that a bias belongs to: those of normalized convolutions come along unused."""
    return key if key.endswith(".weight") else f"{key.rsplit('.', 1)[0]}.weight"


def _refuse_texts(path: Path, head: bytes) -> None:
    if head.startswith(b"version https://git-lfs"):
        raise ModelError(f"{path}: a Git-LFS pointer, not the weights; fetch them with `git lfs pull`")
    if head.lstrip()[:1] == b"<":
        raise ModelError(f"{path}: a web page, not weights; the download went wrong")
    if not head:
        raise ModelError(f"{path}: an empty file")
