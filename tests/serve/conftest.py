"""Give every server of these tests a small model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_models import small_resnet

from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.models.store import models_folder


@pytest.fixture(scope="session")
def small() -> Iterator[Path]:
    """Put a model with random weights into the model folder, under the name small."""
    models_folder().mkdir(parents=True, exist_ok=True)
    path = models_folder() / "small.onnx"
    write_model(small_resnet(), path)
    yield path
    path.unlink()
