"""Keep tests away from the user's own folders and from each other's processor cores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_nvidia import FakeGpu, installed
from small_models import small_resnet

from cgconv.runtime.models.model_file import write_model


@pytest.fixture(autouse=True, scope="session")
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Point the model folder and every cache into a folder that goes away; child processes inherit it."""
    home = tmp_path_factory.mktemp("home")
    os.environ["CGCONV_MODELS"] = str(home / "models")
    os.environ["CGCONV_TRIAL"] = "no"  # these models are the tests' own; test_trial.py tries some
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        os.environ[name] = str(home / name.lower())


@pytest.fixture
def own_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without engines, and without the secret that they are sealed with."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def gpu() -> Iterator[FakeGpu]:
    """Put a GPU and TensorRT into place that are not there (see fake_nvidia.py)."""
    with installed(FakeGpu()) as gpu:
        yield gpu


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a small ResNet with random weights, without a card."""
    path = tmp_path_factory.mktemp("models") / "small.onnx"
    write_model(small_resnet(), path)
    return path


def pytest_configure() -> None:
    """Give each xdist worker its share of the cores: torch would take them all in each, and spin."""
    if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))
