"""Compare pictures by a network's features: how far two sets are apart (KID, FID), and what a picture keeps."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cgconv.runtime.errors import MissingError, ModelError, UsageError
from cgconv.runtime.models.model_file import load_model
from cgconv.runtime.translate.trial import first_run
from cgconv.trainer.choices import FeatureRange
from cgconv.trainer.networks.efficientnet import STRIDES, EfficientNetLite, Lite, open_efficientnet

from .metrics import Images

Values = NDArray[np.float32]  # N×D: a row of features for each picture

Maps = NDArray[np.float32]  # N×C×h×w: features place by place

DEFAULT = "EfficientNet-lite1's pooled features (not comparable with figures on Inception)"
INCEPTION_EDGE_PX = 299
BATCH = 16
STRIDE_16 = STRIDES.index(16)
SEEN_PIXELS = 1 << 18  # given to EfficientNet at once: 4 pictures of 256×256


@dataclass(frozen=True)
class Features:
    """A network that turns uint8 N×H×W×3 RGB pictures into float32 N×D; `name` goes into the protocol."""

    name: str
    extract: Callable[[Images], Values]


@cache
def judging_network() -> EfficientNetLite:
    """Return EfficientNet-lite1, which no training learns from; raises MissingError where its weights are not."""
    return open_efficientnet(Lite.LITE1)


@torch.no_grad()
def see(images: Images) -> tuple[Values, Maps]:
    """Return EfficientNet-lite1's pooled features, N×1280, and those at stride 16, N×112×h×w, of uint8 N×H×W×3."""
    network = judging_network()
    at_once = max(1, SEEN_PIXELS // (images.shape[1] * images.shape[2]))
    pooled, maps = [], []
    for at in range(0, len(images), at_once):
        batch = np.ascontiguousarray(images[at : at + at_once].transpose(0, 3, 1, 2))
        found = network(torch.from_numpy(batch).float() / 127.5 - 1)
        pooled.append(network.pool(found[-1]))
        maps.append(found[STRIDE_16])
    return torch.cat(pooled).numpy(), torch.cat(maps).numpy()


def content(maps: Maps, of_originals: Maps) -> float:
    """Return the mean cosine between two pictures' features, place by place: 1 where all is as it was.

    Of `see`'s maps: what stands where, with little of its colors and strokes. Two unlike photographs have 0.15.
    """
    products = np.einsum("nchw,nchw->nhw", maps, of_originals)
    lengths = np.linalg.norm(maps, axis=1) * np.linalg.norm(of_originals, axis=1)
    return float((products / np.maximum(lengths, 1e-12)).mean())


def open_features(path: Path | None, *, values: FeatureRange = FeatureRange.SIGNED) -> Features:
    """Return the features of an ONNX file, or of Inception where `path` is None.

    Raises MissingError where torch-fidelity is not installed or its weights cannot be had; ModelError where the file
    takes no pictures or gives no features.
    """
    return _inception() if path is None else _onnx_features(path, values)


def kid(images: Values, reference: Values, *, subsets: int = 50, subset_size: int | None = None) -> tuple[float, float]:
    """Return the mean and deviation, over random subsets, of the squared kernel distance (arXiv 1801.01401), × 1000.

    By default a subset is half of the smaller set. The same call gives the same numbers, and leaves torch's random
    state as it was. Both sets hold at least 4 pictures.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that all features are kept in memory: they are few
        torch.manual_seed(0)
        metric = KernelInceptionDistance(
            feature=_Given(images.shape[1]), subsets=subsets, subset_size=subset_size or subset_of(images, reference)
        )
        metric.update(torch.from_numpy(reference).double(), real=True)
        metric.update(torch.from_numpy(images).double(), real=False)
        mean, deviation = metric.compute()
    return 1000 * float(mean), 1000 * float(deviation)


def fid(images: Values, reference: Values, *, subsets: int = 3, subset_size: int | None = None) -> tuple[float, float]:
    """Return the mean and deviation, over random subsets, of the Fréchet distance (arXiv 1706.08500).

    Its value depends on how many pictures a subset holds: compare only equal protocols. Subsets as in `kid`.
    """
    size = subset_size or subset_of(images, reference)
    random = np.random.default_rng(0)
    distances = []
    for _ in range(subsets):
        of_reference, of_images = (values[random.permutation(len(values))[:size]] for values in (reference, images))
        distances.append(_frechet(of_images.astype(np.float64), of_reference.astype(np.float64)))
    return float(np.mean(distances)), float(np.std(distances))


def _frechet(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½) of rows.

    Of n rows of D features the last term is the sum of the singular values of an n×n matrix, where torchmetrics takes
    eigenvalues of a D×D one: seconds, for the same number.
    """
    gap = a.mean(0) - b.mean(0)
    a, b = ((rows - rows.mean(0)) / np.sqrt(len(rows) - 1) for rows in (a, b))
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(gap @ gap + (a**2).sum() + (b**2).sum() - 2 * shared)


def subset_of(images: Values, reference: Values) -> int:
    """Return how many pictures a subset holds: half of the smaller set, at least 2."""
    return max(2, min(len(images), len(reference)) // 2)


class _Given(nn.Module):
    """Hand features through, where torchmetrics expects the network that makes them."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.num_features = count

    def forward(self, features: Tensor) -> Tensor:
        return features


def _inception() -> Features:
    from torchmetrics.image.fid import NoTrainInceptionV3

    try:
        network = NoTrainInceptionV3(name="inception-v3-compat", features_list=["2048"])
    except ModuleNotFoundError as error:
        raise MissingError(
            "FID and KID on Inception need torch-fidelity, which is not installed: pip install torch-fidelity,"
            " or name another network with --features FILE.onnx"
        ) from error
    except OSError as error:  # urllib's errors are OSErrors
        raise MissingError(
            f"Inception's weights could not be fetched ({error}); --features FILE.onnx takes another network"
        ) from error

    @torch.no_grad()
    def extract(images: Images) -> Values:
        rows = [
            network(torch.from_numpy(np.ascontiguousarray(images[at : at + BATCH].transpose(0, 3, 1, 2))))
            for at in range(0, len(images), BATCH)
        ]
        return np.asarray(torch.cat(rows).float().numpy())

    return Features("Inception-v3 of torch-fidelity, pool 2048", extract)


def _onnx_features(path: Path, values: FeatureRange) -> Features:
    from cgconv.runtime.backends.quiet_onnxruntime import onnxruntime

    if not path.exists():
        raise UsageError(f"{path}: no such file")
    first_run(path, is_translator=False)
    model = load_model(path)  # which refuses weights in other files: from a path, ONNX Runtime would read them
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a class of its own for each status
        raise ModelError(f"{path}: not a model that ONNX Runtime opens ({str(error).splitlines()[0][:120]})") from error
    inputs = session.get_inputs()
    shape = inputs[0].shape if inputs else []
    nchw = len(shape) == 4 and shape[1] == 3
    if len(inputs) != 1 or not (nchw or (len(shape) == 4 and shape[3] == 3)):
        found = ", ".join(f"{given.name} {given.shape}" for given in inputs) or "none"
        raise ModelError(f"{path}: takes {found}, expected one input of N×3×H×W or N×H×W×3 pictures")
    sides = shape[2:4] if nchw else shape[1:3]
    height, width = (side if isinstance(side, int) else INCEPTION_EDGE_PX for side in sides)
    at_once = shape[0] if isinstance(shape[0], int) else BATCH
    dtype = {"tensor(uint8)": np.uint8, "tensor(float16)": np.float16}.get(inputs[0].type, np.float32)

    def extract(images: Images) -> Values:
        rows: list[NDArray[Any]] = []  # Any: the network's own number type
        for start in range(0, len(images), at_once):
            batch = _prepared(images[start : start + at_once], (height, width), dtype, values)
            count = len(batch)
            if isinstance(shape[0], int) and count < at_once:
                batch = np.concatenate([batch, np.repeat(batch[-1:], at_once - count, axis=0)])
            fed = np.ascontiguousarray(batch.transpose(0, 3, 1, 2)) if nchw else batch
            try:
                out = np.asarray(session.run(None, {inputs[0].name: fed})[0])[:count]
            except Exception as error:  # see above
                raise ModelError(f"{path}: failed on pictures ({str(error).splitlines()[0][:120]})") from error
            if out.ndim > 2:  # maps of features: their means
                out = out.reshape(*out.shape[:2], -1).mean(-1)
            rows.append(out)
        features = np.concatenate(rows).astype(np.float32)
        if features.ndim != 2:
            raise ModelError(f"{path}: gives {features.shape} for {len(images)} pictures, expected one row for each")
        return features

    return Features(f"{path.name} at {width}×{height}, {values}", extract)


def _prepared(images: Images, size_hw: tuple[int, int], dtype: Any, values: FeatureRange) -> NDArray[Any]:
    """Return the pictures as the network wants them, N×H×W×3. Any: numpy's number types."""
    how = cv2.INTER_AREA if images.shape[1] > size_hw[0] else cv2.INTER_CUBIC
    sized = np.stack([np.asarray(cv2.resize(image, size_hw[::-1], interpolation=how)) for image in images])
    if dtype is np.uint8:
        return sized
    unit = sized.astype(np.float32) / 255
    match values:
        case FeatureRange.SIGNED:
            unit = unit * 2 - 1
        case FeatureRange.BYTES:
            unit = sized.astype(np.float32)
        case FeatureRange.IMAGENET:
            mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
            unit = (unit - np.array(mean, np.float32)) / np.array(std, np.float32)
        case FeatureRange.UNIT:
            pass
    return np.asarray(unit.astype(dtype))
