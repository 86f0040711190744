"""Sizes, strides and padding of layers that look at images through windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Pairs = tuple[tuple[int, int], ...]


def as_tuple(value: Any, rank: int, who: str, name: str, least: int = 1) -> tuple[int, ...]:
    """`value`, one integer for all axes or one for each, as a tuple of `rank` integers. ValueError for anything else."""
    values = (value,) * rank if isinstance(value, int | np.integer) else value
    if isinstance(values, Sequence) and len(values) == rank:
        if all(isinstance(v, int | np.integer) and not isinstance(v, bool) and v >= least for v in values):
            return tuple(int(v) for v in values)
    kind = "a positive" if least == 1 else "a non-negative"
    raise ValueError(
        f"{who}: `{name}` is {kind} integer or a tuple of {rank} such integers. Received: {name}={value!r}"
    )


def channels_last(data_format: Any, who: str) -> str:
    """Keras' `data_format`, of which cdl has one. ValueError for any other."""
    if data_format in (None, "channels_last"):
        return "channels_last"
    raise ValueError(
        f"{who}: data_format={data_format!r} is not offered; cdl computes with 'channels_last', shape "
        f"(batch, ..., channels). Move the channels there, with numpy.moveaxis(x, 1, -1)."
    )


def same_padding(
    input_size: Sequence[int], size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Pairs:
    """The pairs (before, after) with which there are ceil(in / stride) windows; an odd one out is after."""
    pairs = []
    for points, window, stride, step in zip(input_size, size, strides, dilation, strict=True):
        total = max((-(-points // stride) - 1) * stride + step * (window - 1) + 1 - points, 0)
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)
