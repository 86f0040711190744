"""What layers that turn strings or numbers into categories share: how the category numbers come out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.keras_tensor import KerasTensor

OLD_NAMES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class CategoricalLayer(Layer):
    """Base of the layers whose output are the numbers of categories, 0 .. depth - 1, or counts of them.

    `output_mode` is "int", the numbers themselves; or "one_hot", a row of `depth` zeros and a one for each; or, for the
    categories along the last axis together, "multi_hot", ones where a category is present, or "count", how often.
    A single item, without a batch axis, is accepted by the call. There is no way back: the input is not continuous.
    """

    OUTPUT_MODES: tuple[str, ...] = ("int", "one_hot", "multi_hot", "count")
    index_dtype = "int64"

    def __init__(self, output_mode: str = "int", sparse: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        who = type(self).__name__
        self.output_mode = OLD_NAMES.get(output_mode, output_mode)
        if self.output_mode not in self.OUTPUT_MODES:
            raise ValueError(f"{who}: output_mode is one of {self.OUTPUT_MODES}. Received: output_mode={output_mode!r}")
        if sparse:
            raise ValueError(f"{who}: cdl computes on dense arrays. Received: sparse={sparse}. Leave it out.")
        self.sparse = False

    def __call__(self, x: Any, **options: Any) -> Any:
        if isinstance(x, KerasTensor):
            return super().__call__(x, **options)
        x = self.convert(x)
        return super().__call__(x, **options) if x.ndim else self.forward(Context(gradient=False), x)

    def backward(self, ctx: Context, dy: np.ndarray) -> None:
        if ctx.need_input_grad:
            raise NotImplementedError(
                f"{self.who} has no gradient with respect to its input, and a layer below it wants one. Put it first "
                f"in the model, before all layers that are trained."
            )

    def compute_output_dtype(self, input_dtype: str) -> str:
        return self.index_dtype if self.output_mode == "int" else self.dtype

    def encoded_shape(self, input_shape: Shape, depth: int | None) -> Shape:
        """The shape in which categories of this shape come out."""
        if self.output_mode == "int":
            return input_shape
        if self.output_mode == "one_hot" and (len(input_shape) < 2 or input_shape[-1] != 1):
            return (*input_shape, depth)
        return (*input_shape[:-1], depth)


def encode(
    indices: np.ndarray, output_mode: str, depth: int, dtype: Any, weights: np.ndarray | None = None
) -> np.ndarray:
    """Category numbers (..., k) as rows of `depth`; negative ones count for nothing.

    "one_hot" (..., k, depth), or (..., depth) for k = 1; "multi_hot" and "count" (..., depth). `weights`, of the shape
    of the indices: what each adds to its count, instead of 1.
    """
    indices = np.atleast_1d(indices)
    if output_mode == "one_hot" and (indices.ndim == 1 or indices.shape[-1] != 1):
        indices = indices[..., None]
    leading = indices.shape[:-1]
    rows = np.arange(int(np.prod(leading))).repeat(indices.shape[-1])
    weights = None if weights is None else weights.ravel()
    return tally(rows, indices.ravel(), output_mode, (*leading, depth), dtype, weights)


def tally(
    rows: np.ndarray,
    indices: np.ndarray,
    output_mode: str,
    shape: Sequence[int],
    dtype: Any,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """An array of `shape` whose row rows[j] counts indices[j]; those below zero are left out.

    What each counts is in `weights`, else 1. In all modes but "count", several of one index are as one.
    """
    size, depth = int(np.prod(shape)), shape[-1]
    known = indices >= 0
    at = rows[known] * depth + indices[known]
    if output_mode != "count":
        y = np.zeros(size, dtype)
        y[at] = 1
    else:
        y = np.bincount(at, None if weights is None else weights[known], minlength=size).astype(dtype)
    return y.reshape(shape)
