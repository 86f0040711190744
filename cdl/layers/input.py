"""The description of a model's input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.keras_tensor import KerasTensor, Shape
from cdl.layers.reshaping import Identity
from cdl.utils.naming import auto_name


def sizes(shape: Any) -> Shape:
    """The shape as a tuple. Raises ValueError unless it is a sequence of sizes, each None or an integer >= 0."""
    known = [size for size in shape if size is not None] if isinstance(shape, Sequence | np.ndarray) else [shape]
    if not isinstance(shape, Sequence | np.ndarray) or not all(
        isinstance(size, int | np.integer) and size >= 0 for size in known
    ):
        raise ValueError(f"Input: a shape is a tuple of sizes, such as (784,) or (None, 8). Received: {shape!r}")
    return tuple(None if size is None else int(size) for size in shape)


class InputLayer(Identity):
    """The place where a model's input enters: passes it on unchanged.

    Parameters: `shape` of one sample, or `batch_shape` with the batch axis; `dtype`, "string" for texts; `name`.
    Raises ValueError unless exactly one of the two shapes is given.
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if "input_shape" in kwargs:
            shape = kwargs.pop("input_shape")
        if (shape is None) == (batch_shape is None):
            raise ValueError(f"InputLayer: give either shape or batch_shape. Received: {shape} and {batch_shape}")
        if sparse or ragged:
            raise ValueError("InputLayer: cdl computes on dense arrays. Convert the data, for instance with toarray().")
        super().__init__(name=name or auto_name("input_layer"))
        self.input_dtype = "string" if dtype in ("string", str) else np.dtype(dtype or self.dtype).name
        self.batch_shape: Shape = sizes(batch_shape) if shape is None else (batch_size, *sizes(shape))
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": list(self.batch_shape),
            "dtype": self.input_dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputLayer:
        config = {key: value for key, value in config.items() if key != "optional"}
        return cls(**config)


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
) -> KerasTensor:
    """Describes a model's input: `Sequential([Input((784,)), Dense(10)])`. Parameters and errors as `InputLayer`."""
    layer = InputLayer(shape, batch_size, dtype, sparse, batch_shape=batch_shape, name=name)
    return KerasTensor(layer.batch_shape, layer.input_dtype, layer.name)
