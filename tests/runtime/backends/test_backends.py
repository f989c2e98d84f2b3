"""Both backends compute the same; auto says why it chose, and an order that cannot be met is an error."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import platformdirs
import pytest
from small_models import GraphBuilder, card_for, decibels, identity_model, photo, small_resnet

from cgconv.runtime.backends import choose as backends
from cgconv.runtime.backends import onnxruntime_backend, openvino_backend, precision_check
from cgconv.runtime.backends.choose import open_backend, open_graph
from cgconv.runtime.backends.machine import Machine, Overlapping
from cgconv.runtime.backends.precision_check import check_bf16
from cgconv.runtime.backends.probe import natural_picture
from cgconv.runtime.choices import BackendName, PrecisionChoice
from cgconv.runtime.errors import MissingError, ModelError, UsageError
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED, Doors, specialize
from cgconv.runtime.models.card import ModelCard, read_card
from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.translate import translator
from cgconv.runtime.translate.translator import open_translator

BOTH = ["onnxruntime", "openvino"]
HAS_BF16 = openvino_backend.why_not("CPU") is None and "BF16" in openvino_backend.capabilities("CPU")
needs_bf16 = pytest.mark.skipif(not HAS_BF16, reason="this processor has no bf16 arithmetic")


def resnet() -> tuple[onnx.ModelProto, ModelCard]:
    model = small_resnet()
    card = read_card(model)
    assert card is not None
    return model, card


def translate(image: np.ndarray[Any, Any], **options: Any) -> np.ndarray[Any, Any]:
    opened = open_backend(*resnet(), **options)
    try:
        return opened.run({IMAGES: image})[TRANSLATED]
    finally:
        opened.close()


def test_fp32_means_fp32_on_both_backends() -> None:
    # OpenVINO computes float32 models in bf16 by itself on processors that have it
    image = photo((64, 96)).astype(np.float32) / 255
    results = [translate(image, backend=name, precision="fp32", doors=Doors.FLOAT32) for name in BOTH]
    assert decibels(*results, peak=1) > 80


FIRST_USES = """
import sys, threading
sys.setswitchinterval(1e-9)
from cgconv.runtime.backends import openvino_backend
import openvino
together = threading.Barrier(8)
def begin():
    together.wait()
    openvino_backend._core()
    openvino.Type.f32.to_dtype()
threads = [threading.Thread(target=begin) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def test_openvino_can_be_used_first_by_several_threads_at_once() -> None:
    # a window's preview and the sample of a model do; about every third such start never came to its end
    running = [subprocess.Popen([sys.executable, "-c", FIRST_USES]) for _ in range(4)]
    try:
        assert [one.wait(timeout=200) for one in running] == [0, 0, 0, 0]
    finally:
        for one in running:
            one.kill()


@pytest.mark.parametrize("name", BOTH)
def test_sizes_and_batches_may_change_from_call_to_call(name: str) -> None:
    opened = open_backend(*resnet(), backend=name, precision="fp32")
    first = opened.run({IMAGES: photo((32, 40))})[TRANSLATED]
    kept = first.copy()
    for height, width, batch in ((64, 32, 2), (8, 8, 1), (32, 40, 3), (16, 16, 1), (24, 16, 1), (40, 8, 1)):
        images = np.concatenate([photo((height, width), seed) for seed in range(batch)])
        assert opened.run({IMAGES: images})[TRANSLATED].shape == images.shape
    np.testing.assert_array_equal(opened.run({IMAGES: photo((32, 40))})[TRANSLATED], kept)
    np.testing.assert_array_equal(first, kept)  # an earlier result is not overwritten
    opened.close()


@pytest.mark.parametrize("name", BOTH)
def test_a_size_that_the_model_cannot_take_is_a_model_error(name: str) -> None:
    opened = open_backend(*resnet(), backend=name, precision="fp32")
    with pytest.raises(ModelError, match="picture of this size") as caught:
        opened.run({IMAGES: photo((2, 2))})  # smaller than the reflection at its first convolution
    assert "\n" not in str(caught.value)
    assert opened.run({IMAGES: photo((16, 16))})[TRANSLATED].shape == (1, 16, 16, 3)
    opened.close()


def test_a_backend_can_be_used_from_another_thread() -> None:
    opened = open_backend(*resnet(), precision="fp32")
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(opened.run({IMAGES: photo((16, 16))})))
    thread.start()
    thread.join()
    assert results[0][TRANSLATED].shape == (1, 16, 16, 3)


@pytest.mark.parametrize("name", BOTH)
def test_describe_says_what_really_runs(name: str) -> None:
    opened = open_backend(*resnet(), backend=name, precision="fp32", threads=1)
    running = opened.describe()
    assert (running.backend, running.device, running.precision) == (name, "cpu", "fp32")
    assert running.provider in ("CPU", "CPUExecutionProvider")
    opened.close()


def test_auto_takes_openvino_on_a_cpu_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "cuda_devices", lambda: 0)
    running = open_backend(*resnet()).describe()
    assert running.backend == "openvino"
    assert "no GPU found" in running.why
    assert "OpenVINO is the fastest on a CPU" in running.why


