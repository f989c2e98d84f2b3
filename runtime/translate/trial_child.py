"""Run a model on small pictures and say before each step how many values it is fed; trial.py watches this process."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from cgconv.runtime.backends import onnxruntime_backend
from cgconv.runtime.backends.choose import open_graph
from cgconv.runtime.backends.machine import Machine
from cgconv.runtime.backends.probe import mirrored_picture
from cgconv.runtime.backends.quiet_onnxruntime import onnxruntime
from cgconv.runtime.choices import BackendName
from cgconv.runtime.errors import CgconvError
from cgconv.runtime.graphs.graph import IMAGES, specialize
from cgconv.runtime.models.card import read_card
from cgconv.runtime.models.model_file import load_model

from .card_check import check_card
from .foreign import adopt
from .trial import NETWORK

TRIED_PX = 48
SEEN_PX = 299
MOST_VALUES = 100_000_000
NUMBERS = {"tensor(uint8)": np.uint8, "tensor(float16)": np.float16}


def run(path: Path, announce: Callable[[int], None]) -> None:
    """Do with the model what importing and opening it do. Errors are those of the process that runs it later."""
    onnxruntime_backend.watchers.append(announce)
    announce(0)
    model = load_model(path)
    card = read_card(model, path)
    if card is None:
        model, card = adopt(model, path)
    else:
        with contextlib.suppress(
            CgconvError
        ):  # said by who opens it; the other library is to meet it here all the same
            check_card(model, card, path)
    size_hw = card.fixed_size_hw or card.fitting_hw((TRIED_PX, TRIED_PX))
    announce(size_hw[0] * size_hw[1] * 3)
    with closing(open_graph(specialize(model, card), Machine(backend=BackendName.OPENVINO))) as backend:
        backend.run({IMAGES: np.ascontiguousarray(mirrored_picture(size_hw)[None])})


def run_network(path: Path, announce: Callable[[int], None]) -> None:
    """Run what is no translator on zeros, at the size it says, else at the usual one of networks that see pictures."""
    announce(0)
    session = onnxruntime.InferenceSession(load_model(path).SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {}
    for given in session.get_inputs():
        dims = [size if isinstance(size, int) else SEEN_PX if place else 1 for place, size in enumerate(given.shape)]
        values = math.prod(dims)
        if values > MOST_VALUES:
            return  # more than pictures have, so it is refused by who asks for a picture's input
        announce(values)
        feeds[given.name] = np.zeros(dims, NUMBERS.get(given.type, np.float32))
    session.run(None, feeds)


def main() -> None:
    """Run the model that the command line names, and end."""
    stream = os.fdopen(os.dup(1), "w", encoding="ascii")

    def announce(values: int) -> None:
        stream.write(f"{values}\n")
        stream.flush()

    os.dup2(2, 1)  # what libraries print is not for who watches
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")  # where memory is short, this one goes
    with contextlib.suppress(Exception):  # policy: whoever runs the model later meets it, and says it
        (run_network if NETWORK in sys.argv[2:] else run)(Path(sys.argv[1]), announce)
    stream.close()
    os._exit(0)  # native threads may still be at work


if __name__ == "__main__":
    main()
