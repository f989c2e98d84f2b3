"""Where cgconv keeps what is the user's and what can be made again."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def data_folder() -> Path:
    """Return the folder of what is kept: models, records, secrets. It need not exist."""
    return Path(platformdirs.user_data_dir("cgconv", appauthor=False))


def config_folder() -> Path:
    """Return the folder of what the user has chosen. It need not exist."""
    return Path(platformdirs.user_config_dir("cgconv", appauthor=False))


def cache_folder() -> Path:
    """Return the folder of everything that can be made again. It need not exist."""
    return Path(platformdirs.user_cache_dir("cgconv", appauthor=False))
