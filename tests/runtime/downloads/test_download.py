"""Downloads against servers of every character: breaking, slow, lying, endless, redirecting. None is a real one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_models import small_resnet
from web_site import Answer, Site, Visit, serve

from cgconv.cli.main import main
from cgconv.runtime.downloads import catalogue
from cgconv.runtime.downloads.catalogue import Kind, accept, fetch, find_entry, list_entries
from cgconv.runtime.downloads.download import Limits, checked_url, download
from cgconv.runtime.errors import Cancelled, DownloadError, OutputError, UsageError
from cgconv.runtime.events import DownloadFinished, DownloadProgressed, DownloadRetried, DownloadStarted
from cgconv.runtime.models.card import read_card

BODY = np.random.default_rng(7).bytes(700_000)
OTHER = np.random.default_rng(8).bytes(700_000)
HASH, OTHER_HASH = hashlib.sha256(BODY).hexdigest(), hashlib.sha256(OTHER).hexdigest()
QUICK = Limits(max_bytes=2_000_000, timeout_s=100.0, tries=3, first_wait_s=0.01, longest_wait_s=0.05)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to the test's own servers directly, wherever the tests run."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def site() -> Iterator[Site]:
    yield from serve()


def get(url: str, target: Path, *, limits: Limits = QUICK, sha256: str | None = None) -> list[object]:
    return list(download(url, target, sha256=sha256, limits=limits))


def left_beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path != target)


def test_a_whole_file_comes_with_its_progress_and_its_hash(site: Site, tmp_path: Path) -> None:
    url, target = site.serves("/a.bin", BODY), tmp_path / "new" / "a.bin"
    events = get(url + "?key=secret", target)
    assert target.read_bytes() == BODY
    assert left_beside(target) == []
    assert events[0] == DownloadStarted(url, target, 0), "without the query, which may be a key"
    last_two = events[-2:]
    assert isinstance(last_two[0], DownloadProgressed)
    assert (last_two[0].bytes_done, last_two[0].bytes_total) == (len(BODY), len(BODY))
    assert isinstance(last_two[1], DownloadFinished)
    assert (last_two[1].sha256, last_two[1].bytes, last_two[1].url) == (HASH, len(BODY), url)


def test_a_connection_that_breaks_is_resumed_where_it_broke(site: Site, tmp_path: Path) -> None:
    conditions = []

    def answer(visit: Visit) -> None:
        conditions.append(visit.handler.headers.get("If-Range"))
        visit.file(BODY, cut_at=300_000 * visit.number)

    events = get(site.serves("/a.bin", answer), tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert [span for _, span in site.asked] == ["", "bytes=300000-", "bytes=600000-"]
    assert conditions == [None, '"one"', '"one"']
    retried = [event for event in events if isinstance(event, DownloadRetried)]
    assert [event.bytes_done for event in retried] == [300_000, 600_000]
    assert "ended after 300.0 kB of 700.0 kB" in retried[0].reason


def test_what_came_before_an_error_is_kept_for_the_next_call(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    url = site.serves("/a.bin", lambda visit: visit.file(BODY, cut_at=500_000))
    with pytest.raises(DownloadError, match=r"ended after 500.0 kB of 700.0 kB \(3 tries\); 500.0 kB are kept"):
        get(url, target)
    assert not target.exists()
    site.serves("/a.bin", BODY)
    site.asked.clear()
    events = get(url, target)
    assert events[0] == DownloadStarted(url, target, 500_000)
    assert [span for _, span in site.asked] == ["bytes=500000-"]
    assert target.read_bytes() == BODY


def test_a_server_without_ranges_is_asked_for_all_again(site: Site, tmp_path: Path) -> None:
    def answer(visit: Visit) -> None:
        visit.file(BODY, ranges=False, cut_at=400_000 if visit.number == 1 else None)

    get(site.serves("/a.bin", answer), tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_without_a_mark_of_the_file_it_is_begun_anew(site: Site, tmp_path: Path) -> None:
    """Nothing would say that the rest is of the same file."""

    def answer(visit: Visit) -> None:
        visit.head(200, Content_Length=len(BODY))
        visit.body(BODY[: 400_000 if visit.number == 1 else None])

    get(site.serves("/a.bin", answer), tmp_path / "a.bin")
    assert [span for _, span in site.asked] == ["", ""]
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_known_hash_is_mark_enough_to_resume(site: Site, tmp_path: Path) -> None:
    def answer(visit: Visit) -> None:
        begin = visit.range_begin
        span = {"Content_Range": f"bytes {begin}-{len(BODY) - 1}/{len(BODY)}"} if begin else {}
        visit.head(206 if begin else 200, Content_Length=len(BODY) - begin, **span)
        visit.body(BODY[begin : 400_000 if visit.number == 1 else None])

    get(site.serves("/a.bin", answer), tmp_path / "a.bin", sha256=HASH)
    assert [span for _, span in site.asked] == ["", "bytes=400000-"]
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_weak_mark_does_not_count_but_a_date_does(site: Site, tmp_path: Path) -> None:
    conditions = []

    def answer(visit: Visit) -> None:
        conditions.append(visit.handler.headers.get("If-Range"))
        visit.head(200, Content_Length=len(BODY), ETag='W/"one"', Last_Modified="Fri, 20 Nov 2026 12:00:00 GMT")
        visit.body(BODY[: 400_000 if visit.number == 1 else None])

    get(site.serves("/a.bin", answer), tmp_path / "a.bin")
    assert conditions == [None, "Fri, 20 Nov 2026 12:00:00 GMT"]
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_file_that_changed_in_between_is_never_joined_to_the_old_part(site: Site, tmp_path: Path) -> None:
    def answer(visit: Visit) -> None:
        if visit.number == 1:
            visit.file(BODY, cut_at=400_000)
        else:
            visit.file(OTHER, etag='"two"')

    get(site.serves("/a.bin", answer), tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == OTHER


@pytest.mark.parametrize("lie", ["other etag", "other total", "other begin"])
def test_a_rest_of_another_file_is_not_taken(site: Site, tmp_path: Path, lie: str) -> None:
    def answer(visit: Visit) -> None:
        if visit.number == 1:
            visit.file(BODY, cut_at=400_000)
        elif visit.number == 2:  # heeds no If-Range
            total = len(BODY) + (1 if lie == "other total" else 0)
            begin = 0 if lie == "other begin" else 400_000
            span = f"bytes {begin}-{total - 1}/{total}"
            visit.head(206, Content_Length=300_000, Content_Range=span, ETag='"x"' if lie == "other etag" else '"one"')
            visit.body(OTHER[400_000:])
        else:
            visit.file(BODY)

    get(site.serves("/a.bin", answer), tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_rest_that_lies_about_everything_is_found_by_the_hash(site: Site, tmp_path: Path) -> None:
    def answer(visit: Visit) -> None:
        if visit.number == 1:
            visit.file(BODY, cut_at=400_000)
        elif visit.range_begin:
            visit.file(OTHER)  # the same ETag and size
        else:
            visit.file(BODY)

    events = get(site.serves("/a.bin", answer), tmp_path / "a.bin", sha256=HASH)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert [span for _, span in site.asked] == ["", "bytes=400000-", ""]
    assert any(isinstance(event, DownloadRetried) and "hash" in event.reason for event in events)


def test_a_wrong_hash_is_refused_and_the_file_is_there_for_who_wants_that_hash(site: Site, tmp_path: Path) -> None:
    url, target = site.serves("/a.bin", OTHER), tmp_path / "a.bin"
    target.write_bytes(b"before")
    with pytest.raises(DownloadError, match=f"SHA-256 is {OTHER_HASH}, but --sha256 says {HASH}"):
        get(url, target, sha256=HASH)
    assert target.read_bytes() == b"before"
    site.asked.clear()
    get(url, target, sha256=OTHER_HASH.upper())
    assert target.read_bytes() == OTHER
    assert site.asked == [], "it was here already"
    assert left_beside(target) == []
    get(url, target, sha256=OTHER_HASH)
    assert site.asked == []


@pytest.mark.parametrize("wanted", [HASH, None])
def test_a_refused_file_is_fetched_anew_by_all_others(site: Site, tmp_path: Path, wanted: str | None) -> None:
    url, target = site.serves("/a.bin", OTHER), tmp_path / "a.bin"
    with pytest.raises(DownloadError):
        get(url, target, sha256=HASH)
    site.serves("/a.bin", BODY)
    get(url, target, sha256=wanted)
    assert target.read_bytes() == BODY


def test_a_promise_of_more_than_comes_is_an_error(site: Site, tmp_path: Path) -> None:
    def answer(visit: Visit) -> None:
        visit.head(200, Content_Length=len(BODY) + 10)
        visit.body(BODY)

    with pytest.raises(DownloadError, match="the connection ended after"):
        get(site.serves("/a.bin", answer), tmp_path / "a.bin")


def test_a_promise_of_less_than_comes_is_found_by_the_hash(site: Site, tmp_path: Path) -> None:
    def answer(visit: Visit) -> None:
        visit.head(200, Content_Length=1000)
        visit.body(BODY)

    with pytest.raises(DownloadError, match="SHA-256"):
        get(site.serves("/a.bin", answer), tmp_path / "a.bin", sha256=HASH)


def test_a_file_over_the_limit_is_refused_before_it_comes(site: Site, tmp_path: Path) -> None:
    sent = []

    def answer(visit: Visit) -> None:
        sent.append(visit.number)
        visit.head(200, Content_Length=10**12)

    with pytest.raises(DownloadError, match=r"1000.00 GB, more than the limit of 2.0 MB"):
        get(site.serves("/a.bin", answer), tmp_path / "a.bin")
    assert sent == [1]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_without_end_stops_at_the_limit(site: Site, tmp_path: Path, chunked: bool) -> None:
    def answer(visit: Visit) -> None:
        visit.head(200, **({"Transfer_Encoding": "chunked"} if chunked else {}))
        piece = bytes(100_000)
        while True:
            visit.body(b"186a0\r\n" + piece + b"\r\n" if chunked else piece)

    with pytest.raises(DownloadError, match=r"sends more than the 2\.0 MB that are taken"):
        get(site.serves("/a.bin", answer), tmp_path / "a.bin")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1000, "nothing of it is kept"


def test_a_chunked_file_without_a_size_comes_whole(site: Site, tmp_path: Path) -> None:
    def answer(visit: Visit) -> None:
        visit.handler.protocol_version = "HTTP/1.1"
        visit.head(200, Transfer_Encoding="chunked")
        visit.body(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))

    get(site.serves("/a.bin", answer), tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_server_that_drips_is_given_up_and_what_came_is_kept(site: Site, tmp_path: Path) -> None:
    def answer(visit: Visit) -> None:
        visit.head(200, Content_Length=len(BODY), ETag='"one"')
        for index in range(len(BODY)):  # for an hour, unless the client goes
            visit.body(BODY[index : index + 1])
            time.sleep(0.005)

    limits = Limits(max_bytes=2_000_000, timeout_s=100, slowest_bytes_per_s=50_000, slow_after_s=0.3, tries=1)
    url = site.serves("/a.bin", answer)
    with pytest.raises(DownloadError, match=r"sends only .* repeat the command to continue"):
        get(url, tmp_path / "a.bin", limits=limits)
    site.serves("/a.bin", BODY)
    get(url, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert site.asked[-1][1].startswith("bytes=")


def test_a_server_that_says_nothing_is_given_up(site: Site, tmp_path: Path) -> None:
    over = threading.Event()

    def answer(visit: Visit) -> None:
        visit.head(200, Content_Length=len(BODY), ETag='"one"')
        over.wait()

    limits = Limits(timeout_s=0.2, tries=2, first_wait_s=0.01)
    with pytest.raises(DownloadError, match=r"does not answer in time \(2 tries\)"):
        get(site.serves("/a.bin", answer), tmp_path / "a.bin", limits=limits)
    over.set()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("file:///etc/passwd", "redirects to file://, which is not followed"),
        ("ftp://127.0.0.1/a.bin", "redirects to ftp://, which is not followed"),
        ("data:text/plain,hello", "redirects to data://, which is not followed"),
        ("http://someone:secret@127.0.0.1/", "redirects to something that is not a web address"),
        ("", "does not say where"),
        ("/a.bin", "redirects more than 5 times"),
    ],
)
def test_redirects_lead_nowhere_else(site: Site, tmp_path: Path, where: str, said: str) -> None:
    url = site.serves("/a.bin", lambda visit: visit.head(302, Location=where, Content_Length=0))
    with pytest.raises(DownloadError, match=said):
        get(url, tmp_path / "a.bin")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_web_is_followed_by_the_rest_too(site: Site, tmp_path: Path, status: int) -> None:
    url = site.serves("/a.bin", lambda visit: visit.head(status, Location="b/c.bin", Content_Length=0))
    site.serves("/b/c.bin", lambda visit: visit.file(BODY, cut_at=100_000 if visit.number == 2 else None))
    get(url, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert site.asked[-1] == ("/b/c.bin", "bytes=100000-")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that only this test trusts, and its key in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    made = subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            folder / "key",
            "-out",
            folder / "crt",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    (folder / "both.pem").write_text((folder / "key").read_text() + (folder / "crt").read_text())
    return folder / "both.pem"


@pytest.fixture
def secure_site(certificate: Path) -> Iterator[Site]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    yield from serve(tls)


def test_https_never_goes_back_to_http(
    site: Site, secure_site: Site, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = site.serves("/a.bin", BODY)
    url = secure_site.serves("/a.bin", lambda visit: visit.head(302, Location=plain, Content_Length=0))
    with pytest.raises(DownloadError, match="the server's certificate is not trusted"):
        get(url, tmp_path / "a.bin")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(DownloadError, match="redirects from https to http, which is not followed"):
        get(url, tmp_path / "a.bin")
    assert site.asked == []
    site.serves("/up", lambda visit: visit.head(302, Location=secure_site.serves("/b.bin", BODY), Content_Length=0))
    get(site.url + "/up", tmp_path / "b.bin")
    assert (tmp_path / "b.bin").read_bytes() == BODY, "from http to https is the right way"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda visit: visit.head(404, Content_Length=0), "404 .*it has no such file"),
        (lambda visit: visit.head(403, Content_Length=0), "403 .*it refuses access"),
        (lambda visit: visit.head(206, Content_Length=0), "206"),
        (lambda visit: visit.head(200, Content_Type="text/html; charset=utf-8", Content_Length=9), "a web page"),
        (lambda visit: visit.head(200, Content_Encoding="gzip", Content_Length=9), "compressed"),
        (lambda visit: visit.head(503, Content_Length=0), r"503 .*\(3 tries\)"),
        (lambda visit: visit.body(b"SSH-2.0-hello\r\n"), "does not answer as a web server does"),
        (lambda visit: None, "cut the connection"),
    ],
)
def test_what_is_no_file_is_one_sentence(site: Site, tmp_path: Path, answer: Answer, said: str) -> None:
    with pytest.raises(DownloadError, match=said) as caught:
        get(site.serves("/a.bin", answer), tmp_path / "a.bin")
    assert "\n" not in str(caught.value)


def test_a_server_that_is_busy_is_asked_again(site: Site, tmp_path: Path) -> None:
    def answer(visit: Visit) -> None:
        if visit.number < 3:
            visit.head(429 if visit.number == 1 else 503, Retry_After=1, Content_Length=0)
        else:
            visit.file(BODY)

    events = get(site.serves("/a.bin", answer), tmp_path / "a.bin")
    assert [event.wait_s for event in events if isinstance(event, DownloadRetried)] == [0.05, 0.05], (
        "as it asks, within the limit"
    )
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_proxy_that_the_environment_names_is_used(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", site.url)
    site.pages["http://nowhere.invalid/a.bin"] = lambda visit: visit.file(BODY)
    get("http://nowhere.invalid/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_no_server_at_all_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="refuses the connection"):
        get("http://127.0.0.1:9/a.bin", tmp_path / "a.bin")
    with pytest.raises(DownloadError, match="no server of that name, or no way to the network"):
        get("http://nowhere.invalid/a.bin", tmp_path / "a.bin")


@pytest.mark.parametrize(
    "url", ["ftp://x.org/a", "file:///etc/passwd", "/etc/passwd", "http://", "http://me:key@x.org/a", "http://x:y/a"]
)
def test_what_is_no_address_of_a_file_on_the_web_is_misuse(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        get(url, tmp_path / "a.bin")


def test_addresses_are_sent_as_servers_want_them() -> None:
    assert checked_url(" http://bücher.example/ä b.pth?q=1#part ") == "http://xn--bcher-kva.example/%C3%A4%20b.pth?q=1"
    assert checked_url("https://[::1]:8080/a") == "https://[::1]:8080/a"
    assert checked_url("http://x.org") == "http://x.org/"


def test_two_at_once_do_not_write_one_file(site: Site, tmp_path: Path) -> None:
    url = site.serves("/a.bin", lambda visit: visit.file(BODY))
    first = download(url, tmp_path / "a.bin", limits=QUICK)
    next(first)
    with pytest.raises(UsageError, match="another cgconv is fetching this right now"):
        get(url, tmp_path / "a.bin")
    list(first)
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_stopping_keeps_what_came(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cancel, target = threading.Event(), tmp_path / "a.bin"
    enough = threading.Event()

    def answer(visit: Visit) -> None:
        visit.head(200, Content_Length=len(BODY), ETag='"one"')
        visit.body(BODY[:300_000])
        enough.wait()
        visit.body(BODY[300_000:])

    url = site.serves("/a.bin", answer)
    monkeypatch.setattr("cgconv.runtime.downloads.download.REPORT_EVERY_S", 0.0)

    def stop_once_some_bytes_have_come() -> None:
        for event in download(url, target, limits=QUICK, cancel=cancel):
            if isinstance(event, DownloadProgressed):
                cancel.set()
                enough.set()

    with pytest.raises(Cancelled, match="are kept"):
        stop_once_some_bytes_have_come()
    site.serves("/a.bin", BODY)
    get(url, target)
    assert site.asked[-1][1].startswith("bytes=")
    assert target.read_bytes() == BODY


def test_a_disk_without_room_is_said_before_it_is_full(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match=r"700.0 kB are still to be downloaded, but only 1.0 MB are free"):
        get(site.serves("/a.bin", BODY), tmp_path / "a.bin")


def test_a_note_that_a_crash_cut_off_means_to_begin_anew(site: Site, tmp_path: Path) -> None:
    url = site.serves("/a.bin", BODY)
    (tmp_path / ".a.bin.part").write_bytes(OTHER[:1000])
    (tmp_path / ".a.bin.part.json").write_text('{"url": "' + url[:5])
    get(url, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_process_that_ended_before_the_last_step_does_not_fetch_again(site: Site, tmp_path: Path) -> None:
    url = site.serves("/a.bin", BODY)
    (tmp_path / ".a.bin.part").write_bytes(BODY)
    note = {"url": url, "etag": '"one"', "total": len(BODY)}
    (tmp_path / ".a.bin.part.json").write_text(json.dumps(note))
    get(url, tmp_path / "a.bin")
    assert site.asked == []
    assert (tmp_path / "a.bin").read_bytes() == BODY


# What is known of official files, and what is remembered of others


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record of hashes of the test's own."""
    monkeypatch.setattr(catalogue, "record_path", lambda: tmp_path / "own" / "downloads.json")
    return tmp_path / "own" / "downloads.json"


