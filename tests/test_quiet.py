"""Nothing is told to anybody, and no process is left behind, when backends are loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_loading_openvino_forks_no_process_that_reports_it() -> None:
    """Its telemetry forked the window's workers, which have threads: some of the children never ended."""
    pytest.importorskip("openvino")
    code = (
        "import sys\n"
        "forks = []\n"
        "sys.addaudithook(lambda event, values: forks.append(event) if event == 'os.fork' else None)\n"
        "from cgconv.runtime import openvino_backend\n"
        "assert openvino_backend.version()\n"
        "assert openvino_backend.capabilities('CPU')\n"
        "print(forks, sys.modules['openvino_telemetry'])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[] None"