def test_auto_takes_onnxruntime_where_openvino_is_missing_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_backend, "why_not", lambda device: "it is not installed")
    running = open_backend(*resnet()).describe()
    assert running.backend == "onnxruntime"
    assert "OpenVINO cannot be used (it is not installed)" in running.why
    with pytest.raises(MissingError, match="it is not installed"):
        open_backend(*resnet(), backend="openvino")


def test_auto_goes_over_to_onnxruntime_for_a_model_that_openvino_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(graph: onnx.ModelProto, machine: Machine) -> None:
        raise ModelError("no such operator")

    monkeypatch.setattr(openvino_backend, "OpenvinoBackend", refuse)
    running = open_backend(*resnet(), precision="fp32").describe()
    assert running.backend == "onnxruntime"
    assert "openvino cannot compute this model (no such operator)" in running.why
    with pytest.raises(ModelError):
        open_backend(*resnet(), backend="openvino", precision="fp32")


@pytest.mark.skipif(backends.cuda_devices() > 0, reason="this machine has an NVIDIA GPU")
def test_a_gpu_that_was_asked_for_and_is_not_there_is_an_error_never_the_cpu() -> None:
    with pytest.raises(MissingError, match="device cuda: there is no NVIDIA driver") as caught:
        open_backend(*resnet(), device="cuda")
    assert caught.value.exit_code == 3


def test_a_session_that_fell_back_to_the_cpu_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # onnxruntime-gpu without CUDA lists CUDA, falls back silently, and only get_providers() tells
    monkeypatch.setattr(onnxruntime_backend, "cuda_devices", lambda: 1)
    library = onnxruntime_backend._library()
    if "CUDAExecutionProvider" not in library.get_available_providers():
        pytest.skip("this ONNX Runtime was built without CUDA")
    monkeypatch.setattr(library, "preload_dlls", lambda: None)
    if backends.cuda_devices() == 0:
        with pytest.raises(MissingError, match="fell back to the CPU"):
            open_backend(*resnet(), device="cuda")


@pytest.mark.parametrize("device", ["gpu:7", "directml", "coreml"])
def test_other_devices_that_are_not_there_are_missing(device: str) -> None:
    with pytest.raises(MissingError):
        open_backend(*resnet(), device=device)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "tensorflow"}, "--backend: found 'tensorflow', expected one of auto, onnxruntime, openvino"),
        ({"device": "tpu"}, "--device: found 'tpu'"),
        ({"device": "cuda:x"}, "--device: found 'cuda:x'"),
        ({"device": "cpu:1"}, "does not take a number"),
        ({"precision": "int4"}, "--precision: found 'int4'"),
        ({"device": "cuda", "precision": "int8"}, "works only on processors"),
        ({"backend": "tensorrt", "precision": "int8"}, "works only on processors"),
        ({"threads": 0}, "--threads: found 0"),
        ({"backend": "openvino", "device": "cuda"}, "does not support cuda"),
        ({"backend": "onnxruntime", "device": "gpu"}, "does not support gpu"),
        ({"backend": "onnxruntime", "precision": "bf16"}, "needs --backend openvino"),
        ({"backend": "openvino", "precision": "fp16"}, "fp32 or bf16"),
        ({"device": "cuda", "precision": "bf16"}, "use fp16"),
    ],
)
def test_options_that_do_not_fit_together_are_misuse(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_backend(*resnet(), **options)


def test_fp16_runs_on_a_cpu_where_asked_for() -> None:
    image = photo((48, 48))
    assert decibels(translate(image, precision="fp16"), translate(image, precision="fp32")) > 40
    assert open_backend(*resnet(), precision="fp16").describe().precision == "fp16"


def test_opening_writes_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    for name in BOTH:
        translate(photo((16, 16)), backend=name)
    opened = open_backend(*resnet(), backend="onnxruntime")
    with pytest.raises(ModelError):
        opened.run({IMAGES: photo((2, 2))})
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


# --- bf16


@needs_bf16
def test_bf16_is_taken_where_it_is_close_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    model, card = resnet()
    assert open_backend(model, card).describe().precision == "bf16"
    cache = Path(platformdirs.user_cache_dir("cgconv", appauthor=False)) / "bf16.json"
    remembered = json.loads(cache.read_text())
    assert any("OpenVINO" in key and value > 35 for key, value in remembered.items())

    def measured_again(*_: object) -> float:
        raise AssertionError("measured a second time")

    monkeypatch.setattr(precision_check, "_measure", measured_again)
    assert open_backend(model, card).describe().precision == "bf16"


@needs_bf16
def test_a_model_that_bf16_spoils_is_computed_in_fp32() -> None:
    # the difference of two large numbers: eight bits of mantissa leave steps of a tenth of the range
    net = GraphBuilder(seed=5)
    smooth = net.constant(np.eye(3).reshape(3, 3, 1, 1))
    far = net.node("Add", net.node("Conv", "input", smooth), net.constant(np.float32(60)))
    near = net.node("Add", net.node("Conv", far, smooth), net.constant(np.float32(-60)))
    model = net.model(near)
    card = card_for(model)
    running = open_backend(model, card, backend="openvino").describe()
    assert running.precision == "fp32"
    assert "too far" in running.why
    assert open_backend(model, card, precision="bf16").describe().precision == "bf16"  # an order is an order


@needs_bf16
def test_float_pictures_are_computed_in_fp32_unless_told_otherwise() -> None:
    assert open_backend(*resnet(), doors=Doors.FLOAT32).describe().precision == "fp32"
    assert open_backend(*resnet(), doors=Doors.FLOAT32, precision="bf16").describe().precision == "bf16"


def test_a_broken_memory_of_the_check_is_measured_again() -> None:
    model, card = resnet()
    machine = Machine(backend=BackendName.OPENVINO)
    decibels_first, _ = check_bf16(model, card, machine)
    file = precision_check._file()
    for content in ("{", "[]", '{"a": "b"}'):
        file.write_text(content)
        assert check_bf16(model, card, machine)[0] == pytest.approx(decibels_first, abs=0.01)


def test_a_model_without_convolutions_gains_nothing_from_bf16() -> None:
    model = identity_model()
    assert open_backend(model, card_for(model), backend="openvino").describe().precision == "fp32"


def test_the_made_up_picture_looks_like_a_photograph() -> None:
    picture = natural_picture((256, 256))
    np.testing.assert_array_equal(picture, natural_picture((256, 256)))
    assert picture.shape == (256, 256, 3)
    assert 60 < picture.mean() < 190
    assert 30 < picture.std() < 90
    neighbors = np.corrcoef(picture[:, 1:].ravel(), picture[:, :-1].ravel())[0, 1]
    assert 0.85 < neighbors < 0.999  # photographs: 0.9 to 0.99
    colors = np.corrcoef(picture[..., 0].ravel(), picture[..., 1].ravel())[0, 1]
    assert 0.5 < colors < 0.99


@pytest.mark.parametrize("name", BOTH)
def test_a_graph_with_several_inputs_and_outputs_is_fed_and_read_by_name(name: str) -> None:
    net = GraphBuilder()
    model = net.model(net.node("Sub", "input", "other", output="less"))
    model.graph.input.append(onnx.helper.make_tensor_value_info("other", onnx.TensorProto.FLOAT, ["n", 3, "h", "w"]))
    model.graph.node.append(onnx.helper.make_node("Add", ["input", "other"], ["more"]))
    model.graph.output.append(onnx.helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, ["n", 3, "h", "w"]))
    opened = open_graph(model, Machine(backend=BackendName(name), precision=PrecisionChoice.FP32))
    five, two = (np.full((1, 3, 4, 4), value, np.float32) for value in (5, 2))
    results = opened.run({"other": two, "input": five})
    assert results["less"].max() == 3
    assert results["more"].min() == 7
    opened.close()