OFFICIAL_MODELS = """
apple2orange orange2apple summer2winter_yosemite winter2summer_yosemite horse2zebra zebra2horse monet2photo style_monet
style_cezanne style_ukiyoe style_vangogh sat2map map2sat cityscapes_photo2label cityscapes_label2photo
facades_photo2label facades_label2photo iphone2dslr_flower"""
OFFICIAL_DATA = """
apple2orange summer2winter_yosemite horse2zebra monet2photo cezanne2photo ukiyoe2photo vangogh2photo maps facades
iphone2dslr_flower"""


def test_all_official_names_and_addresses_are_known() -> None:
    models, data = list_entries(Kind.MODEL), list_entries(Kind.DATA)
    assert [entry.name for entry in models] == OFFICIAL_MODELS.split()
    assert [entry.name for entry in data] == OFFICIAL_DATA.split()
    base = "http://efrosgans.eecs.berkeley.edu/cyclegan"
    assert {entry.url for entry in models} == {f"{base}/pretrained_models/{entry.name}.pth" for entry in models}
    assert {entry.url for entry in data} == {f"{base}/datasets/{entry.name}.zip" for entry in data}
    assert all("none" in entry.terms[0] and entry.data for entry in models), "no licence is claimed for the weights"
    assert all(len(entry.sha256 or "") == 64 and entry.bytes for entry in data)


