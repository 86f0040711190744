"""Pooling: one number for each window over an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.geometry import IMAGES, Pairs, Sizes, as_tuple, channels_last, convolved, has_points
from cdl.layers.spatial import Spatial


class _Pooling(Spatial):
    """What pooling over windows has in common: their geometry."""

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        who = type(self).__name__
        self.pool_size = as_tuple(pool_size, self.rank, who, "pool_size")
        self.strides = self.pool_size if strides is None else as_tuple(strides, self.rank, who, "strides")
        if padding not in ("valid", "same"):
            raise ValueError(f"{who}: Argument `padding` must be either 'valid' or 'same'. Received: {padding!r}")
        self.padding = padding
        self.data_format = channels_last(data_format, who)

    def windows(self, sizes: Sizes) -> tuple[Sizes, Pairs]:
        """Number of windows and padding (before, after) of each axis of an image of these sizes."""
        counts, pairs = convolved(sizes, self.pool_size, self.strides, (1,) * self.rank, self.padding)
        if not has_points(counts):
            raise ValueError(
                f"{self.who}: a window of {self.pool_size} does not fit into {IMAGES[self.rank]} of {sizes}. "
                f"Use padding='same' or fewer pooling layers."
            )
        return counts, pairs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        counts, _ = self.windows(tuple(input_shape[1:-1]))
        return (input_shape[0], *counts, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class _MaxPooling(_Pooling):
    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        _, pairs = self.windows(x.shape[1:-1])
        y = ops.max_pool(x, self.pool_size, self.strides, pairs)
        ctx.save(x, y, pairs)
        return y

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        x, y, pairs = ctx.saved
        if not ctx.need_input_grad:
            return None
        return ops.max_pool_backward(x, y, dy, self.pool_size, self.strides, pairs)


class _AveragePooling(_Pooling):
    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        _, pairs = self.windows(x.shape[1:-1])
        ctx.save(x.shape[1:-1], pairs)
        return ops.average_pool(x, self.pool_size, self.strides, pairs)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        sizes, pairs = ctx.saved
        if not ctx.need_input_grad:
            return None
        return ops.average_pool_backward(dy, sizes, self.pool_size, self.strides, pairs)


class MaxPooling1D(_MaxPooling):
    """The largest element of each window, for each channel: y[n, p, c] = max over t of x[n, p * stride + t, c].

    Shapes: x (batch, length, channels) -> y (batch, windows, channels).

    Parameters: `pool_size`, the length of a window; `strides`, the way from one to the next, by default `pool_size`;
    `padding`, "valid" for the windows that lie inside x, (length - pool_size) // stride + 1, or "same" for
    ceil(length / stride) windows, of which the outer ones may look beyond the ends of x, where nothing counts.
    Of several largest elements the first receives the gradient. Raises ValueError for sizes < 1, a window that does
    not fit, and data_format="channels_first".

    >>> MaxPooling1D(2)(np.array([[[1.0], [3.0], [2.0], [0.0]]]))[0, :, 0]
    array([3., 2.], dtype=float32)
    """

    rank = 1


class MaxPooling2D(_MaxPooling):
    """The largest element of each window over an image; see `MaxPooling1D`.

    Shapes: x (batch, height, width, channels) -> y of the same axes. `pool_size` and `strides` are one
    integer for all axes or one for each.

    >>> MaxPooling2D()(np.zeros((8, 28, 28, 32))).shape
    (8, 14, 14, 32)
    """

    rank = 2


class MaxPooling3D(_MaxPooling):
    """The largest element of each window over a volume; see `MaxPooling1D`.

    Shapes: x (batch, depth, height, width, channels) -> y of the same axes. `pool_size` and `strides` are
    one integer for all axes or one for each.

    >>> MaxPooling3D()(np.zeros((8, 16, 16, 16, 4))).shape
    (8, 8, 8, 8, 4)
    """

    rank = 3


class AveragePooling1D(_AveragePooling):
    """The mean of each window, for each channel: y[n, p, c] = mean over t of x[n, p * stride + t, c].

    Shapes, parameters and errors as in `MaxPooling1D`; with padding="same", only what lies inside x counts.

    >>> AveragePooling1D(2)(np.array([[[1.0], [3.0], [2.0], [0.0]]]))[0, :, 0]
    array([2., 1.], dtype=float32)
    """

    rank = 1


class AveragePooling2D(_AveragePooling):
    """The mean of each window over an image; see `AveragePooling1D`.

    Shapes: x (batch, height, width, channels) -> y of the same axes. `pool_size` and `strides` are one
    integer for all axes or one for each.

    >>> AveragePooling2D()(np.zeros((8, 28, 28, 32))).shape
    (8, 14, 14, 32)
    """

    rank = 2


class AveragePooling3D(_AveragePooling):
    """The mean of each window over a volume; see `AveragePooling1D`.

    Shapes: x (batch, depth, height, width, channels) -> y of the same axes. `pool_size` and `strides` are
    one integer for all axes or one for each.

    >>> AveragePooling3D()(np.zeros((8, 16, 16, 16, 4))).shape
    (8, 8, 8, 8, 4)
    """

    rank = 3
