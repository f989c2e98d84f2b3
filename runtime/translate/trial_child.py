"""Run a model on small pictures and say before each step how many values it is fed; trial.py watches this process."""

from __future__ import annotations

import contextlib
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TextIO

import numpy as np

from cgconv.runtime.backends import onnxruntime_backend
from cgconv.runtime.backends.choose import open_graph
from cgconv.runtime.backends.machine import Machine
from cgconv.runtime.backends.probe import mirrored_picture
from cgconv.runtime.choices import BackendName
from cgconv.runtime.graphs.graph import IMAGES, specialise
from cgconv.runtime.models.card import read_card
from cgconv.runtime.models.model_file import load_model

from .card_check import check_card
from .foreign import adopt

TRIED_PX = 48


def run(path: Path, stream: TextIO) -> None:
    """Do with the model what importing and opening it do. Errors are those of the process that runs it later."""

    def announce(values: int) -> None:
        stream.write(f"{values}\n")
        stream.flush()

    onnxruntime_backend.watchers.append(announce)
    announce(0)
    model = load_model(path)
    card = read_card(model, path)
    if card is None:
        model, card = adopt(model, path)
    else:
        check_card(model, card, path)
    size_hw = card.fixed_size_hw or card.fitting_hw((TRIED_PX, TRIED_PX))
    announce(size_hw[0] * size_hw[1] * 3)
    with closing(open_graph(specialise(model, card), Machine(backend=BackendName.OPENVINO))) as backend:
        backend.run({IMAGES: np.ascontiguousarray(mirrored_picture(size_hw)[None])})


def main() -> None:
    """Run the model that the command line names, and end."""
    stream = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what libraries print is not for who watches
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")  # where memory is short, this one goes
    with contextlib.suppress(Exception):  # policy: whoever runs the model later meets it, and says it
        run(Path(sys.argv[1]), stream)
    stream.close()
    os._exit(0)  # native threads may still be at work


if __name__ == "__main__":
    main()
