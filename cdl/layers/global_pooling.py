"""Global pooling: one number for each channel of an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.geometry import IMAGES, Pairs, channels_last
from cdl.layers.spatial import Spatial


class _GlobalPooling(Spatial):
    """One window, as large as the image."""

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, type(self).__name__)
        self.keepdims = keepdims

    def windows(self, sizes: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...], Pairs]:
        return sizes, sizes, ((0, 0),) * self.rank

    def shaped(self, y: np.ndarray) -> np.ndarray:
        return y if self.keepdims else y.reshape(y.shape[0], y.shape[-1])

    def windowed(self, y: np.ndarray) -> np.ndarray:
        """The inverse of `shaped`."""
        return y.reshape(y.shape[0], *(1,) * self.rank, y.shape[-1])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if 0 in input_shape[1:-1]:
            raise ValueError(f"{self.who}: {IMAGES[self.rank]} of {tuple(input_shape[1:-1])} is empty.")
        return (input_shape[0], *((1,) * self.rank if self.keepdims else ()), input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class _GlobalMaxPooling(_GlobalPooling):
    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        y = ops.max_pool(x, *self.windows(x.shape[1:-1]))
        ctx.save(x, y)
        return self.shaped(y)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        x, y = ctx.saved
        if not ctx.need_input_grad:
            return None
        return ops.max_pool_backward(x, y, self.windowed(dy), *self.windows(x.shape[1:-1]))


class _GlobalAveragePooling(_GlobalPooling):
    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        ctx.save(x.shape[1:-1])
        return self.shaped(ops.average_pool(x, *self.windows(x.shape[1:-1])))

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        (sizes,) = ctx.saved
        if not ctx.need_input_grad:
            return None
        return ops.average_pool_backward(self.windowed(dy), sizes, *self.windows(sizes))


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """The largest element of each channel over a sequence.

    Shapes: x (batch, length, channels) -> y (batch, channels), or with `keepdims` axes of size 1 between.
    Of several largest elements the first receives the gradient.
    Raises ValueError for data_format="channels_first" and for an empty sequence.

    >>> GlobalMaxPooling1D()(np.zeros((8, 100, 16))).shape
    (8, 16)
    """

    rank = 1


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """The largest element of each channel over an image.

    Shapes: x (batch, height, width, channels) -> y (batch, channels), or with `keepdims` axes of size 1 between.
    Of several largest elements the first receives the gradient.
    Raises ValueError for data_format="channels_first" and for an empty image.

    >>> GlobalMaxPooling2D()(np.zeros((8, 28, 28, 16))).shape
    (8, 16)
    """

    rank = 2


class GlobalMaxPooling3D(_GlobalMaxPooling):
    """The largest element of each channel over a volume.

    Shapes: x (batch, depth, height, width, channels) -> y (batch, channels), or with `keepdims` axes of size 1 between.
    Of several largest elements the first receives the gradient.
    Raises ValueError for data_format="channels_first" and for an empty volume.

    >>> GlobalMaxPooling3D()(np.zeros((8, 9, 9, 9, 16))).shape
    (8, 16)
    """

    rank = 3


class GlobalAveragePooling1D(_GlobalAveragePooling):
    """The mean of each channel over a sequence, or over those of its steps that the mask counts.

    Shapes: x (batch, length, channels) -> y (batch, channels), or with `keepdims` axes of size 1 between.
    A sequence of which no step counts gives 0. The output has no mask.
    Raises ValueError for data_format="channels_first" and for an empty sequence.

    >>> GlobalAveragePooling1D()(np.zeros((8, 100, 16))).shape
    (8, 16)
    """

    rank = 1

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if ctx.mask is None:
            return super().forward(ctx, x)
        counted = ctx.mask[..., None]
        weight = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1, dtype=x.dtype)
        ctx.save(weight)
        return self.shaped((np.where(counted, x, 0) * weight).sum(axis=1, keepdims=True))

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        if ctx.mask is None:
            return super().backward(ctx, dy)
        (weight,) = ctx.saved
        return weight * self.windowed(dy)

    def compute_mask(self, inputs: np.ndarray, previous_mask: np.ndarray | None = None) -> None:
        return None


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """The mean of each channel over an image.

    Shapes: x (batch, height, width, channels) -> y (batch, channels), or with `keepdims` axes of size 1 between.
    Raises ValueError for data_format="channels_first" and for an empty image.

    >>> GlobalAveragePooling2D()(np.zeros((8, 28, 28, 16))).shape
    (8, 16)
    """

    rank = 2


class GlobalAveragePooling3D(_GlobalAveragePooling):
    """The mean of each channel over a volume.

    Shapes: x (batch, depth, height, width, channels) -> y (batch, channels), or with `keepdims` axes of size 1 between.
    Raises ValueError for data_format="channels_first" and for an empty volume.

    >>> GlobalAveragePooling3D()(np.zeros((8, 9, 9, 9, 16))).shape
    (8, 16)
    """

    rank = 3
