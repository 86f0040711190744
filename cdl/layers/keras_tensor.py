"""The place of an array that is not there yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cdl.utils.naming import auto_name

Shape = tuple[int | None, ...]


class KerasTensor:
    """Stands for an array that is not there yet: its shape (batch axis first, None for any size), dtype, name.

    What comes out of a layer of a built model knows that `layer` and the tensor that goes into it, its `source`; both
    are None for a model's input.
    """

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: str = "float32",
        name: str | None = None,
        layer: Any = None,
        source: KerasTensor | None = None,
    ) -> None:
        self.shape: Shape = tuple(shape)
        self.dtype = dtype
        self.name = name or auto_name("keras_tensor")
        self.layer, self.source = layer, source

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"
