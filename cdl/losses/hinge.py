"""Hinge losses: zero for what is right by a margin of 1, and growing with the distance from there."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.losses.base import values_of
from cdl.losses.rows import RowLoss


class SignLoss(RowLoss):
    """A loss whose targets are -1 and 1; a batch of nothing but 0 and 1 means these."""

    def _prepare(self, y_true, y_pred):
        t, p, mask = super()._prepare(y_true, y_pred)
        return 2 * t - 1 if np.all((t == 0) | (t == 1)) else t, p, mask


class Hinge(SignLoss):
    """mean(max(1 - y_true y_pred, 0)) over the last axis, the loss of support vector machines.

    y_true holds -1 and 1; a batch of nothing but 0 and 1 means these (Cortes and Vapnik 1995, "Support-vector
    networks"). Shapes as in `MeanSquaredError`.

    >>> Hinge()([[-1.0, 1.0]], [[0.5, 0.5]])
    1.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, t, p):
        return np.mean(np.maximum(1 - t * p, 0), axis=-1)

    def gradient(self, t, p):
        return np.where(t * p < 1, -t, 0) / p.shape[-1]


@values_of(Hinge)
def hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `Hinge`, one per row."""
    return Hinge(reduction=None)(y_true, y_pred)


class SquaredHinge(SignLoss):
    """mean(max(1 - y_true y_pred, 0)^2) over the last axis. Targets as in `Hinge`, shapes as in `MeanSquaredError`.

    >>> SquaredHinge()([[-1.0, 1.0]], [[0.5, 0.5]])
    1.25
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "squared_hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, t, p):
        return np.mean(np.maximum(1 - t * p, 0) ** 2, axis=-1)

    def gradient(self, t, p):
        return -2 / p.shape[-1] * t * np.maximum(1 - t * p, 0)


@values_of(SquaredHinge)
def squared_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `SquaredHinge`, one per row."""
    return SquaredHinge(reduction=None)(y_true, y_pred)


class CategoricalHinge(RowLoss):
    """max(1 + max((1 - t) y_pred) - sum(t y_pred), 0) over the last axis: the best wrong score against the right one.

    t = y_true is one-hot. Wrong scores that are equal share the gradient (Crammer and Singer 2001, "On the algorithmic
    implementation of multiclass kernel-based vector machines"). Shapes as in `MeanSquaredError`.

    >>> CategoricalHinge()([[0.0, 1.0]], [[0.75, 0.5]])
    1.25
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "categorical_hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, t, p):
        return np.maximum(1 + np.max((1 - t) * p, axis=-1) - np.sum(t * p, axis=-1), 0)

    def gradient(self, t, p):
        wrong = (1 - t) * p
        best = wrong == np.max(wrong, axis=-1, keepdims=True)
        dp = (1 - t) * best / np.maximum(np.sum(best, axis=-1, keepdims=True, dtype=p.dtype), 1) - t
        return np.where(self.call(t, p)[..., None] > 0, dp, 0)


@values_of(CategoricalHinge)
def categorical_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `CategoricalHinge`, one per row."""
    return CategoricalHinge(reduction=None)(y_true, y_pred)
