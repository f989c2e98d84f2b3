"""Turn a missing optional package into the sentence that says how to get it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from cgconv.runtime.errors import MissingError

_PACKAGES = {
    "train": ("torch", "lightning"),
    "gui": ("PySide6",),
    "serve": ("starlette", "uvicorn"),
    "ray": ("ray",),
    "tensorrt": ("tensorrt", "cuda"),
}


def installed_extras() -> dict[str, bool]:
    """Say for each extra whether its packages are there; nothing is imported."""
    return {extra: all(find_spec(name) is not None for name in names) for extra, names in _PACKAGES.items()}


@contextmanager
def needs_extra(extra: str, purpose: str) -> Iterator[None]:
    """Around an import: raise MissingError with the pip command where a package is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package in ("", "cgconv"):
            raise  # our own mistake, not the user's
        raise MissingError(
            f"{purpose} needs {package}, which is not installed: pip install 'cgconv[{extra}]'"
        ) from error
