"""Steps of a sequence that do not count."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context


class Masking(Layer):
    """Masks the steps whose features all equal `mask_value`: the layers behind, the loss and the metrics skip them.

    Shapes: y like x (batch, steps, ..., features), 0 in the masked steps; the mask is (batch, steps, ...), True where
    a step counts. `mask_value`: a number, by default 0.

    >>> model = Sequential([Masking(mask_value=-1.0), LSTM(32), Dense(1)])     # sequences filled up with -1
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        counted = self.compute_mask(x)[..., None]
        ctx.save(counted)
        return np.where(counted, x, x.dtype.type(0))

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (counted,) = ctx.saved
        return np.where(counted, dy, dy.dtype.type(0))

    def compute_mask(self, inputs: np.ndarray, previous_mask: np.ndarray | None = None) -> np.ndarray:
        return np.any(inputs != self.mask_value, axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}
