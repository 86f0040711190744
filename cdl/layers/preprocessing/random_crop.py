"""Random windows."""

from __future__ import annotations

from typing import Any

from cdl.layers.context import Context
from cdl.layers.preprocessing.crop import Crop
from cdl.layers.preprocessing.image_layer import RandomImageLayer
from cdl.utils.seeds import make_default_seed


class RandomCrop(Crop, RandomImageLayer):
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
        super().__init__(height=height, width=width, seed=seed, data_format=data_format, **kwargs)

    def place(self, ctx: Context, h: int, w: int) -> tuple[int, int] | None:
        if ctx.training is False or h <= self.height or w <= self.width:
            return None
        down, right = self.draw(2, 0.0, 1.0)
        return int(down * (h - self.height + 1)), int(right * (w - self.width + 1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}
