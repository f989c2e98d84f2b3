"""Train on two folders: set everything up, step, report, keep."""

from __future__ import annotations

import dataclasses
import json
import random as python_random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor

from cgconv.runtime.errors import Cancelled, CgconvError, MissingError, UsageError
from cgconv.runtime.events import CheckpointSaved, SamplesSaved, TrainFinished, TrainProgressed, TrainStarted

from .checkpoint import NAME, load_checkpoint, save_checkpoint
from .config import Precision, TrainConfig, config_as_dict
from .cyclegan import CycleGanStep, build_networks
from .data import Domain, Pairs, images_to_tensor, tensor_to_images

TrainEvent = TrainStarted | TrainProgressed | SamplesSaved | CheckpointSaved | TrainFinished


def train(config: TrainConfig, cancel: threading.Event, *, resume: bool = False) -> Iterator[TrainEvent]:
    """Train into `config.run.out` and yield what happens.

    The folder gets config.json, metrics.jsonl (one line a report), samples/ (input | translation | back again, both
    ways) and checkpoint.pt. With `resume` it goes on from that checkpoint, to the bit on a CPU. Setting `cancel` saves
    a checkpoint after the current step and raises Cancelled. Raises DataError, UsageError, MissingError; and
    CgconvError when a loss is no longer finite, the last checkpoint intact.
    """
    out = config.run.out
    kept = load_checkpoint(out) if resume else None
    if kept is None and (out / NAME).exists():
        raise UsageError(f"{out}: holds a run already; add --resume to go on with it, or name another --out")
    if config.run.threads:
        torch.set_num_threads(config.run.threads)

    fabric = open_fabric(config)
    fabric.seed_everything(config.run.seed, verbose=False)
    pairs = Pairs(
        Domain(config.data.a, load_px=config.data.load),
        Domain(config.data.b, load_px=config.data.load),
        config.data,
        seed=config.run.seed,
    )
    run = _Run(config, fabric)
    if kept is not None:
        run.load(kept, pairs)
    _write_config(out, config)
    colors = {"a": pairs.domains[0].colors(), "b": pairs.domains[1].colors()}

    batch = config.data.batch
    images_total = max(batch, round(config.optimizer.epochs * pairs.epoch_images))
    yield TrainStarted(
        out=out, images_total=images_total, images_seen=run.images_seen, pictures_a=len(pairs.domains[0]),
        pictures_b=len(pairs.domains[1]), device=str(fabric.device), precision=precision_of(fabric),
    )  # fmt: skip

    since, data_wait_s, images_then = time.monotonic(), 0.0, run.images_seen
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    while run.images_seen < images_total:
        asked = time.monotonic()
        real_a, real_b = (fabric.to_device(batch) for batch in pairs.next_batch())
        data_wait_s += time.monotonic() - asked
        run.set_rates(images_total)
        losses = run.step.run(real_a, real_b, step=run.steps)
        run.steps += 1
        run.images_seen += batch
        run.average()
        for name, loss in losses.items():
            sums[name] = sums.get(name, torch.zeros((), device=loss.device)) + loss
            counts[name] = counts.get(name, 0) + 1

        stopping = cancel.is_set() and run.images_seen < images_total
        last = stopping or run.images_seen >= images_total
        keep = last or run.steps % config.run.checkpoint_every == 0
        if keep or run.steps % config.run.report_every == 0:  # what is kept has been found finite
            means = {name: float(total) / counts[name] for name, total in sums.items()}
            _refuse_not_finite(means, out)
            seconds = time.monotonic() - since
            speed = (run.images_seen - images_then) / max(seconds, 1e-9)
            event = TrainProgressed(
                step=run.steps, images_seen=run.images_seen, images_total=images_total, losses=means,
                images_per_second=speed, seconds_left=(images_total - run.images_seen) / speed,
                data_wait=data_wait_s / max(seconds, 1e-9), learning_rate=run.rate,
            )  # fmt: skip
            _append_metrics(out, event)
            yield event
            since, data_wait_s, images_then, sums, counts = time.monotonic(), 0.0, run.images_seen, {}, {}
        if run.steps % config.run.sample_every == 0 or last:
            yield SamplesSaved(_write_samples(run, pairs, out / "samples" / f"{run.images_seen:08d}.jpg"))
        if keep:
            save_checkpoint(out / NAME, {**run.state(pairs), "colors": colors})
            yield CheckpointSaved(out / NAME, images_seen=run.images_seen)
        if stopping:
            raise Cancelled(f"stopped; `cgconv train --out {out} --resume` goes on")
    yield TrainFinished(out=out, images_seen=run.images_seen)


