"""Serve batches of crops of two folders, paired or not; the seed and a picture's number alone decide which."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cgconv.runtime.errors import CgconvError, DataError, UsageError
from cgconv.runtime.images import DEFAULT_MAX_PIXELS, Animation, read_picture
from cgconv.trainer.choices import Preprocess, RecipeName
from cgconv.trainer.config import NOWHERE, DataConfig, TrainConfig
from cgconv.trainer.networks.build import size_multiple

from .folders import pairs_by_name, pictures_in
from .held_out import hold_out
from .reading_threads import open_readers

log = logging.getLogger(__name__)

Image = NDArray[np.uint8]  # H×W×3 RGB
AHEAD = 3  # batches that are made while the networks compute
FLAT_LEVELS = 0.5  # deviation of a crop without content, of 255
CROP_STEP_PX = 32  # crops grow in such steps, so that few sizes occur


@dataclass(frozen=True)
class Source:
    """Where a picture comes from: a file, or its left or right half."""

    path: Path
    half: str = ""  # left, right, or empty for all of it


@dataclass(frozen=True)
class Cut:
    """What the networks see of a picture: a square (`side` 0: all of it), scaled to `crop`, perhaps mirrored."""

    top: int = 0
    left: int = 0
    side: int = 0
    crop: int = 0
    mirrored: bool = False


class Domain:
    """The pictures of one kind: uint8 H×W×3 RGB, decoded and resized once and kept while they fit in `room` bytes."""

    def __init__(
        self, sources: Sequence[Source], config: DataConfig, *, room: int, multiple: int = 4, smallest_px: int = 0
    ) -> None:
        self.config = config
        self.multiple = multiple
        self.smallest_px = smallest_px  # of a side of whole pictures; smaller ones are enlarged
        self.sources: list[Source] = []
        self._kept: dict[Source, Image] = {}
        self.kept_bytes = 0
        with open_readers(2) as pool:
            for source, image in zip(sources, pool.map(self._read_or_warn, sources), strict=True):
                if image is None:
                    continue
                self.sources.append(source)
                if self.kept_bytes + image.nbytes <= room:
                    self.kept_bytes += image.nbytes
                    self._kept[source] = image

    def __len__(self) -> int:
        return len(self.sources)

    def keep_only(self, indices: Sequence[int]) -> None:
        """Forget all pictures but these, and bring them into this order."""
        self.sources = [self.sources[index] for index in indices]
        self._kept = {source: self._kept[source] for source in self.sources if source in self._kept}
        self.kept_bytes = sum(image.nbytes for image in self._kept.values())

    def image(self, index: int) -> Image:
        """Return picture `index`, resized; the next readable one, with one line of warning, where it has gone bad."""
        (image,) = images_together([self], index)
        return image

    def found(self, index: int) -> Image | None:
        """Return picture `index`, resized; None, with one line of warning, where it has gone bad."""
        source = self.sources[index]
        image = self._kept.get(source)
        return self._read_or_warn(source) if image is None else image

    def colors(self) -> dict[str, list[float]]:
        """Return the mean and standard deviation of each RGB channel over all pictures, 0 to 255."""
        sums, squares = np.zeros(3), np.zeros(3)
        for index in range(len(self)):
            mean, deviation = cv2.meanStdDev(self.image(index))
            sums += mean[:, 0]
            squares += deviation[:, 0] ** 2 + mean[:, 0] ** 2
        mean_of_all = sums / len(self)
        std = np.sqrt(np.maximum(squares / len(self) - mean_of_all**2, 0))
        return {"mean": [round(float(v), 2) for v in mean_of_all], "std": [round(float(v), 2) for v in std]}

    def _read_or_warn(self, source: Source) -> Image | None:
        try:
            return self._read(source)
        except CgconvError as error:  # policy: one bad file does not end a training
            log.warning("left out: %s", error)
            return None

    def _read(self, source: Source) -> Image:
        image = read_image(source.path)
        if source.half:
            middle = image.shape[1] // 2
            image = image[:, :middle] if source.half == "left" else image[:, middle : 2 * middle]
        return resized(image, self.config, multiple=self.multiple, smallest_px=self.smallest_px)


def images_together(domains: Sequence[Domain], index: int) -> list[Image]:
    """Return picture `index` of each domain, resized; of the next index where one of them has gone bad.

    Raises DataError where none is left.
    """
    count = len(domains[0])
    for offset in range(count):
        images = [domain.found((index + offset) % count) for domain in domains]
        readable = [image for image in images if image is not None]
        if len(readable) == len(domains):
            return readable
    raise DataError(f"{domains[0].sources[index].path.parent}: none of its pictures can be read anymore")


class Pairs:
    """Serve the batches of a run.

    An epoch shows max(pictures of a, pictures of b) of each, every picture equally often, in a new order each time.
    Picture number n of a run is decided by the seed and n alone: nothing has to be kept to go on with a run, and
    several processes each take their part of one larger batch.
    """

    def __init__(
        self,
        a: Domain,
        b: Domain,
        config: TrainConfig,
        *,
        paired: bool = False,
        rank: int = 0,
        processes: int = 1,
        held: tuple[Domain, Domain] | None = None,
        held_names: HeldOut | None = None,
        targets: Domain | None = None,
    ) -> None:
        self.domains = (a, b)
        self.held = held  # pictures of the same folders that are only judged by
        self.held_names = held_names or {"a": [], "b": []}  # also of those that cannot be read, or lie elsewhere by now
        self.targets = targets  # of pairs that learn from a teacher: real pictures of the wanted kind
        self.config = config.data
        self.seed = config.run.seed
        self.channels = (config.generator.channels_in, config.generator.channels_out)
        self.multiple = size_multiple(config.generator)
        self.paired = paired
        self.rank, self.processes = rank, processes
        self.images_a_step = self.config.batch * processes
        self.epoch_images = max(len(a), len(b))
        wanted = config.optimizer.images or round(config.optimizer.epochs * self.epoch_images)
        self.images_total = max(1, -(-wanted // self.images_a_step)) * self.images_a_step  # whole steps
        self._orders: dict[tuple[int, int], NDArray[np.int64]] = {}

    def batches(self, first: int) -> Generator[tuple[Tensor, ...], None, None]:
        """Yield float32 N×C×H×W batches in [-1, 1] of a and b, and of targets where the run has some, without end.

        They begin with picture number `first`.
        """
        with open_readers(2) as pool:
            numbers = (first + step * self.images_a_step for step in range(2**62))
            coming = deque(pool.submit(self.batch, next(numbers)) for _ in range(AHEAD))
            while True:
                batch = coming.popleft().result()
                coming.append(pool.submit(self.batch, next(numbers)))
                yield batch

    def batch(self, first: int) -> tuple[Tensor, ...]:
        """Return this process's part of the batch that begins with picture number `first`."""
        mine = range(first + self.rank * self.config.batch, first + (self.rank + 1) * self.config.batch)
        crop = self.crop_at(first)
        items = [self._item(number, crop) for number in mine]
        channels = (*self.channels, self.channels[1])  # targets are of b's kind
        kinds = zip(*items, strict=True)
        return tuple(images_to_tensor(np.stack(kind), channels=channels[at]) for at, kind in enumerate(kinds))

    def crop_at(self, images_seen: int) -> int:
        """Return the side of the crops at that point of the run."""
        config = self.config
        if not config.crop_from:
            return config.crop
        share = min(1.0, images_seen / (config.crop_over * self.images_total))
        step = max(CROP_STEP_PX, self.multiple)
        steps = int(share * (config.crop - config.crop_from) / step)
        return config.crop if share >= 1 else config.crop_from + steps * step

    def _item(self, number: int, crop: int) -> tuple[Image, ...]:
        """Return what the networks see of picture number `number` of both domains, and of the targets."""
        random = np.random.default_rng([self.seed, number])
        if self.paired:
            a, b = images_together(self.domains, self._index(0, number))
            if a.shape != b.shape:
                b = scaled(b, a.shape[:2])
            cuts = [self._cut(a.shape[:2], crop, random)] * 2
        else:
            a, b = (domain.image(self._index(side, number)) for side, domain in enumerate(self.domains))
            cuts = [self._cut(image.shape[:2], crop, random) for image in (a, b)]
        images = [a, b]
        if self.targets is not None:
            images.append(self.targets.image(self._index(2, number)))
            cuts.append(self._cut(images[-1].shape[:2], crop, random))
        return tuple(roughened(cropped(image, cut), random) for image, cut in zip(images, cuts, strict=True))

    def _index(self, side: int, number: int) -> int:
        """Return which picture of a domain, or (2) of the targets, comes as number `number`."""
        domain = self.targets if side == 2 else self.domains[side]
        assert domain is not None, "a run without targets asks for none"
        count = len(domain)
        epoch, place = divmod(number, count)
        if self.config.serial:
            return place
        order = self._orders.get((side, epoch))
        if order is None:
            if len(self._orders) > 8:
                self._orders.clear()
            order = np.random.default_rng([self.seed, side, epoch]).permutation(count)
            self._orders[side, epoch] = order
        return int(order[place])

    def _cut(self, size_hw: tuple[int, ...], crop: int, random: np.random.Generator) -> Cut:
        """Choose what is cut out of a picture of that size."""
        config = self.config
        mirrored = config.flip and random.random() < 0.5
        if config.preprocess in (Preprocess.NONE, Preprocess.SCALE_WIDTH):
            return Cut(mirrored=mirrored)
        limit = min(size_hw)
        largest = min(int(crop * config.shrink), limit)
        side = int(random.integers(crop, largest + 1)) if largest > crop else min(crop, limit)
        top = int(random.integers(0, size_hw[0] - side + 1))
        left = int(random.integers(0, size_hw[1] - side + 1))
        return Cut(top, left, side, crop, mirrored)


