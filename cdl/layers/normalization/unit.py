"""Unit normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.normalization.base import axes_of

LONGEST_FACTOR = 1e12  # what a vector of zeros is multiplied by


class UnitNormalization(Layer):
    """y = x / |x|, where |x| is the Euclidean length of the vector along `axis`, one axis or several. The shape stays.

    Vectors shorter than 1e-12 are multiplied by 1e12 instead. Raises TypeError for an axis that is not an integer or a
    list of them, ValueError for one that x does not have.

    >>> UnitNormalization()(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        if not isinstance(axis, int | list | tuple):
            raise TypeError(
                f"Invalid value for `axis` argument: expected an int or a list/tuple of ints. Received: axis={axis}"
            )
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)

    def build(self, input_shape: Shape) -> None:
        self.check_input(input_shape)

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        axes = axes_of(self.axis, x.ndim, self)
        with np.errstate(divide="ignore"):
            factor = np.minimum(1 / np.sqrt((x * x).sum(axis=axes, keepdims=True)), LONGEST_FACTOR).astype(x.dtype)
        y = x * factor
        ctx.save(y, factor, axes)
        return y

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        y, factor, axes = ctx.saved
        along = (dy * y).sum(axis=axes, keepdims=True) * (factor < LONGEST_FACTOR)
        return factor * (dy - y * along)

    def check_input(self, shape: Shape) -> None:
        axes_of(self.axis, len(shape), self)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
