"""The networks have the published shapes, sizes and fields of view."""

import pytest
import torch

from cgconv.trainer.config import DiscriminatorConfig, DiscriminatorNorm, GeneratorConfig, Upsampling
from cgconv.trainer.networks import PatchDiscriminator, ResNetGenerator, initialize, receptive_field_px


@pytest.mark.parametrize("upsampling", list(Upsampling))
@pytest.mark.parametrize("size_hw", [(8, 8), (64, 64), (36, 100)])
def test_a_generator_keeps_the_size_and_the_range(upsampling: Upsampling, size_hw: tuple[int, int]) -> None:
    generator = ResNetGenerator(GeneratorConfig(blocks=2, width=4, upsampling=upsampling)).eval()
    out = generator(torch.rand(2, 3, *size_hw) * 2 - 1)
    assert out.shape == (2, 3, *size_hw)
    assert out.abs().max() <= 1


def test_the_published_generator_has_11_4_million_weights_and_the_discriminator_2_8() -> None:
    generator = ResNetGenerator(GeneratorConfig(blocks=9, width=64))
    discriminator = PatchDiscriminator(DiscriminatorConfig())
    weights = sum(p.numel() for name, p in generator.named_parameters() if name.endswith("weight"))
    kernels = (
        3 * 64 * 49 + 64 * 128 * 9 + 128 * 256 * 9 + 18 * 256 * 256 * 9 + 256 * 128 * 9 + 128 * 64 * 9 + 64 * 3 * 49
    )
    assert weights == kernels == 11_372_928
    scores = sum(p.numel() for name, p in discriminator.named_parameters() if name.endswith("weight"))
    assert scores == 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512) == 2_763_776


@pytest.mark.parametrize("upsampling", list(Upsampling))
def test_the_receptive_field_is_what_gradients_reach(upsampling: Upsampling) -> None:
    config = GeneratorConfig(blocks=1, width=4, upsampling=upsampling)
    generator = ResNetGenerator(config)
    for module in generator.modules():  # statistics tie all pixels together: leave them out of the count
        if isinstance(module, torch.nn.InstanceNorm2d):
            module.forward = lambda x: x  # type: ignore[method-assign]
        if isinstance(module, torch.nn.ReLU):
            module.forward = lambda x: x  # type: ignore[method-assign]
    widest = 0
    for offset in range(4):  # the reach depends on where in a stride the pixel lies
        x = torch.zeros(1, 3, 128, 128, requires_grad=True)
        generator(x)[0, :, 64 + offset, 64 + offset].sum().backward()
        columns = x.grad.abs().sum((0, 1, 2)).nonzero().flatten()
        widest = max(widest, int(columns.max() - columns.min()) + 1)
    assert receptive_field_px(config) == widest


def test_a_patch_gan_score_sees_70_pixels() -> None:
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(DiscriminatorConfig(width=4, norm=DiscriminatorNorm.SPECTRAL)).eval()
    x = torch.zeros(1, 3, 256, 256, requires_grad=True)
    [scores] = discriminator(x)
    assert scores.shape == (1, 1, 30, 30)
    scores[0, 0, 15, 15].backward()
    columns = x.grad.abs().sum((0, 1, 2)).nonzero().flatten()
    assert int(columns.max() - columns.min()) + 1 == 70


def test_weights_start_as_published() -> None:
    generator = ResNetGenerator(GeneratorConfig(blocks=2, width=32))
    initialize(generator)
    assert generator.blocks[0].body[1].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert generator.head[1].bias.abs().max().item() == 0


def test_dropout_acts_in_training_only() -> None:
    generator = ResNetGenerator(GeneratorConfig(blocks=1, width=4, dropout=True))
    x = torch.rand(1, 3, 32, 32)
    generator.train()
    assert not torch.equal(generator(x), generator(x))
    generator.eval()
    assert torch.equal(generator(x), generator(x))
