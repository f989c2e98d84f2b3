"""Run a batch of pictures or films for a command: plan, open the model, show events, write what was asked for."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from cgconv.runtime.choices import Deinterlace, Exists, FieldRate, VideoCodec
from cgconv.runtime.errors import CgconvError, UsageError
from cgconv.runtime.events import BatchFinished, CommandFailed, Event
from cgconv.runtime.requests import ConvertOptions

from .native_lines import user_descriptor
from .progress import Show, open_show
from .report import Report, check_replaceable

if TYPE_CHECKING:
    from cgconv.runtime.find import Kind
    from cgconv.runtime.jobs import BatchOptions, Job
    from cgconv.runtime.shard import Shard

# A terminal that is closed and a connection that breaks end what runs there by SIGHUP; Windows has Ctrl-Break.
OTHER_SIGNALS = [getattr(signal, name) for name in ("SIGHUP", "SIGBREAK") if hasattr(signal, name)]
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, *OTHER_SIGNALS)
PAGE_BEGINS = b"<"  # what a file that a page replaces begins with
STOP_S = 2.0  # after a second one, for what can still be tidied up


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """How a command tells what happened."""

    report: Path | None = None
    page: Path | None = None
    as_json: bool = False
    dry_run: bool = False
    watch: bool = False
    on_ray: bool = False
    cores_per_worker: int | None = None


def run_command(kind: Kind, inputs: Sequence[str], given: Mapping[str, Any]) -> int:  # Any: a command's options
    """Translate what a command line names, as it says, and return the exit code."""
    from cgconv.runtime.shard import read_shard

    shard = read_shard(given["shard"], os.environ)
    audio, start, end = given.get("audio", "copy"), given.get("start"), given.get("end")
    wanted = ConvertOptions(
        out=given["out"],
        exists=given["exists"],
        strength=given["strength"],
        keep_colors=given["keep_colors"],
        short_side=given["resize"] or 0,
        brush=given["brush"] or 0.0,
        detail=given["detail"],
        mask=given["mask"],
        feather_px=given["feather"],
        invert_mask=given["invert"],
        steady=given["steady"],
        every=given.get("every", 1),
        picture_format=given["file_format"],
        quality=given.get("quality") or 0,
        max_pixels=given["max_pixels"] or 0,
        film_format=given["file_format"],
        codec=given.get("codec", "auto"),
        crf=-1 if given.get("crf") is None else given["crf"],
        keep_audio=audio == "copy",
        deinterlace=given.get("deinterlace", "auto"),
        field_rate=given.get("field_rate", "half"),
        allow_hdr=given["allow_hdr"],
        start_s=float(start or 0),
        end_s=float(end or 0),
        fps=str(given.get("fps") or ""),
        batch=given["batch"],
        threads=given["threads"] or 0,
    )
    machine = {name: given[name] for name in ("backend", "device", "precision", "threads")}
    others = {name: given[name] for name in ("as_json", "dry_run", "watch", "cores_per_worker")}
    files = {name: given[name] if shard is None else shard.named(given[name]) for name in ("report", "page")}
    reporting = Reporting(report=files["report"], page=files["page"], on_ray=given["on"] == "ray", **others)
    if reporting.on_ray and reporting.watch:
        raise UsageError("--watch works on one machine; divide the folder with --shard, or give a batch to --on ray")
    if reporting.cores_per_worker and not reporting.on_ray:
        raise UsageError("--cores-per-worker is for --on ray; on one machine say --threads")
    return run_batch(
        inputs,
        batch_options(kind, given["model"], wanted, fresh=given.get("fresh", False), shard=shard),
        model=model_names(given["model"])[0],
        machine=machine,
        reporting=reporting,
        settings=settings_of(given),
    )


def batch_options(
    kind: Kind, model: str, wanted: ConvertOptions, *, fresh: bool = False, shard: Shard | None = None
) -> BatchOptions:
    """Return what a command or the window wants as the options of a batch. Raises UsageError."""
    from cgconv.runtime.find import Kind
    from cgconv.runtime.jobs import BatchOptions
    from cgconv.runtime.mask import mask_options
    from cgconv.runtime.sequences import SequenceOptions

    look: dict[str, Any] = {  # Any: of what is given
        "strength": wanted.strength,
        "keep_colors": wanted.keep_colors,
        "brush": wanted.brush or None,
        "detail": wanted.detail,
        "mask": mask_options(wanted.mask, feather_px=wanted.feather_px, invert=wanted.invert_mask),
        "steady": wanted.steady,
        "allow_hdr": wanted.allow_hdr,
    }
    if wanted.max_pixels:
        look["max_pixels"] = wanted.max_pixels
    if kind is Kind.PICTURE:
        from cgconv.runtime.pictures.job import PictureOptions

        picture = PictureOptions(
            file_format=wanted.picture_format,
            quality=wanted.quality or None,
            resize_short_side=wanted.short_side or None,
            frames_per_second=Fraction(wanted.fps) if wanted.fps else None,
            **look,
        )
        own: dict[str, Any] = {"file_format": wanted.picture_format, "picture": picture}  # Any: likewise
    else:
        from cgconv.runtime.films.job import FilmOptions

        film = FilmOptions(
            deinterlace=Deinterlace(wanted.deinterlace),
            field_rate=FieldRate(wanted.field_rate),
            codec=VideoCodec(wanted.codec),
            crf=wanted.crf if wanted.crf >= 0 else None,
            start_s=wanted.start_s or None,
            end_s=wanted.end_s or None,
            keep_audio=wanted.keep_audio,
            short_side=wanted.short_side or None,
            batch=wanted.batch,
            threads=wanted.threads or None,
            fresh=fresh,
            every=wanted.every,
            **look,
        )
        own = {"file_format": wanted.film_format, "film": film}
    path, names = model_names(model)
    rate = Fraction(wanted.fps) if wanted.fps else None
    return BatchOptions(
        sequence=SequenceOptions(frames_per_second=rate, start_s=wanted.start_s, end_s=wanted.end_s),
        kind=kind,
        model_name=path.stem,
        model_names=names,
        out=wanted.out,
        name=wanted.name,
        exists=Exists(wanted.exists),
        shard=shard,
        batch=wanted.batch,
        workers=wanted.threads or None,
        **own,
    )


def run_batch(
    inputs: Sequence[str],
    options: BatchOptions,
    *,
    model: Path,
    machine: Mapping[str, Any],  # Any: the options of open_translator
    reporting: Reporting,
    settings: Mapping[str, Any],  # Any: JSON values for the report
) -> int:
    """Translate what `inputs` name and return the exit code."""
    with ExitStack() as stack:
        show = stack.enter_context(open_show(as_json=reporting.as_json, kind=options.kind))
        report = stack.enter_context(Report(reporting.report, settings))
        try:
            if reporting.page is not None:
                check_replaceable(reporting.page, "page", PAGE_BEGINS)
            from cgconv.runtime.backends.machine import checked_device
            from cgconv.runtime.jobs import JobList, plan_jobs, run_jobs

            checked_device(machine["device"])
            watched = None
            if reporting.watch and not reporting.dry_run:
                from cgconv.runtime.watch import Watched, watch_jobs

                watched = Watched(inputs, options)
                if options.shard is not None:
                    show.note(str(options.shard))
            jobs = JobList() if watched is not None else plan_jobs(inputs, options)
            if reporting.dry_run:
                return _show_plan(jobs, show)
            is_for_ray = reporting.on_ray and any(job.to_do for job in jobs)
            if is_for_ray:
                show.wait("joining the Ray cluster …")
                _join_ray(stack)  # before signals are listened to: it listens to some itself
            cancel = stack.enter_context(cancel_on_interrupt())
            telling = threading.Lock()  # engines are built in the threads that translate
            translator = None

            def tell(event: Event) -> None:
                with telling:
                    report.show(event)
                    show.show(event)

            if not is_for_ray and (watched is not None or any(job.to_do for job in jobs)):
                from cgconv.runtime.translator import open_translator

                show.wait(f"opening {options.model_name} …")
                translator = stack.enter_context(open_translator(model, **machine, report=tell, cancel=cancel))
            elif not is_for_ray and (machine["device"] not in ("auto", "cpu") or machine["backend"] != "auto"):
                from cgconv.runtime.doctor import require_machine

                require_machine(backend=machine["backend"], device=machine["device"])
            code = 0
            if watched is not None and translator is not None:
                events = watch_jobs(watched, translator, cancel)
            elif is_for_ray:
                from cgconv.runtime.on_ray import Opening, run_jobs_on_ray

                own = {name: value for name, value in machine.items() if name != "threads"}
                opening = Opening(model_name=model.name, model=model.read_bytes(), machine=own)
                cores = reporting.cores_per_worker or machine["threads"]
                events = run_jobs_on_ray(jobs, opening, cancel, cores_per_worker=cores)
            else:
                events = run_jobs(jobs, translator, cancel)
            for event in events:
                tell(event)
                if isinstance(event, BatchFinished):
                    code = max(code, exit_code(event))
                    if watched is not None:
                        report.write()
        except CgconvError as error:
            report.show(CommandFailed(str(error), error.exit_code))
            if reporting.as_json:
                show.show(CommandFailed(str(error), error.exit_code))
            raise
        if reporting.page is not None:
            _write_page(reporting.page, report, options.model_name, show)
        return code


def _join_ray(stack: ExitStack) -> None:
    from .extras import needs_extra

    with needs_extra("ray", "--on ray"):
        from cgconv.runtime import on_ray

        on_ray.check()
    stack.enter_context(on_ray.connect())


def exit_code(last: BatchFinished) -> int:
    """Return 0, 1 or 130 for a batch's last event."""
    if last.cancelled:
        return 130
    return 1 if last.failed else 0


