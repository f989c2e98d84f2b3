"""The examples of docs/api.md run as they stand."""

import re
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from places import ROOT

from cgconv.runtime.models.card import ModelCard, write_card
from cgconv.runtime.models.model_file import write_model

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.DOTALL)


def inverting_model() -> onnx.ModelProto:
    """A model that turns every color into its opposite."""
    shape = ["batch", 3, "height", "width"]
    graph = helper.make_graph(
        [helper.make_node("Neg", ["input"], ["output"])],
        "negative",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    write_card(
        model,
        ModelCard(
            name="monet",
            input_name="input",
            output_name="output",
            value_range_in=(-1.0, 1.0),
            value_range_out=(-1.0, 1.0),
            size_multiple=1,
            smallest_size=1,
        ),
    )
    return model


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_every_example_runs(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = EXAMPLES[number]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CGCONV_MODELS", str(tmp_path / "models"))
    write_model(inverting_model(), tmp_path / "models" / "monet.onnx")
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (37, 51, 3), dtype=np.uint8)
    cv2.imwrite("photo.png", photo)
    for folder in ("trainA", "trainB"):
        Path(folder).mkdir()
        cv2.imwrite(f"{folder}/0.png", photo)

    exec(compile(example, "docs/api.md", "exec"), {})

    for name in re.findall(r'"((?:painted|copy|example)\.\w+)"', example):
        assert Path(name).stat().st_size > 0
    if "painted.png" in example:
        assert np.array_equal(cv2.imread("painted.png"), 255 - photo)
    if "run_jobs" in example:
        assert np.array_equal(cv2.imread("photo.monet.png"), 255 - photo)
    if "copy.webp" in example:
        assert cv2.imread("copy.webp").shape == photo.shape
    assert capsys.readouterr().out or "print(" not in example


def test_the_page_has_all_five_examples() -> None:
    assert len(EXAMPLES) == 5
