"""A run sees the pictures of its folders as it was told to, each as often as the others."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from cgconv.runtime.errors import DataError, UsageError  # noqa: E402
from cgconv.trainer.choices import GeneratorKind, Padding, Preprocess, RecipeName  # noqa: E402
from cgconv.trainer.config import (  # noqa: E402
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
)
from cgconv.trainer.data.folders import find_domains  # noqa: E402
from cgconv.trainer.data.pairs import Pairs, images_to_tensor, open_pairs, resized, tensor_to_images  # noqa: E402
from cgconv.trainer.networks.build import build_generator  # noqa: E402


def paint(path: Path, value: int, *, height: int = 40, width: int = 48) -> None:
    """Write a picture whose red is `value` everywhere, green its column, blue its row."""
    image = np.empty((height, width, 3), np.uint8)
    image[..., 2], image[..., 1], image[..., 0] = value, np.arange(width), np.arange(height)[:, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Six pictures of a with red 10 to 60, and four of b with red 110 to 140."""
    for number in range(6):
        paint(tmp_path / "trainA" / f"{number}.png", 10 + 10 * number)
    for number in range(4):
        paint(tmp_path / "trainB" / f"{number}.png", 110 + 10 * number)
    return tmp_path / "trainA", tmp_path / "trainB"


def pairs_of(folders: tuple[Path, Path], recipe: RecipeName = RecipeName.CYCLEGAN, **data: Any) -> Pairs:
    """Open with crops of 32 out of pictures as they are, unless `data` says something else."""
    settings = {"crop": 32, "load": 0, "flip": False, **data}
    return open_pairs(TrainConfig(recipe=recipe, data=DataConfig(a=folders[0], b=folders[1], **settings)))


def levels(batch: torch.Tensor) -> np.ndarray[Any, Any]:
    return tensor_to_images(batch)


def reds(pairs: Pairs, side: int, numbers: range) -> list[int]:
    return [int(levels(pairs.batch(number)[side])[0, 0, 0, 0]) for number in numbers]


def test_an_epoch_shows_every_picture_of_the_larger_folder_once(folders: tuple[Path, Path]) -> None:
    pairs = pairs_of(folders)
    assert pairs.epoch_images == 6
    assert pairs.images_total == 200 * 6
    first, second = reds(pairs, 0, range(6)), reds(pairs, 0, range(6, 12))
    assert sorted(first) == sorted(second) == [10, 20, 30, 40, 50, 60]
    assert first != second
    assert Counter(reds(pairs, 1, range(12))) == {110: 3, 120: 3, 130: 3, 140: 3}


def test_serial_pairs_come_by_name(folders: tuple[Path, Path]) -> None:
    pairs = pairs_of(folders, serial=True)
    assert reds(pairs, 0, range(8)) == [10, 20, 30, 40, 50, 60, 10, 20]
    assert reds(pairs, 1, range(8)) == [110, 120, 130, 140, 110, 120, 130, 140]


def test_the_largest_size_takes_the_first_pictures(folders: tuple[Path, Path]) -> None:
    pairs = pairs_of(folders, largest=2)
    assert pairs.epoch_images == 2
    assert set(reds(pairs, 0, range(4))) == {10, 20}


def test_a_runs_length_in_pictures_goes_before_epochs(folders: tuple[Path, Path]) -> None:
    data = DataConfig(a=folders[0], b=folders[1], crop=32, load=0)
    assert open_pairs(TrainConfig(data=data, optimizer=OptimizerConfig(images=17))).images_total == 17
    assert open_pairs(TrainConfig(data=data, optimizer=OptimizerConfig(epochs=1.5))).images_total == 9


def test_white_pictures_do_not_blow_gradients_up(folders: tuple[Path, Path]) -> None:
    for path in folders[0].iterdir():
        cv2.imwrite(str(path), np.full((40, 48, 3), 255, np.uint8))
    white, other = pairs_of(folders).batch(0)
    assert set(np.unique(levels(white))) == {254, 255}
    assert np.array_equal(levels(other), levels(pairs_of(folders).batch(0)[1]))  # noise is the seed's, too

    torch.manual_seed(0)
    network = build_generator(GeneratorConfig(blocks=6, width=4, padding=Padding.WRAP))

    def largest_gradient(images: torch.Tensor) -> float:
        network.zero_grad()
        network(images).square().mean().backward()
        return max(float(weight.grad.abs().max()) for weight in network.parameters() if weight.grad is not None)

    usual = largest_gradient(torch.rand(1, 3, 32, 32) * 2 - 1)
    assert largest_gradient(white) < 20 * usual
    assert largest_gradient(torch.ones(1, 3, 32, 32)) > 1e6 * usual  # what the noise is for


