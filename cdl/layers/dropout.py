"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.random import SeedGenerator


class Dropout(Layer):
    """In training, sets each input to 0 with probability `rate` and divides the others by 1 - rate; else does nothing.

    Parameters: `rate`, 0 <= rate <= 1; `noise_shape`, the shape of the mask, with 1 (or None for the input's size)
    along axes that share it; `seed`, an integer for a reproducible sequence of masks. Raises ValueError for a rate
    outside [0, 1]. Reference: Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from
    overfitting.

    >>> layer = Dropout(0.5, seed=1)
    >>> layer(np.ones((2, 4)), training=True)      # zeros and twos
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        if not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise ValueError(
                "Invalid value received for argument `rate`. Expected a float value between 0 and 1. "
                f"Received: rate={rate}"
            )
        super().__init__(**kwargs)
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    # The mask is a function of (seed, stream): backward draws it again instead of keeping it.

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if not ctx.training or self.rate == 0:
            ctx.save(None)
            return x
        draw = self.seed_generator.next()
        ctx.save(draw)
        return self.masked(x, *draw)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (draw,) = ctx.saved
        return dy if draw is None else self.masked(dy, *draw)

    def masked(self, x: np.ndarray, seed: int, stream: int) -> np.ndarray:
        if self.rate == 1:
            return np.zeros_like(x)
        if self.noise_shape is None:
            return ops.dropout(x, self.rate, seed, stream)
        shape = [size if wanted is None else wanted for size, wanted in zip(x.shape, self.noise_shape, strict=True)]
        return x * ops.dropout(np.ones(shape, x.dtype), self.rate, seed, stream)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}
