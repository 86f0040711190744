"""The middle of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.context import Context
from cdl.layers.preprocessing.image_layer import ImageLayer
from cdl.layers.preprocessing.resizing import resize_window, target_size


class CenterCrop(ImageLayer):
    """The `height` x `width` pixels in the middle: y[i, j] = x[i + (h - height) // 2, j + (w - width) // 2].

    Images that are smaller than this are resized instead: bilinear, from their largest central window of that aspect
    ratio; then the layer has no gradient for its input. Raises ValueError for sizes that are not positive integers.

    >>> CenterCrop(24, 24)(np.zeros((8, 32, 32, 3))).shape
    (8, 24, 24, 3)
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height, self.width = target_size("CenterCrop", height, width)

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        _, h, w, _ = x.shape
        top, left = (h - self.height) // 2, (w - self.width) // 2
        if top < 0 or left < 0:
            ctx.save(None)
            return resize_window(x, self.height, self.width)
        ctx.save((x.shape, top, left))
        return crop(x, top, left, self.height, self.width)

    def backward_images(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (place,) = ctx.saved
        return super().backward_images(ctx, dy) if place is None else crop_backward(dy, *place)

    def image_size(self, h: int | None, w: int | None) -> tuple[int | None, int | None]:
        return self.height, self.width

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width}


def crop(x: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """A dense copy of the window at (top, left)."""
    return np.ascontiguousarray(x[:, top : top + height, left : left + width])


def crop_backward(dy: np.ndarray, shape: tuple[int, ...], top: int, left: int) -> np.ndarray:
    """dy at its place in an image of zeros."""
    dx = np.zeros(shape, dy.dtype)
    dx[:, top : top + dy.shape[1], left : left + dy.shape[2]] = dy
    return dx
