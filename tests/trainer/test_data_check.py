"""cgconv data: what would spoil a training is found, what is in order is left in peace; data sets are fetched."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from web_site import Site, serve

from cgconv.cli.main import main
from cgconv.runtime.downloads import catalogue
from cgconv.runtime.errors import UsageError
from cgconv.runtime.events import DataSetChecked, FilesProgressed
from cgconv.runtime.images import read_thumbnail
from cgconv.trainer.data.check import DataFacts, check_data, choose_preset
from cgconv.trainer.presets import PRESETS

Image = NDArray[np.uint8]
COLOR = {"a": (150, 110, 70), "b": (90, 120, 160)}


@pytest.fixture
def site() -> Iterator[Site]:
    yield from serve()


def scene(seed: int, *, color: tuple[int, int, int] = COLOR["a"], size: int = 96) -> Image:
    """Make up a picture that is like no other: smooth noise of three sizes around a color (RGB)."""
    random, image = np.random.default_rng(seed), np.zeros((size, size, 3), np.float32) + color
    for cells, strength in ((3, 60), (8, 40), (24, 25)):
        noise = random.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        image += cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(image, 0, 255).astype(np.uint8)


def save(path: Path, image: Image, quality: int = 92) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix == ".jpg" else [])
    return path


def data_set(root: Path, counts: dict[str, int]) -> Path:
    """Write folders of pictures, all different; the last letter of a folder's name says which color."""
    for number, (folder, count) in enumerate(counts.items()):
        for index in range(count):
            save(root / folder / f"{folder}{index}.jpg", scene(1000 * number + index, color=COLOR[folder[-1].lower()]))
    return root


def checked(a: Path, b: Path | None = None, *, paired: bool = False, has_gpu: bool = False) -> DataSetChecked:
    last = list(check_data(a, b, paired=paired, threads=2, has_gpu=has_gpu))[-1]
    assert isinstance(last, DataSetChecked)
    return last


def found(result: DataSetChecked) -> dict[str, dict[str, Any]]:  # Any: JSON values
    return {finding["kind"]: finding for finding in result.findings}


def groups(result: DataSetChecked, kind: str) -> list[set[str]]:
    return sorted(({Path(name).name for name in group} for group in found(result)[kind]["files"]), key=sorted)


def test_a_good_data_set_is_ready_and_its_facts_are_right(tmp_path: Path) -> None:
    root = data_set(tmp_path, {"trainA": 60, "trainB": 55, "testA": 5, "testB": 4})
    (root / "trainA" / "notes.txt").write_text("hello")
    for hidden in (".hidden.jpg", "._0.jpg", ".DS_Store", ".cache/0.jpg"):  # "-1 other files" came of one such picture
        (root / "trainA" / hidden).parent.mkdir(exist_ok=True)
        (root / "trainA" / hidden).write_bytes((root / "trainA" / "trainA0.jpg").read_bytes())
    result = checked(root)
    assert result.ready
    assert [(folder["name"], folder["pictures"]) for folder in result.folders] == [
        ("trainA", 60),
        ("trainB", 55),
        ("testA", 5),
        ("testB", 4),
    ]
    first = result.folders[0]
    assert first["short_side_px"] == [96, 96, 96]
    assert first["bytes"] == sum(path.stat().st_size for path in (root / "trainA").glob("trainA*.jpg"))
    assert (first["other_files"], first["unreadable"], first["gray"], first["flat"]) == (1, 0, 0, 0)
    assert set(found(result)) == {"small", "color-gap"}, "96 pixels and other colors are said, and that is all"


def test_both_layouts_and_two_folders_are_understood(tmp_path: Path) -> None:
    root = data_set(tmp_path / "one", {"trainA": 3, "trainB": 3, "testA": 2, "valB": 2})
    names = ["trainA", "trainB", "testA", "valB"]
    assert [folder["name"] for folder in checked(root).folders] == names
    assert [folder["name"] for folder in checked(root / "trainA", root / "trainB").folders] == names
    nested = data_set(tmp_path / "two", {"train/A": 3, "train/B": 3, "test/B": 2})
    assert [folder["name"] for folder in checked(nested).folders] == ["train/A", "train/B", "test/B"]
    loose = data_set(tmp_path / "three", {"pics a": 3, "deep/b": 3})
    assert [folder["name"] for folder in checked(loose / "pics a", loose / "deep").folders] == ["pics a", "deep"]
    same = data_set(tmp_path / "four", {"x/a": 3, "y/a": 3})
    assert [folder["path"] for folder in checked(same / "x/a", same / "y/a").folders] == [
        str(same / "x/a"),
        str(same / "y/a"),
    ]


