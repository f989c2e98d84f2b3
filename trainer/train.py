"""Train on two folders: set everything up, step, report, keep."""

from __future__ import annotations

import math
import shlex
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from torch import Tensor

from cgconv.runtime.errors import Cancelled, CgconvError, ModelError, OutputError, SettingError, UsageError
from cgconv.runtime.events import (
    CheckpointSaved,
    Evaluated,
    SamplesSaved,
    TeacherAsked,
    TrainFinished,
    TrainProgressed,
    TrainStarted,
    TrainWarned,
)
from cgconv.trainer.data.folders import refuse_nested
from cgconv.trainer.data.pairs import Pairs, open_pairs
from cgconv.trainer.judging.evaluation import BEST
from cgconv.trainer.judging.judge import Judge
from cgconv.trainer.networks.build import size_multiple
from cgconv.trainer.reports.run_log import RunLog, alone_in, open_run_log
from cgconv.trainer.reports.samples import write_samples

from .arithmetic import Arithmetic, open_arithmetic
from .checkpoint import NAME, checkpoint_config, load_checkpoint, refuse_incomplete, save_checkpoint
from .choices import Direction, Precision, RecipeName
from .config import NOWHERE, WHOLE, TrainConfig, with_absolute_paths
from .run import Run
from .teacher import AskTeacher, Taught, ask_teacher, own_discriminator

LoggedEvent = TrainProgressed | Evaluated | TrainWarned | SamplesSaved
TrainEvent = TeacherAsked | TrainStarted | LoggedEvent | CheckpointSaved | TrainFinished


def train(
    config: TrainConfig, cancel: threading.Event, *, resume: bool = False, teacher: AskTeacher | None = None
) -> Iterator[TrainEvent]:
    """Train into `config.run.out` and yield what happens.

    The folder gets config.json, metrics.jsonl (a line a report, evaluation and warning), samples/ (input | translation
    | back again, both ways), report.html, checkpoint.pt and the best states. With `resume` it goes on from that
    checkpoint, to the bit on a CPU, without the pictures that it held out when it began; a run that has seen as many
    pictures as it is to see is left as it is. Setting `cancel` saves a checkpoint after the current step and raises
    Cancelled. Under torchrun each process calls this; process 0 alone yields events and writes files.

    With the recipe distill `teacher` translates what the folder has no result of yet, before the first step; without
    one there must be all.

    Raises DataError, UsageError (also where another process trains into that folder), MissingError; ModelError where
    the checkpoint cannot be gone on with; OutputError where the disk is full, and CgconvError when a loss or a weight
    is no longer finite, in both cases with the last checkpoint intact.
    """
    config = with_absolute_paths(config)
    out = config.run.out
    _check_sizes(config)
    distills = config.recipe is RecipeName.DISTILL
    has_one_folder = distills and config.data.b == NOWHERE
    b = config.data.a if has_one_folder else config.data.b
    refuse_nested(out, config.data.a, b, paired=has_one_folder or config.recipe is RecipeName.PIX2PIX)
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    one_size = config.data.preprocess not in WHOLE
    arithmetic = open_arithmetic(config.run.device, config.run.precision, one_size=one_size)
    writes = arithmetic.rank == 0
    with ExitStack() as stack:
        if writes:
            with _disk(out):
                stack.enter_context(alone_in(out))
        arithmetic.any(False)  # the others wait until nobody else writes there
        kept = load_checkpoint(out) if resume else None
        if kept is None:
            refuse_used(out)
        taught: Taught = []
        if distills:
            with _disk(out):
                taught = yield from _ask(config, teacher, cancel, arithmetic)
        pairs = _open_pairs(config, kept, taught, rank=arithmetic.rank, processes=arithmetic.processes)
        run, judge = Run(config, arithmetic, pairs), Judge(config, pairs)
        if kept is None and config.teacher.discriminator:
            _begin_as_own(run, Path(config.teacher.discriminator), config.teacher.direction)
        if kept is not None:
            _go_on(run, judge, kept)
        del kept
        started = TrainStarted(
            out=out,
            images_total=pairs.images_total,
            images_seen=run.images_seen,
            pictures_a=len(pairs.domains[0]),
            pictures_b=len(pairs.domains[1]),
            device=str(arithmetic.device),
            precision=str(arithmetic.precision),
            directions=tuple(map(str, config.directions)),
        )
        if run.images_seen >= pairs.images_total:
            if writes:
                yield started
                yield TrainFinished(out=out, images_seen=run.images_seen)
            return

        with _disk(out):
            log = stack.enter_context(open_run_log(out, config, images_seen=run.images_seen)) if writes else None
        if log is not None:
            yield started
            if not resume:
                yield from _logged(log, judge.warnings_at_start(pairs))
        colors = {"a": pairs.domains[0].colors(), "b": pairs.domains[1].colors()}
        facts = {"colors": colors, "held_out": pairs.held_names}  # that do not change any more
        meter = _Meter(run)
        batches = stack.enter_context(closing(pairs.batches(run.images_seen)))
        while run.images_seen < pairs.images_total:
            with meter.waiting():
                batch = [images.to(arithmetic.device) for images in next(batches)]
            meter.add(run.step(*batch))

            stopping = arithmetic.any(cancel.is_set()) and run.images_seen < pairs.images_total
            last = stopping or run.images_seen >= pairs.images_total
            keep = last or run.steps % config.run.checkpoint_every == 0
            if keep or run.steps % config.run.report_every == 0:
                progressed = meter.report()
                kept_run = run if keep else None  # what is kept was found finite
                _refuse_not_finite(progressed.losses, kept_run, out, arithmetic.precision)
                if log is not None:
                    yield from _logged(log, [progressed, *judge.warnings(run.images_seen, losses=progressed.losses)])
            if judge.is_due(run, at_end=last and not stopping):
                with meter.paused():
                    evaluated = judge.evaluate(run) if log is not None else None
                    if log is not None and evaluated is not None:
                        warnings = judge.warnings(run.images_seen, metrics=evaluated.metrics)
                        yield from _logged(log, [evaluated, *warnings])
                    if arithmetic.any(evaluated is not None and evaluated.is_best):
                        state = {**run.state(), **facts, "judge": judge.state()}
                        if evaluated is not None:
                            judge.keep(evaluated, partial(save_checkpoint, state=state))
            sample_every = config.run.sample_every
            if log is not None and sample_every and (last or run.steps % sample_every == 0):
                path = out / "samples" / f"{run.images_seen:08d}.jpg"
                with _disk(out):
                    write_samples(run.recipe.generators, run.average_of, pairs, path)
                yield from _logged(log, [SamplesSaved(path)])
            if keep:
                state = run.state()
                if writes:
                    save_checkpoint(out / NAME, {**state, **facts, "judge": judge.state()})
                    yield CheckpointSaved(out / NAME, images_seen=run.images_seen)
            if stopping:
                command = "distill" if distills else "train"
                raise Cancelled(f"stopped; `cgconv {command} --resume {shlex.quote(str(out))}` continues it")
    if writes:
        yield TrainFinished(out=out, images_seen=run.images_seen)


