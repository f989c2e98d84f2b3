"""TensorRT's backend, from open_translator down, on a GPU that is not there (see fake_nvidia.py)."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_nvidia import FakeGpu, installed
from places import TESTS
from small_models import decibels, identity_model, photo, with_card

from cgconv.runtime.backends.engines.cache import EngineCache
from cgconv.runtime.errors import Cancelled, MissingError, ModelError, ResourceError, UsageError
from cgconv.runtime.events import EngineBuilding, EngineBuilt
from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.translator import Translator, open_translator

SIZE = (40, 56)

pytestmark = pytest.mark.usefixtures("own_engines")


@pytest.fixture(scope="module")
def truth(model: Path) -> Iterator[Translator]:
    with open_translator(model, backend="onnxruntime", device="cpu", precision="fp32") as translator:
        yield translator


def pictures(count: int, size_hw: tuple[int, int] = SIZE) -> list[np.ndarray[Any, Any]]:
    return [photo(size_hw, seed) for seed in range(count)]


def one_after_the_other(translator: Translator, images: list[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    """Translate as the film job does: the next batch is on its way before the last one's result is asked for."""
    waiting: list[Callable[[], np.ndarray[Any, Any]]] = []
    results = []
    for image in images:
        waiting.append(translator.start(image))
        if len(waiting) > 1:
            results.append(waiting.pop(0)())
    return results + [fetch() for fetch in waiting]


# --- running


def test_pictures_come_out_as_from_the_onnx_model(gpu: FakeGpu, model: Path, truth: Translator) -> None:
    with open_translator(model, backend="tensorrt") as translator:
        assert translator.describe().backend == "tensorrt"
        assert translator.describe().precision == "fp16"
        for image in (*pictures(2), np.concatenate(pictures(3)), photo((41, 55)), photo((1, 1))):
            translated = translator.translate(image)
            assert translated.shape == image.shape
            assert translated.dtype == np.uint8
            assert decibels(translated, truth.translate(image)) > 45
    assert gpu.builds[0]["has_halves"]


def test_closing_gives_everything_back(gpu: FakeGpu, model: Path) -> None:
    with open_translator(model, backend="tensorrt") as translator:
        one_after_the_other(translator, pictures(20))
        translator.translate(photo((24, 24)))
        pending = translator.start(photo((24, 24)))
        assert gpu.open_resources > 0
    assert (gpu.open_resources, gpu.used_bytes(), len(gpu.pinned)) == (0, 0, 0)
    assert pending().shape == (1, 24, 24, 3)  # what was on its way was fetched


@pytest.mark.parametrize("seed", range(6))
def test_no_order_of_the_gpus_work_mixes_pictures_up(seed: int, model: Path, truth: Translator) -> None:
    images = pictures(12)
    with installed(FakeGpu(seed=seed)), open_translator(model, backend="tensorrt", precision="fp32") as translator:
        for image, translated in zip(images, one_after_the_other(translator, images), strict=True):
            assert decibels(translated, truth.translate(image)) > 50


def test_upload_computation_and_download_of_neighbors_overlap(gpu: FakeGpu, model: Path) -> None:
    gpu.upload_s, gpu.compute_s, gpu.download_s, gpu.graph_gain = 3e-3, 4e-3, 3e-3, 1.0
    with open_translator(model, backend="tensorrt") as translator:
        translator.translate(photo(SIZE))
        gpu.done.clear()
        began = gpu.now
        one_after_the_other(translator, pictures(20))
        overlapped_s = gpu.now - began
        began = gpu.now
        for image in pictures(20):
            translator.translate(image)
        in_turn_s = gpu.now - began
    assert in_turn_s == pytest.approx(20 * 10e-3, rel=0.05)
    assert overlapped_s < 20 * 5.3e-3  # two batches at once: half the time of one after the other
    assert gpu.overlap_s("compute", "upload") > 0.6 * 20 * 3e-3
    assert gpu.overlap_s("compute", "download") > 0.6 * 20 * 3e-3


def test_results_may_be_asked_for_late_and_in_any_order(gpu: FakeGpu, model: Path, truth: Translator) -> None:
    images = [*pictures(4), photo((24, 24))]
    with open_translator(model, backend="tensorrt") as translator:
        fetches = [translator.start(image) for image in images]
        for index in (3, 0, 4, 1, 2, 0):
            assert decibels(fetches[index](), truth.translate(images[index])) > 45
        first = fetches[0]()
        kept = first.copy()
        one_after_the_other(translator, pictures(4, (24, 24)))
        np.testing.assert_array_equal(first, kept)  # the caller's to keep


