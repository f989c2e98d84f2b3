"""Hold the table of docs/architecture.md: what is packaged, who imports whom, what each file begins with."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = sorted(path.parent.name for path in ROOT.glob("*/py.typed"))
OUTSIDE_THE_PACKAGE = {"tests", "benchmarks", "scripts"}

# Besides the standard library and itself. A name ending in "*" allows what lies below it, too.
MAY_IMPORT = {
    "runtime": "numpy cv2 av PIL pillow_heif onnx google onnxruntime openvino platformdirs tensorrt cuda",
    "trainer": "torch lightning numpy cv2 tensorboard "
    "cgconv.runtime.errors cgconv.runtime.events cgconv.runtime.images",
    "exporter": "torch onnx onnxscript numpy cgconv.runtime.* cgconv.trainer.*",
    "cli": "click rich numpy cgconv.runtime.* cgconv.trainer.* cgconv.exporter.*",
    "gui": "PySide6 cgconv.runtime.events cgconv.runtime.card cgconv.runtime.store cgconv.runtime.protocol",
}


def test_every_folder_of_code_is_in_the_package_table() -> None:
    table = PROJECT["tool"]["setuptools"]
    on_disk = {
        "cgconv." + ".".join(path.parent.relative_to(ROOT).parts)
        for path in python_files()
        if path.name == "__init__.py" and path.relative_to(ROOT).parts[0] not in OUTSIDE_THE_PACKAGE
    }
    assert set(table["packages"]) == on_disk
    assert table["package-dir"] == {f"cgconv.{folder}": folder for folder in FOLDERS}


def test_the_linter_bans_the_bare_name_of_every_folder() -> None:
    banned = PROJECT["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert set(FOLDERS) <= set(banned)


def test_every_file_begins_by_saying_its_one_job() -> None:
    silent = []
    for path in python_files():
        lines = path.read_text(encoding="utf-8").splitlines()
        if lines and lines[0].startswith("#!"):
            lines = lines[1:]
        if not lines or not lines[0].startswith('"""') or len(lines[0].strip('" ')) < 10:
            silent.append(str(path.relative_to(ROOT)))
    assert silent == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_what_its_row_allows(folder: str) -> None:
    allowed = [*MAY_IMPORT[folder].split(), f"cgconv.{folder}.*"]
    strangers = []
    for path in python_files(folder):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in imported_names(node, path):
                top = name.split(".")[0]
                if top in sys.stdlib_module_names:
                    continue
                wanted = name if top == "cgconv" else top
                if not any(fits(wanted, pattern) for pattern in allowed):
                    strangers.append(f"{path.relative_to(ROOT)}:{node.lineno} imports {name}")
    assert strangers == []


def test_the_command_line_opens_trainer_and_exporter_only_inside_a_command() -> None:
    eager = []
    for path in python_files("cli"):
        for node in statements_run_on_import(ast.parse(path.read_text(encoding="utf-8"))):
            for name in imported_names(node, path):
                if name.startswith(("cgconv.trainer", "cgconv.exporter")):
                    eager.append(f"{path.relative_to(ROOT)}:{node.lineno} imports {name}")
    assert eager == []


def test_a_wheel_holds_all_code_types_and_models(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in files_of_the_repository():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    built = subprocess.run([*pip, "-w", tmp_path, source], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("cgconv/")}
        licences = {Path(name).name for name in archive.namelist() if "/licenses/" in name}
    shipped = {".py", ".typed", ".onnx", ".json"}
    assert packed == {
        f"cgconv/{name}"
        for name in files_of_the_repository()
        if Path(name).parts[0] in FOLDERS and Path(name).suffix in shipped
    }
    assert licences == {"LICENSE", "NOTICE"}


def files_of_the_repository() -> list[str]:
    """Return what git tracks or would track, as paths relative to the root; files just deleted are left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return sorted(name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file())


def python_files(folder: str = "") -> list[Path]:
    return [
        ROOT / name
        for name in files_of_the_repository()
        if name.endswith(".py") and name.startswith(folder and f"{folder}/")
    ]


def imported_names(node: ast.AST, path: Path) -> list[str]:
    """Return the modules that one node imports, by their full names; relative ones are resolved from `path`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    module = node.module or ""
    if node.level:
        package = ("cgconv", *path.relative_to(ROOT).parent.parts)
        parts = [*package[: len(package) - node.level + 1], *module.split(".")]
        module = ".".join(part for part in parts if part)
    if module.count(".") == 1 and module.startswith("cgconv."):  # `from cgconv.runtime import errors` names a file
        return [f"{module}.{alias.name}" for alias in node.names]
    return [module]


def statements_run_on_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes outside of functions and of `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        is_typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not is_typing_only and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from statements_run_on_import(child)


def fits(name: str, pattern: str) -> bool:
    """Say whether a module is `pattern` or, for "a.*", lies in the package a (or is it)."""
    if pattern.endswith(".*"):
        return name == pattern[:-2] or name.startswith(pattern[:-1])
    return name == pattern
