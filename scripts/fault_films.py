"""Faults of films: kills at each stage and at random, damage of the work kept, a full disk, and films that are damaged.

python scripts/fault_films.py POINT N SOURCE FOLDER     translates and is killed at the N-th time it comes to POINT
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

from fault_frame import Lost, Mutations, Row, Trials, Wrong, byte_edits

FRAMES, SEGMENT_FRAMES = 45, 10
# Where a job can be killed, and how often it comes there at most.
POINTS = {
    "decode": FRAMES,
    "translate": FRAMES,
    "encode": FRAMES,
    "close-before": 5,
    "close-after": 5,
    "settle-before": 8,
    "settle-after": 8,
    "write-after": 7,
    "add-after": 5,
    "join-packet": 100,
    "check-before": 1,
    "check-after": 1,
    "rename-before": 1,
    "rename-after": 1,
    "delete-mid": 10,
}


class Unchanged:
    """Stands in for a model."""

    sha256 = "unchanged"

    def __init__(self) -> None:
        from cgconv.runtime.doctor import unchanging_model

        self.card = unchanging_model()[1]

    def translate(self, batch: Any) -> Any:
        """Return the frames as they are."""
        return batch

    def describe(self) -> Any:
        """Say what computes."""
        from cgconv.runtime.events import BackendOpened

        return BackendOpened("none", "none", "cpu", "fp32", "for a test")


def rows() -> list[Row]:
    """Return the rows of this file."""
    return [
        Trials(name="films: kills", tries=100, attempt=kill, limit_s=120),
        Trials(name="films: damage of the work kept", tries=60, attempt=damage, limit_s=60),
        Trials(name="films: a full disk", tries=8, attempt=full_disk, limit_s=60),
        Mutations(name="films: bytes of films", tries=500, make=_films, attempt=translate_damaged, change=_edits),
    ]


def kill(random: Random, folder: Path) -> None:
    """Kill a job once or twice, then let it end: the film is the one it would have been, and nothing lies beside it."""
    source, wanted = whole_film()
    killed = []
    for _ in range(random.choice((1, 1, 1, 2))):
        point = random.choice(sorted(POINTS))
        number = random.randint(1, POINTS[point])
        killed.append(f"{point} {number}")
        run = subprocess.run(
            [sys.executable, __file__, point, str(number), str(source), str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode not in (0, -signal.SIGKILL):
            raise Wrong(f"killed at {killed}: {run.stderr[-500:]}")
    _end_and_compare(source, folder, wanted, f"killed at {killed}")


def damage(random: Random, folder: Path) -> None:
    """Harm what a stopped job left, then let it end."""
    source, wanted = whole_film()
    with _segments_of(SEGMENT_FRAMES):
        _stop_after(source, folder, frames=random.randint(SEGMENT_FRAMES + 5, FRAMES - 2))
    parts = next(folder.glob(".*.cgconv-part"), None)
    done = []
    for _ in range(random.choice((1, 1, 2))):
        files = sorted(parts.iterdir()) if parts else []
        if not files:
            break
        done.append(_harm(random.choice(files), random.choice(files), random))
    _end_and_compare(source, folder, wanted, f"harmed: {done}", to_the_bit=False)


def full_disk(random: Random, folder: Path) -> None:
    """Let files grow to a limit only, then without: a sentence, then the film."""
    source, wanted = whole_film()
    limit = random.randrange(500, source.stat().st_size * 2)
    script = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); sys.argv = ['x', 'never', '1', "
        f"{str(source)!r}, {str(folder)!r}]; import fault_films; sys.exit(fault_films.main())"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    if run.returncode == 1 and "the disk is full" not in run.stdout:
        raise Wrong(f"files of at most {limit} bytes: {run.stdout[-300:]}{run.stderr[-300:]}")
    _end_and_compare(source, folder, wanted, f"files of at most {limit} bytes")


def translate_damaged(path: Path, results: Path) -> None:
    """Translate a film as a user would."""
    from cgconv.runtime.errors import PartialFilmError
    from cgconv.runtime.films.job import FilmOptions, translate_film
    from cgconv.runtime.requests import DEFAULT_STEADY

    options = FilmOptions(threads=1, max_pixels=4_000_000, steady=DEFAULT_STEADY)
    try:
        for _ in translate_film(path, results / "film.mkv", Unchanged(), options, cancel=threading.Event()):
            pass
    except PartialFilmError as error:
        if not error.output.exists():
            raise Lost("what could be decoded is not there") from error


def _edits(data: bytes, random: Random) -> Any:
    return byte_edits(data, random)


@functools.cache
def whole_film() -> tuple[Path, Any]:
    """Return a film and what its translation is, made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="cgconv-faults-film-"))
    source = _film(folder / "film.mp4", frames=FRAMES)
    with _segments_of(SEGMENT_FRAMES):
        events = _run(source, folder / "out")
    if not (folder / "out" / "film.mp4").exists():
        raise Wrong(f"without any fault: {events}")
    return source, _facts(folder / "out" / "film.mp4")


