"""Say what the processor is called, and which of its instruction sets speed models up."""

from __future__ import annotations

import functools
import os
import platform
from pathlib import Path

# As Linux calls them; on other systems they are not known.
FEATURES = (
    *("avx2", "avx_vnni", "avx512f", "avx512_bf16", "avx512_fp16", "avx512_vnni", "amx_bf16", "amx_int8"),
    *("asimd", "asimddp", "i8mm"),
)
_DOT_PRODUCTS = {"avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm"}


@functools.cache
def processor_name() -> str:
    """Return what the processor calls itself."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


@functools.cache
def processor_features() -> tuple[str, ...]:
    """Return what speeds models up; empty where the system does not say."""
    present = set((_cpuinfo("flags") or _cpuinfo("Features")).split())
    return tuple(feature for feature in FEATURES if feature in present)


def usable_cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def dot_products() -> tuple[str, ...]:
    """Return the instruction sets that sum products of 8-bit numbers in 32 bits."""
    return tuple(feature for feature in processor_features() if feature in _DOT_PRODUCTS)


def sums_8_bits_exactly() -> bool:
    """Say whether products of 8-bit numbers are surely summed in 32 bits; older processors sum pairs of them in 16."""
    return bool(dot_products()) or platform.machine() == "arm64"  # Apple's


def _cpuinfo(entry: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == entry), "")
