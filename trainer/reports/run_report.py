"""Show a run as one page that opens from disk: how it goes, its curves, pictures over time, settings, environment."""

from __future__ import annotations

import base64
import datetime
import html
import importlib.metadata
import json
import math
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
import torch

from cgconv.runtime.backends.processor import processor_name
from cgconv.runtime.errors import UsageError
from cgconv.runtime.html_page import fill_page
from cgconv.runtime.images import write_atomically
from cgconv.runtime.protocol import read_json
from cgconv.trainer.choices import Direction, RecipeName

from .chart import Curve, Look, chart, number

METRICS, CONFIG, ENVIRONMENT, SAMPLES, REPORT = (
    "metrics.jsonl",
    "config.json",
    "environment.json",
    "samples",
    "report.html",
)
MOST_SAMPLES = 20  # grids in the page, evenly spread over the run; the folder keeps all
SAMPLE_EDGE_PX = 1200
RELOAD_S = 60
WEIGHTS = {"average": "averaged weights", "raw": "raw weights", "inputs": "not translated"}

Line = Mapping[str, Any]  # Any: JSON values; one line of metrics.jsonl
Triple = tuple[str, str, str]  # title, note, the last part of the measure's name

MEASURES: Sequence[Triple] = (
    ("KID", "distance to real pictures by features, × 1000; lower is nearer", "kid"),
    ("FID", "another such distance; lower is nearer", "fid"),
    ("Content", "what is kept of the picture, by features; 1 is all", "content"),
    ("L1", "mean difference from the target, of 255", "l1"),
    ("PSNR", "against the target, dB; higher is nearer", "psnr"),
    ("SSIM", "against the target; 1 is equal", "ssim"),
    ("Cycle error", "mean difference after going there and back, of 255", "cycle"),
    ("Checkerboard", "grid in the spectrum; 1 is none, compare with the inputs", "checkerboard"),
)
LOSSES: Sequence[Triple] = (
    ("Generators", "adversarial loss", "gan"),
    ("Discriminators", "loss", "discriminator"),
    ("Cycle", "loss: difference after going there and back", "cycle"),
    ("Identity", "loss: change of what is of the right kind already", "identity"),
)