@pytest.mark.parametrize("missing", ["nothing", "empty", "same"])
def test_folders_that_cannot_be_are_one_sentence(tmp_path: Path, missing: str) -> None:
    data_set(tmp_path, {"trainA": 1})
    (tmp_path / "void").mkdir()
    other = {"nothing": tmp_path / "gone", "empty": tmp_path / "void", "same": tmp_path / "trainA"}[missing]
    with pytest.raises(UsageError):
        checked(tmp_path / "trainA", other)


def test_files_that_a_training_could_not_read_are_named(tmp_path: Path) -> None:
    root = data_set(tmp_path, {"trainA": 60, "trainB": 60})
    whole = (root / "trainA" / "trainA0.jpg").read_bytes()
    (root / "trainA" / "cut.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    (root / "trainB" / "text.png").write_text("no picture")
    (root / "trainB" / "nothing.jpg").write_bytes(b"")
    result = checked(root)
    assert not result.ready
    assert groups(result, "unreadable") == [{"cut.jpg"}, {"nothing.jpg"}, {"text.png"}]
    assert [folder["unreadable"] for folder in result.folders] == [1, 2]


def test_copies_byte_for_byte_are_found_where_they_are(tmp_path: Path) -> None:
    root = data_set(tmp_path, {"trainA": 60, "trainB": 60, "testA": 3, "testB": 3})
    (root / "trainA" / "copy1.jpg").write_bytes((root / "trainA" / "trainA1.jpg").read_bytes())
    (root / "trainB" / "copy2.jpg").write_bytes((root / "trainA" / "trainA2.jpg").read_bytes())
    (root / "testB" / "copy3.jpg").write_bytes((root / "trainB" / "trainB3.jpg").read_bytes())
    result = checked(root)
    assert groups(result, "exact-duplicates") == [{"trainA1.jpg", "copy1.jpg"}]
    assert groups(result, "exact-across-domains") == [{"trainA2.jpg", "copy2.jpg"}]
    assert groups(result, "exact-across-splits") == [{"trainB3.jpg", "copy3.jpg"}]
    assert not found(result)["exact-duplicates"]["needs_attention"], "one of sixty is not worth a stop"
    assert found(result)["exact-across-domains"]["needs_attention"]
    assert found(result)["exact-across-splits"]["needs_attention"]
    assert not any(kind.startswith("near") for kind in found(result)), "said once"


def test_many_copies_need_attention(tmp_path: Path) -> None:
    root = data_set(tmp_path, {"trainA": 60, "trainB": 60})
    for number in range(3):
        (root / "trainA" / f"copy{number}.jpg").write_bytes((root / "trainA" / "trainA1.jpg").read_bytes())
    assert found(checked(root))["exact-duplicates"]["needs_attention"]


def test_pictures_that_look_the_same_are_found_whatever_was_done_to_them(tmp_path: Path) -> None:
    root = data_set(tmp_path, {"trainA": 60, "trainB": 60, "testA": 5, "testB": 5})
    original = scene(0)
    save(root / "trainA" / "rough.jpg", original, quality=25)
    save(root / "trainA" / "large.png", cv2.resize(original, (300, 240), interpolation=cv2.INTER_CUBIC))
    save(root / "trainA" / "bright.png", np.clip(original * 0.8 + 45, 0, 255).astype(np.uint8))
    save(root / "testA" / "small.jpg", cv2.resize(scene(1), (70, 70), interpolation=cv2.INTER_AREA), quality=40)
    save(root / "trainB" / "both.png", scene(2))
    result = checked(root)
    assert groups(result, "near-duplicates") == [{"trainA0.jpg", "rough.jpg", "large.png", "bright.png"}]
    assert groups(result, "near-across-splits") == [{"trainA1.jpg", "small.jpg"}]
    assert groups(result, "near-across-domains") == [{"trainA2.jpg", "both.png"}]


def test_pictures_that_only_resemble_each_other_are_no_duplicates(tmp_path: Path) -> None:
    """Every seascape is light above and dark below, every icon on white is white, and flags differ by their colors."""
    for index in range(60):
        rows = np.linspace(230, 40, 96)[:, None, None] + np.zeros((96, 96, 3))
        sea = rows + (scene(index).astype(float) - COLOR["a"]) * 0.35
        save(tmp_path / "sea" / f"{index}.png", np.clip(sea, 0, 255).astype(np.uint8))
        icon = np.full((96, 96, 3), 255, np.uint8)
        center = tuple(int(value) for value in np.random.default_rng(index).integers(40, 56, 2))
        cv2.circle(icon, center, 20 + index % 10, (30, 60 + 3 * index, 200 - 3 * index), -1)
        save(tmp_path / "flags" / f"{index}.png", icon)
    blue = np.zeros((96, 96, 3), np.uint8) + np.array([40, 70, 200], np.uint8)
    green = np.zeros((96, 96, 3), np.uint8) + np.array([20, 105, 30], np.uint8)
    for name, field, disc in (("blue", blue, (255, 255, 255)), ("green", green, (255, 255, 40))):
        flag = field.copy()
        cv2.circle(flag, (48, 48), 25, disc, -1)
        save(tmp_path / "sea" / f"{name}.png", flag)
    result = checked(tmp_path / "sea", tmp_path / "flags")
    assert not any("across" in kind for kind in found(result))
    assert not any({"blue.png", "green.png"} <= group for group in groups(result, "near-duplicates") or [])


def test_flat_and_gray_pictures_are_named(tmp_path: Path) -> None:
    root = data_set(tmp_path, {"trainA": 60, "trainB": 60})
    save(root / "trainA" / "flat.png", np.full((96, 96, 3), 128, np.uint8))
    for number in range(2):
        gray = cv2.cvtColor(scene(5000 + number), cv2.COLOR_RGB2GRAY)
        save(root / "trainB" / f"gray{number}.jpg", np.repeat(gray[..., None], 3, axis=2))
    result = checked(root)
    assert groups(result, "flat") == [{"flat.png"}]
    assert groups(result, "gray") == [{"gray0.jpg"}, {"gray1.jpg"}]
    assert found(result)["gray"]["needs_attention"]
    assert not result.ready


def test_16_bit_pictures_that_use_12_bits_are_named(tmp_path: Path) -> None:
    root = data_set(tmp_path, {"trainA": 60, "trainB": 60})
    ct = (np.arange(96 * 96, dtype=np.uint16) % 4096).reshape(96, 96)
    cv2.imwrite(str(root / "trainA" / "ct.tif"), ct)
    cv2.imwrite(str(root / "trainA" / "bright.png"), ct * 16)
    result = checked(root)
    assert groups(result, "nearly-black") == [{"ct.tif"}]
    assert "uses 12 of them only, nearly black when read" in found(result)["nearly-black"]["sentence"]
    assert not result.ready


def test_a_kind_that_is_gray_throughout_is_only_mentioned(tmp_path: Path) -> None:
    root = data_set(tmp_path, {"trainA": 60, "trainB": 60})
    for path in (root / "trainB").iterdir():
        save(path, np.repeat(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)[..., None], 3, axis=2))
    result = checked(root)
    assert result.ready
    assert "all-gray" in found(result)


