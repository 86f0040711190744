"""Random arrays, as in `keras.random`. `seed` is an integer (the same numbers at every call), a `SeedGenerator` (new
ones at every call) or None (new ones, determined by `set_random_seed`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import config, ops
from cdl.utils.seeds import SeedGenerator, draw_seed, set_random_seed

__all__ = [
    "SeedGenerator",
    "normal",
    "randint",
    "set_random_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]

Seed = int | SeedGenerator | None
Shape = Sequence[int]


def uniform(shape: Shape, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Seed = None) -> np.ndarray:
    """Uniform numbers in [minval, maxval) of that shape; `dtype` defaults to `config.floatx()`."""
    return ops.random_uniform(tuple(shape), *draw_seed(seed), minval, maxval, _float_name(dtype))


def normal(shape: Shape, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None) -> np.ndarray:
    """Normal numbers of that shape; `dtype` defaults to `config.floatx()`."""
    return ops.random_normal(tuple(shape), *draw_seed(seed), mean, stddev, _float_name(dtype))


def truncated_normal(
    shape: Shape, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> np.ndarray:
    """Normal numbers conditioned on lying within two standard deviations of the mean: the others are passed over.

    A draw depends on its position only, so the first `size` acceptable ones do not depend on how many are drawn at
    once.
    """
    pair, dtype = draw_seed(seed), _float_name(dtype)
    size = math.prod(shape)
    kept = np.empty(0, dtype)
    drawn = int(1.06 * size) + 64  # 95.45 % are acceptable
    while kept.size < size:
        z = ops.random_normal((drawn,), *pair, 0.0, 1.0, dtype)
        kept = z[np.abs(z) <= 2]
        drawn *= 2
    return (kept[:size] * float(stddev) + float(mean)).reshape(shape)


def randint(shape: Shape, minval: int, maxval: int, dtype: Any = "int32", seed: Seed = None) -> np.ndarray:
    """Integers, each of minval .. maxval - 1 equally likely. ValueError if `dtype` is no integer type."""
    if np.dtype(dtype).kind not in "iu":
        raise ValueError(f"randint requires an integer dtype. Received: dtype={dtype}")
    unit = ops.random_uniform(tuple(shape), *draw_seed(seed), 0.0, 1.0, "float64")
    return (minval + np.floor(unit * (maxval - minval))).astype(dtype)


def shuffle(x: Any, axis: int = 0, seed: Seed = None) -> np.ndarray:
    """The slices of `x` along `axis`, in random order."""
    x = np.asarray(x)
    keys = ops.random_uniform((x.shape[axis],), *draw_seed(seed), 0.0, 1.0, "float64")
    return np.take(x, np.argsort(keys, kind="stable"), axis)


def _float_name(dtype: Any) -> str:
    name = np.dtype(dtype or config.floatx()).name
    if name not in ("float32", "float64"):
        raise ValueError(f"Random numbers are float32 or float64. Received: dtype={name}")
    return name
