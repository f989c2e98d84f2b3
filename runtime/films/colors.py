"""Turn film frames into RGB images and back with one matrix and one range, named and never guessed twice."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from cgconv.runtime.opencv import cv2

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
# Without these two flags swscale's short cuts darken a film by one level on every pass and shift its colors.
_EXACT = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
# Coarse chroma is repeated on the way to RGB and averaged on the way back: each is the other's exact inverse, so
# colors are only lost where RGB has no room for them (51 dB on a test pattern; smooth filters: 33). Costs 3.4
# core-milliseconds a frame there and back at 960×540, where the short cuts cost 1.3.
_REPEAT = int(_EXACT | Interpolation.POINT)
_AVERAGE = int(_EXACT | Interpolation.AREA)
_RESIZE = int(_EXACT | Interpolation.BICUBIC)  # not bilinear: 4:2:0 → rgb48 is wildly wrong in swscale 9.5 then
_PLANAR_YUV = re.compile(r"yuv[aj]?(?P<chroma>420|422|444)p((?P<bits>\d+)le)?")
_CHROMA_STEPS = {"420": (2, 2), "422": (1, 2), "444": (1, 1)}  # pixels a chroma sample, down and across
_LUMA_WEIGHTS = {  # H.273 matrix → weights of red and blue
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
_DEEP_WHITE = 65280  # swscale's white in rgb48 is 255 × 256, both ways


@dataclass(frozen=True)
class Colors:
    """How a film's numbers mean colors: H.273 code points as tagged (2: not said), and what is taken for granted."""

    matrix: int
    primaries: int
    transfer: int
    color_range: int  # FFmpeg's: 0 not said, 1 limited, 2 full
    assumed_matrix: int  # the H.273 matrix that is computed with: `matrix`, or the convention where that is not said

    @property
    def is_rgb(self) -> bool:
        """Whether the source holds RGB, so that there is no matrix."""
        return self.assumed_matrix == RGB_MATRIX

    @property
    def is_full_range(self) -> bool:
        """Whether black is 0, not 16. What is not said is limited."""
        return self.color_range == ColorRange.JPEG

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer is PQ or HLG."""
        return self.transfer in (PQ, HLG)

    def for_size(self, height: int) -> Colors:
        """Return the colors to write a film of `height` lines in, so that players assume what was computed.

        An untagged film stays untagged, but for one whose new size would make players assume the other matrix.
        RGB becomes BT.709, limited range, tagged.
        """
        if self.is_rgb:
            return Colors(1, 1, self.transfer if self.transfer != UNSPECIFIED else 1, int(ColorRange.MPEG), 1)
        if self.matrix == UNSPECIFIED and convention(height) != self.assumed_matrix:
            return replace(self, matrix=self.assumed_matrix)
        return self


RGB = Colors(RGB_MATRIX, UNSPECIFIED, UNSPECIFIED, int(ColorRange.JPEG), RGB_MATRIX)


def convention(height: int) -> int:
    """Return the H.273 matrix that an untagged film of `height` lines is taken to have."""
    return 6 if height <= SD_LINES else 1


def colors_of(frame: av.VideoFrame, context: av.VideoCodecContext) -> Colors:
    """Return the colors of a stream, judged by its first frame; what the stream does not say, the frame may."""
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
        color_range=int(ColorRange.JPEG) if full_by_format else tagged_range,
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
        is_resized = (frame.height, frame.width) != self._size_hw
        rgb = self._reformatter.reformat(
            frame if is_resized else _without_siting(frame),
            width=width,
            height=height,
            format="rgb48le" if self._is_deep else "rgb24",
            interpolation=_RESIZE if is_resized else _REPEAT,
            threads=self._threads,
            **_conversion(self._colors, to_rgb=True),
        )
        pixels = rgb.to_ndarray()
        if not self._is_deep:
            return pixels
        image = np.multiply(pixels, np.float32(1 / _DEEP_WHITE), dtype=np.float32)
        return np.minimum(image, np.float32(1), out=image)


def _without_siting(frame: av.VideoFrame) -> av.VideoFrame:
    """Return the frame without the note on where its chroma samples lie, which would make swscale shift them.

    Repeating and averaging undo each other's shift; PyAV has no setter for the note, so the planes are copied
    (0.1 ms at 960×540).
    """
    if len(frame.planes) < 2 or frame.format.chroma_width(16) == 16:
        return frame  # nothing is coarser than a pixel
    bare = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for source, target in zip(frame.planes, bare.planes, strict=True):
        width = min(source.line_size, target.line_size)
        plane_lines(target)[:, :width] = plane_lines(source)[:, :width]
    return bare


def plane_lines(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    """Return a view of a plane's bytes, one row a line."""
    data = np.frombuffer(memoryview(plane), np.uint8)
    return data[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)


def has_alpha(pix_fmt: av.VideoFormat) -> bool:
    """Say whether a pixel format has a channel for transparency."""
    return any(component.is_alpha for component in pix_fmt.components)


def alpha_of(frame: av.VideoFrame, size_hw: tuple[int, int], *, is_deep: bool) -> Image | None:
    """Return a frame's transparency, H×W of `size_hw` in the image's dtype, None where its format has none."""
    if not has_alpha(frame.format):
        return None
    bits = max(component.bits for component in frame.format.components if component.is_alpha)
    if len(frame.planes) == 4 and (bits == 8 or frame.format.name.endswith("le")):
        plane = frame.planes[3]
        values = plane_lines(plane) if bits == 8 else plane_lines(plane).view("<u2")
        alpha = values[:, : frame.width]
    else:
        bits = 16 if bits > 8 else 8
        alpha = frame.reformat(format="rgba64le" if bits > 8 else "rgba").to_ndarray()[..., 3]
    if is_deep:
        alpha = alpha.astype(np.float32) / np.float32(2**bits - 1)
    elif bits > 8:
        alpha = np.rint(alpha * np.float32(255 / (2**bits - 1))).astype(np.uint8)
    return resized_alpha(np.ascontiguousarray(alpha), size_hw)


