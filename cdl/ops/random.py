"""Random numbers.

Philox4x32-10 (Salmon et al. 2011): element j is a function of (seed, stream, j) and of nothing else, so every
machine, thread count and backend draws the same numbers, and a mask can be drawn again instead of being kept.
"""

from __future__ import annotations

import numpy as np

from cdl import backend
from cdl.ops.checks import refuse


def random_uniform(
    shape: tuple[int, ...], seed: int, stream: int, low: float = 0.0, high: float = 1.0, dtype: str = "float32"
) -> np.ndarray:
    """Uniform numbers, low <= y < high (up to rounding). seed, stream: 0 .. 2^64 - 1."""
    return backend.active.random_uniform(shape, seed, stream, low, high, dtype)


def random_normal(
    shape: tuple[int, ...], seed: int, stream: int, mean: float = 0.0, deviation: float = 1.0, dtype: str = "float32"
) -> np.ndarray:
    """Normal numbers by Box and Muller's method. seed, stream: 0 .. 2^64 - 1."""
    return backend.active.random_normal(shape, seed, stream, mean, deviation, dtype)


def dropout(x: np.ndarray, rate: float, seed: int, stream: int) -> np.ndarray:
    """y = 0 with probability `rate`, else x / (1 - rate).    0 <= rate < 1

    Its gradient is the same function of dy with the same seed and stream (Srivastava et al. 2014).
    """
    if not 0 <= rate < 1:
        refuse("dropout", f"rate lies in [0, 1). Received: {rate}")
    return backend.active.dropout(x, rate, seed, stream)
