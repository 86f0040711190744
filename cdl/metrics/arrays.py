"""What metrics make of the arrays that they are given."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.utils.numerical import as_float, squeeze_or_expand_to_same_rank


def alike(who: str, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays of one shape, where (n,) fits (n, 1). ValueError for other shapes."""
    y_true, y_pred = squeeze_or_expand_to_same_rank(np.asarray(y_true), np.asarray(y_pred))
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"{who}: y_true has shape {y_true.shape}, y_pred has shape {y_pred.shape}; they must be equal."
        )
    return y_true, y_pred


def weight_for(who: str, weight: Any, shape: tuple[int, ...], what: str = "sample_weight") -> np.ndarray:
    """The weights in the shape of what they weigh: first axes are aligned. ValueError where they do not fit."""
    weight = as_float(weight, what, np.float64)
    rank = len(shape)
    try:
        return np.broadcast_to(weight.reshape(weight.shape[:rank] + (1,) * (rank - weight.ndim)), shape)
    except ValueError:
        raise ValueError(
            f"{who}: {what} has shape {weight.shape}, but what it weighs has shape {shape}. Give one number for "
            "each element, or for each index of the first axes."
        ) from None


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, and 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.not_equal(whole, 0))