def resized_alpha(alpha: Image, size_hw: tuple[int, int]) -> Image:
    """Return a transparency in another size; sharper curves would ring around its edges."""
    if alpha.shape == size_hw:
        return alpha
    how = cv2.INTER_AREA if alpha.size > size_hw[0] * size_hw[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(alpha, size_hw[::-1], interpolation=how))


class RgbToFrame:
    """Turns images into frames of one pixel format, tagged with `colors`. One thread at a time."""

    def __init__(self, colors: Colors, pix_fmt: str, *, threads: int = 1) -> None:
        self._colors, self._pix_fmt, self._threads = colors, pix_fmt, threads
        self._reformatter = VideoReformatter()
        planar = _PLANAR_YUV.fullmatch(pix_fmt)
        self._bits = int(planar["bits"] or 8) if planar else 0
        self._step_hw = _CHROMA_STEPS[planar["chroma"]] if planar else (1, 1)
        self._has_alpha = bool(planar) and pix_fmt.startswith("yuva")

    def __call__(self, image: Image, alpha: Image | None = None) -> av.VideoFrame:
        """Return a frame in the pixel format; `image` is H×W×3 RGB, `alpha` H×W, uint8 or float32 in [0, 1].

        Where the format has no place for `alpha` it is left out.
        """
        is_even = image.shape[0] % self._step_hw[0] == 0 and image.shape[1] % self._step_hw[1] == 0
        frame = self._planar(image) if self._bits and is_even else self._by_swscale(image)
        if self._has_alpha:
            self._put_alpha(frame, alpha)
        tag(frame, self._colors)
        return frame

    def _put_alpha(self, frame: av.VideoFrame, alpha: Image | None) -> None:
        largest = 2**self._bits - 1
        lines = plane_lines(frame.planes[3])
        lines = lines if self._bits == 8 else lines.view(np.uint16)
        if alpha is None:
            lines[...] = largest
        elif alpha.dtype == np.uint8 and self._bits == 8:
            lines[:, : frame.width] = alpha
        else:
            levels = 255 if alpha.dtype == np.uint8 else 1
            lines[:, : frame.width] = _rounded(alpha * np.float32(largest / levels), largest)

    def _planar(self, image: Image) -> av.VideoFrame:
        """Multiply and average with OpenCV: faster than swscale, which also rounds full-range chroma down."""
        height, width = image.shape[:2]
        small = image
        if self._step_hw != (1, 1):
            small_wh = (width // self._step_hw[1], height // self._step_hw[0])
            small = np.asarray(cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA))
        levels = 255 if image.dtype == np.uint8 else 1  # of the image
        matrix = _rgb_to_yuv(self._colors, self._bits, levels)
        if image.dtype == np.uint8 and self._bits > 8:
            image, small = image.astype(np.float32), small.astype(np.float32)
        luma = cv2.transform(image, matrix)
        chroma = luma if small is image else cv2.transform(small, matrix)
        frame = av.VideoFrame(width, height, self._pix_fmt)
        for plane, values in zip(frame.planes[:3], (luma[..., 0], chroma[..., 1], chroma[..., 2]), strict=True):
            if self._bits == 8:
                plane_lines(plane)[:, : plane.width] = values if values.dtype == np.uint8 else _rounded(values, 255)
            else:
                plane_lines(plane).view(np.uint16)[:, : plane.width] = _rounded(values, 2**self._bits - 1)
        return frame

    def _by_swscale(self, image: Image) -> av.VideoFrame:
        if image.dtype == np.uint8:
            rgb = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), format="rgb24")
        else:
            rgb = av.VideoFrame.from_numpy_buffer(
                _rounded(image * np.float32(_DEEP_WHITE), _DEEP_WHITE).astype(np.uint16), format="rgb48le"
            )
        return self._reformatter.reformat(
            rgb,
            format=self._pix_fmt,
            interpolation=_AVERAGE,
            threads=self._threads,
            **_conversion(self._colors, to_rgb=False),
        )


def _rounded(values: Image, largest: int) -> Image:
    return np.clip(np.rint(values), 0, largest)


def _rgb_to_yuv(colors: Colors, bits: int, levels: int) -> NDArray[np.float64]:
    """Return the 3×4 matrix from RGB of 0…`levels` to YUV of `bits`, offsets included (ITU-T H.273, 8.3)."""
    red, blue = _LUMA_WEIGHTS[colors.assumed_matrix]
    green = 1 - red - blue
    weights = np.array([[red, green, blue], [-red, -green, 1 - blue], [1 - red, -green, -blue]])
    weights[1] /= 2 * (1 - blue)
    weights[2] /= 2 * (1 - red)
    unit = 2 ** (bits - 8)
    spans = (2**bits - 1,) * 3 if colors.is_full_range else (219 * unit, 224 * unit, 224 * unit)
    offsets = (0 if colors.is_full_range else 16 * unit, 128 * unit, 128 * unit)
    return np.column_stack([weights * np.array(spans)[:, None] / levels, offsets])


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
    """Write the color tags on a frame or an encoder; what the source did not say stays unsaid."""
    target.color_range = colors.color_range
    target.colorspace = colors.matrix
    target.color_primaries = colors.primaries
    target.color_trc = colors.transfer
