"""Faults of models: ONNX files, cards in them, and checkpoints, damaged by chance and with knowledge."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
import onnx
from fault_frame import Edit, Mutations, Row, byte_edits
from onnx import TensorProto, helper, numpy_helper

from cgconv.runtime.models.card import CARD_KEY, ModelCard, Normalization, write_card

NUMBERS = (0, 1, 2, 3, -1, 1 << 15, (1 << 31) - 1, 1 << 40, -(1 << 63), 7)
VALUES: tuple[Any, ...] = (  # Any: JSON values
    *(None, True, 0, -1, 1.5, 1e308, float("nan"), 10**30),
    *("", "x", "\ud800", "é" * 300, [], {}, [[]], [1, 2], {"a": {}}),
)


def rows() -> list[Row]:
    """Return the rows of this file."""
    return [
        Mutations(name="models: ONNX files, bytes", tries=120, make=_models, attempt=use_model, change=byte_edits),
        Mutations(name="models: ONNX files, fields", tries=120, make=_models, attempt=use_model, change=_field_edits),
        Mutations(name="models: cards", tries=260, make=_with_cards, attempt=list_and_read, change=_card_edits),
        Mutations(name="checkpoints: bytes", tries=150, make=_checkpoints, attempt=read_run, change=byte_edits),
        Mutations(name="checkpoints: pickles", tries=250, make=_checkpoints, attempt=read_run, change=_pickle_edits),
        Mutations(name="checkpoints: resumed", tries=60, make=_run_alone, attempt=resume, change=_pickle_edits),
        Mutations(name="checkpoints: of others", tries=150, make=_foreign, attempt=import_it, change=_pickle_edits),
    ]


# --- ONNX


def small_model(*, opset: int = 20, has_card: bool = True, functions: bool = False, loop: bool = False) -> bytes:
    """Return a small translator: two convolutions with an instance norm between them."""
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(random.normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32), "w1"),
        numpy_helper.from_array(np.ones(4, np.float32), "gain"),
        numpy_helper.from_array(np.zeros(4, np.float32), "offset"),
        numpy_helper.from_array(random.normal(0, 0.5, (3, 4, 3, 3)).astype(np.float32), "w2"),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("InstanceNormalization", ["a", "gain", "offset"], ["b"]),
        helper.make_node("Own" if functions else "Relu", ["b"], ["c"], domain="own" if functions else ""),
        helper.make_node("Conv", ["c", "w2"], ["d"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    ]
    if loop:
        weights.append(numpy_helper.from_array(np.array(3, np.int64), "times"))
        weights.append(numpy_helper.from_array(np.array(True), "yes"))
        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
        number = helper.make_tensor_value_info("i", TensorProto.INT64, [])
        flag = helper.make_tensor_value_info("on", TensorProto.BOOL, [])
        flag_out = helper.make_tensor_value_info("on_out", TensorProto.BOOL, [])
        value_out = helper.make_tensor_value_info("x_out", TensorProto.FLOAT, None)
        body = [helper.make_node("Identity", ["on"], ["on_out"]), helper.make_node("Neg", ["x"], ["x_out"])]
        graph = helper.make_graph(body, "body", [number, flag, value], [flag_out, value_out])
        nodes.append(helper.make_node("Loop", ["times", "yes", "d"], ["e"], body=graph))
    nodes.append(helper.make_node("Tanh", ["e" if loop else "d"], ["translated"]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("image", "translated")
    ]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], weights)
    opsets = [helper.make_opsetid("", opset)]
    own = []
    if functions:
        opsets.append(helper.make_opsetid("own", 1))
        own = [
            helper.make_function(
                "own", "Own", ["x"], ["y"], [helper.make_node("Relu", ["x"], ["y"])], [helper.make_opsetid("", opset)]
            )
        ]
    model = helper.make_model(graph, ir_version=10, opset_imports=opsets, functions=own)
    if has_card:
        write_card(
            model,
            ModelCard(
                name="small",
                input_name="image",
                output_name="translated",
                value_range_in=(-1.0, 1.0),
                value_range_out=(-1.0, 1.0),
                size_multiple=1,
                smallest_size=1,
                normalization=Normalization.INSTANCE,
                source={"family": "faults"},
                verification={"decibels": 80.0},
            ),
        )
    return bytes(model.SerializeToString())


def _models(folder: Path) -> Sequence[Path]:
    made = {
        "card": small_model(),
        "old": small_model(opset=11),
        "foreign": small_model(has_card=False),
        "functions": small_model(functions=True),
        "loop": small_model(loop=True),
    }
    for name, data in made.items():
        (folder / f"{name}.onnx").write_bytes(data)
    return list(folder.iterdir())


def _with_cards(folder: Path) -> Sequence[Path]:
    (folder / "card.onnx").write_bytes(small_model())
    return list(folder.iterdir())


def use_model(file: Path, results: Path) -> None:
    """Translate a picture with the model."""
    from cgconv.runtime.pictures.job import translate_picture_file
    from cgconv.runtime.translator import open_translator

    picture = file.with_name("picture.png")
    image = np.random.default_rng(1).integers(0, 255, (24, 33, 3), np.uint8)
    cv2.imwrite(str(picture), image)
    with open_translator(file, device="cpu", threads=1) as translator:
        translate_picture_file(picture, results / "picture.png", translator)


def list_and_read(file: Path, results: Path) -> None:
    """List the model among others, describe it, then use it."""
    from click.testing import CliRunner

    from cgconv.cli.main import cgconv

    os.environ["CGCONV_MODELS"] = str(file.parent)
    shown = CliRunner().invoke(cgconv, ["models", "list"], catch_exceptions=False)
    if "monet" not in shown.output:
        raise AssertionError("one model keeps the others from being listed")
    CliRunner().invoke(cgconv, ["models", "list", "--json"], catch_exceptions=False)
    CliRunner().invoke(cgconv, ["models", "info", str(file)], catch_exceptions=False)


def _field_edits(data: bytes, random: Random) -> list[Edit]:
    """Return the whole file anew, with some fields of its message changed."""
    model = onnx.ModelProto.FromString(data)
    for _ in range(random.choice((1, 1, 2, 3))):
        _change_field(model, random)
    return [Edit(0, len(data), bytes(model.SerializeToString()))]


def _change_field(message: Any, random: Random) -> None:  # Any: protobuf's messages
    """Change one field of a message, or of one inside it."""
    while True:
        fields = [(field, value) for field, value in message.ListFields() if field.name != "metadata_props"]
        if not fields:
            return
        field, value = random.choice(fields)
        repeated = not isinstance(value, int | float | str | bytes) and field.type != field.TYPE_MESSAGE
        if field.type == field.TYPE_MESSAGE:
            inner = list(value) if hasattr(value, "__len__") else [value]
            if random.random() < 0.75:
                message = random.choice(inner)
                continue
            if hasattr(value, "__len__"):
                _change_list(value, random)
            else:
                message.ClearField(field.name)
            return
        if repeated:
            _change_list(value, random, _other(field, random))
        else:
            setattr(message, field.name, _other(field, random))
        return


def _other(field: Any, random: Random) -> Any:  # Any: protobuf's descriptors and values
    if field.type == field.TYPE_STRING:
        return random.choice(
            ("", "image", "translated", "a", "w1", "Expand", "Loop", "Resize", "Pad", "Tile", "x" * 5000)
        )
    if field.type == field.TYPE_BYTES:
        return random.choice((b"", b"\xff\xfe", random.randbytes(8), bytes(4096)))
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return random.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    number = random.choice(NUMBERS)
    if field.type == field.TYPE_ENUM:
        return abs(number) % 20
    return number if field.type in (field.TYPE_INT64, field.TYPE_SINT64) else number % (1 << 31)


def _change_list(entries: Any, random: Random, value: Any = None) -> None:  # Any: protobuf's repeated fields
    if not len(entries):
        return
    at = random.randrange(len(entries))
    match random.randrange(3):
        case 0:
            del entries[at]
        case 1 if value is not None:
            entries[at] = value
        case _:
            copied = entries[at] if value is not None else type(entries[at]).FromString(entries[at].SerializeToString())
            entries.extend([copied] * random.choice((1, 1, 30)))


def _card_edits(data: bytes, random: Random) -> list[Edit]:
    """Return the whole file anew, with a card that somebody or something has changed."""
    model = onnx.ModelProto.FromString(data)
    entry = next(entry for entry in model.metadata_props if entry.key == CARD_KEY)
    value = changed_text(entry.value, random)
    try:
        entry.value = value
    except (UnicodeEncodeError, ValueError):  # protobuf takes no lone surrogates: written past it
        entry.value = "CARD"
        raw = bytes(model.SerializeToString())
        return [Edit(0, len(data), raw.replace(b"CARD", b"\xed\xa0\x80\xff"[:4]))]
    return [Edit(0, len(data), bytes(model.SerializeToString()))]


def changed_text(text: str, random: Random) -> str:
    """Return JSON with a value that it should not have, nested deeply, or no JSON any more."""
    match random.randrange(5):
        case 0:
            depth = random.choice((50, 300, 900, 5000, 100_000))
            inner = random.choice(('{"a":', "[")) * depth + "1"
            closed = inner + ("}" if "{" in inner else "]") * depth
            return text.replace(random.choice(("{", '"faults"', "[")), "{" + f'"source": {closed},', 1)
        case 1:
            edits = byte_edits(text.encode(), random)
            data = text.encode()
            for edit in edits:
                data = data[: edit.at] + edit.data + data[edit.until :]
            return data.decode("utf-8", "replace")
        case _:
            values = json.loads(text)
            place: Any = values  # Any: JSON values
            while True:
                key = random.choice(list(place))
                if isinstance(place[key], dict) and place[key] and random.random() < 0.5:
                    place = place[key]
                    continue
                break
            if random.random() < 0.2:
                del place[key]
            else:
                place[key] = random.choice(VALUES)
            return json.dumps(values)


# --- checkpoints

_run_folder: Path | None = None  # the run that `resume` copies, made once in each child


def tiny_config(root: Path) -> Any:  # Any: a TrainConfig, whose module needs the extra `train`
    """Return the settings of a run that takes a second."""
    from cgconv.trainer.choices import Precision
    from cgconv.trainer.config import (
        DataConfig,
        DiscriminatorConfig,
        EvaluationConfig,
        GeneratorConfig,
        OptimizerConfig,
        RunConfig,
        TrainConfig,
    )

    return TrainConfig(
        generator=GeneratorConfig(blocks=1, width=4),
        discriminator=DiscriminatorConfig(layers=1, width=4),
        data=DataConfig(a=root / "a", b=root / "b", crop=32, load=32),
        optimizer=OptimizerConfig(images=2),
        evaluation=EvaluationConfig(every=0),
        run=RunConfig(out=root / "run", device="cpu", precision=Precision.FP32, threads=1, sample_every=0),
    )


def tiny_run(root: Path) -> Path:
    """Train for two pictures below `root` and return the run's folder."""
    from cgconv.trainer.train import train

    for name in ("a", "b"):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(4):
            image = np.random.default_rng(number).integers(0, 255, (36, 36, 3), np.uint8)
            cv2.imwrite(str(root / name / f"{number}.png"), image)
    config = tiny_config(root)
    for _ in train(config, threading.Event()):
        pass
    return Path(config.run.out)


