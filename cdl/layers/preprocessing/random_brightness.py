"""Random brightness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.context import Context
from cdl.layers.preprocessing.image_layer import RandomImageLayer, bounds


class RandomBrightness(RandomImageLayer):
    """In training, y = clip(x + f (high - low)) for each image, where `value_range` is (low, high).

    f is uniform between the two numbers of `factor`, in [-1, 1]; one number f stands for (-f, f). -1 makes an image
    black, 1 white. The result is clipped to `value_range`. `seed` makes the draws reproducible. Raises ValueError for a
    factor out of range and for a value range that is not two numbers.

    >>> layer = RandomBrightness(0.2, value_range=(0, 1), seed=1)
    >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
    (8, 32, 32, 3)
    """

    def __init__(
        self, factor: Any, value_range: Sequence[float] = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.factor = bounds("RandomBrightness", "factor", factor)
        if not isinstance(value_range, list | tuple) or len(value_range) != 2:
            raise ValueError(
                "RandomBrightness: The `value_range` argument should be a list of two numbers. "
                f"Received: value_range={value_range}"
            )
        self.value_range = sorted(value_range)

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if ctx.training is False:
            ctx.save(None)
            return x
        low, high = self.value_range
        y = x + (self.draw(len(x), *self.factor) * (high - low)).astype(x.dtype)[:, None, None, None]
        ctx.save((y >= low) & (y <= high) if ctx.gradient else None)
        return np.clip(y, low, high, out=y)

    def backward_images(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (inside,) = ctx.saved
        return dy if inside is None else dy * inside

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range, "seed": self.seed}
