"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.base import Shape
from cdl.layers.kernel_layer import Gradients, KernelLayer


class Dense(KernelLayer):
    """Fully connected layer: y = activation(x @ kernel + bias).

    Shapes: x (batch, ..., i) -> y (batch, ..., units); kernel (i, units), bias (units,).

    Parameters: `units` >= 1; `activation`, a name or function, by default none; `use_bias`; an initializer, regularizer
    and constraint each for kernel (by default Glorot's uniform) and bias (zeros). Raises ValueError for units < 1 and
    for inputs with another number of features than at build.

    >>> layer = Dense(10, activation="softmax")
    >>> layer(np.zeros((32, 784))).shape
    (32, 10)
    """

    supports_masking = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(units, int | np.integer) or units <= 0:
            raise ValueError(
                f"Received an invalid value for `units`, expected a positive integer. Received: units={units}"
            )
        super().__init__(
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.units = int(units)

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"{self.who}: inputs need a batch axis and a known number of features. Received shape {input_shape}"
            )
        self.kernel = self.add_variable("kernel", (input_shape[-1], self.units))
        self.bias = self.add_bias(self.units)
        self.build_activation(input_shape)

    def product(self, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, activation: str) -> np.ndarray:
        return ops.linear(x, kernel, bias, activation)

    def product_backward(
        self, x: np.ndarray, kernel: np.ndarray, z: np.ndarray, dz: np.ndarray, activation: str, *needed: bool
    ) -> Gradients:
        return ops.linear_backward(x, kernel, z, dz, activation, *needed)

    def check_input(self, shape: Shape) -> None:
        if len(shape) < 2:
            raise ValueError(
                f"{self.who}: input needs a batch axis (x shape {tuple(shape)}). Make it x[None] for one sample, "
                f"x[:, None] for samples of one feature."
            )
        if shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f"{self.who}: input has {shape[-1]} features, but the layer was built for "
                f"{self.kernel.shape[0]} (x shape {tuple(shape)}). Rebuild the model or reshape the input."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
