"""What the worker does for a window's training: checks the data, trains, exports what was learned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cgconv.cli.extras import needs_extra
from cgconv.runtime.errors import UsageError
from cgconv.runtime.events import ModelExported, PresetsListed, StepProgressed, TrainingEstimated
from cgconv.runtime.models.store import models_folder
from cgconv.runtime.requests import CheckData, EstimateTraining, ExportRun, Train

from .task import Say, Task

if TYPE_CHECKING:
    from cgconv.trainer.config import TrainConfig


def list_presets(task: Task, say: Say) -> None:
    """Name what a training can begin with."""
    with needs_extra("train", "training"):
        from cgconv.trainer.data.check import has_nvidia_gpu
        from cgconv.trainer.presets import PRESETS
    names = list(PRESETS) if has_nvidia_gpu() else sorted(PRESETS, key=lambda name: name != "quick")
    say(PresetsListed(tuple((name, str(PRESETS[name].config.recipe), PRESETS[name].purpose) for name in names)))


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


def estimate(task: Task, say: Say) -> None:
    """Say how long a training would take on this computer."""
    request = task.request
    assert isinstance(request, EstimateTraining)
    with needs_extra("train", "training"):
        from cgconv.trainer.estimate import images_a_second, images_wanted
    config = _with_settings(request.preset, request.settings)
    speed, device = request.images_per_second, ""
    if speed <= 0:
        speed, device = images_a_second(config, task.cancel)
    say(TrainingEstimated(request.preset, images_wanted(config, request.pictures), speed, device))


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
    config = _with_settings(request.preset, request.settings)
    return replace(
        config,
        data=replace(config.data, a=request.a, b=request.b),
        run=replace(config.run, out=request.out, name_a=request.name_a, name_b=request.name_b),
    )


def _with_settings(preset: str, settings: tuple[tuple[str, str], ...]) -> TrainConfig:
    """Return a preset with other values of some settings. Raises UsageError."""
    from cgconv.trainer.config import config_as_dict, config_from_dict
    from cgconv.trainer.presets import PRESETS

    if preset and preset not in PRESETS:
        raise UsageError(f"there is no preset {preset}")
    values = config_as_dict(PRESETS[preset or "classic"].config)
    for dotted, value in settings:
        section, _, name = dotted.partition(".")
        if name not in values.get(section, {}):
            raise UsageError(f"{dotted}: there is no such setting")
        values[section][name] = value
    config: TrainConfig = config_from_dict(values)
    return config


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