def test_pictures_with_content_come_without_noise(folders: tuple[Path, Path]) -> None:
    batch = levels(pairs_of(folders, crop=40).batch(0)[0])
    assert np.array_equal(batch[0, :, 0, 2], np.arange(40))  # rows, as painted


def test_the_same_picture_number_gives_the_same_crops_whatever_came_before(folders: tuple[Path, Path]) -> None:
    one, other = pairs_of(folders, flip=True), pairs_of(folders, flip=True)
    batches = one.batches(0)
    later = [next(batches) for _ in range(9)][8]
    batches.close()
    assert torch.equal(later[0], other.batch(8)[0])
    assert torch.equal(later[1], other.batch(8)[1])


def test_processes_take_the_parts_of_one_larger_batch(folders: tuple[Path, Path]) -> None:
    config = TrainConfig(data=DataConfig(a=folders[0], b=folders[1], crop=32, load=0, batch=2))
    whole = open_pairs(config).batch(2)
    alone = replace(config, data=replace(config.data, batch=1))
    parts = [open_pairs(alone, rank=rank, processes=2).batch(2) for rank in range(2)]
    for side in (0, 1):
        assert torch.equal(torch.cat([part[side] for part in parts]), whole[side])


def test_crops_come_from_everywhere_and_are_mirrored_half_the_time(folders: tuple[Path, Path]) -> None:
    pairs = pairs_of(folders, flip=True)
    lefts, tops, mirrored = Counter[int](), Counter[int](), 0
    for number in range(400):
        image = levels(pairs.batch(number)[0])[0]
        assert image.shape == (32, 32, 3)
        backwards = bool(image[0, 0, 1] > image[0, -1, 1])
        mirrored += backwards
        columns = image[0, ::-1, 1] if backwards else image[0, :, 1]
        assert np.array_equal(columns, np.arange(columns[0], columns[0] + 32))  # untouched pixels
        lefts[int(columns[0])] += 1
        tops[int(image[0, 0, 2])] += 1
    assert set(lefts) == set(range(17))
    assert set(tops) == set(range(9))
    assert 160 <= mirrored <= 240  # of 400; even odds, 4 standard deviations


def test_shrink_cuts_larger_squares(folders: tuple[Path, Path]) -> None:
    pairs = pairs_of(folders, shrink=1.25)
    spans = set()
    for number in range(60):
        image = levels(pairs.batch(number)[0])[0].astype(int)
        spans.add(round((image[0, -1, 1] - image[0, 0, 1]) / 31 * 32))  # columns of the picture in 32
    assert min(spans) == 32
    assert 39 <= max(spans) <= 41  # two rounded levels apart


