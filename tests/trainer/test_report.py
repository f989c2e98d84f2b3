"""A run's page opens by itself and shows what the run's files say."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from cgconv.runtime.errors import UsageError

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from cgconv.trainer.reports.chart import Curve, Look, chart  # noqa: E402
from cgconv.trainer.reports.run_report import MOST_SAMPLES, read_metrics, write_environment, write_report  # noqa: E402


def progress(images_seen: int, total: int = 1000, **losses: float) -> dict[str, object]:
    return {
        "event": "TrainProgressed",
        "step": images_seen,
        "images_seen": images_seen,
        "images_total": total,
        "losses": losses or {"gan_ab": 0.5, "cycle_a": 0.3, "discriminator_a": 0.2, "nce": 0.1},
        "images_per_second": 2.5,
        "seconds_left": 3700.0,
        "data_wait": 0.01,
        "learning_rate": 2e-4,
    }


def evaluated(images_seen: int, distance: float) -> dict[str, object]:
    metrics = {"average.ab.kid": distance, "raw.ab.kid": distance + 9, "inputs.ab.kid": 190.0, "score": distance / 190}
    return {"event": "Evaluated", "images_seen": images_seen, "metrics": metrics, "protocol": "40 <held-out> pictures"}


def write_run(out: Path, lines: list[dict[str, object]], samples: int = 0) -> Path:
    (out / "samples").mkdir(parents=True)
    (out / "config.json").write_text(json.dumps({"run": {"name_a": "horse & co", "name_b": "zebra", "seed": 7}}))
    (out / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for number in range(samples):
        image = np.full((40, 1500, 3), number, np.uint8)
        cv2.imwrite(str(out / "samples" / f"{(number + 1) * 100:08d}.jpg"), image)
    return out


def test_a_fast_run_says_its_pace_in_whole_pictures(tmp_path: Path) -> None:
    page = write_report(write_run(tmp_path, [{**progress(500), "images_per_second": 123.4}])).read_text(
        encoding="utf-8"
    )
    assert "123 per second" in page


def test_the_page_shows_how_far_the_run_is_and_what_it_measured(tmp_path: Path) -> None:
    lines = [progress(100), evaluated(100, 150.0), progress(500), evaluated(500, 97.4)]
    warning = {"event": "TrainWarned", "images_seen": 500, "message": "a → b inverts <colors>"}
    write_environment(write_run(tmp_path / "run", [*lines, warning], samples=3), ["cgconv", "train", "a", "b"])
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "50%" in page
    assert "500 of 1,000 images" in page
    assert "1 h 02 min left" in page
    assert "2.5 per second" in page
    assert "inverts &lt;colors&gt;" in page
    assert "40 &lt;held-out&gt; pictures" in page
    assert "horse &amp; co → zebra, averaged weights" in page
    assert "<td>97.4</td>" in page
    assert page.count('class="chart"') == 1 + 4 + 2, "distance, four losses, learning rate, speed"
    assert f"<td>{torch.__version__}</td>" in page
    assert "cgconv train a b" in page
    assert "{{" not in page


@pytest.mark.parametrize(
    ("settings", "labels", "kinds"),
    [
        (
            {},
            ["horse &amp; co", "→ zebra", "back to horse &amp; co", "zebra", "→ horse &amp; co", "back to zebra"],
            "horse &amp; co ↔ zebra",
        ),
        (
            {"recipe": "pix2pix", "direction": "b2a"},
            ["zebra", "→ horse &amp; co", "horse &amp; co"],
            "zebra → horse &amp; co",
        ),
        ({"recipe": "cut", "direction": "a2b"}, ["horse &amp; co", "→ zebra"], "horse &amp; co → zebra"),
    ],
)
def test_the_grids_columns_are_those_that_the_recipe_has(
    tmp_path: Path, settings: dict[str, str], labels: list[str], kinds: str
) -> None:
    out = write_run(tmp_path / "run", [progress(100)], samples=1)
    (out / "config.json").write_text(json.dumps({**json.loads((out / "config.json").read_text()), **settings}))
    page = write_report(out).read_text(encoding="utf-8")
    shown = re.search('<div class="labels">(.*?)</div>', page)
    assert shown is not None
    assert re.findall("<span>(.*?)</span>", shown[1]) == labels
    assert kinds in page


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    page = write_report(write_run(tmp_path / "run", [progress(100)], samples=2)).read_text(encoding="utf-8")
    assert not re.findall(r"https?://|@import|<link|<script src", page)
    sources = re.findall(r'src="([^"]+)"', page)
    assert len(sources) == 2
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(sources[0].split(",")[1]), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape[:2] == (32, 1200), "wide grids are shrunk"


def test_a_long_run_shows_evenly_spread_pictures_with_the_last(tmp_path: Path) -> None:
    page = write_report(write_run(tmp_path / "run", [progress(100)], samples=45)).read_text(encoding="utf-8")
    seen = re.findall(r'data-seen="([^"]+)"', page)
    assert len(seen) == MOST_SAMPLES
    assert (seen[0], seen[-1]) == ("100", "4,500")
    assert page.count(" hidden>") == MOST_SAMPLES - 1


def test_a_run_that_has_just_begun_has_a_page_too(tmp_path: Path) -> None:
    page = write_report(write_run(tmp_path / "run", [])).read_text(encoding="utf-8")
    assert "Nothing has been reported yet" in page
    assert "const running = false" in page
    with pytest.raises(UsageError, match="holds no run"):
        write_report(tmp_path)


def test_only_a_run_that_goes_on_reloads_its_page(tmp_path: Path) -> None:
    going = write_report(write_run(tmp_path / "going", [progress(100)])).read_text(encoding="utf-8")
    done = write_report(write_run(tmp_path / "done", [progress(1000)])).read_text(encoding="utf-8")
    assert "const running = true" in going
    assert "const running = false" in done
    assert "<b>finished</b>" in done


def test_lines_that_a_resumed_run_did_again_or_a_killed_one_broke_do_not_count(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [progress(100), progress(200), progress(300), progress(150), progress(200)])
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"event": "TrainProg')
    assert [line["images_seen"] for line in read_metrics(run)] == [100, 150, 200]


def test_lines_of_the_first_version_are_read(tmp_path: Path) -> None:
    line = progress(100)
    del line["event"]
    assert read_metrics(write_run(tmp_path / "run", [line]))[0]["event"] == "TrainProgressed"


def test_a_damaged_sample_is_left_out(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [progress(100)], samples=2)
    (run / "samples" / "00000200.jpg").write_bytes(b"not a picture")
    assert re.findall(r'data-seen="([^"]+)"', write_report(run).read_text(encoding="utf-8")) == ["100"]


def svg_of(figure: str) -> ElementTree.Element:
    found = re.search(r"<svg.*</svg>", figure)
    assert found is not None
    return ElementTree.fromstring(found[0])


def test_a_curve_goes_through_its_points() -> None:
    figure = svg_of(chart("t", "", [Curve("x", [(0, 0.0), (50, 5.0), (100, 10.0)])], most=100))
    (line,) = figure.findall("polyline")
    corners = [tuple(map(float, corner.split(","))) for corner in line.attrib["points"].split()]
    (left, bottom), (middle_x, middle_y), (right, top) = corners
    assert middle_x == pytest.approx((left + right) / 2, abs=0.1)
    assert middle_y == pytest.approx((bottom + top) / 2, abs=0.1)
    assert bottom > top, "up is more"
    texts = [text.text for text in figure.findall("text")]
    assert texts[:6] == ["0", "2", "4", "6", "8", "10"]


def test_large_values_are_written_out() -> None:
    """KID on untrained pictures stood there as 1.23e+03."""
    shown = chart("KID", "", [Curve("x", [(0, 2318.4), (50, 1234.5)]), Curve("y", [(0, 0.25), (50, 0.0002)])], most=50)
    assert re.findall(r"<b>([^<]+)</b>", shown)[-2:] == ["1,234", "0.0002"]


def test_noise_is_smoothed_over_a_faint_copy_and_spikes_leave_the_chart() -> None:
    points = [(float(x), 1.0 + (x % 2)) for x in range(250)]
    points[100] = (100.0, 1e6)
    figure = svg_of(chart("t", "", [Curve("loss", points, look=Look.NOISY)], most=250))
    faint, bold = figure.findall("polyline")
    assert "faint" in faint.attrib["class"]
    heights = [float(corner.split(",")[1]) for corner in bold.attrib["points"].split()]
    jagged = [float(corner.split(",")[1]) for corner in faint.attrib["points"].split()]
    assert np.ptp(heights[150:]) < 0.3 * np.ptp(jagged[150:])
    assert abs(np.mean(heights[110:130]) - np.mean(heights[200:])) < 5, "a spike does not drag the mean along"
    assert [text.text for text in figure.findall("text")][:6] == ["1", "1.2", "1.4", "1.6", "1.8", "2"]


def test_nothing_finite_makes_no_chart() -> None:
    assert chart("t", "", [Curve("x", [(1, float("nan"))]), Curve("y", [])], most=1) == ""
    assert "<circle" in chart("t", "", [Curve("x", [(1, 3.0), (2, float("inf"))])], most=1)
