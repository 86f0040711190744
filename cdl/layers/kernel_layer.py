"""What Dense and the convolutions have in common: a kernel, a bias, an activation."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cdl import activations
from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.inside import build_inside
from cdl.layers.parametric import ParametricLayer
from cdl.variable import Variable

Gradients = tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]


class KernelLayer(ParametricLayer):
    """y = activation(product(x, kernel) + bias), for the products that subclasses define.

    A subclass makes `kernel` and `bias` when it is built, calls `build_activation`, and defines `product` and
    `product_backward`. The activation may be a layer, such as `PReLU`, which then belongs to this one.
    """

    roles: ClassVar[tuple[str, ...]] = ("kernel", "bias")

    kernel: Variable
    bias: Variable | None

    def __init__(self, *, activation: Any, use_bias: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.function_or_layer(activation)
        self.use_bias = use_bias

    def build_activation(self, input_shape: Shape) -> None:
        """Build the activation, if it is a layer, for what comes out of the product."""
        if isinstance(self.activation, Layer):
            shape = self.compute_output_shape(input_shape)
            build_inside(self, self.activation, shape)
            if self.activation.compute_output_shape(shape) != shape:
                raise ValueError(f"{self.who}: {self.activation!r} as activation must keep the shape {shape}.")

    def add_bias(self, size: int) -> Variable | None:
        return self.add_variable("bias", (size,)) if self.use_bias else None

    # An activation that the product can apply as it stores (relu, sigmoid, tanh) is `fused`: then z is already y.

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        f, bias = activations.linear if ctx.logits_of is self else self.activation, self.bias
        if isinstance(f, Layer):
            f = Called(f, ctx.child())
        z = self.product(x, self.kernel.value, None if bias is None else bias.value, f.fused or "linear")
        y = z if f.fused else f.forward(z)
        ctx.save(x, z, y, f)
        return y

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        x, z, y, f = ctx.saved
        kernel, bias = self.kernel, self.bias
        dz = dy if f.fused else f.backward(z, y, dy)
        needed = ctx.need_input_grad, ctx.trains(kernel), bias is not None and ctx.trains(bias)
        dx, dkernel, dbias = self.product_backward(x, kernel.value, z, dz, f.fused or "linear", *needed)
        if dkernel is not None:
            kernel.add_gradient(dkernel)
        if bias is not None and dbias is not None:
            bias.add_gradient(dbias)
        return dx

    def product(self, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, activation: str) -> np.ndarray:
        """z = f(product(x, kernel) + bias), where f is "linear" or a fused activation."""
        raise NotImplementedError(f"{type(self).__name__} does not define product(x, kernel, bias, activation)")

    def product_backward(
        self, x: np.ndarray, kernel: np.ndarray, z: np.ndarray, dz: np.ndarray, activation: str, *needed: bool
    ) -> Gradients:
        """(dx, dkernel, dbias), where `needed` says which of the three; None for the others."""
        raise NotImplementedError(f"{type(self).__name__} does not define product_backward")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }


class Called:
    """A layer in one call, as an activation."""

    fused = None

    def __init__(self, layer: Layer, ctx: Context) -> None:
        self.layer, self.ctx = layer, ctx

    def forward(self, z: np.ndarray) -> np.ndarray:
        return self.layer(z, ctx=self.ctx)

    def backward(self, z: np.ndarray, y: np.ndarray, dy: np.ndarray) -> np.ndarray | None:
        return self.layer.backward(self.ctx, dy)
