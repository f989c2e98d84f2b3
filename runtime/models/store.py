"""Find model files by name: a path, then the user's model folder, then the models shipped with cgconv."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cgconv.runtime.errors import ModelError, OutputError, UsageError
from cgconv.runtime.folders import data_folder

from .card import ModelCard, read_card

_ALLOWED_NAME = re.compile(r"[^\W_][\w.+-]{0,99}")  # letters and digits of any script; no separators, no leading dot
# Windows takes such a name for a device, whatever comes after a dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)

# Weights of other projects, which are imported as ONNX files.
CHECKPOINT_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors", ".pkl", ".model", ".tar", ".bin")
MODEL_SUFFIXES = (".onnx", *CHECKPOINT_SUFFIXES)


@dataclass(frozen=True)
class StoredModel:
    """A model that has a name. `card` is None where the file has none or cannot be read; `problem` says why."""

    name: str
    path: Path
    card: ModelCard | None
    bytes: int
    bundled: bool
    problem: str | None = None


def models_folder() -> Path:
    """Return the user's model folder (it need not exist); CGCONV_MODELS overrides it."""
    chosen = os.environ.get("CGCONV_MODELS")
    return Path(chosen) if chosen else data_folder() / "models"


def bundled_folder() -> Path:
    """Return the folder of the models that are shipped with cgconv."""
    return Path(__file__).parent


def known_names() -> frozenset[str]:
    """Return the names of all models, by their files alone; none is opened."""
    return frozenset(_files())


def resolve_model(name_or_path: str | Path) -> Path:
    """Return the file that `name_or_path` means.

    Raises:
        UsageError: no such file and no model of that name; lists what there is and the nearest match.
    """
    given = str(name_or_path)
    path = Path(name_or_path)
    if path.is_file() or (os.path.lexists(path) and not path.is_dir()):  # a pipe, a link to itself: reading says it
        return path
    if looks_like_path := (path.suffix.lower() == ".onnx" or len(path.parts) > 1 or path.is_dir()):
        stem = path.stem if len(path.parts) == 1 else ""
    else:
        stem = given
    files = _files()
    if stem in files:
        return files[stem]
    if looks_like_path:
        raise UsageError(f"{given}: no such file")
    known = ", ".join(sorted(files)) or "none yet"
    near = difflib.get_close_matches(given.lower(), [name.lower() for name in files], n=1)
    nearest = [name for name in files if name.lower() in near]
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    raise UsageError(f"no model is named {given!r}{hint}; there is: {known}")


def list_models() -> list[StoredModel]:
    """Return every model that has a name, the user's before the shipped ones, by name. Damaged files are listed too."""
    stored = []
    for name, path in sorted(_files().items()):
        card, problem, size = None, None, 0
        try:
            size = path.stat().st_size
            card = read_card(path)
        except ModelError as error:
            problem = str(error)
        except OSError as error:  # gone meanwhile, or a link to nowhere
            problem = f"{path}: cannot be read ({error.strerror or error})"
        stored.append(StoredModel(name, path, card, size, path.parent == bundled_folder(), problem))
    return sorted(stored, key=lambda model: (model.bundled, model.name))


def free_path(name: str) -> Path:
    """Return where a new model called `name` belongs.

    Raises:
        UsageError: the name is not allowed or taken, if only by one that differs in upper and lower case, which some
            disks take for the same. The very name of a shipped model is free: the new one hides it.
    """
    check_name(name)
    target = models_folder() / f"{name}.onnx"
    if target.exists():
        raise UsageError(f"there is already a model named {name}; remove it first or choose another name (--name)")
    alike = next((taken for taken in _files() if taken != name and taken.casefold() == name.casefold()), None)
    if alike is not None:
        raise UsageError(
            f"there is already a model named {alike}, which some disks take for {name}; choose another name"
        )
    return target


def check_name(name: str) -> None:
    """Raise UsageError where a model cannot be called that on every system."""
    if not _ALLOWED_NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a model's name: use letters, digits, - . _ + and no folder")
    if _DEVICES.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a model's name: Windows reserves it for a device")


def remove_model(name: str) -> Path:
    """Delete the user's model `name` and return where it was.

    Raises:
        UsageError: no such model, or it is one of those shipped with cgconv.
    """
    path = resolve_model(name) if _ALLOWED_NAME.fullmatch(name) else None
    if path is None or path != _files().get(name):
        raise UsageError(f"{name!r} is not a model's name")
    if path.parent == bundled_folder():
        raise UsageError(f"{name} comes with cgconv and cannot be removed")
    try:
        path.unlink()
    except OSError as error:
        raise OutputError(f"{path}: could not be deleted ({error.strerror or error})") from error
    return path


def _files() -> dict[str, Path]:
    """Return name → file; a model of the user's hides a shipped one of the same name."""
    found: dict[str, Path] = {}
    for folder in (bundled_folder(), models_folder()):
        if folder.is_dir():
            found |= {path.stem: path for path in folder.glob("*.onnx") if not path.name.startswith(".")}
    return found
