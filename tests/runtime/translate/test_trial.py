"""A model that is new here is first run in a process of its own: endless loops and floods of memory stay there."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from small_models import small_resnet

from cgconv.cli.main import main
from cgconv.runtime.backends.probe import mirrored_picture
from cgconv.runtime.errors import Cancelled, ModelError
from cgconv.runtime.models.card import ModelCard, write_card
from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.translate import trial, trial_child
from cgconv.runtime.translate.trial import first_run
from cgconv.runtime.translator import open_translator


@pytest.fixture
def trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try models as users' are, and remember none from before."""
    monkeypatch.setenv("CGCONV_TRIAL", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CGCONV_MODELS", str(tmp_path / "models"))


def constant(name: str, values: object, dtype: type = np.int64) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def model_of(nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto], *, has_card: bool = True) -> onnx.ModelProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
    if has_card:
        write_card(
            model,
            ModelCard(
                name="strange",
                input_name="x",
                output_name="y",
                value_range_in=(0.0, 1.0),
                value_range_out=(0.0, 1.0),
                size_multiple=1,
                smallest_size=1,
            ),
        )
    return model


def endless(*, has_card: bool) -> onnx.ModelProto:
    """Return a model with a loop whose condition stays true."""
    number = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    on, still_on = (helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("on", "still_on"))
    given, made = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("a", "b"))
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["still_on"]), helper.make_node("Neg", ["a"], ["b"])],
        "body",
        [number, on, given],
        [still_on, made],
    )
    nodes = [helper.make_node("Loop", ["", "yes", "x"], ["y"], body=body)]
    return model_of(nodes, [constant("yes", True, np.bool_)], has_card=has_card)


def flood() -> onnx.ModelProto:
    """Return a small model that makes 2.5 GB of one number."""
    nodes = [
        helper.make_node("Expand", ["one", "shape"], ["many"]),
        helper.make_node("ReduceMax", ["many"], ["most"], keepdims=0),
        helper.make_node("Mul", ["x", "most"], ["y"]),
    ]
    return model_of(nodes, [constant("one", [[1.0]], np.float32), constant("shape", [25_000, 25_000])])


@pytest.mark.usefixtures("trials")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="memory is watched through /proc")
@pytest.mark.parametrize("kind", ["endless", "endless without a card", "flood"])
def test_what_has_no_end_or_takes_all_memory_is_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An endless loop hung `models import`, and Ctrl-C with it; 25,000² numbers took all memory."""
    monkeypatch.setattr(trial, "STEP_S", 2.0)
    path = tmp_path / "m.onnx"
    write_model(flood() if kind == "flood" else endless(has_card=kind == "endless"), path)
    words = "of memory" if kind == "flood" else "did not come to an end"
    for command in (["models", "import", str(path)], ["images", str(tmp_path), "--model", str(path)]):
        (tmp_path / "p.png").write_bytes(b"never read")
        assert main(command) == 1
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cgconv: ")]
        assert words in line
        assert str(path) in line
    assert not list((tmp_path / "models").glob("*"))
    assert not list((tmp_path / "cache").rglob("tried/*")), "it is no better the next time"


@pytest.mark.usefixtures("trials")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="memory is watched through /proc")
def test_a_network_that_judges_is_tried_as_translators_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--features` ran any network in the command's own process, where an endless one hung it."""
    monkeypatch.setattr(trial, "STEP_S", 2.0)
    path = tmp_path / "m.onnx"
    write_model(endless(has_card=False), path)
    with pytest.raises(ModelError, match="did not come to an end"):
        first_run(path, is_translator=False)
    write_model(model_of([helper.make_node("GlobalAveragePool", ["x"], ["y"])], [], has_card=False), path)
    first_run(path, is_translator=False)
    monkeypatch.setattr(trial, "_try", lambda *given: "it was tried anew")
    first_run(path, is_translator=False)
    with pytest.raises(ModelError, match="tried anew"):
        first_run(path)


