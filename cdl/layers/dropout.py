"""Dropout: of single numbers, of whole feature maps, and for selu networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.base import Layer, Shape
from cdl.layers.geometry import channels_last
from cdl.layers.noise import Noise, fraction
from cdl.layers.spatial import Spatial


class Dropout(Noise):
    """In training, sets each input to 0 with probability `rate` and divides the others by 1 - rate; else does nothing.

    Parameters: `rate`, 0 <= rate <= 1; `noise_shape`, the shape of the mask, with 1 (or None for the input's size)
    along axes that share it; `seed`, an integer for a reproducible sequence of masks. Raises ValueError for a rate
    outside [0, 1] and for a noise_shape that does not fit. Reference: Srivastava et al. 2014, Dropout: a simple way to
    prevent neural networks from overfitting.

    >>> layer = Dropout(0.5, seed=1)
    >>> layer(np.ones((2, 4)), training=True)      # zeros and twos
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(fraction(rate, "rate"), seed, **kwargs)
        self.rate = rate
        self.noise_shape = mask_shape(noise_shape)

    def build(self, input_shape: Shape) -> None:
        fitting(self.noise_shape, input_shape, self)

    def disturb(self, x: np.ndarray, seed: int, stream: int) -> np.ndarray:
        if self.rate == 1:
            return np.zeros_like(x)
        if self.noise_shape is None:
            return ops.dropout(x, self.rate, seed, stream)
        return x * ops.dropout(np.ones(fitting(self.noise_shape, x.shape, self), x.dtype), self.rate, seed, stream)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class AlphaDropout(Dropout):
    """Dropout for selu networks: in training, y = c * (dropout(x - s) + s); else does nothing.

    s = -1.7581 is what selu tends to on the left; c = sqrt((1 - rate) / (1 + rate s^2)) gives y the mean 0 and the
    variance 1 that x had. Parameters and errors as `Dropout`. Reference: Klambauer et al. 2017, Self-normalizing neural
    networks.

    >>> layer = AlphaDropout(0.1, seed=1)
    >>> layer(np.random.normal(size=(32, 64)), training=True).std()      # about 1
    """

    DROPPED = -1.0507009873554805 * 1.6732632423543772  # -scale * alpha of selu

    @property
    def factor(self) -> float:
        return math.sqrt((1 - self.rate) / (1 + self.rate * self.DROPPED**2))

    def disturb(self, x: np.ndarray, seed: int, stream: int) -> np.ndarray:
        return self.factor * (super().disturb(x - self.DROPPED, seed, stream) + self.DROPPED)

    def disturb_backward(self, dy: np.ndarray, seed: int, stream: int) -> np.ndarray:
        return self.factor * super().disturb(dy, seed, stream)


class SpatialDropout(Spatial, Dropout):
    """Base of the layers that drop whole feature maps: the mask is one number per sample and channel."""

    def __init__(
        self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, (None, *(1,) * self.rank, None), seed, name=name, dtype=dtype, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}


class SpatialDropout1D(SpatialDropout):
    """In training, drops whole channels of x (batch, steps, channels), as `Dropout` drops single numbers.

    Neighbouring steps resemble each other, so that dropping some of them would take little away. Parameters: `rate`,
    0 <= rate <= 1; `seed`. Raises ValueError for another rate. Reference: Tompson et al. 2014, Efficient object
    localization using convolutional networks.

    >>> layer = SpatialDropout1D(0.5, seed=1)
    >>> layer(np.ones((2, 10, 4)), training=True)      # each channel zeros or twos
    """

    rank = 1


class SpatialDropout2D(SpatialDropout):
    """In training, drops whole feature maps of x (batch, height, width, channels), as `Dropout` drops single numbers.

    Parameters: `rate`, 0 <= rate <= 1; `data_format`, None or "channels_last"; `seed`. Raises ValueError for anything
    else. Reference: Tompson et al. 2014, Efficient object localization using convolutional networks.

    >>> layer = SpatialDropout2D(0.5, seed=1)
    >>> layer(np.ones((2, 8, 8, 4)), training=True)      # each feature map zeros or twos
    """

    rank = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, name, dtype, **kwargs)
        self.data_format = channels_last(data_format, self.who)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class SpatialDropout3D(SpatialDropout2D):
    """In training, drops whole feature maps of x (batch, depth, height, width, channels); see `SpatialDropout2D`.

    >>> layer = SpatialDropout3D(0.5, seed=1)
    >>> layer(np.ones((2, 4, 8, 8, 4)), training=True)      # each feature map zeros or twos
    """

    rank = 3


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
        f"{layer.who}: noise_shape {noise_shape} does not fit an input of shape {tuple(shape)}. Give one size per "
        f"axis: 1 where the mask is shared, None for the input's size."
    )
