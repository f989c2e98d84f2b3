"""Turn film frames into RGB images and back with one matrix and one range, named and never guessed twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

Image = NDArray[Any]  # Any: uint8 H×W×3, or float32 H×W×3 in [0, 1] for sources of more than 8 bits

UNSPECIFIED = 2  # of matrix, primaries and transfer, as in ITU-T H.273
RGB_MATRIX = 0
PQ, HLG = 16, 18  # transfer characteristics of HDR
SD_LINES = 576  # an untagged film of at most so many lines is taken as BT.601, a larger one as BT.709

# H.273 matrix → swscale's number. Unknown ones fall back to the convention.
_SWS_MATRIX = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
# Without these two flags swscale's short cuts darken a film by one level on every pass and shift its colours;
# with them a pass there and back keeps luma to 74 dB, for 2.7 core-milliseconds a frame more at 960×540.
_EXACT = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_SAME_SIZE = int(_EXACT | Interpolation.BILINEAR)
_RESIZED = int(_EXACT | Interpolation.BICUBIC)


@dataclass(frozen=True)
class Colors:
    """How a film's numbers mean colours: H.273 code points as tagged (2: not said), and what is taken for granted."""

    matrix: int
    primaries: int
    transfer: int
    is_full_range: bool
    assumed_matrix: int  # the H.273 matrix that is computed with: `matrix`, or the convention where that is not said

    @property
    def is_rgb(self) -> bool:
        """Whether the source holds RGB, so that there is no matrix."""
        return self.assumed_matrix == RGB_MATRIX

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer is PQ or HLG."""
        return self.transfer in (PQ, HLG)

    def for_size(self, height: int) -> Colors:
        """Return the colours to write a film of `height` lines in, so that players assume what was computed.

        An untagged film stays untagged, but for one whose new size would make players assume the other matrix.
        RGB becomes BT.709, limited range, tagged.
        """
        if self.is_rgb:
            return Colors(1, 1, self.transfer if self.transfer != UNSPECIFIED else 1, False, 1)
        if self.matrix == UNSPECIFIED and convention(height) != self.assumed_matrix:
            return replace(self, matrix=self.assumed_matrix)
        return self


def convention(height: int) -> int:
    """Return the H.273 matrix that an untagged film of `height` lines is taken to have."""
    return 6 if height <= SD_LINES else 1


def colors_of(frame: av.VideoFrame, context: av.VideoCodecContext) -> Colors:
    """Return the colours of a stream, judged by its first frame. Tags of the stream come first, the frame's fill gaps."""
    is_rgb = frame.format.is_rgb or frame.format.name == "pal8"
    full_by_format = is_rgb or frame.format.name.startswith("yuvj")
    tagged_range = int(context.color_range) or int(frame.color_range)
    matrix = int(context.colorspace)
    if matrix not in _SWS_MATRIX and not is_rgb:
        matrix = UNSPECIFIED
    return Colors(
        matrix=RGB_MATRIX if is_rgb else matrix,
        primaries=int(context.color_primaries),
        transfer=int(context.color_trc),
        is_full_range=full_by_format or tagged_range == ColorRange.JPEG,
        assumed_matrix=RGB_MATRIX if is_rgb else matrix if matrix != UNSPECIFIED else convention(frame.height),
    )


class FrameToRgb:
    """Turns decoded frames into images of `size_hw`. Keeps swscale's tables between frames; one thread at a time."""

    def __init__(self, colors: Colors, size_hw: tuple[int, int], *, is_deep: bool, threads: int = 1) -> None:
        self._colors, self._size_hw, self._is_deep, self._threads = colors, size_hw, is_deep, threads
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> Image:
        """Return H×W×3 RGB, uint8, or float32 in [0, 1] where the source is deep."""
        height, width = self._size_hw
        rgb = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgb48le" if self._is_deep else "rgb24",
            interpolation=_SAME_SIZE if (frame.height, frame.width) == self._size_hw else _RESIZED,
            threads=self._threads,
            **_conversion(self._colors, to_rgb=True),
        )
        pixels = rgb.to_ndarray()
        if not self._is_deep:
            return pixels
        return np.multiply(pixels, np.float32(1 / 65535), dtype=np.float32)


class RgbToFrame:
    """Turns images into frames of one pixel format, tagged with `colors`. One thread at a time."""

    def __init__(self, colors: Colors, pix_fmt: str, *, threads: int = 1) -> None:
        self._colors, self._pix_fmt, self._threads = colors, pix_fmt, threads
        self._reformatter = VideoReformatter()

    def __call__(self, image: Image) -> av.VideoFrame:
        """Return a frame in the pixel format; `image` is H×W×3 RGB, uint8 or float32 in [0, 1]."""
        if image.dtype == np.uint8:
            rgb = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), format="rgb24")
        else:
            deep = np.multiply(image, np.float32(65535), dtype=np.float32)
            np.rint(np.clip(deep, 0, 65535, out=deep), out=deep)
            rgb = av.VideoFrame.from_numpy_buffer(deep.astype(np.uint16), format="rgb48le")
        frame = self._reformatter.reformat(
            rgb,
            format=self._pix_fmt,
            interpolation=_SAME_SIZE,
            threads=self._threads,
            **_conversion(self._colors, to_rgb=False),
        )
        tag(frame, self._colors)
        return frame


def _conversion(colors: Colors, *, to_rgb: bool) -> dict[str, int]:
    """Return swscale's matrix and ranges for one direction. RGB itself is always full range."""
    if colors.is_rgb:
        return {}
    matrix = int(_SWS_MATRIX[colors.assumed_matrix])
    yuv_range = int(ColorRange.JPEG if colors.is_full_range else ColorRange.MPEG)
    source, target = (yuv_range, int(ColorRange.JPEG)) if to_rgb else (int(ColorRange.JPEG), yuv_range)
    return {
        "src_colorspace": matrix,
        "dst_colorspace": matrix,
        "src_color_range": source,
        "dst_color_range": target,
    }


def tag(target: av.VideoFrame | av.VideoCodecContext, colors: Colors) -> None:
    """Write the colour tags on a frame or an encoder; what the source did not say stays unsaid."""
    target.color_range = int(ColorRange.JPEG if colors.is_full_range else ColorRange.MPEG)
    target.colorspace = colors.matrix
    target.color_primaries = colors.primaries
    target.color_trc = colors.transfer