def test_what_one_library_refuses_is_tried_by_the_other_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution without weights: ONNX Runtime said so, the trial ended well, and OpenVINO ended the process."""
    weights = constant("w", np.ones((3, 3, 1, 1)), np.float32)
    model = model_of([helper.make_node("Conv", ["x", "w"], ["y"])], [weights])
    del model.graph.node[0].input[1], model.graph.initializer[0]
    write_model(model, tmp_path / "m.onnx")
    opened: list[object] = []
    monkeypatch.setattr(trial_child, "open_graph", lambda graph, machine: opened.append(machine.backend) or Closing())
    trial_child.run(tmp_path / "m.onnx", lambda values: None)
    assert opened == ["openvino"]


class Closing:
    """Stands in for a backend."""

    def run(self, feeds: object) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.usefixtures("trials")
def test_a_good_model_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "good.onnx"
    write_model(small_resnet(), path)
    first_run(path)
    monkeypatch.setattr(trial, "_try", lambda *given: pytest.fail("it was tried before"))
    first_run(path)
    with open_translator(path, device="cpu") as translator:
        assert translator.translate(mirrored_picture((32, 32))[None]).std() > 0
    first_run(Path(trial.bundled_folder()) / "monet.onnx")


@pytest.mark.usefixtures("trials")
def test_a_model_that_ends_its_process_ends_only_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dying.py").write_text("import os\nos.abort()\n")
    monkeypatch.setattr(trial, "CHILD", "dying")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    write_model(small_resnet(), tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"ended the process \(signal 6\)"):
        first_run(tmp_path / "m.onnx")


@pytest.mark.usefixtures("trials")
def test_a_trial_can_be_stopped(tmp_path: Path) -> None:
    write_model(endless(has_card=True), tmp_path / "m.onnx")
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    with pytest.raises(Cancelled):
        first_run(tmp_path / "m.onnx", cancel)
    running = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in _bytes_of(path)]
    assert running == [], "the child is gone"


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # gone meanwhile
        return b""


# --- results that are none


def strange_model(kind: str) -> onnx.ModelProto:
    if kind == "constant":
        nodes = [helper.make_node("Mul", ["x", "none"], ["z"]), helper.make_node("Add", ["z", "half"], ["y"])]
        return model_of(nodes, [constant("none", [0.0], np.float32), constant("half", [0.5], np.float32)])
    if kind == "nan in places":  # the root of what is under a half
        nodes = [helper.make_node("Sub", ["x", "half"], ["z"]), helper.make_node("Sqrt", ["z"], ["y"])]
        return model_of(nodes, [constant("half", [0.5], np.float32)])
    nodes = [helper.make_node("Div", ["x", "none"], ["y"])]
    return model_of(nodes, [constant("none", [0.0], np.float32)])


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("kind", ["constant", "nan in places", "infinite"])
def test_results_that_are_no_pictures_are_failures_that_name_the_model(tmp_path: Path, kind: str, backend: str) -> None:
    """A black picture and exit code 0."""
    write_model(strange_model(kind), tmp_path / "m.onnx")
    picture = mirrored_picture((40, 56))[None]
    words = "one color" if kind == "constant" else "not finite"
    with open_translator(tmp_path / "m.onnx", backend=backend, device="cpu", precision="fp32") as translator:
        for batch in (picture, picture.astype(np.float32) / 255):
            with pytest.raises(ModelError, match=f"strange .*{words}"):
                translator.translate(batch)


def test_pictures_without_contrast_may_become_one_color(tmp_path: Path) -> None:
    write_model(strange_model("constant"), tmp_path / "m.onnx")
    night = np.random.default_rng(0).integers(0, 6, (1, 40, 56, 3), np.uint8)
    with open_translator(tmp_path / "m.onnx", device="cpu") as translator:
        assert np.ptp(translator.translate(night)) == 0


def test_films_and_pictures_of_such_a_model_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import av
    import cv2

    write_model(strange_model("nan in places"), tmp_path / "m.onnx")
    picture = mirrored_picture((48, 64))
    cv2.imwrite(str(tmp_path / "p.png"), picture)
    with av.open(str(tmp_path / "f.mkv"), "w") as film:
        stream = film.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for _ in range(3):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")))
        film.mux(stream.encode(None))
    for command, file in (("images", "p.png"), ("video", "f.mkv")):
        out = tmp_path / command
        assert main([command, str(tmp_path / file), "--model", str(tmp_path / "m.onnx"), "--out", str(out)]) == 1
        assert "not finite" in capsys.readouterr().err
        assert not [path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")]
