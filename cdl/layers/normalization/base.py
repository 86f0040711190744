"""What the normalisation layers share: axes, and the variables gamma and beta."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import constraints, initializers, regularizers
from cdl.layers.base import Layer, Shape
from cdl.variable import Variable


def axes_of(axis: int | Sequence[int], ndim: int, layer: Layer) -> tuple[int, ...]:
    """The axes, counted from the front and sorted. ValueError for one that an input with `ndim` axes does not have."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(
                f"{type(layer).__name__} {layer.name!r}: axis {a} is out of bounds for an input with {ndim} axes."
            )
    return tuple(sorted(a % ndim for a in axes))


def sizes_of(shape: Shape, axes: Sequence[int], layer: Layer) -> tuple[int, ...]:
    """The sizes along the axes. ValueError where one is not known."""
    sizes = tuple(shape[axis] for axis in axes)
    if None in sizes:
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: the size of axis {axes[sizes.index(None)]} must be known. "
            f"Received shape {tuple(shape)}"
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


class Normalization(Layer):
    """A layer that ends with y = x_hat * gamma + beta; `scale` and `center` say whether it has gamma and beta."""

    supports_masking = True

    def __init__(
        self,
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
        super().__init__(**kwargs)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

    def add_gamma_and_beta(self, shape: tuple[int, ...]) -> None:
        if self.scale:
            self.gamma = self.add_weight(
                shape=shape,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape=shape,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )

    def gamma_and_beta(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Their values, each as one axis."""
        gamma, beta = self.gamma, self.beta
        return None if gamma is None else gamma.value.ravel(), None if beta is None else beta.value.ravel()

    def add_gradients(self, dgamma: np.ndarray | None, dbeta: np.ndarray | None) -> None:
        for variable, gradient in ((self.gamma, dgamma), (self.beta, dbeta)):
            if variable is not None and variable.trainable and gradient is not None:
                variable.add_gradient(gradient.reshape(variable.shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
