"""Start `cgconv serve` as a process of its own, and ask it as a program does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np

BYTES = {"Content-Type": "application/octet-stream"}

# Where a test is to see somebody die, files of these kinds do it: a .bmp kills its worker when it is read, the others
# when the whole result is about to get its name: a .webp each time, a .tiff once, an .mkv once, the server first.
# While there is a folder `hold`, no job begins to write.
DEADLY_FILES = """
import os, signal, sys, time

def once(name):
    try:
        os.mkdir(os.path.join(os.environ["DEADLY"], name))
        return True
    except FileExistsError:
        return False

def hear(event, given):
    if event == "open" and str(given[0]).endswith("source.bmp"):
        os.kill(os.getpid(), signal.SIGKILL)
    if event == "os.mkdir" and os.path.basename(given[0]) == "result":
        while os.path.isdir(os.path.join(os.environ["DEADLY"], "hold")):
            time.sleep(0.01)
    if event != "os.rename" or os.path.basename(os.path.dirname(given[1])) != "result":
        return
    suffix = os.path.splitext(given[1])[1]
    if suffix == ".mkv" and once("server"):
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    if suffix == ".webp" or (suffix == ".tiff" and once("worker")):
        os.kill(os.getpid(), signal.SIGKILL)

if sys.orig_argv[-1:] == ["worker"]:
    sys.addaudithook(hear)
"""


@dataclass
class Served:
    """A server that runs, and a client that asks it."""

    process: subprocess.Popen[str]
    url: str
    client: httpx.Client
    folder: Path
    token: str = ""

    def upload(self, name: str, data: bytes) -> dict[str, Any]:
        answer = self.client.post("/api/uploads", params={"name": name}, content=data, headers=BYTES)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def order(self, upload: dict[str, Any], model: str = "small", **options: Any) -> dict[str, Any]:
        wanted = {"upload": upload["id"], "model": model, "options": options}
        answer = self.client.post("/api/jobs", json=wanted)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def watch(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield what is told of a job until it has ended."""
        with self.client.stream("GET", f"/api/jobs/{job['id']}/events") as answer:
            yield from (values for name, values in events_of(answer) if name == "job")

    def ended(self, job: dict[str, Any]) -> dict[str, Any]:
        *_, last = self.watch(job)
        return last

    def result(self, job: dict[str, Any]) -> bytes:
        answer = self.client.get(f"/api/jobs/{job['id']}/result")
        assert answer.status_code == 200, answer.text
        return answer.content


def events_of(answer: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names and values of server-sent events."""
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


@contextmanager
def served(folder: Path, *options: str, deadly: Path | None = None) -> Iterator[Served]:
    """Run a server on a free port; with `deadly`, a folder to write into, some files kill its workers."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if deadly is not None:
        (deadly / "sitecustomize.py").write_text(DEADLY_FILES, encoding="utf-8")
        environment |= {"PYTHONPATH": str(deadly), "DEADLY": str(deadly)}
    process = subprocess.Popen(
        [sys.executable, "-m", "cgconv.cli", "serve", "--port", "0", "--folder", str(folder), *options],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    try:
        address, _, token = process.stdout.readline().strip().partition("#token=")
        assert address, "the server has not started"
        url = f"http://127.0.0.1:{address.rstrip('/').rpartition(':')[2]}/"
        with httpx.Client(base_url=url, timeout=None, trust_env=False) as client:
            yield Served(process, url, client, folder, token)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def png(image: np.ndarray[Any, Any]) -> bytes:
    """Return an RGB image as a PNG file."""
    return encoded(image, ".png")


def encoded(image: np.ndarray[Any, Any], suffix: str) -> bytes:
    """Return an RGB image as a file of some kind."""
    done, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    assert done
    return data.tobytes()


def pixels(data: bytes) -> np.ndarray[Any, Any]:
    """Return a picture file's RGB image."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
