"""The largest and the mean of each window. Windows: see `cdl.ops.windows`."""

from __future__ import annotations

import functools

import numpy as np

from cdl import backend
from cdl.ops.checks import refuse
from cdl.ops.windows import Pairs, Sizes, window_counts


def max_pool(x: np.ndarray, size: Sizes, strides: Sizes, padding: Pairs) -> np.ndarray:
    """y[n, p, c] = the largest x[n, q, c] of the positions q in window p that lie inside x.    -> (n, *out, c)"""
    _pooled("max_pool", x.shape, size, strides, padding)
    return backend.active.max_pool(x, size, strides, padding)


def max_pool_backward(
    x: np.ndarray,
    y: np.ndarray,
    dy: np.ndarray,
    size: Sizes,
    strides: Sizes,
    padding: Pairs,
) -> np.ndarray:
    """dx[n, q, c] = the sum of dy[n, p, c] over the windows p whose largest element (the first, of several) is q."""
    out = _pooled("max_pool_backward", x.shape, size, strides, padding)
    if y.shape != out or dy.shape != out:
        refuse("max_pool_backward", f"y {y.shape} and dy {dy.shape} should have the shape {out}")
    return backend.active.max_pool_backward(x, y, dy, size, strides, padding)


def average_pool(x: np.ndarray, size: Sizes, strides: Sizes, padding: Pairs) -> np.ndarray:
    """y[n, p, c] = the mean of x[n, q, c] over the positions q in window p that lie inside x.    -> (n, *out, c)"""
    _pooled("average_pool", x.shape, size, strides, padding)
    return backend.active.average_pool(x, size, strides, padding)


def average_pool_backward(
    dy: np.ndarray,
    input_size: Sizes,
    size: Sizes,
    strides: Sizes,
    padding: Pairs,
) -> np.ndarray:
    """dx[n, q, c] = the sum over the windows p that look at q of dy[n, p, c] / their number of positions inside x.

    dy (n, *out, c), input_size: the spatial sizes of x -> (n, *input_size, c)
    """
    shape = (dy.shape[0], *input_size, dy.shape[-1])
    out = _pooled("average_pool_backward", shape, size, strides, padding)
    if dy.shape != out:
        refuse("average_pool_backward", f"dy {dy.shape} should have the shape {out}")
    return backend.active.average_pool_backward(dy, input_size, size, strides, padding)


# The checks are made once for each shape: a step of a small network would feel them.


@functools.lru_cache
def _pooled(
    who: str,
    x_shape: Sizes,
    size: Sizes,
    strides: Sizes,
    padding: Pairs,
) -> Sizes:
    """The shape of the pooled image. A window that saw nothing but padding would have no maximum and no mean."""
    counts = window_counts(who, x_shape, size, strides, padding)
    for axis, count in enumerate(counts):
        last = (count - 1) * strides[axis] - padding[axis][0]
        if padding[axis][0] >= size[axis] or last >= x_shape[1 + axis]:
            refuse(
                who, f"padding {padding[axis]} of axis {axis + 1} leaves windows of {size[axis]} outside x {x_shape}"
            )
    return (x_shape[0], *counts, x_shape[-1])
