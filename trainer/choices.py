"""Name the choices that a run's settings offer, and where each comes from."""

from __future__ import annotations

from enum import StrEnum


class RecipeName(StrEnum):
    """What a training step does."""

    CYCLEGAN = "cyclegan"  # unpaired, both directions (arXiv 1703.10593)
    PIX2PIX = "pix2pix"  # paired, one direction (arXiv 1611.07004)
    CUT = "cut"  # unpaired, one direction, contrastive (arXiv 2007.15651)
    DISTILL = "distill"  # ours: a small generator learns a model's results


class Direction(StrEnum):
    """Which folder's pictures become which."""

    A2B = "a2b"
    B2A = "b2a"


class Focus(StrEnum):
    """Which direction a run of both is for."""

    BOTH = "both"  # as published: equal generators
    A2B = "a2b"  # the generator back has half the width, and a step takes about two thirds of the time
    B2A = "b2a"


class GeneratorKind(StrEnum):
    """How a generator is built."""

    RESNET = "resnet"  # as published for CycleGAN and CUT
    MOBILE = "mobile"  # a ResNet whose blocks hold depthwise 3×3 and 1×1 convolutions (arXiv 2003.08936)
    COMPACT = "compact"  # ours: most work at a quarter of the size, the picture led past it
    UNET_128 = "unet-128"  # as published for pix2pix, for pictures of 128 pixels
    UNET_256 = "unet-256"


class Norm(StrEnum):
    """What normalizes a generator's features."""

    INSTANCE = "instance"  # each picture and channel by itself, as published for CycleGAN
    BATCH = "batch"  # as published for pix2pix
    NONE = "none"


class Padding(StrEnum):
    """What lies beyond a picture's edge."""

    REFLECT = "reflect"
    REPLICATE = "replicate"
    ZERO = "zero"
    WRAP = "wrap"  # ours: the other edge while training, so that there are no edges to paint along; then as REFLECT


class Downsampling(StrEnum):
    """How the size of features is halved."""

    STRIDED = "strided"  # a convolution of stride 2, as published for CycleGAN
    BLURRED = "blurred"  # a convolution, then a blur of stride 2 (arXiv 1904.11486), as published for CUT


class Upsampling(StrEnum):
    """How a generator doubles the size of its features."""

    TRANSPOSED = "transposed"  # as published (arXiv 1703.10593, appendix 7.2); can leave checkerboards
    RESIZE = "resize"  # nearest neighbor, then a convolution (Odena et al. 2016, distill.pub/2016/deconv-checkerboard)
    BLURRED = "blurred"  # doubled through a [1, 3, 3, 1] filter, then a convolution, as published for CUT


class DiscriminatorKind(StrEnum):
    """How a discriminator is built."""

    PATCH = "patch"  # PatchGAN, as published
    PIXEL = "pixel"  # 1×1 convolutions: judges colors alone (arXiv 1611.07004, section 6.1)
    PATCH_94 = "patch-94"  # four convolutions of stride 2 (github.com/eriklindernoren/PyTorch-GAN); sees 94 pixels
    PROJECTED = "projected"  # small networks on a frozen EfficientNet's features (arXiv 2111.01007), and on the pixels


class DiscriminatorNorm(StrEnum):
    """What a discriminator is normalized with."""

    INSTANCE = "instance"  # as published for CycleGAN; blind to a picture's overall color and brightness
    BATCH = "batch"  # as published for pix2pix
    SPECTRAL = "spectral"  # spectral normalization of the weights (arXiv 1802.05957); sees overall color
    NONE = "none"


class ContrastNetwork(StrEnum):
    """Whose features say whether a translated patch is still like the patch it was made of."""

    GENERATOR = "generator"  # the generator's own, through heads that learn; as published for CUT
    FROZEN = "frozen"  # those of the projected discriminator's frozen network; no heads


class GanLoss(StrEnum):
    """The adversarial loss."""

    LEAST_SQUARES = "least-squares"  # as published (section 4)
    CROSS_ENTROPY = "cross-entropy"  # equation 1
    HINGE = "hinge"  # arXiv 1705.02894
    WGAN_GP = "wgan-gp"  # arXiv 1704.00028


class Preprocess(StrEnum):
    """What happens to a picture before the networks see it. The last is ours, the others are as published."""

    RESIZE_AND_CROP = "resize-and-crop"  # both sides to `load`, then a square of `crop`
    SCALE_WIDTH = "scale-width"  # the width to `load`, the whole picture
    SCALE_WIDTH_AND_CROP = "scale-width-and-crop"
    CROP = "crop"  # a square of `crop` out of the picture as it is
    NONE = "none"  # the whole picture, its sides rounded to what the generator takes
    SHORT_SIDE_AND_CROP = "short-side-and-crop"  # the short side to `load`, shape kept


class Schedule(StrEnum):
    """How the learning rate goes."""

    LINEAR = "linear"  # constant, then linear to 0, as published
    STEP = "step"
    COSINE = "cosine"  # half a cosine over the whole run (arXiv 1608.03983, without restarts)
    PLATEAU = "plateau"  # falls when the generators' objective does not
    CONSTANT = "constant"


class Init(StrEnum):
    """How weights are drawn at the start, with `init_gain` as deviation or gain."""

    NORMAL = "normal"  # N(0, 0.02), as published
    XAVIER = "xavier"  # Glorot and Bengio 2010, normal; as published for CUT
    KAIMING = "kaiming"  # arXiv 1502.01852, normal, without gain
    ORTHOGONAL = "orthogonal"  # arXiv 1312.6120


class FeatureRange(StrEnum):
    """What values a network of features wants for black to white; uint8 inputs always get 0 to 255."""

    SIGNED = "-1..1"  # Inception and most GAN code
    UNIT = "0..1"
    BYTES = "0..255"
    IMAGENET = "imagenet"  # mean and deviation of ImageNet taken off, as torchvision's networks want


class Precision(StrEnum):
    """The arithmetic of the networks. Weights, normalization statistics and losses are float32 in all of them."""

    AUTO = "auto"  # bf16 where the processor has it
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"  # with a gradient scaler
