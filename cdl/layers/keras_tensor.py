"""The place of an array that is not there yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.utils.naming import auto_name

Shape = tuple[int | None, ...]


class KerasTensor:
    """Stands for an array that is not there yet: its shape (batch axis first, None for any size), dtype, name.

    What comes out of a layer of a built model knows that `layer` and the tensor that goes into it, its `source`; both
    are None for a model's input. Calling a layer on one puts the layer behind it: `y = Dense(3)(x)` (`behind`), with
    `training` as it was called.
    """

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: str = "float32",
        name: str | None = None,
        layer: Any = None,
        source: KerasTensor | None = None,
        training: bool | None = None,
    ) -> None:
        self.shape: Shape = tuple(shape)
        self.dtype = dtype
        self.name = name or auto_name("keras_tensor")
        self.layer, self.source, self.training = layer, source, training

    def _no_arithmetic(self, *others: Any) -> Any:
        raise TypeError(
            f"{self!r} stands for an array that is not there yet, and only layers compute with it here: Rescaling "
            f"multiplies, Residual and Parallel add and join branches, Lambda takes a function."
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _no_arithmetic
    __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __neg__ = __getitem__ = _no_arithmetic
    __iter__ = __array_ufunc__ = None

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


def behind(source: KerasTensor, layer: Any, training: bool | None = None, mask: Any = None) -> KerasTensor:
    """What comes out of the layer if `source` goes in; builds the layer if needed. ValueError where it does not fit."""
    if mask is not None:
        raise ValueError(f"{layer.who}: masks travel along a chain of layers by themselves. Leave `mask` out.")
    if layer.built:
        layer.check_input(source.shape)
    else:
        layer.build(source.shape)
    shape = sole_output(layer, layer.compute_output_shape(source.shape))
    end = KerasTensor(shape, layer.compute_output_dtype(source.dtype), None, layer, source, training)
    if layer._place is None:
        layer._place = (source, end)
    return end


def sole_output(layer: Any, shape: Any) -> Shape:
    """The shape of what comes out of the layer. Raises ValueError where these are several arrays."""
    if any(isinstance(output, tuple | list) for output in shape):
        raise ValueError(
            f"{layer.who} has {len(shape)} outputs, and a layer in a model has one. Leave out what asks for more "
            f"(return_state=True, merge_mode=None), or call the layer on arrays."
        )
    return tuple(shape)


def why_no_array(x: np.ndarray) -> str:
    """What is wrong with places of arrays where numbers are needed."""
    if x.ndim == 0:
        return "stands for an array that is not there yet (a KerasTensor); numbers are needed."
    return (
        f"is a list of {x.size} tensors, and a layer takes one. Layers of several inputs are left out here: Parallel "
        f"and Residual have branches that see the same input (docs/keras.md)."
    )