def _checkpoints(folder: Path) -> Sequence[Path]:
    run = tiny_run(folder.parent / f"{folder.name}-run")
    (folder / "checkpoint.pt").write_bytes((run / "checkpoint.pt").read_bytes())
    return [folder / "checkpoint.pt"]


_run_alone = _checkpoints


def read_run(file: Path, results: Path) -> None:
    """Export the run, and open it as evaluate and test do."""
    from cgconv.exporter.export import Direction, export
    from cgconv.trainer.trained_run import load_run

    run = load_run(file, device="cpu")
    for translators in run.weights.values():
        assert translators.ab is not None
        translators.ab(np.zeros((1, 32, 32, 3), np.uint8))
    export(file, out=results, direction=Direction.A2B)  # one is enough: torch works for seconds on each


def resume(file: Path, results: Path) -> None:
    """Go on with a run whose checkpoint this is."""
    from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint
    from cgconv.trainer.train import train

    global _run_folder
    if _run_folder is None:
        _run_folder = tiny_run(Path(tempfile.mkdtemp(prefix="cgconv-faults-run-")))
    root = results.parent / "resumed"
    shutil.copytree(_run_folder.parent, root)
    run = root / _run_folder.name
    (run / "checkpoint.pt").write_bytes(file.read_bytes())
    kept = checkpoint_config(load_checkpoint(run))
    config = tiny_config(root)
    config = replace(kept, run=config.run, data=config.data, optimizer=replace(config.optimizer, images=3))
    for _ in train(config, threading.Event(), resume=True):
        pass


