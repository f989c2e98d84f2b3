"""Recognize other projects' generators by their keys and shapes, and rebuild them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from cgconv.runtime.errors import ModelError, UsageError

from .checkpoint_file import problem_of
from .foreign_networks import (
    ForeignNetwork,
    course_generator,
    fast_neural_style,
    named_resnet,
    numbered_resnet,
    unet,
)
from .weights import Mismatch, NormMode, Weights

_LEAF = r"(weight|bias|running_mean|running_var|num_batches_tracked)"
_DEEPEST = 4  # dicts within dicts, and prefixes within keys


@dataclass(frozen=True)
class Family:
    """Generators that share a layout. `keys` matches every key that one may have, after the prefixes."""

    name: str
    keys: re.Pattern[str]
    build: Callable[[Weights], ForeignNetwork]

    def share(self, state: Mapping[str, Tensor]) -> float:
        """Return the share of a checkpoint's keys that this family may have, 0 to 1."""
        return sum(self.keys.fullmatch(key) is not None for key in state) / len(state)


def _family(name: str, keys: str, build: Callable[[Weights], ForeignNetwork]) -> Family:
    return Family(name, re.compile(keys), build)


FAMILIES = (  # of two that fit equally well the first is taken
    _family("junyanz ResNet", rf"model\.\d+\.(conv_block\.\d+\.)?{_LEAF}", numbered_resnet),
    _family("CUT ResNet", rf"model\.\d+\.((conv_block\.\d+\.)?{_LEAF}|filt)", numbered_resnet),
    _family("eriklindernoren ResNet", rf"model\.\d+\.(block\.\d+\.)?{_LEAF}", numbered_resnet),
    _family("gan-compression mobile ResNet", rf"model\.\d+\.(conv_block\.\d+\.(conv\.\d\.)?)?{_LEAF}", numbered_resnet),
    _family("junyanz U-Net", rf"model\.(model\.\d\.)+{_LEAF}", unet),
    _family(
        "AladdinPersson ResNet",
        rf"(initial\.\d|(down|up)_blocks\.\d\.conv\.\d|res_blocks\.\d+\.block\.\d\.conv\.\d|last)\.{_LEAF}",
        named_resnet,
    ),
    _family(
        "AladdinPersson ResNet with a plain first convolution",
        rf"(initial|(down|up)_blocks\.\d\.conv\.\d|res_blocks\.\d+\.block\.\d\.conv\.\d|last)\.{_LEAF}",
        named_resnet,
    ),
    _family(
        "fast-neural-style",
        rf"((conv|deconv)\d|res\d+\.conv\d)\.conv2d\.{_LEAF}|(res\d+\.)?in\d\.{_LEAF}",
        fast_neural_style,
    ),
    _family("CSC321 generator", rf"((conv|deconv)\d|resnet_block\.conv_layer)\.\d\.{_LEAF}", course_generator),
    _family("Udacity generator", rf"((conv|deconv)\d|res_blocks\.\d+\.conv_layer\d)\.\d\.{_LEAF}", course_generator),
)


@dataclass(frozen=True)
class Recognized:
    """A generator rebuilt from another project's file."""

    family: str
    part: str  # where in the file it stood, e.g. netG_A; empty: the file is that network alone
    generator: ForeignNetwork


def recognize(
    checkpoint: Any, path: Path, *, part: str | None = None, norm_mode: NormMode = NormMode.RUNNING
) -> Recognized:  # Any: what the file holds
    """Return the generator that a checkpoint holds, in eval mode.

    Looks into dicts (`state_dict`, `params`, `netG_A`, …) and behind prefixes (`module.`, `_orig_mod.`, …).
    Raises ModelError with what was found instead; UsageError where there are several generators and `part` names none.
    """
    if isinstance(checkpoint, Mapping) and "cgconv" in checkpoint:
        raise ModelError(f"{path}: this is a checkpoint of cgconv train; use cgconv export to make a model of it")
    found: dict[str, Recognized] = {}
    failures: list[tuple[float, str]] = []  # how near a family it came, and why it is none
    for place, state in _states(checkpoint, "", _DEEPEST, set()):
        if any(known == "" or place.startswith(f"{known}.") for known in found):
            continue  # inside of what has been taken whole
        family = max(FAMILIES, key=lambda one: one.share(state))
        problem = problem_of(state, path.stat().st_size)
        unknown = f"no generator that cgconv knows: it begins with {_first_keys(state)}"
        share = family.share(state)
        if problem is not None:
            failures.append((share, problem))
        elif share == 0:
            failures.append((share, f"{unknown}, which none of the known families has"))
        else:
            try:
                found[place] = Recognized(family.name, place, family.build(Weights(state, norm_mode)))
            except Mismatch as error:  # policy: another part of the file may fit
                failures.append((share, f"{unknown}; nearest is {family.name}, but {error}{_hint(state)}"))
    if part is not None:
        chosen = [one for one in found.values() if part == one.part or part in one.part.split(".")]
        if len(chosen) != 1:
            raise UsageError(f"{path}: --part: found {part!r}, expected one of {', '.join(found) or 'none'}")
        return chosen[0]
    if len(found) > 1:
        raise UsageError(f"{path}: holds several generators: {', '.join(found)}; choose one with --part")
    if found:
        return next(iter(found.values()))
    if not failures:
        raise ModelError(f"{path}: a PyTorch file, but not a generator's weights (a state_dict)")
    raise ModelError(f"{path}: {max(failures, key=lambda failure: failure[0])[1]}")


def _states(
    value: Any, place: str, depth: int, seen: set[int]
) -> Iterator[tuple[str, dict[str, Tensor]]]:  # Any: a part of the file
    """Yield every dict of tensors with convolutions in it, the outer before the inner, and where it stands.

    `seen` are dicts that were looked into: a file may hold one in a thousand places.
    """
    if not isinstance(value, Mapping) or depth < 0 or id(value) in seen:
        return
    seen.add(id(value))
    tensors = {str(key): tensor for key, tensor in value.items() if isinstance(tensor, Tensor)}
    yield from _prefixed_states(tensors, place, depth)
    for key, inner in value.items():
        yield from _states(inner, f"{place}.{key}".lstrip("."), depth - 1, seen)


def _prefixed_states(tensors: dict[str, Tensor], place: str, depth: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield tensors under their names, and then without the names' first parts, a group for each of these."""
    has_convolutions = any(tensor.ndim == 4 and key.endswith("weight") for key, tensor in tensors.items())
    if not has_convolutions or depth < 0:
        return
    yield place, tensors
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        start, dot, rest = key.partition(".")
        if dot:
            groups.setdefault(start, {})[rest] = tensor
    for start, group in groups.items():
        yield from _prefixed_states(group, f"{place}.{start}".lstrip("."), depth - 1)


def _first_keys(state: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{key} {list(tensor.shape)}" for key, tensor in list(state.items())[:3])


def _hint(state: Mapping[str, Tensor]) -> str:
    last = [tensor for tensor in state.values() if tensor.ndim == 4][-1]
    return " (a discriminator?)" if last.shape[0] == 1 and last.shape[2] == 4 else ""
