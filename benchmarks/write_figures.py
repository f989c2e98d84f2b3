"""Write what `cgconv bench` measures here into docs/benchmarks.md, with a plot: `make bench` calls this last."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- make bench writes from here -->", "<!-- to here -->"
_BAR_PX, _LABEL_PX, _ROW_PX = 420, 260, 22


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="monet")
    parser.add_argument("--film", help="a short film, for its stages")
    parser.add_argument("--docs", type=Path, default=DOCS)
    options = parser.parse_args()
    command = [sys.executable, "-m", "cgconv.cli", "bench", "--model", options.model, "--json"]
    if options.film:
        command += ["--film", options.film]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit("cgconv bench did not come to its end; nothing was written")
    write(json.loads(done.stdout), options.docs)


def write(found: dict[str, Any], docs: Path) -> None:  # Any: JSON values
    """Put the table and the plot into their places; all else in the page stays."""
    from cgconv.cli.bench import described
    from cgconv.runtime.bench import from_json

    page = docs / "benchmarks.md"
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or END not in rest:
        raise SystemExit(f"{page}: has no place for figures, {BEGIN} … {END}")
    (docs / "images").mkdir(exist_ok=True)
    (docs / "images" / "bench.svg").write_text(plot(found), encoding="utf-8")
    figures = "\n".join([BEGIN, "![pictures a second](images/bench.svg)", "", *described(from_json(found)), END])
    page.write_text(before + figures + after, encoding="utf-8")


def plot(found: dict[str, Any]) -> str:  # Any: JSON values
    """Return bars of pictures a second, as SVG: one for each way and size, each size to its own scale."""
    timings = [one for one in found["timings"] if one["size_wh"]]
    fastest: dict[tuple[int, ...], float] = {}
    for one in timings:
        size = tuple(one["size_wh"])
        fastest[size] = max(fastest.get(size, 0.0), one["pictures_per_second"])
    title = f"{found['model']} on {found['processor']}, {found['cores']} cores: pictures a second"
    rows = [f'<text x="8" y="16" font-weight="bold">{title}</text>']
    for number, one in enumerate(sorted(timings, key=lambda one: one["size_wh"]), 1):
        top = number * _ROW_PX + 6
        width = _BAR_PX * one["pictures_per_second"] / fastest[tuple(one["size_wh"])]
        edges = "×".join(str(edge) for edge in one["size_wh"])
        label = f"{one['backend']} {one['device']} {one['precision']}, {edges}"
        rows.append(f'<text x="8" y="{top + 13}">{label}</text>')
        rows.append(f'<rect x="{_LABEL_PX}" y="{top}" width="{width:.0f}" height="16" fill="#4a7ab0"/>')
        rows.append(f'<text x="{_LABEL_PX + width + 6:.0f}" y="{top + 13}">{one["pictures_per_second"]:.1f}</text>')
    wide, high = _LABEL_PX + _BAR_PX + 60, (len(timings) + 1) * _ROW_PX + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="13">'
        f'<rect width="{wide}" height="{high}" fill="white"/>' + "".join(rows) + "</svg>\n"
    )


if __name__ == "__main__":
    main()