def test_the_server_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_entry(Kind.DATA, "maps", base_url="https://x.org/sets/").url == "https://x.org/sets/maps.zip"
    monkeypatch.setenv("CGCONV_MODELS_URL", "https://y.org")
    assert find_entry(Kind.MODEL, "map2sat").url == "https://y.org/map2sat.pth"


def test_an_unknown_name_says_what_there_is_and_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"did you mean style_monet\?.* there is: apple2orange, .*give an address"):
        find_entry(Kind.MODEL, "style_monnet")


def test_the_hash_of_the_first_download_is_asked_of_later_ones(site: Site, tmp_path: Path, record: Path) -> None:
    url = site.serves("/net.pth", BODY)
    entry = find_entry(Kind.MODEL, url + "?key=secret")
    accept(entry, list(fetch(entry, tmp_path / "one", limits=QUICK))[-1])
    known = json.loads(record.read_text())
    assert (known[url]["sha256"], known[url]["bytes"]) == (HASH, len(BODY))
    assert "secret" not in record.read_text()
    site.serves("/net.pth", OTHER)
    with pytest.raises(
        DownloadError, match=f"the last download from there, on 20.*, says {HASH}.*--sha256 {OTHER_HASH}"
    ):
        list(fetch(entry, tmp_path / "two", limits=QUICK))
    accept(entry, list(fetch(entry, tmp_path / "two", sha256=OTHER_HASH, limits=QUICK))[-1])
    assert (tmp_path / "two").read_bytes() == OTHER
    assert json.loads(record.read_text())[url]["sha256"] == OTHER_HASH