def test_too_few_and_unbalanced_pictures_are_said(tmp_path: Path) -> None:
    result = checked(data_set(tmp_path, {"trainA": 5, "trainB": 60}))
    assert found(result)["few"]["sentence"] == "trainA has only 5 pictures"
    for path in (tmp_path / "trainA").iterdir():
        path.write_bytes(b"")
    result = checked(tmp_path)
    assert found(result)["few"]["sentence"] == "trainA has no picture that can be read"
    assert result.preset_reason == "there is no picture of one kind yet that can be read"
    assert not result.ready
    assert "unbalanced" in found(result)


def test_colors_are_compared_as_people_see_them(tmp_path: Path) -> None:
    for index in range(5):
        save(tmp_path / "red" / f"{index}.png", np.full((40, 40, 3), (200, 60, 50 + index), np.uint8))
        save(tmp_path / "blue" / f"{index}.png", np.full((40, 40, 3), (60, 70, 180 + index), np.uint8))
    gap = checked(tmp_path / "red", tmp_path / "blue").color_gap
    red, blue = (
        cv2.cvtColor(np.full((1, 1, 3), rgb, np.float32) / 255, cv2.COLOR_RGB2Lab)[0, 0]
        for rgb in ((200, 60, 52), (60, 70, 182))
    )
    assert gap["distance"] == pytest.approx(float(np.linalg.norm(red - blue)), abs=0.2)
    assert gap["lab_mean_a"] == pytest.approx([float(value) for value in red], abs=0.1)
    assert "darker" in gap["sentence"]
    assert "bluer than A" in gap["sentence"]
    assert "color-gap" in found(checked(tmp_path / "red", tmp_path / "blue"))


