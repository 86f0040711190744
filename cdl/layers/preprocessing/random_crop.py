"""Random windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.context import Context
from cdl.layers.preprocessing.center_crop import crop, crop_backward
from cdl.layers.preprocessing.image_layer import RandomImageLayer
from cdl.layers.preprocessing.resizing import resize_window, target_size
from cdl.utils.seeds import make_default_seed


class RandomCrop(RandomImageLayer):
    """In training, a window of `height` x `width` at a random place, the same one for all images of a batch.

    Out of training, and where the images are not larger than the window in both directions: their largest central
    window of that aspect ratio, resized (bilinear). `seed` makes the draws reproducible; where it is None, the layer
    chooses one and keeps it in its config. Raises ValueError for sizes that are not positive integers. Has a gradient
    for its input where nothing is resized.

    >>> layer = RandomCrop(24, 24, seed=1)
    >>> layer(np.zeros((8, 32, 32, 3)), training=True).shape
    (8, 24, 24, 3)
    """

    def __init__(
        self, height: int, width: int, seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        seed = make_default_seed() if seed is None else seed
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.height, self.width = target_size("RandomCrop", height, width)

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        _, h, w, _ = x.shape
        if ctx.training is False or h <= self.height or w <= self.width:
            ctx.save(None)
            return resize_window(x, self.height, self.width)
        down, right = self.draw(2, 0.0, 1.0)
        top, left = int(down * (h - self.height + 1)), int(right * (w - self.width + 1))
        ctx.save((x.shape, top, left))
        return crop(x, top, left, self.height, self.width)

    def backward_images(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (place,) = ctx.saved
        return super().backward_images(ctx, dy) if place is None else crop_backward(dy, *place)

    def image_size(self, h: int | None, w: int | None) -> tuple[int | None, int | None]:
        return self.height, self.width

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width, "seed": self.seed}
