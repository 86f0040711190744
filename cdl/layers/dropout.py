"""Dropout, of single numbers and of whole feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.base import Shape
from cdl.layers.geometry import channels_last
from cdl.layers.noise import Noise, fitting, fraction, mask_shape
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
