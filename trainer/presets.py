"""Settings by name: the published ones of each recipe, those of two well-known programs, and ours."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .choices import (
    ContrastNetwork,
    DiscriminatorKind,
    DiscriminatorNorm,
    Downsampling,
    GanLoss,
    GeneratorKind,
    Init,
    Norm,
    Padding,
    Preprocess,
    RecipeName,
    Schedule,
    Upsampling,
)
from .config import (
    ContrastConfig,
    DataConfig,
    DiscriminatorConfig,
    EvaluationConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
)


@dataclass(frozen=True)
class Preset:
    """A whole configuration, and in a line what it is for."""

    purpose: str
    config: TrainConfig


_ONE_SIDED_LOSS = LossConfig(cycle=0.0, identity=0.0, history=0)
_BLURRED_GENERATOR = GeneratorConfig(downsampling=Downsampling.BLURRED, upsampling=Upsampling.BLURRED)
_BLURRED_DISCRIMINATOR = DiscriminatorConfig(downsampling=Downsampling.BLURRED)

_PAINT = TrainConfig(  # projected discriminators (arXiv 2111.01007), contrast on the same frozen features
    recipe=RecipeName.CUT,
    generator=GeneratorConfig(kind=GeneratorKind.COMPACT, blocks=6, soften=True),
    discriminator=DiscriminatorConfig(kind=DiscriminatorKind.PROJECTED),
    loss=LossConfig(
        gan=GanLoss.HINGE,
        cycle=0.0,
        identity=2.0,
        identity_every=4,
        brightness=0.7,
        uneven_color=1.0,
        jitter=24,
        history=0,
    ),
    contrast=ContrastConfig(network=ContrastNetwork.FROZEN, weight=1.2, patches=128),
    data=DataConfig(preprocess=Preprocess.SHORT_SIDE_AND_CROP, load=256, crop=192, shrink=4 / 3, batch=4),
    optimizer=OptimizerConfig(beta1=0.0, beta2=0.99, images=20_000, decay=0.4, ema_half_life=1400.0),
)

PRESETS: dict[str, Preset] = {
    "classic": Preset("CycleGAN as in the paper (arXiv 1703.10593): 256 pixels, 200 epochs", TrainConfig()),
    "aladdinpersson": Preset(
        "mixed precision, a reflect-padded discriminator with a sigmoid under mean squared error, no decay",
        TrainConfig(
            discriminator=DiscriminatorConfig(padding=Padding.REFLECT, sigmoid=True),
            optimizer=OptimizerConfig(schedule=Schedule.CONSTANT),
        ),
    ),
    "eriklindernoren": Preset(
        "λ_cycle 10 and λ_identity 5 in halved sums, resize-convolution, a discriminator that sees 94 pixels",
        TrainConfig(
            generator=GeneratorConfig(upsampling=Upsampling.RESIZE),
            discriminator=DiscriminatorConfig(kind=DiscriminatorKind.PATCH_94),
            loss=LossConfig(gan_ab=0.5, gan_ba=0.5, cycle=5.0, identity=2.5),  # the halves of both sides' sums
        ),
    ),
    "quick": Preset(
        "pictures worth having from 100 and 100, one direction, made for 45 minutes on two cores",
        replace(_PAINT, optimizer=replace(_PAINT.optimizer, images=9_600)),
    ),
    "paint": Preset(
        "photographs → paintings, as the bundled painters but for longer: one direction, edges painted anew",
        _PAINT,
    ),
    "photo": Preset(
        "photographs → photographs of another kind, one direction: as paint, with the picture's own edges",
        replace(_PAINT, generator=replace(_PAINT.generator, soften=False)),
    ),
    "small-data": Preset(
        "under 200 pictures of a kind: smaller networks, varied crops, a slower discriminator that sees them shifted",
        TrainConfig(
            generator=GeneratorConfig(blocks=6, width=32, upsampling=Upsampling.RESIZE),
            discriminator=DiscriminatorConfig(width=32),
            loss=LossConfig(jitter=16),
            data=DataConfig(preprocess=Preprocess.SHORT_SIDE_AND_CROP, load=0, crop=256, shrink=1.5),
            optimizer=OptimizerConfig(discriminator_learning_rate=1e-4, images=20_000, decay=0.5),
        ),
    ),
    "mobile": Preset(
        "a small, fast model: mobile blocks, half the channels, resize-convolution",
        TrainConfig(
            generator=GeneratorConfig(kind=GeneratorKind.MOBILE, width=32, upsampling=Upsampling.RESIZE),
        ),
    ),
    "pix2pix": Preset(
        "pix2pix as in the paper (arXiv 1611.07004): pairs, U-Net 256, batch norm, L1 100",
        TrainConfig(
            recipe=RecipeName.PIX2PIX,
            generator=GeneratorConfig(kind=GeneratorKind.UNET_256, norm=Norm.BATCH, dropout=True),
            discriminator=DiscriminatorConfig(norm=DiscriminatorNorm.BATCH),
            loss=LossConfig(gan=GanLoss.CROSS_ENTROPY, cycle=0.0, identity=0.0, history=0),
        ),
    ),
    "cut": Preset(
        "CUT as in the paper (arXiv 2007.15651): one direction, contrastive, 400 epochs",
        TrainConfig(
            recipe=RecipeName.CUT,
            generator=_BLURRED_GENERATOR,
            discriminator=_BLURRED_DISCRIMINATOR,
            loss=_ONE_SIDED_LOSS,
            optimizer=OptimizerConfig(init=Init.XAVIER, epochs=400.0),
        ),
    ),
    "fastcut": Preset(
        "FastCUT as in the paper: contrastive weight 10, no identity, mirrored batches, 200 epochs",
        TrainConfig(
            recipe=RecipeName.CUT,
            generator=_BLURRED_GENERATOR,
            discriminator=_BLURRED_DISCRIMINATOR,
            loss=_ONE_SIDED_LOSS,
            contrast=ContrastConfig(weight=10.0, identity=False, flip=True),
            optimizer=OptimizerConfig(init=Init.XAVIER, epochs=200.0, decay=0.25),
        ),
    ),
}

DISTILL = TrainConfig(  # what `cgconv distill` begins with
    recipe=RecipeName.DISTILL,
    generator=GeneratorConfig(kind=GeneratorKind.COMPACT, blocks=6),
    discriminator=DiscriminatorConfig(kind=DiscriminatorKind.PROJECTED),
    loss=LossConfig(
        gan=GanLoss.HINGE,
        gan_ab=0.1,
        cycle=0.0,
        identity=0.0,
        l1=100.0,
        jitter=16,
        stability=20.0,
        history=0,
    ),
    data=DataConfig(preprocess=Preprocess.SHORT_SIDE_AND_CROP, load=256, crop=256, largest=4000, batch=2),
    optimizer=OptimizerConfig(
        learning_rate=1e-3,
        beta1=0.5,
        beta2=0.99,
        images=20_000,
        decay=0.5,
        ema_half_life=1400.0,
    ),
    evaluation=EvaluationConfig(every=4000, held_out=64),
)

PUBLISHED = {RecipeName.CYCLEGAN: "classic", RecipeName.PIX2PIX: "pix2pix", RecipeName.CUT: "cut"}  # a recipe's own
