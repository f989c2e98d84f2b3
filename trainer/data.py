"""Serve random crops of two unpaired folders."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cgconv.runtime.errors import CgconvError, DataError
from cgconv.runtime.images import DEFAULT_MAX_PIXELS, SUFFIXES, Animation, read_picture

from .config import DataConfig

log = logging.getLogger(__name__)

MEMORY_SHARE = 4 * 1024**3  # bytes of decoded pictures that are kept; the rest are decoded again when their turn comes


def find_domains(a: Path, b: Path | None) -> tuple[Path, Path]:
    """Return the folders of domains a and b.

    With `b` None, `a` holds trainA and trainB, or train/A and train/B. Raises DataError where they are not there.
    """
    below = [(a / "trainA", a / "trainB"), (a / "train" / "A", a / "train" / "B")]
    for pair in below if b is None else [(a, b)]:
        if all(folder.is_dir() for folder in pair):
            return pair
    if b is None:
        raise DataError(f"{a}: found neither trainA and trainB nor train/A and train/B in it; name two folders instead")
    missing = a if not a.is_dir() else b
    raise DataError(f"{missing}: no such folder")


class Domain:
    """The pictures of one kind: uint8 H×W×3 RGB, decoded once and kept while they fit."""

    def __init__(self, folder: Path, *, load_px: int, keep_bytes: int = MEMORY_SHARE // 2) -> None:
        self.folder = folder
        self.load_px = load_px
        self.paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        self._kept: dict[Path, NDArray[np.uint8]] = {}
        with ThreadPoolExecutor(2) as pool:
            usable = []
            for path, image in zip(self.paths, pool.map(self._read_or_warn, self.paths), strict=True):
                if image is None:
                    continue
                usable.append(path)
                if image.nbytes <= keep_bytes:
                    keep_bytes -= image.nbytes
                    self._kept[path] = image
        self.paths = usable
        if not self.paths:
            raise DataError(f"{folder}: found no picture in it that can be read")

    def __len__(self) -> int:
        return len(self.paths)

    def image(self, index: int) -> NDArray[np.uint8]:
        """Return picture `index`, its short side brought to `load_px` where that is not 0."""
        path = self.paths[index]
        kept = self._kept.get(path)
        return kept if kept is not None else self._read(path)

    def colors(self) -> dict[str, list[float]]:
        """Return the mean and standard deviation of each RGB channel over all pictures, 0 to 255."""
        means = np.array([self.image(i).reshape(-1, 3).mean(0) for i in range(len(self))])
        squares = np.array([(self.image(i).reshape(-1, 3).astype(np.float32) ** 2).mean(0) for i in range(len(self))])
        mean = means.mean(0)
        std = np.sqrt(np.maximum(squares.mean(0) - mean**2, 0))
        return {"mean": [round(float(v), 2) for v in mean], "std": [round(float(v), 2) for v in std]}

    def _read_or_warn(self, path: Path) -> NDArray[np.uint8] | None:
        try:
            return self._read(path)
        except CgconvError as error:  # policy: one bad file does not end a training
            log.warning("left out: %s", error)
            return None

    def _read(self, path: Path) -> NDArray[np.uint8]:
        picture = read_picture(path, max_pixels=DEFAULT_MAX_PIXELS)
        if isinstance(picture, Animation):
            picture = picture.frames[0]
        pixels = picture.pixels
        if picture.alpha is not None:  # what is transparent is shown on white
            alpha = picture.alpha[..., None].astype(np.float32) / np.iinfo(pixels.dtype).max
            pixels = (pixels * alpha + np.iinfo(pixels.dtype).max * (1 - alpha)).round().astype(pixels.dtype)
        image = pixels if pixels.dtype == np.uint8 else (pixels / 257.0).round().astype(np.uint8)
        if self.load_px:
            scale = self.load_px / min(image.shape[:2])
            size = (max(self.load_px, round(image.shape[1] * scale)), max(self.load_px, round(image.shape[0] * scale)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))
        return image


class Pairs:
    """Serve batches of unpaired crops: a in a new order every epoch, b at random, as the published code does.

    All randomness comes from one generator, whose state is in the checkpoint.
    """

    def __init__(self, a: Domain, b: Domain, config: DataConfig, *, seed: int) -> None:
        self.domains = (a, b)
        self.config = config
        self.random = np.random.Generator(np.random.PCG64(seed))
        self.orders: list[list[int]] = [[], []]

    @property
    def epoch_images(self) -> int:
        """Pictures of each domain in an epoch."""
        return max(len(domain) for domain in self.domains)

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """Return two float32 N×3×crop×crop batches in [-1, 1]."""
        batches = []
        for side in (0, 1):
            crops = [self._crop(self.domains[side].image(self._next_index(side))) for _ in range(self.config.batch)]
            batches.append(images_to_tensor(np.stack(crops)))
        return batches[0], batches[1]

    def _next_index(self, side: int) -> int:
        if not self.orders[side]:
            self.orders[side] = [int(i) for i in self.random.permutation(len(self.domains[side]))]
        return self.orders[side].pop()

    def _crop(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        crop, random = self.config.crop, self.random
        limit = min(image.shape[:2])
        largest = min(int(crop * self.config.shrink), limit)
        side = int(random.integers(crop, largest + 1)) if largest > crop else min(crop, limit)
        top = int(random.integers(0, image.shape[0] - side + 1))
        left = int(random.integers(0, image.shape[1] - side + 1))
        out = image[top : top + side, left : left + side]
        if side != crop:
            how = cv2.INTER_AREA if side > crop else cv2.INTER_CUBIC
            out = np.asarray(cv2.resize(out, (crop, crop), interpolation=how), dtype=np.uint8)
        if self.config.flip and random.random() < 0.5:
            out = out[:, ::-1]
        return out

    def state(self) -> dict[str, object]:
        """Return what a checkpoint must hold to go on with the same pictures."""
        return {"random": self.random.bit_generator.state, "orders": self.orders}

    def load_state(self, state: dict[str, object]) -> None:
        """Go on where `state` was taken. A changed folder starts a new epoch."""
        self.random.bit_generator.state = state["random"]  # type: ignore[assignment]
        orders = state["orders"]
        assert isinstance(orders, list)
        self.orders = [
            [i for i in order if i < len(domain)] for order, domain in zip(orders, self.domains, strict=True)
        ]


def images_to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """Turn uint8 N×H×W×3 into float32 N×3×H×W in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 127.5 - 1


def tensor_to_images(batch: Tensor) -> NDArray[np.uint8]:
    """Turn N×3×H×W in [-1, 1] into uint8 N×H×W×3."""
    values = ((batch.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round()
    return np.ascontiguousarray(values.to(torch.uint8).permute(0, 2, 3, 1).numpy())
