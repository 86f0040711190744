"""Upsampling: larger images by repeating pixels, or by drawing lines between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.geometry import as_tuple, channels_last
from cdl.layers.spatial import Spatial

# One axis at a time. Along it, x is seen as (outer, n, inner) and y as (outer, n, size, inner).
#
# Bilinear: pixels are squares whose centres lie at half numbers, so y[:, i, r] lies at x's coordinate i + f, with f =
# (r + 1/2) / size - 1/2. On the line between its two neighbours,
#     y[i, r] = x[i] + f (x[i] - x[i-1])   where f < 0,     y[i, r] = x[i] + f (x[i+1] - x[i])   where f > 0,
# and x itself beyond the first and the last centre.


def repeated(x: np.ndarray, axis: int, size: int) -> np.ndarray:
    """Each entry along the axis `size` times."""
    return x.repeat(size, axis)


def repeated_backward(dy: np.ndarray, axis: int, size: int) -> np.ndarray:
    """The sums of the gradients of each element's repetitions."""
    windows = by_window(dy, axis, size)
    dx = windows[:, :, 0].copy()
    for r in range(1, size):
        dx += windows[:, :, r]
    return dx.reshape(*dy.shape[:axis], dx.shape[1], *dy.shape[axis + 1 :])


def interpolated(x: np.ndarray, axis: int, size: int) -> np.ndarray:
    """`size` entries for each along the axis, on the lines between them."""
    y = repeated(x, axis, size)
    windows, inner = by_window(y, axis, size), by_window(x, axis, 1)[:, :, 0]
    rise = inner[:, 1:] - inner[:, :-1]
    for r, f in enumerate(offsets(size)):
        between = windows[:, 1:, r] if f < 0 else windows[:, :-1, r]
        between += f * rise
    return y


def interpolated_backward(dy: np.ndarray, axis: int, size: int) -> np.ndarray:
    """Each gradient goes to the two neighbours between which its element lies, by their shares."""
    dx = repeated_backward(dy, axis, size)
    windows, inner = by_window(dy, axis, size), by_window(dx, axis, 1)[:, :, 0]
    drise = np.zeros_like(inner[:, 1:])
    for r, f in enumerate(offsets(size)):
        drise += f * (windows[:, 1:, r] if f < 0 else windows[:, :-1, r])
    inner[:, 1:] += drise
    inner[:, :-1] -= drise
    return dx


def by_window(y: np.ndarray, axis: int, size: int) -> np.ndarray:
    """A view (outer, n, size, inner) of y, whose axis holds n windows of that size."""
    outer, n = int(np.prod(y.shape[:axis])), y.shape[axis] // size
    return y.reshape(outer, n, size, int(np.prod(y.shape[axis + 1 :])))


def offsets(size: int) -> list[float]:
    """Where the centres of `size` small pixels lie, from the centre of the large one."""
    return [(r + 0.5) / size - 0.5 for r in range(size)]


INTERPOLATIONS = {"nearest": (repeated, repeated_backward), "bilinear": (interpolated, interpolated_backward)}


class UpSampling(Spatial):
    """Base of the layers that enlarge x along its axes of space."""

    def __init__(self, size: Any, interpolation: str = "nearest", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = as_tuple(size, self.rank, self.who, "size")
        self.enlarge, self.enlarge_backward = INTERPOLATIONS[interpolation]

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        for axis in range(self.rank, 0, -1):
            if self.sizes[axis - 1] > 1:
                x = self.enlarge(x, axis, self.sizes[axis - 1])
        return x

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        for axis in range(1, self.rank + 1):
            if self.sizes[axis - 1] > 1:
                dy = self.enlarge_backward(dy, axis, self.sizes[axis - 1])
        return dy

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = zip(input_shape[1:-1], self.sizes, strict=True)
        return (input_shape[0], *(None if n is None else n * size for n, size in sizes), input_shape[-1])


class UpSampling1D(UpSampling):
    """Each step `size` times: x (batch, steps, channels) -> y (batch, steps * size, channels).

    Raises TypeError unless `size` is an integer, and ValueError unless it is positive.

    >>> UpSampling1D(3)(np.ones((32, 10, 8))).shape
    (32, 30, 8)
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        if not isinstance(size, int | np.integer) or isinstance(size, bool):
            raise TypeError(f"Expected an integer value for `size`, got {type(size)}.")
        super().__init__(size, **kwargs)

    @property
    def size(self) -> int:
        return self.sizes[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


class UpSampling2D(UpSampling):
    """Larger images: x (batch, height, width, channels) -> y (batch, height * size[0], width * size[1], channels).

    `interpolation`: "nearest" repeats pixels; "bilinear" draws lines between their centres, along each axis, so that
    pixels cover the same area of the image before and after. `size`: an integer or one for each axis; `data_format`
    must be None or "channels_last". Raises ValueError for anything else.

    >>> UpSampling2D()(np.ones((32, 14, 14, 8))).shape
    (32, 28, 28, 8)
    """

    rank = 2

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        interpolation = str(interpolation).lower()
        if interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"UpSampling2D: interpolation is 'nearest' or 'bilinear' in cdl. Received: {interpolation!r}"
            )
        super().__init__(size, interpolation, **kwargs)
        self.data_format = channels_last(data_format, self.who)
        self.interpolation = interpolation

    @property
    def size(self) -> tuple[int, ...]:
        return self.sizes

    def get_config(self) -> dict[str, Any]:
        own = {"size": self.size, "data_format": self.data_format, "interpolation": self.interpolation}
        return {**super().get_config(), **own}


class UpSampling3D(UpSampling):
    """Larger volumes, by repetition: x (batch, depth, height, width, channels) -> y, each axis times its `size`.

    `size`: an integer or one for each axis; `data_format` must be None or "channels_last". Raises ValueError for
    anything else.

    >>> UpSampling3D((1, 2, 2))(np.ones((2, 4, 4, 4, 8))).shape
    (2, 4, 8, 8, 8)
    """

    rank = 3

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(size, **kwargs)
        self.data_format = channels_last(data_format, self.who)

    @property
    def size(self) -> tuple[int, ...]:
        return self.sizes

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}
