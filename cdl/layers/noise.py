"""Layers that act at random, in training only."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
        super().__init__(fraction(rate, "rate", below_one=True), seed, **kwargs)
        self.rate = rate

    def disturb(self, x: np.ndarray, seed: int, stream: int) -> np.ndarray:
        return x * ops.random_normal(x.shape, seed, stream, 1.0, math.sqrt(self.rate / (1 - self.rate)), x.dtype.name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class AlphaDropout(Noise):
    """Dropout for selu networks: in training, y = a * (x, or s with probability `rate`) + b; else does nothing.

    s = -1.7581 is what selu tends to on the left; a = ((1 - rate) (1 + rate s^2))^(-1/2) and b = -a s rate give y the
    mean 0 and the variance 1 that x had.

    Parameters: `rate`, 0 <= rate < 1; `noise_shape`, the shape of the mask, with 1 (or None for the input's size) along
    axes that share it; `seed`, an integer for a reproducible sequence of masks. Raises ValueError for another rate and
    for a noise_shape that does not fit. Reference: Klambauer et al. 2017, Self-normalizing neural networks.

    >>> layer = AlphaDropout(0.1, seed=1)
    >>> layer(np.random.normal(size=(32, 64)), training=True).std()      # about 1
    """

    DROPPED = -1.7580993408473766  # -scale * alpha of selu

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(fraction(rate, "rate", below_one=True), seed, **kwargs)
        self.rate = rate
        self.noise_shape = mask_shape(noise_shape)
        self.factor = ((1 - rate) * (1 + rate * self.DROPPED**2)) ** -0.5

    def build(self, input_shape: Shape) -> None:
        fitting(self.noise_shape, input_shape, self)

    def disturb(self, x: np.ndarray, seed: int, stream: int) -> np.ndarray:
        y = self.factor * np.where(self.kept(x, seed, stream), x, self.DROPPED)
        return y - self.factor * self.DROPPED * self.rate

    def disturb_backward(self, dy: np.ndarray, seed: int, stream: int) -> np.ndarray:
        return np.where(self.kept(dy, seed, stream), self.factor * dy, 0)

    def kept(self, x: np.ndarray, seed: int, stream: int) -> np.ndarray:
        shape = fitting(self.noise_shape, x.shape, self)
        return ops.random_uniform(shape, seed, stream, 0.0, 1.0, x.dtype.name) >= self.rate

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


def fraction(value: Any, name: str, below_one: bool = False) -> float:
    """The number itself. Raises ValueError unless it lies between 0 and 1."""
    if not isinstance(value, int | float | np.number) or not 0 <= value <= 1 or (below_one and value == 1):
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected a float value between 0 and 1"
            f"{', less than 1 (which leaves nothing of the input)' if below_one else ''}. Received: {name}={value}"
        )
    return value  # type: ignore[return-value]


def mask_shape(noise_shape: Any) -> tuple[int | None, ...] | None:
    """The argument `noise_shape` as a tuple. Raises ValueError unless it holds positive integers and None."""
    if noise_shape is None:
        return None
    if not isinstance(noise_shape, tuple | list) or not all(
        size is None or (isinstance(size, int | np.integer) and size > 0) for size in noise_shape
    ):
        raise ValueError(
            "Invalid value received for argument `noise_shape`. Expected a tuple or list of positive integers or None. "
            f"Received: noise_shape={noise_shape!r}"
        )
    return tuple(noise_shape)


def fitting(noise_shape: tuple[int | None, ...] | None, shape: Shape, layer: Layer) -> Any:
    """The shape of the mask for an input of this shape. Raises ValueError where it cannot be spread over the input."""
    if noise_shape is None:
        return shape
    if len(noise_shape) == len(shape):
        mask = [size if wanted is None else wanted for size, wanted in zip(shape, noise_shape, strict=True)]
        if all(size is None or wanted in (1, size) for size, wanted in zip(shape, mask, strict=True)):
            return tuple(mask)
    raise ValueError(
        f"{type(layer).__name__} {layer.name!r}: noise_shape {noise_shape} does not fit an input of shape "
        f"{tuple(shape)}. Give one size per axis: 1 where the mask is shared, None for the input's size."
    )