def _foreign(folder: Path) -> Sequence[Path]:
    import torch

    random = torch.Generator().manual_seed(0)

    def weight(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random) * 0.1

    # pytorch-CycleGAN-and-pix2pix's ResNet of one block and width 4
    state = {
        "model.1.weight": weight(4, 3, 7, 7),
        "model.1.bias": weight(4),
        "model.4.weight": weight(8, 4, 3, 3),
        "model.4.bias": weight(8),
        "model.7.weight": weight(16, 8, 3, 3),
        "model.7.bias": weight(16),
        "model.10.conv_block.1.weight": weight(16, 16, 3, 3),
        "model.10.conv_block.1.bias": weight(16),
        "model.10.conv_block.5.weight": weight(16, 16, 3, 3),
        "model.10.conv_block.5.bias": weight(16),
        "model.11.weight": weight(16, 8, 3, 3),
        "model.11.bias": weight(8),
        "model.14.weight": weight(8, 4, 3, 3),
        "model.14.bias": weight(4),
        "model.18.weight": weight(3, 4, 7, 7),
        "model.18.bias": weight(3),
    }
    torch.save(state, folder / "new.pth")
    torch.save(state, folder / "old.pth", _use_new_zipfile_serialization=False)
    return list(folder.iterdir())


def import_it(file: Path, results: Path) -> None:
    """Import another project's checkpoint into the model folder."""
    from cgconv.exporter.import_checkpoint import import_checkpoint

    os.environ["CGCONV_MODELS"] = str(results)
    import_checkpoint(file, name="imported")


