"""Random loss of colour."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.preprocessing.image_layer import RandomImageLayer

LUMA = (0.2989, 0.5870, 0.1140)  # of red, green and blue (ITU-R BT.601)


class RandomGrayscale(RandomImageLayer):
    """In training, y = 0.2989 red + 0.5870 green + 0.1140 blue in all three channels, with the probability `factor`.

    Shapes: (n, h, w, 3) -> the same. `seed` makes the draws reproducible. Raises ValueError for a factor out of [0, 1]
    and for images that have not three channels.

    >>> layer = RandomGrayscale(0.5, seed=1)
    >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
    (8, 32, 32, 3)
    """

    def __init__(
        self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if not 0 <= factor <= 1:
            raise ValueError(f"RandomGrayscale: `factor` lies between 0 and 1. Received: factor={factor}")
        self.factor = factor

    def check_input(self, shape: Shape) -> None:
        super().check_input(shape)
        if shape[-1] != 3:
            raise ValueError(
                f"{self.who}: images have three channels, red, green and blue. Received shape {tuple(shape)}"
            )

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if ctx.training is False:
            ctx.save(None)
            return x
        grey = (self.draw(len(x), 0.0, 1.0) < self.factor)[:, None, None, None]
        ctx.save(grey)
        return np.where(grey, (x @ np.array(LUMA, x.dtype))[..., None], x)

    def backward_images(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (grey,) = ctx.saved
        if grey is None:
            return dy
        return np.where(grey, dy.sum(axis=-1, keepdims=True) * np.array(LUMA, dy.dtype), dy)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "seed": self.seed}
