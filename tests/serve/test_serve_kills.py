"""Kill a server and its workers at the worst moment, and see what is left of the jobs."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from film_clips import look_at, make_film
from serving import encoded, pixels, png, served
from small_models import photo


@pytest.mark.usefixtures("small")
def test_jobs_come_back_after_a_kill_of_worker_and_server(tmp_path: Path) -> None:
    """The worker dies of the first job once, server and worker of the second, each as a result gets its name."""
    folder, film = tmp_path / "kept", make_film(tmp_path / "a.mkv", frames=12)
    image = photo((24, 32))[0]
    with served(folder, deadly=tmp_path) as first:
        uploads = [
            first.upload("a.tiff", encoded(image, ".tiff")),
            first.upload("b.mkv", film.read_bytes()),
            first.upload("c.png", png(image)),
        ]
        jobs = [first.order(upload) for upload in uploads]
        with pytest.raises(httpx.TransportError):
            for _ in first.watch(jobs[1]):
                pass
        assert first.process.wait() == -9
    with served(folder, deadly=tmp_path) as second:
        assert [job["id"] for job in second.client.get("/api/jobs").json()["jobs"]] == [job["id"] for job in jobs]
        ended = [second.ended(job) for job in jobs]
        assert [job["state"] for job in ended] == ["done"] * 3
        for job in (ended[0], ended[2]):
            assert pixels(second.result(job)).shape == image.shape
        (tmp_path / "b.mkv").write_bytes(second.result(ended[1]))
    assert len(look_at(tmp_path / "b.mkv").times) == 12
    for job in ended:
        kept = sorted(path.name for path in (folder / "jobs" / job["id"]).rglob("*"))
        suffix = job["name"].rpartition(".")[2]
        assert kept == ["after.jpg", "job.json", "result", f"source.{suffix}"], "nothing half-written is left"
        assert json.loads((folder / "jobs" / job["id"] / "job.json").read_text(encoding="utf-8"))["state"] == "done"
    assert (tmp_path / "worker").is_dir(), "the worker was killed"
    assert (tmp_path / "server").is_dir(), "the server was killed"