def test_a_film_is_translated_with_the_next_frame_on_its_way(gpu: FakeGpu, model: Path, tmp_path: Path) -> None:
    from cgconv.runtime.films.job import FilmOptions, translate_film

    clip = tmp_path / "in.mkv"
    make_film(clip, 8)
    with open_translator(model, backend="tensorrt") as translator:
        events = list(translate_film(clip, tmp_path / "out.mkv", translator, FilmOptions(), cancel=threading.Event()))
        assert (tmp_path / "out.mkv").stat().st_size > 0
        assert events[-1].frames_done == 8
    assert gpu.overlap_s("compute", "upload") > 0


def make_film(path: Path, frames: int) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(photo((48, 64), index)[0], format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_sixteen_bit_pictures_get_an_engine_in_float32(gpu: FakeGpu, model: Path, truth: Translator) -> None:
    image = photo(SIZE).astype(np.float32) / 255
    with open_translator(model, backend="tensorrt") as translator:
        translated = translator.translate(image)
        assert translated.dtype == np.float32
        assert decibels(translated, truth.translate(image), peak=1) > 80
    assert [build["has_halves"] for build in gpu.builds] == [False]


def test_fp32_means_fp32(gpu: FakeGpu, model: Path) -> None:
    # TensorFloat-32 is on by default and rounds to 10 bits: fp16 by another name
    for precision, halves, tf32 in (("fp32", False, False), ("fp16", True, True)):
        with open_translator(model, backend="tensorrt", precision=precision) as translator:
            translator.translate(photo(SIZE))
        assert (gpu.builds[-1]["has_halves"], gpu.builds[-1]["tf32"]) == (halves, tf32)


def test_another_thread_may_translate(gpu: FakeGpu, model: Path) -> None:
    with open_translator(model, backend="tensorrt") as translator:
        translator.translate(photo(SIZE))
        results: list[Any] = []
        fetch = translator.start(photo(SIZE, 3))
        thread = threading.Thread(target=lambda: results.extend([fetch(), translator.translate(photo(SIZE, 4))]))
        thread.start()
        thread.join()
        assert len(results) == 2


# --- CUDA graphs


def test_cuda_graphs_are_used_where_they_measure_faster(gpu: FakeGpu, model: Path, truth: Translator) -> None:
    images = pictures(40)
    with open_translator(model, backend="tensorrt") as translator:
        for image, translated in zip(images, one_after_the_other(translator, images), strict=True):
            assert decibels(translated, truth.translate(image)) > 45
        assert gpu.graph_launches > 20
        before = gpu.graph_launches
        one_after_the_other(translator, pictures(10))
        assert gpu.graph_launches == before + 10


@pytest.mark.parametrize("gain", [1.0, 1.3])
def test_cuda_graphs_are_given_up_where_they_are_not_faster(gain: float, gpu: FakeGpu, model: Path) -> None:
    gpu.graph_gain = gain
    with open_translator(model, backend="tensorrt") as translator:
        one_after_the_other(translator, pictures(30))
        tried = gpu.graph_launches
        assert 1 <= tried <= 10
        one_after_the_other(translator, pictures(10))
        assert gpu.graph_launches == tried


def test_an_engine_that_cannot_be_recorded_runs_without_graphs(gpu: FakeGpu, model: Path, truth: Translator) -> None:
    gpu.can_capture = False
    images = pictures(20)
    with open_translator(model, backend="tensorrt") as translator:
        for image, translated in zip(images, one_after_the_other(translator, images), strict=True):
            assert decibels(translated, truth.translate(image)) > 45
    assert gpu.graph_launches == 0


def test_graphs_of_one_size_are_not_launched_for_another(gpu: FakeGpu, model: Path, truth: Translator) -> None:
    with open_translator(model, backend="tensorrt") as translator:
        batches = [np.concatenate(pictures(3)), photo(SIZE)]  # two shapes of one engine
        for _ in range(2):
            for batch in batches:
                results = one_after_the_other(translator, [batch] * 20)
                assert all(decibels(result, truth.translate(batch)) > 45 for result in results)


# --- building and keeping engines


def test_an_engine_is_built_once_and_found_by_the_next_process(gpu: FakeGpu, model: Path) -> None:
    for _ in range(3):
        with open_translator(model, backend="tensorrt") as translator:
            translator.translate(photo(SIZE))
            translator.translate(photo(SIZE, 1))
    assert len(gpu.builds) == 1
    (entry,) = EngineCache().engines()
    assert (entry.model, entry.size, entry.level) == ("small", "56×40", 3)
    assert entry.decibels > 45


def change_version(gpu: FakeGpu) -> None:
    gpu.version = "11.4.0.107"


def change_driver(gpu: FakeGpu) -> None:
    gpu.driver = 13010


def change_gpu(gpu: FakeGpu) -> None:
    gpu.name = b"Fake 9001"


@pytest.mark.parametrize("change", [change_version, change_driver, change_gpu])
def test_another_tensorrt_driver_or_gpu_means_another_engine(change: Callable[[FakeGpu], None], model: Path) -> None:
    old, same, new = FakeGpu(), FakeGpu(), FakeGpu()
    change(new)
    for gpu, builds in ((old, 1), (same, 0), (new, 1)):
        with installed(gpu), open_translator(model, backend="tensorrt") as translator:
            translator.translate(photo(SIZE))
        assert len(gpu.builds) == builds
    assert len(new.deserialized) == 1  # its own; the others' was not even looked at


def test_a_changed_engine_is_built_again_and_never_given_to_tensorrt(gpu: FakeGpu, model: Path) -> None:
    with open_translator(model, backend="tensorrt") as translator:
        translator.translate(photo(SIZE))
    (entry,) = EngineCache().engines()
    evil = entry.path.read_bytes()[:-1] + b"!"
    entry.path.write_bytes(evil)
    gpu.deserialized.clear()
    with open_translator(model, backend="tensorrt") as translator:
        translator.translate(photo(SIZE))
    assert len(gpu.builds) == 2
    assert evil not in gpu.deserialized


def test_the_second_build_is_given_the_timings_of_the_first(gpu: FakeGpu, model: Path) -> None:
    with open_translator(model, backend="tensorrt") as translator:
        translator.translate(photo(SIZE))
        translator.translate(photo((24, 24)))
    assert [build["timings"] for build in gpu.builds] == [False, True]


def test_one_film_size_gets_an_engine_of_its_own_and_a_folder_one_for_all(gpu: FakeGpu, model: Path) -> None:
    sizes = [(24, 24), (24, 32), (40, 24), (32, 32), (48, 24), (24, 48)]
    with open_translator(model, backend="tensorrt") as translator:
        for size in sizes:
            assert translator.translate(photo(size)).shape == (1, *size, 3)
        assert len(gpu.builds) == 3
    with open_translator(model, backend="tensorrt") as translator:
        for size in sizes:
            translator.translate(photo(size))
    assert len(gpu.builds) == 3


def test_a_batch_of_any_number_up_to_the_largest_runs_on_one_engine(gpu: FakeGpu, model: Path) -> None:
    with open_translator(model, backend="tensorrt") as translator:
        for count in (4, 1, 3, 4):
            assert len(translator.translate(np.concatenate(pictures(count)))) == count
    assert len(gpu.builds) == 1
    assert len(gpu.builds[0]["profiles"]) == 2


def test_only_a_few_engines_are_open_at_once(gpu: FakeGpu, model: Path) -> None:
    from cgconv.runtime.backends.engines import backend as tensorrt_backend

    with open_translator(model, backend="tensorrt") as translator:
        for size in ((24, 24), (24, 32), (40, 24), (600, 24), (1100, 8)):
            translator.translate(photo(size))
        assert len(translator._backend(next(iter(translator._backends)))._runners) == tensorrt_backend._OPEN_ENGINES
        assert translator.translate(photo((24, 24))).shape == (1, 24, 24, 3)


def test_progress_is_told_with_phases_and_steps(gpu: FakeGpu, model: Path) -> None:
    gpu.step_s, gpu.steps = 0.12, 6
    events: list[EngineBuilding | EngineBuilt] = []
    threads = set()

    def hear(event: EngineBuilding | EngineBuilt) -> None:
        events.append(event)
        threads.add(threading.current_thread())

    with open_translator(model, backend="tensorrt", report=hear) as translator:
        translator.translate(photo(SIZE))
        translator.translate(photo(SIZE))
    phases = [event.phase for event in events if isinstance(event, EngineBuilding)]
    assert "Tactic selection" in phases
    assert phases[-1] == "comparing it with the ONNX model"
    steps = [(event.step, event.steps) for event in events if getattr(event, "phase", "") == "Tactic selection"]
    assert all(0 <= step <= of == 6 for step, of in steps)
    assert steps == sorted(steps)
    assert [event.seconds for event in events] == sorted(event.seconds for event in events)
    built = [event for event in events if isinstance(event, EngineBuilt)]
    assert [(event.model, event.size) for event in built] == [("small", "56×40")]
    assert built[0].decibels > 45
    assert events[-1] is built[0]
    assert threads == {threading.current_thread()}


def test_a_build_can_be_cancelled(gpu: FakeGpu, model: Path) -> None:
    gpu.step_s, gpu.steps = 0.05, 10**6  # which nobody waits for
    cancel = threading.Event()
    with open_translator(model, backend="tensorrt", cancel=cancel) as translator:
        translator.report = lambda event: cancel.set() if getattr(event, "step", 0) > 1 else None
        with pytest.raises(Cancelled, match="while an engine was being built"):
            translator.translate(photo(SIZE))
        assert not list(EngineCache().folder.glob("*.lock"))
        assert EngineCache().engines() == []
        translator.cancel, gpu.step_s, gpu.steps = threading.Event(), 0.0, 6
        assert translator.translate(photo(SIZE)).shape == (1, *SIZE, 3)
    assert len(gpu.builds) == 1


def test_an_interruption_stops_the_build_before_it_passes(gpu: FakeGpu, model: Path) -> None:
    gpu.step_s, gpu.steps = 0.05, 10**6

    def interrupt(event: object) -> None:
        if getattr(event, "step", 0) > 1:
            raise KeyboardInterrupt

    before = threading.active_count()
    with open_translator(model, backend="tensorrt", report=interrupt) as translator, pytest.raises(KeyboardInterrupt):
        translator.translate(photo(SIZE))
    assert threading.active_count() == before


def test_jobs_report_the_build_and_stop_with_it(gpu: FakeGpu, model: Path, tmp_path: Path) -> None:
    from cgconv.runtime.find import Kind
    from cgconv.runtime.jobs import BatchOptions, plan_jobs, run_jobs

    clip = tmp_path / "in.mkv"
    make_film(clip, 3)
    gpu.step_s, gpu.steps = 0.05, 10**6
    cancel = threading.Event()
    jobs = plan_jobs([str(clip)], BatchOptions(kind=Kind.FILM, model_name="small", out=tmp_path / "out"))
    with open_translator(model, backend="tensorrt", report=lambda event: cancel.set(), cancel=cancel) as translator:
        last = list(run_jobs(jobs, translator, cancel))[-1]
    assert last.cancelled
    assert (last.done, last.failed) == (0, 0)


# --- refusing


def test_an_engine_that_is_off_is_refused_and_the_refusal_remembered(gpu: FakeGpu, model: Path) -> None:
    gpu.error = 8.0
    for _ in range(2):
        with (
            open_translator(model, backend="tensorrt", precision="fp16") as translator,
            pytest.raises(ModelError, match=r"engine for 56×40 is only 3\d\.\d dB from the ONNX model, 38 are wanted"),
        ):
            translator.translate(photo(SIZE))
    assert len(gpu.builds) == 1
    (entry,) = EngineCache().engines()
    assert entry.engine_bytes == 0
    assert entry.decibels < 38


def test_where_halves_are_off_auto_takes_fp32_and_says_so(
    gpu: FakeGpu, model: Path, truth: Translator, caplog: pytest.LogCaptureFixture
) -> None:
    gpu.half_error = 20.0
    logging.getLogger("cgconv").propagate = True
    with open_translator(model, backend="tensorrt") as translator:
        assert decibels(translator.translate(photo(SIZE)), truth.translate(photo(SIZE))) > 55
        running = translator.describe()
    assert running.precision == "fp32"
    assert "tensorrt in fp16 cannot compute this model" in running.why
    assert "dB from the ONNX model" in caplog.text
    assert [build["has_halves"] for build in gpu.builds] == [True, False]
    with open_translator(model, backend="tensorrt") as translator:
        translator.translate(photo(SIZE))
    assert len(gpu.builds) == 2


def test_an_engine_that_is_right_on_flat_frames_only_is_still_refused(gpu: FakeGpu, model: Path) -> None:
    # a film begins in black; on black, an engine that has lost all detail is perfect
    gpu.detail_error = 12.0
    flat = np.full((1, *SIZE, 3), 16, np.uint8)
    with (
        open_translator(model, backend="tensorrt", precision="fp16") as translator,
        pytest.raises(ModelError, match="dB from the ONNX model"),
    ):
        translator.translate(flat)


def test_an_engine_that_is_right_for_single_images_only_is_still_refused(gpu: FakeGpu, model: Path) -> None:
    # each optimization profile has kernels of its own
    gpu.batch_error = 12.0
    with open_translator(model, backend="tensorrt", precision="fp16") as translator:
        translator.translate(photo(SIZE))
        with pytest.raises(ModelError, match="batch 1–3 is only"):
            translator.translate(np.concatenate(pictures(3)))


def test_a_model_that_tensorrt_cannot_take_is_named_node_by_node(gpu: FakeGpu, model: Path) -> None:
    gpu.unsupported = frozenset({"Tanh", "Resize"})
    with (
        open_translator(model, backend="tensorrt", precision="fp32") as translator,
        pytest.raises(ModelError) as caught,
    ):
        translator.translate(photo(SIZE))
    text = str(caught.value)
    assert "TensorRT cannot take this model: node Resize_" in text
    assert "(Resize): In node 0: no importer registered for Resize" in text
    assert "\n" not in text


def test_auto_goes_over_to_onnxruntime_for_a_model_that_tensorrt_cannot_take(
    gpu: FakeGpu, model: Path, truth: Translator
) -> None:
    gpu.unsupported = frozenset({"Tanh"})
    with open_translator(model) as translator:
        assert translator.describe().backend == "tensorrt"
        assert decibels(translator.translate(photo(SIZE)), truth.translate(photo(SIZE))) > 55
        running = translator.describe()
    assert running.backend == "onnxruntime"
    assert "tensorrt cannot compute this model (TensorRT cannot take this model: node" in running.why


def test_a_build_that_runs_out_of_memory_says_so(gpu: FakeGpu, model: Path) -> None:
    gpu.build_fails = "Error Code 2: OutOfMemory (Requested size was 5000000000 bytes.)"
    with (
        open_translator(model, backend="tensorrt", precision="fp32") as translator,
        pytest.raises(ResourceError, match="GPU's memory ran out"),
    ):
        translator._backend(next(iter(translator._backends))).run({"images": photo(SIZE)})


def test_a_build_that_fails_gives_tensorrts_own_words(gpu: FakeGpu, model: Path) -> None:
    gpu.build_fails = "Error Code 10: Could not find any implementation for node {Conv_1}."
    with (
        open_translator(model, backend="tensorrt", precision="fp32") as translator,
        pytest.raises(ModelError, match="Could not find any implementation for node"),
    ):
        translator.translate(photo(SIZE))


def test_batches_that_do_not_fit_the_gpus_memory_are_halved(gpu: FakeGpu, model: Path, truth: Translator) -> None:
    batch = np.concatenate(pictures(8))
    with open_translator(model, backend="tensorrt") as translator:
        translator.translate(photo(SIZE))
        gpu.memory_bytes = gpu.used_bytes() + 900_000
        assert decibels(translator.translate(batch), truth.translate(batch)) > 45


def test_pictures_in_parts_are_computed_by_onnxruntime(gpu: FakeGpu, model: Path, truth: Translator) -> None:
    image = photo((96, 128))
    with open_translator(model, backend="tensorrt", max_tile_pixels=6000) as translator:
        assert decibels(translator.translate(image), truth.translate(image)) > 55
        assert decibels(translator.start(image)(), truth.translate(image)) > 55
    assert gpu.builds == []


def test_a_cache_that_cannot_be_written_costs_only_time(
    gpu: FakeGpu, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("cgconv").propagate = True
    (tmp_path / "cache").write_text("a file where the folder should be")
    with open_translator(model, backend="tensorrt") as translator:
        assert translator.translate(photo(SIZE)).shape == (1, *SIZE, 3)
    assert "engines cannot be kept" in caplog.text


# --- choosing


def test_auto_takes_tensorrt_on_a_gpu_and_says_what_to_expect(gpu: FakeGpu, model: Path) -> None:
    with open_translator(model) as translator:
        running = translator.describe()
    assert (running.backend, running.device, running.precision) == ("tensorrt", "cuda", "fp16")
    assert "Fake 9000, sm_90" in running.provider
    assert "the first use of a picture size takes a minute or more" in running.why
    with open_translator(model, device="cuda:0") as translator:
        assert translator.describe().backend == "tensorrt"
    for options in ({"device": "cpu"}, {"backend": "openvino"}, {"backend": "onnxruntime", "device": "cpu"}):
        with open_translator(model, **options) as translator:
            assert translator.describe().backend != "tensorrt"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": "cpu"}, "--backend tensorrt does not support cpu; choose cuda"),
        ({"device": "directml"}, "--backend tensorrt does not support directml"),
        ({"precision": "bf16"}, "fp16 or fp32, not bf16"),
    ],
)
def test_options_that_do_not_go_with_tensorrt_are_misuse(model: Path, options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_translator(model, backend="tensorrt", **options)


def test_a_gpu_number_that_is_not_there_is_missing(gpu: FakeGpu, model: Path) -> None:
    with pytest.raises(MissingError, match="cuda:3: this machine has 1 NVIDIA GPU"):
        open_translator(model, backend="tensorrt", device="cuda:3")


def test_without_a_gpu_or_tensorrt_one_sentence_says_what_to_install(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cgconv.runtime.backends.engines import backend as tensorrt_backend

    monkeypatch.setattr(tensorrt_backend, "cuda_devices", lambda: 0)
    with pytest.raises(MissingError, match=r"needs an NVIDIA GPU .* and pip install 'cgconv\[tensorrt\]'") as caught:
        open_translator(model, backend="tensorrt")
    assert caught.value.exit_code == 3
    monkeypatch.setattr(tensorrt_backend, "cuda_devices", lambda: 1)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingError, match=r"TensorRT is not installed: pip install 'cgconv\[tensorrt\]'"):
        open_translator(model, backend="tensorrt")


def test_an_old_tensorrt_is_refused(model: Path) -> None:
    with (
        installed(FakeGpu(version="10.13.0.35")),
        pytest.raises(MissingError, match=r"10\.13\.0\.35 is too old, 11 is needed"),
    ):
        open_translator(model, backend="tensorrt")


def test_a_model_of_fixed_size_and_batch_runs(gpu: FakeGpu, tmp_path: Path) -> None:
    path = tmp_path / "fixed.onnx"
    write_model(with_card(identity_model([1, 3, 32, 48]), fixed_size_hw=(32, 48)), path)
    with open_translator(path, backend="tensorrt") as translator:
        batch = np.concatenate(pictures(3, (30, 40)))
        np.testing.assert_array_equal(translator.translate(batch), batch)
        np.testing.assert_array_equal(translator.start(batch)(), batch)


# --- several processes

CHILD = """
import sys
sys.path.insert(0, sys.argv[2])
from fake_nvidia import FakeGpu, installed
from small_models import photo
from cgconv.runtime.translator import open_translator
with installed(FakeGpu(step_s=0.4, steps=4)), open_translator(sys.argv[1], backend="tensorrt") as translator:
    print("ready", flush=True)
    sys.stdin.readline()
    waited = []
    translator.report = lambda event: waited.append(event) if "another process" in getattr(event, "phase", "") else None
    print(translator.translate(photo((40, 56))).shape, "waited" if waited else "built", flush=True)
"""


def test_two_processes_that_want_one_engine_build_it_once(model: Path, tmp_path: Path) -> None:
    log = tmp_path / "builds"
    command = [sys.executable, "-c", CHILD, str(model), str(TESTS)]
    children = [
        subprocess.Popen(
            command,
            env={**os.environ, "FAKE_NVIDIA_BUILDS": str(log)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    said = sorted(child.communicate(timeout=200)[0].split()[-1] for child in children)
    assert said == ["built", "waited"]
    assert len(log.read_text().splitlines()) == 1
