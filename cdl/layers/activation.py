"""Activations as layers of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import activations
from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.parametric import ParametricLayer


class Activation(Layer):
    """y = f(x), for a function of `cdl.activations`, given by name or itself. The shape stays.

    >>> Activation("relu")(np.array([[-1.0, 2.0]]))
    array([[0., 2.]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def as_function(self) -> activations.Activation:
        """The layer as the `activation` of another one."""
        return self.activation

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if ctx.logits_of is self:
            return x
        y = self.activation.forward(x)
        ctx.save(x, y)
        return y

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        if ctx.logits_of is self:
            return dy
        x, y = ctx.saved
        return self.activation.backward(x, y, dy)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.activation.output_shape(input_shape) if hasattr(self.activation, "output_shape") else input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class _FixedActivation(Activation):
    """An activation layer with parameters of its own in place of the function's name."""

    def get_config(self) -> dict[str, Any]:
        return Layer.get_config(self)


class ReLU(_FixedActivation):
    """y = x above `threshold`, at most `max_value`; below it, negative_slope * (x - threshold).

    Raises ValueError for a negative max_value, negative_slope or threshold.
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        for name, value in (("max_value", max_value), ("negative_slope", negative_slope), ("threshold", threshold)):
            if (value is None and name != "max_value") or (value is not None and value < 0):
                raise ValueError(f"{name} of a ReLU layer cannot be negative or None. Received: {name}={value}")
        function = activations.relu.bind(negative_slope=negative_slope, max_value=max_value, threshold=threshold)
        super().__init__(function, **kwargs)
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def get_config(self) -> dict[str, Any]:
        parameters = {"max_value": self.max_value, "negative_slope": self.negative_slope, "threshold": self.threshold}
        return {**super().get_config(), **parameters}


class LeakyReLU(_FixedActivation):
    """y = x for x > 0, else negative_slope * x. Raises ValueError for a negative slope. (Maas et al. 2013)"""

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:  # Keras 2's name
            negative_slope = kwargs.pop("alpha")
        if negative_slope is None or negative_slope < 0:
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. Expected a float. "
                f"Received: negative_slope={negative_slope}"
            )
        super().__init__(activations.leaky_relu.bind(negative_slope=negative_slope), **kwargs)
        self.negative_slope = negative_slope

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class ELU(_FixedActivation):
    """y = x for x > 0, else alpha * (exp(x) - 1). (Clevert et al. 2016)"""

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(activations.elu.bind(alpha=alpha), **kwargs)
        self.alpha = alpha

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


MASKED = -1e9  # what a masked element becomes, so that its exponential is 0 beside any other


class Softmax(_FixedActivation):
    """y = exp(x) / sum of exp(x) along `axis` (one or several): positive numbers that add up to 1.

    With a mask, which is spread to the shape of x, only the elements that count share the 1; y is 0 for the others.
    Raises ValueError for a mask that cannot be spread so; such as that of a sequence's steps, whose elements all have a
    probability: use Activation("softmax") there.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(activations.softmax.bind(axis=axis if isinstance(axis, int) else tuple(axis)), **kwargs)
        self.axis = axis

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if ctx.mask is None:
            return super().forward(ctx, x)
        self.check_mask(ctx.mask, x.shape)
        y = super().forward(ctx, np.where(ctx.mask, x, x.dtype.type(MASKED)))
        return np.where(ctx.mask, y, x.dtype.type(0))

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        if ctx.mask is None:
            return super().backward(ctx, dy)
        return np.where(ctx.mask, super().backward(ctx, np.where(ctx.mask, dy, dy.dtype.type(0))), dy.dtype.type(0))

    def check_mask(self, mask: np.ndarray, shape: Shape) -> None:
        sizes = zip(reversed(mask.shape), reversed(shape), strict=False)
        if mask.ndim > len(shape) or any(size not in (1, wanted) for size, wanted in sizes):
            raise ValueError(
                f"{self.who}: the `mask` must be broadcastable to `inputs`, but mask has shape {mask.shape} "
                f"and x has shape {shape}. For the mask of a sequence's steps, use Activation('softmax')."
            )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class PReLU(ParametricLayer):
    """y = x for x > 0, else alpha * x, where alpha is learned. (He et al. 2015)

    alpha has the shape of one sample, and size 1 along `shared_axes` (counted from 1, the batch axis being 0).
    """

    supports_masking = True
    roles = ("alpha",)

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
            **kwargs,
        )
        self.shared_axes = None if shared_axes is None else [int(axis) for axis in np.atleast_1d(shared_axes)]

    def build(self, input_shape: Shape) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        if None in shape:
            raise ValueError(f"{self.who}: sizes must be known. Received {input_shape}; use shared_axes.")
        self.alpha = self.add_variable("alpha", tuple(shape))  # type: ignore[arg-type]

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        ctx.save(x)
        return np.maximum(x, 0) + self.alpha.value * np.minimum(x, 0)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (x,) = ctx.saved
        shared = (0, *(self.shared_axes or ()))
        if ctx.trains(self.alpha):
            self.alpha.add_gradient((dy * np.minimum(x, 0)).sum(axis=shared, keepdims=True)[0])
        positive = (x > 0).astype(x.dtype)
        return dy * (positive + self.alpha.value * (1 - positive))

    def check_input(self, shape: Shape) -> None:
        shared = self.shared_axes or ()
        expected = [None if axis in shared else size for axis, size in enumerate(self.alpha.shape, 1)]
        if len(shape) != len(expected) + 1 or any(
            size not in (wanted, None) for size, wanted in zip(shape[1:], expected, strict=True) if wanted is not None
        ):
            raise ValueError(
                f"{self.who}: input has shape {tuple(shape)}, but the layer was built for (None, "
                f"{', '.join(map(str, expected))}). Reshape the input, or build with shared_axes."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shared_axes": self.shared_axes}
