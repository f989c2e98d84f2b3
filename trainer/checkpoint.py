"""Keep a run on disk: one file that holds everything and opens with `weights_only=True`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cgconv.runtime.errors import ModelError, OutputError, UsageError
from cgconv.trainer.networks.build import Generators

from .config import TrainConfig, config_from_dict
from .untrusted import Unreadable, read_untrusted

FORMAT = 2  # raised when an older program could no longer read the file
NAME = "checkpoint.pt"
LARGEST_BYTES = 16 * 1024**3  # of a run with the widest networks
TO_TRANSLATE = ("config", "generators", "images_seen")  # what a checkpoint must hold for anything to be made of it


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values to `path`, whole or not at all. Raises OutputError, the old file intact."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            torch.save({"cgconv": FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch's zip writer turns a full disk into RuntimeError
        part.unlink(missing_ok=True)
        intact = "; the one before is intact" if path.exists() else ""
        raise OutputError(f"{path}: the checkpoint could not be written ({_reason(error)}){intact}") from error


def _reason(error: BaseException) -> str:
    """Return what the disk said, also where torch's writer failed in turn while it gave up."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__context__
    return " ".join(str(error).split())[:120] or type(error).__name__


def load_checkpoint(path: Path) -> dict[str, Any]:  # Any: tensors and plain values
    """Return what `save_checkpoint` wrote, every byte of it checked. Runs no code of the file.

    `path` is a checkpoint or a run's folder. Raises UsageError where there is none; ModelError where it is damaged,
    none of cgconv's, or too new.
    """
    if path.is_dir():
        if (path / "config.json").is_file() and not (path / NAME).is_file():
            raise UsageError(
                f"{path}: this run ended before its first checkpoint; to start it again, repeat its command"
                f" (cgconv train … --out {shlex.quote(str(path))})"
            )
        path = path / NAME
    if not path.exists():
        raise UsageError(f"{path}: no such checkpoint")
    if path.suffix == ".onnx":
        raise UsageError(f"{path}: this is a model; name a run's folder or a checkpoint")
    try:
        state = read_untrusted(path, largest_bytes=LARGEST_BYTES)
    except Unreadable as error:
        raise ModelError(f"{path}: not a checkpoint that can be read ({error})") from error
    except OSError as error:
        raise ModelError(f"{path}: not a checkpoint that can be read ({_reason(error)})") from error
    if not isinstance(state, dict) or not isinstance(state.get("cgconv"), int):
        raise ModelError(f"{path}: not a checkpoint of cgconv; `cgconv models import` reads those of other projects")
    if state["cgconv"] > FORMAT:
        raise ModelError(
            f"{path}: checkpoint format: found {state['cgconv']}, expected {FORMAT} or older; update cgconv"
        )
    refuse_incomplete(path, state, TO_TRANSLATE)
    _refuse_unfit(path, state)
    return state


def refuse_incomplete(path: Path, state: dict[str, Any], names: Iterable[str]) -> None:  # Any: as in load_checkpoint
    """Raise ModelError where a checkpoint lacks one of these."""
    missing = [name for name in names if name not in state]
    if missing:
        raise ModelError(
            f"{path}: this checkpoint lacks {', '.join(missing)}, so it cannot be used; choose another one"
        )


_WANTED: dict[str, tuple[type, ...]] = {  # what a checkpoint's values are, where it has them
    "config": (dict,),
    "images_seen": (int,),
    "generators": (dict,),
    "average": (dict,),
    "optimizers": (list,),
    "scaler": (dict,),
    "schedule": (dict,),
    "processes": (list,),
    "steps": (int,),
    "judge": (dict,),
    "colors": (dict,),
    "held_out": (dict, type(None)),
}


def _refuse_unfit(path: Path, state: dict[str, Any]) -> None:  # Any: as in load_checkpoint
    """Raise ModelError where values are not of their kinds, or the settings ask for networks that the file lacks."""
    for name, kinds in _WANTED.items():
        value = state.get(name)
        if name in state and (not isinstance(value, kinds) or (kinds == (int,) and not 0 <= state[name] < 1 << 62)):
            raise ModelError(
                f"{path}: damaged: its contents do not match its settings ({name} is no {kinds[0].__name__})"
            )
    for domain in ("a", "b") if state.get("held_out") else ():
        names = state["held_out"].get(domain)
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise ModelError(f"{path}: damaged: its contents do not match its settings (held_out names no pictures)")
    try:
        config = checkpoint_config(state)
    except UsageError as error:
        raise ModelError(f"{path}: its settings are not valid ({error})") from error
    with torch.device("meta"):  # counted, not made: settings that somebody changed may ask for all memory
        numbers = sum(weight.numel() for weight in Generators(config).state_dict().values())
    held = sum(weight.numel() for weight in state["generators"].values() if isinstance(weight, Tensor))
    if numbers != held:
        found = f"{held:,} numbers of generators found, {numbers:,} wanted"
        raise ModelError(f"{path}: damaged: its contents do not match its settings ({found})")


def checkpoint_config(state: dict[str, Any]) -> TrainConfig:
    """Return the config that rebuilds a checkpoint's networks."""
    try:
        config: TrainConfig = config_from_dict(state["config"])
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise UsageError(f"the checkpoint holds no valid settings ({str(error)[:120]})") from error
    return config
