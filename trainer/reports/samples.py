"""Show what a run has learned: a grid of pictures, their translations, and those translated back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from cgconv.runtime.images import write_atomically
from cgconv.trainer.choices import Direction
from cgconv.trainer.data.pairs import Image, Pairs, images_to_tensor, scaled, tensor_to_images
from cgconv.trainer.networks.build import Generators, averaged

ROWS = 4


@torch.no_grad()
def write_samples(generators: Generators, average_of: dict[str, Tensor], pairs: Pairs, path: Path) -> Path:
    """Write a grid as JPEG: for four pictures of each domain the picture, its translation and that translated back.

    Of a run of one direction: the picture and its translation, and with paired data the wanted one. The averaged
    weights are shown. Raises OutputError.
    """
    side_px = -(-pairs.config.crop * (2 if pairs.config.shrink > 1 else 1) // pairs.multiple) * pairs.multiple
    device = next(generators.parameters()).device
    rows = []
    with averaged(generators, average_of):
        for index in range(ROWS):  # forward below: to compile for this size takes longer than to do without
            row = []
            for side, direction in enumerate(Direction):
                there = generators.ab if direction is Direction.A2B else generators.ba
                back = generators.ba if direction is Direction.A2B else generators.ab
                if there is None:
                    continue
                domain = pairs.domains[side]
                place = index * len(domain) // ROWS
                image = middle_square(domain.image(place), side_px)
                fake = there.forward(images_to_tensor(image[None], channels=pairs.channels[side]).to(device))
                row += [image, tensor_to_images(fake)[0]]
                if back is not None:
                    row.append(tensor_to_images(back.forward(fake))[0])
                elif pairs.paired:
                    row.append(middle_square(pairs.domains[1 - side].image(place), side_px))
            rows.append(np.concatenate(row, axis=1))
    grid = cv2.cvtColor(np.concatenate(rows, axis=0), cv2.COLOR_RGB2BGR)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, cv2.imencode(".jpg", grid, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return path


def middle_square(image: Image, side_px: int) -> Image:
    """Return the middle square of an image, scaled to `side_px`."""
    short = min(image.shape[:2])
    top, left = (image.shape[0] - short) // 2, (image.shape[1] - short) // 2
    return scaled(image[top : top + short, left : left + short], (side_px, side_px))
