"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import activations, constraints, initializers, ops, regularizers
from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.variable import Variable


class Dense(Layer):
    """Fully connected layer: y = activation(x @ kernel + bias).

    Shapes: x (batch, ..., i) -> y (batch, ..., units); kernel (i, units), bias (units,).

    Parameters: `units` >= 1; `activation`, a name or function, by default none; `use_bias`; an initializer, regularizer
    and constraint each for kernel (by default Glorot's uniform) and bias (zeros). Raises ValueError for units < 1 and
    for inputs with another number of features than at build.

    >>> layer = Dense(10, activation="softmax")
    >>> layer(np.zeros((32, 784))).shape
    (32, 10)
    """

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
        for unused in ("lora_rank", "lora_alpha", "quantization_config"):
            if kwargs.pop(unused, None) is not None:
                raise ValueError(f"Dense: `{unused}` is not offered by cdl; leave it out.")
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"Dense {self.name!r}: inputs need a batch axis and a known number of features. "
                f"Received shape {input_shape}"
            )
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias: Variable | None = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    # An activation that the matrix product can apply as it stores (relu, sigmoid, tanh) is `fused`: then z is already
    # y.

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        f, bias = self.activation, self.bias
        z = ops.linear(x, self.kernel.value, None if bias is None else bias.value, f.fused or "linear")
        y = z if f.fused else f.forward(z)
        ctx.save(x, z, y)
        return y

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        x, z, y = ctx.saved
        f, kernel, bias = self.activation, self.kernel, self.bias
        dz = dy if f.fused else f.backward(z, y, dy)
        dx, dkernel, dbias = ops.linear_backward(
            x,
            kernel.value,
            z,
            dz,
            f.fused or "linear",
            ctx.need_input_grad,
            kernel.trainable,
            bias is not None and bias.trainable,
        )
        if dkernel is not None:
            kernel.add_gradient(dkernel)
        if bias is not None and dbias is not None:
            bias.add_gradient(dbias)
        return dx

    def check_input(self, shape: Shape) -> None:
        if len(shape) < 2 or shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f"Dense {self.name!r}: input has {shape[-1] if shape else 0} features, but the layer was built for "
                f"{self.kernel.shape[0]} (x shape {tuple(shape)}). Rebuild the model or reshape the input."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
