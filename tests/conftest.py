"""Keep tests away from the user's own folders and from each other's processor cores."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Point the model folder and every cache into a folder that goes away; child processes inherit it."""
    home = tmp_path_factory.mktemp("home")
    os.environ["CGCONV_MODELS"] = str(home / "models")
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        os.environ[name] = str(home / name.lower())


def pytest_configure() -> None:
    """Give each xdist worker its share of the cores: torch would take them all in each, and spin."""
    if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))
