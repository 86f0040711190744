"""A vector for each word, character or other thing that has a number."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cdl import ops, regularizers
from cdl.layers.base import Shape, to_array
from cdl.layers.context import Context
from cdl.layers.parametric import ParametricLayer
from cdl.utils.numerical import INT64, as_integer
from cdl.variable import RowGradient


class Embedding(ParametricLayer):
    """y = embeddings[x]: the row of each number in x; the rows are learned.

    Shapes: x (batch, ...) of whole numbers 0 .. input_dim - 1, in any dtype -> y (batch, ..., output_dim);
    embeddings (input_dim, output_dim).

    Parameters: `input_dim` >= 1, how many numbers there are; `output_dim` >= 1; `mask_zero`: whether 0 only fills up,
    so that its steps are masked; `weights`, the embeddings to start from; an initializer (by default uniform in
    [-0.05, 0.05]), regularizer and constraint for the embeddings. The gradient has only the rows that x uses
    (`RowGradient`). Raises ValueError for other sizes and for what is no whole number, and IndexError for a number
    outside 0 .. input_dim - 1.

    >>> layer = Embedding(1000, 64)
    >>> layer(np.array([[4, 20, 7]])).shape
    (1, 3, 64)
    """

    roles = ("embeddings",)

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        for name, size in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not isinstance(size, int | np.integer) or isinstance(size, bool) or size <= 0:
                raise ValueError(
                    f"`{name}` must be a positive integer. Received: {name}={size} (of type {type(size).__name__})."
                )
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Argument `input_length` is deprecated. Just remove it.", stacklevel=2)
        super().__init__(
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            **kwargs,
        )
        self.input_dim, self.output_dim = int(input_dim), int(output_dim)
        self.mask_zero = mask_zero
        self.supports_masking = bool(mask_zero)
        if weights is not None:
            self.build((None,))
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Shape) -> None:
        if not self.built:
            self.embeddings = self.add_variable("embeddings", (self.input_dim, self.output_dim))

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        index = self.convert(x)
        ctx.save(index)
        try:
            rows = ops.take_rows(self.embeddings.value, index.reshape(-1))
        except IndexError:
            raise IndexError(self.outside(index)) from None
        return rows.reshape(*index.shape, self.output_dim)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        (index,) = ctx.saved
        if ctx.trains(self.embeddings):
            used, rows = ops.sum_rows(dy.reshape(-1, self.output_dim), index.reshape(-1))
            self.embeddings.add_gradient(RowGradient(used, rows, self.embeddings.shape))
        return np.zeros(index.shape, self.dtype) if ctx.need_input_grad else None

    def compute_mask(self, inputs: np.ndarray, previous_mask: np.ndarray | None = None) -> np.ndarray | None:
        return inputs != 0 if self.mask_zero else None

    def convert(self, x: Any) -> np.ndarray:
        """`x` as an array of int64. Raises ValueError for what is no whole number."""
        if type(x) is np.ndarray and x.dtype is INT64:
            return x
        name = f"{self.who}: input"
        return as_integer(to_array(x, None, name), name).astype(INT64)

    def outside(self, index: np.ndarray) -> str:
        """What is wrong with the first number outside 0 .. input_dim - 1."""
        at = np.flatnonzero((index < 0) | (index >= self.input_dim))[0]
        number, place = index.flat[at], tuple(map(int, np.unravel_index(at, index.shape)))
        return (
            f"{self.who}: x{list(place)} is {number}, but the layer has rows for 0 .. {self.input_dim - 1} "
            f"(input_dim={self.input_dim}). Make input_dim one larger than the largest number, or replace numbers that "
            f"are unknown."
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "mask_zero": self.mask_zero,
        }