HeldOut = dict[str, list[str]]  # domain (of pairs: a alone) → names in its folder, "/" between their parts


def open_pairs(
    config: TrainConfig,
    *,
    held_out: HeldOut | None = None,
    taught: Sequence[tuple[Path, Path]] = (),
    rank: int = 0,
    processes: int = 1,
) -> Pairs:
    """Return a run's pictures, decoded as far as they fit into memory. Raises UsageError where there are none.

    Files that cannot be read are left out with one line of warning each, of pairs both. `held_out` says which ones a
    run that goes on has never learned from; None: that is decided now, as for a new run. `taught` are, for a run that
    learns from a teacher, its pictures and where the teacher's results lie; its targets are those of b, if it has any.
    """
    data, multiple = config.data, size_multiple(config.generator)
    smallest_px = config.discriminator.smallest_px + config.loss.jitter
    folders = (data.a, data.a) if taught else (data.a, data.b)
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder; name where the pictures are")
    paired = config.recipe in (RecipeName.PIX2PIX, RecipeName.DISTILL)
    if taught:
        sources = [Source(picture) for picture, _ in taught], [Source(result) for _, result in taught]
    elif not paired:
        paths_of = [pictures_in(folder, largest=data.largest) for folder in (data.a, data.b)]
        sources = [Source(p) for p in paths_of[0]], [Source(p) for p in paths_of[1]]
    elif data.a == data.b:
        paths = pictures_in(data.a, largest=data.largest)
        sources = [Source(p, "left") for p in paths], [Source(p, "right") for p in paths]
    else:
        of_a, of_b = pairs_by_name(data.a, data.b, largest=data.largest)
        sources = [Source(p) for p in of_a], [Source(p) for p in of_b]
    names_of = [
        [one.path.relative_to(folder).as_posix() for one in of_kind]
        for of_kind, folder in zip((sources[0], sources[0]) if taught else sources, folders, strict=True)
    ]
    decides = held_out is not None or config.evaluation.every  # a run that begins without evaluations holds none out
    count = config.evaluation.held_out if decides else 0
    held_of = [
        _held(names, None if held_out is None else set(held_out[domain]), count)
        for names, domain in zip(names_of, "ab", strict=True)
    ]
    if paired:  # the name may end otherwise in b
        held_of[1] = held_of[0]
    elif held_out is None and not all(held_of):  # a run is judged by pictures of both kinds
        held_of = [set(), set()]
    held_names = {
        domain: sorted({names[index] for index in held}.union(held_out[domain] if held_out else ()))
        for domain, names, held in zip("ab", names_of, held_of, strict=True)
    }
    sets, room = [], int(data.memory_gb * 1024**3)
    for is_held in (False, True):
        chosen = [
            [one for index, one in enumerate(of_kind) if (index in held) is is_held]
            for of_kind, held in zip(sources, held_of, strict=True)
        ]
        a = Domain(chosen[0], data, room=room // 2, multiple=multiple, smallest_px=smallest_px)
        b = Domain(chosen[1], data, room=room - a.kept_bytes, multiple=multiple, smallest_px=smallest_px)
        room -= a.kept_bytes + b.kept_bytes
        if paired:
            _keep_whole_pairs(a, b, *chosen)
        sets.append((a, b))
    (a, b), held_domains = sets
    targets = None
    if taught and data.b != NOWHERE:
        wanted = [Source(path) for path in pictures_in(data.b, largest=data.largest)]
        targets = Domain(wanted, data, room=room, multiple=multiple, smallest_px=smallest_px)
    for domain, folder in zip((a, b, targets), (*folders, data.b), strict=True):
        if domain is not None and not len(domain):
            raise UsageError(f"{folder}: found no readable picture in it")
    return Pairs(
        a,
        b,
        config,
        paired=paired,
        rank=rank,
        processes=processes,
        held=held_domains,
        held_names=held_names,
        targets=targets,
    )


def _held(names: Sequence[str], before: Set[str] | None, count: int) -> set[int]:
    """Return which pictures of a folder are held out: those that were `before`, else `count` are chosen.

    A folder that has none of those any more holds other pictures: then they are chosen anew.
    """
    held = {index for index, name in enumerate(names) if name in (before or ())}
    return set(hold_out(names, count)) if before is None or (before and not held) else held


def _keep_whole_pairs(a: Domain, b: Domain, of_a: Sequence[Source], of_b: Sequence[Source]) -> None:
    """Leave out pictures whose partner could not be read."""
    usable_a = {source: index for index, source in enumerate(a.sources)}
    usable_b = {source: index for index, source in enumerate(b.sources)}
    whole = [(x, y) for x, y in zip(of_a, of_b, strict=True) if x in usable_a and y in usable_b]
    a.keep_only([usable_a[x] for x, _ in whole])
    b.keep_only([usable_b[y] for _, y in whole])


def read_image(path: Path) -> Image:
    """Return a picture file's pixels: upright, 8 bits, what is transparent on white, an animation's first frame.

    Raises CgconvError where it cannot be read.
    """
    picture = read_picture(path, max_pixels=DEFAULT_MAX_PIXELS)
    if isinstance(picture, Animation):
        picture = picture.frames[0]
    pixels = picture.pixels
    if picture.alpha is not None:
        alpha = picture.alpha[..., None].astype(np.float32) / np.iinfo(pixels.dtype).max
        pixels = (pixels * alpha + np.iinfo(pixels.dtype).max * (1 - alpha)).round().astype(pixels.dtype)
    return np.asarray(pixels if pixels.dtype == np.uint8 else (pixels / 257.0).round(), dtype=np.uint8)


def roughened(image: Image, random: np.random.Generator) -> Image:
    """Return an H×W×C crop as it is, or, where it has no more than half a gray level of its own, with noise of one.

    An instance norm divides by the deviation, at least by sqrt(1e-5): on a flat crop, say of a white sky, every norm
    on the way back makes gradients up to 316 times as large. One such crop gave a ResNet of 6 blocks weight gradients
    of 34 for 0.1, and of 1e21 with `--padding wrap`, after which losses are not numbers any more.
    """
    if image.std(axis=(0, 1)).max() > FLAT_LEVELS:
        return image
    noise = random.integers(-1, 2, image.shape, dtype=np.int16)
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


def resized(image: Image, config: DataConfig, *, multiple: int = 4, smallest_px: int = 0) -> Image:
    """Bring a picture to the size that `config.preprocess` says, and to at least `crop` where it will be cropped.

    Where it will be seen whole its sides become multiples of `multiple`, and both are at least `smallest_px`.
    """
    height, width = image.shape[:2]
    load = config.load
    match config.preprocess:
        case Preprocess.RESIZE_AND_CROP:
            size_hw = (load, load) if load else (height, width)
        case Preprocess.SHORT_SIDE_AND_CROP:
            scale = load / min(height, width) if load else 1.0
            size_hw = (max(load, round(height * scale)), max(load, round(width * scale)))
        case Preprocess.SCALE_WIDTH_AND_CROP:
            size_hw = (max(config.crop, round(height * load / width)), load) if load else (height, width)
        case Preprocess.CROP:
            size_hw = (height, width)
        case Preprocess.SCALE_WIDTH | Preprocess.NONE:
            if load and config.preprocess is Preprocess.SCALE_WIDTH:
                height, width = max(round(height * load / width), config.crop), load
            least = max(1, -(-smallest_px // multiple)) * multiple
            grow = max(1.0, least / min(height, width))
            rounded = (max(least, round(grow * side / multiple) * multiple) for side in (height, width))
            size_hw = (next(rounded), next(rounded))
    return scaled(image, size_hw)


def scaled(image: Image, size_hw: tuple[int, ...]) -> Image:
    """Scale an image to that height and width: by areas where it shrinks, cubic where it grows."""
    if image.shape[:2] == tuple(size_hw):
        return image
    how = cv2.INTER_AREA if size_hw[0] * size_hw[1] < image.shape[0] * image.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (size_hw[1], size_hw[0]), interpolation=how), dtype=np.uint8)


def cropped(image: Image, cut: Cut) -> Image:
    """Return what `cut` says of an image."""
    if cut.side:
        image = scaled(image[cut.top : cut.top + cut.side, cut.left : cut.left + cut.side], (cut.crop, cut.crop))
    return image[:, ::-1] if cut.mirrored else image


def images_to_tensor(images: NDArray[np.uint8], *, channels: int = 3) -> Tensor:
    """Turn uint8 N×H×W×3 into float32 N×C×H×W in [-1, 1]; with one channel into luma (ITU-R BT.601).

    All in numpy: a second thread that called torch would bring a second team of OpenMP threads along.
    """
    if channels == 1:
        grays = [cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY) for image in images]
        images = np.asarray(grays, dtype=np.uint8)[..., None]
    values = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32)
    return torch.from_numpy(values / np.float32(127.5) - np.float32(1))


def tensor_to_images(batch: Tensor) -> NDArray[np.uint8]:
    """Turn N×C×H×W in [-1, 1] into uint8 N×H×W×3; one channel is repeated."""
    values = ((batch.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.ascontiguousarray(values.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy())
