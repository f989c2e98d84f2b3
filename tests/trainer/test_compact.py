"""The compact generator computes what it promises, begins as its picture, and becomes a model like the others."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
F = torch.nn.functional

from small_models import decibels, photo  # noqa: E402

from cgconv.exporter.export import export  # noqa: E402
from cgconv.exporter.half import export_half  # noqa: E402
from cgconv.exporter.onnx_graph import generator_to_onnx, verify  # noqa: E402
from cgconv.runtime.models.model_file import load_model  # noqa: E402
from cgconv.runtime.translator import open_translator  # noqa: E402
from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint, save_checkpoint  # noqa: E402
from cgconv.trainer.choices import GeneratorKind, Norm, Padding, Precision, RecipeName  # noqa: E402
from cgconv.trainer.config import (  # noqa: E402
    DataConfig,
    DiscriminatorConfig,
    EvaluationConfig,
    GeneratorConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from cgconv.trainer.networks.build import Generators, build_generator, size_multiple, smallest_size  # noqa: E402
from cgconv.trainer.networks.compact import CompactGenerator, _clamped  # noqa: E402
from cgconv.trainer.networks.layers import initialize  # noqa: E402
from cgconv.trainer.train import train  # noqa: E402

BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def compact(**settings: object) -> GeneratorConfig:
    return GeneratorConfig(kind=GeneratorKind.COMPACT, **{"blocks": 1, "width": 8, **settings})  # type: ignore[arg-type]


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def softened(x: np.ndarray) -> np.ndarray:
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    height, width = x.shape[2:]
    rows = [(y, x, BINOMIAL[y, x]) for y in range(5) for x in range(5)]
    return np.sum([weight * padded[:, :, y : y + height, x : x + width] for y, x, weight in rows], axis=0)


@pytest.mark.parametrize("soften", [False, True])
@pytest.mark.parametrize(("seen", "made"), [(3, 3), (3, 1), (1, 3)])
def test_it_begins_as_the_picture_in_the_channels_that_come_out(seen: int, made: int, soften: bool) -> None:
    torch.manual_seed(0)
    generator = build_generator(compact(channels_in=seen, channels_out=made, soften=soften))
    initialize(generator)
    x = pictures(2, seen, 32, 48)
    wanted = x.numpy()
    if soften:
        wanted = softened(wanted)
    if seen != made:
        wanted = wanted.mean(1, keepdims=True).repeat(made, 1)
    with torch.no_grad():
        moved = np.abs(generator(x).numpy() - wanted)
    assert moved.max() < 0.2
    assert moved.mean() < 0.03
    assert generator.last[1].weight.std().item() == pytest.approx(1e-3, rel=0.2)
    assert generator.blocks[0].body[1].weight.std().item() == pytest.approx(1 / np.sqrt(3 * 8 * 9), rel=0.2), "torch's"


@pytest.mark.parametrize("soften", [False, True])
def test_sizes_and_range_are_kept_for_multiples_of_4_from_8(soften: bool) -> None:
    config = compact(channels_out=1, soften=soften)
    assert (size_multiple(config), smallest_size(config)) == (4, 8)
    generator = build_generator(config)
    with torch.no_grad():
        generator.last[1].weight.mul_(100)
        for size_hw in ((8, 8), (8, 12), (36, 20)):
            out = generator(pictures(2, 3, *size_hw))
            assert out.shape == (2, 1, *size_hw)
            assert out.abs().max() == 1, "clamped"


@pytest.mark.parametrize(
    "config",
    [
        compact(blocks=2),
        compact(soften=True),
        compact(channels_in=1, channels_out=3),
        compact(channels_out=1),
        compact(norm=Norm.NONE, padding=Padding.REPLICATE),
        compact(norm=Norm.BATCH, padding=Padding.ZERO, soften=True),
    ],
)
def test_it_computes_what_its_description_says(config: GeneratorConfig) -> None:
    torch.manual_seed(0)
    network = build_generator(config).train().double()
    mode = "constant" if config.padding is Padding.ZERO else str(config.padding)
    left = [part for part in network.modules() if isinstance(part, torch.nn.Conv2d)]
    norms = [part for part in network.modules() if type(part).__name__.endswith("Norm")]
    for part in norms:
        for weight in part.parameters():
            torch.nn.init.uniform_(weight, 0.5, 1.5)

    def conv(x: torch.Tensor, pad_px: int, stride: int = 1) -> torch.Tensor:
        layer = left.pop(0)
        return F.conv2d(F.pad(x, (pad_px,) * 4, mode=mode), layer.weight, layer.bias, stride)

    def normed(x: torch.Tensor) -> torch.Tensor:
        if config.norm is Norm.NONE:
            return x
        over, part = ((2, 3) if config.norm is Norm.INSTANCE else (0, 2, 3)), norms.pop(0)
        scale, shift = list(part.parameters())
        x = (x - x.mean(over, keepdim=True)) / (x.var(over, unbiased=False, keepdim=True) + 1e-5).sqrt()
        return x * scale.view(-1, 1, 1) + shift.view(-1, 1, 1)

    def doubled(x: torch.Tensor) -> torch.Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    x = pictures(2, config.channels_in, 16, 24).double()
    deep = F.relu(normed(conv(x, 4, 4)))
    for _ in range(config.blocks):
        deep = deep + normed(conv(F.relu(normed(conv(deep, 1))), 1))
    deep = doubled(F.relu(normed(conv(doubled(deep), 1))))
    again = [] if config.soften else [x]
    fine = F.relu(normed(conv(torch.cat([deep, *again], 1), 1)))
    change = conv(torch.cat([fine, *again], 1), 2)
    passed = x
    if config.soften:
        kernel = torch.from_numpy(BINOMIAL).repeat(config.channels_in, 1, 1, 1)
        passed = F.conv2d(F.pad(x, (2,) * 4, mode=mode), kernel, groups=config.channels_in)
    if config.channels_in != config.channels_out:
        passed = passed.mean(1, keepdim=True).expand(-1, config.channels_out, -1, -1)
    wanted = (passed + 2 * change).clamp(-1, 1)
    assert not left
    assert not norms
    assert torch.allclose(network(x).double(), wanted, atol=1e-6)  # what comes out is float32


@pytest.mark.parametrize("soften", [False, True])
def test_a_picture_of_256_pixels_takes_27_hundred_million_multiplications(soften: bool) -> None:
    generator = build_generator(compact(blocks=6, width=64, soften=soften))
    counted: list[int] = []
    for part in generator.modules():
        if isinstance(part, torch.nn.Conv2d):
            part.register_forward_hook(lambda layer, _, out: counted.append(out.numel() * layer.weight[0].numel()))
    with torch.no_grad():
        generator(torch.zeros(1, 3, 64, 64))
    again = 0 if soften else 3
    quarter, half, whole = 64 * 64, 128 * 128, 256 * 256
    wanted = quarter * (64 * 3 * 144 + 12 * 64 * 64 * 9) + half * 32 * 64 * 9
    wanted += whole * (16 * (32 + again) * 9 + 3 * (16 + again) * 25)
    assert 16 * sum(counted) == wanted
    assert wanted == pytest.approx(2.65e9, rel=0.02)


def test_contrast_compares_the_picture_its_first_features_and_two_blocks() -> None:
    generator = build_generator(compact(blocks=4))
    x = pictures(1, 3, 16, 24)
    first = generator.head(x)
    wanted = [x, first, generator.blocks[0](first), generator.blocks[:3](first)]
    for found, kept in zip(generator.features(x), wanted, strict=True):
        assert torch.equal(found, kept)


def test_what_is_clamped_learns_to_come_back_and_nothing_further_out() -> None:
    values = [-2.0, -2.0, -0.5, 0.5, 2.0, 2.0]
    down = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])  # a step goes against these
    x = torch.tensor(values, requires_grad=True)
    (gradient,) = torch.autograd.grad(_clamped(x), x, down)
    assert gradient.tolist() == [0.0, -1.0, 1.0, -1.0, 1.0, 0.0]
    with torch.no_grad():
        assert torch.equal(_clamped(x), x.clamp(-1, 1))


@pytest.fixture(scope="module", params=[False, True], ids=["sharp", "softened"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step, whose generator then changes its pictures a lot."""
    root = tmp_path_factory.mktemp("run")
    for name in ("trainA", "trainB"):
        (root / name).mkdir()
        for seed in range(2):
            cv2.imwrite(str(root / name / f"{seed}.png"), photo((64, 72), seed)[0, ..., ::-1])
    config = TrainConfig(
        recipe=RecipeName.PIX2PIX,
        generator=compact(soften=request.param),
        discriminator=DiscriminatorConfig(layers=1, width=4),
        data=DataConfig(a=root / "trainA", b=root / "trainB", crop=32, load=36),
        optimizer=OptimizerConfig(images=1),
        evaluation=EvaluationConfig(every=0),
        run=RunConfig(out=root / "painted", precision=Precision.FP32, device="cpu", threads=1, sample_every=0),
    )
    list(train(config, threading.Event()))
    state = load_checkpoint(config.run.out)
    for weights in (state["generators"], state["average"]):
        weights["ab.last.1.weight"] *= 60
    save_checkpoint(config.run.out / "checkpoint.pt", state)
    return config.run.out