def test_names_that_pair_up_are_noticed(tmp_path: Path) -> None:
    for index in range(4):
        save(tmp_path / "day" / f"{index}.jpg", scene(index))
        save(tmp_path / "night" / f"{index}.jpg", scene(100 + index))
    assert "pix2pix" in found(checked(tmp_path / "day", tmp_path / "night"))["paired"]["advice"]


def side_by_side(path: Path, left: Image, right: Image) -> Path:
    return save(path, np.hstack([left, right]))


def test_pairs_side_by_side_are_looked_at_half_by_half(tmp_path: Path) -> None:
    flat = np.full((96, 96, 3), 200, np.uint8)
    for index in range(60):
        right = flat if index == 7 else scene(500 + index, color=COLOR["b"])
        side_by_side(tmp_path / "train" / f"{index}.png", scene(index), right)
    side_by_side(tmp_path / "train" / "again.png", scene(3), scene(503, color=COLOR["b"]))
    side_by_side(tmp_path / "test" / "leaked.png", scene(5), scene(505, color=COLOR["b"]))
    save(tmp_path / "train" / "alone.png", scene(900)[:, :40])
    with pytest.raises(UsageError, match="--paired"):
        checked(tmp_path)
    result = checked(tmp_path, paired=True)
    assert [(folder["name"], folder["pictures"], folder["short_side_px"]) for folder in result.folders] == [
        ("train (left)", 62, [20, 96, 96]),
        ("train (right)", 62, [20, 96, 96]),
        ("test (left)", 1, [96, 96, 96]),
        ("test (right)", 1, [96, 96, 96]),
    ]
    assert groups(result, "flat") == [{"7.png"}]
    assert groups(result, "exact-duplicates") == [{"3.png", "again.png"}]
    assert groups(result, "exact-across-splits") == [{"5.png", "leaked.png"}]
    assert groups(result, "not-side-by-side") == [{"alone.png"}]
    assert "exact-across-domains" not in found(result)
    assert result.preset == "pix2pix"
    gap = result.color_gap["lab_mean_b"][2] - result.color_gap["lab_mean_a"][2]
    assert gap < -20, "the right halves are bluer"


def test_a_pair_may_look_the_same_on_both_sides(tmp_path: Path) -> None:
    for index in range(50):
        clean = scene(index)
        noise = np.random.default_rng(index).normal(0, 6, clean.shape)
        side_by_side(tmp_path / f"{index}.png", np.clip(clean + noise, 0, 255).astype(np.uint8), clean)
    result = checked(tmp_path, paired=True)
    assert result.ready
    assert [folder["name"] for folder in result.folders] == [f"{tmp_path.name} (left)", f"{tmp_path.name} (right)"]


