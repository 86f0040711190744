"""The middle of images."""

from __future__ import annotations

from typing import Any

from cdl.layers.context import Context
from cdl.layers.preprocessing.crop import Crop


class CenterCrop(Crop):
    """The `height` x `width` pixels in the middle: y[i, j] = x[i + (h - height) // 2, j + (w - width) // 2].

    Images that are smaller than this are resized instead: bilinear, from their largest central window of that aspect
    ratio; then the layer has no gradient for its input. Raises ValueError for sizes that are not positive integers.

    >>> CenterCrop(24, 24)(np.zeros((8, 32, 32, 3))).shape
    (8, 24, 24, 3)
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(height=height, width=width, data_format=data_format, **kwargs)

    def place(self, ctx: Context, h: int, w: int) -> tuple[int, int] | None:
        top, left = (h - self.height) // 2, (w - self.width) // 2
        return None if top < 0 or left < 0 else (top, left)
