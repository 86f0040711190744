"""Picking rows and pixels."""

from __future__ import annotations

import numpy as np

from cdl import backend
from cdl.ops.checks import refuse


def argmax(x: np.ndarray) -> np.ndarray:
    """The first position of the largest element along the last axis.    x (..., d), d > 0 -> int64 (...)"""
    if x.shape[-1] == 0:
        refuse("argmax", f"the last axis is empty (x {x.shape})")
    return backend.active.argmax(x)


def count_argmax(x: np.ndarray, labels: np.ndarray) -> int:
    """How often argmax(x) == labels.    x (..., d), d > 0, labels int32 (...)"""
    if x.shape[-1] == 0 or labels.shape != x.shape[:-1]:
        refuse("count_argmax", f"labels is (...) for x (..., d), d > 0. Received: {labels.shape}, {x.shape}")
    return backend.active.count_argmax(x, labels)


def take_rows(source: np.ndarray, index: np.ndarray) -> np.ndarray:
    """out[r] = source[index[r]], for an array of any dtype.    source (n, ...), index int64 (m,) -> (m, ...)

    Raises IndexError for an index outside 0 .. n - 1.
    """
    at = backend.active.first_outside(index, source.shape[0])
    if at >= 0:
        raise IndexError(f"take_rows: index {index[at]} at position {at} is outside 0..{source.shape[0] - 1}")
    return backend.active.take_rows(source, index)


def sum_rows(x: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sums[k] = sum of x[r] over all r with index[r] = used[k], in the order of r: the gradient of `take_rows`

    x (m, d), index int64 (m,), 0 <= index < 2^31 -> (used int64 (k,), sums (k, d)). used: each index once, ascending.
    """
    if x.ndim != 2 or index.shape != x.shape[:1] or len(x) >= 2**31:
        refuse("sum_rows", f"x is (m, d), index (m,), m < 2^31. Received: {x.shape}, {index.shape}")
    at = backend.active.first_outside(index, 2**31)
    if at >= 0:
        raise IndexError(f"sum_rows: index {index[at]} at position {at} is outside 0..{2**31 - 1}")
    return backend.active.sum_rows(x, index)


def put_rows(target: np.ndarray, index: np.ndarray, rows: np.ndarray) -> None:
    """target[index[k]] = rows[k], in place, for distinct indices.    target (n, ...), index int64 (k,), rows (k, ...)

    Raises IndexError for an index outside 0 .. n - 1.
    """
    if index.ndim != 1 or rows.shape != (len(index), *target.shape[1:]):
        refuse("put_rows", f"rows is (k, ...) for target (n, ...). Received: {rows.shape}, {target.shape}")
    at = backend.active.first_outside(index, target.shape[0])
    if at >= 0:
        raise IndexError(f"put_rows: index {index[at]} at position {at} is outside 0..{target.shape[0] - 1}")
    backend.active.put_rows(target, index, rows)


INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def affine_sample(
    x: np.ndarray,
    transforms: np.ndarray,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> np.ndarray:
    """y[r, i, j] = what lies in x[r] at row t0 i + t1 j + t2, column t3 i + t4 j + t5;  t = transforms[r], in pixels

    x (n, h, w, c), transforms (n, 6), size (H, W) -> y (n, H, W, c). Between pixels, `interpolation` is "nearest" (a
    half goes away from zero) or "bilinear". Beyond the edges, `fill_mode` goes on with `fill_value` ("constant"), the
    last pixel ("nearest"), the mirrored image c b a | a b c | c b a ("reflect") or the image again ("wrap"). It holds
    for each of the four pixels that "bilinear" needs, as in SciPy's "grid-constant" and "grid-wrap".
    """
    if x.ndim != 4 or transforms.shape != (x.shape[0], 6):
        refuse("affine_sample", f"x is (n, h, w, c), transforms (n, 6). Received: {x.shape}, {transforms.shape}")
    if interpolation not in INTERPOLATIONS or fill_mode not in FILL_MODES:
        wanted = f"interpolation is one of {INTERPOLATIONS}, fill_mode one of {FILL_MODES}"
        refuse("affine_sample", f"{wanted}. Received: {interpolation!r}, {fill_mode!r}")
    if max(*x.shape, *size) > 2**30 or min(size) < 0:
        refuse("affine_sample", f"sizes lie in 0 .. 2^30. Received: x {x.shape}, size {size}")
    if fill_mode != "constant" and 0 in x.shape[1:3]:
        refuse("affine_sample", f"an image without pixels has no {fill_mode} pixel (x {x.shape})")
    return backend.active.affine_sample(x, transforms, size, interpolation, fill_mode, fill_value)
