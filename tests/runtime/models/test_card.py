"""A model card survives its file, and says clearly what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import onnx
import pytest
from places import ROOT
from small_models import card_for, identity_model

from cgconv.runtime import events
from cgconv.runtime.errors import ModelError
from cgconv.runtime.models.card import CARD_KEY, ModelCard, read_card, write_card
from cgconv.runtime.models.model_file import load_model, write_model
from cgconv.runtime.translate.foreign import import_onnx
from cgconv.runtime.translator import open_translator

FORMATS = ROOT / "docs" / "formats.md"


def a_card() -> ModelCard:
    return card_for(
        identity_model(),
        name="zebra",
        direction="horse → zebra",
        architecture={"kind": "resnet", "blocks": 9},
        fixed_size_hw=(240, 320),
        color_mean=(120.5, 110.0, 90.0),
        value_range_in=(0, 255),
        scale=2,
        verification={"largest_difference": 1e-5},
    )


def test_a_card_comes_back_from_its_file_unchanged(tmp_path: Path) -> None:
    model = identity_model([1, 3, 240, 320])
    write_card(model, a_card())
    write_model(model, tmp_path / "zebra.onnx")
    assert read_card(tmp_path / "zebra.onnx") == a_card()
    onnx.checker.check_model(str(tmp_path / "zebra.onnx"))


def test_a_second_card_takes_the_first_ones_place_and_other_metadata_stays() -> None:
    model = identity_model()
    entry = model.metadata_props.add()
    entry.key, entry.value = "author", "somebody"
    write_card(model, a_card())
    write_card(model, card_for(model, name="other"))
    assert [entry.key for entry in model.metadata_props] == ["author", CARD_KEY]
    found = read_card(model)
    assert found is not None
    assert found.name == "other"


def test_a_model_from_elsewhere_has_no_card(tmp_path: Path) -> None:
    write_model(identity_model(), tmp_path / "foreign.onnx")
    assert read_card(tmp_path / "foreign.onnx") is None


def test_unknown_fields_of_a_later_minor_version_are_ignored() -> None:
    values = json.loads(a_card().to_json()) | {"format_version": "1.7", "mood": "cheerful"}
    card = ModelCard.from_json(json.dumps(values))
    assert card.name == "zebra"
    assert card.format_version == "1.7"


def test_a_newer_major_version_is_refused_with_what_to_do() -> None:
    values = json.loads(a_card().to_json()) | {"format_version": "2.0"}
    with pytest.raises(ModelError, match=r"zebra\.onnx: card field format_version: found 2\.0, expected at most 1\.x"):
        ModelCard.from_json(json.dumps(values), where="zebra.onnx")


@pytest.mark.parametrize("name", ["name", "input_name", "value_range_in", "size_multiple", "smallest_size"])
def test_a_missing_required_field_is_named_with_what_was_wanted(name: str) -> None:
    values = json.loads(a_card().to_json())
    del values[name]
    with pytest.raises(ModelError, match=rf"zebra\.onnx: card field {name} is missing, expected \S+"):
        ModelCard.from_json(json.dumps(values), where="zebra.onnx")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layout_in", "NWHC"),
        ("value_range_in", [0, 2]),
        ("value_range_out", "0..1"),
        ("size_multiple", 0),
        ("smallest_size", 2.5),
        ("scale", True),
        ("fixed_size_hw", [0, 3]),
        ("color_mean", [1, 2]),
        ("color_std", [1, 2, "x"]),
        ("architecture", []),
        ("name", ""),
        ("normalization", None),
        ("receptive_field_px", -1),
        ("fixed_size_hw", [65536, 65536]),
        ("fixed_size_hw", [64, 4097]),
        ("size_multiple", 4096),
        ("smallest_size", 1025),
        ("title", "x" * 10_001),
        ("name", "x" * 256),
    ],
)
def test_a_wrong_value_is_refused_with_file_field_found_and_wanted(name: str, value: object) -> None:
    values = json.loads(a_card().to_json()) | {name: value}
    with pytest.raises(ModelError, match=rf"zebra\.onnx: card field {name}: found .+, expected .+"):
        ModelCard.from_json(json.dumps(values), where="zebra.onnx")


# A card that named a fixed size of 65536×65536 for a graph of free sizes made `cgconv images` and the window's gallery
# take all memory, deaf to signals; the others ended in the middle of a batch with a library's own words.
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("input_name", "nope", 'card field input_name: found "nope", expected "input"'),
        ("output_name", "nope", 'card field output_name: found "nope", expected "t1"'),
        ("layout_in", "NHWC", 'card field layout_in: found "NHWC", expected "NCHW"'),
        ("dtype", "float16", 'card field dtype: found "float16", expected "float32"'),
        ("fixed_size_hw", (2048, 2048), "card field fixed_size_hw: found [2048, 2048], expected null"),
    ],
)
def test_a_card_that_its_graph_belies_is_refused_when_it_is_read(
    name: str, value: object, words: str, tmp_path: Path
) -> None:
    model = identity_model()
    write_card(model, card_for(model, **{name: value}))
    write_model(model, tmp_path / "liar.onnx")
    with pytest.raises(ModelError) as caught:
        read_card(tmp_path / "liar.onnx")
    assert str(caught.value) == f"{tmp_path / 'liar.onnx'}: {words}, as its graph has it"


@pytest.mark.parametrize(
    ("shape", "fixed_hw", "words"),
    [
        ([1, 3, 24, 32], None, "card field fixed_size_hw: found null, expected [24, 32]"),
        ([1, 3, 24, 32], (32, 24), "card field fixed_size_hw: found [32, 24], expected [24, 32]"),
        ([1, 3, 24, "w"], (24, 32), "expected height and width both free or both fixed"),
        ([1, 4, 24, 32], (24, 32), "expected 4 axes and 3 color channels"),
    ],
)
def test_a_fixed_size_must_be_the_graphs_own(
    shape: list[int | str], fixed_hw: tuple[int, int] | None, words: str
) -> None:
    model = identity_model(shape)
    write_card(model, card_for(model, fixed_size_hw=fixed_hw))
    with pytest.raises(ModelError) as caught:
        read_card(model, Path("liar.onnx"))
    assert str(caught.value).startswith("liar.onnx: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("shape", [[1, 3, 24, 32], [1, 3, 4096, 4096]])
def test_a_fixed_size_that_the_graph_has_too_is_taken(shape: list[int | str]) -> None:
    model = identity_model(shape)
    write_card(model, card_for(model, fixed_size_hw=tuple(shape[2:])))
    card = read_card(model)
    assert card is not None
    assert card.fixed_size_hw == tuple(shape[2:])


def test_what_is_wrong_with_the_card_of_an_open_model_names_its_file(tmp_path: Path) -> None:
    model = identity_model()
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD_KEY, json.dumps({"format_version": "2.0\x1b[2J"})
    write_model(model, tmp_path / "future.onnx")
    for act in (lambda path: open_translator(path), lambda path: import_onnx(path, "never")):
        with pytest.raises(ModelError) as caught:
            act(tmp_path / "future.onnx")
        assert str(caught.value).startswith(f"{tmp_path / 'future.onnx'}: card field format_version: found 2.0")
        assert "\x1b" not in str(caught.value)


def test_a_card_of_megabytes_is_not_parsed() -> None:
    values = json.loads(a_card().to_json()) | {"mood": "x" * (1 << 20)}
    with pytest.raises(
        ModelError, match=r"zebra\.onnx: the card has 1,04\d,\d{3} characters, expected at most 1,048,576"
    ):
        ModelCard.from_json(json.dumps(values), where="zebra.onnx")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1, 2]", "null", "[" * 100_000, '{"format_version": []}', f'{{"format_version": "{"9" * 5000}"}}'],
)
def test_what_is_no_card_gets_one_sentence(text: str) -> None:
    with pytest.raises(ModelError) as caught:
        ModelCard.from_json(text, where="zebra.onnx")
    assert str(caught.value).startswith("zebra.onnx: ")
    assert "\n" not in str(caught.value)


def test_a_card_in_a_damaged_file_is_a_model_error_too(tmp_path: Path) -> None:
    model = identity_model()
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD_KEY, "{broken"
    write_model(model, tmp_path / "broken.onnx")
    with pytest.raises(ModelError, match=r"broken\.onnx: the card is not valid JSON"):
        read_card(tmp_path / "broken.onnx")
    assert load_model(tmp_path / "broken.onnx").graph.node  # the model itself is fine


def test_the_formats_page_names_every_field_of_the_card() -> None:
    page = FORMATS.read_text(encoding="utf-8")
    missing = [field.name for field in fields(ModelCard) if f"| `{field.name}` |" not in page]
    assert missing == []


def test_the_formats_page_names_every_event_and_its_fields() -> None:
    page = FORMATS.read_text(encoding="utf-8")
    found = [
        value for value in vars(events).values() if isinstance(value, type) and value.__module__ == events.__name__
    ]
    missing = []
    for event in found:
        section = page.partition(f"| `{event.__name__}` |")[2].partition("\n")[0]
        missing += [f"{event.__name__}.{part.name}" for part in fields(event) if f"`{part.name}`" not in section]
    assert len(found) > 8
    assert missing == []
