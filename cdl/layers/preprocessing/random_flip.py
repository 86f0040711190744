"""Random mirror images."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.context import Context
from cdl.layers.preprocessing.image_layer import RandomImageLayer
from cdl.layers.preprocessing.random_affine import affine_maps

MODES = ("horizontal", "vertical", "horizontal_and_vertical")


class RandomFlip(RandomImageLayer):
    """In training, mirrors each image with probability 1/2: y[i, j] = x[i, w - 1 - j] for the `mode` "horizontal".

    "vertical" turns the rows about; "horizontal_and_vertical" (the default) turns both at once or none, as in Keras.
    `seed` makes the draws reproducible. Raises ValueError for another mode.

    >>> layer = RandomFlip("horizontal", seed=1)
    >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
    (8, 32, 32, 3)
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if mode not in MODES:
            raise ValueError(f"RandomFlip: `mode` is one of {MODES}. Received: mode={mode!r}")
        self.mode = mode

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if ctx.training is False:
            ctx.save(None)
            return x
        n, h, w, _ = x.shape
        flips = self.draw(n, 0.0, 1.0) <= 0.5
        up, left = flips * (self.mode != "horizontal"), flips * (self.mode != "vertical")
        maps = affine_maps(n, 1 - 2 * up, 0, (h - 1) * up, 0, 1 - 2 * left, (w - 1) * left).astype(x.dtype)
        ctx.save(maps)
        return ops.affine_sample(x, maps, (h, w), "nearest")

    def backward_images(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (maps,) = ctx.saved
        return dy if maps is None else ops.affine_sample(dy, maps, dy.shape[1:3], "nearest")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed, "mode": self.mode}
