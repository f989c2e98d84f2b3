"""Models are found by name, added and removed, and files that are none are refused with what they are."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import helper
from small_models import GraphBuilder, identity_model, with_card

from cgconv.runtime.errors import ModelError, OutputError, UsageError
from cgconv.runtime.models import store
from cgconv.runtime.models.model_file import load_model, write_model
from cgconv.runtime.models.store import list_models, models_folder, remove_model, resolve_model
from cgconv.runtime.translate.foreign import import_onnx
from cgconv.runtime.translator import open_translator


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own model folder and one shipped model, `monet`."""
    monkeypatch.setenv("CGCONV_MODELS", str(tmp_path / "mine"))
    shipped = tmp_path / "shipped"
    monkeypatch.setattr(store, "bundled_folder", lambda: shipped)
    write_model(with_card(identity_model(), name="monet"), shipped / "monet.onnx")


def test_a_path_comes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(identity_model(), tmp_path / "monet")
    assert resolve_model("monet").samefile(tmp_path / "monet")


def test_the_users_model_comes_before_the_shipped_one() -> None:
    assert resolve_model("monet").parent.name == "shipped"
    write_model(with_card(identity_model(), name="monet"), models_folder() / "monet.onnx")
    assert resolve_model("monet").parent == models_folder()
    assert [model.bundled for model in list_models()] == [False]


def test_an_unknown_name_lists_what_there_is_and_the_nearest(tmp_path: Path) -> None:
    write_model(identity_model(), models_folder() / "zebra.onnx")
    with pytest.raises(UsageError, match=r"no model is named 'Monte' \(did you mean monet\?\); there is: monet, zebra"):
        resolve_model("Monte")


def test_a_path_that_is_not_there_is_called_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        resolve_model(tmp_path / "nowhere" / "monet.onnx")


def test_a_model_is_added_listed_and_removed(tmp_path: Path) -> None:
    write_model(with_card(identity_model(), name="x"), tmp_path / "download.onnx")
    added = import_onnx(tmp_path / "download.onnx", "été-東京")
    assert added == resolve_model("été-東京")
    listed = {model.name: model for model in list_models()}
    assert listed["été-東京"].bytes == added.stat().st_size
    assert listed["monet"].bundled
    assert remove_model("été-東京") == added
    assert [model.name for model in list_models()] == ["monet"]


def test_a_shipped_model_cannot_be_removed() -> None:
    with pytest.raises(UsageError, match="comes with cgconv"):
        remove_model("monet")
    assert resolve_model("monet").is_file()


def test_nothing_outside_the_folder_is_removed(tmp_path: Path) -> None:
    outside = tmp_path / "precious.onnx"
    write_model(identity_model(), outside)
    for name in (str(outside), "../precious", "precious.onnx", "..", ""):
        with pytest.raises(UsageError):
            remove_model(name)
    assert outside.is_file()


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a\\b", "..", "a\nb", "x" * 101, "-x"])
def test_names_that_are_no_file_names_are_refused(name: str, tmp_path: Path) -> None:
    write_model(identity_model(), tmp_path / "m.onnx")
    with pytest.raises(UsageError, match="cannot be a model's name"):
        store.free_path(name)


@pytest.mark.parametrize("name", ["CON", "nul", "Aux", "com1", "LPT9", "prn.fp16", "COM²"])
def test_names_that_windows_keeps_for_devices_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a model's name: Windows reserves it for a device"):
        store.free_path(name)
    assert store.free_path("console").name == "console.onnx"


def test_a_name_that_differs_only_in_case_is_taken(tmp_path: Path) -> None:
    write_model(identity_model(), tmp_path / "m.onnx")
    import_onnx(tmp_path / "m.onnx", "Été")
    for name in ("été", "ÉTÉ"):
        with pytest.raises(UsageError, match="already a model named Été, which some disks take for"):
            import_onnx(tmp_path / "m.onnx", name)
    with pytest.raises(UsageError, match="already a model named monet, which"):
        store.free_path("Monet")
    assert store.free_path("monet").parent == models_folder(), "this hides the shipped one"


def test_an_empty_name_is_not_the_files_own(tmp_path: Path) -> None:
    write_model(identity_model(), tmp_path / "m.onnx")
    with pytest.raises(UsageError, match="'' cannot be a model's name"):
        import_onnx(tmp_path / "m.onnx", "")


def test_a_taken_name_is_not_overwritten(tmp_path: Path) -> None:
    write_model(identity_model(), tmp_path / "m.onnx")
    first = import_onnx(tmp_path / "m.onnx").read_bytes()
    with pytest.raises(UsageError, match="already a model named m"):
        import_onnx(tmp_path / "m.onnx")
    assert resolve_model("m").read_bytes() == first


def test_a_damaged_model_is_listed_with_its_problem() -> None:
    models_folder().mkdir(parents=True)
    (models_folder() / "torn.onnx").write_bytes(b"\x08\x07torn")
    torn = next(model for model in list_models() if model.name == "torn")
    assert torn.card is None
    assert torn.problem is not None
    assert "torn.onnx" in torn.problem


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("CGCONV_MODELS", str(tmp_path / "file" / "models"))
    write_model(identity_model(), tmp_path / "m.onnx")
    with pytest.raises(OutputError, match="cannot be written"):
        import_onnx(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n", "Git-LFS pointer"),
        (b"<!DOCTYPE html>\n<html></html>", "web page"),
        (b"PK\x03\x04 archive", "PyTorch checkpoint"),
        (b"\x80\x02}q\x00.", "PyTorch checkpoint"),
        (b"", "empty file"),
        (b"\x00\x01\x02 noise", "damaged or not an ONNX model"),
        (b'{"a": 1}', "JSON"),
    ],
)
def test_files_that_are_no_models_are_called_what_they_are(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=rf"m\.onnx: .*{words}") as caught:
        load_model(tmp_path / "m.onnx")
    assert "\n" not in str(caught.value)


def test_a_model_cut_short_is_refused_at_every_length(tmp_path: Path) -> None:
    net = GraphBuilder()
    whole = with_card(net.model(net.conv("input", 3, 3, 3, padding=1))).SerializeToString()
    for length in range(1, len(whole), 37):
        (tmp_path / "m.onnx").write_bytes(whole[:length])
        with pytest.raises(ModelError):
            open_translator(tmp_path / "m.onnx", backend="onnxruntime")


def test_a_folder_and_a_missing_file_are_model_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a folder"):
        load_model(tmp_path)
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(tmp_path / "none.onnx")


def test_weights_in_another_file_are_refused_unread(tmp_path: Path) -> None:
    net = GraphBuilder()
    model = net.model(net.conv("input", 3, 3, 3, padding=1))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="keeps its weights in another file"):
        load_model(tmp_path / "m.onnx")


def test_operators_that_need_somebodys_library_are_refused(tmp_path: Path) -> None:
    net = GraphBuilder()
    net.nodes.append(helper.make_node("Magic", ["input"], ["made"], domain="com.evil"))
    (tmp_path / "m.onnx").write_bytes(net.model("made").SerializeToString())
    with pytest.raises(ModelError, match=r"needs the operator com\.evil\.Magic"):
        load_model(tmp_path / "m.onnx")
