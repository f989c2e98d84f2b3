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
from places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = sorted(path.parent.name for path in ROOT.glob("*/py.typed"))
OUTSIDE_THE_PACKAGE = {"tests", "benchmarks", "scripts", "packaging", "setup.py"}

# Besides the standard library and itself. A name ending in "*" allows what lies below it, too.
MAY_IMPORT = {
    "runtime": "numpy cv2 av PIL pillow_heif onnx google onnxruntime openvino platformdirs tensorrt cuda ray",
    "trainer": "torch lightning numpy cv2 tensorboard torchmetrics cgconv.runtime.errors cgconv.runtime.events "
    "cgconv.runtime.images cgconv.runtime.lock cgconv.runtime.files cgconv.runtime.protocol "
    "cgconv.runtime.html_page "
    "cgconv.runtime.models.model_file cgconv.runtime.backends.quiet_onnxruntime cgconv.runtime.backends.processor "
    "cgconv.runtime.translate.trial",
    "exporter": "torch onnx onnxscript safetensors numpy cgconv.runtime.* cgconv.trainer.*",
    "cli": "click rich numpy cgconv.runtime.* cgconv.trainer.* cgconv.exporter.* cgconv.gui.start cgconv.serve.start "
    "cgconv.serve.limits",
    "gui": "PySide6 pyqtgraph platformdirs cgconv.runtime.choices cgconv.runtime.misfits cgconv.runtime.events "
    "cgconv.runtime.requests cgconv.runtime.folders cgconv.runtime.models.card cgconv.runtime.models.store "
    "cgconv.runtime.protocol cgconv.runtime.errors cgconv.runtime.files",
    "serve": "starlette uvicorn cgconv.runtime.choices cgconv.runtime.events cgconv.runtime.requests "
    "cgconv.runtime.protocol cgconv.runtime.errors cgconv.runtime.files cgconv.runtime.folders cgconv.runtime.lock",
}

# Files of a folder itself that every room in it may import.
GROUND = {
    "runtime": "choices misfits errors events requests protocol files folders lock blend brush mask steady opencv",
    "trainer": "choices config arithmetic schedule",
}
# Each room: the other rooms of its folder, and the files of the folder itself, that it imports besides.
MAY_ENTER = {
    "runtime": {
        "models": "",
        "graphs": "models",
        "backends": "graphs models backends.engines",
        "backends.engines": "graphs backends",
        "translate": "backends graphs models",
        "pictures": "models",
        "films": "models translate pictures",
        "downloads": "pictures find",
    },
    "trainer": {
        "networks": "",
        "recipes": "networks",
        "data": "networks",
        "judging": "networks data run",
        "reports": "networks data judging trained_run",
    },
}
# Each room's doors: what others import of it. The rest of its files is its own.
DOORS = {
    "runtime": {
        "models": "card store model_file familiar padding",
        "graphs": "graph half int8 simplify stages ends",
        "backends": "machine choose probe processor eight_bits onnxruntime_backend openvino_backend quiet_onnxruntime",
        "backends.engines": "backend cache shapes",
        "translate": "translator shared_translator any_model foreign memory trial",
        "pictures": "job formats",
        "films": "job encoding fields reader kept_segments pipe temporal",
        "downloads": "catalogue download unzip",
    },
    "trainer": {
        "networks": "build layers generators compact discriminators projected efficientnet",
        "recipes": "recipe cyclegan pix2pix cut frozen_cut distill",
        "data": "pairs folders held_out check",
        "judging": "judge evaluation features metrics",
        "reports": "run_log samples chart translated_page comparison",
    },
}
DOORS_IN_RUNTIME = {"images": "pictures", "translator": "translate"}  # files of runtime/ itself: everything of a room


