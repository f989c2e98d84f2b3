"""Read and write an ONNX file without trusting it.

Model files come from anywhere. Nothing in one may make cgconv read another file, load code, or end in a traceback.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cgconv.runtime.errors import ModelError
from cgconv.runtime.files import write_atomically

if TYPE_CHECKING:
    import onnx

LARGEST_MODEL_BYTES = 1 << 30  # protobuf itself ends at 2 GiB; translators are 1 to 400 MB
# What a model may become once its own functions stand in the places where they are called. The largest translators have
# 3,000 operators; weights are not in functions.
MOST_OPERATORS = 100_000
LARGEST_INLINED_BYTES = 1 << 28

# Operators that every backend has built in. Any other domain would need a library of somebody's native code.
_KNOWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")

_MISTAKEN_FOR_ONNX = (  # the first bytes of a file, and what such a file is
    (b"version https://git-lfs", "a Git-LFS pointer, not the model itself (fetch it with `git lfs pull`)"),
    (b"<!doctype", "a web page saved under a model's name (download the file itself)"),
    (b"<html", "a web page saved under a model's name (download the file itself)"),
    (b"<?xml", "an XML file, not an ONNX model"),
    (
        b"pk\x03\x04",
        "a zip archive or a PyTorch checkpoint, not an ONNX model (`cgconv models import` reads checkpoints)",
    ),
    (b"\x80\x02", "a Python pickle, probably a PyTorch checkpoint, not an ONNX model (see `cgconv models import`)"),
    (b"{", "a JSON file, not an ONNX model"),
)


def load_model(path: Path) -> onnx.ModelProto:
    """Return the parsed model; weights are in memory, nothing beside the file has been opened.

    Raises:
        ModelError: not a file, too large, not ONNX, damaged, with external data, with operators of unknown origin, or
            with functions that would make it too large or never come to an end.
    """
    data = _read(path)
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
        if not model.graph.node or not model.graph.output:
            raise ModelError(f"{path}: {_what_it_is(data)}")
        _refuse_what_is_no_text(model, path)
        _refuse_external_data(model, path)
        del model.training_info[:]  # how to train it further: nobody runs that
        _refuse_unknown_operators(model, path)
        _refuse_explosion(model, path)
    except (DecodeError, RecursionError):
        raise ModelError(f"{path}: {_what_it_is(data)}") from None
    return model


def write_model(model: onnx.ModelProto, path: Path) -> None:
    """Write `model` to `path` in one step: the file is complete or not there.

    Raises:
        OutputError: the folder cannot be written to or the disk is full.
    """
    write_atomically(path, model.SerializeToString())


def tensors_of(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor a graph carries: initializers and attributes, also inside nested graphs."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _tensors_of_node(node)


def _tensors_of_node(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        for sparse in [attribute.sparse_tensor, *attribute.sparse_tensors]:
            yield from (sparse.values, sparse.indices)
        if attribute.HasField("g"):
            yield from tensors_of(attribute.g)
        for graph in attribute.graphs:
            yield from tensors_of(graph)


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield every node, also inside nested graphs."""
    yield from _nodes_of_all(graph.node)


def _nodes_of_all(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes_of(attribute.g)
            for inner in attribute.graphs:
                yield from nodes_of(inner)


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ModelError(f"{path}: a folder, not a model file")
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{path}: a pipe or a device, not a model file")
        size = status.st_size
        if size > LARGEST_MODEL_BYTES:
            raise ModelError(
                f"{path}: {size / 1e9:.1f} GB, more than the {LARGEST_MODEL_BYTES / 1e9:.1f} GB a model may have"
            )
        if size == 0:
            raise ModelError(f"{path}: an empty file")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error


def _what_it_is(data: bytes) -> str:
    start = data[:64].lstrip().lower()
    for first_bytes, words in _MISTAKEN_FOR_ONNX:
        if start.startswith(first_bytes):
            return words
    return "damaged or not an ONNX model"


def _refuse_external_data(model: onnx.ModelProto, path: Path) -> None:
    import onnx

    tensors = list(tensors_of(model.graph))
    for function in model.functions:
        for node in function.node:
            tensors += _tensors_of_node(node)
        tensors += _tensors_of_node(
            onnx.NodeProto(attribute=function.attribute_proto)
        )  # what its attributes default to
    for training in model.training_info:
        tensors += [*tensors_of(training.initialization), *tensors_of(training.algorithm)]
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ModelError(
                f"{path}: keeps its weights in another file; save it again as a single file "
                "(save_as_external_data=False)"
            )


def _refuse_unknown_operators(model: onnx.ModelProto, path: Path) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    nodes = list(nodes_of(model.graph))
    for function in model.functions:
        nodes += _nodes_of_all(function.node)
    for node in nodes:
        if node.domain not in _KNOWN_DOMAINS and (node.domain, node.op_type) not in own:
            raise ModelError(f"{path}: needs the operator {node.domain}.{node.op_type}, which is not part of ONNX")


class _Size(NamedTuple):
    """What becomes of a graph or function once all functions stand in the places where they are called."""

    operators: int
    data_bytes: int


def _refuse_explosion(model: onnx.ModelProto, path: Path) -> None:
    """Refuse functions that call each other so often, or in circles, that putting them in their places has no end."""
    functions = {_called(function.domain, function.name, function.overload): function for function in model.functions}
    largest_bytes = LARGEST_INLINED_BYTES + model.ByteSize()
    known: dict[tuple[str, str, str], _Size] = {}
    on_the_way: set[tuple[str, str, str]] = set()

    def size_of(nodes: Iterable[onnx.NodeProto]) -> _Size:
        operators = data_bytes = 0
        for node in nodes:
            called = _called(node.domain, node.op_type, node.overload)
            inner = of_function(called) if called in functions else _Size(1, node.ByteSize())
            operators, data_bytes = operators + inner.operators, data_bytes + inner.data_bytes
            if operators > MOST_OPERATORS or data_bytes > largest_bytes:
                raise ModelError(
                    f"{path}: its functions call each other so often that it would have more than "
                    f"{MOST_OPERATORS:,} operators, or more than {largest_bytes / 1e6:.0f} MB"
                )
        return _Size(operators, data_bytes)

    def of_function(name: tuple[str, str, str]) -> _Size:
        if name not in known:
            if name in on_the_way:
                raise ModelError(f"{path}: its function {name[1]} calls itself, so it has no end")
            on_the_way.add(name)
            known[name] = size_of(_nodes_of_all(functions[name].node))
            on_the_way.remove(name)
        return known[name]

    if functions:
        size_of(nodes_of(model.graph))


def _called(domain: str, name: str, overload: str) -> tuple[str, str, str]:
    return ("" if domain == "ai.onnx" else domain, name, overload)


def _refuse_what_is_no_text(model: onnx.ModelProto, path: Path) -> None:
    """Refuse a model with a name that is no UTF-8: protobuf gives bytes for such a text, which nobody expects."""
    import onnx

    waiting: list[Any] = [model]  # Any: protobuf's messages have no common type here
    while waiting:
        message = waiting.pop()
        texts: list[str | bytes] = []
        if isinstance(message, onnx.TensorProto):  # its numbers are many, and no text
            texts = [message.name]
        else:
            for field, value in message.ListFields():
                if field.type == field.TYPE_MESSAGE:
                    waiting += [value] if hasattr(value, "ListFields") else value
                elif field.type == field.TYPE_STRING:
                    texts += [value] if isinstance(value, str | bytes) else value
        if any(isinstance(text, bytes) for text in texts):
            raise ModelError(f"{path}: damaged, or made to look so: a name in it is not text in UTF-8")
