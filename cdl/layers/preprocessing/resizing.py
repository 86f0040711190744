"""Images of another size."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.context import Context
from cdl.layers.geometry import as_count
from cdl.layers.preprocessing.image_layer import ImageLayer
from cdl.utils.resizing import pad_to_ratio, resize, resize_window


class FixedSize(ImageLayer):
    """Base of the layers that make images of `height` x `width`, which are positive integers (else ValueError)."""

    def __init__(self, *, height: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height = as_count(height, type(self).__name__, "height")
        self.width = as_count(width, type(self).__name__, "width")

    def image_size(self, h: int | None, w: int | None) -> tuple[int | None, int | None]:
        return self.height, self.width

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width}


class Resizing(FixedSize):
    """Images of `height` x `width`: output pixel (i, j) lies at ((i + 1/2) h / height - 1/2, ...) of the input.

    `interpolation` is "bilinear" or "nearest". `crop_to_aspect_ratio` first cuts the images to the largest central
    window of the new aspect ratio, `pad_to_aspect_ratio` first pads them to it with `fill_value`; without either they
    are distorted. The output is of the layer's float type, also for integers. Raises ValueError for sizes that are not
    positive integers, for both aspect options at once, and for what cdl does not offer (other interpolations,
    `antialias`, another `fill_mode` than "constant"). Has no gradient for its input.

    >>> Resizing(64, 48)(np.zeros((8, 32, 32, 3))).shape
    (8, 64, 48, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(height=height, width=width, data_format=data_format, **kwargs)
        if interpolation not in ops.INTERPOLATIONS:
            raise ValueError(
                f"Resizing: cdl interpolates 'bilinear' or 'nearest'. Received: interpolation={interpolation!r}"
            )
        if antialias:
            raise ValueError(
                "Resizing: antialias=True is not offered. To shrink images smoothly, average first: "
                "AveragePooling2D(2), then Resizing."
            )
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing: only one of `pad_to_aspect_ratio` and `crop_to_aspect_ratio` can be True.")
        if fill_mode != "constant":
            raise ValueError(f"Resizing: only fill_mode='constant' is supported. Received: fill_mode={fill_mode!r}")
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = bool(antialias)

    def forward_images(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if self.crop_to_aspect_ratio:
            return resize_window(x, self.height, self.width, self.interpolation)
        if self.pad_to_aspect_ratio:
            x = pad_to_ratio(x, self.height, self.width, self.fill_value)
        return resize(x, self.height, self.width, self.interpolation)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }
