"""Settle what a batch will do, every output name included, then do it, one event at a time."""

from __future__ import annotations

import logging
import os
import queue
import re
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .choices import Action, Exists
from .errors import Cancelled, CgconvError, PartialFilmError, UsageError
from .events import (
    BatchFinished,
    BatchPlanned,
    Event,
    JobFailed,
    JobFinished,
    JobPlanned,
    JobSkipped,
    JobStarted,
    JobWarned,
    counted,
)
from .files import ResultFolders, sweep_partials
from .find import (
    COMMANDS,
    LONGEST_NAME_BYTES,
    PLURALS,
    SUFFIXES,
    Findings,
    FoundFile,
    Kind,
    find_files,
    real_folder,
    real_key,
    sniff_suffix,
)
from .images import SUFFIXES as PICTURE_SUFFIXES
from .images import FileFormat, output_suffix, picture_size_hw
from .misfits import is_name
from .sequences import SequenceOptions, find_sequence, is_sequence, outputs_of
from .shard import Shard

if TYPE_CHECKING:
    from .films.job import FilmOptions
    from .pictures.job import PictureOptions
    from .translate.shared_translator import SharedTranslator, Translates

log = logging.getLogger(__name__)

ROOM_BESIDE_BYTES = {Kind.PICTURE: 0, Kind.FILM: 20}  # for the longer names of what is kept while a film is made
ROOM_FOR_NUMBER = 5  # -2 to -9999, where several names are cut to the same one
LARGE_PICTURE_PIXELS = 24_000_000  # about 75 MB decoded, and several times that on its way through the model


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """What holds for all jobs of a batch.

    `model_name` goes into the outputs' names; `model_names` are all names by which results of earlier runs are known.
    `file_format` is the results' ("png", "mkv"); "same" keeps the inputs' own, or the nearest that can be written.
    `name` is how results are called, e.g. "{name} as {model}"; empty: by the rules of docs/cli.md.
    Of what is found, only the files of the `shard` become jobs; names are settled for all of them.
    `batch` pictures of one size are translated together; `workers` read and write pictures beside the translation.
    """

    kind: Kind
    model_name: str
    model_names: frozenset[str] = frozenset()
    out: Path | None = None
    name: str = ""
    exists: Exists = Exists.SKIP
    file_format: str = "same"
    sequence: SequenceOptions | None = None
    picture: PictureOptions | None = None
    film: FilmOptions | None = None
    shard: Shard | None = None
    batch: int = 1
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.name and not is_name(self.name):
            raise UsageError(f'the name {self.name!r} must hold {{name}}, and none of \\ / : * ? " < > |')
        if not 1 <= self.batch <= 256:
            raise UsageError(f"batch: found {self.batch}, expected 1 to 256")
        if self.workers is not None and not 1 <= self.workers <= 256:
            raise UsageError(f"workers: found {self.workers}, expected 1 to 256")


@dataclass(frozen=True)
class Job:
    """One input and its settled output. With `skip` or `problem` set there is nothing to do, and that is why."""

    index: int
    input: Path
    output: Path
    options: BatchOptions
    skip: str | None = None
    problem: str | None = None

    @property
    def to_do(self) -> bool:
        """Whether this job has work."""
        return self.skip is None and self.problem is None

    def planned(self) -> JobPlanned:
        """Return what this job would do, as an event."""
        action = Action.FAIL if self.problem else Action.SKIP if self.skip else Action.TRANSLATE
        return JobPlanned(self.index, self.input, self.output, action, self.problem or self.skip or "")


class JobList(list[Job]):
    """The jobs of a batch in order. `notes` are sentences about what was left alone while looking for inputs."""

    def __init__(self, jobs: Iterable[Job] = (), notes: Sequence[str] = ()) -> None:
        super().__init__(jobs)
        self.notes = list(notes)


def plan_jobs(inputs: Sequence[str | Path], options: BatchOptions) -> JobList:
    """Return one job per input file with its output settled; nothing is decoded, created or written.

    `x/a.jpg` goes to `x/a.monet.jpg`, a folder `photos` to `photos-monet` with the same names inside; with
    `options.out`, both go there under their own names (several folders: each in a folder of its name). No output is
    an input, no two outputs are the same name, also where case and accents' spelling are not told apart.

    Raises:
        UsageError: the inputs name nothing to do at all, or the output folder is a file.
    """
    if any(is_sequence(given) for given in inputs):
        return _plan_sequence(inputs, options)
    found = find_files(
        inputs, options.kind, model_names=options.model_names | {options.model_name}, leave_out=options.out
    )
    if not found.files:
        raise UsageError(_nothing_found(inputs, found, options.kind))
    if options.out is not None:
        _check_out(options.out, found.files, options)
    jobs = plan_files(found.files, options)
    jobs.notes = [*_shard_note(found.files, jobs, options), *_notes(found, options.kind)]
    for path, reason in found.refused:
        jobs.append(Job(len(jobs), path, path, options, problem=reason))
    return jobs


def plan_files(
    files: Sequence[FoundFile],
    options: BatchOptions,
    *,
    inputs: Iterable[Path] = (),
    taken: Iterable[Path] = (),
    folders: Iterable[Path] = (),
) -> JobList:
    """Return one job per file, in order, its output settled as by `plan_jobs`.

    For several batches that are planned one after the other: `inputs` are the files of all of them, `taken` the
    outputs of those planned before. None of them becomes an output. `folders` are all that files are found in.
    """
    others = [*inputs, *taken]
    return _with_outputs(files, _settle_names(files, options, others, folders), options, others)


def results_folders(folders: Collection[Path], options: BatchOptions) -> dict[Path, Path]:
    """Return where the results of each folder go. Raises UsageError: there is no place."""
    return {folder: _home(folder, options, alone=len(folders) == 1) for folder in folders}


def _plan_sequence(inputs: Sequence[str | Path], options: BatchOptions) -> JobList:
    """Return a job for each frame of the numbered sequence that is the only input."""
    if len(inputs) > 1 or options.kind is not Kind.PICTURE:
        raise UsageError("a numbered sequence (frames/%05d.png) is translated alone, by cgconv video")
    pattern = Path(inputs[0]).expanduser()
    sequence = find_sequence(pattern, options.sequence or SequenceOptions())
    outputs = outputs_of(pattern, sequence, out=options.out, model_name=options.model_name)
    files = [FoundFile(path, path.parent) for _, path in sequence.frames]
    if {_key(file.path) for file in files} & {_key(output) for output in outputs}:
        raise UsageError(f"{options.out}: these are the frames themselves; write to another folder or name (--out)")
    if options.out is None or outputs[0].suffix == files[0].path.suffix:  # what is only read becomes what is written
        suffix = result_suffix(files[0].path, options)
        outputs = [output.with_suffix(suffix) for output in outputs]
    jobs = _with_outputs(files, outputs, options, [])
    jobs.notes = [*_shard_note(files, jobs, options), *sequence.notes]
    if options.picture is not None and options.picture.steady:
        jobs.notes.append("the frames of a sequence are translated each for itself; --steady holds films only")
    return jobs


def _with_outputs(
    files: Sequence[FoundFile], outputs: Sequence[Path], options: BatchOptions, others: Sequence[Path]
) -> JobList:
    """Return the jobs that make `outputs` of `files`, as far as they are not there already."""
    jobs = JobList()
    taken_now = {_key(output) for output in [*outputs, *others]}
    for file, wanted in zip(files, outputs, strict=True):
        if options.shard is not None and not options.shard.takes(file):
            continue
        output, skip, problem = wanted, None, None
        if os.path.isdir(wanted):  # noqa: PTH112  # Path's own raises where it may not look
            problem = f"{wanted} is a folder, so the result cannot be written there"
        elif os.path.lexists(wanted):
            if options.exists is Exists.SKIP:
                skip = f"{wanted} exists already"
            elif options.exists is Exists.FAIL:
                problem = f"{wanted} exists already"
            elif options.exists is Exists.RENAME:
                output = _first_free(wanted, taken_now, on_disk=True)
                taken_now.add(_key(output))
        jobs.append(Job(len(jobs), file.path, output, options, skip, problem))
    return jobs


def _shard_note(files: Sequence[FoundFile], jobs: JobList, options: BatchOptions) -> list[str]:
    """Return a sentence about what is done here and what elsewhere; none where nothing is divided."""
    shard = options.shard
    if shard is None or shard.of == 1:
        return []
    if shard.found_in and all(file.folder is None for file in files):
        return [f"this is {shard}, but files that are named themselves are not divided unless --shard says so"]
    return [f"{shard}: {len(jobs):,} of {counted(len(files), options.kind, PLURALS[options.kind])}"]


def run_jobs(jobs: Sequence[Job], translator: Translates | None, cancel: threading.Event) -> Iterator[Event]:
    """Do the jobs and say what happens. One bad file yields JobFailed and the rest go on.

    Pictures are read and written by a few workers beside the translation, so their events may come out of order;
    films follow one another. Once `cancel` is set, what is being translated is finished, nothing new is begun and
    the last event says `cancelled`. `translator` may be None where no job has anything to do.
    """

    def events() -> Iterator[Event]:
        if translator is not None:
            yield translator.describe()
        yield from _run_all(jobs, translator, cancel)

    return tell_batch(jobs, events(), cancel)


def tell_batch(jobs: Sequence[Job], events: Iterator[Event], cancel: threading.Event) -> Iterator[Event]:
    """Yield what a batch is, what happens to its jobs, and what that came to."""
    started = time.perf_counter()
    ends: dict[int, str] = {}  # of a job whose result vanishes later on, the last word
    notes = tuple(jobs.notes) if isinstance(jobs, JobList) else ()
    yield BatchPlanned(len(jobs), sum(job.skip is not None for job in jobs), notes)
    for event in events:
        if isinstance(event, JobFinished | JobSkipped | JobFailed):
            ends[event.index] = type(event).__name__
        yield event
    counts = Counter(ends.values())
    yield BatchFinished(
        done=counts["JobFinished"],
        skipped=counts["JobSkipped"],
        failed=counts["JobFailed"],
        seconds=time.perf_counter() - started,
        cancelled=cancel.is_set() and len(ends) < len(jobs),
    )


def begin_jobs(jobs: Sequence[Job]) -> Iterator[Event]:
    """Tidy up where results go, and say what is not to be done."""
    for folder in {job.output.parent for job in jobs}:
        with suppress(OSError):  # what is wrong with a folder is said of its files
            sweep_partials(folder)
    for job in jobs:
        if job.problem is not None:
            yield JobFailed(job.index, job.input, job.problem)
        elif job.skip is not None:
            if job.options.kind is Kind.FILM:
                _sweep_film(job.output)
            yield JobSkipped(job.index, job.input, job.output, job.skip)


def run_one(
    job: Job, translator: Translates, shared: SharedTranslator, cancel: threading.Event, folders: ResultFolders
) -> Iterator[Event]:
    """Do one job, a picture with `shared` or a film, and say what happens."""
    if job.options.kind is Kind.PICTURE:
        yield from _run_picture(job, shared, folders)
    else:
        yield from _run_film(job, translator, cancel)


def _run_all(jobs: Sequence[Job], translator: Translates | None, cancel: threading.Event) -> Iterator[Event]:
    yield from begin_jobs(jobs)
    to_do = [job for job in jobs if job.to_do]
    if not to_do:
        return
    if translator is None:
        raise ValueError("there are jobs to do, so a translator is needed")
    pictures = [job for job in to_do if job.options.kind is Kind.PICTURE]
    if pictures:
        yield from _run_pictures(pictures, translator, cancel)
    for job in to_do:
        if job.options.kind is Kind.FILM and not cancel.is_set():
            yield from _run_film(job, translator, cancel)


def _sweep_film(output: Path) -> None:
    """Remove what a job left that was killed after its film was in place."""
    from .films.kept_segments import sweep

    sweep(output)


def _run_pictures(jobs: Sequence[Job], translator: Translates, cancel: threading.Event) -> Iterator[Event]:
    """Work on several pictures at once; the translator takes one call at a time."""
    from .translate.shared_translator import SharedTranslator

    options = jobs[0].options
    shared = SharedTranslator(translator, batch=options.batch, cancel=cancel)
    workers = options.workers or min(4, os.cpu_count() or 2)
    if options.batch > 1:
        workers = max(workers, 2 * options.batch)  # one batch being translated, the next being read
    workers = min(workers, len(jobs))
    waiting = iter(jobs)
    waiting_lock, large_lock = threading.Lock(), threading.Lock()
    events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
    abandoned = threading.Event()
    folders = ResultFolders()
    by_index = {job.index: job for job in jobs}
    finished: list[Job] = []

    def work() -> None:
        try:
            while not (cancel.is_set() or abandoned.is_set()):
                with waiting_lock:
                    job = next(waiting, None)
                if job is None:
                    return
                with large_lock if _is_large(job.input) else nullcontext():
                    for event in _run_picture(job, shared, folders):
                        events.put(event)
        finally:
            events.put(None)

    threads = [threading.Thread(target=work, name=f"picture-{number}", daemon=True) for number in range(workers)]
    for thread in threads:
        thread.start()
    try:
        running = workers
        while running:
            try:
                event = events.get(timeout=0.2)  # without a timeout, Windows would not hear Ctrl-C here
            except queue.Empty:
                continue
            if event is None:
                running -= 1
                continue
            if isinstance(event, JobFinished):
                finished.append(by_index[event.index])
            yield event
        for job in finished:
            if not os.path.lexists(job.output):
                what = "" if job.output.parent.is_dir() else f" with {job.output.parent}"
                yield JobFailed(job.index, job.input, f"{job.output} was written, and has vanished since{what}")
    finally:
        abandoned.set()


