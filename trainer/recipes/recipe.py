"""What a recipe is: networks, their optimizers, and one training step. The loop in train.py knows no more than this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from cgconv.trainer.config import OptimizerConfig
from cgconv.trainer.networks.build import Generators
from cgconv.trainer.networks.compact import CompactGenerator
from cgconv.trainer.networks.discriminators import Discriminator
from cgconv.trainer.networks.generators import ResNetGenerator, UNetGenerator
from cgconv.trainer.networks.projected import ProjectedDiscriminator


@dataclass(frozen=True)
class Moment:
    """When a step happens, and what it sees besides."""

    step: int  # steps done before
    progress: float  # share of the run that is done, 0 to 1
    targets: Tensor | None = None  # distill: pictures of the wanted kind that belong to none of the others


class Memory(Protocol):
    """What must outlive a stop beside weights and optimizers: tensors and plain values, of each process its own."""

    def state(self) -> dict[str, Any]: ...  # Any: what torch.save and weights_only take

    def load_state(self, state: dict[str, Any], device: torch.device) -> None: ...


class Recipe(Protocol):
    """A way to train: one file beside this one, and a line in `run.build_recipe`.

    `step` updates the networks on N×C×H×W pictures in [-1, 1] of both domains (paired, where the data are) and returns
    its loss terms, unweighted and detached; "objective" is the generators' weighted sum. `networks` holds everything
    with weights by its name in the checkpoint, all on the device already. Randomness that decides a step comes from
    `random`, or from torch's own state.
    """

    generators: Generators
    networks: dict[str, nn.Module]
    optimizers: list[torch.optim.Optimizer]  # every group's `initial_lr` is its full rate
    memories: dict[str, Memory]
    random: torch.Generator  # on the CPU

    def step(self, real_a: Tensor, real_b: Tensor, moment: Moment) -> dict[str, Tensor]: ...


def adam(networks: nn.Module, rate: float, options: OptimizerConfig) -> torch.optim.Adam:
    """Return Adam over all of a module's weights, in one fused kernel where the device has one.

    The last convolution of each of its networks learns at `options.last_rate` of the rate.
    """
    last = {id(weight) for part in _networks(networks) for weight in _last_convolution(part)}
    groups = []
    for factor, is_last in ((1.0, False), (options.last_rate, True)):
        weights = [weight for weight in networks.parameters() if (id(weight) in last) == is_last]
        groups.append({"params": weights, "lr": rate * factor, "initial_lr": rate * factor})
    return torch.optim.Adam(groups, betas=(float(options.beta1), float(options.beta2)), fused=True)


def _networks(networks: nn.Module) -> list[nn.Module]:
    """Return the generators or discriminators that a module holds, or the module where it is one."""
    kinds = (CompactGenerator, ResNetGenerator, UNetGenerator, Discriminator, ProjectedDiscriminator)
    return [part for part in networks.modules() if isinstance(part, kinds)]


def _last_convolution(network: nn.Module) -> list[nn.Parameter]:
    """Return the weights of the convolution that makes the picture or the scores; of each scale that has scores."""
    if isinstance(network, ProjectedDiscriminator):
        return [weight for part in (*network.scales, network.pixels) for weight in _last_convolution(part)]
    if isinstance(network, CompactGenerator):
        network = network.last
    elif isinstance(network, ResNetGenerator):
        network = network.head
    elif isinstance(network, UNetGenerator):
        network = network.up[0]
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    return list([part for part in network.modules() if isinstance(part, kinds)][-1].parameters())
