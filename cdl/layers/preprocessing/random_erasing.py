"""Random erasing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.context import Context
from cdl.layers.preprocessing.image_layer import RandomImageLayer, bounds


class RandomErasing(RandomImageLayer):
    """In training, covers a random rectangle of each image, so that no place alone decides (Zhong et al. 2020).

    An image is changed with a probability that is uniform between the two numbers of `factor`; one number f stands for
    (0, f). The rectangle is sqrt(a) of the height and sqrt(b) of the width, a and b uniform in `scale`. It is filled
    with `fill_value`, a number or one for each of three channels, or if that is None with normal noise times the upper
    end of `value_range`, clipped to that range. `seed` makes the draws reproducible. Raises ValueError for a factor or
    scale out of [0, 1] and another fill value.

    >>> layer = RandomErasing(fill_value=0.0, seed=1)
    >>> layer(np.ones((8, 32, 32, 3)), training=True).shape
    (8, 32, 32, 3)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: float | Sequence[float] | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = bounds("RandomErasing", "factor", factor, least=0.0)
        self.scale = bounds("RandomErasing", "scale", scale, least=0.0)
        if fill_value is not None and np.shape(fill_value) not in ((), (3,)):
            raise ValueError(
                f"RandomErasing: `fill_value` is a number, three numbers, or None. Received: fill_value={fill_value!r}"
            )
        self.fill_value, self.value_range = fill_value, value_range

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if ctx.training is False:
            ctx.save(None)
            return x
        n, h, w, _ = x.shape
        width, height = (np.sqrt(self.draw(n, *self.scale)) for _ in range(2))
        covered = (
            between(self.draw(n, 0.0, 1.0), width, w)[:, None] & between(self.draw(n, 0.0, 1.0), height, h)[..., None]
        )
        probability = self.draw(n, *self.factor)
        covered &= (self.draw(n, 0.0, 1.0) < probability)[:, None, None]
        kept = ~covered[..., None]
        ctx.save(kept)
        return np.where(kept, x, self._fill(x))

    def _fill(self, x: np.ndarray) -> np.ndarray:
        low, high = self.value_range
        if self.fill_value is None:
            noise = ops.random_normal(x.shape, *self.seed_generator.next(), 0.0, high, x.dtype.name)
            return np.clip(noise, low, high)
        return np.clip(np.asarray(self.fill_value, x.dtype), low, high)

    def backward_images(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (kept,) = ctx.saved
        return dy if kept is None else dy * kept

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "scale": self.scale,
            "fill_value": self.fill_value,
            "value_range": self.value_range,
            "seed": self.seed,
        }


def between(place: np.ndarray, part: np.ndarray, size: int) -> np.ndarray:
    """For each of n images, which of `size` pixels lie in its interval, that part of them, at that place: (n, size)."""
    length = part * size
    start = (place * (size - length))[:, None]
    pixels = np.arange(size)
    return (pixels >= start) & (pixels < start + length[:, None])
