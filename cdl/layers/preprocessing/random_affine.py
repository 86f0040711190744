"""What translation, rotation and zoom share: an affine map for each image, drawn anew in every training step."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.context import Context
from cdl.layers.preprocessing.image_layer import RandomImageLayer


class RandomAffine(RandomImageLayer):
    """Base: a layer defines `transforms(n, h, w)`, the maps (n, 6) from output to input for `ops.affine_sample`."""

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = fill_value
        for argument, known in (("fill_mode", ops.FILL_MODES), ("interpolation", ops.INTERPOLATIONS)):
            if getattr(self, argument) not in known:  # the class of error is Keras'
                raise NotImplementedError(
                    f"{type(self).__name__}: Unknown `{argument}` {getattr(self, argument)}. Expected one of {known}."
                )

    def transforms(self, n: int, h: int, w: int) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} does not define transforms(n, h, w)")

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        ctx.save(ctx.training)
        if ctx.training is False:
            return x
        n, h, w, _ = x.shape
        maps = self.transforms(n, h, w).astype(x.dtype)
        return ops.affine_sample(x, maps, (h, w), self.interpolation, self.fill_mode, self.fill_value)

    def backward_images(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        (training,) = ctx.saved
        return dy if training is False else super().backward_images(ctx, dy)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "fill_mode": self.fill_mode,
            "interpolation": self.interpolation,
            "seed": self.seed,
            "fill_value": self.fill_value,
        }


def affine_maps(n: int, *columns: Any) -> np.ndarray:
    """The array (n, 6) whose six columns are these numbers or arrays (n,)."""
    maps = np.empty((n, 6))
    for k, column in enumerate(columns):
        maps[:, k] = column
    return maps
