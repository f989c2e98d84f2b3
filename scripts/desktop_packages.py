"""Install the Debian packages that the window and the tests need, where that is allowed; else say what is missing.

Runs under any Python 3, standard library only. Never an error: tests skip what cannot be had, and say so.
"""

import ctypes
import os
import shutil
import subprocess
import sys

LIBRARIES = {  # what Qt loads → the package that holds it
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
PROGRAMS = {"Xvfb": "xvfb", "xdotool": "xdotool"}  # for the test on a real X server
BROWSER = {"chromium": "chromium"}  # for the test of the server's page
CHINESE_FONT = "fonts-noto-cjk"


def main() -> None:
    """Install what is missing, or say so. With --screenshots a Chinese font, too; with --browser Chromium alone."""
    packages = missing()
    if not packages or sys.platform != "linux":
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        print(f"Installing {', '.join(packages)} for tests …", file=sys.stderr)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages]
        for command in (["apt-get", "update", "-qq"], install):
            subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL)
        packages = missing()
    if packages:
        print(
            f"Without {', '.join(packages)} some tests are skipped; as root: "
            f"apt-get install {' '.join(packages)} (Debian, Ubuntu)",
            file=sys.stderr,
        )


def missing() -> list[str]:
    """Return the packages that are not here."""
    if "--browser" in sys.argv:
        return [package for program, package in BROWSER.items() if shutil.which(program) is None]
    packages = [package for library, package in LIBRARIES.items() if not loads(library)]
    packages += [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if "--screenshots" in sys.argv and not has_chinese_font():
        packages.append(CHINESE_FONT)
    return packages


def loads(library: str) -> bool:
    """Say whether a shared library is found."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def has_chinese_font() -> bool:
    """Ask fontconfig, where it is there."""
    lister = shutil.which("fc-list")
    if lister is None:
        return False
    return bool(subprocess.run([lister, ":lang=zh-cn"], capture_output=True, check=False).stdout.strip())


if __name__ == "__main__":
    main()
