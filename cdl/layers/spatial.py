"""What layers share that rearrange space: x (batch, *space, channels), with one, two or three axes of space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from cdl.layers.base import Layer, Shape
from cdl.layers.geometry import Pairs, as_tuple, check_rank


class Spatial(Layer):
    """Base of layers that work along `rank` axes of space. Raises ValueError for inputs with another number of axes."""

    rank: ClassVar[int]

    def build(self, input_shape: Shape) -> None:
        self.check_input(input_shape)

    def check_input(self, shape: Shape) -> None:
        check_rank(shape, self.rank, self.who)
        self.compute_output_shape(shape)  # refuses sizes that do not fit


def as_pairs(value: Any, rank: int, who: str, name: str) -> Pairs:
    """A pair (before, after) of integers >= 0 for each axis: from one integer, or a list of integers or pairs.

    With one axis, the value is the integer or the pair itself. ValueError for anything else.
    """
    if rank == 1 or not isinstance(value, Sequence):
        value = (value,) * rank
    if len(value) != rank:
        raise ValueError(f"{who}: `{name}` holds an integer or a pair for each of {rank} axes. Received: {value!r}")
    before_and_after = (as_tuple(entry, 2, who, name, least=0) for entry in value)
    return tuple((before, after) for before, after in before_and_after)
