"""Write TensorBoard event files beside a run, where TensorBoard is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"


class Board:
    """Scalars and pictures over images seen. Without a writer it does nothing."""

    def __init__(self, writer: SummaryWriter | None) -> None:
        self.writer = writer

    def scalars(self, group: str, values: Mapping[str, float], images_seen: int) -> None:
        """Add values as `group/name`; a dot in a name begins a new part of the path."""
        if self.writer is not None:
            for name, value in values.items():
                self.writer.add_scalar(f"{group}/{name.replace('.', '/')}", value, images_seen)

    def picture(self, name: str, path: Path, images_seen: int) -> None:
        """Add a picture file."""
        if self.writer is not None:
            image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)
            self.writer.add_image(name, np.asarray(image), images_seen, dataformats="HWC")


@contextmanager
def open_board(out: Path, *, images_seen: int) -> Iterator[Board]:
    """Give a board that writes into the run's folder; what a resumed run does again takes the earlier lines' place."""
    if find_spec("tensorboard") is None:
        yield Board(None)
        return
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(out / FOLDER), purge_step=images_seen + 1)
    try:
        yield Board(writer)
    finally:
        with suppress(OSError):  # policy: a full disk has been said by what matters more
            writer.close()
