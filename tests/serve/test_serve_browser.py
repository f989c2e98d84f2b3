"""Use the page of `cgconv serve` as people do, in a real browser without a screen."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import Served, pixels, png, served
from small_models import photo

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: make test-more installs it")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.more,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here: apt-get install chromium (Debian)"),
]
PATIENCE_MS = 250_000  # pytest's own limit comes next
REBOUND = "rebound.example"  # a name that leads to this computer, as of a page that means no good
BUNDLED = "**/samples/{monet,cezanne,vangogh,zebra,winter,summer}"  # seconds each: not waited for here


@pytest.fixture(scope="module")
def server(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("browser") / "kept") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]
        opened = started.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any, server: Served) -> Iterator[Any]:
    """Give a function that opens the page in a browser of its own; at the end none may have complained."""
    contexts, complaints, asked = [], [], []

    def open_page(address: str = server.url, **how: Any) -> Any:
        context = browser.new_context(**{"locale": "en-US", **how})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.route(BUNDLED, lambda route: route.abort())
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        return page

    playwright.expect.set_options(timeout=PATIENCE_MS)
    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith((server.url, f"http://{REBOUND}:", "blob:"))] == []


def drop(page: Any, name: str, data: bytes) -> None:
    """Let go of a file over the page."""
    given = [name, base64.b64encode(data).decode()]
    dropped = page.evaluate_handle(
        """async ([name, data]) => {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name));
            return transfer;
        }""",
        given,
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})


def test_a_dropped_picture_is_tried_compared_translated_and_fetched(visit: Any, server: Served, tmp_path: Path) -> None:
    expect = playwright.expect
    image = photo((96, 128))[0]
    page, other = visit(), visit(locale="zh-CN", viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    expect(other.locator("#queue h2")).to_have_text("队列")
    drop(page, "holiday.png", png(image))
    expect(page.locator("#caption")).to_have_text("holiday.png · 128×96")
    expect(page.locator("#gallery [data-model=small] img")).to_be_visible()
    page.click("#gallery [data-model=small]")
    expect(page.locator("#compare.pair #after")).to_be_visible()
    expect(page.locator("#busy")).to_be_hidden()
    box = page.locator("#divider").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    cut = float(page.locator("#compare").evaluate("one => one.style.getPropertyValue('--cut')").rstrip("%"))
    assert 20 <= cut <= 30
    page.locator("#strength").fill("50")
    assert page.locator("#after").evaluate("one => getComputedStyle(one).opacity") == "0.5"
    page.click("#translate")
    for tab in (page, other):  # the queue is everybody's
        expect(tab.locator("#jobs li.done .title")).to_have_text("holiday.png · small")
    with page.expect_download() as fetched:
        page.click("#jobs li.done .main")
    assert fetched.value.suggested_filename == "holiday.small.png"
    fetched.value.save_as(tmp_path / "result.png")
    made = (tmp_path / "result.png").read_bytes()
    assert pixels(made).shape == image.shape
    [job] = server.client.get("/api/jobs").json()["jobs"]
    assert (job["options"]["strength"], server.result(job) == made) == (0.5, True)
    other.click("#jobs li.done .look")
    expect(other.locator("#compare.pair #after")).to_be_visible()
    assert other.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is wider than a phone"
    page.click("#jobs li.done >> text=Remove")
    expect(other.locator("#jobs li")).to_have_count(0)


def test_the_language_is_switched_and_stays(visit: Any, server: Served) -> None:
    page = visit()
    page.click("text=中文")
    playwright.expect(page.locator("#queue h2")).to_have_text("队列")
    page.goto(server.url)
    playwright.expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_what_is_no_picture_is_refused_by_its_name(visit: Any) -> None:
    page = visit()
    drop(page, "notes.png", b"only words")
    playwright.expect(page.locator("#alert")).to_contain_text("notes.png")
    playwright.expect(page.locator("#opened")).to_be_hidden()


def test_a_name_that_was_rebound_to_this_computer_is_asked_for_the_token(visit: Any, server: Served) -> None:
    expect = playwright.expect
    port = server.url.rstrip("/").rpartition(":")[2]
    page = visit(f"http://{REBOUND}:{port}/")
    assert page.evaluate("fetch('/api/jobs').then((answer) => answer.status)") == 401
    page.fill("#token", "not the token at all")
    page.click("#login button")
    expect(page.locator("#login_wrong")).to_be_visible()
    page.fill("#token", (server.folder / "token").read_text())
    page.click("#login button")
    expect(page.locator("#limits")).to_contain_text("500 MB")
    expect(page.locator("#login")).to_be_hidden()
    linked = visit(f"http://{REBOUND}:{port}/#token={(server.folder / 'token').read_text()}")
    expect(linked.locator("#limits")).to_contain_text("500 MB")
    assert linked.url == f"http://{REBOUND}:{port}/"
