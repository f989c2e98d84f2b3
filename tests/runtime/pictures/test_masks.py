"""Masks for pictures: black stays bit for bit, white is the translation, and edges are as soft as asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_models import photo

from cgconv.runtime.errors import CgconvError, UsageError
from cgconv.runtime.images import Picture, encode_picture, read_picture
from cgconv.runtime.mask import MaskOptions, seen_through
from cgconv.runtime.pictures.job import PictureOptions, translate_picture_file

SIZE_HW = (40, 60)


class Negative:
    def translate(self, batch: np.ndarray) -> np.ndarray:
        return 255 - batch if batch.dtype == np.uint8 else 1 - batch


def write(path: Path, pixels: np.ndarray, alpha: np.ndarray | None = None) -> Path:
    path.write_bytes(encode_picture(Picture(pixels, alpha), file_format="png", quality=None))
    return path


def translated(
    tmp_path: Path, source: Path, mask: MaskOptions | None, **options: object
) -> tuple[np.ndarray, list[str]]:
    target = tmp_path / "result.png"
    facts = translate_picture_file(source, target, Negative(), PictureOptions(mask=mask, **options))  # type: ignore[arg-type]
    picture = read_picture(target)
    assert isinstance(picture, Picture)
    return picture.pixels, facts["warnings"]


def left_half() -> np.ndarray:
    drawn = np.zeros(SIZE_HW, np.uint8)
    drawn[:, :30] = 255
    return drawn


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_black_stays_and_white_is_translated(tmp_path: Path, deep: bool) -> None:
    pixels = photo(SIZE_HW)[0].astype(np.uint16) * 257 + 3 if deep else photo(SIZE_HW)[0]
    source = write(tmp_path / "a.png", pixels)
    Image.fromarray(left_half()).save(tmp_path / "mask.png")
    result, _ = translated(tmp_path, source, MaskOptions(source=str(tmp_path / "mask.png")))
    np.testing.assert_array_equal(result[:, 30:], pixels[:, 30:])
    np.testing.assert_array_equal(result[:, :30], np.iinfo(pixels.dtype).max - pixels[:, :30])
    swapped, _ = translated(tmp_path, source, MaskOptions(source=str(tmp_path / "mask.png"), invert=True))
    np.testing.assert_array_equal(swapped[:, :30], pixels[:, :30])


def test_a_feather_is_a_gaussian_of_that_many_pixels(tmp_path: Path) -> None:
    source = write(tmp_path / "a.png", np.zeros((*SIZE_HW, 3), np.uint8))
    Image.fromarray(left_half()).save(tmp_path / "mask.png")
    result, _ = translated(tmp_path, source, MaskOptions(source=str(tmp_path / "mask.png"), feather_px=3))
    from math import erf

    across = np.arange(SIZE_HW[1])
    wanted = [255 * (1 - erf((x - 29.5) / (3 * 2**0.5))) / 2 for x in across]
    assert np.abs(result[20, :, 0] - wanted).max() < 3


def test_a_folder_has_a_mask_for_each_picture_and_says_where_it_has_none(tmp_path: Path) -> None:
    source = write(tmp_path / "a.png", photo(SIZE_HW)[0])
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.fromarray(left_half()).convert("RGB").save(masks / "a.tiff")
    result, _ = translated(tmp_path, source, MaskOptions(source=str(masks)))
    np.testing.assert_array_equal(result[:, 30:], photo(SIZE_HW)[0][:, 30:])
    with pytest.raises(CgconvError, match=r"no mask for b\.png"):
        translated(tmp_path, write(tmp_path / "b.png", photo(SIZE_HW)[0]), MaskOptions(source=str(masks)))


def test_a_pictures_own_transparency_can_be_its_mask(tmp_path: Path) -> None:
    pixels = photo(SIZE_HW)[0]
    source = write(tmp_path / "a.png", pixels, left_half())
    result, _ = translated(tmp_path, source, MaskOptions(source="alpha"))
    np.testing.assert_array_equal(result[:, 30:], pixels[:, 30:])
    np.testing.assert_array_equal(result[:, :30], 255 - pixels[:, :30])
    with pytest.raises(CgconvError, match="no transparency"):
        translated(tmp_path, write(tmp_path / "b.png", pixels), MaskOptions(source="alpha"))


def test_a_mask_of_another_size_is_fitted_and_of_another_shape_said_to_be(tmp_path: Path) -> None:
    source = write(tmp_path / "a.png", photo(SIZE_HW)[0])
    Image.fromarray(left_half()).resize((30, 20)).save(tmp_path / "small.png")
    _, warnings = translated(tmp_path, source, MaskOptions(source=str(tmp_path / "small.png")))
    assert not any("proportions" in warning for warning in warnings)
    Image.fromarray(left_half()).resize((60, 20)).save(tmp_path / "flat.png")
    _, warnings = translated(tmp_path, source, MaskOptions(source=str(tmp_path / "flat.png")))
    assert any("proportions" in warning for warning in warnings)


def test_what_is_asked_of_a_mask_is_checked() -> None:
    with pytest.raises(UsageError, match="feather"):
        MaskOptions(source="alpha", feather_px=-1)
    with pytest.raises(UsageError, match="no such file"):
        MaskOptions(source="nowhere.png")


def test_half_a_mask_is_half_the_way() -> None:
    one, other = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 200, np.uint8)
    assert seen_through(one, other, np.full((1, 1), 0.5, np.float32))[0, 0, 0] == 100
