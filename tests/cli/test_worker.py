"""What a window's worker does, asked without a window."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fake_nvidia import FakeGpu
from film_clips import make_film
from small_models import photo

from cgconv.cli.worker import convert, looks, models
from cgconv.cli.worker.task import Task
from cgconv.runtime import preview, requests
from cgconv.runtime.backends.engines.cache import EngineCache
from cgconv.runtime.errors import Cancelled
from cgconv.runtime.events import EngineBuilding, PreviewReady
from cgconv.runtime.films.reader import FilmReader
from cgconv.runtime.folders import cache_folder
from cgconv.runtime.lock import Lock
from cgconv.runtime.models.store import models_folder
from cgconv.runtime.pictures.job import translate_picture_file
from cgconv.runtime.translator import open_translator

pytestmark = pytest.mark.usefixtures("own_engines")


@pytest.fixture(autouse=True)
def nothing_open() -> None:
    convert._open.clear()


def task_of(request: requests.Request) -> Task:
    going = threading.Event()
    going.set()
    return Task(1, request, going)


def preview_of(model: Path, tmp_path: Path, **options: Any) -> requests.Preview:
    picture = tmp_path / "a.png"
    assert cv2.imwrite(str(picture), photo((24, 32))[0])
    return requests.Preview(picture, "picture", str(model), requests.ConvertOptions(**options))


def test_a_preview_does_not_build_an_engine_unasked(gpu: FakeGpu, model: Path, tmp_path: Path) -> None:
    said: list[object] = []
    looks.preview(task_of(preview_of(model, tmp_path)), said.append)
    assert isinstance(said[-1], PreviewReady)
    assert said[-1].translated is not None
    assert gpu.builds == []


def test_a_preview_by_tensorrt_tells_how_far_its_engine_is_and_can_be_stopped(
    gpu: FakeGpu, model: Path, tmp_path: Path
) -> None:
    gpu.step_s, gpu.steps = 0.01, 1000
    task = task_of(preview_of(model, tmp_path, backend="tensorrt"))
    said: list[object] = []

    def say(event: object) -> None:
        said.append(event)
        if isinstance(event, EngineBuilding):
            task.cancel.set()

    with pytest.raises(Cancelled):
        looks.preview(task, say)
    assert any(isinstance(event, EngineBuilding) for event in said)


def test_clearing_the_caches_leaves_what_a_building_process_holds() -> None:
    engines = EngineCache()
    engines._prepare_folder()
    (engines.folder / "old.engine").write_bytes(b"old")
    (cache_folder() / "thumbnails").mkdir(parents=True)
    lock = Lock(engines.folder / "new.lock")
    assert lock.take()
    try:
        models.clear_caches(task_of(requests.ClearCaches()), lambda event: None)
        assert [path.name for path in cache_folder().rglob("*")] == ["engines", "new.lock"]
    finally:
        lock.release()


def test_a_file_in_half_precision_is_stopped_between_two_pictures(model: Path) -> None:
    task = task_of(requests.HalveModel(str(model)))
    task.cancel.set()
    with pytest.raises(Cancelled):
        models.halve(task, lambda event: None)
    assert not list(models_folder().glob("small.fp16*"))


def test_a_film_that_ends_long_before_its_header_says_is_shown_after_a_few_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, reads = make_film(tmp_path / "a.mp4"), []
    frames = FilmReader.frames
    monkeypatch.setattr(FilmReader, "frames", lambda self, **given: reads.append(given) or frames(self, **given))
    shown = preview.frame_for_preview(film, 5 * 3600.0, short_side=None)
    assert shown.size_hw == preview.frame_for_preview(film, 0.0, short_side=None).size_hw
    assert len(reads) < 25


def test_the_preview_of_a_transparent_picture_looks_as_its_result_will(model: Path, tmp_path: Path) -> None:
    picture, result = tmp_path / "a.png", tmp_path / "b.png"
    alpha = np.linspace(0, 255, 32).astype(np.uint8)[None, :, None].repeat(24, axis=0)
    assert cv2.imwrite(str(picture), np.dstack([photo((24, 32))[0], alpha]))
    said: list[object] = []
    looks.preview(task_of(requests.Preview(picture, "picture", str(model), requests.ConvertOptions())), said.append)
    with open_translator(model) as translator:
        translate_picture_file(picture, result, translator)
    shown = said[-1]
    assert isinstance(shown, PreviewReady)
    assert shown.translated is not None
    after, before = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (shown.translated, shown.original))
    np.testing.assert_array_equal(after, cv2.imread(str(result), cv2.IMREAD_UNCHANGED))
    np.testing.assert_array_equal(before, cv2.imread(str(picture), cv2.IMREAD_UNCHANGED))


def test_keeping_the_colors_takes_the_translation_that_is_there(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[object] = []
    translated = preview.translated_for_preview
    monkeypatch.setattr(
        preview, "translated_for_preview", lambda *given, **how: computed.append(1) or translated(*given, **how)
    )
    asked, pictures = preview_of(model, tmp_path), []
    for keep_colors in (False, True, False):
        said: list[object] = []
        request = replace(asked, options=replace(asked.options, keep_colors=keep_colors))
        looks.preview(task_of(request), said.append)
        assert isinstance(said[-1], PreviewReady)
        pictures.append(cv2.imread(str(said[-1].translated)))
    assert (pictures[0] != pictures[1]).any()
    assert (pictures[0] == pictures[2]).all()
    assert len(computed) == 1
    os.utime(asked.path, (1e9, 1e9))
    looks.preview(task_of(asked), said.append)
    assert len(computed) == 2, "a file that was written again is computed again"


@pytest.mark.parametrize("kind", ["picture", "film"])
def test_a_result_is_shown_as_it_lies_on_the_disk(kind: str, model: Path, tmp_path: Path) -> None:
    if kind == "film":
        source, made = make_film(tmp_path / "a.mkv"), make_film(tmp_path / "b.mkv", size_wh=(48, 32))
    else:
        source, made = tmp_path / "a.png", tmp_path / "b.png"
        for path, size_hw in ((source, (24, 32)), (made, (32, 48))):
            assert cv2.imwrite(str(path), photo(size_hw)[0])
    said: list[object] = []
    request = requests.Preview(source, kind, str(model), requests.ConvertOptions(), result=made)
    looks.preview(task_of(request), said.append)
    shown = said[-1]
    assert isinstance(shown, PreviewReady)
    assert shown.note == "result"
    assert cv2.imread(str(shown.translated)).shape == (32, 48, 3)
    if kind == "picture":
        np.testing.assert_array_equal(cv2.imread(str(shown.translated)), cv2.imread(str(made)))


def test_what_two_lanes_import_is_there_before_the_first_request() -> None:
    """Two lanes met numpy by two of its parts at once: one got it half made, and its request failed."""
    code = (
        "import io, sys\n"
        "from cgconv.cli.worker.command import serve\n"
        "lines = (print('numpy' in sys.modules and 'onnx' in sys.modules) for _ in range(1))\n"
        "serve((line for line in lines if line), io.StringIO())\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "True\n"


def test_what_this_computer_has_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cgconv.runtime.backends.choose.cuda_devices", lambda: 2)
    said: list[Any] = []
    convert.find_devices(task_of(requests.FindDevices()), said.append)
    assert said[0].devices[:3] == ("cpu", "cuda", "cuda:1")
    assert "onnxruntime" in said[0].backends
    monkeypatch.setattr("cgconv.runtime.backends.choose.cuda_devices", lambda: 0)
    convert.find_devices(task_of(requests.FindDevices()), said.append)
    assert not {"cuda", "tensorrt"} & {*said[1].devices, *said[1].backends}
