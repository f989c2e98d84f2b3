"""What decoders written in C print reaches the log and not the user; cgconv's own lines reach the user."""

from __future__ import annotations

import io
import logging
import logging.handlers
import os
import queue
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from cgconv.cli.main import main
from cgconv.cli.native_lines import native_lines_to_log, user_descriptor
from cgconv.runtime.doctor import unchanging_model

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="on Windows nothing is kept away")


def noisy_tiff(path: Path) -> None:
    """A TIFF file about whose damaged LZW codes libtiff prints lines."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "TIFF", compression="tiff_lzw")
    data = bytearray(buffer.getvalue())
    start = data.index(b"\x80\x00", 8)
    data[start + 200 : start + 400] = b"\xff" * 200
    path.write_bytes(data)


@pytest.mark.parametrize("debug", [False, True])
def test_what_libtiff_prints_is_shown_with_debug_only(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, debug: bool
) -> None:
    (tmp_path / "in").mkdir()
    noisy_tiff(tmp_path / "in" / "a.tif")
    onnx.save(unchanging_model()[0], tmp_path / "same.onnx")
    monkeypatch.setattr(logging.getLogger("cgconv"), "level", logging.WARNING)
    command = ["images", str(tmp_path / "in"), "--model", str(tmp_path / "same.onnx")]
    assert main([*command, "--debug"] if debug else command) == 1
    printed = capfd.readouterr().err
    assert "a.tif is damaged" in printed
    assert ("not yet in table" in printed) is debug  # libtiff's words


def test_own_lines_and_those_of_handlers_reach_the_user_and_all_is_as_before_in_the_end(tmp_path: Path) -> None:
    code = """
import os, sys
from cgconv.cli.native_lines import native_lines_to_log, user_descriptor
with native_lines_to_log():
    os.write(2, b"printed in C\\n")
    print("by Python", file=sys.stderr)
    os.write(user_descriptor(), b"by a signal handler\\n")
os.write(2, b"later in C\\n")
print("later by Python", file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["by Python", "by a signal handler", "later in C", "later by Python"]


def test_what_was_printed_is_in_the_log(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    log, records = logging.getLogger("cgconv.native"), queue.SimpleQueue[logging.LogRecord]()
    monkeypatch.setattr(log, "handlers", [logging.handlers.QueueHandler(records)])
    monkeypatch.setattr(log, "propagate", False)
    monkeypatch.setattr(log, "level", logging.DEBUG)
    log.manager._clear_cache()  # type: ignore[attr-defined]  # of what is enabled
    with native_lines_to_log():
        assert user_descriptor() != 2
        os.write(2, b"libpng error: \xff bad\n")
    assert user_descriptor() == 2
    assert records.get_nowait().getMessage() == "libpng error: \ufffd bad"
    assert records.empty()
    assert capfd.readouterr().err == ""


def test_a_closed_standard_error_hides_nothing() -> None:
    code = "import os\nos.close(2)\nfrom cgconv.cli.native_lines import native_lines_to_log\n"
    code += "with native_lines_to_log():\n    print('fine')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout == "fine\n"
