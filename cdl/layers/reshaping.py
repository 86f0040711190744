"""Layers that only rearrange: the numbers stay, the shape changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context


class Rearranging(Layer):
    """Base of these layers: indices of words, say, stay integers."""

    def compute_output_dtype(self, input_dtype: str) -> str:
        return input_dtype


class Flatten(Rearranging):
    """One row per sample: x (batch, ...) -> y (batch, product of the other sizes).

    `data_format` must be None or "channels_last"; anything else raises ValueError.

    >>> Flatten()(np.zeros((32, 28, 28))).shape
    (32, 784)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last"):
            raise ValueError(f"Flatten: data_format is 'channels_last' in cdl. Received: {data_format!r}")

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        ctx.save(x.shape)
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (shape,) = ctx.saved
        return dy.reshape(shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = input_shape[1:]
        return (input_shape[0], None if None in sizes else math.prod(sizes))  # type: ignore[arg-type]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": "channels_last"}


class Reshape(Rearranging):
    """Another shape per sample: x (batch, ...) -> y (batch, *target_shape). One size may be -1: what remains.

    Raises ValueError where the number of elements would change.

    >>> Reshape((2, -1))(np.zeros((32, 6))).shape
    (32, 2, 3)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(int(size) for size in target_shape)
        if self.target_shape.count(-1) > 1 or any(size < -1 for size in self.target_shape):
            raise ValueError(f"Reshape: sizes are non-negative, and one may be -1. Received: {self.target_shape}")

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        ctx.save(x.shape)
        return x.reshape(x.shape[0], *self.compute_output_shape(x.shape)[1:])

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (shape,) = ctx.saved
        return dy.reshape(shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = input_shape[1:]
        if None in sizes:
            return (input_shape[0], *(None if size == -1 else size for size in self.target_shape))
        elements = math.prod(sizes)  # type: ignore[arg-type]
        known = math.prod(size for size in self.target_shape if size != -1)
        fits = known == elements if -1 not in self.target_shape else known > 0 and elements % known == 0
        if not fits:
            raise ValueError(
                f"{self.who}: The total size of the tensor must be unchanged. Received: input_shape={sizes}, "
                f"target_shape={self.target_shape}"
            )
        return (input_shape[0], *(elements // known if size == -1 else size for size in self.target_shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": list(self.target_shape)}


class Permute(Rearranging):
    """The axes of each sample in another order: y.shape[i] = x.shape[dims[i - 1]] for i = 1, 2, ...

    `dims`: the axes 1, 2, ... (the batch axis, 0, stays first) in their new order. Raises ValueError for anything else,
    and for inputs with another number of axes.

    >>> Permute((2, 3, 1))(np.zeros((32, 3, 28, 28))).shape
    (32, 28, 28, 3)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(int(axis) for axis in dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be "
                f"consecutive and start from 1. Received dims={dims}"
            )

    def build(self, input_shape: Shape) -> None:
        self.check_input(input_shape)

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(x.transpose(0, *self.dims))

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(dy.transpose(np.argsort((0, *self.dims))))

    def check_input(self, shape: Shape) -> None:
        check_axes(self, shape, len(self.dims) + 1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Rearranging):
    """The same features n times: x (batch, features) -> y (batch, n, features), y[:, t] = x.

    Raises TypeError unless n is an integer, and ValueError unless it is positive or for inputs that are no vectors.

    >>> RepeatVector(3)(np.zeros((32, 8))).shape
    (32, 3, 8)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(n, int | np.integer) or isinstance(n, bool):
            raise TypeError(f"Expected an integer value for `n`, got {type(n)}.")
        if n <= 0:
            raise ValueError(f"Argument `n` should be a positive integer. Received: n={n}")
        self.n = int(n)

    def build(self, input_shape: Shape) -> None:
        self.check_input(input_shape)

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        return x[:, None].repeat(self.n, axis=1)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        return dy.sum(axis=1)

    def check_input(self, shape: Shape) -> None:
        check_axes(self, shape, 2)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}


class Identity(Rearranging):
    """y = x: takes the place of a layer where nothing is to be done."""

    supports_masking = True

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        return x

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        return dy

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


def check_axes(layer: Layer, shape: Shape, axes: int) -> None:
    """Raises ValueError for an input with another number of axes, the batch included."""
    if len(shape) != axes:
        raise ValueError(
            f"{layer.who}: input has {len(shape)} axes (shape {tuple(shape)}), but {axes} are needed, the batch "
            f"included. Reshape the input."
        )
