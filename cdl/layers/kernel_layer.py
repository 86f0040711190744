"""What Dense and the convolutions have in common: a kernel, a bias, an activation."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cdl import activations
from cdl.layers.context import Context
from cdl.layers.parametric import ParametricLayer
from cdl.variable import Variable

Gradients = tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]


class KernelLayer(ParametricLayer):
    """y = activation(product(x, kernel) + bias), for the products that subclasses define.

    A subclass makes `kernel` and `bias` when it is built, and defines `product` and `product_backward`.
    """

    roles: ClassVar[tuple[str, ...]] = ("kernel", "bias")

    kernel: Variable
    bias: Variable | None

    def __init__(self, *, activation: Any, use_bias: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.use_bias = use_bias

    def add_bias(self, size: int) -> Variable | None:
        return self.add_variable("bias", (size,)) if self.use_bias else None

    # An activation that the product can apply as it stores (relu, sigmoid, tanh) is `fused`: then z is already y.

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        f, bias = activations.linear if ctx.logits_of is self else self.activation, self.bias
        z = self.product(x, self.kernel.value, None if bias is None else bias.value, f.fused or "linear")
        y = z if f.fused else f.forward(z)
        ctx.save(x, z, y)
        return y

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        x, z, y = ctx.saved
        f, kernel, bias = activations.linear if ctx.logits_of is self else self.activation, self.kernel, self.bias
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
