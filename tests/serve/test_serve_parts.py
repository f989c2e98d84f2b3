"""The parts of a server by themselves: what is kept and for how long, who hears what, who is let in, languages."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request

from cgconv.runtime import requests
from cgconv.runtime.errors import UsageError
from cgconv.serve import guard, start
from cgconv.serve.feed import Feed
from cgconv.serve.job_queue import JobQueue
from cgconv.serve.limits import Limits
from cgconv.serve.page import FOLDER, LANGUAGES, language_for, words
from cgconv.serve.problems import Problem
from cgconv.serve.records import Job, State, Upload
from cgconv.serve.store import Store
from cgconv.serve.uploads import Uploads
from cgconv.serve.worker_process import Worker, WorkerDied

HOUR_S = 3600.0
FACTS = {"picture_facts", "film_facts"}


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1e9

    def __call__(self) -> float:
        return self.now_s


def add_upload(store: Store, name: str = "a.png") -> Upload:
    folder = store.new_upload_folder()
    (folder / "source.png").write_bytes(b"picture")
    upload = Upload(folder.name[1:], name, "source.png", "picture", 7, 4, 4, None, None, store.now())
    store.add_upload(upload, folder)
    return upload


def add_job(store: Store, upload: Upload, number: int = 0) -> Job:
    job = Job(f"{number:032x}", upload.id, upload.name, "picture", "monet", {}, store.now())
    store.add_job(job)
    return job


def end(store: Store, job: Job) -> None:
    job.state, job.ended_s = State.DONE, store.now()
    store.keep(job)


def test_what_was_kept_long_enough_is_deleted_but_not_what_waits(tmp_path: Path) -> None:
    clock = Clock()
    store = Store(tmp_path / "kept", Limits(keep_s=HOUR_S), now=clock)
    done, waits = add_upload(store), add_upload(store)
    end(store, add_job(store, done, 1))
    add_job(store, waits, 2)
    clock.now_s += HOUR_S - 1
    young = add_upload(store)
    assert store.sweep() == []
    clock.now_s += 2
    assert [job.upload for job in store.sweep()] == [done.id]
    assert set(store.uploads) == {waits.id, young.id}
    assert sorted(path.name for path in store.uploads_folder.iterdir()) == sorted([waits.id, young.id])
    assert len(list(store.jobs_folder.iterdir())) == 1


def test_a_server_begins_with_what_was_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path / "kept", Limits())
    upload = add_upload(store)
    running, done, damaged = (add_job(store, upload, number) for number in range(3))
    running.state = State.RUNNING
    store.keep(running)
    end(store, done)
    (store.folder_of(damaged) / "job.json").write_text('{"id": [')
    (store.new_upload_folder() / "source.png").write_bytes(b"half")
    with pytest.raises(UsageError, match="another cgconv serve"):
        Store(tmp_path / "kept", Limits())
    used = store.used_bytes
    store.close()
    again = Store(tmp_path / "kept", Limits())
    assert {job.id: job.state for job in again.jobs.values()} == {running.id: State.WAITING, done.id: State.DONE}
    assert list(again.uploads) == [path.name for path in again.uploads_folder.iterdir()] == [upload.id]
    assert damaged.id in caplog.text
    assert abs(again.used_bytes - used) < 1000


def test_jobs_and_room_are_counted(tmp_path: Path) -> None:
    store = Store(tmp_path / "kept", Limits(jobs=2, uploads=2, disk_bytes=2000))
    queue = JobQueue(store, Feed(lambda name: None), maker=worker(), looker=worker())
    upload = add_upload(store)
    add_job(store, upload, 1)
    add_job(store, upload, 2)
    with pytest.raises(Problem, match="2 jobs are waiting"):
        asyncio.run(queue.add(upload, "monet", Path("monet.onnx"), {}))
    with pytest.raises(Problem, match="not ended"):
        queue.remove(store.jobs[f"{1:032x}"])
    with pytest.raises(Problem, match="jobs need this upload"):
        store.remove_upload(upload)
    with pytest.raises(Problem, match="disk space is used up"):
        store.check_room(1900)
    add_upload(store)
    with pytest.raises(Problem, match="2 uploads are kept"):
        asyncio.run(Uploads(store, worker()).receive("a.png", 1, nothing()))


def worker() -> Worker:
    return Worker("testing", silence_s=1.0)


async def nothing() -> Any:
    await asyncio.Event().wait()
    yield b""


def test_an_upload_that_does_not_go_on_is_broken_off(tmp_path: Path) -> None:
    store = Store(tmp_path / "kept", Limits(stall_s=0.01))
    with pytest.raises(Problem) as told:
        asyncio.run(Uploads(store, worker()).receive("a.png", 1, nothing()))
    assert told.value.code == "stalled"
    assert list(store.uploads_folder.iterdir()) == []
    assert store.used_bytes == 0


def test_what_was_being_done_when_a_server_ends_waits_for_the_next(tmp_path: Path) -> None:
    store = Store(tmp_path / "kept", Limits())
    queue = JobQueue(store, Feed(lambda name: None), maker=worker(), looker=worker())
    job = add_job(store, add_upload(store))
    job.state, job.attempts = State.RUNNING, 1
    queue.put_back()
    kept = json.loads((store.folder_of(job) / "job.json").read_text())
    assert (kept["state"], kept["attempts"]) == ("waiting", 0)


def test_a_worker_that_is_stuck_is_ended() -> None:
    async def ask() -> int:
        stuck = Worker("testing", silence_s=0.0)
        with pytest.raises(WorkerDied, match="stuck"):
            await anext(stuck.answers(requests.ListModels()))
        return stuck.pid

    assert asyncio.run(ask()) == 0


def test_a_listener_that_reads_slowly_misses_steps_and_never_the_end() -> None:
    job = {"id": "x", "fraction": 0.0, "ended_s": None}

    async def listen() -> list[str]:
        feed = Feed(lambda name: job if name == "x" else None)
        events = feed.events(["x"], "x")
        told = [await anext(events), await anext(events)]
        for step in range(1000):
            job["fraction"] = step / 1000
            feed.tell("x")
            feed.tell("another")
        job.update(fraction=1.0, ended_s=1.0)
        feed.tell("x")
        told += [event async for event in events]
        assert feed.listeners == 0
        return told

    told = asyncio.run(listen())
    assert len(told) == 3
    assert '"fraction": 1.0' in told[-1]


def test_tokens_are_compared_in_a_time_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(guard.hmac, "compare_digest", compare)

    async def nobody(*_: Any) -> None:
        raise AssertionError

    door = guard.Guard(nobody, token="secret-of-the-test", needs_token=True)
    assert door.knows(Headers({"authorization": "Bearer secret-of-the-test"}))
    assert not door.knows(Headers({"authorization": "Bearer é"}))
    assert not door.knows(Headers({"authorization": "Basic secret-of-the-test"}))
    assert door.knows(Headers({"cookie": f"a=b; {guard.COOKIE}={guard.session_of('secret-of-the-test')}"}))
    assert not door.knows(Headers({"cookie": f"{guard.COOKIE}=secret-of-the-test"}))
    assert len(compared) == 4


def test_a_token_of_the_environment_is_long_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(start.TOKEN_VARIABLE, "short")
    with pytest.raises(UsageError, match="at least 16"):
        start._token(tmp_path)
    monkeypatch.setenv(start.TOKEN_VARIABLE, "a token that is long enough")
    assert start._token(tmp_path) == "a token that is long enough"
    monkeypatch.delenv(start.TOKEN_VARIABLE)
    made = start._token(tmp_path)
    assert len(made) > 40
    assert start._token(tmp_path) == made


@pytest.mark.parametrize(
    ("asked", "chosen", "language"),
    [
        ("", "", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "", "en"),
        ("de-DE,zh-TW;q=0.5,en;q=0.4", "", "zh"),
        ("en;q=0.1,zh;q=0.9", "", "zh"),
        ("zh;q=0,fr", "", "en"),
        ("zh", "en", "en"),
        ("en", "../words", "en"),
    ],
)
def test_the_page_speaks_the_language_that_was_asked_for(asked: str, chosen: str, language: str) -> None:
    headers = [(b"accept-language", asked.encode()), (b"cookie", f"cgconv_language={chosen}".encode())]
    assert language_for(Request({"type": "http", "headers": headers})) == language


def test_what_the_page_says_is_what_there_are_words_for() -> None:
    said = (FOLDER / "index.html").read_text(encoding="utf-8") + (FOLDER / "page.js").read_text(encoding="utf-8")
    used = {one or other for one, other in re.findall(r'\{\{(\w+)\}\}|\bsay\("(\w+)"', said)} - {"lang", "language"}
    states = {str(state) for state in State}
    assert used <= set(words("en"))
    assert {word for word in words("en") if not word.startswith("error_")} <= used | states | FACTS


def test_all_languages_say_the_same_things() -> None:
    said = [set(words(language)) for language in LANGUAGES]
    assert all(one == said[0] for one in said)
