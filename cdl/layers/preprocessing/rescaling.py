"""Another range of values."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context


class Rescaling(Layer):
    """y = x scale + offset, in training and out of it, for inputs of any shape.

    `scale` and `offset` are numbers, or arrays that broadcast to x, e.g. one number for each channel.

    >>> Rescaling(1 / 127.5, offset=-1)(np.array([[0, 255]], "uint8"))
    array([[-1.,  1.]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self._scale = np.asarray(scale, self.dtype)
        self._offset = np.asarray(offset, self.dtype)

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        return x * for_sample(self._scale, x) + for_sample(self._offset, x)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        return dy * for_sample(self._scale, dy)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": _serialized(self.scale), "offset": _serialized(self.offset)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Rescaling:
        return cls(**{name: _deserialized(value) for name, value in config.items()})


def for_sample(value: np.ndarray, x: np.ndarray) -> np.ndarray:
    """`value` in the shape of one sample of x, where it broadcasts to that; else, and for a single number, as it is.

    NumPy is ten times slower with an array that is repeated along all axes but a short one.
    """
    shape = (1, *x.shape[1:])
    if value.size == 1 or value.ndim > x.ndim or (value.ndim == x.ndim and value.shape[0] != 1):
        return value
    return np.ascontiguousarray(np.broadcast_to(value, shape))


def _serialized(value: Any) -> Any:
    """Arrays as Keras writes them into a config; everything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    return {"class_name": "__numpy__", "config": {"value": value.tolist(), "dtype": value.dtype.name}}


def _deserialized(value: Any) -> Any:
    if isinstance(value, dict) and value.get("class_name") == "__numpy__":
        return np.array(value["config"]["value"], value["config"]["dtype"])
    return value
