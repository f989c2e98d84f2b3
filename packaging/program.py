"""What the double-click program runs: the window, the cgconv command, or a module of it in a process of its own.

The programs are not Python, but cgconv starts its worker as `python -m cgconv.cli worker`; `-m` does that here.
"""

import runpy
import sys
from pathlib import Path


def main() -> int:
    """Run what the arguments say; without any, cgconv-gui opens the window. Returns the exit code."""
    if sys.argv[1:2] == ["-m"] and sys.argv[2].startswith("cgconv."):
        module, sys.argv[1:] = sys.argv[2], sys.argv[3:]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0
    from cgconv.cli.main import main as cgconv

    is_window = Path(sys.executable).stem == "cgconv-gui"
    return cgconv(["gui", *sys.argv[1:]] if is_window else sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