def test_crops_grow_over_the_run(folders: tuple[Path, Path]) -> None:
    for number in range(6):
        paint(folders[0] / f"{number}.png", 10, height=130, width=130)
        paint(folders[1] / f"{number}.png", 10, height=130, width=130)
    pairs = pairs_of(folders, crop=128, crop_from=32, crop_over=0.5)
    total = pairs.images_total
    sizes = [pairs.crop_at(seen) for seen in (0, total // 6 + 1, total // 3 + 1, total // 2 - 1, total // 2, total)]
    assert sizes == [32, 64, 96, 96, 128, 128]
    assert pairs.batch(0)[0].shape[2:] == (32, 32)
    assert pairs.batch(total)[0].shape[2:] == (128, 128)


@pytest.mark.parametrize(
    ("preprocess", "load", "size_hw"),
    [  # of a picture of 100×150 (height × width)
        (Preprocess.RESIZE_AND_CROP, 48, (48, 48)),
        (Preprocess.SCALE_WIDTH, 60, (40, 60)),
        (Preprocess.SCALE_WIDTH, 44, (32, 44)),  # never under the crop
        (Preprocess.SCALE_WIDTH_AND_CROP, 60, (40, 60)),
        (Preprocess.SCALE_WIDTH_AND_CROP, 45, (32, 45)),  # never under the crop
        (Preprocess.CROP, 60, (100, 150)),
        (Preprocess.NONE, 0, (100, 152)),  # rounded to multiples of 4
        (Preprocess.SHORT_SIDE_AND_CROP, 50, (50, 75)),
        (Preprocess.SHORT_SIDE_AND_CROP, 0, (100, 150)),
    ],
)
def test_preprocessing_gives_the_published_sizes(preprocess: Preprocess, load: int, size_hw: tuple[int, int]) -> None:
    random = np.random.default_rng(0).integers(0, 256, (100, 150, 3), dtype=np.uint8)
    config = DataConfig(preprocess=preprocess, load=load, crop=32)
    out = resized(random, config)
    assert out.shape == (*size_hw, 3)
    wanted = (
        random
        if size_hw == (100, 150)
        else cv2.resize(random, size_hw[::-1], interpolation=cv2.INTER_CUBIC if size_hw[1] > 150 else cv2.INTER_AREA)
    )
    assert np.array_equal(out, wanted)


def test_whole_pictures_fit_a_u_net(folders: tuple[Path, Path]) -> None:
    config = TrainConfig(
        generator=GeneratorConfig(kind=GeneratorKind.UNET_128),
        data=DataConfig(a=folders[0], b=folders[1], preprocess=Preprocess.NONE, crop=128, load=0),
    )
    assert open_pairs(config).batch(0)[0].shape == (1, 3, 128, 128)


def test_whole_pictures_too_small_for_the_discriminator_are_enlarged(folders: tuple[Path, Path]) -> None:
    """Eight pixels a side went through a PatchGAN until a norm had a single value left."""
    paint(folders[0] / "0.png", 10, height=8, width=20)
    data = DataConfig(a=folders[0], b=folders[1], preprocess=Preprocess.NONE, serial=True, flip=False)
    config = TrainConfig(data=data, discriminator=DiscriminatorConfig(layers=3), loss=LossConfig(jitter=2))
    a, b = open_pairs(config).batch(0)
    assert a.shape == (1, 3, 28, 72)  # 3 · 2³ + 2 pixels at least, both sides by 3.5, rounded to multiples of 4
    assert b.shape == open_pairs(replace(config, loss=LossConfig())).batch(0)[1].shape, "large enough as it is"


def test_grayscale_is_luma(folders: tuple[Path, Path]) -> None:
    config = TrainConfig(
        generator=GeneratorConfig(channels_in=1),
        data=DataConfig(a=folders[0], b=folders[1], crop=32, load=0, flip=False),
    )
    gray, color = open_pairs(config).batch(3), pairs_of(folders).batch(3)
    assert gray[0].shape == (1, 1, 32, 32)
    assert gray[1].shape == (1, 3, 32, 32)
    luma = (color[0] * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    assert (gray[0] - luma).abs().max() <= 1 / 127.5  # rounded to a level


def test_pairs_by_name_keep_their_partners_and_their_crops(tmp_path: Path) -> None:
    for number in range(5):
        paint(tmp_path / "a" / f"{number}.png", 10 * number)
        paint(tmp_path / "b" / f"{number}.bmp", 100 + 10 * number)
    paint(tmp_path / "a" / "alone.png", 200)
    (tmp_path / "b" / "3.bmp").write_bytes(b"BM no picture")
    pairs = pairs_of((tmp_path / "a", tmp_path / "b"), RecipeName.PIX2PIX, flip=True)
    assert pairs.epoch_images == 4
    seen = set()
    for number in range(20):
        a, b = (levels(batch)[0].astype(int) for batch in pairs.batch(number))
        assert np.array_equal(b[..., 0] - a[..., 0], np.full((32, 32), 100))
        assert np.array_equal(a[..., 1:], b[..., 1:])  # the same place, mirrored or not
        seen.add(int(a[0, 0, 0]))
    assert seen == {0, 10, 20, 40}


def test_pictures_without_a_partner_are_left_out_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(3):
        paint(tmp_path / "a" / f"{number}.png", 10)
        paint(tmp_path / "b" / f"{number + 1}.png", 100)
    with caplog.at_level("WARNING", logger="cgconv"):
        assert pairs_of((tmp_path / "a", tmp_path / "b"), RecipeName.PIX2PIX).epoch_images == 2
        assert pairs_of((tmp_path / "a", tmp_path / "a"), RecipeName.PIX2PIX).epoch_images == 3
    lone = f"{tmp_path / 'a' / '0.png'}, {tmp_path / 'b' / '3.png'}"
    assert caplog.messages == [f"2 pictures without a partner of their name are left out: {lone}"]


def test_hidden_pictures_are_no_pictures_of_a_data_set(folders: tuple[Path, Path]) -> None:
    """Those that macOS leaves beside real ones, ._0.png, were read and warned of; others were trained on."""
    for hidden in (".hidden.png", ".cache/0.png"):
        paint(folders[0] / hidden, 200)
    (folders[0] / "._0.png").write_bytes(b"Mac OS X")
    assert len(pairs_of(folders).domains[0]) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_linked_folders_are_trained_on_and_circles_of_links_end(folders: tuple[Path, Path], tmp_path: Path) -> None:
    paint(tmp_path / "elsewhere" / "linked.png", 50)
    (folders[0] / "also").symlink_to(tmp_path / "elsewhere")
    (folders[0] / "again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(folders[0])
    (folders[0] / "self.png").symlink_to(folders[0] / "self.png")
    (folders[0] / "a to inner").symlink_to(folders[0] / "inner")
    paint(folders[0] / "inner" / "own.png", 50)
    names = [source.path.relative_to(folders[0]).as_posix() for source in pairs_of(folders).domains[0].sources]
    assert len(names) == 8
    assert "again/linked.png" in names
    assert "inner/own.png" in names, "a picture's name does not depend on the links beside it"


def test_names_that_are_no_text_are_trained_on_like_others(folders: tuple[Path, Path]) -> None:
    """They were to be encoded as UTF-8 where pictures are chosen to hold out."""
    (folders[0] / "0.png").rename(folders[0] / os.fsdecode(b"\xff\xfe.png"))
    for number in range(40):
        for folder in folders:
            paint(folder / f"more {number}.png", 10)
    pairs = pairs_of(folders)
    assert len(pairs.domains[0]) == 46 - 4
    assert pairs.held is not None
    assert len(pairs.held[0]) == 4


def test_a_run_is_judged_by_both_kinds_or_learns_from_all(folders: tuple[Path, Path]) -> None:
    """Two of twenty pictures were held out, which are too few to judge by."""
    for number in range(40):
        paint(folders[0] / f"more {number}.png", 10)
    for number in range(20):
        paint(folders[1] / f"more {number}.png", 10)
    pairs = pairs_of(folders)
    assert [len(domain) for domain in pairs.domains] == [46, 24]
    assert pairs.held_names == {"a": [], "b": []}


def test_whole_steps_are_counted(folders: tuple[Path, Path]) -> None:
    config = TrainConfig(data=DataConfig(a=folders[0], b=folders[1], batch=3), optimizer=OptimizerConfig(images=5))
    assert open_pairs(config).images_total == 6


def test_nobody_waits_for_pictures_once_the_batches_are_closed(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second Ctrl-C waited for all batches that had been ordered."""
    begun: list[int] = []
    pairs, slow = pairs_of(folders), threading.Event()
    real = pairs.batch

    def batch(first: int) -> tuple[torch.Tensor, torch.Tensor]:
        begun.append(first)
        if first:
            slow.wait()
        return real(first)

    monkeypatch.setattr(pairs, "batch", batch)
    batches = pairs.batches(0)
    next(batches)
    try:
        batches.close()  # would never end
    finally:
        slow.set()
    assert 3 not in begun, "what had not begun never does"


def test_pictures_side_by_side_are_pairs(tmp_path: Path) -> None:
    folder = tmp_path / "facades" / "train"
    for number in range(3):
        paint(folder / f"{number}.png", 10 * number, height=40, width=81)
        both = cv2.imread(str(folder / f"{number}.png"))
        both[:, 40:, 2] += 100
        cv2.imwrite(str(folder / f"{number}.png"), both)
    a, b = find_domains(tmp_path / "facades", None, paired=True)
    assert a == b == folder
    pairs = pairs_of((a, b), RecipeName.PIX2PIX)
    for number in range(3):
        of_a, of_b = (levels(batch)[0].astype(int) for batch in pairs.batch(number))
        assert np.array_equal(of_b[..., 0] - of_a[..., 0], np.full((32, 32), 100))
        assert np.array_equal(of_b[..., 1] - of_a[..., 1], np.full((32, 32), 40))  # columns of the right half
    with pytest.raises(UsageError, match="no two pictures of the same name"):
        pairs_of((folder, tmp_path), RecipeName.PIX2PIX)


def test_both_layouts_of_data_sets_are_found(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert find_domains(folders[0].parent, None) == folders
    (tmp_path / "train" / "A").mkdir(parents=True)
    (tmp_path / "train" / "B").mkdir()
    (tmp_path / "nested").mkdir()
    (tmp_path / "train").rename(tmp_path / "nested" / "train")
    inside = tmp_path / "nested" / "train"
    assert find_domains(tmp_path / "nested", None) == (inside / "A", inside / "B")
    with pytest.raises(UsageError, match="trainA"):
        find_domains(inside, None)
    with pytest.raises(UsageError, match="nowhere"):
        find_domains(folders[0], tmp_path / "nowhere")


def test_bad_pictures_are_left_out_with_one_line_and_empty_folders_refused(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    (folders[0] / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    pairs = pairs_of(folders)
    assert len(pairs.domains[0]) == 6
    assert len(caplog.records) == 1
    assert "broken.jpg" in caplog.text
    for path in folders[1].iterdir():
        path.write_bytes(b"")
    with pytest.raises(UsageError, match="no readable picture"):
        pairs_of(folders)


def test_a_picture_that_goes_bad_in_mid_run_is_replaced_with_one_line(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    pairs = pairs_of(folders, memory_gb=0.0, serial=True)  # nothing is kept: every picture is read in its turn
    (folders[0] / "2.png").write_bytes(b"gone")
    caplog.clear()
    assert reds(pairs, 0, range(4)) == [10, 20, 40, 40]
    assert len(caplog.records) == 1
    for path in folders[0].iterdir():
        path.unlink()
    with pytest.raises(DataError, match="anymore"):
        pairs.batch(0)


def test_a_pair_of_which_one_goes_bad_is_replaced_by_a_pair(tmp_path: Path) -> None:
    """The folder with the bad picture gave its next one, beside the other folder's old one."""
    for number in range(4):
        paint(tmp_path / "a" / f"{number}.png", 10 * number)
        paint(tmp_path / "b" / f"{number}.png", 100 + 10 * number)
    pairs = pairs_of((tmp_path / "a", tmp_path / "b"), RecipeName.PIX2PIX, memory_gb=0.0, serial=True)
    (tmp_path / "a" / "2.png").write_bytes(b"gone")
    assert reds(pairs, 0, range(4)) == [0, 10, 30, 30]
    assert reds(pairs, 1, range(4)) == [100, 110, 130, 130]


def test_memory_changes_nothing_but_speed(folders: tuple[Path, Path]) -> None:
    kept, read = pairs_of(folders), pairs_of(folders, memory_gb=0.0)
    assert all(torch.equal(kept.batch(n)[s], read.batch(n)[s]) for n in range(6) for s in (0, 1))


def test_colors_are_the_mean_and_deviation_of_all_pixels(folders: tuple[Path, Path]) -> None:
    images = np.stack([cv2.imread(str(path))[..., ::-1] for path in folders[0].iterdir()]).reshape(-1, 3)
    found = pairs_of(folders).domains[0].colors()
    assert found["mean"] == pytest.approx(images.mean(0), abs=0.01)
    assert found["std"] == pytest.approx(images.std(0), abs=0.01)


def test_transparent_pictures_lie_on_white_and_deep_ones_are_rounded(tmp_path: Path) -> None:
    image = np.full((40, 40, 4), (0, 0, 200, 128), np.uint8)
    (tmp_path / "a").mkdir()
    cv2.imwrite(str(tmp_path / "a" / "x.png"), image)
    cv2.imwrite(str(tmp_path / "a" / "y.png"), np.full((40, 40, 3), 257 * 77, np.uint16))
    pairs = pairs_of((tmp_path / "a", tmp_path / "a"), serial=True)
    white = [round(value * 128 / 255 + 255 * 127 / 255) for value in (200, 0, 0)]
    for number, wanted in ((0, white), (1, [77, 77, 77])):  # flat crops come with noise of one level
        image = levels(pairs.batch(number)[0])[0].astype(int)
        assert np.abs(image - wanted).max() == 1
        assert np.median(image, axis=(0, 1)).tolist() == wanted


def test_pictures_survive_the_way_through_a_tensor() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    assert np.array_equal(tensor_to_images(images_to_tensor(images)), images)


def test_crops_that_cannot_be_are_refused() -> None:
    for settings in ({"crop": 30}, {"crop": 64, "load": 40}, {"crop": 64, "crop_from": 128}, {"shrink": 0.5}):
        with pytest.raises(UsageError, match=r"data\."):
            DataConfig(**settings)  # type: ignore[arg-type]
