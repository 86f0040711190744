"""Layers that act at random, in training only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.utils.seeds import SeedGenerator


class Noise(Layer):
    """Base of layers that disturb their input in training, and pass it on otherwise or where `strength` is 0.

    A subclass defines `disturb(x, seed, stream)` and, unless it multiplies x by what is drawn, its derivative
    `disturb_backward(dy, seed, stream)`. What is drawn is a function of (seed, stream): backward draws it again instead
    of keeping it.
    """

    supports_masking = True

    def __init__(self, strength: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strength = strength
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if not ctx.training or self.strength == 0:
            ctx.save(None)
            return x
        draw = self.seed_generator.next()
        ctx.save(draw)
        return self.disturb(x, *draw)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (draw,) = ctx.saved
        return dy if draw is None else self.disturb_backward(dy, *draw)

    def disturb(self, x: np.ndarray, seed: int, stream: int) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} does not define disturb(x, seed, stream)")

    def disturb_backward(self, dy: np.ndarray, seed: int, stream: int) -> np.ndarray:
        return self.disturb(dy, seed, stream)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


class GaussianNoise(Noise):
    """In training, adds normal noise: y = x + stddev * z, z ~ N(0, 1); else does nothing. The shape stays.

    Parameters: `stddev`, 0 <= stddev <= 1; `seed`, an integer for a reproducible sequence of noise. Raises ValueError
    for another stddev.

    >>> layer = GaussianNoise(0.1, seed=1)
    >>> layer(np.zeros((2, 4)), training=True)      # small numbers
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(fraction(stddev, "stddev"), seed, **kwargs)
        self.stddev = stddev

    def disturb(self, x: np.ndarray, seed: int, stream: int) -> np.ndarray:
        return x + ops.random_normal(x.shape, seed, stream, 0.0, self.stddev, x.dtype.name)

    def disturb_backward(self, dy: np.ndarray, seed: int, stream: int) -> np.ndarray:
        return dy

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class GaussianDropout(Noise):
    """In training, multiplies by noise: y = x * (1 + z sqrt(rate / (1 - rate))), z ~ N(0, 1); else does nothing.

    The noise has the mean and variance of dropout's. Parameters: `rate`, 0 <= rate < 1; `seed`, an integer for a
    reproducible sequence of noise. Raises ValueError for another rate. Reference: Srivastava et al. 2014, section 10.

    >>> layer = GaussianDropout(0.5, seed=1)
    >>> layer(np.ones((2, 4)), training=True)      # numbers around 1
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(fraction(rate, "rate"), seed, **kwargs)
        if rate == 1:
            raise ValueError("GaussianDropout: `rate` is below 1, where the noise would be infinite. Received: rate=1")
        self.rate = rate

    def disturb(self, x: np.ndarray, seed: int, stream: int) -> np.ndarray:
        return x * ops.random_normal(x.shape, seed, stream, 1.0, math.sqrt(self.rate / (1 - self.rate)), x.dtype.name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def fraction(value: Any, name: str) -> float:
    """The number itself. Raises ValueError unless it lies between 0 and 1."""
    if not isinstance(value, int | float | np.number) or not 0 <= value <= 1:
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected a float value between 0 and 1. "
            f"Received: {name}={value}"
        )
    return value  # type: ignore[return-value]