def test_every_folder_of_code_is_in_the_package_table() -> None:
    table = PROJECT["tool"]["setuptools"]
    on_disk = {
        "cgconv." + ".".join(path.parent.relative_to(ROOT).parts)
        for path in python_files()
        if path.relative_to(ROOT).parts[0] not in OUTSIDE_THE_PACKAGE
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
        for name, line in imports_of(path, also_inside_functions=True):
            top = name.split(".")[0]
            wanted = name if top == "cgconv" else top
            if top not in sys.stdlib_module_names and not any(fits(wanted, pattern) for pattern in allowed):
                strangers.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert strangers == []


def test_no_module_imports_itself_in_a_circle() -> None:
    arrows = arrows_of_the_product()
    order: list[str] = []  # imported before importer
    on_the_way: list[str] = []

    def visit(module: str) -> None:
        assert module not in on_the_way, " → ".join([*on_the_way[on_the_way.index(module) :], module])
        if module not in order:
            on_the_way.append(module)
            for imported in sorted(arrows[module]):
                visit(imported)
            order.append(on_the_way.pop())

    for module in arrows:
        visit(module)


def test_a_room_is_entered_by_its_doors_and_by_those_who_may() -> None:
    arrows = arrows_of_the_product()
    for folder in MAY_ENTER:
        rooms = {room for top, room in map(place_of, arrows) if top == folder and room}
        assert set(MAY_ENTER[folder]) == set(DOORS[folder]) == rooms
    wrong = []
    for module, imported in arrows.items():
        folder, room = place_of(module)
        for other in imported:
            (top, entered), file = place_of(other), other.rpartition(".")[2]
            if top not in MAY_ENTER:
                continue
            if room and folder == top:
                allowed = [room, *GROUND[folder].split(), *MAY_ENTER[folder][room].split()]
                if (entered or file) not in allowed:
                    wrong.append(f"{module} imports {other}: not for this room")
            is_door = folder == "runtime" == top and DOORS_IN_RUNTIME.get(module.split(".")[-1]) == entered
            if entered and (folder, room) != (top, entered) and file not in DOORS[top][entered].split() and not is_door:
                wrong.append(f"{module} imports {other}: no door of its room")
    assert wrong == []


def test_the_runtime_takes_opencv_from_where_its_limit_is_lifted() -> None:
    direct = [
        path.name
        for path in python_files("runtime")
        if any(name.split(".")[0] == "cv2" for name, _ in imports_of(path, also_inside_functions=True))
    ]
    assert direct == ["opencv.py"]


def test_the_command_line_opens_trainer_and_exporter_only_inside_a_command() -> None:
    """But for the settings of a training, which options are made from and which import nothing heavy."""
    heavy = ("cgconv.trainer", "cgconv.exporter", "cgconv.gui", "cgconv.serve")
    light = ("cgconv.trainer.choices", "cgconv.trainer.config", "cgconv.trainer.presets")
    eager = []
    for path in python_files("cli"):
        for name, line in imports_of(path, also_inside_functions=False):
            if name.startswith(heavy) and name not in light:
                eager.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
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
    shipped = {".py", ".typed", ".onnx", ".json", ".jpg", ".html", ".css", ".js", ".svg"}
    translations = {f"cgconv/{name[:-3]}.qm" for name in files_of_the_repository() if name.endswith(".ts")}
    assert packed == translations | {
        f"cgconv/{name}"
        for name in files_of_the_repository()
        if Path(name).parts[0] in FOLDERS and Path(name).suffix in shipped
    }
    assert licences == {"LICENSE", "NOTICE"}


def arrows_of_the_product() -> dict[str, set[str]]:
    """Return every module of the product and those that it imports, inside functions too, by full names."""
    files = {
        ".".join(["cgconv", *path.relative_to(ROOT).with_suffix("").parts]): path
        for folder in FOLDERS
        for path in python_files(folder)
    }
    arrows: dict[str, set[str]] = {}
    for module, path in files.items():
        names = {name for name, _ in imports_of(path, also_inside_functions=True)}
        arrows[module] = names & set(files)
    return arrows


def place_of(module: str) -> tuple[str, str | None]:
    """Return the folder of a module and, where the folder has rooms, the room that the module is in."""
    top, *inside = module.removeprefix("cgconv.").split(".")
    return top, (".".join(inside[:-1]) or None if top in MAY_ENTER else None)


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


def imports_of(path: Path, *, also_inside_functions: bool) -> Iterator[tuple[str, int]]:
    """Yield what a file imports, by full names, and the lines. Without functions: what importing the file imports."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_for_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if also_inside_functions or not (is_function or is_for_typing):
            waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute_name(node, path)
            if module.startswith("cgconv.") and (ROOT / Path(*module.split(".")[1:])).is_dir():  # import errors: a file
                yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield module, node.lineno


def absolute_name(node: ast.ImportFrom, path: Path) -> str:
    """Return the full name of the module that `from … import` names, in the file at `path`."""
    if not node.level:
        return node.module or ""
    package = ("cgconv", *path.relative_to(ROOT).parent.parts)
    return ".".join([*package[: len(package) - node.level + 1], *(node.module or "").split(".")]).rstrip(".")


def fits(name: str, pattern: str) -> bool:
    """Say whether a module is `pattern` or, for "a.*", lies in the package a (or is it)."""
    if pattern.endswith(".*"):
        return name == pattern[:-2] or name.startswith(pattern[:-1])
    return name == pattern
