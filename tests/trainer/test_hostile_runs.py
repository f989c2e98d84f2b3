"""A run's files may be damaged or hostile: what can be read is used, the rest set aside, nothing fills the memory."""

from __future__ import annotations

import io
import json
import shutil
import threading
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from cgconv.cli.main import main  # noqa: E402
from cgconv.exporter.checkpoint_file import read_checkpoint  # noqa: E402
from cgconv.exporter.export import export  # noqa: E402
from cgconv.runtime.errors import CgconvError, ModelError  # noqa: E402
from cgconv.trainer.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from cgconv.trainer.choices import Precision  # noqa: E402
from cgconv.trainer.config import (  # noqa: E402
    DataConfig,
    DiscriminatorConfig,
    EvaluationConfig,
    GeneratorConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from cgconv.trainer.judging.evaluation import BestStates  # noqa: E402
from cgconv.trainer.judging.features import open_features  # noqa: E402
from cgconv.trainer.train import train  # noqa: E402
from cgconv.trainer.trained_run import load_run  # noqa: E402


def config_in(root: Path, images: int) -> TrainConfig:
    return TrainConfig(
        generator=GeneratorConfig(blocks=1, width=4),
        discriminator=DiscriminatorConfig(layers=1, width=4),
        data=DataConfig(a=root / "a", b=root / "b", crop=32, load=32),
        optimizer=OptimizerConfig(images=images),
        evaluation=EvaluationConfig(every=0),
        run=RunConfig(
            out=root / "run", device="cpu", precision=Precision.FP32, threads=1, sample_every=0, report_every=1
        ),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trained")
    for name in ("a", "b"):
        (root / name).mkdir()
        for number in range(3):
            image = np.random.default_rng(number).integers(0, 255, (36, 36, 3), np.uint8)
            cv2.imwrite(str(root / name / f"{number}.png"), image)
    list(train(config_in(root, 2), threading.Event()))
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    """Return a copy of a folder with pictures and a run of two of them."""
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def resume(root: Path) -> None:
    assert main(["train", "--resume", str(root / "run"), "--images", "3", "--data", str(root)]) == 0


NESTED = b'{"a":' * 900 + b"1" + b"}" * 900


def test_damaged_metrics_are_read_where_they_can_be_and_the_rest_is_kept(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A byte that is no text ended `train --resume`."""
    metrics = root / "run" / "metrics.jsonl"
    good = metrics.read_bytes().splitlines(keepends=True)
    line = json.loads(good[0])
    strange = [{**line, "losses": 7}, {**line, "images_total": "x"}, {**line, "seconds_left": 1e999}]
    strange += [{"event": "Evaluated", "images_seen": 1, "metrics": {}}, {"images_seen": [1]}]
    bad = [b"\xff\xfe\n", b"[]\n", b"{\n", NESTED + b"\n", *(json.dumps(one).encode() + b"\n" for one in strange)]
    metrics.write_bytes(good[0] + b"".join(bad) + b"".join(good[1:]) + good[0][:20])
    assert main(["train", "--resume", str(root / "run"), "--images", "3"]) == 0
    assert "metrics.jsonl could not be read in places" in capfd.readouterr().err
    assert (root / "run" / "metrics.jsonl.damaged").read_bytes() == b"".join(bad)
    now = metrics.read_bytes().splitlines(keepends=True)
    assert now[: len(good)] == good, "of the last line a part was missing, which nobody misses"
    assert len(now) > len(good)
    assert (root / "run" / "report.html").stat().st_size > 1000


@pytest.mark.parametrize("damage", [b"", b"\xff", b"[]", NESTED, b"[" * 100_000, b'{"kept": 5'])
def test_damaged_settings_and_best_states_are_set_aside_and_said(
    root: Path, damage: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    run = root / "run"
    for name in ("config.json", "environment.json", "best.json"):
        (run / name).write_bytes(damage)
    assert main(["train", "--resume", str(run), "--images", "3"]) == 0
    said = capfd.readouterr().err
    for name in ("config.json", "environment.json", "best.json"):
        assert f"{run / name} could not be read, and was renamed to {name}.damaged" in said
        assert (run / f"{name}.damaged").read_bytes() == damage
    assert json.loads((run / "config.json").read_bytes())["generator"]["width"] == 4


def test_of_a_list_of_best_states_the_good_entries_are_used(root: Path) -> None:
    run = root / "run"
    good = {"file": "best-00000001.pt", "score": 0.5, "images_seen": 1}
    (run / good["file"]).write_bytes(b"")
    bad: list[Any] = ["x", None, {"file": 7}, {**good, "score": "low"}, {**good, "file": "../best-00000001.pt"}, {}]
    bad += [{**good, "images_seen": True}, {**good, "score": float("nan")}]
    (run / "best.json").write_text(json.dumps({"rule": "lowest", "kept": [bad[0], good, *bad[1:]]}))
    assert BestStates(run, 3).kept == [good]
    assert main(["train", "--resume", str(run), "--images", "3"]) == 0
    assert json.loads((run / "best.json").read_text())["kept"] == [good]
    assert len(json.loads((run / "best.json.damaged").read_text())["kept"]) == len(bad) + 1


# --- checkpoints


def with_pickle(path: Path, pickled: bytes) -> None:
    """Put another pickle into a checkpoint, its checksum right."""
    with zipfile.ZipFile(path) as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    name = next(name for name in parts if name.endswith("data.pkl"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for part, content in {**parts, name: pickled}.items():
            archive.writestr(part, content)
    path.write_bytes(packed.getvalue())


def laughs(depth: int) -> bytes:
    """Return a list of three times the same list of three times …"""
    levels = b"".join(b"]q%c(h%ch%ch%ce" % (n, n - 1, n - 1, n - 1) for n in range(1, depth))
    return b"\x80\x02]q\x00" + levels + b"."


HOSTILE_PICKLES = {
    "bytearray": b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\xe4\x0bT\x02\x85R.",
    "Tensor": b"\x80\x02ctorch\nTensor\nJ\xff\xff\xff\x7f\x85R.",
    "FloatTensor": b"\x80\x02ctorch\nFloatTensor\nJ\xff\xff\xff\x7f\x85R.",
    "list in itself": b"\x80\x02]q\x00h\x00a.",
    "laughs": laughs(40),
    "deep": b"\x80\x02" + b"K\x01" + b"\x85" * 50_000 + b".",
    "code": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.",
}


@pytest.mark.parametrize("kind", HOSTILE_PICKLES)
def test_every_way_to_read_a_checkpoint_has_the_same_gate(root: Path, kind: str) -> None:
    """`export`, `evaluate`, `test` and `train --resume` made the 10 GB of zeros that `models import` refused."""
    path = root / "run" / "checkpoint.pt"
    with_pickle(path, HOSTILE_PICKLES[kind])
    for read in (load_checkpoint, load_run, export, read_checkpoint):
        with pytest.raises(ModelError) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert len(str(caught.value)) < 500
    if kind == "bytearray":
        for command in (["export"], ["train", "--resume"], ["evaluate"], ["test"]):
            given = [str(root / "run"), *(["--data", str(root)] if command[0] in ("evaluate", "test") else [])]
            assert main([*command, *given]) in (1, 2)


def test_a_checkpoint_of_odd_values_is_refused_in_a_sentence(root: Path) -> None:
    path = root / "run" / "checkpoint.pt"
    state = load_checkpoint(path)
    wide = {**state["config"], "generator": {**state["config"]["generator"], "width": 512, "blocks": 32}}
    odd: list[dict[str, Any]] = [
        {"config": []},
        {"config": {"generator": 7}},
        {"config": {"data": {"crop": 10**400}}},
        {"config": wide},
        {"generators": [1]},
        {"images_seen": "2"},
        {"images_seen": -1},
        {"images_seen": 1 << 70},
        {"held_out": {"a": 1}},
        {"held_out": [1]},
        {"generators": {}},
        {"optimizers": {}},
        {"steps": None},
        {"judge": 1},
        {"processes": 0},
    ]
    for change in odd:
        save_checkpoint(path, {**state, **change})
        for use in (load_checkpoint, load_run, export):
            with pytest.raises(CgconvError):
                use(path)
    for change in ({"optimizers": [1]}, {"processes": [3]}, {"schedule": {}}, {"judge": {}}, {"average": {}}):
        save_checkpoint(path, {**state, **change})
        with pytest.raises(CgconvError, match=r"checkpoint\.pt"):
            list(train(config_in(root, 3), threading.Event(), resume=True))


def test_a_tensor_repeated_without_bounds_is_refused(root: Path) -> None:
    path = root / "run" / "checkpoint.pt"
    state = load_checkpoint(path)
    key = next(iter(state["average"]))
    state["average"][key] = torch.zeros(1).expand(100_000, 100_000)
    save_checkpoint(path, state)
    with pytest.raises(ModelError, match="more than the file can hold"):
        load_checkpoint(path)


def test_features_in_a_file_of_their_own_cannot_name_another_file(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    outside = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="elsewhere")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, 8, 8]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [outside])
    (tmp_path / "elsewhere").write_bytes(np.ones(1, np.float32).tobytes())
    (tmp_path / "m.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
    with pytest.raises(ModelError, match="another file"):
        open_features(tmp_path / "m.onnx")
