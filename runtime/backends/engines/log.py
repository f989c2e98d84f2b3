"""Keep what TensorRT says: its errors become the reason of ours, the rest goes to the log."""

from __future__ import annotations

import logging
import threading

import tensorrt as trt

from cgconv.runtime.errors import CgconvError, ModelError, ResourceError

_log = logging.getLogger(__name__)

_OUT_OF_MEMORY = ("out of memory", "outofmemory", "out_of_memory", "failed_allocation", "memory allocation")
_KEPT = 20


class TensorrtLog(trt.ILogger):
    """TensorRT's logger. Called from any of its threads."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self._errors: list[str] = []
        self._lock = threading.Lock()

    def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
        """Take a message; never raises, for it is called from inside TensorRT."""
        if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
            with self._lock:
                self._errors = [*self._errors[-_KEPT:], " ".join(msg.split())]
        _log.debug("%s", msg)

    def error(self, sentence: str) -> CgconvError:
        """Return the error that `sentence` and TensorRT's own words make, and forget these."""
        with self._lock:
            errors, self._errors = self._errors, []
        if any(words in message.lower() for message in errors for words in _OUT_OF_MEMORY):
            return ResourceError("the GPU's memory ran out; lower --batch or --resize, or close other programs on it")
        return ModelError(f"{sentence}: {errors[0][:300]}" if errors else sentence)
