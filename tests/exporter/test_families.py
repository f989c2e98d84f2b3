"""Checkpoints of other projects are recognized by their keys and shapes, rebuilt and imported; nothing else is."""

from __future__ import annotations

import argparse
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.torch
import torch
from foreign_checkpoints import (
    CSC321,
    AladdinPersson,
    StyleNet,
    Udacity,
    UNet,
    eriklindernoren_resnet,
    junyanz_resnet,
    mobile_resnet,
    seeded,
)
from torch import Tensor, nn

from cgconv.cli.main import main
from cgconv.exporter import checkpoint_file
from cgconv.exporter.checkpoint_file import read_checkpoint
from cgconv.exporter.families import Recognized, recognize
from cgconv.exporter.import_checkpoint import import_checkpoint
from cgconv.exporter.weights import NormMode
from cgconv.runtime.backends.probe import natural_picture
from cgconv.runtime.errors import CgconvError, ModelError, UsageError
from cgconv.runtime.models.card import Normalization
from cgconv.runtime.translator import open_translator

State = dict[str, Tensor]
Build = Callable[[], nn.Module]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder of the test's own."""
    monkeypatch.setenv("CGCONV_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def read(path: Path, **options: Any) -> Recognized:
    return recognize(read_checkpoint(path), path, **options)


def picture_batch(channels: int, size: int, low: float = -1, high: float = 1) -> Tensor:
    """Two seeded pictures; wider than high, so that no axis can be mistaken for the other."""
    generator = torch.Generator().manual_seed(3)
    return torch.rand((2, channels, size, 2 * size), generator=generator) * (high - low) + low


def difference(found: nn.Module, theirs: nn.Module, x: Tensor) -> float:
    with torch.inference_mode():
        return float((found(x) - theirs(x.clone())).abs().max())


# --- every family and variation

VARIATIONS: dict[str, tuple[Build, str, int]] = {  # name → network, family, size multiple
    "junyanz 9 blocks": (lambda: junyanz_resnet(9), "junyanz ResNet", 4),
    "junyanz 6 blocks, dropout": (lambda: junyanz_resnet(6, 8, has_dropout=True), "junyanz ResNet", 4),
    "junyanz 4 blocks": (lambda: junyanz_resnet(4, 6), "junyanz ResNet", 4),
    "junyanz 1 block": (lambda: junyanz_resnet(1, 5), "junyanz ResNet", 4),
    "junyanz batch norm": (lambda: junyanz_resnet(4, norm=nn.BatchNorm2d), "junyanz ResNet", 4),
    "junyanz batch norm, dropout": (
        lambda: junyanz_resnet(4, norm=nn.BatchNorm2d, has_dropout=True),
        "junyanz ResNet",
        4,
    ),
    "junyanz gray to color": (lambda: junyanz_resnet(4, channels_in=1), "junyanz ResNet", 4),
    "junyanz gray": (lambda: junyanz_resnet(4, channels_in=1, channels_out=1), "junyanz ResNet", 4),
    "U-Net 128": (lambda: UNet(7), "junyanz U-Net", 128),
    "U-Net 128, instance norm": (lambda: UNet(7, norm=nn.InstanceNorm2d), "junyanz U-Net", 128),
    "U-Net 256, dropout": (lambda: UNet(8, has_dropout=True), "junyanz U-Net", 256),
    "U-Net of depth 5, color to gray": (lambda: UNet(5, 3, channels_out=1), "junyanz U-Net", 32),
    "CUT": (lambda: junyanz_resnet(9, blurs_down=True, blurs_up=True), "CUT ResNet", 4),
    "CUT 4 blocks, batch norm": (
        lambda: junyanz_resnet(4, norm=nn.BatchNorm2d, blurs_down=True, blurs_up=True),
        "CUT ResNet",
        4,
    ),
    "CUT --no_antialias": (lambda: junyanz_resnet(6, blurs_up=True), "CUT ResNet", 4),
    "CUT --no_antialias_up": (lambda: junyanz_resnet(6, blurs_down=True), "CUT ResNet", 4),
    "PyTorch-GAN": (lambda: eriklindernoren_resnet(9), "eriklindernoren ResNet", 4),
    "PyTorch-GAN 6 blocks": (lambda: eriklindernoren_resnet(6, 7), "eriklindernoren ResNet", 4),
    "AladdinPersson": (lambda: AladdinPersson(9), "AladdinPersson ResNet", 4),
    "AladdinPersson gray, 6 blocks": (lambda: AladdinPersson(6, 5, channels=1), "AladdinPersson ResNet", 4),
    "plain first convolution": (
        lambda: AladdinPersson(9, is_plain=True),
        "AladdinPersson ResNet with a plain first convolution",
        4,
    ),
    "gan-compression": (lambda: mobile_resnet([4, 8, 16, 8, 4], [16] * 9), "gan-compression mobile ResNet", 4),
    "gan-compression, pruned": (
        lambda: mobile_resnet([6, 10, 12, 7, 5], [8, 8, 8, 4, 4, 4, 12, 12, 12]),
        "gan-compression mobile ResNet",
        4,
    ),
    "gan-compression, batch norm": (
        lambda: mobile_resnet([4, 8, 16, 8, 4], [16] * 3, nn.BatchNorm2d),
        "gan-compression mobile ResNet",
        4,
    ),
    "fast-neural-style": (StyleNet, "fast-neural-style", 4),
    "CSC321": (CSC321, "CSC321 generator", 4),
    "CSC321 gray, wide": (lambda: CSC321(24, channels=1), "CSC321 generator", 4),
    "Udacity": (Udacity, "Udacity generator", 8),
    "Udacity 2 blocks": (lambda: Udacity(2, 6), "Udacity generator", 8),
}


@pytest.mark.parametrize("variation", VARIATIONS)
def test_every_variation_comes_out_equal(tmp_path: Path, variation: str) -> None:
    build, family, multiple = VARIATIONS[variation]
    theirs = seeded(build)
    torch.save(theirs.state_dict(), tmp_path / "net.pth")
    found = read(tmp_path / "net.pth")
    generator = found.generator
    assert (found.family, generator.size_multiple) == (family, multiple)
    assert generator.has_batch_norm == any(isinstance(module, nn.BatchNorm2d) for module in theirs.modules())
    x = picture_batch(generator.channels_in, max(multiple, 32), *generator.value_range)
    span = generator.value_range[1] - generator.value_range[0]
    assert difference(generator.network, theirs, x) < 1e-5 * span
    with torch.inference_mode():
        assert float(theirs(x).std()) > 0.02 * span, "a network that says nothing cannot be told from another"


def test_statistics_that_an_instance_norm_kept_and_never_used_stay_unused(tmp_path: Path) -> None:
    """torch before 0.4 saved them, in the official CycleGAN models too; using them gives other pictures."""
    for name, theirs in {"numbered": seeded(lambda: junyanz_resnet(4)), "style": seeded(StyleNet)}.items():
        state: State = dict(theirs.state_dict())
        for key, module in theirs.named_modules():
            if isinstance(module, nn.InstanceNorm2d):
                state[f"{key}.running_mean"] = torch.rand(module.num_features)
                state[f"{key}.running_var"] = torch.rand(module.num_features)
        torch.save(state, tmp_path / f"{name}.pth", _use_new_zipfile_serialization=False)
        found = read(tmp_path / f"{name}.pth").generator
        assert difference(found.network, theirs, picture_batch(3, 32, *found.value_range)) < 1e-3
        assert found.normalization is Normalization.INSTANCE


# --- how it was saved


def legacy(state: State, path: Path) -> None:
    torch.save(state, path, _use_new_zipfile_serialization=False)


def prefixed(prefix: str) -> Callable[[State, Path], None]:
    return lambda state, path: torch.save({f"{prefix}{key}": value for key, value in state.items()}, path)


def wrapped(*names: str, **beside: Any) -> Callable[[State, Path], None]:
    def save(state: State, path: Path) -> None:
        inner: Any = state
        for name in reversed(names):
            inner = {**beside, name: inner}
        torch.save(inner, path)

    return save


def trained(state: State, path: Path) -> None:
    """Save as a training script does: optimizer, losses as numpy numbers, arguments."""
    moments = {"step": torch.tensor(1.0), "exp_avg": torch.zeros(4, 3, 7, 7), "exp_avg_sq": torch.zeros(4, 3, 7, 7)}
    optimizer = {"state": {0: moments}, "param_groups": [{"lr": 2e-4, "betas": (0.5, 0.999), "params": [0]}]}
    arguments = argparse.Namespace(epochs=3, name="horses")
    saved = {"epoch": 3, "state_dict": state, "optimizer": optimizer, "args": arguments}
    torch.save({**saved, "loss": np.float64(0.5), "best": np.float32(0.25)}, path)


def halves(state: State, path: Path) -> None:
    torch.save({key: value.half() if value.is_floating_point() else value for key, value in state.items()}, path)


WAYS: dict[str, Callable[[State, Path], None]] = {
    "legacy": legacy,
    "safetensors": lambda state, path: safetensors.torch.save_file(state, path),
    "module.": prefixed("module."),
    "_orig_mod.": prefixed("_orig_mod."),
    "module._orig_mod.": prefixed("module._orig_mod."),
    "generator.": prefixed("generator."),
    "state_dict": wrapped("state_dict", epoch=3),
    "params": wrapped("params"),
    "netG": wrapped("netG"),
    "G, state_dict": wrapped("G", "state_dict"),
    "model, params_ema": wrapped("model", "params_ema", iteration=torch.tensor(7)),
    "a training script's": trained,
    "state_dict of module.": lambda state, path: wrapped("state_dict")(
        {f"module.{key}": value for key, value in state.items()}, path
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_saving_is_read(tmp_path: Path, way: str) -> None:
    theirs = seeded(lambda: junyanz_resnet(2, norm=nn.BatchNorm2d))
    path = tmp_path / "latest_net_G.pth"
    WAYS[way](dict(theirs.state_dict()), path)
    assert difference(read(path).generator.network, theirs, picture_batch(3, 16)) < 1e-5


def test_what_lies_beside_a_generator_is_no_hindrance(tmp_path: Path) -> None:
    """A diverged discriminator, and settings that stand in many places."""
    theirs = seeded(lambda: junyanz_resnet(2))
    crowd = {str(index): {"x": 1} for index in range(300)}
    broken = {"model.1.weight": torch.full((8, 3, 7, 7), float("nan"))}
    torch.save({"crowd": [crowd, crowd], "netD": broken, "netG": theirs.state_dict()}, tmp_path / "net.pth")
    found = read(tmp_path / "net.pth")
    assert found.part == "netG"
    assert difference(found.generator.network, theirs, picture_batch(3, 16)) < 1e-5


def test_half_precision_weights_are_widened(tmp_path: Path) -> None:
    theirs = seeded(lambda: junyanz_resnet(2))
    halves(dict(theirs.state_dict()), tmp_path / "net.pth")
    assert difference(read(tmp_path / "net.pth").generator.network, theirs, picture_batch(3, 16)) < 0.05


def test_of_several_generators_one_must_be_named(tmp_path: Path) -> None:
    one, other = seeded(lambda: junyanz_resnet(2), seed=1), seeded(lambda: junyanz_resnet(2), seed=2)
    path, x = tmp_path / "all.pth", picture_batch(3, 16)
    discriminator = {"model.0.weight": torch.zeros(64, 3, 4, 4), "model.2.weight": torch.zeros(1, 64, 4, 4)}
    torch.save({"netG_A": one.state_dict(), "netG_B": other.state_dict(), "netD_A": discriminator}, path)
    with pytest.raises(UsageError, match="several generators: netG_A, netG_B; choose one with --part"):
        read(path)
    assert difference(read(path, part="netG_B").generator.network, other, x) < 1e-5
    with pytest.raises(UsageError, match="'netD_A', expected one of netG_A, netG_B"):
        read(path, part="netD_A")
    states = {"gen_H.": one.state_dict(), "gen_Z.": other.state_dict(), "disc_H.": discriminator}
    flat = {prefix + key: value for prefix, state in states.items() for key, value in state.items()}
    torch.save({"state_dict": flat}, path)
    assert difference(read(path, part="gen_H").generator.network, one, x) < 1e-5


# --- batch norm's statistics


@pytest.mark.parametrize("build", [lambda: junyanz_resnet(4, norm=nn.BatchNorm2d), lambda: UNet(5), CSC321, Udacity])
def test_norm_mode_batch_does_what_the_original_test_script_does(tmp_path: Path, build: Build) -> None:
    """That script leaves the network in training mode and gives it one picture at a time."""
    theirs = seeded(build)
    torch.save(theirs.state_dict(), tmp_path / "net.pth")
    found = read(tmp_path / "net.pth", norm_mode=NormMode.BATCH).generator
    assert found.normalization is Normalization.INSTANCE
    pictures = picture_batch(3, 64)
    with torch.no_grad():
        ours = found.network(pictures)
        evaluated = theirs(pictures.clone())
        theirs.train()
        alone = torch.cat([theirs(picture[None].clone()) for picture in pictures])
    assert float((ours - alone).abs().max()) < 1e-4
    assert float((evaluated - alone).abs().max()) > 0.05, "the two modes are to be told apart"


def test_norm_mode_without_batch_norm_is_refused(tmp_path: Path, models: Path) -> None:
    torch.save(junyanz_resnet(1).state_dict(), tmp_path / "net.pth")
    with pytest.raises(UsageError, match="--norm-mode is for batch norm, and this junyanz ResNet has none"):
        import_checkpoint(tmp_path / "net.pth", norm_mode=NormMode.BATCH)
    assert not list(models.glob("*"))


# --- as a model: through ONNX, the card and the runtime

IMPORTED: dict[str, tuple[Build, NormMode | None]] = {
    "junyanz ResNet": (lambda: junyanz_resnet(2), None),
    "junyanz ResNet, batch norm": (lambda: junyanz_resnet(2, norm=nn.BatchNorm2d), None),
    "junyanz ResNet, per picture": (lambda: junyanz_resnet(2, norm=nn.BatchNorm2d), NormMode.BATCH),
    "gray": (lambda: junyanz_resnet(1, channels_in=1, channels_out=1), None),
    "U-Net": (lambda: UNet(4), None),
    "U-Net, instance norm": (lambda: UNet(4, norm=nn.InstanceNorm2d), None),
    "CUT": (lambda: junyanz_resnet(2, blurs_down=True, blurs_up=True), None),
    "PyTorch-GAN": (lambda: eriklindernoren_resnet(2), None),
    "AladdinPersson": (lambda: AladdinPersson(2, is_plain=True), None),
    "gan-compression": (lambda: mobile_resnet([4, 8, 16, 8, 4], [16, 8]), None),
    "fast-neural-style": (StyleNet, None),
    "CSC321": (CSC321, None),
}


@pytest.mark.parametrize("case", IMPORTED)
def test_an_imported_model_translates_whole_and_in_parts(tmp_path: Path, models: Path, case: str) -> None:
    build, norm_mode = IMPORTED[case]
    theirs = seeded(build)
    torch.save(theirs.state_dict(), tmp_path / "net.pth")
    card = import_checkpoint(tmp_path / "net.pth", norm_mode=norm_mode).card
    theirs.train(norm_mode is NormMode.BATCH)
    picture = natural_picture((160, 256), seed=5)
    low, high = card.value_range_in
    x = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None] / 255
    if card.architecture["channels_in"] == 1:
        x = (x * torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)).sum(1, keepdim=True)
    with torch.no_grad():
        y = ((theirs(x * (high - low) + low) - low) / (high - low)).clamp(0, 1)
    wanted = (y.expand(-1, 3, -1, -1) * 255)[0].permute(1, 2, 0).numpy()
    assert wanted.std() > 3, "a flat picture proves nothing"
    for backend in ("onnxruntime", "openvino"):
        with open_translator("net", backend=backend, device="cpu", precision="fp32", threads=1) as translator:
            whole = translator.translate(picture[None])[0]
            assert np.abs(whole - wanted).max() < 0.6, f"{backend} against torch, in levels of 255"
            odd = translator.translate(picture[None, :59, :83])
            assert odd.shape == (1, 59, 83, 3)
    with open_translator(
        "net", backend="onnxruntime", device="cpu", precision="fp32", threads=1, max_tile_pixels=144 * 144
    ) as translator:
        in_parts = translator.translate(picture[None])[0]
    assert np.abs(in_parts.astype(int) - whole).max() <= 1


def test_the_card_says_what_the_model_takes_and_where_it_comes_from(tmp_path: Path, models: Path) -> None:
    torch.save({"netG": UNet(5, 3, channels_in=1).state_dict()}, tmp_path / "facades_net_G.pth")
    imported = import_checkpoint(tmp_path / "facades_net_G.pth")
    card = imported.card
    assert imported.path == models / "facades_net_G.onnx"
    assert (card.size_multiple, card.smallest_size, card.value_range_in) == (32, 32, (-1, 1))
    assert card.normalization is Normalization.BATCH
    assert card.architecture == {
        "family": "U-Net",
        "width": 3,
        "channels_in": 1,
        "channels_out": 3,
        "norm": "batch",
        "statistics": "running",
    }
    assert card.source["family"] == "junyanz U-Net"
    assert card.source["part"] == "netG"
    assert len(card.source["sha256"]) == 64
    assert card.receptive_field_px is not None
    assert card.verification["largest_difference_random"] < 1e-4
    model = onnx.load(imported.path, load_external_data=False)
    shape = [dim.dim_param or dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    assert shape == ["batch", 3, "height", "width"], "color doors, whatever is inside"
    session = onnxruntime.InferenceSession(imported.path)
    for batch, height, width in ((1, 32, 96), (3, 64, 32)):
        result = session.run(None, {"input": np.zeros((batch, 3, height, width), np.float32)})[0]
        assert result.shape == (batch, 3, height, width)


def test_import_has_options_for_parts_and_norms(
    tmp_path: Path, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one, other = (seeded(lambda: junyanz_resnet(1, norm=nn.BatchNorm2d), seed=seed) for seed in (1, 2))
    file = tmp_path / "both.pth"
    torch.save({"G_A": one.state_dict(), "G_B": other.state_dict()}, file)
    assert main(["models", "import", str(file)]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "G_A, G_B; choose one with --part" in line
    assert main(["models", "import", str(file), "--part", "G_B", "--norm-mode", "batch", "--name", "b"]) == 0
    assert "cgconv images photos --model b" in capfd.readouterr().out
    assert main(["models", "info", "b"]) == 0
    text = capfd.readouterr().out
    assert "statistics own" in text
    assert "norm batch" in text


# --- what is refused


class Harmful:
    """Makes a folder when it is unpickled by a careless program."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (os.mkdir, (str(self.trace),))


def refusal(path: Path) -> str:
    """Return the one sentence with which a file is refused."""
    with pytest.raises(CgconvError) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text.removeprefix(str(path))


@pytest.fixture
def good() -> State:
    return dict(seeded(lambda: junyanz_resnet(2)).state_dict())


def test_no_code_of_a_file_is_run(tmp_path: Path, good: State) -> None:
    path, trace = tmp_path / "x.pth", tmp_path / "ran"
    for protocol in (2, 4):
        for saved in (Harmful(trace), {"state_dict": good, "hook": Harmful(trace)}):
            torch.save(saved, path, pickle_protocol=protocol)
            assert "holds Python objects besides tensors (posix.mkdir), which could run code" in refusal(path)
            torch.save(saved, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
            assert "could run code" in refusal(path)
        path.write_bytes(pickle.dumps(Harmful(trace), protocol))
        assert "could run code" in refusal(path)
    path.write_bytes(b"\x80\x02cposix\x1b[2J\nmk\x07dir\n.")  # a name is shown as it is, and does nothing to a terminal
    assert r"besides tensors (posix\x1b[2J.mk\x07dir)" in refusal(path)
    torch.save(seeded(lambda: junyanz_resnet(1)), path)  # the whole network, its class among it
    assert "could run code" in refusal(path)
    assert not trace.exists()


def test_what_is_no_checkpoint_is_named(tmp_path: Path, good: State) -> None:
    path = tmp_path / "x.pth"
    for data, words in {
        b"": "an empty file",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n": "a Git-LFS pointer",
        b"\n <!DOCTYPE html><html>": "a web page",
        b"\x89HDF\r\n\x1a\n": "an HDF5 file",
        b"hello": "not a PyTorch checkpoint",
        pickle.dumps({"a": 1}): "a Python pickle, but not a checkpoint written by torch",
    }.items():
        path.write_bytes(data)
        assert words in refusal(path)
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    assert "a zip archive, but not a checkpoint" in refusal(tmp_path / "x.npz")
    with zipfile.ZipFile(path, "w") as program:  # as torch.jit.save lays it out
        for name in ("data.pkl", "code/__torch__.py", "constants.pkl", "version"):
            program.writestr(f"x/{name}", b"")
    assert "TorchScript" in refusal(path)
    torch.save([1, 2], path)
    assert "not a generator's weights" in refusal(path)
    torch.save({"cgconv": 1, "generators": good}, path)
    assert "use cgconv export to make a model of it" in refusal(path)
    assert "a folder" in refusal(tmp_path)


@pytest.mark.parametrize("way", ["plain", "legacy", "safetensors"])
def test_damage_anywhere_is_one_sentence(tmp_path: Path, good: State, way: str) -> None:
    path = tmp_path / "x.pth"
    {**WAYS, "plain": torch.save}[way](good, path)
    whole = path.read_bytes()
    for share in (0.01, 0.3, 0.7, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        assert "damaged" in refusal(path)
    random = np.random.default_rng(0)
    for _ in range(20):
        data = bytearray(whole)
        for place in random.integers(8, 3000, 3):
            data[place] = random.integers(256)
        path.write_bytes(data)
        said = ""
        try:
            read(path)  # some bytes are padding
        except CgconvError as error:
            said = str(error)
        assert "\n" not in said


def test_bombs_and_giants_are_refused_before_they_are_unpacked(
    tmp_path: Path, good: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.pth"
    torch.save({"w.weight": torch.zeros(1, 1, 1000, 1000)}, tmp_path / "whole.pth")
    with zipfile.ZipFile(tmp_path / "whole.pth") as whole, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for entry in whole.infolist():
            packed.writestr(entry.filename, whole.read(entry))
    assert path.stat().st_size < 20_000
    assert "zip bomb" in refusal(path)
    four_bytes = torch.zeros(1).expand(60000, 60000, 7, 7)  # that say they are 700 GB
    torch.save({**good, "model.1.weight": four_bytes}, path)
    assert "more than the file can hold" in refusal(path)

    class Filler:
        def __reduce__(self) -> tuple[object, tuple[int]]:
            return (bytearray, (10**12,))

    torch.save({"state_dict": good, "x": Filler()}, path)
    assert "bytearray" in refusal(path)
    header = (1 << 30).to_bytes(8, "little") + b"{"
    with path.open("wb") as file:
        file.write(header)
        file.truncate(2 << 30)
    assert "of header" in refusal(path)
    monkeypatch.setattr(checkpoint_file, "LARGEST_FILE", 1000)
    torch.save(good, path)
    assert "more than the 0.0 GB that a checkpoint may have" in refusal(path)


def test_other_networks_are_refused_with_what_was_found_and_the_nearest_family(tmp_path: Path, good: State) -> None:
    path = tmp_path / "x.pth"

    def refused(state: State) -> str:
        torch.save(state, path)
        return refusal(path)

    home_made = nn.Sequential(nn.Conv2d(3, 8, 7), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Conv2d(8, 3, 7))
    text = refused({f"model.{key}": value for key, value in home_made.state_dict().items()})
    assert "it begins with model.0.weight [8, 3, 7, 7], model.0.bias [8], model.2.weight [8, 8, 3, 3]" in text
    assert "nearest is junyanz ResNet, but model.1.weight is missing, expected [any, 1 or 3, 7, 7]" in text
    assert "none of the known families" in refused({"encoder.0.weight": torch.zeros(8, 3, 3, 3)})
    other = {**good, "model.10.conv_block.5.weight": torch.zeros(2, 2, 3, 3)}
    assert "model.10.conv_block.5.weight is [2, 2, 3, 3], expected [16, 16, 3, 3]" in refused(other)
    assert "it does not have model.40.weight [3]" in refused({**good, "model.40.weight": torch.zeros(3)})
    five = {**good, "model.1.weight": torch.zeros(4, 5, 7, 7)}
    assert "model.1.weight is [4, 5, 7, 7], expected [any, 1 or 3, 7, 7]" in refused(five)
    bare = {key: value for key, value in good.items() if key != "model.1.bias"}
    assert "model.1.bias is missing, expected [4]" in refused(bare)
    assert "not finite" in refused({**good, "model.4.weight": good["model.4.weight"] * float("nan")})
    judge = {"model.0.weight": torch.zeros(8, 3, 4, 4), "model.2.weight": torch.zeros(1, 8, 4, 4)}
    assert "(a discriminator?)" in refused(judge)
    cut = dict(seeded(lambda: junyanz_resnet(2, blurs_down=True)).state_dict())
    assert "nearest is CUT ResNet, but model.7.filt is [8, 1, 5, 5], expected [8, 1, 3, 3]" in refused(
        {**cut, "model.7.filt": torch.zeros(8, 1, 5, 5)}
    )


def test_a_taken_name_is_said_before_the_work(tmp_path: Path, models: Path) -> None:
    models.mkdir()
    (models / "net.onnx").write_bytes(b"mine")
    (tmp_path / "net.pth").write_bytes(b"not even read")
    with pytest.raises(UsageError, match="already a model named net"):
        import_checkpoint(tmp_path / "net.pth")
    with pytest.raises(ModelError, match="not a PyTorch checkpoint"):
        import_checkpoint(tmp_path / "net.pth", name="other")
    assert [path.name for path in models.iterdir()] == ["net.onnx"]
