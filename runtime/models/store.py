"""Find model files by name: a path, then the user's model folder, then the models shipped with cgconv."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from cgconv.runtime.errors import ModelError, OutputError, UsageError
from cgconv.runtime.files import write_atomically
from cgconv.runtime.folders import config_folder, data_folder

from .card import ModelCard, read_card, write_card
from .model_file import load_model, write_model

_ALLOWED_NAME = re.compile(r"[^\W_][\w.+-]{0,99}")  # letters and digits of any script; no separators, no leading dot
# Windows takes such a name for a device, whatever comes after a dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)

# Weights of other projects, which are imported as ONNX files.
CHECKPOINT_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors", ".pkl", ".model", ".tar", ".bin")
MODEL_SUFFIXES = (".onnx", *CHECKPOINT_SUFFIXES)
_CHECKPOINT_STARTS = (b"PK\x03\x04", b"\x80\x02")  # torch's zip files, and the pickles before them


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
    """Return the user's model folder (it need not exist): as CGCONV_MODELS says, else as was chosen, else the usual."""
    chosen = os.environ.get("CGCONV_MODELS")
    if not chosen:
        with contextlib.suppress(OSError, ValueError):  # not chosen, or not to be read: the usual one
            chosen = _choice_file().read_text(encoding="utf-8").strip()
    return Path(chosen) if chosen and "\0" not in chosen else data_folder() / "models"


def choose_models_folder(folder: Path | None) -> None:
    """Look for models in this folder from now on, in every process; None: in the usual one. Raises OutputError."""
    file = _choice_file()
    try:
        if folder is None:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written ({error.strerror or error})") from error
    write_atomically(file, f"{folder.absolute()}\n".encode())


def _choice_file() -> Path:
    return config_folder() / "models-folder"


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


def name_for(path: Path) -> str:
    """Return what a model file is called where nothing else is said: net_G.pth.tar is net_G."""
    return path.stem.removesuffix(".pth")


def free_name(wanted: str) -> str:
    """Return a name that a model may have (letters, digits, - . _ +) and none has, with a number where it must be."""
    free = stem = re.sub(r"[^\w.+-]+", "-", wanted).strip("-._+")[:80] or "model"
    taken = {name.casefold() for name in _files()}
    number = 1
    while free.casefold() in taken:
        number += 1
        free = f"{stem}-{number}"
    return free


def is_taken(name: str) -> bool:
    """Say whether a model of the user's has this very name."""
    return (models_folder() / f"{name}.onnx").exists()


def free_path(name: str, *, replaces: bool = False) -> Path:
    """Return where a new model called `name` belongs; `replaces`: in place of one that has this very name.

    Raises:
        UsageError: the name is not allowed or taken, if only by one that differs in upper and lower case, which some
            disks take for the same. The very name of a shipped model is free: the new one hides it.
    """
    check_name(name)
    target = models_folder() / f"{name}.onnx"
    if target.exists() and not replaces:
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


def describe_model(name: str, *, new_name: str, title: str, direction: str) -> Path:
    """Give the user's model `name` another name, title and direction, in its card, too; return where it is now.

    Raises:
        UsageError: no such model, it comes with cgconv, has no card, or the new name is not allowed or taken.
        ModelError: the file or a text cannot be used.
    """
    path = models_folder() / f"{name}.onnx"
    if not (_ALLOWED_NAME.fullmatch(name) and path.is_file()):
        raise UsageError(f"{name!r} is not a model of yours")
    target = path if new_name == name else free_path(new_name)
    model = load_model(path)
    card = read_card(model, path)
    if card is None:
        raise UsageError(f"{path}: has no card to write into; import the file")
    write_card(model, replace(card, name=new_name, title=title, direction=direction))
    write_model(model, target)
    if target != path:
        try:
            path.unlink()
        except OSError as error:
            raise OutputError(f"{path}: could not be deleted ({error.strerror or error})") from error
    return target


def is_model_file(file: Path) -> bool:
    """Say whether a file is to be imported, not translated: an ONNX file by its name, or a checkpoint."""
    return file.suffix.lower() == ".onnx" or is_checkpoint(file)


def is_checkpoint(file: Path) -> bool:
    """Say whether a file is a checkpoint, by its name or its first bytes."""
    if file.suffix.lower() in CHECKPOINT_SUFFIXES:
        return True
    try:
        if not file.is_file():  # opening a pipe would wait for somebody to write to it
            return False
        with file.open("rb") as opened:
            return opened.read(4).startswith(_CHECKPOINT_STARTS)
    except OSError:
        return False  # the importer says what is wrong with it


def _files() -> dict[str, Path]:
    """Return name → file; a model of the user's hides a shipped one of the same name."""
    found: dict[str, Path] = {}
    for folder in (bundled_folder(), models_folder()):
        if folder.is_dir():
            found |= {path.stem: path for path in folder.glob("*.onnx") if not path.name.startswith(".")}
    return found
