"""Layer normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.normalization.base import NormalizationLayer, axes_of, from_rows, sizes_of, to_rows


class LayerNormalization(NormalizationLayer):
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, with the mean and variance of each sample by itself.

    Shapes: y like x; gamma and beta have the sizes of x along `axis`, over which mean and variance are taken.

    Parameters: `axis`, one or several, by default the last; `epsilon` 0.001; `center`, `scale`: whether there are beta,
    gamma; an initializer, regularizer and constraint for each. Raises TypeError for an axis that is not an integer or a
    list of them, ValueError for one that x does not have and for rms_scaling=True (use `RMSNormalization`).
    Reference: Ba, Kiros & Hinton 2016, Layer normalization.

    >>> LayerNormalization()(np.array([[1.0, 2.0, 3.0]])).round(2)
    array([[-1.22,  0.  ,  1.22]], dtype=float32)
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("rms_scaling", False):
            raise ValueError("LayerNormalization: rms_scaling=True is not offered by cdl; use RMSNormalization.")
        if not isinstance(axis, int | list | tuple):
            raise TypeError(f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis!r}")
        super().__init__(
            epsilon=epsilon,
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        self.axis = axis if isinstance(axis, int) else list(axis)

    def build(self, input_shape: Shape) -> None:
        self._axes = axes_of(self.axis, len(input_shape), self)
        self.axis = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)  # as in Keras' configuration
        self._sizes = sizes_of(input_shape, self._axes, self)
        self.add_gamma_and_beta(self._sizes)

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        rows = to_rows(x, self._axes)
        ctx.save(rows, x.shape)
        return from_rows(ops.layer_norm(rows, *self.gamma_and_beta(), self.epsilon), x.shape, self._axes)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        rows, shape = ctx.saved
        trained = [variable is not None and ctx.trains(variable) for variable in (self.gamma, self.beta)]
        gamma, _ = self.gamma_and_beta()
        dx, *gradients = ops.layer_norm_backward(rows, gamma, to_rows(dy, self._axes), self.epsilon, *trained)
        self.add_gradients(ctx, *gradients)
        return from_rows(dx, shape, self._axes)

    def check_input(self, shape: Shape) -> None:
        if len(shape) <= max(self._axes) or tuple(shape[axis] for axis in self._axes) != self._sizes:
            raise ValueError(
                f"{self.who}: input has shape {tuple(shape)}, but the layer was built for the "
                f"sizes {self._sizes} along the axes {self._axes}. Rebuild the model or reshape the input."
            )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "rms_scaling": False}