def _is_large(path: Path) -> bool:
    """Say whether a picture is so large that only one such may be in memory; False where it cannot be said."""
    try:
        height, width = picture_size_hw(path)
    except CgconvError:
        return False  # reading it will say what is wrong
    return height * width > LARGE_PICTURE_PIXELS


def _run_picture(job: Job, shared: SharedTranslator, folders: ResultFolders) -> Iterator[Event]:
    from .pictures.job import PictureOptions, translate_picture_file

    yield JobStarted(job.index, job.input, job.output)
    started, waited_before_s = time.perf_counter(), shared.waited_s()
    try:
        options = job.options.picture or PictureOptions()
        facts = translate_picture_file(job.input, job.output, shared, options, card=shared.card, write=folders.write)
    except Cancelled:
        return
    except Exception as error:
        yield JobFailed(job.index, job.input, reason_of(error))
        return
    yield from _finished(job, started, facts, waited_s=shared.waited_s() - waited_before_s)


def _run_film(job: Job, translator: Translates, cancel: threading.Event) -> Iterator[Event]:
    from .films.job import FilmOptions, translate_film

    yield JobStarted(job.index, job.input, job.output)
    started = time.perf_counter()
    options = job.options.film or FilmOptions()
    try:
        facts = yield from translate_film(job.input, job.output, translator, options, cancel=cancel, index=job.index)
    except Cancelled as stopped:
        yield JobWarned(job.index, stopped.problem)
        return
    except PartialFilmError as error:
        yield JobFailed(job.index, job.input, str(error), error.output, error.facts)
        return
    except Exception as error:
        yield JobFailed(job.index, job.input, reason_of(error))
        return
    yield from _finished(job, started, facts)


def _finished(job: Job, started: float, facts: dict[str, Any], *, waited_s: float = 0.0) -> Iterator[Event]:
    """Yield what a finished job has to say. A stage's seconds do not count waiting for other jobs' translations."""
    names = {"read": "decode", "write": "encode"}  # one word per stage, for pictures as for films
    stage_seconds = {names.get(name, name): seconds for name, seconds in facts.pop("stage_seconds", {}).items()}
    if "translate" in stage_seconds:
        stage_seconds["translate"] = max(0.0, stage_seconds["translate"] - waited_s)
    for message in facts.pop("warnings", ()):
        yield JobWarned(job.index, message)
    yield JobFinished(job.index, job.input, job.output, time.perf_counter() - started, stage_seconds, facts)


def reason_of(error: BaseException) -> str:
    """Return one sentence for the user about why a job failed; log the traceback of what nobody foresaw."""
    if isinstance(error, CgconvError):
        return str(error)
    if isinstance(error, MemoryError):
        return "memory ran out: lower --max-pixels, --batch or --threads, or close other programs"
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror.lower()}"
    log.debug("a job ended in an error that nobody foresaw", exc_info=error)
    text = " ".join(str(error).split())[:300]
    return f"unexpected {type(error).__name__}: {text} (--debug shows where)"


