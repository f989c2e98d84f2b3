"""Train on two folders: set everything up, step, report, keep."""

from __future__ import annotations

import dataclasses
import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import torch
from torch import Tensor

from cgconv.runtime.errors import Cancelled, CgconvError, OutputError, UsageError
from cgconv.runtime.events import CheckpointSaved, SamplesSaved, TrainFinished, TrainProgressed, TrainStarted

from .arithmetic import open_arithmetic
from .checkpoint import NAME, load_checkpoint, save_checkpoint
from .config import TrainConfig, config_as_dict
from .data import open_pairs
from .networks import size_multiple
from .run import Run
from .samples import write_samples

TrainEvent = TrainStarted | TrainProgressed | SamplesSaved | CheckpointSaved | TrainFinished


def train(config: TrainConfig, cancel: threading.Event, *, resume: bool = False) -> Iterator[TrainEvent]:
    """Train into `config.run.out` and yield what happens.

    The folder gets config.json, metrics.jsonl (one line a report), samples/ (input | translation | back again, both
    ways) and checkpoint.pt. With `resume` it goes on from that checkpoint, to the bit on a CPU. Setting `cancel` saves
    a checkpoint after the current step and raises Cancelled. Under torchrun each process calls this; process 0 alone
    yields events and writes files.

    Raises DataError, UsageError, MissingError; OutputError where the disk is full, and CgconvError when a loss or a
    weight is no longer finite, in both cases with the last checkpoint intact.
    """
    out = config.run.out
    kept = load_checkpoint(out) if resume else None
    if kept is None and (out / NAME).exists():
        raise UsageError(f"{out}: holds a run already; go on with it by --resume {out}, or name another --out")
    _check_sizes(config)
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    arithmetic = open_arithmetic(config.run.device, config.run.precision)
    writes = arithmetic.rank == 0
    pairs = open_pairs(config, rank=arithmetic.rank, processes=arithmetic.processes)
    run = Run(config, arithmetic, pairs)
    if kept is not None:
        run.load_state(kept)
    del kept
    if writes:
        _begin_folder(out, config, steps=run.steps)
        yield TrainStarted(
            out=out, images_total=pairs.images_total, images_seen=run.images_seen, pictures_a=len(pairs.domains[0]),
            pictures_b=len(pairs.domains[1]), device=str(arithmetic.device), precision=str(arithmetic.precision),
        )  # fmt: skip
    colors = {"a": pairs.domains[0].colors(), "b": pairs.domains[1].colors()}

    meter = _Meter(run)
    with closing(pairs.batches(run.images_seen)) as batches:
        while run.images_seen < pairs.images_total:
            with meter.waiting():
                real_a, real_b = (batch.to(arithmetic.device, non_blocking=True) for batch in next(batches))
            meter.add(run.step(real_a, real_b))

            stopping = arithmetic.any(cancel.is_set()) and run.images_seen < pairs.images_total
            last = stopping or run.images_seen >= pairs.images_total
            keep = last or run.steps % config.run.checkpoint_every == 0
            if keep or run.steps % config.run.report_every == 0:
                progressed = meter.report()
                _refuse_not_finite(progressed.losses, run if keep else None, out)  # what is kept was found finite
                if writes:
                    _append_metrics(out, progressed)
                    yield progressed
            if writes and (last or run.steps % config.run.sample_every == 0):
                path = out / "samples" / f"{run.images_seen:08d}.jpg"
                with _disk(out):
                    write_samples(run.recipe.generators, run.average_of, pairs, path)
                yield SamplesSaved(path)
            if keep:
                state = run.state()
                if writes:
                    save_checkpoint(out / NAME, {**state, "colors": colors})
                    yield CheckpointSaved(out / NAME, images_seen=run.images_seen)
            if stopping:
                raise Cancelled(f"stopped; `cgconv train --resume {out}` goes on")
    if writes:
        yield TrainFinished(out=out, images_seen=run.images_seen)


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
            step=run.steps, images_seen=run.images_seen, images_total=run.pairs.images_total,
            losses=dict(zip(names, means, strict=True)), images_per_second=speed,
            seconds_left=max(0, run.pairs.images_total - run.images_seen) / speed,
            data_wait=self.wait_s / seconds, learning_rate=run.rate,
        )  # fmt: skip
        self._begin()
        return event


def _check_sizes(config: TrainConfig) -> None:
    multiple = size_multiple(config.generator)
    for name in ("crop", "crop_from"):
        if getattr(config.data, name) % multiple:
            raise UsageError(
                f"data.{name}: found {getattr(config.data, name)}, wanted a multiple of {multiple}"
                f" with generator.kind {config.generator.kind}"
            )


def _refuse_not_finite(losses: dict[str, float], run: Run | None, out: Path) -> None:
    bad = [name for name, value in losses.items() if not math.isfinite(value)]
    if run is not None and not bad:
        bad = [f"a weight of the {name}" for name in run.not_finite()]
    if bad:
        good = f"{out / NAME} holds the last good state" if (out / NAME).exists() else "nothing was kept yet"
        raise CgconvError(
            f"training stopped: {', '.join(bad)} is not finite; {good}; try a lower learning rate or --precision fp32"
        )


def _begin_folder(out: Path, config: TrainConfig, *, steps: int) -> None:
    """Write the config; take lines out of the metrics that a run wrote after the checkpoint it goes on from."""
    with _disk(out):
        out.mkdir(parents=True, exist_ok=True)
        (out / "config.json").write_text(json.dumps(config_as_dict(config), indent=2) + "\n", encoding="utf-8")
        metrics = out / "metrics.jsonl"
        if metrics.exists():
            lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
            metrics.write_text("".join(line for line in lines if _step_of(line) <= steps), encoding="utf-8")


def _step_of(line: str) -> float:
    """Return the step of a line of metrics; of one that was cut short, infinity."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def _append_metrics(out: Path, event: TrainProgressed) -> None:
    with _disk(out), (out / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(dataclasses.asdict(event)) + "\n")


@contextmanager
def _disk(out: Path) -> Iterator[None]:
    """Turn what a disk says into a sentence."""
    try:
        yield
    except OSError as error:
        kept = f"; {out / NAME} holds the last good state" if (out / NAME).exists() else ""
        raise OutputError(f"{error.filename or out}: could not be written ({error.strerror or error}){kept}") from error
