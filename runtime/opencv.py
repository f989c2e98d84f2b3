"""OpenCV, with its own limit of pixels lifted; import it from here only."""

from __future__ import annotations

import os

# OpenCV refuses pictures larger than this says when it is imported. Ours is max_pixels, checked before OpenCV is asked.
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(2**40)

import cv2

__all__ = ["cv2"]