def _settle_names(
    files: Sequence[FoundFile], options: BatchOptions, others: Sequence[Path], all_folders: Iterable[Path] = ()
) -> list[Path]:
    """Return each file's output, none of them in `others`.

    The same files, options and others give the same names, whatever is on the disk.
    """
    inputs = {_fold(real_key(file.path)) for file in files} | {_fold(real_key(path)) for path in others}
    homes = results_folders({file.folder for file in files if file.folder is not None} | {*all_folders}, options)
    if _out_is_a_name(files, options) and options.out is not None:
        wanted = [options.out]
    else:
        wanted = [_wanted(file, homes, options) for file in files]
    for index, path in enumerate(wanted):
        if _key(path) in inputs:
            wanted[index] = _named(path, path.stem, f".{options.model_name}{path.suffix}", options.kind)
    claims = Counter(_key(path) for path in wanted)
    # Where a.png and a.jpg are both to become a.png, the first keeps its name and the other gives a.jpg.png.
    gives_way = [
        claims[_key(path)] > 1 and not _same_format(file.path.suffix, path.suffix)
        for file, path in zip(files, wanted, strict=True)
    ]
    outputs = list(wanted)
    taken = set(inputs)
    for index in sorted(range(len(files)), key=gives_way.__getitem__):
        source, path = files[index].path, wanted[index]
        if gives_way[index]:
            path = _named(path, source.name, path.name.removeprefix(source.stem), options.kind)
        outputs[index] = _first_free(path, taken)
        taken.add(_key(outputs[index]))
    return outputs


def _home(folder: Path, options: BatchOptions, *, alone: bool) -> Path:
    """Return the folder that the results of a folder input go to."""
    if folder.name in ("", ".."):
        folder = folder.resolve()
    if options.out is not None:
        return options.out if alone else options.out / folder.name
    if not folder.name:
        raise UsageError(f"{folder}: results cannot be put beside this folder; name a folder for them with --out")
    return _named(folder, folder.name, f"-{options.model_name}", options.kind)


def _wanted(file: FoundFile, homes: Mapping[Path, Path], options: BatchOptions) -> Path:
    suffix = result_suffix(file.path, options)
    if file.folder is not None:
        place = homes[file.folder] / file.path.relative_to(file.folder)
    else:
        place = (options.out or file.path.parent) / file.path.name
    before, after = "", suffix
    part = _part(options) if options.out is None else ""
    if options.name:
        before, _, after = f"{options.name}{suffix}".replace("{model}", options.model_name).partition("{name}")
        after = after.replace("{name}", file.path.stem)
    elif file.folder is None and options.out is None:
        after = f".{options.model_name}{part}{suffix}"
    else:
        after = f"{part}{suffix}"
    return _named(place, file.path.stem, after, options.kind, before=before)


def _part(options: BatchOptions) -> str:
    """Return what tells the name of a part of a film from that of the whole: _1m30-1m45.5; "" where all is taken."""
    film = options.film
    if film is None or (film.start_s is None and film.end_s is None):
        return ""
    return f"_{_clock(film.start_s or 0)}-{'end' if film.end_s is None else _clock(film.end_s)}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 3), 60)
    hours, minutes = divmod(int(minutes), 60)
    return (f"{hours}h{minutes:02}m" if hours else f"{minutes}m") + f"{rest:06.3f}".rstrip("0").rstrip(".")


def _named(place: Path, stem: str, tail: str, kind: Kind, *, before: str = "") -> Path:
    """Return the path beside `place` of that name, the stem cut off where file systems would not take all of it."""
    longest = LONGEST_NAME_BYTES - ROOM_BESIDE_BYTES[kind]
    if len(os.fsencode(before + stem + tail)) > longest:
        while len(stem) > 1 and len(os.fsencode(before + stem + tail)) > longest - ROOM_FOR_NUMBER:
            stem = stem[:-1]
    return place.with_name(before + stem + tail)


def _check_out(out: Path, files: Sequence[FoundFile], options: BatchOptions) -> None:
    """Raise UsageError where --out names neither the one result nor a folder for all."""
    is_name = _out_is_a_name(files, options)
    if out.is_file():
        if not is_name:
            raise UsageError(f"{out}: this is a file, expected a folder for the results (--out)")
        if _key(out) == _key(files[0].path):
            raise UsageError(f"{out}: this is the input itself, expected another name for the result (--out)")
    elif not out.exists() and _is_like_a_suffix(out.suffix.lower()):
        written = _written_suffixes(options.kind)
        if out.suffix.lower() not in written:
            raise UsageError(
                f"{out}: no {options.kind} is written as {out.suffix}, expected {', '.join(written)} (--out); "
                "a folder whose name ends like that has to be there"
            )
        if not is_name:
            raise UsageError(f"{out}: this names one {options.kind}, expected a folder for the results (--out)")


def _is_like_a_suffix(suffix: str) -> bool:
    """Say whether a name with this end is meant as a file's, not as that of a folder (painted.v2)."""
    return re.fullmatch(r"\.[a-z][a-z0-9]{2,4}", suffix) is not None or any(suffix in of for of in SUFFIXES.values())


