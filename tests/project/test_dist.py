"""What is published is looked into: a wheel or source distribution with too little or too much in it is no good."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from places import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

from dist import check_source, check_wheel, packaged, translations

WHEEL_NAMES = [f"cgconv/{name}" for name in packaged() + [f"{name[:-3]}.qm" for name in translations()]]
SOURCE_NAMES = [*packaged(), *translations(), "LICENSE", "NOTICE", "README.md", "pyproject.toml", "setup.py"]


def wheel(path: Path, names: list[str], readme: str = "# cgconv") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
        archive.writestr("cgconv-1.dist-info/METADATA", f"Description-Content-Type: text/markdown\n\n{readme}")
    return path


def source(path: Path, names: list[str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"cgconv-1/{name}"))
    return path


def test_what_is_whole_passes(tmp_path: Path) -> None:
    assert "cgconv/runtime/models/monet.onnx" in WHEEL_NAMES
    assert "cgconv/gui/translations/cgconv_zh_CN.qm" in WHEEL_NAMES
    check_wheel(wheel(tmp_path / "a.whl", WHEEL_NAMES))
    check_source(source(tmp_path / "a.tar.gz", SOURCE_NAMES))


@pytest.mark.parametrize(
    "name", ["cgconv/runtime/models/monet.onnx", "cgconv/gui/translations/cgconv_zh_CN.qm", "cgconv/cli/py.typed"]
)
def test_a_wheel_without_something_is_named_with_it(name: str, tmp_path: Path) -> None:
    lacking = wheel(tmp_path / "a.whl", [one for one in WHEEL_NAMES if one != name])
    with pytest.raises(SystemExit, match=name):
        check_wheel(lacking)


def test_a_wheel_with_a_stranger_is_named_with_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"do not belong.*tests/test_x\.py"):
        check_wheel(wheel(tmp_path / "a.whl", [*WHEEL_NAMES, "tests/test_x.py"]))


def test_a_wheel_without_its_readme_is_no_good(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="long description"):
        check_wheel(wheel(tmp_path / "a.whl", WHEEL_NAMES, readme="nothing"))


def test_a_source_distribution_without_a_translation_is_named_with_it(tmp_path: Path) -> None:
    name = "gui/translations/cgconv_zh_CN.ts"
    with pytest.raises(SystemExit, match=name):
        check_source(source(tmp_path / "a.tar.gz", [one for one in SOURCE_NAMES if one != name]))
