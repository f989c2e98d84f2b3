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
from pathlib import Path
from types import FrameType
from typing import Any

from cgconv.runtime.errors import CgconvError
from cgconv.runtime.events import BatchFinished, CommandFailed, Event, JobPlanned

from .native_lines import user_descriptor
from .progress import Show, open_show
from .report import Report, check_replaceable

# A terminal that is closed and a connection that breaks end what runs there by SIGHUP, which Windows does not have.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
PAGE_BEGINS = b"<"  # what a file that a page replaces begins with
STOP_S = 2.0  # after a second one, for what can still be tidied up


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """How a command tells what happened."""

    report: Path | None = None
    page: Path | None = None
    as_json: bool = False
    dry_run: bool = False


def run_batch(
    inputs: Sequence[str],
    options: Any,  # Any: jobs.BatchOptions, whose module is imported late
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
            from cgconv.runtime.jobs import plan_jobs, run_jobs

            checked_device(machine["device"])
            jobs = plan_jobs(inputs, options)
            if reporting.dry_run:
                return _show_plan(jobs, show)
            cancel = stack.enter_context(cancel_on_interrupt())
            telling = threading.Lock()  # engines are built in the threads that translate
            translator = None

            def tell(event: Event) -> None:
                with telling:
                    report.show(event)
                    show.show(event)

            if any(job.to_do for job in jobs):
                from cgconv.runtime.translator import open_translator

                show.wait(f"opening {options.model_name} …")
                translator = stack.enter_context(open_translator(model, **machine, report=tell, cancel=cancel))
            elif machine["device"] not in ("auto", "cpu") or machine["backend"] != "auto":
                from cgconv.runtime.doctor import require_machine

                require_machine(backend=machine["backend"], device=machine["device"])
            last: Event | None = None
            for last in run_jobs(jobs, translator, cancel):
                tell(last)
        except CgconvError as error:
            report.show(CommandFailed(str(error), error.exit_code))
            if reporting.as_json:
                show.show(CommandFailed(str(error), error.exit_code))
            raise
        if reporting.page is not None:
            _write_page(reporting.page, report, options.model_name, show)
        return exit_code(last)


def exit_code(last: Event | None) -> int:
    """Return 0, 1 or 130 for a batch's last event."""
    if not isinstance(last, BatchFinished):
        return 1
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


def _show_plan(jobs: Sequence[Any], show: Show) -> int:  # Any: jobs.Job, whose module is imported late
    for job in jobs:
        action = "fail" if job.problem else "skip" if job.skip else "translate"
        show.show(JobPlanned(job.index, job.input, job.output, action, job.problem or job.skip or ""))
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
