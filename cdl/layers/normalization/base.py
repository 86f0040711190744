"""What the normalisation layers share: axes, and the variables gamma and beta."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.parametric import ParametricLayer
from cdl.variable import Variable


def axes_of(axis: int | Sequence[int], ndim: int, layer: Layer) -> tuple[int, ...]:
    """The axes, counted from the front and sorted. ValueError for one that an input with `ndim` axes does not have."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(f"{layer.who}: axis {a} is out of bounds for an input with {ndim} axes.")
    return tuple(sorted(a % ndim for a in axes))


def sizes_of(shape: Shape, axes: Sequence[int], layer: Layer) -> tuple[int, ...]:
    """The sizes along the axes. ValueError where one is not known."""
    sizes = tuple(shape[axis] for axis in axes)
    if None in sizes:
        raise ValueError(
            f"{layer.who}: the size of axis {axes[sizes.index(None)]} must be known. Received shape {tuple(shape)}"
        )
    return sizes  # type: ignore[return-value]


def to_rows(x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """The array with these axes moved to the end and made one."""
    x = np.moveaxis(x, axes, range(-len(axes), 0))
    kept = x.ndim - len(axes)
    return x.reshape(*x.shape[:kept], math.prod(x.shape[kept:]))


def from_rows(rows: np.ndarray, shape: Sequence[int], axes: Sequence[int]) -> np.ndarray:
    """The inverse of `to_rows`: back to an array of that shape."""
    moved = [size for axis, size in enumerate(shape) if axis not in axes] + [shape[axis] for axis in axes]
    return np.moveaxis(rows.reshape(moved), range(-len(axes), 0), axes)


class NormalizationLayer(ParametricLayer):
    """A layer that ends with y = x_hat * gamma + beta; `scale` and `center` say whether it has gamma and beta."""

    supports_masking = True
    roles = ("beta", "gamma")

    gamma: Variable | None = None
    beta: Variable | None = None

    def __init__(self, *, epsilon: float, center: bool, scale: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale

    def add_gamma_and_beta(self, shape: tuple[int, ...]) -> None:
        self.gamma = self.add_variable("gamma", shape) if self.scale else None
        self.beta = self.add_variable("beta", shape) if self.center else None

    def gamma_and_beta(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Their values, each as one axis."""
        gamma, beta = self.gamma, self.beta
        return None if gamma is None else gamma.value.ravel(), None if beta is None else beta.value.ravel()

    def add_gradients(self, ctx: Context, dgamma: np.ndarray | None, dbeta: np.ndarray | None) -> None:
        for variable, gradient in ((self.gamma, dgamma), (self.beta, dbeta)):
            if variable is not None and ctx.trains(variable) and gradient is not None:
                variable.add_gradient(gradient.reshape(variable.shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon, "center": self.center, "scale": self.scale}


class ChannelNormalization(NormalizationLayer):
    """A normalisation with one gamma and one beta for each channel, of which `axis` holds `_channels`."""

    def __init__(self, *, axis: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = int(axis)

    def find_channels(self, input_shape: Shape) -> None:
        self._ndim = len(input_shape)
        (self._channels,) = sizes_of(input_shape, axes_of(self.axis, self._ndim, self), self)

    def check_input(self, shape: Shape) -> None:
        if len(shape) != self._ndim or shape[self.axis] != self._channels:
            raise ValueError(
                f"{self.who}: input has shape {tuple(shape)}, but the layer was built for {self._ndim} axes and "
                f"{self._channels} channels on axis {self.axis}. Rebuild the model or reshape the input."
            )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