class _Run:
    """The networks, their averages and optimizers, and how far they have come."""

    def __init__(self, config: TrainConfig, fabric: Fabric) -> None:
        self.config = config
        self.images_seen = 0
        self.steps = 0
        self.rate = config.optimizer.learning_rate
        self.random = torch.Generator().manual_seed(config.run.seed)
        generators, discriminators = build_networks(config)
        self.average_of = {name: p.detach().clone().to(fabric.device) for name, p in generators.named_parameters()}
        options = config.optimizer
        betas = (options.beta1, options.beta2)
        self.rates = [options.learning_rate, options.discriminator_learning_rate]
        optimizers = [
            torch.optim.Adam(generators.parameters(), lr=self.rates[0], betas=betas, fused=True),
            torch.optim.Adam(discriminators.parameters(), lr=self.rates[1], betas=betas, fused=True),
        ]
        self.generators, generator_optimizer = fabric.setup(generators, optimizers[0])
        self.discriminators, discriminator_optimizer = fabric.setup(discriminators, optimizers[1])
        self.optimizers = [generator_optimizer, discriminator_optimizer]
        self.step = CycleGanStep(
            self.generators,
            self.discriminators,
            generator_optimizer,
            discriminator_optimizer,
            config.loss,
            backward=fabric.backward,
            random=self.random,
        )

    def set_rates(self, images_total: int) -> None:
        """Keep the learning rate, then let it fall linearly to 0 over the last part (section 4)."""
        decay_from = images_total * (1 - self.config.optimizer.decay)
        factor = 1.0
        if self.images_seen > decay_from:
            factor = max(0.0, (images_total - self.images_seen) / (images_total - decay_from))
        self.rate = self.config.optimizer.learning_rate * factor
        for optimizer, rate in zip(self.optimizers, self.rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    @torch.no_grad()
    def average(self) -> None:
        """Move the averaged weights (EMA) towards the generators'; faster at first, when those change most."""
        half_life, batch = self.config.optimizer.ema_half_life, self.config.data.batch
        keep = 0.5 ** (batch / half_life) if half_life else 0.0
        keep = min(keep, (1 + self.steps) / (10 + self.steps))
        names = dict(self.generators.module.named_parameters())
        torch._foreach_lerp_(list(self.average_of.values()), [names[name] for name in self.average_of], 1 - keep)

    def state(self, pairs: Pairs) -> dict[str, Any]:
        """Return everything that a checkpoint holds: tensors and plain Python values."""
        python_state = python_random.getstate()
        return {
            "config": config_as_dict(self.config),
            "generators": self.generators.state_dict(),
            "discriminators": self.discriminators.state_dict(),
            "average": self.average_of,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "history": [self.step.history_a.fakes, self.step.history_b.fakes],
            "random": {
                "torch": torch.get_rng_state(),
                "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
                "history": self.random.get_state(),
                "python": [python_state[0], list(python_state[1]), python_state[2]],
            },
            "data": json.dumps(pairs.state()),
            "images_seen": self.images_seen,
            "steps": self.steps,
        }

    def load(self, state: dict[str, Any], pairs: Pairs) -> None:
        """Go on where `state` was taken."""
        self.generators.load_state_dict(state["generators"])
        self.discriminators.load_state_dict(state["discriminators"])
        for name, value in state["average"].items():
            self.average_of[name].copy_(value)
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        device = next(iter(self.average_of.values())).device
        self.step.history_a.fakes, self.step.history_b.fakes = (
            [fake.to(device) for fake in fakes] for fakes in state["history"]
        )
        torch.set_rng_state(state["random"]["torch"])
        if torch.cuda.is_available() and state["random"]["cuda"]:
            torch.cuda.set_rng_state_all(state["random"]["cuda"])
        self.random.set_state(state["random"]["history"])
        version, internal, gauss = state["random"]["python"]
        python_random.setstate((version, tuple(internal), gauss))
        pairs.load_state(json.loads(state["data"]))
        self.images_seen = state["images_seen"]
        self.steps = state["steps"]


def open_fabric(config: TrainConfig) -> Fabric:
    """Return the device and arithmetic that the run asked for; raises MissingError where they are not there."""
    device = config.run.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdecimal()):
        raise UsageError(f"--device: found {device}, wanted auto, cpu, cuda or cuda:N")
    if kind == "cuda" and not torch.cuda.is_available():
        raise MissingError(
            "--device cuda: this computer has no GPU that PyTorch can use; --device cpu works everywhere"
        )
    devices: int | list[int] = [int(index)] if index else 1
    bf16 = config.run.precision is Precision.BF16 or (config.run.precision is Precision.AUTO and _has_bf16(kind))
    return Fabric(accelerator=kind, devices=devices, precision="bf16-mixed" if bf16 else "32-true")


