"""What layers over space share: x (batch, *space, channels), with one, two or three axes of space."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cdl.layers.base import Layer, Shape

Pairs = tuple[tuple[int, int], ...]


class Spatial(Layer):
    """Base of layers that work along `rank` axes of space. Raises ValueError for inputs with another number of axes."""

    rank: ClassVar[int]

    def build(self, input_shape: Shape) -> None:
        self.check_input(input_shape)

    def check_input(self, shape: Shape) -> None:
        if len(shape) != self.rank + 2:
            sizes = ("steps",) if self.rank == 1 else ("depth", "height", "width")[-self.rank :]
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: input has {len(shape)} axes (shape {tuple(shape)}), but "
                f"{self.rank + 2} are needed: (batch, {', '.join(sizes)}, channels). Reshape the input."
            )


def channels_last(data_format: str | None, layer: Layer) -> str:
    """The argument `data_format` in full: "channels_last", for that or None. Raises ValueError for anything else."""
    if data_format not in (None, "channels_last"):
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: cdl computes channels last. Received: data_format="
            f"{data_format!r}. Move the channels with numpy.moveaxis(x, 1, -1) or a Permute layer."
        )
    return "channels_last"


def positive_sizes(value: Any, rank: int, name: str, layer: Layer) -> tuple[int, ...]:
    """`rank` integers >= 1, from one for all axes or one for each. Raises ValueError for anything else."""
    sizes = (value,) * rank if is_integer(value) else value
    if not isinstance(sizes, tuple | list) or len(sizes) != rank or not all(is_integer(s) and s > 0 for s in sizes):
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: `{name}` is a positive integer or {rank} of them. "
            f"Received: {name}={value!r}"
        )
    return tuple(int(size) for size in sizes)


def pairs(value: Any, rank: int, name: str, layer: Layer) -> Pairs:
    """A pair (before, after) of integers >= 0 for each axis, from one integer, one for each axis, or a pair for each.

    With one axis, the pair itself. Raises ValueError for anything else.
    """
    entries = (value,) * rank if is_integer(value) else (value,) if rank == 1 else value
    if isinstance(entries, tuple | list) and len(entries) == rank:
        found = tuple((entry, entry) if is_integer(entry) else entry for entry in entries)
        if all(
            isinstance(pair, tuple | list) and len(pair) == 2 and all(is_integer(size) and size >= 0 for size in pair)
            for pair in found
        ):
            return tuple((int(before), int(after)) for before, after in found)
    expected = "or 2 of them, (before, after)" if rank == 1 else f"{rank} of them, or {rank} pairs (before, after)"
    raise ValueError(
        f"{type(layer).__name__} {layer.name!r}: `{name}` is an integer >= 0, {expected}. Received: {name}={value!r}"
    )


def is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