def leave_group() -> None:
    """Leave the other processes of `torchrun` in order: gloo's threads may abort one that just ends."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def refuse_used(out: Path) -> None:
    """Refuse a folder that holds what a new run would write over, or take for its own. Raises UsageError."""
    if (out / NAME).exists():
        raise UsageError(
            f"{out}: holds a run already; continue it with --resume {shlex.quote(str(out))}, or name another --out"
        )
    if (out / BEST).exists():
        raise UsageError(
            f"{out}: holds the best states of a run that ended before its first {NAME}; copy one of them to that name"
            " and resume, or name another --out"
        )


def _ask(
    config: TrainConfig, teacher: AskTeacher | None, cancel: threading.Event, arithmetic: Arithmetic
) -> Generator[TrainEvent, None, Taught]:
    """Have process 0 ask the teacher, and the others find its results."""
    taught: Taught = []
    if arithmetic.rank == 0:
        taught = yield from ask_teacher(config, teacher, cancel)
    arithmetic.any(False)  # the others wait until it is done
    if arithmetic.rank:
        taught = yield from ask_teacher(config, None, cancel)
    return taught


def _begin_as_own(run: Run, source: Path, direction: Direction) -> None:
    """Let the discriminator begin as that of the run that teaches. Raises ModelError where that one does not fit."""
    weights = own_discriminator(source, direction)
    try:
        if weights is not None:
            run.recipe.networks["discriminator"].load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ModelError(f"{source}: its discriminator is not of the kind that this run has") from error


def _open_pairs(
    config: TrainConfig, kept: dict[str, Any] | None, taught: Taught, *, rank: int, processes: int
) -> Pairs:
    """Return the run's pictures; of one that goes on, those held out that it has never learned from."""
    if kept is None:
        return open_pairs(config, taught=taught, rank=rank, processes=processes)
    every = checkpoint_config(kept).evaluation.every  # decides in checkpoints that do not know what they held out
    as_kept = replace(config, evaluation=replace(config.evaluation, every=every))
    pairs = open_pairs(as_kept, held_out=kept.get("held_out"), taught=taught, rank=rank, processes=processes)
    if config.evaluation.every and not every and not any(pairs.held_names.values()):
        why = "the run began without evaluations and has learned from all of its pictures"
        raise SettingError("evaluation.every", config.evaluation.every, f"0: {why}")
    return pairs


