"""ONNX Runtime without its telemetry: all of cgconv imports it from here."""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # 1.31 gives the machine a number and reports, unasked

import onnxruntime

__all__ = ["onnxruntime"]
