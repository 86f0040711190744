"""Margins: zero padding adds them, cropping takes them away. Each is the derivative of the other."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.geometry import Pairs, channels_last, has_points
from cdl.layers.spatial import Spatial, as_pairs


def padded(x: np.ndarray, margins: Pairs) -> np.ndarray:
    """x with so many zeros before and after along each axis of space."""
    sizes = [size + before + after for size, (before, after) in zip(x.shape[1:-1], margins, strict=True)]
    y = np.zeros((x.shape[0], *sizes, x.shape[-1]), x.dtype)
    y[inside(y.shape, margins)] = x
    return y


def cropped(x: np.ndarray, margins: Pairs) -> np.ndarray:
    """x without its margins."""
    return np.ascontiguousarray(x[inside(x.shape, margins)])


def inside(shape: tuple[int, ...], margins: Pairs) -> tuple[slice, ...]:
    """Where an array of this shape is when its margins are left out."""
    return (slice(None), *(slice(before, n - after) for n, (before, after) in zip(shape[1:-1], margins, strict=True)))


class Margins(Spatial):
    """Base of the layers with a margin before and after along each axis of space, given by their `argument`."""

    argument: ClassVar[str]

    def __init__(self, margins: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, self.who)
        self.margins = as_pairs(margins, self.rank, self.who, self.argument)

    @property
    def given(self) -> Any:
        """(before, after) along the axis, or such a pair for each."""
        return self.margins[0] if self.rank == 1 else self.margins

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), self.argument: self.given, "data_format": self.data_format}


class ZeroPadding(Margins):
    """Base of the layers that put zeros around x."""

    argument = "padding"
    padding = Margins.given

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        return padded(x, self.margins)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        return cropped(dy, self.margins)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = zip(input_shape[1:-1], self.margins, strict=True)
        return (input_shape[0], *(None if n is None else n + sum(pair) for n, pair in sizes), input_shape[-1])


class ZeroPadding1D(ZeroPadding):
    """Zeros before and after each sequence: x (batch, steps, channels) -> y (batch, before + steps + after, channels).

    `padding`: an integer for both ends, or (before, after). Raises ValueError for negative ones.

    >>> ZeroPadding1D((2, 0))(np.ones((32, 10, 8))).shape
    (32, 12, 8)
    """

    rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding2D(ZeroPadding):
    """Zeros around each image: x (batch, height, width, channels) -> y, larger by the margins.

    `padding`: an integer, (height, width), or ((top, bottom), (left, right)). `data_format` must be None or
    "channels_last". Raises ValueError for anything else.

    >>> ZeroPadding2D(((1, 0), (2, 2)))(np.ones((32, 28, 28, 3))).shape
    (32, 29, 32, 3)
    """

    rank = 2

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding3D(ZeroPadding):
    """Zeros around each volume: x (batch, depth, height, width, channels) -> y, larger by the margins.

    `padding`: an integer, one for each axis, or a pair (before, after) for each. Raises ValueError for anything else.

    >>> ZeroPadding3D(1)(np.ones((2, 8, 8, 8, 3))).shape
    (2, 10, 10, 10, 3)
    """

    rank = 3

    def __init__(self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)


class Cropping(Margins):
    """Base of the layers that cut margins off x."""

    argument = "cropping"
    cropping = Margins.given

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        self.compute_output_shape(x.shape)
        return cropped(x, self.margins)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        return padded(dy, self.margins)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = zip(input_shape[1:-1], self.margins, strict=True)
        left = tuple(None if n is None else n - sum(pair) for n, pair in sizes)
        if not has_points(left):
            raise ValueError(
                f"{self.who}: cropping {self.cropping} leaves nothing of an input of shape "
                f"{tuple(input_shape)}. Crop less."
            )
        return (input_shape[0], *left, input_shape[-1])


class Cropping1D(Cropping):
    """Cuts off both ends of each sequence: x (batch, steps, channels) -> y (batch, steps - before - after, channels).

    `cropping`: an integer for both ends, or (before, after). Raises ValueError where nothing would be left.

    >>> Cropping1D((2, 1))(np.ones((32, 10, 8))).shape
    (32, 7, 8)
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(cropping, **kwargs)

    def get_config(self) -> dict[str, Any]:
        cropping_config = super().get_config()
        del cropping_config["data_format"]
        return cropping_config


class Cropping2D(Cropping):
    """Cuts margins off each image: x (batch, height, width, channels) -> y, smaller by the margins.

    `cropping`: an integer, (height, width), or ((top, bottom), (left, right)). `data_format` must be None or
    "channels_last". Raises ValueError for anything else, and where nothing would be left.

    >>> Cropping2D(((1, 0), (2, 2)))(np.ones((32, 28, 28, 3))).shape
    (32, 27, 24, 3)
    """

    rank = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(Cropping):
    """Cuts margins off each volume: x (batch, depth, height, width, channels) -> y, smaller by the margins.

    `cropping`: an integer, one for each axis, or a pair (before, after) for each. Raises ValueError for anything else,
    and where nothing would be left.

    >>> Cropping3D(1)(np.ones((2, 8, 8, 8, 3))).shape
    (2, 6, 6, 6, 3)
    """

    rank = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)
