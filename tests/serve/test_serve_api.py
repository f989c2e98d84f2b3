"""What programs get from `cgconv serve`: uploads, jobs, events, results, and what is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from film_clips import look_at, make_film
from serving import BYTES, Served, encoded, events_of, pixels, png, served
from small_models import photo

from cgconv.runtime.translator import open_translator
from cgconv.serve.api import _TABLE

SOME = photo((24, 32))[0]


@pytest.fixture(scope="module")
def server(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("serve")
    with served(folder / "kept", deadly=folder) as running:
        yield running


def refused(answer: httpx.Response, status: int, code: str) -> str:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    return str(answer.json()["error"]["message"])


def test_a_picture_goes_in_and_its_translation_comes_out(server: Served, small: Path) -> None:
    upload = server.upload("holiday.png", png(SOME))
    assert (upload["kind"], upload["width"], upload["height"]) == ("picture", 32, 24)
    job = server.order(upload, strength=0.5)
    done = server.ended(job)
    assert (done["state"], done["fraction"], done["result"]["name"]) == ("done", 1.0, "holiday.small.png")
    answer = server.client.get(f"/api/jobs/{job['id']}/result")
    assert answer.headers["content-disposition"] == 'attachment; filename="holiday.small.png"'
    assert answer.headers["content-type"] == "image/png"
    with open_translator(small) as translator:
        whole = translator.translate(SOME[None])[0].astype(float)
    assert np.abs(pixels(answer.content) - (SOME + whole) / 2).max() <= 3
    for place in (f"uploads/{upload['id']}/before", f"jobs/{job['id']}/after"):
        assert pixels(server.client.get(f"/api/{place}").content).shape == (24, 32, 3)


def test_a_film_goes_in_and_comes_out_with_all_its_frames(server: Served, tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", frames=9, sounds=["eng"])
    upload = server.upload("cats & dogs.mp4", film.read_bytes())
    assert (upload["kind"], upload["frames"]) == ("film", 9)
    job = server.order(upload)
    assert server.ended(job)["state"] == "done"
    (tmp_path / "b.mp4").write_bytes(server.result(job))
    facts = look_at(tmp_path / "b.mp4")
    assert (len(facts.times), facts.languages) == (9, ["eng"])
    part = server.client.get(f"/api/jobs/{job['id']}/result?inline=1", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-disposition"].startswith("inline")


def test_models_show_what_they_make_of_an_upload(server: Served) -> None:
    names = [model["name"] for model in server.client.get("/api/models").json()["models"]]
    assert {"small", "monet"} <= set(names)
    upload = server.upload("a.png", png(SOME))
    place = f"/api/uploads/{upload['id']}"
    assert pixels(server.client.get(f"{place}/samples/small").content).shape == (24, 32, 3)
    plain = server.client.get(f"{place}/previews/small")
    assert plain.headers["content-type"] == "image/bmp"
    kept = server.client.get(f"{place}/previews/small", params={"keep_colors": "true", "brush": 2})
    assert (pixels(plain.content) != pixels(kept.content)).any()
    refused(server.client.get(f"{place}/previews/small?brush=0.5"), 400, "bad_options")
    assert server.client.delete(place).status_code == 204
    refused(server.client.get(place), 404, "no_upload")


def test_all_listeners_hear_of_every_job(server: Served) -> None:
    upload = server.upload("a.png", png(SOME))
    with server.client.stream("GET", "/api/events") as one, server.client.stream("GET", "/api/events") as other:
        told = [events_of(one), events_of(other)]
        assert [next(each)[0] for each in told] == ["hello", "hello"]
        job = server.order(upload)
        for each in told:
            states = []
            for name, values in each:
                if name == "job" and values["id"] == job["id"]:
                    states.append(values["state"])
                    if values["ended_s"]:
                        break
            assert states[-1] == "done"
    assert server.client.delete(f"/api/jobs/{job['id']}").status_code == 204
    refused(server.client.get(f"/api/jobs/{job['id']}"), 404, "no_job")
    assert server.client.delete(f"/api/uploads/{upload['id']}").status_code == 204


def test_a_job_is_stopped_and_one_that_waits_is_not_begun(server: Served, tmp_path: Path) -> None:
    upload = server.upload("a.mp4", make_film(tmp_path / "a.mp4", frames=200).read_bytes())
    hold = server.folder.with_name("hold")
    hold.mkdir()
    running, waiting = server.order(upload), server.order(upload)
    for job in server.watch(running):
        if job["state"] != "running":
            continue
        refused(server.client.delete(f"/api/jobs/{job['id']}"), 409, "not_ended")
        for one in (waiting, running):
            assert server.client.post(f"/api/jobs/{one['id']}/cancel").status_code == 202
        hold.rmdir()
        break
    assert [server.ended(one)["state"] for one in (waiting, running)] == ["cancelled"] * 2
    assert not (server.folder / "jobs" / waiting["id"] / "result").exists()


def test_fifty_clients_at_once_get_each_their_own(server: Served, small: Path) -> None:
    pictures = [photo((16, 20), seed)[0] for seed in range(50)]
    with open_translator(small) as translator:
        wanted = [translator.translate(picture[None])[0] for picture in pictures]

    def use(number: int) -> np.ndarray[Any, Any]:
        with httpx.Client(base_url=server.url, timeout=None, trust_env=False) as client:
            mine = Served(server.process, server.url, client, server.folder)
            job = mine.order(mine.upload(f"{number}.png", png(pictures[number])))
            done = mine.ended(job)
            assert (done["state"], done["result"]["name"]) == ("done", f"{number}.small.png"), done
            return pixels(mine.result(job))

    with ThreadPoolExecutor(50) as clients:
        made = list(clients.map(use, range(50)))
    for number in range(50):
        apart = [float(np.abs(made[number].astype(int) - one).mean()) for one in wanted]
        assert int(np.argmin(apart)) == number
        assert apart[number] < 2


def test_a_file_that_kills_its_worker_stops_nobody_else(server: Served) -> None:
    answer = server.client.post("/api/uploads?name=bad.bmp", content=encoded(SOME, ".bmp"), headers=BYTES)
    assert "bad.bmp" in refused(answer, 422, "unreadable")
    deadly = server.order(server.upload("bad.webp", encoded(SOME, ".webp")))
    others = [server.order(server.upload(f"{number}.png", png(SOME))) for number in range(3)]
    assert [server.ended(job)["state"] for job in others] == ["done"] * 3
    failed = server.ended(deadly)
    assert (failed["state"], failed["result"]) == ("failed", None)
    assert "ended 2 times" in failed["reason"]
    result = server.folder / "jobs" / deadly["id"] / "result"
    assert [path for path in result.iterdir() if not path.name.startswith(".")] == []
    assert server.ended(server.order(server.upload("after.png", png(SOME))))["state"] == "done"


@pytest.mark.parametrize(
    "name", ["../../../evil.png", "C:\\evil.png", "/etc/evil.png", "\u202e\x00ev\nil.png", "." * 300]
)
def test_a_name_from_outside_becomes_no_path(server: Served, name: str) -> None:
    upload = server.upload(name, png(SOME))
    job = server.order(upload)
    assert server.ended(job)["state"] == "done"
    folders = [server.folder / "uploads" / upload["id"], server.folder / "jobs" / job["id"]]
    made = sorted(path.relative_to(server.folder).name for folder in folders for path in folder.rglob("*"))
    suffix = ".png" if name.endswith("png") else ""
    assert made == sorted(
        ["after.jpg", "before.jpg", "job.json", "result", f"source{suffix}", "source.png", "upload.json"]
    )
    assert not any(character in upload["name"] for character in "/\\\x00\n\u202e")
    for wrong in ("../uploads", "..%2f..%2fetc", "monet.onnx", "%2e%2e"):
        assert server.client.get(f"/api/uploads/{wrong}/before").status_code == 404
        assert server.client.get(f"/api/uploads/{upload['id']}/samples/{wrong}").status_code == 404
    answer = server.client.post("/api/jobs", json={"upload": upload["id"], "model": "/etc/passwd"})
    refused(answer, 404, "no_model")


def test_a_playlist_gets_at_no_other_file(server: Served, tmp_path: Path) -> None:
    secret = make_film(tmp_path / "secret.ts")
    lists = {
        "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\n{secret}\n#EXT-X-ENDLIST\n",
        "a.mp4": f"ffconcat version 1.0\nfile '{secret}'\n",
        "a.ts": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\nfile://{secret}\n#EXT-X-ENDLIST\n",
    }
    for name, text in lists.items():
        answer = server.client.post("/api/uploads", params={"name": name}, content=text.encode(), headers=BYTES)
        assert answer.status_code in (415, 422), name
        assert str(server.folder) not in answer.text


def test_what_is_no_picture_or_film_leaves_nothing(server: Served) -> None:
    before = set((server.folder / "uploads").iterdir())
    for name, data, status, code in [
        ("a.png", b"", 400, "empty"),
        ("a.png", b"\x89PNG\r\n\x1a\nrubbish", 422, "unreadable"),
        ("a.txt", b"words", 422, "unreadable"),
        ("", b"words", 400, "no_name"),
    ]:
        answer = server.client.post("/api/uploads", params={"name": name}, content=data, headers=BYTES)
        assert str(server.folder) not in refused(answer, status, code)
    form = server.client.post("/api/uploads?name=a.png", files={"file": png(SOME)})
    refused(form, 415, "content_type")
    assert set((server.folder / "uploads").iterdir()) == before


def test_an_order_that_makes_no_sense_is_refused_with_a_sentence(server: Served) -> None:
    upload = server.upload("a.png", png(SOME))
    for options in ({"strength": 2}, {"strength": "1"}, {"out": "/tmp"}, {"mask": "/etc/passwd"}, {"brush": True}, []):
        wanted = {"upload": upload["id"], "model": "small", "options": options}
        assert refused(server.client.post("/api/jobs", json=wanted), 400, "bad_options")
    refused(server.client.post("/api/jobs", json={"upload": "x", "model": "small"}), 404, "no_upload")
    for body, kind, status, code in [
        (b"{", "application/json", 400, "bad_json"),
        (b"[]", "application/json", 400, "bad_json"),
        (b"{}", "text/plain", 415, "content_type"),
        (b'{"a":' * 10000, "application/json", 400, "bad_json"),
        (b'{"a":' * 60000, "application/json", 413, "too_large"),
    ]:
        refused(server.client.post("/api/jobs", content=body, headers={"Content-Type": kind}), status, code)


def test_the_document_describes_what_is_there_and_what_comes(server: Served) -> None:
    document = server.client.get("/api/openapi.json").json()
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(method, path) for method, path, _ in _TABLE}
    schemas = document["components"]["schemas"]
    job = server.order(server.upload("a.png", png(SOME)))
    answers = {
        "Job": server.ended(job),
        "Upload": server.client.get(f"/api/uploads/{job['upload']}").json(),
        "Status": server.client.get("/api/status").json(),
        "Model": server.client.get("/api/models").json()["models"][0],
        "Problem": server.client.get("/api/jobs/none").json(),
    }
    for name, answer in answers.items():
        assert set(answer) == set(schemas[name]["properties"]), name
    codes = schemas["Problem"]["properties"]["error"]["properties"]["code"]["enum"]
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(api_folder()).glob("*.py"))
    assert all(f'"{code}"' in sources for code in codes)


def api_folder() -> Path:
    import cgconv.serve.api as api

    return Path(api.__file__).parent


def test_limits_hold_and_elsewhere_a_token_is_asked_for(small: Path, tmp_path: Path) -> None:
    limits = ["--max-mb", "0.05", "--max-megapixels", "0.01", "--max-seconds", "1"]
    with served(tmp_path / "kept", *limits, "--max-gb", "0.0002", "--host", "0.0.0.0") as server:
        assert server.client.get("/api/health").json()["status"] == "ok"
        for place in ("/api/jobs", "/api/status", "/api/events", "/api/models"):
            refused(server.client.get(place), 401, "token")
        wrong, right = ({"Authorization": f"Bearer {token}"} for token in (server.token + "x", server.token))
        refused(server.client.post("/api/session", headers=wrong), 401, "token")
        assert server.client.post("/api/session", headers=right).status_code == 204
        assert server.client.get("/api/jobs").json() == {"jobs": []}, "the cookie is enough"
        assert server.token not in str(dict(server.client.cookies))
        assert (tmp_path / "kept" / "token").stat().st_mode & 0o777 == 0o600

        def sent(name: str, data: Any) -> httpx.Response:
            return server.client.post("/api/uploads", params={"name": name}, content=data, headers=BYTES)

        refused(sent("a.png", bytes(60_000)), 413, "too_large")
        refused(sent("a.png", iter([bytes(30_000), bytes(30_000)])), 413, "too_large")
        refused(sent("a.png", png(np.zeros((100, 101, 3), np.uint8))), 422, "too_many_pixels")
        film = make_film(tmp_path / "a.mp4", frames=40)
        refused(sent("a.mp4", film.read_bytes()), 422, "too_long")
        while (answer := sent("a.png", png(photo((60, 60), 1)[0]))).status_code == 201:
            pass
        refused(answer, 507, "disk_full")


def test_another_sites_page_gets_nothing(server: Served) -> None:
    port = server.url.rstrip("/").rpartition(":")[2]
    token = (server.folder / "token").read_text()
    tries: list[tuple[dict[str, str], int]] = [
        ({}, 200),
        ({"Host": f"localhost:{port}"}, 200),
        ({"Host": f"[::1]:{port}"}, 200),
        ({"Host": f"evil.example:{port}"}, 401),  # its name was bound to 127.0.0.1 after the page was loaded
        ({"Host": "127.0.0.1.evil.example"}, 401),
        ({"Host": f"evil.example:{port}", "Authorization": f"Bearer {token}"}, 200),
        ({"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}"}, 401),
        ({"Origin": f"http://127.0.0.1:{port}"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example", "Authorization": f"Bearer {token}"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"X-Forwarded-For": "10.0.0.1"}, 401),
        ({"Forwarded": "for=127.0.0.1"}, 401),
    ]
    for headers, status in tries:
        assert server.client.get("/api/jobs", headers=headers).status_code == status, headers
        answer = server.client.post("/api/jobs", json={}, headers=headers)
        assert answer.status_code == (400 if status == 200 else status), headers


def test_every_answer_keeps_a_browser_careful(server: Served) -> None:
    for place in ("/", "/page/page.js", "/api/jobs", "/api/none", "/none"):
        headers = server.client.get(place).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_the_page_loads_nothing_from_elsewhere_and_speaks_two_languages(server: Served) -> None:
    for asked, heading in (("zh-CN", "队列"), ("en", "Queue")):
        answer = server.client.get("/", headers={"Accept-Language": asked})
        assert (answer.headers["content-language"], heading in answer.text) == (asked, True)
        addresses = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
        for address in addresses:
            assert address.startswith("/") and not address.startswith("//")  # noqa: PT018
            assert address.startswith("/?language=") or server.client.get(address).status_code == 200
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|{{", answer.text)
    for name in ("page.js", "page.css"):
        assert "://" not in server.client.get(f"/page/{name}").text
    assert server.client.get("/page/..%2fapi.py").status_code == 404
    chosen = server.client.get("/?language=zh")
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/")
    server.client.cookies.clear()


def test_a_second_server_leaves_the_folder_alone(server: Served) -> None:
    command = [sys.executable, "-m", "cgconv.cli", "serve", "--port", "0", "--folder", str(server.folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "another cgconv serve uses this folder" in ran.stderr
    assert json.loads(server.client.get("/api/health").text)["status"] == "ok"
