"""Random negatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.context import Context
from cdl.layers.preprocessing.image_layer import RandomImageLayer, bounds


class RandomInvert(RandomImageLayer):
    """In training, y = high - x, where `value_range` is (low, high), for images drawn with a probability.

    The probability is uniform between the two numbers of `factor`, in [0, 1]; one number f stands for (0, f). `seed`
    makes the draws reproducible. Raises ValueError for a factor out of range.

    >>> layer = RandomInvert(0.5, value_range=(0, 1), seed=1)
    >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
    (8, 32, 32, 3)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = bounds("RandomInvert", "factor", factor, least=0.0)
        self.value_range = value_range

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if ctx.training is False:
            ctx.save(None)
            return x
        probability = self.draw(len(x), *self.factor)
        inverted = (self.draw(len(x), 0.0, 1.0) < probability)[:, None, None, None]
        ctx.save(inverted)
        return np.where(inverted, self.value_range[1] - x, x)

    def backward_images(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (inverted,) = ctx.saved
        return dy if inverted is None else np.where(inverted, -dy, dy)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range, "seed": self.seed}
