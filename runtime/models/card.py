"""Describe a model: the card that lies as JSON under the ONNX metadata key `cgconv.card`.

docs/formats.md is the contract for every field.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cgconv.runtime.errors import ModelError

if TYPE_CHECKING:
    import onnx

CARD_KEY = "cgconv.card"
FORMAT_VERSION = "1.2"

# Cards come from anywhere, and what they say is computed with: docs/formats.md says why these are the limits.
LARGEST_CARD_CHARACTERS = 1 << 20
LARGEST_FIXED_EDGE_PX = 4096
DEEPEST_CARD = 32  # objects and lists within each other; the deepest field of ours is 4


class Layout(StrEnum):
    """The order of a tensor's axes: batch, channels, height, width."""

    NCHW = "NCHW"
    NHWC = "NHWC"


class ElementType(StrEnum):
    """The number type at a model's own input and output."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"


class ChannelOrder(StrEnum):
    """The order of a model's color channels."""

    RGB = "RGB"
    BGR = "BGR"


class Normalization(StrEnum):
    """What a model's hidden layers are normalized by."""

    INSTANCE = "instance"
    BATCH = "batch"
    NONE = "none"


VALUE_RANGES = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0))


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a caller must know to use a model; fields without a default are required in a file.

    Sizes are in pixels, colors are RGB in 0..255, `dict` fields hold JSON values only.
    Raises ModelError when a value is none of those that docs/formats.md allows.
    """

    format_version: str = FORMAT_VERSION  # major.minor
    name: str  # what --model calls it
    title: str = ""
    direction: str = ""  # e.g. photo → monet
    architecture: dict[str, Any] = field(default_factory=dict)  # Any: JSON values
    input_name: str
    output_name: str
    layout_in: Layout = Layout.NCHW
    layout_out: Layout = Layout.NCHW
    dtype: ElementType = ElementType.FLOAT32
    channel_order: ChannelOrder = ChannelOrder.RGB
    value_range_in: tuple[float, float]
    value_range_out: tuple[float, float]
    size_multiple: int  # height and width must be multiples of it
    smallest_size: int  # height and width must be at least this
    fixed_size_hw: tuple[int, int] | None = None  # the only size it takes; None: any
    scale: int = 1  # output height / input height
    receptive_field_px: int | None = None  # input pixels, edge to edge, that one output pixel sees
    training_size_px: int | None = None  # edge of the square crops it was trained on
    working_size_px: int | None = None  # shorter side that pictures are translated at; None: their own
    color_mean: tuple[float, float, float] | None = None  # of the pictures it was trained to read
    color_std: tuple[float, float, float] | None = None
    familiar: dict[str, Any] = field(default_factory=dict)  # Any: JSON values; see familiar.py
    normalization: Normalization = Normalization.NONE
    licence: str = ""
    data: str = ""  # what it was trained on, and the licence situation of that
    source: dict[str, Any] = field(default_factory=dict)  # Any: JSON values
    verification: dict[str, Any] = field(default_factory=dict)  # Any: JSON values

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            object.__setattr__(self, name, _checked(name, value, where=f"the card of {self.name!r}"))

    def fitting_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width that pictures of this size are computed in; smaller ones only if it is fixed."""
        if self.fixed_size_hw is not None:
            return self.fixed_size_hw
        height, width = (next_multiple(max(edge, self.smallest_size), self.size_multiple) for edge in size_hw)
        return height, width

    def to_json(self) -> str:
        """Return the card as one JSON object, keys in the order of the fields."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str, *, where: str = "model card") -> ModelCard:
        """Return the card that `text` holds; unknown fields are ignored.

        Raises:
            ModelError: not JSON, too long, a required field is missing, a value is of the wrong kind or too large, or
                the card was written for a newer major version. `where` names the file in the message.
        """
        if len(text) > LARGEST_CARD_CHARACTERS:
            raise ModelError(
                f"{where}: the card has {len(text):,} characters, expected at most {LARGEST_CARD_CHARACTERS:,}"
            )
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise ModelError(f"{where}: the card is not valid JSON") from None
        if not isinstance(found, dict):
            raise ModelError(f"{where}: the card is not a JSON object")
        if (problem := _strangeness(found)) is not None:
            raise ModelError(f"{where}: the card {problem}")
        version = _shown(str(found.get("format_version", "missing")))[1:-1]
        major = version.split(".")[0]
        own_major = FORMAT_VERSION.split(".")[0]
        if not (major.isdecimal() and len(major) < 10):
            raise ModelError(f"{where}: card field format_version: found {version}, expected {own_major}.x")
        if int(major) > int(own_major):
            raise ModelError(
                f"{where}: card field format_version: found {version}, expected at most {own_major}.x (update cgconv)"
            )
        known = {}
        for wanted in fields(cls):
            if wanted.name in found:
                known[wanted.name] = _checked(wanted.name, found[wanted.name], where=where)
            elif wanted.default is MISSING and wanted.default_factory is MISSING:
                raise ModelError(f"{where}: card field {wanted.name} is missing, expected {_EXPECTED[wanted.name]}")
        return cls(**known)


def next_multiple(edge: int, multiple: int) -> int:
    """Return the smallest multiple that is not under `edge`."""
    return -(-edge // multiple) * multiple


def read_card(model_or_path: onnx.ModelProto | Path, path: Path | None = None) -> ModelCard | None:
    """Return a model's card, or None where it has none (a file from elsewhere).

    `path` names in messages the file that a model which is open already came from.

    Raises:
        ModelError: the file is no model, its card cannot be used, or the card speaks of another input, output, layout,
            number type or fixed size than the graph has.
    """
    from .model_file import load_model

    if isinstance(model_or_path, Path):
        model, where = load_model(model_or_path), str(model_or_path)
    else:
        model, where = model_or_path, str(path) if path else "model"
    for entry in model.metadata_props:
        if entry.key == CARD_KEY:
            card = ModelCard.from_json(entry.value, where=where)
            _check_graph(card, model.graph, where)
            return card
    return None


def write_card(model: onnx.ModelProto, card: ModelCard) -> None:
    """Put `card` into `model`, in place of any card it has."""
    kept = [(entry.key, entry.value) for entry in model.metadata_props if entry.key != CARD_KEY]
    del model.metadata_props[:]
    for key, value in [*kept, (CARD_KEY, card.to_json())]:
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value


_EXPECTED: dict[str, str] = {
    "format_version": "major.minor, e.g. 1.0",
    "name": "text of 1 to 255 characters",
    "title": "text of at most 10,000 characters",
    "direction": "text of at most 10,000 characters",
    "architecture": "an object",
    "input_name": "text of 1 to 10,000 characters",
    "output_name": "text of 1 to 10,000 characters",
    "layout_in": "NCHW or NHWC",
    "layout_out": "NCHW or NHWC",
    "dtype": "float32 or float16",
    "channel_order": "RGB or BGR",
    "value_range_in": "[-1, 1], [0, 1] or [0, 255]",
    "value_range_out": "[-1, 1], [0, 1] or [0, 255]",
    "size_multiple": "a whole number from 1 to 1024",
    "smallest_size": "a whole number from 1 to 1024",
    "fixed_size_hw": f"null or two whole numbers from 1 to {LARGEST_FIXED_EDGE_PX}",
    "scale": "a whole number from 1 to 16",
    "receptive_field_px": "null or a whole number from 1 to 65536",
    "training_size_px": "null or a whole number from 1 to 65536",
    "working_size_px": "null or a whole number from 1 to 65536",
    "color_mean": "null or three numbers from 0 to 255",
    "color_std": "null or three numbers from 0 to 255",
    "familiar": "an object",
    "normalization": "instance, batch or none",
    "licence": "text of at most 10,000 characters",
    "data": "text of at most 10,000 characters",
    "source": "an object",
    "verification": "an object",
}

_TEXTS = {"name", "title", "direction", "input_name", "output_name", "licence", "data", "format_version"}
_LONGEST_TEXT = 10_000  # characters
_LONGEST_NAME = 255  # as a file's
_OBJECTS = {"architecture", "familiar", "source", "verification"}
_CHOICES: dict[str, type[StrEnum]] = {
    "layout_in": Layout,
    "layout_out": Layout,
    "dtype": ElementType,
    "channel_order": ChannelOrder,
    "normalization": Normalization,
}
_WHOLE_NUMBERS = {
    "size_multiple": 1024,
    "smallest_size": 1024,
    "scale": 16,
    "receptive_field_px": 65536,
    "training_size_px": 65536,
    "working_size_px": 65536,
}
_MAY_BE_NULL = {"fixed_size_hw", "receptive_field_px", "training_size_px", "working_size_px", "color_mean", "color_std"}


def _checked(name: str, value: Any, *, where: str) -> Any:  # Any: JSON values in, the field's own type out
    """Return `value` as the type of field `name`; ModelError says file, field, found and wanted."""
    if value is None and name in _MAY_BE_NULL:
        return None
    if name in _TEXTS and isinstance(value, str) and _fits(name, value):
        return value
    if name in _OBJECTS and isinstance(value, dict):
        return value
    if name in _CHOICES and value in list(_CHOICES[name]):
        return _CHOICES[name](value)
    if name in _WHOLE_NUMBERS and _is_whole(value, _WHOLE_NUMBERS[name]):
        return value
    if name in {"value_range_in", "value_range_out"} and _are_numbers(value, 2) and tuple(value) in VALUE_RANGES:
        return (float(value[0]), float(value[1]))
    if (
        name == "fixed_size_hw"
        and _are_numbers(value, 2)
        and all(_is_whole(edge, LARGEST_FIXED_EDGE_PX) for edge in value)
    ):
        return (value[0], value[1])
    if name in {"color_mean", "color_std"} and _are_numbers(value, 3) and all(0 <= part <= 255 for part in value):
        return tuple(float(part) for part in value)
    raise ModelError(f"{where}: card field {name}: found {_shown(value)}, expected {_EXPECTED[name]}")


def _strangeness(card: Any) -> str | None:  # Any: JSON values
    """Return what no program writes into a card; None where there is no such thing. Does not call itself."""
    waiting = [(card, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str) and not _is_text(value):
            return "holds text that cannot be written (half of a character)"
        if isinstance(value, dict | list):
            if depth > DEEPEST_CARD:
                return f"holds values more than {DEEPEST_CARD} deep within each other"
            inner = [*value, *value.values()] if isinstance(value, dict) else value
            waiting += [(part, depth + 1) for part in inner]
    return None


def _is_text(text: str) -> bool:
    """Say whether a text can be written in UTF-8: JSON may name halves of characters alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: Any) -> str:  # Any: JSON values
    """Return a value as a message can hold it: short, and in plain characters."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:59] + "…"


def _fits(name: str, text: str) -> bool:
    if name in {"name", "input_name", "output_name"} and not text:
        return False
    return len(text) <= (_LONGEST_NAME if name == "name" else _LONGEST_TEXT)


def _is_whole(value: object, largest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= largest


def _are_numbers(value: object, count: int) -> bool:
    if not isinstance(value, list | tuple) or len(value) != count:
        return False
    return all(isinstance(part, int | float) and not isinstance(part, bool) for part in value)


# --- the card and the graph


_ELEMENT_TYPES = {1: ElementType.FLOAT32, 10: ElementType.FLOAT16}  # of onnx.TensorProto


def _check_graph(card: ModelCard, graph: onnx.GraphProto, where: str) -> None:
    """Refuse a card that does not fit what its graph says of itself; running it (card_check.py) may find out more."""
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1:
        raise ModelError(f"{where}: its graph has {len(inputs)} inputs, expected one picture")
    given = inputs[0]
    if card.input_name != given.name:
        raise _unfit(where, "input_name", card.input_name, given.name)
    outputs = [value.name for value in graph.output]
    if card.output_name not in outputs:
        raise _unfit(where, "output_name", card.output_name, outputs[0])
    kind = given.type.tensor_type
    if kind.elem_type not in _ELEMENT_TYPES:
        raise ModelError(f"{where}: its graph's input is neither float32 nor float16")
    if card.dtype is not _ELEMENT_TYPES[kind.elem_type]:
        raise _unfit(where, "dtype", card.dtype, _ELEMENT_TYPES[kind.elem_type])
    if not kind.HasField("shape"):
        return
    shape = [max(dim.dim_value, 0) for dim in kind.shape.dim]  # 0: free
    words = "×".join(str(edge or "?") for edge in shape)
    if len(shape) != 4 or 3 not in [edge or 3 for edge in (shape[1], shape[3])]:
        raise ModelError(f"{where}: its graph's input is {words}, expected 4 axes and 3 color channels")
    layout = card.layout_in
    if 3 in (shape[1], shape[3]) and shape[1] != shape[3]:
        layout = Layout.NCHW if shape[1] == 3 else Layout.NHWC
    if card.layout_in is not layout:
        raise _unfit(where, "layout_in", card.layout_in, layout)
    height, width = shape[2:] if layout is Layout.NCHW else shape[1:3]
    if bool(height) != bool(width):
        raise ModelError(f"{where}: its graph's input is {words}, expected height and width both free or both fixed")
    fixed_hw = (height, width) if height else None
    if card.fixed_size_hw != fixed_hw:
        raise _unfit(where, "fixed_size_hw", card.fixed_size_hw, fixed_hw)


def _unfit(where: str, name: str, found: object, wanted: object) -> ModelError:
    return ModelError(
        f"{where}: card field {name}: found {_shown(found)}, expected {_shown(wanted)}, as its graph has it"
    )