def test_paired_folders_are_asked_for_partners_of_like_shape(tmp_path: Path) -> None:
    for index in range(50):
        save(tmp_path / "day" / f"{index}.jpg", scene(index))
        night = scene(100 + index, size=192)  # twice as large is the same shape
        save(tmp_path / "night" / f"{index}.png", night[:, :150] if index == 4 else night)
    for index in range(3):
        save(tmp_path / "day" / f"only{index}.jpg", scene(300 + index))
    result = checked(tmp_path / "day", tmp_path / "night", paired=True)
    assert groups(result, "alone") == [{"only0.jpg"}, {"only1.jpg"}, {"only2.jpg"}]
    assert groups(result, "unlike-shapes") == [{"4.jpg", "4.png"}]
    assert {kind for kind, finding in found(result).items() if finding["needs_attention"]} == {"alone", "unlike-shapes"}


@pytest.mark.parametrize(
    ("facts", "preset"),
    [
        (DataFacts(1000, 1000, 256, has_gpu=True), "classic"),
        (DataFacts(1000, 1000, 256, has_gpu=False), "quick"),
        (DataFacts(100, 100, 256, has_gpu=False), "quick"),
        (DataFacts(1000, 99, 256, has_gpu=False), "quick"),
        (DataFacts(1000, 150, 256, has_gpu=True), "small-data"),
        (DataFacts(1000, 1000, 72, has_gpu=False), "quick"),
        (DataFacts(1000, 1000, 72, has_gpu=True), "mobile"),
        (DataFacts(1000, 1000, 200, has_gpu=True), "mobile"),
        (DataFacts(40, 40, 200, has_gpu=False, paired=True), "pix2pix"),
    ],
)
def test_the_preset_follows_from_the_facts(facts: DataFacts, preset: str) -> None:
    name, reason = choose_preset(facts)
    assert name == preset
    assert name in PRESETS
    assert reason