def _go_on(run: Run, judge: Judge, kept: dict[str, Any]) -> None:
    """Bring run and judge to where the checkpoint was taken. Raises ModelError where it does not hold all of that."""
    path = run.config.run.out / NAME
    if kept["cgconv"] == 1:
        raise ModelError(f"{path}: was written by a pre-release version; it can be exported, but not resumed")
    needed = [*run.recipe.networks, "average", "optimizers", "processes", "steps", "scaler", "schedule", "judge"]
    refuse_incomplete(path, kept, needed)
    try:
        run.load_state(kept)
        judge.load_state(kept["judge"])
    except (LookupError, RuntimeError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[-1].strip()[:120]
        raise ModelError(f"{path}: damaged: its contents do not match its settings ({why})") from error


class _Meter:
    """Means of the losses, speed, and the share of time spent waiting for pictures, since the last report."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._begin()

    def _begin(self) -> None:
        self.since, self.images_then, self.wait_s = time.monotonic(), self.run.images_seen, 0.0
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time that this block takes as waiting."""
        asked = time.monotonic()
        yield
        self.wait_s += time.monotonic() - asked

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the time that this block takes out of the speed."""
        asked = time.monotonic()
        yield
        self.since += time.monotonic() - asked

    def add(self, losses: dict[str, Tensor]) -> None:
        """Take note of a step; nothing is read back from the device yet."""
        for name, loss in losses.items():
            self.sums[name] = self.sums[name] + loss if name in self.sums else loss
            self.counts[name] = self.counts.get(name, 0) + 1

    def report(self) -> TrainProgressed:
        """Return the means over all processes, and begin anew."""
        run, arithmetic = self.run, self.run.arithmetic
        names = list(self.sums)
        means: list[float] = []
        if names:
            sums = torch.stack([self.sums[name].float() / self.counts[name] for name in names])
            means = arithmetic.mean(sums).tolist()
        seconds = max(time.monotonic() - self.since, 1e-9)
        speed = (run.images_seen - self.images_then) / seconds
        event = TrainProgressed(
            step=run.steps,
            images_seen=run.images_seen,
            images_total=run.pairs.images_total,
            losses=dict(zip(names, means, strict=True)),
            images_per_second=speed,
            seconds_left=max(0, run.pairs.images_total - run.images_seen) / speed,
            data_wait=self.wait_s / seconds,
            learning_rate=run.rate,
        )
        self._begin()
        return event


def _check_sizes(config: TrainConfig) -> None:
    multiple = size_multiple(config.generator)
    for name in ("crop", "crop_from"):
        if getattr(config.data, name) % multiple:
            wanted = f"a multiple of {multiple} with generator.kind {config.generator.kind}"
            raise SettingError(f"data.{name}", getattr(config.data, name), wanted)


def _refuse_not_finite(losses: dict[str, float], run: Run | None, out: Path, precision: Precision) -> None:
    bad = [name for name, value in losses.items() if not math.isfinite(value)]
    if run is not None and not bad:
        bad = [f"a weight of the {name}" for name in run.not_finite()]
    if bad:
        good = f"{out / NAME} holds the last good state" if (out / NAME).exists() else "nothing was kept yet"
        advice = "try a lower learning rate" + ("" if precision is Precision.FP32 else " or --precision fp32")
        raise CgconvError(f"training stopped: {', '.join(bad)} became infinite or not a number; {good}; {advice}")


def _logged(log: RunLog, events: Sequence[LoggedEvent]) -> Iterator[LoggedEvent]:
    """Write events down, and yield them."""
    for event in events:
        with _disk(log.out):
            log.add(event)
        yield event


@contextmanager
def _disk(out: Path) -> Iterator[None]:
    """Turn what a disk says into a sentence."""
    try:
        yield
    except OSError as error:
        kept = f"; {out / NAME} holds the last good state" if (out / NAME).exists() else ""
        raise OutputError(f"{error.filename or out}: could not be written ({error.strerror or error}){kept}") from error
