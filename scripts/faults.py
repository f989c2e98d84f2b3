"""Try faults on this machine: damaged and hostile files, kills, full disks; print what was lost and what went wrong.

    python scripts/faults.py                        everything, in at most 20 minutes on 2 cores
    python scripts/faults.py --only pictures --seed 7
    python scripts/faults.py --list

Each row says how often a fault was tried, how often the input was refused in a sentence (as it should be, or it was
used), how often something was lost, how often anything else was wrong. Inputs that went wrong are kept, made smaller.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fault_frame import Count, Row, run_rows, table

MODULES = ("fault_films", "fault_models", "fault_settings", "fault_pictures")  # each has a function `rows`


def rows() -> list[Row]:
    """Return all rows, in the order in which they are tried."""
    return [row for module in MODULES for row in importlib.import_module(module).rows()]


def main() -> int:
    """Try, print the table, and return 1 where anything was lost or wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of all random numbers; default: the time")
    parser.add_argument("--only", default="", metavar="WORDS", help="rows whose name holds these words")
    parser.add_argument("--share", type=float, default=1.0, help="of the tries of each row, at least one")
    parser.add_argument("--minutes", type=float, default=20.0, help="begin nothing after that")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("build/faults"), help="where inputs that went wrong are kept")
    parser.add_argument("--list", action="store_true", help="only name the rows")
    options = parser.parse_args()
    chosen = [row for row in rows() if options.only in row.name]
    if options.list:
        print("\n".join(f"{row.tries:>6}  {row.name}" for row in chosen))
        return 0
    print(f"seed {options.seed}", flush=True)
    counts = tried(
        chosen,
        seed=options.seed,
        keep=options.keep,
        share=options.share,
        processes=options.processes,
        until=time.monotonic() + 60 * options.minutes,
    )
    print(table(counts))
    planned = sum(_some(row, options.share).tries for row in chosen)
    done = sum(count.tries for count in counts.values())
    if done < planned:
        print(f"the time was over after {done} of {planned} tries")
    return 1 if done < planned or any(count.lost or count.wrong for count in counts.values()) else 0


def tried(
    chosen: list[Row], *, seed: int, keep: Path, share: float, processes: int = 2, until: float | None = None
) -> dict[str, Count]:
    """Try a share of each of the rows, in folders of their own, and return the counts."""
    with own_folders():
        return run_rows(
            [_some(row, share) for row in chosen],
            module="faults",
            seed=seed,
            keep=keep,
            processes=processes,
            until=until,
            tell=lambda line: print(line, flush=True),
        )


def _some(row: Row, share: float) -> Row:
    return replace(row, tries=max(1, round(row.tries * share)))


@contextmanager
def own_folders() -> Iterator[None]:
    """Point settings, models and caches of everything below into a folder that goes away."""
    names = ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "CGCONV_MODELS")
    before = {name: os.environ.get(name) for name in names}
    with tempfile.TemporaryDirectory(prefix="cgconv-faults-home-") as home:
        os.environ.update({name: str(Path(home) / name.lower()) for name in names})
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


if __name__ == "__main__":
    sys.exit(main())
