"""Make small films of every kind, and look at what became of them."""

from __future__ import annotations

import functools
import hashlib
import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np

from cgconv.runtime.events import BackendOpened, JobProgressed, JobWarned
from cgconv.runtime.films.job import FilmOptions, translate_film

QUARTER_TURNS = {90: [0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30], -90: [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]}


class FakeTranslator:
    """Stands in for a model: `change` is applied to every batch, which is kept in `seen`."""

    def __init__(self, change: Callable[[Any], Any] = lambda batch: batch, *, scale: int = 1, name: str = "fake"):
        self.card = SimpleNamespace(
            scale=scale, name=name, smallest_size=8, working_size_px=None, color_mean=None, color_std=None, familiar={}
        )
        self.sha256 = name
        self.change = change
        self.seen: list[np.ndarray] = []

    def translate(self, batch: np.ndarray) -> np.ndarray:
        self.seen.append(batch)
        return self.change(batch)

    def describe(self) -> BackendOpened:
        return BackendOpened("fake", "fake", "cpu", "fp32", "for a test")


@dataclass
class Run:
    """What a job said, and its result."""

    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    progress: list[JobProgressed] = field(default_factory=list)
    error: BaseException | None = None


def run_film(
    source: Path,
    target: Path,
    translator: Any = None,
    options: FilmOptions | None = None,
    cancel: threading.Event | None = None,
) -> Run:
    """Translate a film (as it is, without a translator) and collect its events; errors are raised."""
    run = Run()
    job = translate_film(
        source, target, translator or FakeTranslator(), options or FilmOptions(), cancel=cancel or threading.Event()
    )
    while True:
        try:
            event = next(job)
        except StopIteration as stop:
            run.facts = stop.value
            return run
        if isinstance(event, JobWarned):
            run.warnings.append(event.message)
        else:
            run.progress.append(event)


