"""Measure how close a film job comes to what the machine allows, and that its memory does not grow with length.

    python benchmarks/film_pipeline.py MODEL [--film FILM] [--frames 300] [--size 960x540] [--rounds 3]

End to end can be no faster than the backend alone, nor than all cores busy with what each frame costs in decoding,
translating and encoding. The last line is how much of the smaller of the two is reached.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from cgconv.runtime.backends.processor import usable_cores
from cgconv.runtime.doctor import unchanging_model
from cgconv.runtime.events import BackendOpened
from cgconv.runtime.films.encoding import choose_encoding
from cgconv.runtime.films.job import FilmOptions, translate_film
from cgconv.runtime.films.reader import FilmReader
from cgconv.runtime.films.segment_writer import SegmentWriter
from cgconv.runtime.translate.shared_translator import Translates
from cgconv.runtime.translator import open_translator


class Unchanged:
    """Translates nothing: what remains is the cost of the film itself."""

    card = unchanging_model()[1]
    sha256 = "unchanged"

    def translate(self, batch: np.ndarray) -> np.ndarray:
        """Return the batch."""
        return batch

    def describe(self) -> BackendOpened:
        """Say that nothing runs."""
        return BackendOpened("none", "none", "cpu", "none", "for measuring")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a model's name or file; `none` measures the film alone")
    parser.add_argument("--film", type=Path, help="default: one made on the spot")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", default="960x540")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--memory", action="store_true", help="only: peak memory for this length and four times it")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        if options.memory:
            measure_memory(Path(folder), options.frames, (width, height), options.model)
            return
        film = options.film or make_film(Path(folder) / "film.mp4", options.frames, (width, height))
        if options.model == "none":
            measure(film, Unchanged(), options)
            return
        with open_translator(options.model) as translator:
            print(f"{options.model}: {translator.describe()}")
            measure(film, translator, options)


def measure(film: Path, translator: Translates, options: argparse.Namespace) -> None:
    """Time the stages one by one and then all together, in turns, and print the medians."""
    cores = usable_cores()
    images = decode(film, keep=60)
    batches = [np.stack(images[at : at + options.batch]) for at in range(0, len(images), options.batch)]
    for batch in batches[:3]:
        translator.translate(batch)  # to warm up
    painted = [image for batch in batches for image in translator.translate(batch)]
    table: dict[str, list[tuple[float, float]]] = {"decode": [], "translate": [], "encode": [], "end to end": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            table["decode"].append(clock(lambda: len(decode(film))))
            table["translate"].append(clock(lambda: sum(len(translator.translate(batch)) for batch in batches)))
            table["encode"].append(clock(lambda: encode(film, painted * 3, Path(folder))))
            target = Path(folder) / f"{number}.mp4"
            table["end to end"].append(clock(lambda: run(film, target, translator, options.batch)))  # noqa: B023
    print(f"{film.name}, {images[0].shape[1]}×{images[0].shape[0]}, {cores} cores, medians of {options.rounds}")
    wall = {name: statistics.median(one for one, _ in rows) for name, rows in table.items()}
    core = {name: statistics.median(one for _, one in rows) for name, rows in table.items()}
    for name in table:
        print(f"  {name:<11} {1 / wall[name]:7.2f} frames/s   {1000 * core[name]:7.1f} core-ms a frame")
    busy = cores / sum(core[name] for name in ("decode", "translate", "encode"))
    bound = min(busy, 1 / wall["translate"])
    print(f"  all cores busy with the three stages: {busy:.2f} frames/s; backend alone: {1 / wall['translate']:.2f}")
    print(f"  end to end is {1 / wall['end to end'] / bound:.3f} of the smaller (wanted: 0.95)")


def clock(work: Callable[[], int]) -> tuple[float, float]:
    """Return seconds and core-seconds a frame; `work` returns how many frames it did."""
    began, used = time.perf_counter(), time.process_time()
    frames = work()
    return (time.perf_counter() - began) / frames, (time.process_time() - used) / frames


def decode(film: Path, keep: int | None = None) -> list[np.ndarray]:
    """Return the first images of a film, or of all a pixel each, to save memory."""
    with FilmReader(film) as reader:
        images = []
        for frame in reader.frames():
            images.append(frame.image if keep else frame.image[:1, :1].copy())
            if keep and len(images) == keep:
                break
        return images


def encode(film: Path, images: list[np.ndarray], folder: Path) -> int:
    """Encode images as a job would."""
    with FilmReader(film) as reader:
        info = reader.info
    height, width = images[0].shape[:2]
    encoding = choose_encoding(info, suffix=".mp4", image_hw=(height, width))
    writer = SegmentWriter(
        folder / "segment.mkv", encoding, colors=info.colors.for_size(height), image_hw=(height, width), rate=info.rate
    )
    for image in images:
        writer.write(image)
    writer.close()
    return len(images)


def run(film: Path, target: Path, translator: Translates, batch: int) -> int:
    """Translate the film and return its number of frames."""
    job = translate_film(film, target, translator, FilmOptions(batch=batch), cancel=threading.Event())
    while True:
        try:
            next(job)
        except StopIteration as stop:
            return int(stop.value["frames"])


def make_film(path: Path, frames: int, size_wh: tuple[int, int]) -> Path:
    """Write a film as hard to encode as an ordinary one: detail that drifts, and a little grain."""
    width, height = size_wh
    random = np.random.default_rng(1)
    canvas = random.normal(0, 1, (height * 2, width * 2, 3)).astype(np.float32)
    scene = np.sum([cv2.GaussianBlur(canvas, (0, 0), sigma) * sigma for sigma in (2, 8, 32)], axis=0)
    scene = 20 + 215 * (scene - scene.min()) / np.ptp(scene)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30, options={"preset": "fast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            x, y = (2 * number) % width, number % height
            grain = random.normal(0, 2, (height, width, 1))
            image = np.clip(scene[y : y + height, x : x + width] + grain, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def measure_memory(folder: Path, frames: int, size_wh: tuple[int, int], model: str) -> None:
    """Print the peak memory of jobs of two lengths, each in a process of its own."""
    script = (
        "import sys, resource; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import film_pipeline as f\n"
        "translator = f.Unchanged() if sys.argv[4] == 'none' else f.open_translator(sys.argv[4])\n"
        "frames = f.run(Path(sys.argv[2]), Path(sys.argv[3]), translator, 1)\n"
        "print(f'{frames:6d} frames: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most')"
    )
    for length in (frames, 4 * frames):
        film = make_film(folder / f"{length}.mp4", length, size_wh)
        arguments = [str(Path(__file__).parent), str(film), str(folder / f"{length}.out.mp4"), model]
        subprocess.run([sys.executable, "-c", script, *arguments], check=True)


if __name__ == "__main__":
    main()
