"""Make the virtual environment that the Makefile installs into, also where Python came without ensurepip.

Runs under any Python 3, before anything is installed: standard library only, and syntax that old ones can read.
"""

import os
import shutil
import subprocess
import sys


def main() -> None:
    """Make the environment at the path that is the only argument, or leave with one sentence that says why not."""
    if sys.version_info < (3, 11):  # noqa: UP036  # this line is what tells the owner of an older one
        sys.exit(f"cgconv needs Python 3.11 or newer, this is {sys.version.split()[0]}: make PYTHON=/path/to/python")
    ensure_ensurepip()
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", sys.argv[1]], check=False)
    sys.exit(made.returncode)


def ensure_ensurepip() -> None:
    """Install Debian's python3-venv where ensurepip is missing and that is allowed, else say what to install."""
    if has_ensurepip():
        return
    package = f"python3.{sys.version_info.minor}-venv"
    if shutil.which("apt-get") and os.geteuid() == 0:
        print(f"This Python has no ensurepip: installing {package} …", file=sys.stderr)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "-y", package]):
            subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL)
        if has_ensurepip():
            return
    sys.exit(f"This Python has no ensurepip: as root, `apt-get install {package}` (Debian, Ubuntu), then make again.")


def has_ensurepip() -> bool:
    """Ask a fresh interpreter: this one may remember that the module was missing."""
    return subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    main()
