"""Random translation."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.preprocessing.image_layer import bounds
from cdl.layers.preprocessing.random_affine import RandomAffine, affine_maps


class RandomTranslation(RandomAffine):
    """In training, shifts each image by random parts of its height and width: y[i, j] = x[i - a h, j - b w].

    a is uniform between the two numbers of `height_factor`, b of `width_factor`; one number f stands for (-f, f). They
    lie in [-1, 1]; positive is down and to the right. What comes in from outside follows `fill_mode`: "reflect"
    c b a | a b c | c b a, "constant" (`fill_value`), "nearest" or "wrap"; between pixels, `interpolation` is "bilinear"
    or "nearest". `seed` makes the draws reproducible. Raises ValueError for a factor out of range and
    NotImplementedError for an unknown mode. Has no gradient for its input.

    >>> layer = RandomTranslation(0.1, 0.1, fill_mode="nearest", seed=1)
    >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
    (8, 32, 32, 3)
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        self.height_bounds = bounds("RandomTranslation", "height_factor", height_factor)
        self.width_bounds = bounds("RandomTranslation", "width_factor", width_factor)

    def transforms(self, n: int, h: int, w: int) -> np.ndarray:
        down = self.draw(n, *self.height_bounds) * h
        right = self.draw(n, *self.width_bounds) * w
        return affine_maps(n, 1, 0, -down, 0, 1, -right)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}