def precision_of(fabric: Fabric) -> str:
    """Return fp32 or bf16: what the networks really compute in."""
    return "bf16" if "bf16" in str(fabric._precision.precision) else "fp32"


def _has_bf16(kind: str) -> bool:
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())


def _refuse_not_finite(losses: dict[str, float], out: Path) -> None:
    bad = [name for name, value in losses.items() if not np.isfinite(value)]
    if bad:
        raise CgconvError(
            f"training stopped: {', '.join(bad)} is not finite; {out / NAME} holds the last good state; "
            "try a lower learning rate or --precision fp32"
        )


def _write_config(out: Path, config: TrainConfig) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(config_as_dict(config), indent=2) + "\n", encoding="utf-8")


def _append_metrics(out: Path, event: TrainProgressed) -> None:
    with (out / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(dataclasses.asdict(event)) + "\n")


@torch.no_grad()
def _write_samples(run: _Run, pairs: Pairs, path: Path) -> Path:
    """Write a grid: for four pictures of each domain the picture, its translation, and that translated back."""
    rows = []
    side = run.config.data.crop * 2 if run.config.data.shrink > 1 else run.config.data.crop
    generators = run.generators.module
    current = {name: p.detach().clone() for name, p in generators.named_parameters()}
    generators.load_state_dict(run.average_of, strict=False)
    generators.eval()
    try:
        for index in range(4):
            row = []
            for domain, there, back in (
                (pairs.domains[0], generators.ab, generators.ba),
                (pairs.domains[1], generators.ba, generators.ab),
            ):
                image = _middle(domain.image(index * len(domain) // 4), side)
                real = images_to_tensor(image[None]).to(next(generators.parameters()).device)
                fake = there(real)
                row += [image, tensor_to_images(fake)[0], tensor_to_images(back(fake))[0]]
            rows.append(np.concatenate(row, axis=1))
    finally:
        generators.load_state_dict(current, strict=False)
        generators.train()
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = cv2.cvtColor(np.concatenate(rows, axis=0), cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(".jpg", grid, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return path


def _middle(image: np.ndarray[Any, np.dtype[np.uint8]], side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the middle square of an image, scaled to `side`."""
    short = min(image.shape[:2])
    top, left = (image.shape[0] - short) // 2, (image.shape[1] - short) // 2
    square = image[top : top + short, left : left + short]
    if short == side:
        return square
    how = cv2.INTER_AREA if short > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (side, side), interpolation=how), dtype=np.uint8)
