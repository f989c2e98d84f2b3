"""Give an ONNX file from elsewhere a card: find out its layout, number type, value range, scale and sizes.

What the file says is read from it (layout, type); the rest is found by running it on a made-up picture.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from cgconv.runtime.backends.machine import Array, Machine
from cgconv.runtime.backends.onnxruntime_backend import OnnxruntimeBackend
from cgconv.runtime.backends.probe import mirrored_picture
from cgconv.runtime.choices import BackendName
from cgconv.runtime.errors import CgconvError, ModelError, UsageError
from cgconv.runtime.graphs.ends import give_usual_ends, has_other_ends, takes_bytes
from cgconv.runtime.graphs.graph import IR_VERSION, modernize, specialize
from cgconv.runtime.graphs.half import widen
from cgconv.runtime.graphs.simplify import simplify
from cgconv.runtime.graphs.stages import receptive_field_px
from cgconv.runtime.models.card import (
    LARGEST_FIXED_EDGE_PX,
    VALUE_RANGES,
    ChannelOrder,
    ElementType,
    Layout,
    ModelCard,
    Normalization,
    read_card,
    write_card,
)
from cgconv.runtime.models.model_file import load_model, write_model
from cgconv.runtime.models.store import free_path, name_for
from cgconv.runtime.opencv import cv2

from .card_check import check_card
from .trial import first_run, remember

Range = tuple[float, float]

_MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_TRIED_EDGES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
_PROBE_PX = 128
_ELEMENTS = {TensorProto.FLOAT: ElementType.FLOAT32, TensorProto.FLOAT16: ElementType.FLOAT16}


@dataclass(frozen=True)
class Said:
    """What the user says of a foreign model; None is found out, RGB is assumed."""

    value_range_in: Range | None = None
    value_range_out: Range | None = None
    channel_order: ChannelOrder = ChannelOrder.RGB


def parse_range(text: str) -> Range:
    """Return (low, high) for -1..1, 0..1 or 0..255.

    Raises:
        UsageError: anything else.
    """
    found = {f"{low:g}..{high:g}": (low, high) for low, high in VALUE_RANGES}
    if text not in found:
        raise UsageError(f"--range: found {text!r}, expected one of {', '.join(found)}")
    return found[text]


def inspect_foreign(path: Path, said: Said | None = None) -> ModelCard:
    """Return a card for an ONNX file that has none.

    Raises:
        ModelError: damaged, or no network that turns a picture into a picture.
        UsageError: something cannot be found out; names the option that says it.
    """
    model = load_model(path)
    first_run(path)
    return adopt(model, path, said)[1]


def import_onnx(path: Path, name: str | None = None, said: Said | None = None, *, replaces: bool = False) -> Path:
    """Write an ONNX file from elsewhere into the user's model folder, with a card, its sizes freed; return where.

    A file that has a card already keeps it, under its new name, if running it shows what the card says. `replaces`: a
    model that has the name makes way once all is checked.

    Raises:
        ModelError, UsageError: as inspect_foreign, or the name is taken, or something is `said` of a file with a card,
            or card and graph disagree.
        OutputError: the folder cannot be written.
    """
    target = free_path(name_for(path) if name is None else name, replaces=replaces)
    model = load_model(path)
    card = read_card(model, path)
    first_run(path)
    if card is None:
        model, card = adopt(model, path, said)
    elif said not in (None, Said()):
        raise UsageError(f"{path}: has a model card with its range and channel order; leave out --range and --bgr")
    else:
        check_card(model, card, path)
    write_card(model, replace(card, name=target.stem))
    write_model(model, target)
    remember(target)
    return target


def adopt(model: onnx.ModelProto, path: Path, said: Said | None = None) -> tuple[onnx.ModelProto, ModelCard]:
    """Return `model` rewritten for any size and batch where its graph allows, and a card for it.

    Raises:
        ModelError, UsageError: as inspect_foreign.
    """
    said = said or Said()
    try:
        if has_other_ends(model):
            if takes_bytes(model) and said.value_range_in is None:
                said = replace(said, value_range_in=(0.0, 255.0), value_range_out=(0.0, 255.0))
            model = modernize(model)
            give_usual_ends(model)
        ends = _find_ends(model)
        whole = modernize(model)
        simplify(whole)
        halves, ends = ends.element is ElementType.FLOAT16, replace(ends, element=ElementType.FLOAT32)
        if halves:  # found out in float32, many times faster on a CPU; specialize does the same
            widen(whole)
        freed, sizes = _free_sizes(None if halves else model, whole, ends)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    card = ModelCard(
        name=path.stem,
        title=path.stem,
        input_name=ends.input_name,
        output_name=ends.output_name,
        layout_in=ends.layout_in,
        layout_out=sizes.layout_out,
        dtype=ends.element,
        channel_order=said.channel_order,
        value_range_in=said.value_range_in or (0.0, 1.0),
        value_range_out=said.value_range_out or said.value_range_in or (0.0, 1.0),
        size_multiple=sizes.multiple,
        smallest_size=sizes.smallest,
        fixed_size_hw=sizes.fixed_hw,
        scale=sizes.scale,
        normalization=_normalization(freed),
        source={
            "family": "foreign ONNX",
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
            "producer": f"{model.producer_name} {model.producer_version}".strip(),
        },
    )
    if said.value_range_in is None:
        range_in, range_out = _find_ranges(freed, card, said.value_range_out, path)
        card = replace(card, value_range_in=range_in, value_range_out=range_out)
    if sizes.fixed_hw is None:
        card = replace(card, receptive_field_px=receptive_field_px(specialize(freed, card), sizes.multiple))
    return freed, card


# --- what the file says


@dataclass(frozen=True)
class _Ends:
    input_name: str
    output_name: str
    element: ElementType
    layout_in: Layout
    fixed_hw: tuple[int, int] | None


def _find_ends(model: onnx.ModelProto) -> _Ends:
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise ModelError(f"not a picture translator: it has {len(inputs)} inputs ({names}), expected one picture")
    given = inputs[0]
    kind = given.type.tensor_type
    shape = [max(dim.dim_value, 0) for dim in kind.shape.dim]  # 0: free; old exporters wrote -1
    if kind.elem_type not in _ELEMENTS:
        words = _number_type(kind.elem_type)
        raise ModelError(f"not a model for pictures: its input {given.name} is {words}, expected float32 or float16")
    if len(shape) != 4:
        raise ModelError(f"not a picture translator: its input {given.name} has {len(shape)} axes, expected 4")
    layout_in = _layout(shape)
    if layout_in is None:
        words = "×".join(str(size) if size else "?" for size in shape)
        raise ModelError(f"not a picture translator: its input {given.name} is {words}, expected 3 color channels")
    outputs = list(model.graph.output)
    output = outputs[0]
    if len(outputs) > 1:
        of_pictures = [value for value in outputs if _layout(_dims(value)) and len(_dims(value)) == 4]
        if len(of_pictures) != 1:
            raise ModelError(f"not a picture translator: it has {len(outputs)} outputs, expected one picture")
        output = of_pictures[0]
    out_shape = _dims(output)
    channels = [out_shape[axis] for axis in (1, 3)] if len(out_shape) == 4 else []
    if channels and 3 not in channels and channels[0 if layout_in is Layout.NCHW else 1]:
        found = min(size for size in channels if size)
        raise ModelError(
            f"not a picture translator: its output {output.name} has {found} channels, a picture has 3 "
            "(a network for segmentation or detection?)"
        )
    if out_shape and len(out_shape) != 4:
        raise ModelError(f"not a picture translator: its output {output.name} has {len(out_shape)} axes, expected 4")
    rows, columns = (2, 3) if layout_in is Layout.NCHW else (1, 2)
    fixed = (shape[rows], shape[columns]) if shape[rows] and shape[columns] else None
    if fixed is not None and max(fixed) > LARGEST_FIXED_EDGE_PX:
        raise ModelError(
            f"its input {given.name} is {fixed[1]}×{fixed[0]} pixels, expected at most {LARGEST_FIXED_EDGE_PX} an edge"
        )
    return _Ends(given.name, output.name, _ELEMENTS[kind.elem_type], layout_in, fixed)


def _number_type(kind: int) -> str:
    """Return a number type in lower case, as people write it."""
    if kind not in TensorProto.DataType.values() or kind == TensorProto.UNDEFINED:
        return "no tensor of a known type"
    return str(TensorProto.DataType.Name(kind)).lower()


def _dims(value: onnx.ValueInfoProto) -> list[int]:
    return [max(dim.dim_value, 0) for dim in value.type.tensor_type.shape.dim]


def _layout(shape: list[int]) -> Layout | None:
    if len(shape) != 4:
        return None
    if shape[1] == 3:
        return Layout.NCHW
    if shape[3] == 3:
        return Layout.NHWC
    return Layout.NCHW if shape[1] == 0 else None


def _normalization(model: onnx.ModelProto) -> Normalization:
    operators = {node.op_type for node in model.graph.node}
    if "InstanceNormalization" in operators:
        return Normalization.INSTANCE
    return Normalization.BATCH if "BatchNormalization" in operators else Normalization.NONE


# --- sizes


@dataclass(frozen=True)
class _Sizes:
    multiple: int
    smallest: int
    fixed_hw: tuple[int, int] | None
    scale: int
    layout_out: Layout


def _free_sizes(
    original: onnx.ModelProto | None, whole: onnx.ModelProto, ends: _Ends
) -> tuple[onnx.ModelProto, _Sizes]:
    """Return the model with free batch, height and width where runs at other sizes come out right, and its rule."""
    freed = onnx.ModelProto()
    freed.CopyFrom(whole)
    _name_sizes(freed, ends, batch=None)
    why = ""
    try:
        sizes = _try_sizes(freed, ends)
    except CgconvError as error:
        sizes, why = None, f" ({error})"
    if sizes is None:
        if (batch := _dims(_named(whole.graph.input, ends.input_name))[0]) > 1:
            raise ModelError(
                f"its input {ends.input_name} takes {batch} pictures at once and its graph cannot be made to take one; "
                "export it again with one picture, or with a free number of them (dynamic axes)"
            )
        if ends.fixed_hw is None:
            raise ModelError(f"cannot be computed at any size that was tried{why}")
        return whole, _fixed_sizes(whole, ends)
    if ends.fixed_hw is not None and original is not None:
        _compare(original, freed, ends)
    if not _takes_batches(freed, ends, sizes):
        _name_sizes(freed, ends, batch=1)
    return freed, sizes


def _name_sizes(model: onnx.ModelProto, ends: _Ends, batch: int | None) -> None:
    """Write names in place of numbers for batch, height and width; `batch` keeps a number there."""
    for value, names in (
        (_named(model.graph.input, ends.input_name), ("batch", "height", "width")),
        (_named(model.graph.output, ends.output_name), ("batch", "out_height", "out_width")),
    ):
        dims = value.type.tensor_type.shape.dim
        if len(dims) != 4:
            continue
        axes = (0, 1, 2) if _layout(_dims(value)) is Layout.NHWC else (0, 2, 3)
        for axis, name in zip(axes, names, strict=True):
            dims[axis].dim_param = name
        if batch is not None:
            dims[0].dim_value = batch


def _named(values: Any, name: str) -> onnx.ValueInfoProto:  # Any: protobuf's repeated field
    found: onnx.ValueInfoProto = next(value for value in values if value.name == name)
    return found


@contextmanager
def _opened(model: onnx.ModelProto) -> Iterator[OnnxruntimeBackend]:
    backend = OnnxruntimeBackend(model, Machine(backend=BackendName.ONNXRUNTIME))
    try:
        yield backend
    finally:
        backend.close()


def _random_input(ends: _Ends, size_hw: tuple[int, int], batch: int = 1) -> Array:
    """Return noise in 0..1; its level matters little for sizes, and stays inside every value range."""
    shape = (batch, 3, *size_hw) if ends.layout_in is Layout.NCHW else (batch, *size_hw, 3)
    noise = np.random.default_rng(7).random(shape)
    return noise.astype(np.float16 if ends.element is ElementType.FLOAT16 else np.float32)


def _run(backend: OnnxruntimeBackend, ends: _Ends, feed: Array) -> Array:
    return backend.run({ends.input_name: feed})[ends.output_name]


def _scale_of(output: Array, size_hw: tuple[int, int]) -> tuple[int, Layout] | None:
    """Return how many times larger than `size_hw` an output is, and its layout; None where it is no picture of that."""
    layout = _layout(list(output.shape)) if output.ndim == 4 else None
    if layout is None:
        return None
    height, width = output.shape[2:] if layout is Layout.NCHW else output.shape[1:3]
    scale = height // size_hw[0]
    is_whole = 1 <= scale <= 16 and (height, width) == (size_hw[0] * scale, size_hw[1] * scale)
    return (scale, layout) if is_whole else None


def _try_sizes(model: onnx.ModelProto, ends: _Ends) -> _Sizes | None:
    """Return the smallest multiple and size that the model really takes, or None."""
    with _opened(model) as backend:

        def scale_at(height: int, width: int) -> tuple[int, Layout] | None:
            try:
                output = _run(backend, ends, _random_input(ends, (height, width)))
            except CgconvError:
                return None
            return _scale_of(output, (height, width))

        for multiple in _MULTIPLES:
            # odd and coprime counts, so that a size fits this multiple and no larger one by chance
            count = max(3, 37 // multiple | 1)
            found = scale_at(multiple * (count + 2), multiple * (count + 4))
            if found is None or scale_at(multiple * count, multiple * (count + 6)) != found:
                continue
            edges = [edge * multiple for edge in _TRIED_EDGES if edge * multiple <= multiple * count]
            smallest = next((edge for edge in edges if scale_at(edge, edge) == found), multiple * count)
            return _Sizes(multiple, smallest, None, *found)
    return None


def _fixed_sizes(model: onnx.ModelProto, ends: _Ends) -> _Sizes:
    assert ends.fixed_hw is not None  # the caller asked
    with _opened(model) as backend:
        output = _run(backend, ends, _random_input(ends, ends.fixed_hw))
    found = _scale_of(output, ends.fixed_hw)
    if found is None:
        words = "×".join(str(size) for size in output.shape)
        raise ModelError(f"not a picture translator: from a picture it makes {words}, not a picture of its size")
    return _Sizes(1, 1, ends.fixed_hw, *found)


def _compare(original: onnx.ModelProto, freed: onnx.ModelProto, ends: _Ends) -> None:
    """Refuse a rewriting that changed what the model computes at its own size."""
    assert ends.fixed_hw is not None  # the caller asked
    feed = _random_input(ends, ends.fixed_hw)
    dated = onnx.ModelProto()
    dated.CopyFrom(original)
    dated.ir_version = min(dated.ir_version, IR_VERSION)  # what is newer is not in the graph
    batch = max(_dims(_named(dated.graph.input, ends.input_name))[0], 1)
    with _opened(dated) as backend:
        before = _run(backend, ends, np.repeat(feed, batch, axis=0))[:1].astype(np.float32)
    with _opened(freed) as backend:
        after = _run(backend, ends, feed).astype(np.float32)
    limit = 1e-3 * max(float(before.std()), 1e-6)
    if before.shape != after.shape or not float(np.abs(before - after).max()) <= max(limit, 1e-6) * 10:
        raise ModelError("it gives different results when rewritten for other picture sizes")


def _takes_batches(model: onnx.ModelProto, ends: _Ends, sizes: _Sizes) -> bool:
    edge = max(sizes.smallest, sizes.multiple * (-(-32 // sizes.multiple)))
    pair = _random_input(ends, (edge, edge), batch=2)
    with _opened(model) as backend:
        try:
            together = _run(backend, ends, pair)
            apart = np.concatenate([_run(backend, ends, image[None]) for image in pair])
        except CgconvError:
            return False
    return together.shape == apart.shape and np.allclose(together, apart, rtol=1e-2, atol=1e-2 * float(apart.std()))


# --- value range


def _find_ranges(model: onnx.ModelProto, card: ModelCard, said_out: Range | None, path: Path) -> tuple[Range, Range]:
    """Return the value ranges in and out: those in which the model makes a picture of a picture.

    A range fits where nearly all results lie in it (some models overshoot by a quarter), use a good part of it, and the
    model was fed its own kind: of several that fit, the one whose edges agree best with the input's is taken.
    """
    likeness: dict[tuple[Range, Range], float] = {}
    size_hw = card.fixed_size_hw or _probe_size(card)
    picture = mirrored_picture(size_hw, seed=3)
    known_out = said_out or _range_of_last_operator(model.graph, card.output_name)
    with _opened(model) as backend:
        for range_in in VALUE_RANGES:
            result = _probe(backend, card, picture, range_in)
            if not np.isfinite(result).any():
                raise ModelError(f"{path}: gives NaN or infinity for every pixel of a picture, so it is no translator")
            for range_out in VALUE_RANGES:
                if (known_out is None or range_out == known_out) and _fits(result, range_out):
                    likeness[range_in, range_out] = _edge_likeness(picture, result)
    same = {ranges: value for ranges, value in likeness.items() if ranges[0] == ranges[1]}
    candidates = same or likeness
    best = max(candidates.values(), default=0.0)
    close = [ranges for ranges in _by_habit(candidates) if candidates[ranges] >= best - 0.02]
    if not close or (not same and len({ranges[0] for ranges in close}) > 1 and len(close) > 1):
        raise UsageError(
            f"{path}: the value range of this model could not be detected; "
            "give it with `cgconv models import FILE --range -1..1` (or 0..1, or 0..255)"
        )
    return close[0]


def _by_habit(candidates: dict[tuple[Range, Range], float]) -> list[tuple[Range, Range]]:
    """Return candidates in the order to take them in where nothing else decides: 0..1, then -1..1, then 0..255."""
    order: list[Range] = [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)]
    return [ranges for ranges in itertools.product(order, order) if ranges in candidates]


def _probe_size(card: ModelCard) -> tuple[int, int]:
    edge = -(-max(_PROBE_PX, card.smallest_size) // card.size_multiple) * card.size_multiple
    return edge, edge


def _probe(
    backend: OnnxruntimeBackend, card: ModelCard, picture: npt.NDArray[np.uint8], range_in: Range
) -> npt.NDArray[np.float32]:
    """Return the model's output as H×W×3 for a picture in one value range."""
    low, high = range_in
    feed = (picture / 255.0 * (high - low) + low)[None]
    if card.channel_order is ChannelOrder.BGR:
        feed = feed[..., ::-1]
    if card.layout_in is Layout.NCHW:
        feed = feed.transpose(0, 3, 1, 2)
    dtype = np.float16 if card.dtype is ElementType.FLOAT16 else np.float32
    output = backend.run({card.input_name: np.ascontiguousarray(feed, dtype=dtype)})[card.output_name][0]
    image = np.moveaxis(output, 0, 2) if card.layout_out is Layout.NCHW else output
    return np.asarray(image, dtype=np.float32)


