"""A batch on a Ray cluster of several nodes, some of which are killed with -9 in the middle of it."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from film_clips import make_film
from PIL import Image

from cgconv.cli.main import main
from cgconv.runtime.events import BatchFinished, Event, JobFailed, JobFinished, JobProgressed, WorkersChanged
from cgconv.runtime.films.job import FilmOptions
from cgconv.runtime.find import Kind
from cgconv.runtime.jobs import BatchOptions, Job, plan_jobs, run_jobs
from cgconv.runtime.translator import open_translator

pytestmark = [pytest.mark.more, pytest.mark.timeout(600)]
ray = pytest.importorskip("ray", reason="needs the extra ray")
PICTURES = 60


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:  # Any: a ray.cluster_utils.Cluster
    """A head that does no work itself, and two nodes of one core."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    monkeypatch.setenv("RAY_ADDRESS", started.address)
    started.add_node(num_cpus=1)
    started.add_node(num_cpus=1)
    try:
        yield started
    finally:
        ray.shutdown()
        started.shutdown()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(PICTURES):
        pixels = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


def kill(node: Any) -> None:  # Any: a node of Ray's
    """End a node as a power cut does: everything in it with -9, nothing said to anybody."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    for process in [*raylet.children(recursive=True), raylet]:
        process.kill()


def run_on_ray(jobs: list[Job], model: Path) -> Iterator[Event]:
    from cgconv.runtime.on_ray import Opening, connect, run_jobs_on_ray

    machine = {"backend": "onnxruntime", "device": "cpu", "precision": "fp32"}
    opening = Opening(model_name=model.name, model=model.read_bytes(), machine=machine)
    with connect():
        yield from run_jobs_on_ray(jobs, opening, threading.Event(), cores_per_worker=1)


def test_two_of_three_nodes_are_killed_and_every_picture_is_there_once_and_right(
    cluster: Any, photos: Path, tmp_path: Path, model: Path
) -> None:
    jobs = plan_jobs([photos], BatchOptions(kind=Kind.PICTURE, model_name="small"))
    victims = list(cluster.worker_nodes)
    finished: Counter[int] = Counter()
    lost = 0
    for event in run_on_ray(jobs, model):
        if isinstance(event, WorkersChanged):
            lost += event.message.startswith("lost a worker")
        if isinstance(event, JobFinished):
            finished[event.index] += 1
            if victims and sum(finished.values()) in (5, 20):
                if len(victims) == 1:
                    cluster.add_node(num_cpus=1)  # the third, which does what is left
                kill(victims.pop())
    assert isinstance(event, BatchFinished)
    assert (event.done, event.failed, event.cancelled) == (PICTURES, 0, False)
    assert lost >= 1, "a worker of at least one of the nodes had begun"
    assert finished == Counter(range(PICTURES)), "each is told once"

    alone = plan_jobs([photos], BatchOptions(kind=Kind.PICTURE, model_name="small", out=tmp_path / "alone"))
    with open_translator(model, backend="onnxruntime", device="cpu", precision="fp32", threads=1) as translator:
        assert not [event for event in run_jobs(alone, translator, threading.Event()) if isinstance(event, JobFailed)]
    for job, other in zip(jobs, alone, strict=True):
        assert job.output.read_bytes() == other.output.read_bytes(), job.output


def test_a_film_goes_on_elsewhere_when_its_node_is_killed(cluster: Any, tmp_path: Path, model: Path) -> None:
    source = make_film(tmp_path / "clip.mp4", frames=120)
    options = BatchOptions(kind=Kind.FILM, model_name="small", film=FilmOptions())
    jobs = plan_jobs([source], options)
    nodes = list(cluster.worker_nodes)
    killed = False
    for event in run_on_ray(jobs, model):
        if isinstance(event, JobProgressed) and not killed:
            killed = True
            busy = [node for node in nodes if is_at_work(node, jobs[0].output)]
            for node in busy or nodes[:1]:
                kill(node)
    assert isinstance(event, BatchFinished)
    assert (event.done, event.failed) == (1, 0)
    assert killed
    import av

    with av.open(jobs[0].output) as film:
        assert sum(1 for _ in film.decode(video=0)) == 120


def is_at_work(node: Any, output: Path) -> bool:  # Any: a node of Ray's
    """Say whether a process of this node has a file open beside the film that is being made."""
    for process in psutil.Process(node.all_processes["raylet"][0].process.pid).children(recursive=True):
        try:
            if any(Path(file.path).parent.parent == output.parent for file in process.open_files()):
                return True
        except psutil.Error:
            continue
    return False


def test_the_command_says_what_failed_and_skips_what_is_done(
    cluster: Any, photos: Path, tmp_path: Path, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in sorted(photos.iterdir())[6:]:
        path.unlink()
    (photos / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    report = tmp_path / "r.json"
    options = ["--model", str(model), "--precision", "fp32", "--on", "ray", "--report", str(report), "--json"]
    assert main(["images", str(photos), *options]) == 1
    told = json.loads(report.read_text(encoding="utf-8"))
    assert {job["state"] for job in told["jobs"] if not job["input"].endswith("bad.png")} == {"done"}
    assert told["totals"]["done"] == 6
    kinds = [json.loads(line)["event"] for line in capfd.readouterr().out.splitlines()]
    assert {"BackendOpened", "WorkersChanged", "JobFailed"} <= set(kinds)
    assert kinds[0] == "BatchPlanned"
    assert kinds[-1] == "BatchFinished"
    (photos / "bad.png").unlink()
    assert main(["images", str(photos), *options]) == 0
    assert json.loads(report.read_text(encoding="utf-8"))["totals"]["skipped"] == 6
    assert not list((tmp_path / "photos-small").glob(".cgconv*"))
