"""Draw curves as SVG that stands inside a page: no scripts needed to see them, one to read values off."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

Points = list[tuple[float, float]]

WIDTH, HEIGHT = 520, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 24
MOST_POINTS = 300  # of a curve; more are joined to means
SMOOTHING = 0.85  # share of what was before, in the bold line of a noisy curve
SPIKES = 0.005  # the highest share of all values may leave the chart


class Look(StrEnum):
    """How a curve is drawn."""

    PLAIN = "plain"
    FAINT = "faint"  # thin and pale: there for comparison
    NOISY = "noisy"  # smoothed, over a faint copy of itself
    LEVEL = "level"  # a straight dashed line at the last value


@dataclass(frozen=True)
class Curve:
    """One line: points in the order of x, in the page's color c0 to c7."""

    name: str
    points: Sequence[tuple[float, float]]
    color: int = 0
    look: Look = Look.PLAIN


@dataclass(frozen=True)
class _Frame:
    """Where values lie in the picture: x from 0 to `most`, y from `low` to `high`."""

    most: float
    low: float
    high: float

    def x(self, value: float) -> float:
        return round(LEFT + value / self.most * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        part = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(TOP + (1 - part) * (HEIGHT - TOP - BOTTOM), 1)


def chart(title: str, note: str, curves: Sequence[Curve], *, most: float) -> str:
    """Return a `<figure>` of the curves with a legend of their last values; empty where no curve has a point.

    x runs from 0 to `most`, in images seen. Values that are not finite are left out. The page's style gives the
    classes c0 to c7 their colors, and faint and level their looks.
    """
    drawn = [(curve, points) for curve in curves if (points := _thinned(_finite(curve)))]
    if not drawn:
        return ""
    values = sorted(y for _, points in drawn for _, y in points)
    low, high = values[0], values[-1 - int(len(values) * SPIKES)]
    if 0 <= low < 0.5 * high:
        low = 0.0
    steps = _ticks(low, high)
    frame = _Frame(max(most, 1.0), min(low, steps[0]), max(high, steps[-1]))

    parts = []
    for step in steps:
        y = frame.y(step)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{_short(step)}</text>')
    for step in _ticks(0, frame.most):
        anchor = "end" if frame.x(step) > WIDTH - RIGHT - 15 else "middle"
        parts.append(f'<text x="{frame.x(step)}" y="{HEIGHT - 6}" text-anchor="{anchor}">{_short(step)}</text>')
    legend, read = [], []
    for curve, points in drawn:
        color, shown = f"c{curve.color % 8}", points
        if curve.look is Look.NOISY:
            parts.append(_line(points, frame, f"faint {color}"))
            shown = _smoothed([(x, min(y, frame.high)) for x, y in points])  # a spike shall not drag the mean along
        if curve.look is Look.LEVEL:
            y = frame.y(points[-1][1])
            parts.append(f'<line class="level {color}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        else:
            parts.append(_line(shown, frame, f"{curve.look} {color}"))
            read.append({"name": curve.name, "points": [[x, float(f"{y:.4g}")] for x, y in shown]})
        legend.append(
            f'<span class="{curve.look} {color}">{html.escape(curve.name)} <b>{number(shown[-1][1])}</b></span>'
        )
    data = html.escape(json.dumps({"most": frame.most, "from": LEFT, "to": WIDTH - RIGHT, "curves": read}))
    name = html.escape(title)
    return (
        f'<figure class="chart"><figcaption><b>{name}</b> <span>{html.escape(note)}</span></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name}" data-chart="{data}">{"".join(parts)}'
        f'<line class="cross" x1="-9" x2="-9" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/></svg>'
        f'<div class="legend">{"".join(legend)}</div></figure>'
    )


def _finite(curve: Curve) -> Points:
    return [(float(x), float(y)) for x, y in curve.points if math.isfinite(x) and math.isfinite(y)]


def _thinned(points: Points) -> Points:
    """Return at most MOST_POINTS: means of as many neighbors as it takes; the last one stays at its place."""
    each = -(-len(points) // MOST_POINTS)
    if each <= 1:
        return points
    groups = [points[at : at + each] for at in range(0, len(points), each)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def _smoothed(points: Points) -> Points:
    """Return the exponential mean of the values; of the first few the plain mean, so that it begins where they do."""
    smooth, out = 0.0, []
    for number, (x, y) in enumerate(points):
        keep = min(SMOOTHING, number / (number + 1))
        smooth = keep * smooth + (1 - keep) * y
        out.append((x, smooth))
    return out


def _line(points: Points, frame: _Frame, kind: str) -> str:
    if len(points) == 1:
        return f'<circle class="{kind}" cx="{frame.x(points[0][0])}" cy="{frame.y(points[0][1])}" r="2.5"/>'
    corners = " ".join(f"{frame.x(x)},{frame.y(y)}" for x, y in points)
    return f'<polyline class="{kind}" points="{corners}"/>'


def _ticks(low: float, high: float) -> list[float]:
    """Return round values, three to seven of them, from at or above `low` to at or below `high`."""
    spread = high - low
    if spread <= 0:
        spread = abs(high) or 1.0
        low, high = low - spread / 2, high + spread / 2
    step = 10 ** math.floor(math.log10(spread / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if spread / (step * factor) <= 6)
    first = math.ceil(low / step - 1e-9)
    return [round(step * at, 10) for at in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """Return a value as people read it: three digits, all of a large one's, never 1.2e+03."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _short(value: float) -> str:
    """Return a tick's text: 12k for 12,000."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.4g}"
