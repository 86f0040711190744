"""Random zoom."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.preprocessing.image_layer import bounds
from cdl.layers.preprocessing.random_affine import RandomAffine, affine_maps


class RandomZoom(RandomAffine):
    """In training, zooms each image about its centre: one output pixel steps over 1 + a input pixels.

    a is uniform between the two numbers of `height_factor`; one number f stands for (-f, f). They lie in (-1, 1];
    positive zooms out. `width_factor` does the same for the width; None zooms both alike. `fill_mode`,
    `interpolation`, `fill_value` and `seed`: see `RandomTranslation`. Raises ValueError for a factor out of range and
    NotImplementedError for an unknown mode. Has no gradient for its input.

    >>> layer = RandomZoom((-0.2, 0.0), seed=1)        # up to 1.25 times as large
    >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
    (8, 32, 32, 3)
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
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
        self.height_bounds = zoom_bounds("height_factor", height_factor)
        self.width_bounds = None if width_factor is None else zoom_bounds("width_factor", width_factor)

    def transforms(self, n: int, h: int, w: int) -> np.ndarray:
        rows = 1 + self.draw(n, *self.height_bounds)
        columns = rows if self.width_bounds is None else 1 + self.draw(n, *self.width_bounds)
        return affine_maps(n, rows, 0, (h - 1) / 2 * (1 - rows), 0, columns, (w - 1) / 2 * (1 - columns))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


def zoom_bounds(name: str, factor: Any) -> tuple[float, float]:
    """As `bounds`, but -1 itself, which would stretch one pixel over the image, is not in the range."""
    lower, upper = bounds("RandomZoom", name, factor)
    if -1 in (factor if isinstance(factor, list | tuple) else (factor,)):
        raise ValueError(f"RandomZoom: `{name}` lies in (-1, 1], without -1. Received: {name}={factor}")
    return lower, upper