def _written_suffixes(kind: Kind) -> list[str]:
    if kind is Kind.PICTURE:
        return [suffix for suffix, kept in PICTURE_SUFFIXES.items() if kept not in (FileFormat.HEIC, FileFormat.DPX)]
    from .films.encoding import FORMATS

    return list(FORMATS)


def _out_is_a_name(files: Sequence[FoundFile], options: BatchOptions) -> bool:
    """Say whether --out names the one result itself (painted.jpg) and no folder."""
    out = options.out
    if out is None or len(files) != 1 or files[0].folder is not None or out.is_dir():
        return False
    return out.suffix.lower() in SUFFIXES[options.kind]


def result_suffix(source: Path, options: BatchOptions) -> str:
    """Return the suffix of a file's result: the one asked for, else its own where cgconv can write that.

    Raises:
        UsageError: a format that is not written, or that cannot hold the codec asked for.
    """
    known = source.suffix.lower() in SUFFIXES[options.kind]
    own = source.suffix if known else sniff_suffix(source) or source.suffix
    if options.kind is Kind.PICTURE:
        wanted = output_suffix(Path(f"x{own}"), options.file_format)
    else:
        wanted = _film_suffix(own, options)
    return own if _same_format(own, wanted) else wanted


def _film_suffix(own: str, options: BatchOptions) -> str:
    from .films.encoding import FORMATS, film_output_suffix

    codec = options.film.codec if options.film is not None else "auto"
    if options.file_format == "same":
        return film_output_suffix(own, codec)
    wanted = f".{options.file_format}"
    if wanted not in FORMATS:
        raise UsageError(f"--format: found {options.file_format}, expected same or {', '.join(s[1:] for s in FORMATS)}")
    if film_output_suffix(wanted, codec) != wanted:
        raise UsageError(f"--format {options.file_format} cannot hold --codec {codec}")
    return wanted


_SPELLINGS = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tif": ".tiff", ".dib": ".bmp", ".m4v": ".mp4"}


def _same_format(suffix: str, other: str) -> bool:
    suffix, other = suffix.lower(), other.lower()
    return _SPELLINGS.get(suffix, suffix) == _SPELLINGS.get(other, other)


def _first_free(path: Path, taken: set[str], *, on_disk: bool = False) -> Path:
    """Return `path`, or the first of path-2, path-3, … that is not taken (nor on the disk)."""
    candidate, number = path, 1
    while _key(candidate) in taken or (on_disk and os.path.lexists(candidate)):
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate


def _key(path: Path) -> str:
    """Return what decides whether two outputs are one file, on any file system."""
    return _fold(os.path.join(real_folder(path.parent), path.name))  # noqa: PTH118  # 10,000 names a second


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _nothing_found(inputs: Sequence[str | Path], found: Findings, kind: Kind) -> str:
    if not inputs:
        return f"no input given: name {PLURALS[kind]}, folders or patterns"
    if found.refused:
        path, reason = found.refused[0]
        others = counted(len(found.refused) - 1, "more input that cannot be used", "more inputs that cannot be used")
        more = f" (and {others})" if len(found.refused) > 1 else ""
        return f"{path}: {reason}{more}"
    where = ", ".join(str(given) for given in inputs[:3]) + (", …" if len(inputs) > 3 else "")
    if found.other_kind:
        other = Kind.FILM if kind is Kind.PICTURE else Kind.PICTURE
        return f"no {PLURALS[kind]} found in {where}, but {counted(found.other_kind, other)}: use {COMMANDS[other]}"
    if found.own_results:
        return f"nothing to do: {where} holds only results of earlier runs"
    return f"no {PLURALS[kind]} found in {where}"


def _notes(found: Findings, kind: Kind) -> list[str]:
    """Return a sentence about each kind of file that was left alone."""
    notes = []
    other = Kind.FILM if kind is Kind.PICTURE else Kind.PICTURE
    of_other_kind = counted(found.other_kind, other)
    if found.ignored and found.ignored == found.other_kind:
        notes.append(f"skipped {of_other_kind}; use {COMMANDS[other]}")
    elif found.ignored:
        files = counted(found.ignored, f"file that is not a {kind}", f"files that are not {PLURALS[kind]}")
        of_those = f", {of_other_kind} among them: use {COMMANDS[other]}" if found.other_kind else ""
        notes.append(f"ignored {files}{of_those}")
    if found.own_results:
        notes.append(f"skipped {counted(found.own_results, 'result')} of earlier runs")
    return notes
