"""The before/after page opens from disk, whatever its files are called and hold."""

from __future__ import annotations

import base64
import re
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from cgconv.runtime.page import write_page


class Tags(HTMLParser):
    """All tags of a page with their attributes."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = page.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def paint(path: Path, size_wh: tuple[int, int] = (40, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size_wh, "teal").save(path)
    return path


def film(path: Path) -> Path:
    codec, pix_fmt = ("libx264", "yuv420p") if path.suffix != ".avi" else ("mpeg4", "yuv420p")
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    "name", ["a b.png", "ä#?%&+.png", "<script>alert(1)</script>.png".replace("/", "_"), "a:b'\".png"]
)
def test_links_lead_to_files_with_any_name(tmp_path: Path, name: str) -> None:
    before, after = paint(tmp_path / "in" / name), paint(tmp_path / "out put" / name)
    page = tmp_path / "pages" / "page.html"
    write_page([(before, after)], page, 'Title <b> & "more" {figures}')
    tags = Tags(page)
    sources = [str(image["src"]) for image in tags.all("img")]
    assert len(sources) == 2
    for source, file in zip(sources, (after, before), strict=True):
        assert urlsplit(source).scheme == "", "a relative link"
        assert (page.parent / unquote(source)).resolve() == file
    assert "<script>alert" not in tags.text
    assert tags.text.count("<figure>") == 1, "a title is text, whatever it looks like"


def test_nothing_comes_from_a_network_and_pictures_load_when_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_page([(paint(tmp_path / "a.png"), paint(tmp_path / "b.png"))], page, "t")
    tags = Tags(page)
    assert not re.search(r"https?://|@import|url\(", tags.text)
    assert all(image["loading"] == "lazy" for image in tags.all("img"))


def test_the_divider_is_a_slider_that_keyboards_and_readers_know(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_page([(paint(tmp_path / "a.png"), paint(tmp_path / "b.png"))], page, "t")
    (slider,) = Tags(page).all("input")
    assert slider["type"] == "range"
    assert "b.png" in str(slider["aria-label"])


def test_the_page_keeps_room_for_pictures_before_they_load(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_page([(paint(tmp_path / "a.png"), paint(tmp_path / "b.png", (80, 40)))], page, "t")
    assert "aspect-ratio:80/40" in page.read_text(encoding="utf-8")


def test_what_browsers_cannot_show_is_embedded_small(tmp_path: Path) -> None:
    deep = np.full((2000, 3000, 3), 40_000, np.uint16)
    cv2.imwrite(str(tmp_path / "a.tiff"), deep)
    page = tmp_path / "page.html"
    write_page([(tmp_path / "a.tiff", tmp_path / "a.tiff")], page, "t")
    (first, _) = Tags(page).all("img")
    head, _, data = str(first["src"]).partition(",")
    assert head == "data:image/jpeg;base64"
    preview = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert preview is not None
    assert max(preview.shape) == 1280
    assert abs(int(preview.mean()) - 40_000 // 257) <= 2


def test_films_play_side_by_side_with_the_results_sound(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_page([(film(tmp_path / "a.mp4"), film(tmp_path / "b.mp4"))], page, "t")
    tags = Tags(page)
    after, before = tags.all("video")
    assert "muted" in before
    assert "muted" not in after
    assert len(tags.all("button")) == 1


def test_films_that_browsers_do_not_play_are_shown_as_a_frame(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_page([(film(tmp_path / "a.avi"), film(tmp_path / "b.mkv"))], page, "t")
    tags = Tags(page)
    assert not tags.all("video")
    assert all(str(image["src"]).startswith("data:image/jpeg") for image in tags.all("img"))
    assert "do not play this format" in tags.text


def test_a_broken_file_does_not_stop_the_page(tmp_path: Path) -> None:
    (tmp_path / "a.tiff").write_bytes(b"II*\0 and no more")
    page = tmp_path / "page.html"
    write_page([(tmp_path / "a.tiff", tmp_path / "gone.png")], page, "t")
    assert len(Tags(page).all("img")) == 2
