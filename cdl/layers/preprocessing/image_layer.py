"""What the layers on images share: one image or many, and randomness that is active in training only."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.geometry import channels_last
from cdl.random import SeedGenerator


class ImageLayer(Layer):
    """Base of the layers on images x (n, h, w, c), or one image (h, w, c).

    A layer defines `forward_images(ctx, x)` and `backward_images(ctx, dy)` for many; `image_size(h, w)`, where the size
    changes.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, type(self).__name__)

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        return self.forward_images(ctx, x) if x.ndim == 4 else self.forward_images(ctx, x[None])[0]

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        if not ctx.need_input_grad:
            return None
        return self.backward_images(ctx, dy) if dy.ndim == 4 else self.backward_images(ctx, dy[None])[0]

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} does not define forward_images(ctx, x)")

    def backward_images(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        raise NotImplementedError(
            f"{self.who} has no gradient with respect to its input, and a layer below it "
            f"wants one. Put it first in the model, before all layers that are trained."
        )

    def image_size(self, h: int | None, w: int | None) -> tuple[int | None, int | None]:
        """The size of the images that come out, for images of h x w."""
        return h, w

    def check_input(self, shape: Shape) -> None:
        if len(shape) not in (3, 4):
            raise ValueError(
                f"{self.who}: images are (batch, height, width, channels), or (height, width, "
                f"channels) for one. Received shape {tuple(shape)}. Add the missing axis, e.g. x[..., None]."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self.check_input(input_shape)
        *batch, h, w, c = input_shape
        return (*batch, *self.image_size(h, w), c)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class RandomImageLayer(ImageLayer):
    """Base of the layers that change images at random in training, each image in its own way, and else do nothing.

    `seed`: an integer for a reproducible sequence of draws. As in Keras, the layer or a model of such layers that is
    called directly is active unless `training=False`: only there is `ctx.training` None.
    """

    def __init__(self, seed: int | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def draw(self, count: int, low: float, high: float) -> np.ndarray:
        """The next `count` numbers, uniform in [low, high)."""
        return ops.random_uniform((count,), *self.seed_generator.next(), low, high, "float64")


def bounds(who: str, name: str, factor: Any, least: float = -1.0, most: float = 1.0) -> tuple[float, float]:
    """Keras' `factor`: two numbers, in any order, or one number f for (-f, f); all within [least, most].

    Raises ValueError for anything else.
    """
    pair = list(factor) if isinstance(factor, list | tuple) else [factor]
    fits = len(pair) == (2 if isinstance(factor, list | tuple) else 1)
    if not fits or not all(isinstance(f, int | float | np.number) and least <= f <= most for f in pair):
        raise ValueError(
            f"{who}: The `{name}` argument should be a number (or a list of two numbers) in the range "
            f"[{least:g}, {most:g}]. Received: {name}={factor}"
        )
    return (min(pair), max(pair)) if len(pair) == 2 else (max(-abs(factor), least), abs(factor))
