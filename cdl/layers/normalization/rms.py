"""RMS normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.normalization.base import axes_of, from_rows, sizes_of, to_rows


class RMSNormalization(Layer):
    """y = scale * x / sqrt(mean of x^2 + epsilon), with the mean over `axis` of each sample.

    Shapes: y like x; scale has the sizes of x along `axis`.

    Parameters: `axis`, one or several, by default the last; `epsilon` 1e-6. Raises ValueError for an axis that x does
    not have. Reference: Zhang & Sennrich 2019, Root mean square layer normalization.

    >>> RMSNormalization()(np.array([[3.0, 4.0]])).round(2)      # divided by sqrt(12.5)
    array([[0.85, 1.13]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        self._axes = axes_of(self.axis, len(input_shape), self)
        self.axis = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)  # as in Keras' configuration
        self.scale = self.add_weight(shape=sizes_of(input_shape, self._axes, self), initializer="ones", name="scale")

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        rows = to_rows(x, self._axes)
        ctx.save(rows, x.shape)
        return from_rows(ops.rms_norm(rows, self.scale.value.ravel(), self.epsilon), x.shape, self._axes)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        rows, shape = ctx.saved
        dx, dscale = ops.rms_norm_backward(rows, self.scale.value.ravel(), to_rows(dy, self._axes), self.epsilon)
        if ctx.trains(self.scale):
            self.scale.add_gradient(dscale.reshape(self.scale.shape))
        return from_rows(dx, shape, self._axes)

    def check_input(self, shape: Shape) -> None:
        if len(shape) <= max(self._axes) or tuple(shape[axis] for axis in self._axes) != self.scale.shape:
            raise ValueError(
                f"{self.who}: input has shape {tuple(shape)}, but the layer was built for the "
                f"sizes {self.scale.shape} along the axes {self._axes}. Rebuild the model or reshape the input."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}