def test_it_is_exported_and_computed_whole_in_parts_and_in_halves(run: Path, tmp_path: Path) -> None:
    (exported,) = export(run, out=tmp_path / "painted.onnx")
    state = load_checkpoint(run)
    generators = Generators(checkpoint_config(state))
    generators.load_state_dict({**state["generators"], **state["average"]})
    card, generator = exported.card, generators.ab.eval()
    assert isinstance(generator, CompactGenerator)
    assert card.architecture["family"] == "compact"
    assert (card.architecture["width"], card.size_multiple, card.smallest_size) == (8, 4, 8)
    assert {opset.version for opset in load_model(exported.path).opset_import if opset.domain == ""} == {20}
    image = photo((92, 120), seed=5)
    x = torch.from_numpy(image).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        wanted = ((generator(x) + 1) / 2).permute(0, 2, 3, 1).numpy()
    assert decibels(wanted, image / 255, peak=1) < 25, "a picture that is handed through proves nothing"
    fine = image.astype(np.float32) / 255
    options = {"backend": "onnxruntime", "device": "cpu", "precision": "fp32", "threads": 1}
    with open_translator(exported.path, **options) as whole:
        translated = whole.translate(fine)
    assert np.abs(translated - wanted).max() < 1e-3
    with open_translator(exported.path, **options, max_tile_pixels=48 * 48) as in_parts:
        assert decibels(in_parts.translate(fine), translated, peak=1) > 90
    half = export_half(exported.path)
    assert half.check.worst_db > 40
    assert half.check.in_half >= 5


def test_a_graph_from_gray_to_colors_computes_what_torch_does() -> None:
    torch.manual_seed(0)
    generator = build_generator(compact(channels_in=1, soften=True))
    with torch.no_grad():
        generator.last[1].weight.mul_(30)
    model = generator_to_onnx(generator, channels=1)
    verification = verify(model, generator.eval(), [photo((64, 64))[0]], ((8, 12), (32, 20)), channels=1)
    assert verification.worst < 1e-4
