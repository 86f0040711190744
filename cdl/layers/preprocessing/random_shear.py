"""Random shear."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.preprocessing.image_layer import bounds
from cdl.layers.preprocessing.random_affine import RandomAffine, affine_maps


class RandomShear(RandomAffine):
    """In training, slants each image about its upper left corner: y[i, j] = x[i + b j, j + a i].

    a is uniform between the two numbers of `x_factor`, b of `y_factor`; a number f in [0, 1] stands for (-f, f). With
    probability 1/2, both change their sign. `fill_mode`, `interpolation`, `fill_value` and `seed`: see
    `RandomTranslation`. Raises ValueError for a factor out of range and NotImplementedError for an unknown mode. Has no
    gradient for its input.

    >>> layer = RandomShear(0.2, seed=1)
    >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
    (8, 32, 32, 3)
    """

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.x_factor = shear_bounds("x_factor", x_factor)
        self.y_factor = shear_bounds("y_factor", y_factor)

    def transforms(self, n: int, h: int, w: int) -> np.ndarray:
        sign = np.where(self.draw(n, 0.0, 1.0) > 0.5, -1, 1)
        b = sign * self.draw(n, *self.y_factor)
        a = sign * self.draw(n, *self.x_factor)
        return affine_maps(n, 1, b, 0, a, 1, 0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "x_factor": self.x_factor, "y_factor": self.y_factor}


def shear_bounds(name: str, factor: Any) -> tuple[float, float]:
    """(-f, f) for a number f in [0, 1]; a pair may lie below zero, as it does in configurations."""
    if isinstance(factor, list | tuple):
        return bounds("RandomShear", name, factor)
    _, f = bounds("RandomShear", name, factor, least=0.0)
    return -f, f
