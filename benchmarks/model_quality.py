"""Print how near a model's translations come to the pictures it learned from, beside what does not translate.

    python benchmarks/model_quality.py monet --inputs DATA/testB --targets DATA/testA --others DATA/trainA

The table is docs/models.md's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.images import SUFFIXES, Animation, read_picture
from cgconv.runtime.models.store import resolve_model
from cgconv.runtime.translator import Translator, open_translator
from cgconv.trainer.metrics import edge_correlation, mean_change, reinhard, sliced_wasserstein, stride_peak


def main() -> None:
    options = parse_options()
    inputs, targets = read_folder(options.inputs, options.count), read_folder(options.targets, options.count)
    others = read_folder(options.others, options.count)
    with open_translator(resolve_model(options.model), precision=options.precision) as translator:
        translated = translate_all(translator, inputs)
    print(
        f"{len(inputs)} inputs, {len(targets)} targets, {inputs.shape[2]}×{inputs.shape[1]}; "
        "sliced Wasserstein distance × 1000, 4 levels finest first, 128 patches of 7×7 a picture and level, "
        "512 projections, mean of 3 draws"
    )
    print("| pictures | mean | level 1 | 2 | 3 | 4 | edge correlation | mean change | stride peak |")
    print("|---|---|---|---|---|---|---|---|---|")
    rows = {
        "inputs": inputs,
        "color transfer (Reinhard)": reinhard(inputs, targets),
        options.model: translated,
        "other targets": others,
    }
    for name, images in rows.items():
        levels = np.mean([sliced_wasserstein(images, targets, seed=seed) for seed in range(3)], axis=0)
        cells = [Path(name).name, f"{levels.mean():.0f}", *(f"{level:.0f}" for level in levels)]
        if images is others:
            cells += ["", "", ""]
        else:
            cells += [f"{edge_correlation(images, inputs):.2f}", f"{mean_change(images, inputs):.1f}"]
            cells += [f"{stride_peak(images):.2f}"]
        print(f"| {' | '.join(cells)} |")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a model's name or path")
    parser.add_argument(
        "--inputs", type=Path, required=True, help="test pictures of the kind that goes in, all of one size"
    )
    parser.add_argument("--targets", type=Path, required=True, help="test pictures of the kind that should come out")
    parser.add_argument("--others", type=Path, required=True, help="more of that kind: the floor of the measure")
    parser.add_argument("--count", type=int, default=40, help="pictures of each folder, evenly spread")
    parser.add_argument("--precision", default="auto")
    return parser.parse_args()


def read_folder(folder: Path, count: int) -> NDArray[np.uint8]:
    """Return `count` evenly spread pictures of a folder: uint8 N×H×W×3 RGB."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    chosen = [paths[i * len(paths) // count] for i in range(min(count, len(paths)))]
    images = []
    for path in chosen:
        picture = read_picture(path, max_pixels=10**8)
        assert not isinstance(picture, Animation)
        images.append(picture.pixels)
    return np.stack(images)


def translate_all(translator: Translator, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Translate pictures one by one, as `cgconv images` does."""
    return np.concatenate([translator.translate(image[None]) for image in images])


if __name__ == "__main__":
    main()