def test_a_published_hash_counts_from_the_first_download_on(site: Site, tmp_path: Path, record: Path) -> None:
    site.serves("/maps.zip", BODY)
    entry = find_entry(Kind.DATA, "maps", base_url=site.url)
    with pytest.raises(DownloadError, match=r"but TensorFlow Datasets .* says 639534f6"):
        list(fetch(entry, tmp_path / "maps.zip", limits=QUICK))
    assert not record.exists()


def test_a_record_that_cannot_be_read_is_not_passed_over(site: Site, tmp_path: Path, record: Path) -> None:
    record.parent.mkdir()
    record.write_text("{")
    with pytest.raises(OutputError, match="cannot be read"):
        list(fetch(find_entry(Kind.MODEL, site.serves("/net.pth", BODY)), tmp_path / "one", limits=QUICK))
    assert site.asked == []


# cgconv models download


@pytest.fixture
def folder(tmp_path: Path, record: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder and a place for what comes, both of the test's own."""
    monkeypatch.setenv("CGCONV_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(catalogue, "download_folder", lambda: tmp_path / "coming")
    return tmp_path / "models"


def test_a_model_by_address_is_fetched_imported_and_says_where_it_came_from(
    site: Site, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = small_resnet(width=4, blocks=1).SerializeToString()
    url = site.serves("/net.onnx", data)
    digest = hashlib.sha256(data).hexdigest()
    assert main(["models", "download", url + "?key=secret", "--sha256", digest, "--name", "far"]) == 0
    said = capfd.readouterr()
    assert said.out == "far is ready to use: cgconv images photos --model far\n"
    assert digest in said.err
    assert "check its license terms yourself" in said.err
    card = read_card(folder / "far.onnx")
    assert card is not None
    assert (card.source["url"], card.source["sha256"]) == (url, digest)
    assert list((tmp_path / "coming").iterdir()) == []
    site.asked.clear()
    assert main(["models", "download", url, "--name", "far"]) == 2
    assert "already a model named far" in capfd.readouterr().err
    assert site.asked == [], "a name that is taken costs no download"


def test_an_official_model_is_imported_with_its_terms_in_the_card(
    site: Site, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch")
    site.serves("/style_monet.pth", official_checkpoint(torch, tmp_path / "net.pth").read_bytes())
    assert main(["models", "download", "style_monet", "--base-url", site.url, "--json"]) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [event["event"] for event in events if event["event"] != "DownloadProgressed"] == [
        "DownloadStarted",
        "DownloadFinished",
    ]
    card = read_card(folder / "style_monet.onnx")
    assert card is not None
    assert card.direction == "photo → Monet"
    assert "they state none" in card.licence
    assert "WikiArt" in card.data
    assert card.source["url"] == f"{site.url}/style_monet.pth"


def official_checkpoint(torch, path: Path) -> Path:  # type: ignore[no-untyped-def]  # torch: the module
    """Save a small network with the keys of the official checkpoints (ResNet, 6 blocks, instance norm, no dropout)."""
    nn, width = torch.nn, 4

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            half = [nn.ReflectionPad2d(1), nn.Conv2d(4 * width, 4 * width, 3), nn.InstanceNorm2d(4 * width)]
            other = [nn.ReflectionPad2d(1), nn.Conv2d(4 * width, 4 * width, 3), nn.InstanceNorm2d(4 * width)]
            self.conv_block = nn.Sequential(*half, nn.ReLU(), *other)

    def norm(channels: int) -> list[object]:
        return [nn.InstanceNorm2d(channels), nn.ReLU()]

    net = nn.Module()
    net.model = nn.Sequential(
        nn.ReflectionPad2d(3),
        nn.Conv2d(3, width, 7),
        *norm(width),
        nn.Conv2d(width, 2 * width, 3, 2, 1),
        *norm(2 * width),
        nn.Conv2d(2 * width, 4 * width, 3, 2, 1),
        *norm(4 * width),
        *[Block() for _ in range(6)],
        nn.ConvTranspose2d(4 * width, 2 * width, 3, 2, 1, 1),
        *norm(2 * width),
        nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1),
        *norm(width),
        nn.ReflectionPad2d(3),
        nn.Conv2d(width, 3, 7),
        nn.Tanh(),
    )
    torch.save(net.state_dict(), path)
    return path


def test_what_is_no_model_is_not_kept(
    site: Site, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = site.serves("/net.onnx", b"<!DOCTYPE html><html>sign in</html>")
    assert main(["models", "download", url]) == 1
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("cgconv: ")
    assert list((tmp_path / "coming").iterdir()) == []
    assert not folder.exists()


def test_a_file_that_is_no_data_set_vouches_for_nothing(
    site: Site, folder: Path, record: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its hash was noted, so that the file that the server had afterwards was refused."""
    url = site.serves("/set.zip", b"not yet a zip file")
    command = ["data", "download", url, "--out", str(tmp_path / "set")]
    assert main(command) == 1
    assert not record.exists()
    picture = cv2.imencode(".png", np.zeros((70, 70, 3), np.uint8))[1].tobytes()
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as archive:
        archive.writestr("trainA/0.png", picture)
    site.serves("/set.zip", (tmp_path / "good.zip").read_bytes())
    assert main(command) == 0
    assert set(json.loads(record.read_text())) == {url}
    for rest in (".cgconv-set.zip", ".cgconv-set.zip.part"):  # what a kill leaves once the folder is there
        (tmp_path / rest).touch()
    assert main(command) == 2
    assert sorted(path.name for path in tmp_path.glob("*.zip*")) == ["good.zip"]
    assert not list(tmp_path.glob(".cgconv-*"))


def test_a_file_that_is_not_there_leaves_nothing_behind(
    site: Site, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    assert main(["data", "download", f"{site.url}/gone.zip", "--out", str(tmp_path / "here" / "set")]) == 1
    assert "404" in capfd.readouterr().err
    assert list((tmp_path / "here").iterdir()) == []


def test_a_wrong_hash_ends_the_command_with_one_line(
    site: Site, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "download", site.serves("/net.onnx", BODY), "--sha256", OTHER_HASH, "--json"]) == 1
    said = capfd.readouterr()
    assert json.loads(said.out.splitlines()[-1])["event"] == "CommandFailed"
    assert HASH in said.err.splitlines()[-1]
    assert main(["models", "download", "http://x.org/a.onnx", "--sha256", "abc"]) == 2
    assert "not a SHA-256" in capfd.readouterr().err


def test_a_killed_command_goes_on_where_it_was_and_ctrl_c_says_so(site: Site, tmp_path: Path) -> None:
    data, over = small_resnet(width=48, blocks=1).SerializeToString(), threading.Event()  # more than buffers hold

    def stall(visit: Visit) -> None:
        """Send a third of what is left, and then nothing."""
        begin = visit.range_begin
        rest = data[begin:]
        headers = {"Content_Length": len(rest), "ETag": '"one"'}
        if begin:
            headers["Content_Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        visit.head(206 if begin else 200, **headers)
        visit.body(rest[: len(rest) // 3])
        over.wait()

    url = site.serves("/net.onnx", stall)
    environment = os.environ | {"CGCONV_MODELS": str(tmp_path / "models"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment["XDG_DATA_HOME"] = str(tmp_path / "data")
    command = [sys.executable, "-m", "cgconv.cli", "models", "download", url, "--json"]
    part = tmp_path / "cache" / "cgconv" / "downloads" / ".net.onnx.part"
    sizes = []
    for number, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
        before = part.stat().st_size if part.exists() else 0
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        while not part.exists() or part.stat().st_size <= before:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        out, error = process.communicate(timeout=200)
        assert process.returncode == code
        sizes.append(part.stat().st_size)
    assert 0 < sizes[0] < sizes[1] < len(data)
    assert "the same command continues from there" in error.splitlines()[-1]
    assert json.loads(out.splitlines()[-1])["event"] == "CommandFailed"
    over.set()
    site.serves("/net.onnx", data)
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0
    assert site.asked[-1][1] == f"bytes={sizes[1]}-"
    assert (tmp_path / "models" / "net.onnx").exists()


def test_without_a_name_the_list_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "download"]) == 0
    said = capfd.readouterr()
    assert len(said.out.splitlines()) == 18
    assert "BSD licence; for these weights they state none" in said.err
    assert main(["data", "download", "--json"]) == 0
    assert {entry["name"] for entry in json.loads(capfd.readouterr().out)} >= {"horse2zebra", "maps"}