@contextmanager
def cancel_on_interrupt() -> Iterator[threading.Event]:
    """Give an event that the first Ctrl-C (or SIGTERM, or SIGHUP) sets; the second Ctrl-C stops at once."""
    cancel = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield cancel
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()
        # Past the display and the buffers: a handler may come in the middle of either.
        os.write(user_descriptor(), b"\nstopping after what is being done now (Ctrl-C again stops at once)\n")

    with _second_signal_ends():
        heard = [number for number in STOP_SIGNALS if not _is_kept_off(number)]
        before = {number: signal.signal(number, on_signal) for number in heard}
        try:
            yield cancel
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _is_kept_off(number: int) -> bool:
    """Say whether a signal is not to be heard: nohup keeps SIGHUP off."""
    return number == getattr(signal, "SIGHUP", None) and signal.getsignal(number) is signal.SIG_IGN


@contextmanager
def _second_signal_ends() -> Iterator[None]:
    """End the process soon after a second signal, even where no handler is run.

    Python runs handlers between two of its own steps: not while a model computes one large picture, for minutes.
    """
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    over = threading.Event()

    def watch() -> None:
        signals = 0
        while received := receiver.recv(16):  # a byte for each signal
            signals += sum(number in STOP_SIGNALS for number in received)
            if signals > 1 and not over.wait(STOP_S):
                os.write(user_descriptor(), b"stopped\n")
                os._exit(130)
        receiver.close()

    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        sender.close()


def _show_plan(jobs: Sequence[Job], show: Show) -> int:
    for job in jobs:
        show.show(job.planned())
    sys.stdout.flush()
    return 1 if any(job.problem for job in jobs) else 0


def _write_page(path: Path, report: Report, model_name: str, show: Show) -> None:
    from cgconv.runtime.page import write_page

    pairs = report.results()
    if not pairs:
        show.note(f"no page written: there is no result to put on {path}")
        return
    write_page(pairs, path, f"cgconv · {model_name}")
    show.note(f"page: {path}")


def model_names(model: str) -> tuple[Path, frozenset[str]]:
    """Return the model's file, and all names that results of earlier runs may carry. Opens no model."""
    from cgconv.runtime.models.store import known_names, resolve_model

    path = resolve_model(model)
    return path, known_names() | {path.stem}


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:  # Any: option values in, JSON values out
    """Return a command's options for the report."""
    return {
        name: value if isinstance(value, bool | int | float | None) else str(value) for name, value in given.items()
    }
