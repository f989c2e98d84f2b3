"""Archives of unknown makers: the pictures come out, everything else stays in, and tricks are refused whole."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from cgconv.runtime.downloads.unzip import UnzipLimits, Unzipped, unzip_pictures
from cgconv.runtime.errors import CgconvError, DataError, UsageError


def picture(seed: int = 0, suffix: str = ".png") -> bytes:
    image = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return cv2.imencode(suffix, image)[1].tobytes()


def archive(folder: Path, members: dict[str, bytes], *, link: str = "") -> Path:
    """Write a zip file with the names as they stand; `link` is written as a symbolic link."""
    path = folder / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members.items():
            info = zipfile.ZipInfo("x")
            info.filename = name  # past what ZipInfo does to separators
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFLNK | 0o777 if name == link else stat.S_IFREG | 0o644) << 16
            opened.writestr(info, data)
    return path


def unzip(path: Path, out: Path, **limits: int) -> Unzipped:
    done: list[Unzipped] = []

    def steps() -> Iterator[object]:
        done.append((yield from unzip_pictures(path, out, limits=UnzipLimits(**limits))))

    list(steps())
    return done[0]


def names_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_the_pictures_come_out_without_the_folder_around_them(tmp_path: Path) -> None:
    path = archive(
        tmp_path,
        {
            "horses/": b"",
            "horses/trainA/1.jpg": picture(1, ".jpg"),
            "horses/trainB/ü 2.png": picture(2),
            "horses/readme.txt": b"hello",
            "horses/trainA/.hidden.png": picture(3),
            "__MACOSX/horses/trainA/._1.jpg": b"\0\5\x16\7",
            "horses/trainA/program.jpg": b"MZ\x90\0 not a picture",
        },
    )
    done = unzip(path, tmp_path / "out")
    assert names_in(tmp_path / "out") == ["trainA", "trainA/1.jpg", "trainB", "trainB/ü 2.png"]
    assert (tmp_path / "out/trainB/ü 2.png").read_bytes() == picture(2)
    assert (done.pictures, done.left_out) == (2, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "set.zip"]


def test_several_folders_at_the_top_stay(tmp_path: Path) -> None:
    unzip(archive(tmp_path, {"trainA/1.png": picture(1), "trainB/1.png": picture(2)}), tmp_path / "out")
    assert names_in(tmp_path / "out") == ["trainA", "trainA/1.png", "trainB", "trainB/1.png"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "a/../../evil.png",
        "a/..\\..\\evil.png",
        "/etc/evil.png",
        "\\evil.png",
        "//server/evil.png",
        "C:evil.png",
        "c:/evil.png",
        "a/b.png:stream.png",
        "a/con.png",
        "a/evil.png. ",
        "a/new\nline.png",
        "a/" + 300 * "x" + ".png",
    ],
)
def test_names_that_lead_out_or_that_some_systems_cannot_write_refuse_all(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    path = archive(tmp_path, {"a/good.png": picture(), name: picture(1)})
    with zipfile.ZipFile(path) as opened:
        assert name in opened.namelist(), "the trick is really in the file"
    with pytest.raises(DataError, match="leads out of its folder, or that not every system can write"):
        unzip(path, tmp_path / "in" / "out")
    assert names_in(tmp_path) == ["in", "set.zip"]


def test_links_refuse_all(tmp_path: Path) -> None:
    path = archive(tmp_path, {"a/good.png": picture(), "a/x.png": b"/etc/passwd"}, link="a/x.png")
    with pytest.raises(DataError, match="holds a link or a special file"):
        unzip(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_zip_bombs_are_refused_before_they_go_off(tmp_path: Path) -> None:
    path = archive(tmp_path, {"a.png": picture(), "b.png": picture()[:8] + bytes(30_000_000)})
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="unpacks to more than 100 times its size"):
        unzip(path, tmp_path / "out")
    path = archive(tmp_path, {f"{number}.png": picture(number) for number in range(20)})
    with pytest.raises(DataError, match="holds 20 files, more than 10"):
        unzip(path, tmp_path / "out", files=10)
    with pytest.raises(DataError, match="or more, as a zip bomb does"):
        unzip(path, tmp_path / "out", bytes=5000)
    with pytest.raises(DataError, match="or more, as a zip bomb does"):
        unzip(path, tmp_path / "out", file_bytes=500)
    assert names_in(tmp_path) == ["set.zip"]


def test_parts_that_overlap_are_refused(tmp_path: Path) -> None:
    """A bomb whose many entries all mean the same bytes: each is small for its size, together they are not."""
    data = picture() * 50
    path = archive(tmp_path, {"0.png": data})
    raw = path.read_bytes()
    begin = raw.index(b"PK\x01\x02")
    end = raw.index(b"PK\x05\x06")
    entry = raw[begin:end]
    entries = b"".join(entry.replace(b"0.png", b"%d.png" % number) for number in range(5))
    counts = struct.pack("<HHHHIIH", 0, 0, 5, 5, len(entries), begin, 0)
    path.write_bytes(raw[:begin] + entries + b"PK\x05\x06" + counts)
    with pytest.raises(DataError, match="its parts overlap"):
        unzip(path, tmp_path / "out")


def test_a_size_that_lies_is_found(tmp_path: Path) -> None:
    """The directory says 100 bytes, the deflated data go on for megabytes."""
    path = archive(tmp_path, {"a.png": picture()[:8] + bytes(5_000_000)})
    raw = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", raw, raw.index(magic) + offset, 100)
    path.write_bytes(raw)
    with pytest.raises(DataError):
        unzip(path, tmp_path / "out")
    assert names_in(tmp_path) == ["set.zip"]


def test_encryption_and_rare_packing_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, {"a.png": picture()})
    raw = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        raw[raw.index(magic) + offset] |= 1
    path.write_bytes(raw)
    with pytest.raises(DataError, match="is encrypted"):
        unzip(path, tmp_path / "out")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as opened:
        opened.writestr("a.png", picture())
    with pytest.raises(DataError, match="compressed in a way"):
        unzip(path, tmp_path / "out")


@pytest.mark.parametrize("damage", ["cut", "changed", "not a zip", "empty"])
def test_damage_is_one_sentence_and_leaves_nothing(tmp_path: Path, damage: str) -> None:
    path = archive(tmp_path, {"a.png": picture(1), "b.png": picture(2)})
    raw = path.read_bytes()
    middle = raw.index(b"b.png") + 300
    broken = {
        "cut": raw[: len(raw) // 2],
        "changed": raw[:middle] + bytes([raw[middle] ^ 255]) + raw[middle + 1 :],
        "not a zip": b"<html>",
        "empty": b"",
    }
    path.write_bytes(broken[damage])
    with pytest.raises(DataError, match="not a zip file, or a damaged one") as caught:
        unzip(path, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert names_in(tmp_path) == ["set.zip"]


def test_two_names_that_are_one_on_some_disks_come_out_once(tmp_path: Path) -> None:
    done = unzip(archive(tmp_path, {"a/A.png": picture(1), "a/a.PNG": picture(2)}), tmp_path / "out")
    assert done.pictures == 1
    assert names_in(tmp_path / "out") == ["A.png"]


def test_an_archive_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pictures in it"):
        unzip(archive(tmp_path, {"a.txt": b"hello"}), tmp_path / "out")
    with pytest.raises(DataError, match="none is a picture"):
        unzip(archive(tmp_path, {"a.png": b"hello"}), tmp_path / "out")
    assert names_in(tmp_path) == ["set.zip"]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    path = archive(tmp_path, {"a.png": picture()})
    (tmp_path / "out").mkdir()
    assert unzip(path, tmp_path / "out").pictures == 1, "an empty one is taken"
    with pytest.raises(UsageError, match="exists already and is not empty"):
        unzip(path, tmp_path / "out")


def test_random_damage_never_raises_anything_else(tmp_path: Path) -> None:
    path = archive(tmp_path, {f"set/trainA/{number}.png": picture(number) for number in range(4)})
    raw, random = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(raw)
        for place in random.integers(0, len(raw), 3):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged)
        try:
            unzip(path, tmp_path / "out")
        except CgconvError:
            refused += 1
        for file in sorted((tmp_path / "out").rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
    assert refused > 75
    assert {path.name for path in tmp_path.iterdir()} <= {"set.zip", "out"}
