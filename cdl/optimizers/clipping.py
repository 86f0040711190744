"""Limits for gradients."""

from __future__ import annotations

import math

import numpy as np

from cdl import ops


def norm(x: np.ndarray) -> float:
    """The root of the sum of squares, in double precision and in one order, whatever the number of threads."""
    return math.sqrt(ops.penalty(x, 0.0, 1.0))


def clip_values(grads: list[np.ndarray], limit: float) -> list[np.ndarray]:
    """Every element between -limit and limit."""
    return [np.asarray(np.clip(grad, -limit, limit)) for grad in grads]


def clip_norms(grads: list[np.ndarray], limit: float) -> list[np.ndarray]:
    """Every gradient of a norm of at most `limit`."""
    return [scaled(grad, limit / max(norm(grad), limit)) for grad in grads]


def clip_global_norm(grads: list[np.ndarray], limit: float) -> list[np.ndarray]:
    """All together of a norm of at most `limit`. If theirs is not finite, all become NaN."""
    total = math.hypot(*(norm(grad) for grad in grads))
    scale = limit / max(total, limit) if math.isfinite(total) else math.nan
    return [scaled(grad, scale) for grad in grads]


def scaled(grad: np.ndarray, scale: float) -> np.ndarray:
    """The gradient itself where nothing is to be done."""
    return grad if scale == 1 else np.asarray(grad * scale)
