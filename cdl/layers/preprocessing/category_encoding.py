"""Numbers of categories as ones and zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.preprocessing.categorical_layer import CategoricalLayer, encode
from cdl.utils.numerical import as_integer


class CategoryEncoding(CategoricalLayer):
    """Whole numbers 0 .. num_tokens - 1, in rows of zeros and ones, or of counts.

    x (..., k) -> (..., num_tokens): ones where a number is among the k ("multi_hot"), or how often it is ("count");
    (..., k, num_tokens), or (..., num_tokens) for k = 1, with a row for each number ("one_hot"). In "count" mode, the
    call takes `count_weights`, of the shape of x: what each number adds to its count, instead of 1.

    Parameters: `num_tokens` >= 1; `output_mode`, "multi_hot" by default. Raises ValueError for numbers outside (Keras
    leaves them out on some of its backends), and for weights in another mode.

    >>> CategoryEncoding(num_tokens=4)([[0, 1], [3, 3]])
    array([[1., 1., 0., 0.],
           [0., 0., 0., 1.]], dtype=float32)
    """

    OUTPUT_MODES = ("one_hot", "multi_hot", "count")

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(output_mode, sparse, **kwargs)
        if num_tokens is None:
            raise ValueError(
                "CategoryEncoding: num_tokens must be set. Where the number of tokens is not known beforehand, use "
                "IntegerLookup."
            )
        if num_tokens < 1:
            raise ValueError(f"CategoryEncoding: `num_tokens` must be >= 1. Received: num_tokens={num_tokens}.")
        self.num_tokens = num_tokens

    def __call__(self, x: Any, count_weights: Any = None, **options: Any) -> Any:
        if count_weights is None:
            return super().__call__(x, **options)
        x, weights = self.convert(x), np.asarray(count_weights, self.dtype)
        if self.output_mode != "count" or weights.shape != x.shape:
            raise ValueError(
                f"{self.who}: `count_weights` are for output_mode='count', in the shape of the input. "
                f"Received: weights {weights.shape}, input {x.shape}, output_mode={self.output_mode!r}"
            )
        return encode(self._within(x), self.output_mode, self.num_tokens, self.dtype, weights)

    def convert(self, x: Any) -> np.ndarray:
        return as_integer(x, f"{self.who}: input")

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        return encode(self._within(self.convert(x)), self.output_mode, self.num_tokens, self.dtype)

    def _within(self, x: np.ndarray) -> np.ndarray:
        outside = np.flatnonzero((x < 0) | (x >= self.num_tokens))
        if outside.size:
            raise ValueError(
                f"{self.who}: input values are in 0 .. num_tokens - 1 = {self.num_tokens - 1}. "
                f"Received {x.flat[outside[0]]} at position {outside[0]}. Raise num_tokens, or use IntegerLookup."
            )
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.encoded_shape(tuple(input_shape), self.num_tokens)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}