def picture(number: int, size_wh: tuple[int, int] = (96, 64)) -> np.ndarray:
    """Return a soft, colorful uint8 image in which a light square wanders; `number` can be read off its place."""
    width, height = size_wh
    image = _slopes(size_wh).copy()
    left = 4 + 3 * number % max(8, width - 24)
    image[height // 2 - 8 : height // 2 + 8, left : left + 16] += 50
    return cv2.GaussianBlur(np.clip(image, 0, 255).astype(np.uint8), (0, 0), 1.5)


@functools.lru_cache
def _slopes(size_wh: tuple[int, int]) -> np.ndarray:
    x, y = np.meshgrid(*(np.linspace(0, 1, edge) for edge in size_wh))
    return np.stack([60 + 120 * x, 50 + 110 * y, 170 - 90 * x], -1)


def make_film(
    path: Path,
    *,
    frames: int = 12,
    size_wh: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times: Sequence[int] | None = None,
    last_duration: int | None = None,
    time_base: Fraction = Fraction(1, 600),
    options: dict[str, str] | None = None,
    matrix: int = 2,
    color_range: int = 0,
    transfer: int = 2,
    rotation: int = 0,
    sample_aspect_ratio: Fraction | None = None,
    sounds: Sequence[str] = (),
    sound_codec: str = "aac",
    sound_first: bool = False,
    sound_delay: int = 0,
    metadata: dict[str, str] | None = None,
    chapters: list[Any] | None = None,
    container_options: dict[str, str] | None = None,
    draw: Callable[[int, tuple[int, int]], np.ndarray] = picture,
) -> Path:
    """Write a film: `times` in `time_base` (default: 30 a second), one track of sound for each language in `sounds`."""
    tick = int(Fraction(1, 30) / time_base)
    times = list(times) if times is not None else [number * tick for number in range(frames)]
    durations = [b - a for a, b in itertools.pairwise(times)]
    durations.append(last_duration or (durations[-1] if durations else tick))
    muxer = dict(container_options or {})
    if path.suffix in (".mp4", ".mov"):
        muxer.setdefault("video_track_timescale", str(time_base.denominator))
    with av.open(str(path), "w", container_options=muxer) as output:
        output.metadata.update(metadata or {})
        if chapters:
            output.set_chapters(chapters)
        tracks = [_add_sound(output, language, sound_codec) for language in sounds] if sound_first else []
        quick = {"preset": "superfast"} if codec == "libx264" and frames >= 300 else {}  # long ones only have to last
        stream = output.add_stream(codec, rate=30, options=options or quick)
        stream.width, stream.height = size_wh
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = time_base
        stream.codec_context.flags |= av.codec.context.Flags.frame_duration
        stream.codec_context.color_range, stream.codec_context.colorspace = color_range, matrix
        stream.codec_context.color_trc = transfer
        if sample_aspect_ratio:
            stream.codec_context.sample_aspect_ratio = sample_aspect_ratio
        if rotation:
            stream.set_display_matrix(QUARTER_TURNS[rotation])
        if not sound_first:
            tracks = [_add_sound(output, language, sound_codec) for language in sounds]
        for track in tracks:
            _write_sound(output, track, float(times[-1] * time_base), sound_delay)
        space = {1: 1, 2: 5, 5: 5, 6: 5, 9: 9}[matrix]
        for number, (pts, duration) in enumerate(zip(times, durations, strict=True)):
            rgb = av.VideoFrame.from_ndarray(draw(number, size_wh), format="rgb24")
            frame = rgb
            if pix_fmt not in ("rgb24", "bgr0", "bgra", "pal8", "rgb8"):
                frame = rgb.reformat(
                    format=pix_fmt,
                    interpolation=0x42020,
                    src_colorspace=space,
                    dst_colorspace=space,
                    src_color_range=2,
                    dst_color_range=color_range or 1,
                )
                frame.color_range, frame.colorspace, frame.color_trc = color_range, matrix, transfer
            else:
                frame = rgb.reformat(format=pix_fmt)
            frame.pts, frame.time_base, frame.duration = pts, time_base, duration
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def _add_sound(output: Any, language: str, codec: str) -> Any:
    track = output.add_stream(codec, rate=48000, layout="mono")
    track.metadata["language"] = language
    return track


def _write_sound(output: Any, track: Any, seconds: float, delay: int) -> None:
    seed = sum(track.metadata["language"].encode())
    samples = 960
    for number in range(int((seconds + 0.2) * 48000 / samples)):
        time = (np.arange(samples) + number * samples) / 48000
        wave = (8000 * np.sin(2 * np.pi * (200 + seed) * time)).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * samples + delay, Fraction(1, 48000)
        output.mux(track.encode(frame))
    output.mux(track.encode(None))


@dataclass
class Facts:
    """What a player would find in a film. Times in seconds, exact."""

    times: list[Fraction]
    durations: list[Fraction]
    images: list[np.ndarray]
    rotation: int
    size_wh: tuple[int, int]
    pix_fmt: str
    codec: str
    tag: str
    sample_aspect_ratio: Fraction | None
    stream_types: list[str]
    sounds: list[tuple[str, list[Fraction]]]  # of each track: a hash of its packets, their times
    languages: list[str | None]


def look_at(path: Path) -> Facts:
    """Read a film back with PyAV alone."""
    times, durations, images = [], [], []
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        for frame in container.decode(video):
            times.append(frame.pts * video.time_base)
            durations.append(frame.duration * video.time_base)
            images.append(exact_rgb(frame, video.codec_context))
        context = video.codec_context
        facts = Facts(
            times,
            durations,
            images,
            int(frame.rotation),
            (frame.width, frame.height),
            frame.format.name,
            context.codec.canonical_name,
            context.codec_tag,
            video.sample_aspect_ratio,
            [stream.type for stream in container.streams],
            [],
            [track.metadata.get("language") for track in container.streams.audio],
        )
    for number in range(len(facts.languages)):
        with av.open(str(path)) as container:
            digest, starts = hashlib.sha256(), []
            for packet in container.demux(audio=number):
                if packet.size:
                    digest.update(bytes(packet))
                    starts.append(packet.pts * packet.time_base)
        facts.sounds.append((digest.hexdigest(), starts))
    return facts


def exact_rgb(frame: av.VideoFrame, context: Any) -> np.ndarray:
    """Return float RGB of 0…255 by the formulas of ITU-T H.273, chroma repeated: no library's short cuts."""
    name = frame.format.name
    if not name.startswith("yuv"):
        return frame.to_ndarray(format="rgb24").astype(np.float64)
    bits = frame.format.components[0].bits
    unit, largest = 2 ** (bits - 8), 2**bits - 1
    planes = []
    for plane in frame.planes:
        values = np.frombuffer(memoryview(plane), np.uint8 if bits == 8 else np.uint16)
        lines = values[: plane.height * plane.line_size // values.itemsize].reshape(plane.height, -1)
        lines = lines[:, : plane.width].astype(np.float64)
        down, across = -(-frame.height // plane.height), -(-frame.width // plane.width)
        planes.append(lines.repeat(down, 0).repeat(across, 1)[: frame.height, : frame.width])
    full = name.startswith("yuvj") or context.color_range == 2
    matrix = int(context.colorspace)
    if matrix == 2:
        matrix = 6 if frame.height <= 576 else 1
    red, blue = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}[matrix]
    y, u, v = planes[:3]  # without transparency
    if full:
        y, u, v = y / largest, (u - 128 * unit) / largest, (v - 128 * unit) / largest
    else:
        y, u, v = (y - 16 * unit) / (219 * unit), (u - 128 * unit) / (224 * unit), (v - 128 * unit) / (224 * unit)
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], -1), 0, 1) * 255


def psnr_db(one: np.ndarray, other: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two images of 0…255."""
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return 10 * np.log10(255**2 / max(error, 1e-9))
