"""Print how long cgconv takes to answer --help and to translate the first picture of a fresh process.

    python benchmarks/start_speed.py --model monet

Each is a median of five runs after one that warms the disk's cache and the record of what this processor can do.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

RUNS = 5
SIZE_HW = (427, 640)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="monet", help="a model's name or path")
    model = parser.parse_args().model
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        noise = np.random.default_rng(0).integers(0, 256, (SIZE_HW[0] // 8 + 1, SIZE_HW[1] // 8, 3), np.uint8)
        cv2.imwrite(str(picture), cv2.resize(noise, SIZE_HW[::-1], interpolation=cv2.INTER_CUBIC))
        commands: dict[str, Sequence[str]] = {
            "cgconv --help": ["--help"],
            f"first picture, {SIZE_HW[1]}×{SIZE_HW[0]}": [
                "images",
                str(picture),
                "--model",
                model,
                "--exists",
                "overwrite",
            ],
        }
        print("| what | seconds, median | fastest | slowest |\n|---|---|---|---|")
        for name, arguments in commands.items():
            seconds = [seconds_of(arguments) for _ in range(RUNS + 1)][1:]
            print(
                f"| {name} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} |", flush=True
            )


def seconds_of(arguments: Sequence[str]) -> float:
    """Return the wall time of one cgconv process; leave with what it said where it fails."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "cgconv.cli", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
