"""Random rotation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cdl.layers.preprocessing.image_layer import bounds
from cdl.layers.preprocessing.random_affine import RandomAffine, affine_maps


class RandomRotation(RandomAffine):
    """In training, turns each image by a random angle about its centre, counter-clockwise where the angle is positive.

    The angle is uniform between the two numbers of `factor`, as parts of a full turn in [-1, 1]; one number f stands
    for (-f, f), so 0.1 is up to 36 degrees to either side. `fill_mode`, `interpolation`, `fill_value` and `seed`: see
    `RandomTranslation`. Raises ValueError for a factor out of range and NotImplementedError for an unknown mode. Has no
    gradient for its input.

    >>> layer = RandomRotation(0.1, seed=1)
    >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
    (8, 32, 32, 3)
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = bounds("RandomRotation", "factor", factor)

    def transforms(self, n: int, h: int, w: int) -> np.ndarray:
        angle = self.draw(n, *self.factor) * (2 * math.pi)
        cos, sin = np.cos(angle), np.sin(angle)
        middle_row, middle_column = (h - 1) / 2, (w - 1) / 2
        down = middle_row - middle_row * cos - middle_column * sin
        right = middle_column + middle_row * sin - middle_column * cos
        return affine_maps(n, cos, sin, down, -sin, cos, right)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}
