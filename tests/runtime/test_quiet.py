"""Nothing is told to anybody, and no process is left behind, when backends are loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_models import small_resnet

from cgconv.runtime.models.model_file import write_model


def test_loading_openvino_forks_no_process_that_reports_it() -> None:
    """Its telemetry forked the window's workers, which have threads: some of the children never ended."""
    pytest.importorskip("openvino")
    code = (
        "import sys\n"
        "forks = []\n"
        "sys.addaudithook(lambda event, values: forks.append(event) if event == 'os.fork' else None)\n"
        "from cgconv.runtime.backends import openvino_backend\n"
        "assert openvino_backend.version()\n"
        "assert openvino_backend.capabilities('CPU')\n"
        "print(forks, sys.modules['openvino_telemetry'])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[] None"


@pytest.mark.parametrize(
    "opens",
    [
        "from cgconv.runtime.translator import open_translator\n"
        "open_translator(sys.argv[1], backend='onnxruntime', device='cpu').close()",
        "from cgconv.exporter.half import onnxruntime\n"
        "onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])",
    ],
    ids=["runtime", "exporter"],
)
def test_onnxruntime_gives_the_machine_no_number_to_report_it_by(opens: str, tmp_path: Path) -> None:
    write_model(small_resnet(), tmp_path / "small.onnx")
    home = tmp_path / "home"
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    ran = [sys.executable, "-c", f"import sys\n{opens}", str(tmp_path / "small.onnx")]
    subprocess.run(ran, env=environment, check=True)
    assert not list(home.rglob("*onnxruntime*"))