def _film(path: Path, *, frames: int, codec: str = "libx264", sound: str = "aac") -> Path:
    import av
    import numpy as np

    with av.open(str(path), "w") as output:
        track: Any = output.add_stream(codec, rate=30)
        track.width, track.height, track.pix_fmt = 96, 64, "yuv420p"
        noise: Any = output.add_stream(sound, rate=48000, layout="mono")
        for number in range(frames):
            image = np.full((64, 96, 3), 40 + 4 * number % 200, np.uint8)
            image[8:40, number : number + 16] = (220, 90, 30)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(track.encode(frame))
            wave = (9000 * np.sin(np.arange(1600) / 20)).astype(np.int16)[None]
            heard = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            heard.sample_rate, heard.pts, heard.time_base = 48000, 1600 * number, Fraction(1, 48000)
            output.mux(noise.encode(heard))
        output.mux(track.encode(None))
        output.mux(noise.encode(None))
    return path


def _films(folder: Path) -> Sequence[Path]:
    return [
        _film(folder / "a.mp4", frames=12),
        _film(folder / "b.mkv", frames=12, sound="libopus"),
        _film(folder / "c.ts", frames=12, codec="mpeg2video", sound="mp2"),
        _film(folder / "d.avi", frames=12, codec="mpeg4", sound="adpcm_ms"),
    ]


def _facts(path: Path) -> Any:
    """Return a film's times, pictures and sound."""
    import av

    with av.open(str(path)) as film:
        pictures = [(frame.pts, frame.to_ndarray(format="rgb24").tobytes()) for frame in film.decode(video=0)]
    with av.open(str(path)) as film:
        sound = [(packet.pts, bytes(packet)) for packet in film.demux(audio=0) if packet.size]
    return pictures, sound


def _run(source: Path, folder: Path, cancel: threading.Event | None = None) -> list[Any]:
    """Translate as `cgconv video SOURCE --out FOLDER` does, and return the events."""
    from cgconv.runtime.films.job import FilmOptions
    from cgconv.runtime.find import Kind
    from cgconv.runtime.jobs import BatchOptions, plan_jobs, run_jobs
    from cgconv.runtime.requests import DEFAULT_STEADY

    folder.mkdir(exist_ok=True)
    film = FilmOptions(threads=1, steady=DEFAULT_STEADY)
    options = BatchOptions(kind=Kind.FILM, model_name="unchanged", out=folder, film=film)
    translator: Any = Unchanged()
    return list(run_jobs(plan_jobs([source], options), translator, cancel or threading.Event()))