def _pickle_edits(data: bytes, random: Random) -> list[Edit]:
    """Return the file with its pickle changed, the checksums around it made right again."""
    if not data.startswith(b"PK"):
        return byte_edits(data, random)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    name = next(name for name in parts if name.endswith("/data.pkl"))
    change: Callable[[bytes, Random], bytes] = random.choice((_bytes_of_pickle, _words_of_pickle, _another_pickle))
    parts[name] = change(parts[name], random)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return [Edit(0, len(data), packed.getvalue())]


def _bytes_of_pickle(pickled: bytes, random: Random) -> bytes:
    for edit in byte_edits(pickled, random):
        pickled = pickled[: edit.at] + edit.data + pickled[edit.until :]
    return pickled


def _words_of_pickle(pickled: bytes, random: Random) -> bytes:
    """Put one word or number in place of another."""
    words = (
        *(b"width", b"blocks", b"kind", b"generators", b"images_seen", b"optimizers", b"cgconv", b"config", b"lr"),
        *(b"weight", b"bias", b"FloatStorage", b"OrderedDict", b"cpu", b"step", b"resnet", b"judge", b"processes"),
        *(b"K\x04", b"K\x01", b"K\x02", b"K\x03", b"K ", b"G?", b"\x88", b"\x89", b"N", b"model"),
    )
    old, new = random.choice(words), random.choice(words)
    count = pickled.count(old)
    if not count:
        return _bytes_of_pickle(pickled, random)
    at = -1
    for _ in range(random.randrange(count) + 1):
        at = pickled.index(old, at + 1)
    return pickled[:at] + new.ljust(len(old), b"_")[: len(old)] + pickled[at + len(old) :]


def _another_pickle(pickled: bytes, random: Random) -> bytes:
    """Return a pickle that asks for much, or goes round in circles."""
    laughs = b"\x80\x02]q\x00" + b"".join(b"]q%c(h%ch%ch%ce" % (n, n - 1, n - 1, n - 1) for n in range(1, 40)) + b"."
    return random.choice(
        (
            b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\xe4\x0bT\x02\x85R.",
            b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
            b"\x80\x02ctorch\nTensor\nJ\xff\xff\xff\x7f\x85R.",
            b"\x80\x02ctorch\nFloatTensor\nJ\xff\xff\xff\x7f\x85R.",
            b"\x80\x02]q\x00h\x00a.",
            laughs,
            b"\x80\x02}q\x00X\x06\x00\x00\x00cgconvK\x02s.",
            b"\x80\x02" + b"(" * 100_000 + b".",
            b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b".",
            b"\x80\x02" + b"K\x01" + b"\x85" * 50_000 + b".",
            b"\x80\x02ccollections\nOrderedDict\n)RN.",
            b"\x80\x02N.",
            b"",
            b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.",
        )
    )