def write_environment(out: Path, command: Sequence[str]) -> None:
    """Write environment.json into the run's folder: versions, machine, and the command as it was given."""
    facts = {
        "command": " ".join(command),
        "cgconv": _version("cgconv"),
        "torch": torch.__version__,
        "lightning": _version("lightning"),
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "processor": processor_name(),
        "cores": str(os.cpu_count() or "unknown"),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none",
        "started": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    write_atomically(out / ENVIRONMENT, (json.dumps(facts, indent=2) + "\n").encode())


def read_metrics(out: Path) -> list[dict[str, Any]]:  # Any: JSON values
    """Return the lines of a run's metrics.jsonl, each with its `event`.

    Left out are broken lines, and those that a resumed run did again: it goes on from its last checkpoint.
    """
    path = out / METRICS
    lines: list[dict[str, Any]] = []
    for text in path.read_bytes().splitlines() if path.is_file() else []:
        line = read_line(text)
        if line is not None:
            while lines and lines[-1]["images_seen"] > line["images_seen"]:
                lines.pop()
            lines.append(line)
    return lines


def read_line(text: bytes) -> dict[str, Any] | None:  # Any: JSON values
    """Return a line of metrics.jsonl with its `event`; None where it is damaged, or no event that a page shows."""
    try:
        line = read_json(text)
    except ValueError:
        return None
    if not isinstance(line, dict) or not isinstance(line.get("images_seen"), int):
        return None
    line = {"event": "TrainProgressed", **line}  # lines of cgconv 0.1 did not say
    numbers = [line.get(name, 0.0) for name in _NUMBERS]
    match line["event"]:
        case "TrainProgressed":
            named, fits = line.get("losses"), "images_total" in line
        case "Evaluated":
            named, fits = line.get("metrics"), isinstance(line.get("protocol", ""), str)
            fits = fits and isinstance(named, dict) and "score" in named
        case "TrainWarned":
            named, fits = {}, isinstance(line.get("message"), str)
        case _:
            return None
    are_numbers = isinstance(named, dict) and all(_is_number(value) for value in [*numbers, *named.values()])
    return line if fits and are_numbers and math.isfinite(line.get("seconds_left", 0.0)) else None


_NUMBERS = (
    "images_seen",
    "images_total",
    "images_per_second",
    "seconds_left",
    "data_wait",
    "learning_rate",
    "seconds",
    "step",
)


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return True
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 62


def write_report(out: Path) -> Path:
    """Write report.html into a run's folder, from the files there, and return it; nothing else is needed to open it.

    While the run goes on it may be written again at any time: it is replaced in one step, and reloads itself.
    Raises UsageError where `out` is no run; OutputError.
    """
    if not (out / CONFIG).is_file():
        raise UsageError(f"{out}: holds no run ({CONFIG} is not there)")
    lines = read_metrics(out)
    config, environment = _read_json(out / CONFIG), _read_json(out / ENVIRONMENT)
    progress = [line for line in lines if line["event"] == "TrainProgressed"]
    evaluations = [line for line in lines if line["event"] == "Evaluated"]
    last = progress[-1] if progress else {}
    most = max((float(line.get("images_seen", 0)) for line in lines), default=1.0)
    values = {
        "title": html.escape(out.resolve().name),
        "kinds": html.escape(_kinds(config)),
        "state": _state(last),
        "reload": "true" if last and last["images_seen"] < last["images_total"] else "false",
        "seconds": str(RELOAD_S),
        "warnings": _warnings(lines),
        "numbers": _numbers(evaluations, _sides(config)),
        "samples": _samples(sorted((out / SAMPLES).glob("*.jpg")), config),
        "measures": _measures(evaluations, _sides(config), most) or "<p>No evaluation yet.</p>",
        "losses": _losses(progress, most) or "<p>No report yet.</p>",
        "config": _settings(config),
        "environment": _facts(environment),
    }
    page = fill_page(Path(__file__).with_name("run_report.html"), values)
    write_atomically(out / REPORT, page.encode("utf-8", "replace"))
    return out / REPORT


def _state(last: Line) -> str:
    """Return how far the run is, as a bar and a line of words."""
    if not last:
        return "<p>Nothing has been reported yet.</p>"
    seen, total = last["images_seen"], max(last["images_total"], 1)
    done = seen >= total
    written = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    parts = [f"<b>{'finished' if done else f'{seen / total:.0%}'}</b>", f"{seen:,} of {total:,} images"]
    parts.append(f"{number(last.get('images_per_second', 0.0))} per second")
    if not done:
        parts.append(f"{_duration(last.get('seconds_left', 0.0))} left")
    parts.append(f"waiting for pictures {last.get('data_wait', 0.0):.0%}")
    parts.append(f"learning rate {last.get('learning_rate', 0.0):.2g}")
    parts.append(f"written {written}")
    bar = f'<div class="bar"><i style="width:{min(seen / total, 1):.1%}"></i></div>'
    return f"{bar}<p>{' · '.join(parts)}</p>"


def _warnings(lines: Iterable[Line]) -> str:
    items = [
        f"<li><b>after {line['images_seen']:,} images</b> {html.escape(line['message'])}</li>"
        for line in lines
        if line["event"] == "TrainWarned"
    ]
    return f'<ul class="warnings">{"".join(items)}</ul>' if items else '<p class="fine">No warnings.</p>'


def _numbers(evaluations: Sequence[Line], sides: Mapping[str, str]) -> str:
    """Return the last evaluation as a table: a column for each measure, rows for what is judged."""
    if not evaluations:
        return ""
    line = evaluations[-1]
    metrics = line["metrics"]
    best = min(evaluations, key=lambda one: one["metrics"].get("score", float("inf")))
    rows = {}
    for direction, side in sides.items():
        for weights, name in WEIGHTS.items():
            prefix = f"{weights}.{direction}."
            found = {key.removeprefix(prefix): value for key, value in metrics.items() if key.startswith(prefix)}
            if found:
                rows[html.escape(f"{side}, {name}")] = found
    columns = [(title, key) for title, _, key in MEASURES if any(key in found for found in rows.values())]
    head = "".join(f"<th>{title}</th>" for title, _ in columns)
    body = "".join(
        f"<tr><th>{name}</th>{''.join(_cell(found.get(key)) for _, key in columns)}</tr>"
        for name, found in rows.items()
    )
    return (
        f"<p>After {line['images_seen']:,} images. Best score so far {number(best['metrics']['score'])}, after"
        f" {best['images_seen']:,} images (lower is better).</p>"
        f'<div class="wide"><table><tr><td></td>{head}</tr>{body}</table></div>'
        f"<small>{html.escape(line.get('protocol', ''))}</small>"
    )


def _cell(value: float | None) -> str:
    return "<td></td>" if value is None else f"<td>{number(value)}</td>"


def _measures(evaluations: Sequence[Line], sides: Mapping[str, str], most: float) -> str:
    """Return a chart for each measure: a color for each direction, raw weights faint, the inputs' own dashed."""
    looks = {"average": Look.PLAIN, "raw": Look.FAINT, "inputs": Look.LEVEL}
    if not any(name.startswith("average.") for line in evaluations for name in line["metrics"]):
        looks["raw"] = Look.PLAIN
    charts = []
    for title, note, key in MEASURES:
        curves = []
        for weights, look in looks.items():
            for color, (direction, side) in enumerate(sides.items()):
                name = f"{weights}.{direction}.{key}"
                points = [
                    (line["images_seen"], line["metrics"][name]) for line in evaluations if name in line["metrics"]
                ]
                curves.append(
                    Curve(f"{side}{'' if look is Look.PLAIN else f', {WEIGHTS[weights]}'}", points, color, look)
                )
        charts.append(chart(title, note, curves, most=most))
    return "".join(charts)


def _losses(progress: Sequence[Line], most: float) -> str:
    """Return a chart for each kind of loss, one for those of no known kind, and one for the learning rate."""
    names = list(dict.fromkeys(name for line in progress for name in line["losses"]))
    charts, shown = [], set()
    for title, note, kind in LOSSES:
        mine = [name for name in names if name.split("_")[0] == kind]
        shown |= set(mine)
        charts.append(chart(title, note, [_loss(progress, name, color) for color, name in enumerate(mine)], most=most))
    rest = [name for name in names if name not in shown]
    charts += [chart(name, "loss", [_loss(progress, name, 0)], most=most) for name in rest]
    for title, note, key in (
        ("Learning rate", "of the generators", "learning_rate"),
        ("Speed", "images a second", "images_per_second"),
    ):
        points = [(line["images_seen"], line[key]) for line in progress if key in line]
        charts.append(chart(title, note, [Curve(title.lower(), points)], most=most))
    return "".join(charts)


def _loss(progress: Sequence[Line], name: str, color: int) -> Curve:
    points = [(line["images_seen"], line["losses"][name]) for line in progress if name in line["losses"]]
    return Curve(name, points, color, Look.NOISY)


def _samples(paths: Sequence[Path], config: Line) -> str:
    """Return the grids under a slider, the last one shown."""
    if not paths:
        return "<p>No pictures yet.</p>"
    count = min(MOST_SAMPLES, len(paths))
    chosen = [paths[round(at * (len(paths) - 1) / max(count - 1, 1))] for at in range(count)]
    shown = [(path, data) for path in chosen if (data := _embedded(path))]
    if not shown:
        return "<p>The pictures could not be read.</p>"
    end = shown[-1][0]
    images = "".join(
        f'<img src="{data}" alt="after {_seen(path)} images" data-seen="{_seen(path)}"'
        f' data-file="{SAMPLES}/{quote(path.name)}"{"" if path is end else " hidden"}>'
        for path, data in shown
    )
    labels = [html.escape(label) for label in _columns(config)]
    last = len(shown) - 1
    return (
        '<div class="samples"><div class="at"><button type="button" data-step="-1" aria-label="Earlier">◀</button>'
        f'<input type="range" min="0" max="{last}" value="{last}" aria-label="Pictures over time">'
        '<button type="button" data-step="1" aria-label="Later">▶</button>'
        f'<output>after {_seen(end)} images</output> <a href="{SAMPLES}/{quote(end.name)}">full size</a></div>'
        f'<div class="labels">{"".join(f"<span>{label}</span>" for label in labels)}</div>'
        f'<div class="grids">{images}</div></div>'
    )


def _columns(config: Line) -> list[str]:
    """Return what the columns of a grid show, as samples.py puts them side by side."""
    source, target = _ways(config)[0]
    match config.get("recipe"):
        case RecipeName.PIX2PIX | RecipeName.DISTILL:
            return [source, f"→ {target}", target]
        case RecipeName.CUT:
            return [source, f"→ {target}"]
    return [label for one, other in _ways(config) for label in (one, f"→ {other}", f"back to {one}")]


def _embedded(path: Path) -> str:
    """Return a picture as a data URI, not wider than SAMPLE_EDGE_PX; empty where it cannot be read."""
    try:
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return ""
    if image is None:
        return ""
    scale = SAMPLE_EDGE_PX / image.shape[1]
    if scale < 1:
        size = (SAMPLE_EDGE_PX, max(1, round(image.shape[0] * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 82])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def _seen(path: Path) -> str:
    return f"{int(path.stem):,}" if path.stem.isdecimal() else html.escape(path.stem)


def _settings(config: Line) -> str:
    """Return the config as one small table for each of its parts."""
    tables = []
    for part, settings in config.items():
        rows = settings.items() if isinstance(settings, dict) else [("", settings)]
        body = "".join(
            f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>" for name, value in rows
        )
        tables.append(f"<table><caption>{html.escape(str(part))}</caption>{body}</table>")
    return "".join(tables)


def _facts(environment: Line) -> str:
    if not environment:
        return "<p>Not written down.</p>"
    rows = environment.items()
    return (
        "<table>"
        + "".join(
            f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>" for name, value in rows
        )
        + "</table>"
    )


def _names(config: Line) -> tuple[str, str]:
    run = config.get("run")
    run = run if isinstance(run, dict) else {}
    return str(run.get("name_a", "a")), str(run.get("name_b", "b"))


def _ways(config: Line) -> list[tuple[str, str]]:
    """Return from which kind to which the run translates."""
    a, b = _names(config)
    if config.get("recipe", RecipeName.CYCLEGAN) == RecipeName.CYCLEGAN:
        return [(a, b), (b, a)]
    return [(b, a)] if config.get("direction") == Direction.B2A else [(a, b)]


def _kinds(config: Line) -> str:
    ways = _ways(config)
    return (" ↔ " if len(ways) == 2 else " → ").join(ways[0])


def _sides(config: Line) -> dict[str, str]:
    name_a, name_b = _names(config)
    return {"ab": f"{name_a} → {name_b}", "ba": f"{name_b} → {name_a}"}


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def _read_json(path: Path) -> dict[str, Any]:  # Any: JSON values
    try:
        found = read_json(path.read_bytes())
    except (OSError, ValueError):  # policy: a page with a gap is better than none
        return {}
    return found if isinstance(found, dict) else {}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
