"""Windows cut out of images."""

from __future__ import annotations

import numpy as np

from cdl.layers.context import Context
from cdl.layers.preprocessing.resizing import FixedSize
from cdl.utils.resizing import resize_window


class Crop(FixedSize):
    """Base of the layers that cut a window of `height` x `width` out of the images, or resize where there is none.

    A subclass defines `place(ctx, h, w)`. What is cut has a gradient for its input, what is resized has not.
    """

    def place(self, ctx: Context, h: int, w: int) -> tuple[int, int] | None:
        """The window's top and left in images of h x w; None to resize their largest central window instead."""
        raise NotImplementedError(f"{type(self).__name__} does not define place(ctx, h, w)")

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        place = self.place(ctx, *x.shape[1:3])
        ctx.save(x.shape, place)
        if place is None:
            return resize_window(x, self.height, self.width)
        return np.ascontiguousarray(x[self.window(*place)])

    def backward_images(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        shape, place = ctx.saved
        if place is None:
            return super().backward_images(ctx, dy)
        dx = np.zeros(shape, dy.dtype)
        dx[self.window(*place)] = dy
        return dx

    def window(self, top: int, left: int) -> tuple[slice, slice, slice]:
        return slice(None), slice(top, top + self.height), slice(left, left + self.width)
