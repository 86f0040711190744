"""Sizes, strides and padding of layers that look at images through windows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cdl.utils.images import channels_last as channels_last

Window = tuple[int, ...]
Sizes = tuple[int | None, ...]  # None: any
Pair = tuple[int, int]  # (before, after)
Pairs = tuple[Pair, ...]

# By the number of spatial axes: their names, and what they span.
AXES = {1: "steps", 2: "height, width", 3: "depth, height, width"}
IMAGES = {1: "a sequence", 2: "an image", 3: "a volume"}


def as_tuple(value: Any, rank: int, who: str, name: str, least: int = 1) -> tuple[int, ...]:
    """`value`, one integer for all axes or one for each, as a tuple of `rank` integers. ValueError for others."""
    values = (value,) * rank if isinstance(value, int | np.integer) else value
    if isinstance(values, Sequence) and len(values) == rank and all(_is_count(v, least) for v in values):
        return tuple(int(v) for v in values)
    kind = "a positive" if least == 1 else "a non-negative"
    raise ValueError(
        f"{who}: `{name}` is {kind} integer or a tuple of {rank} such integers. Received: {name}={value!r}"
    )


def as_count(value: Any, who: str, name: str) -> int:
    """`value`, a positive integer. ValueError for anything else."""
    if not _is_count(value, 1):
        raise ValueError(f"{who}: `{name}` is a positive integer. Received: {name}={value!r}")
    return int(value)


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= least)


def check_rank(shape: Sizes, rank: int, who: str) -> None:
    """Raises ValueError unless the shape is that of a batch of images with so many spatial axes."""
    if len(shape) != rank + 2:
        cure = "Add a channel axis: x[..., None]." if len(shape) == rank + 1 else "Reshape the input."
        raise ValueError(f"{who} expects (batch, {AXES[rank]}, channels), received {tuple(shape)}. {cure}")


def has_points(sizes: Sizes) -> bool:
    """Whether no axis is empty or, where a window did not fit, less than that."""
    return all(size is None or size > 0 for size in sizes)


def same_padding(
    input_size: Sequence[int], size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Pairs:
    """The pairs (before, after) with which there are ceil(in / stride) windows; an odd one out is after."""
    pairs = []
    for points, window, stride, step in zip(input_size, size, strides, dilation, strict=True):
        total = max((-(-points // stride) - 1) * stride + step * (window - 1) + 1 - points, 0)
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)


# The two functions below are called for every batch, with the same few arguments: hence the caches.


@functools.lru_cache
def convolved(input_size: Sizes, size: Window, strides: Window, dilation: Window, padding: str) -> tuple[Sizes, Pairs]:
    """The number of windows along each axis, and the padding as pairs (before, after), of a convolution.

    `padding`: "valid" adds nothing; "same" gives ceil(in / stride) windows; "causal" adds so much before the image that
    no window looks beyond its own position. An axis of unknown size, None, has None windows. A number below 1 says that
    the window does not fit; that is for the caller to refuse.
    """

    def along(points: int, window: int, stride: int, step: int) -> tuple[int, Pair]:
        extent = step * (window - 1) + 1
        pair = (extent - 1 if padding == "causal" else 0, 0)
        if padding == "same":
            (pair,) = same_padding((points,), (window,), (stride,), (step,))
        return (points + sum(pair) - extent) // stride + 1, pair

    return _along_axes(along, input_size, size, strides, dilation)


@functools.lru_cache
def transposed(
    input_size: Sizes, size: Window, strides: Window, dilation: Window, padding: str, output_padding: Window | None
) -> tuple[Sizes, Pairs]:
    """The size of a transposed convolution's output along each axis, and the padding that the convolution back has.

    With e = dilation * (size - 1) + 1, the input's points touch (in - 1) * stride + e places of the output. "valid"
    keeps them all and adds `output_padding` at the end, by default what a stride beyond e leaves open; "same" gives
    in * stride or, with an `output_padding`, (in - 1) * stride + e % 2 + output_padding (Keras' rule). What is too much
    is cut off at both sides, an odd one at the end; what is too little is added at the end.
    """

    def along(points: int, window: int, stride: int, step: int, extra: int | None) -> tuple[int, Pair]:
        extent = step * (window - 1) + 1
        touched = (points - 1) * stride + extent
        if padding == "valid":
            out = touched + (max(stride - extent, 0) if extra is None else extra)
        else:
            out = points * stride if extra is None else (points - 1) * stride + extent % 2 + extra
        surplus = max(touched - out, 0)
        return out, (surplus // 2, surplus - surplus // 2)

    return _along_axes(along, input_size, size, strides, dilation, output_padding or (None,) * len(size))


def _along_axes(along: Callable[..., tuple[int, Pair]], input_size: Sizes, *rest: Sizes) -> tuple[Sizes, Pairs]:
    """(size, pair) of each axis by `along`, as sizes and pairs; an axis of unknown size stays unknown."""
    columns = zip(input_size, *rest, strict=True)
    axes = [(None, (0, 0)) if points is None else along(points, *more) for points, *more in columns]
    return tuple(size for size, _ in axes), tuple(pair for _, pair in axes)