def test_an_identity_is_exact_with_everything_on_auto() -> None:
    model = identity_model()
    image = photo((31, 17))
    opened = open_backend(model, card_for(model))
    np.testing.assert_array_equal(opened.run({IMAGES: image})[TRANSLATED], image)
    assert specialize(model, card_for(model)).graph.input[0].name == IMAGES


@pytest.mark.parametrize("threads", [1, 2])
def test_openvino_computes_batches_side_by_side_and_gives_each_its_own_result(threads: int) -> None:
    opened = open_backend(*resnet(), backend="openvino", precision="fp32", threads=threads)
    pictures = [photo((32, 40), seed) for seed in range(5)]
    try:
        exact = [opened.run({IMAGES: picture})[TRANSLATED] for picture in pictures]
        assert isinstance(opened, Overlapping)
        for _ in range(2):  # the requests of the first round serve the second
            waiting = [opened.start({IMAGES: picture}) for picture in pictures]  # more than are computed at once
            for fetch, wanted in zip(reversed(waiting), reversed(exact), strict=True):
                assert np.abs(fetch()[TRANSLATED].astype(int) - wanted).max() <= 1
        with pytest.raises(ModelError):
            opened.start({IMAGES: photo((32, 40))[..., :2]})()
    finally:
        opened.close()


def test_on_a_cpu_only_batches_that_surely_fit_are_computed_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "resnet.onnx"
    write_model(resnet()[0], path)
    monkeypatch.setattr(translator, "_ALWAYS_FITS_PIXELS", 2 * 32 * 32)
    begun = []
    start = openvino_backend.OpenvinoBackend.start
    monkeypatch.setattr(
        openvino_backend.OpenvinoBackend,
        "start",
        lambda self, feeds: begun.append(feeds[IMAGES].shape) or start(self, feeds),
    )
    with open_translator(path, backend="openvino", precision="fp32") as opened:
        assert opened.overlaps
        for batch in (photo((31, 31)), photo((32, 36)), np.concatenate([photo((32, 32))] * 2)):
            assert np.abs(opened.start(batch)().astype(int) - opened.translate(batch)).max() <= 1
    assert begun == [(1, 32, 32, 3)]
