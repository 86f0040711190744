"""Solarization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.context import Context
from cdl.layers.preprocessing.image_layer import RandomImageLayer, bounds


class Solarization(RandomImageLayer):
    """In training, adds a to each image, z = clip(x + a), and turns what is not below a threshold b: y = 255 - z.

    x is stretched from `value_range` to 0 ... 255 for this, and y back. a is uniform between f and 255 g, (f, g) being
    `addition_factor` in [0, 1], b likewise by `threshold_factor`; one number g stands for (0, g). (The lower bound is
    not multiplied, as in Keras.) With the defaults, all images become negatives. `seed` makes the draws reproducible.
    Raises ValueError for a factor out of range and for a value range that is not two numbers.

    >>> layer = Solarization(0.1, 0.5, value_range=(0, 1), seed=1)
    >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
    (8, 32, 32, 3)
    """

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.addition_factor = bounds("Solarization", "addition_factor", addition_factor, least=0.0)
        self.threshold_factor = bounds("Solarization", "threshold_factor", threshold_factor, least=0.0)
        if not isinstance(value_range, list | tuple) or len(value_range) != 2:
            raise ValueError(f"Solarization: `value_range` is two numbers. Received: value_range={value_range}")
        self.value_range = sorted(value_range)

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if ctx.training is False:
            ctx.save(None)
            return x
        low, high = self.value_range
        a, b = (
            self.draw(len(x), factor[0], factor[1] * 255).astype(x.dtype)[:, None, None, None]
            for factor in (self.addition_factor, self.threshold_factor)
        )
        z = (x - low) * (255 / (high - low)) + a
        inside = (z >= 0) & (z <= 255)
        np.clip(z, 0, 255, out=z)
        sign = np.where(z < b, inside, -1 * inside).astype(x.dtype) if ctx.gradient else None
        ctx.save(sign)
        return np.where(z < b, z, 255 - z) * ((high - low) / 255) + low

    def backward_images(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (sign,) = ctx.saved
        return dy if sign is None else dy * sign

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "addition_factor": self.addition_factor,
            "threshold_factor": self.threshold_factor,
            "seed": self.seed,
        }
