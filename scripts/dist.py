"""Build the wheel and the source distribution, look into both, and use each from an empty environment elsewhere."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = sorted(path.parent for path in ROOT.glob("*/py.typed"))
CARRIED = {".py", ".onnx", ".json", ".jpg", ".html", ".css", ".js", ".svg", ".typed"}
WINDOW = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
application = QApplication(["cgconv"])
QTimer.singleShot(0, lambda: print([type(one).__name__ for one in application.topLevelWidgets() if one.isVisible()]))
QTimer.singleShot(0, application.quit)
from cgconv.gui.start import run
sys.exit(run([sys.argv[1]]))
"""


def main() -> None:
    """Leave what was built in dist/, or end with the first thing that is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-install", action="store_true", help="look into the files only")
    arguments = parser.parse_args()
    out = ROOT / "dist"
    for old in out.glob("cgconv-*"):
        old.unlink()
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)])
    [wheel], [source] = out.glob("*.whl"), out.glob("*.tar.gz")
    check_wheel(wheel)
    check_source(source)
    if not arguments.no_install:
        for file in (wheel, source):
            try_out(file)
    print(f"good: {wheel.name} ({_megabytes(wheel)}), {source.name} ({_megabytes(source)}), in {out}")


def check_wheel(wheel: Path) -> None:
    """Compare the wheel with the checkout: everything of the packages is in it, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        [about] = [name for name in archive.namelist() if name.endswith("METADATA")]
        metadata = archive.read(about).decode()
    wanted = {f"cgconv/{name}" for name in [*packaged(), *(f"{name[:-3]}.qm" for name in translations())]}
    _same(wheel.name, names, wanted)
    if "Description-Content-Type: text/markdown" not in metadata or "# cgconv" not in metadata:
        sys.exit(f"{wheel.name}: the README is not its long description")


def check_source(source: Path) -> None:
    """The source distribution builds by itself: the packages, the translations' sources, what the build reads."""
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {*packaged(), *translations(), "LICENSE", "NOTICE", "README.md", "pyproject.toml", "setup.py"}
    if missing := sorted(wanted - names):
        sys.exit(f"{source.name}: these files are not in it: {', '.join(missing)}")


def try_out(file: Path) -> None:
    """Install a file into an empty environment with an empty home, translate a picture and open the window there."""
    with tempfile.TemporaryDirectory(prefix="cgconv-dist-") as folder:
        place = Path(folder)
        _run([sys.executable, str(ROOT / "scripts" / "setup_venv.py"), str(place / "venv")])
        python = place / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        pip = [str(python), "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt")]
        print(f"installing {file.name} with its window into an empty environment …", flush=True)
        _run([*pip, f"{file}[gui]"])
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "XDG_"))}
        environment |= {"HOME": str(place / "home"), "QT_QPA_PLATFORM": "offscreen"}
        (place / "home").mkdir()
        picture = place / "home" / "sample.jpg"
        picture.write_bytes((ROOT / "gui" / "images" / "sample.jpg").read_bytes())
        program = python.with_name("cgconv")
        _run([str(program), "models", "list"], cwd=place / "home", env=environment)
        _run([str(program), "images", picture.name, "--model", "monet"], cwd=place / "home", env=environment)
        if not picture.with_name("sample.monet.jpg").exists():
            sys.exit(f"{file.name}: `cgconv images` has written no picture")
        said = _run([str(python), "-c", WINDOW, picture.name], cwd=place / "home", env=environment)
        if "[]" in said:
            sys.exit(f"{file.name}: `cgconv gui` has opened no window")


def packaged() -> list[str]:
    """Return what of the checkout is installed, as paths in it."""
    files = (path for package in PACKAGES for path in package.rglob("*") if path.suffix in CARRIED)
    return sorted(path.relative_to(ROOT).as_posix() for path in files)


def translations() -> list[str]:
    """Return the sources of the window's translations, as paths in the checkout."""
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "gui" / "translations").glob("*.ts"))


def _same(name: str, found: set[str], wanted: set[str]) -> None:
    if missing := sorted(wanted - found):
        sys.exit(f"{name}: these files are not in it: {', '.join(missing)}")
    if strange := sorted(found - wanted):
        sys.exit(f"{name}: these files do not belong in it: {', '.join(strange)}")


def _run(command: list[str], cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """Return what a command printed; leave with all of it where it fails."""
    ran = subprocess.run(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ran.returncode:
        sys.exit(f"{ran.stdout}\n{' '.join(command)}: exit code {ran.returncode}")
    return ran.stdout


def _megabytes(file: Path) -> str:
    return f"{file.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    main()