def _fits(result: npt.NDArray[np.float32], value_range: Range) -> bool:
    low, high = value_range
    span = high - low
    if not np.isfinite(result).all():
        return False
    inside = float(np.mean((result > low - 0.3 * span) & (result < high + 0.3 * span)))
    darkest, brightest = np.percentile(result, [2, 98])
    used = (brightest - darkest) / span
    return inside > 0.98 and 0.15 < used < 1.5 and float(result.min()) < low + 0.6 * span


def _edge_likeness(picture: npt.NDArray[np.uint8], result: npt.NDArray[np.float32]) -> float:
    """Return the correlation of the edges of two pictures, -1 to 1."""
    height, width = result.shape[:2]
    shown = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    edges = []
    for image in (shown, result):
        gray = np.ascontiguousarray(image.mean(axis=2), dtype=np.float32)
        edges.append(np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)).ravel())
    if min(float(values.std()) for values in edges) == 0:
        return -1.0
    return float(np.corrcoef(edges[0], edges[1])[0, 1])


def _range_of_last_operator(graph: onnx.GraphProto, output: str) -> Range | None:
    """Return the range that a last Tanh, Sigmoid or Clip gives, with the constants that scale and shift it after."""
    makers = {name: node for node in graph.node for name in node.output}
    weights = {tensor.name: tensor for tensor in graph.initializer}
    changes: list[tuple[str, float]] = []

    def constant(name: str) -> float | None:
        tensor = weights.get(name)
        values = numpy_helper.to_array(tensor) if tensor is not None else None
        return float(values.reshape(-1)[0]) if values is not None and values.size == 1 else None

    name = output
    while name in makers:
        node = makers[name]
        if node.op_type in ("Transpose", "Cast", "Identity", "Reshape"):
            name = node.input[0]
            continue
        if node.op_type in ("Add", "Sub", "Mul", "Div"):
            for data, other in ((0, 1), (1, 0)):
                value = constant(node.input[other])
                if value is not None and (data == 0 or node.op_type in ("Add", "Mul")):
                    changes.append((node.op_type, value))
                    name = node.input[data]
                    break
            else:
                return None
            continue
        ends: list[float | None] = [None, None]
        if node.op_type == "Tanh":
            ends = [-1.0, 1.0]
        elif node.op_type == "Sigmoid":
            ends = [0.0, 1.0]
        elif node.op_type == "Clip" and len(node.input) == 3:
            ends = [constant(node.input[1]), constant(node.input[2])]
        if ends[0] is None or ends[1] is None:
            return None
        return _nearest_range(*(_changed(end, changes) for end in ends if end is not None))
    return None


def _changed(value: float, changes: list[tuple[str, float]]) -> float:
    for operator, constant in reversed(changes):
        if operator == "Add":
            value += constant
        elif operator == "Sub":
            value -= constant
        elif operator == "Mul":
            value *= constant
        elif constant != 0:
            value /= constant
    return value


def _nearest_range(low: float, high: float) -> Range | None:
    for known in VALUE_RANGES:
        span = known[1] - known[0]
        if abs(low - known[0]) <= 0.25 * span and abs(high - known[1]) <= 0.25 * span:
            return known
    return None
