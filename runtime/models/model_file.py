"""Read and write an ONNX file without trusting it.

Model files come from anywhere. Nothing in one may make cgconv read another file, load code, or end in a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cgconv.runtime.errors import ModelError
from cgconv.runtime.files import write_atomically

if TYPE_CHECKING:
    import onnx

LARGEST_MODEL_BYTES = 1 << 30  # protobuf itself ends at 2 GiB; translators are 1 to 400 MB

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
        ModelError: not a file, too large, not ONNX, damaged, with external data, or with operators of unknown origin.
    """
    data = _read(path)
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise ModelError(f"{path}: {_what_it_is(data)}") from None
    if not model.graph.node or not model.graph.output:
        raise ModelError(f"{path}: {_what_it_is(data)}")
    _refuse_external_data(model, path)
    _refuse_unknown_operators(model, path)
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
        if attribute.HasField("sparse_tensor"):
            yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
        if attribute.HasField("g"):
            yield from tensors_of(attribute.g)
        for graph in attribute.graphs:
            yield from tensors_of(graph)


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield every node, also inside nested graphs."""
    for node in graph.node:
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
        size = path.stat().st_size
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
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ModelError(
                f"{path}: keeps its weights in another file; cgconv takes self-contained models only "
                "(save it again with save_as_external_data=False)"
            )


def _refuse_unknown_operators(model: onnx.ModelProto, path: Path) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    nodes = list(nodes_of(model.graph))
    for function in model.functions:
        nodes += function.node
    for node in nodes:
        if node.domain not in _KNOWN_DOMAINS and (node.domain, node.op_type) not in own:
            raise ModelError(f"{path}: needs the operator {node.domain}.{node.op_type}, which is not part of ONNX")
