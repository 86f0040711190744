"""Random contrast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.context import Context
from cdl.layers.preprocessing.image_layer import RandomImageLayer, bounds


class RandomContrast(RandomImageLayer):
    """In training, y = clip(f (x - m) + m) for each image, m being the mean of each of its channels.

    f is uniform in [1 - lower, 1 + upper], where `factor` is the pair (lower, upper) in [0, 1], in rising order. One
    number f stands for (0, f), as in Keras 3: contrast then only grows. The result is clipped to `value_range`. `seed`
    makes the draws reproducible. Raises ValueError for a factor out of range.

    >>> layer = RandomContrast((0.3, 0.3), value_range=(0, 1), seed=1)
    >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
    (8, 32, 32, 3)
    """

    def __init__(
        self, factor: Any, value_range: Sequence[float] = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.factor = bounds("RandomContrast", "factor", factor, least=0.0)
        self.value_range = value_range

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if ctx.training is False:
            ctx.save(None)
            return x
        f = self.draw(len(x), 1 - self.factor[0], 1 + self.factor[1]).astype(x.dtype)[:, None, None, None]
        m = channel_means(x)
        y = x - m
        y *= f
        y += m
        inside = (y >= self.value_range[0]) & (y <= self.value_range[1]) if ctx.gradient else None
        ctx.save((f, inside))
        return np.clip(y, *self.value_range, out=y)

    def backward_images(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (saved,) = ctx.saved
        if saved is None:
            return dy
        f, inside = saved
        dy = dy * inside
        return f * dy + (1 - f) * channel_means(dy)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range, "seed": self.seed}


def channel_means(x: np.ndarray) -> np.ndarray:
    """The mean over h and w of each image and channel, for a row of pixels: (n, h, w, c) -> (n, 1, w, c).

    One axis after the other: the sums stay short, and so do their roundings. A whole row, because NumPy is slow with an
    array that is repeated along all axes but a short one.
    """
    rows = x.mean(axis=1, keepdims=True)
    return np.repeat(rows.mean(axis=2, keepdims=True), x.shape[2], axis=2)
