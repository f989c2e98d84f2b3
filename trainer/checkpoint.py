"""Keep a run on disk: one file that holds everything and opens with `weights_only=True`."""

from __future__ import annotations

import os
import pickle
import shlex
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from cgconv.runtime.errors import ModelError, OutputError, UsageError

from .config import TrainConfig, config_from_dict

FORMAT = 2  # raised when an older program could no longer read the file
NAME = "checkpoint.pt"
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


def load_checkpoint(path: Path, *, device: str = "cpu") -> dict[str, Any]:
    """Return what `save_checkpoint` wrote, every byte of it checked. Runs no code of the file.

    `path` is a checkpoint or a run's folder. Raises UsageError where there is none; ModelError where it is damaged,
    none of cgconv's, or too new.
    """
    if path.is_dir():
        if (path / "config.json").is_file() and not (path / NAME).is_file():
            raise UsageError(
                f"{path}: this run has no checkpoint yet, it ended before its first one;"
                f" the command that began it (cgconv train … --out {shlex.quote(str(path))}) begins anew"
            )
        path = path / NAME
    if not path.is_file():
        raise UsageError(f"{path}: no such checkpoint")
    if path.suffix == ".onnx":
        raise UsageError(f"{path}: is a model; wanted a run's folder, or a checkpoint of one")
    _refuse_damaged(path)
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:  # its text is torch's advice to programmers
        raise ModelError(f"{path}: not a checkpoint, or it holds more than tensors and plain values") from error
    except (OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError) as error:
        raise ModelError(f"{path}: not a checkpoint that can be read ({_reason(error)})") from error
    if not isinstance(state, dict) or not isinstance(state.get("cgconv"), int):
        raise ModelError(f"{path}: not a checkpoint of cgconv; `cgconv models import` reads those of other projects")
    if state["cgconv"] > FORMAT:
        raise ModelError(f"{path}: checkpoint format {state['cgconv']} found, {FORMAT} or older wanted; update cgconv")
    refuse_incomplete(path, state, TO_TRANSLATE)
    return state


def refuse_incomplete(path: Path, state: dict[str, Any], names: Iterable[str]) -> None:  # Any: as in load_checkpoint
    """Raise ModelError where a checkpoint lacks one of these."""
    missing = [name for name in names if name not in state]
    if missing:
        raise ModelError(f"{path}: a checkpoint without {', '.join(missing)}, which cannot be used; take another one")


def _refuse_damaged(path: Path) -> None:
    """Raise ModelError where a checkpoint is no zip file or a byte of it has changed: torch does not look."""
    try:
        with zipfile.ZipFile(path) as opened:
            damaged = opened.testzip() is not None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, NotImplementedError) as error:
        raise ModelError(f"{path}: not a checkpoint that can be read (damaged or cut short)") from error
    except OSError as error:
        raise ModelError(f"{path}: not a checkpoint that can be read ({_reason(error)})") from error
    if damaged:
        raise ModelError(f"{path}: not a checkpoint that can be read (damaged: bytes in it have changed)")


def checkpoint_config(state: dict[str, Any]) -> TrainConfig:
    """Return the config that rebuilds a checkpoint's networks."""
    config: TrainConfig = config_from_dict(state["config"])
    return config