def _stop_after(source: Path, folder: Path, *, frames: int) -> None:
    from cgconv.runtime.films import job

    cancel, seen = threading.Event(), 0
    inside: Any = job._FilmJob  # Any: a method of it is replaced
    put = inside._put

    def counted(self: Any, *given: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == frames:
            cancel.set()
        put(self, *given)

    inside._put = counted
    try:
        _run(source, folder, cancel)
    finally:
        inside._put = put


def _harm(one: Path, other: Path, random: Random) -> str:
    """Do something to one or two files, and say what."""
    if not one.exists():
        return "nothing"
    match random.randrange(5):
        case 0:
            one.unlink()
            return f"{one.name} gone"
        case 1:
            data = one.read_bytes()
            one.write_bytes(data[: random.randrange(len(data) + 1)])
            return f"{one.name} cut off"
        case 2:
            changed = bytearray(one.read_bytes() or b"\0")
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
            one.write_bytes(changed)
            return f"{one.name} with another bit"
        case 3:
            one.write_bytes(random.randbytes(200))
            return f"{one.name} noise"
        case _:
            if other.exists() and other != one:
                between = one.with_name("between")
                one.rename(between)
                other.rename(one)
                between.rename(other)
            return f"{one.name} and {other.name} swapped"


def _end_and_compare(source: Path, folder: Path, wanted: Any, what: str, *, to_the_bit: bool = True) -> None:
    """Let a job end. A film that was stopped has a key frame more, so its pictures are coded a little otherwise."""
    from cgconv.runtime.events import JobFailed

    with _segments_of(SEGMENT_FRAMES):
        events = _run(source, folder)
    failed = [event.reason for event in events if isinstance(event, JobFailed)]
    if failed:
        raise Lost(f"{what}; then: {failed[0]}")
    if [path.name for path in folder.iterdir()] != [source.name]:
        raise Wrong(f"{what}; beside the film lies {sorted(path.name for path in folder.iterdir())}")
    found = _facts(folder / source.name)
    if found != wanted and (to_the_bit or not _are_alike(found, wanted)):
        raise Lost(f"{what}; the film is another one")


def _are_alike(one: Any, other: Any) -> bool:
    """Say whether films have the same times and sound, and pictures a third as far apart as neighbors are, at most."""
    import numpy as np

    if one[1] != other[1] or [pts for pts, _ in one[0]] != [pts for pts, _ in other[0]]:
        return False
    images = [[np.frombuffer(image, np.uint8).astype(np.int16) for _, image in film[0]] for film in (one, other)]
    return all(float(np.abs(a - b).mean()) < 1 for a, b in zip(*images, strict=True))


class _segments_of:  # noqa: N801  # reads as a word where it is used
    """Make segments of so many frames."""

    def __init__(self, frames: int) -> None:
        self._frames = frames

    def __enter__(self) -> None:
        from cgconv.runtime.films import job

        self._before, job.SEGMENT_FRAMES = job.SEGMENT_FRAMES, self._frames

    def __exit__(self, *error: object) -> None:
        from cgconv.runtime.films import job

        job.SEGMENT_FRAMES = self._before


def main() -> int:
    """Translate, and die at the given point."""
    point, number, source, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    _die_at(point, number)
    from cgconv.runtime.events import JobFailed

    with _segments_of(SEGMENT_FRAMES):
        failed = [event.reason for event in _run(source, folder) if isinstance(event, JobFailed)]
    print("\n".join(failed))
    return 1 if failed else 0


def _die_at(point: str, number: int) -> None:
    from cgconv.runtime.films import job, kept_segments, reader, segment_writer

    count = 0

    def hit() -> None:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(place: Any, name: str, *, after: bool = False, only: Callable[..., bool] = lambda *given: True) -> None:
        original = getattr(place, name)

        @functools.wraps(original)
        def wrapped(*given: Any, **named: Any) -> Any:
            if not after and only(*given):
                hit()
            result = original(*given, **named)
            if after and only(*given):
                hit()
            return result

        setattr(place, name, wrapped)

    def is_whole(path: Path, *given: object) -> bool:
        return path.name.startswith("whole")

    match point:
        case "decode":
            wrap(reader.FilmReader, "_look_at")
        case "translate":
            wrap(job._FilmJob, "_put")
        case "encode":
            wrap(segment_writer.SegmentWriter, "write")
        case "close-before" | "close-after":
            wrap(segment_writer.SegmentWriter, "close", after=point.endswith("after"))
        case "settle-before" | "settle-after":
            wrap(kept_segments, "_settle", after=point.endswith("after"))
        case "write-after":
            wrap(kept_segments, "_write", after=True)
        case "add-after":
            wrap(kept_segments.PartFolder, "add", after=True)
        case "join-packet":
            joining: Any = job  # Any: a function of it is replaced
            join = joining.join_film

            def counted(*given: Any, check_cancel: Callable[[], None], **named: Any) -> Any:
                def check() -> None:
                    hit()
                    check_cancel()

                return join(*given, check_cancel=check, **named)

            joining.join_film = counted
        case "check-before" | "check-after":
            wrap(job, "check_film", after=point.endswith("after"))
        case "rename-before" | "rename-after":
            wrap(Path, "replace", after=point.endswith("after"), only=is_whole)
        case "delete-mid":
            delete = kept_segments.PartFolder.delete

            def mortal(self: Any) -> None:
                unlink = os.unlink

                def dying(*given: Any, **named: Any) -> None:
                    unlink(*given, **named)
                    hit()

                os.unlink = dying
                try:
                    delete(self)
                finally:
                    os.unlink = unlink

            kept_segments.PartFolder.delete = mortal  # type: ignore[method-assign]


def forget_films() -> None:
    """Remove what `whole_film` made."""
    if whole_film.cache_info().currsize:
        shutil.rmtree(whole_film()[0].parent, ignore_errors=True)
        whole_film.cache_clear()


if __name__ == "__main__":
    sys.exit(main())
