"""What the worker does for a window's training: checks the data, trains, exports what was learned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cgconv.cli.extras import needs_extra
from cgconv.runtime.errors import UsageError
from cgconv.runtime.events import ModelExported, PresetsListed, StepProgressed
from cgconv.runtime.models.store import models_folder
from cgconv.runtime.requests import CheckData, ExportRun, Train

from .task import Say, Task

if TYPE_CHECKING:
    from cgconv.trainer.config import TrainConfig


def list_presets(task: Task, say: Say) -> None:
    """Name what a training can begin with."""
    with needs_extra("train", "training"):
        from cgconv.trainer.presets import PRESETS
    say(PresetsListed(tuple((name, str(one.config.recipe), one.purpose) for name, one in PRESETS.items())))


def check_data(task: Task, say: Say) -> None:
    """Look at the pictures of two folders and say what should be known before a training."""
    with needs_extra("train", "the check of a data set"):
        from cgconv.trainer.data.check import check_data as look

    request = task.request
    assert isinstance(request, CheckData)
    for event in look(request.a, request.b):
        if task.cancel.is_set():
            return
        say(event)


def train(task: Task, say: Say) -> None:
    """Train, or go on with a run."""
    request = task.request
    assert isinstance(request, Train)
    with needs_extra("train", "training"):
        from cgconv.trainer.train import train as run_training
    config = _resumed(request) if request.resume else _config(request)
    for event in run_training(config, task.cancel, resume=request.resume):
        say(event)


def _config(request: Train) -> TrainConfig:
    from cgconv.trainer.config import config_as_dict, config_from_dict
    from cgconv.trainer.presets import PRESETS

    if request.preset and request.preset not in PRESETS:
        raise UsageError(f"there is no preset {request.preset}")
    values = config_as_dict(PRESETS[request.preset or "classic"].config)
    for dotted, value in request.settings:
        section, _, name = dotted.partition(".")
        if name not in values.get(section, {}):
            raise UsageError(f"{dotted}: there is no such setting")
        values[section][name] = value
    config: TrainConfig = config_from_dict(values)
    return replace(
        config,
        data=replace(config.data, a=request.a, b=request.b),
        run=replace(config.run, out=request.out, name_a=request.name_a, name_b=request.name_b),
    )


def _resumed(request: Train) -> TrainConfig:
    from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint

    config = checkpoint_config(load_checkpoint(request.out))
    return replace(config, run=replace(config.run, out=request.out))


def export_run(task: Task, say: Say) -> None:
    """Make a model of a run, in the model folder."""
    request = task.request
    assert isinstance(request, ExportRun)
    say(StepProgressed("exporting"))
    with needs_extra("train", "exporting"):
        from cgconv.exporter.export import CardText, Direction, export
    name, number = request.name, 1
    while (target := models_folder() / f"{name}.onnx").exists():
        number += 1
        name = f"{request.name}-{number}"
    target.parent.mkdir(parents=True, exist_ok=True)
    (exported,) = export(
        request.run, direction=Direction(request.direction), out=target, name=name, text=CardText(title=request.title)
    )
    say(ModelExported(name, exported.path))