def test_a_thumbnail_shows_the_picture_and_knows_its_size(tmp_path: Path) -> None:
    image = np.zeros((600, 900, 3), np.uint8)
    image[:, :450] = (220, 30, 40)
    image[:, 450:] = (20, 40, 210)
    jpeg, png = save(tmp_path / "a.jpg", image), save(tmp_path / "a.png", image)
    for path in (jpeg, png):
        thumbnail = read_thumbnail(path, edge_px=32)
        assert thumbnail.pixels.shape == (32, 32, 3)
        assert thumbnail.size_hw == (600, 900)
        assert np.abs(thumbnail.pixels[:, 4].astype(int) - (220, 30, 40)).max() <= 6
        assert np.abs(thumbnail.pixels[:, -4].astype(int) - (20, 40, 210)).max() <= 6
    exif = bytes.fromhex("45786966000049492a0008000000010012010300010000000600000000000000")
    turned = jpeg.read_bytes()[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg.read_bytes()[2:]
    (tmp_path / "turned.jpg").write_bytes(turned)
    thumbnail = read_thumbnail(tmp_path / "turned.jpg")
    assert thumbnail.size_hw == (900, 600)
    assert np.abs(thumbnail.pixels[4].astype(int) - (220, 30, 40)).max() <= 6, "red was left, and is on top"
    clear = np.zeros((8, 8, 4), np.uint8)
    cv2.imwrite(str(tmp_path / "clear.png"), clear)
    assert read_thumbnail(tmp_path / "clear.png").pixels.min() == 255, "what is clear is shown on white, as in training"


def test_thousands_of_pictures_take_seconds_and_progress_is_said(tmp_path: Path) -> None:
    data = [cv2.imencode(".jpg", scene(index, size=256))[1].tobytes() for index in range(20)]
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for index in range(300):  # a comment makes each file another one
            comment = f"{folder}{index}".encode()
            block = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
            (tmp_path / folder / f"{index}.jpg").write_bytes(data[index % 20][:2] + block + data[index % 20][2:])
    begun = time.process_time()
    events = list(check_data(tmp_path / "a", tmp_path / "b"))
    assert time.process_time() - begun < 6
    steps = [event for event in events if isinstance(event, FilesProgressed)]
    assert (steps[0].done, steps[-1].done, steps[-1].total) == (0, 600, 600)


def test_a_file_name_cannot_steer_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = data_set(tmp_path, {"trainA": 2, "trainB": 2})
    (root / "trainA" / "\x1b[2Jbad\nname.jpg").write_bytes(b"no picture")
    assert main(["data", "check", str(root)]) == 1
    out = capfd.readouterr().out
    assert "\x1b" not in out
    assert r"\x1b[2Jbad\nname.jpg" in out


def test_the_command_says_it_all_and_its_exit_code_counts(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = data_set(tmp_path, {"trainA": 60, "trainB": 60})
    assert main(["data", "check", str(root)]) == 0
    out = capfd.readouterr().out
    assert "ready for training" in out
    assert "preset: quick" in out
    (root / "trainA" / "bad.jpg").write_bytes(b"no picture")
    assert main(["data", "check", str(root)]) == 1
    out = capfd.readouterr().out
    assert "! 1 picture cannot be read" in out
    assert f"    {root / 'trainA' / 'bad.jpg'}" in out.splitlines()
    assert main(["data", "check", str(root), "--json"]) == 1
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert events[-1]["event"] == "DataSetChecked"
    assert events[-1]["ready"] is False
    assert events[-1]["findings"][0]["files"] == [[str(root / "trainA" / "bad.jpg")]]
    assert main(["data", "check", str(tmp_path / "gone")]) == 2
    assert len(capfd.readouterr().err.splitlines()) == 1


# cgconv data download


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, and a record of hashes of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalogue, "record_path", lambda: tmp_path / "own" / "downloads.json")
    return tmp_path


def zipped(names: list[str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for index, name in enumerate(names):
            opened.writestr(name, cv2.imencode(".jpg", scene(index))[1].tobytes())
    return file.getvalue()


def test_a_data_set_is_fetched_through_a_broken_line_and_unpacked(
    site: Site, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = zipped(["horse2zebra/trainA/1.jpg", "horse2zebra/trainB/2.jpg", "horse2zebra/testA/3.jpg"])
    site.serves(
        "/horse2zebra.zip", lambda visit: visit.file(data, cut_at=len(data) // 2 if visit.number == 1 else None)
    )
    digest = hashlib.sha256(data).hexdigest()
    command = ["data", "download", "horse2zebra", "--base-url", site.url]
    assert main([*command, "--sha256", digest]) == 0
    said = capfd.readouterr()
    assert said.out == "3 pictures in horse2zebra: cgconv data check horse2zebra\n"
    assert "ImageNet" in said.err
    assert "trying again" in said.err
    assert sorted(path.as_posix() for path in Path("horse2zebra").rglob("*.jpg")) == [
        "horse2zebra/testA/3.jpg",
        "horse2zebra/trainA/1.jpg",
        "horse2zebra/trainB/2.jpg",
    ]
    assert sorted(path.name for path in place.iterdir()) == ["horse2zebra", "own"], "neither archive nor part stays"
    site.asked.clear()
    assert main(command) == 2
    assert "exists already" in capfd.readouterr().err
    assert site.asked == []


def test_an_archive_that_is_not_the_known_one_is_not_unpacked(
    site: Site, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = zipped(["facades/trainA/1.jpg"])
    site.serves("/facades.zip", data)
    command = ["data", "download", "facades", "--base-url", site.url, "--out", "here"]
    assert main(command) == 1
    error = capfd.readouterr().err.splitlines()[-1]
    digest = hashlib.sha256(data).hexdigest()
    assert f"add --sha256 {digest}" in error
    assert not Path("here").exists()
    left = {path.name for path in place.iterdir()} - {"own"}
    assert left == {".cgconv-here.zip.part", ".cgconv-here.zip.part.json"}, "as docs/formats.md says"
    site.asked.clear()
    assert main([*command, "--sha256", digest]) == 0, "as the sentence says"
    assert site.asked == [], "it was kept for that"
    assert [path.name for path in Path("here").iterdir()] == ["trainA"]
    assert main([*command[:-1], "again"]) == 0, "what was accepted once is accepted from then on"


def test_a_zip_bomb_from_an_address_is_refused_and_gone(
    site: Site, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a.jpg", bytes(20_000_000))
    assert main(["data", "download", site.serves("/set.zip", file.getvalue())]) == 1
    assert "zip bomb" in capfd.readouterr().err.splitlines()[-1]
    assert list(place.iterdir()) == [], "neither the file nor a note of its hash"
