"""Losses of what a distribution says: a rate, or the probabilities themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import config
from cdl.losses.base import values_of
from cdl.losses.rows import RowLoss


class Poisson(RowLoss):
    """mean(y_pred - y_true log(y_pred + 1e-7)) over the last axis: for counts, whose rate is y_pred > 0.

    The negative log-likelihood without the terms that y_pred has no part in; 1e-7 is `config.epsilon()`. NaN where
    y_pred is negative: let the last layer end in "softplus" or "exponential". Shapes as in `MeanSquaredError`.

    >>> Poisson()([[0.0, 0.0]], [[1.0, 2.0]])
    1.5
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "poisson", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    @np.errstate(invalid="ignore", divide="ignore")
    def call(self, t, p):
        return np.mean(p - t * np.log(p + config.epsilon()), axis=-1)

    @np.errstate(invalid="ignore", divide="ignore")
    def gradient(self, t, p):
        return (1 - t / (p + config.epsilon())) / p.shape[-1]


@values_of(Poisson)
def poisson(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `Poisson`, one per row."""
    return Poisson(reduction=None)(y_true, y_pred)


class KLDivergence(RowLoss):
    """sum(t log(t / p)) over the last axis: how much the distribution y_pred = p misses of y_true = t.

    Both are clipped to [1e-7, 1] (`config.epsilon()`), with no gradient outside (Kullback and Leibler 1951, "On
    information and sufficiency"). Shapes as in `MeanSquaredError`.

    >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 6)
    0.143841
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, t, p):
        t, p = np.clip(t, config.epsilon(), 1), np.clip(p, config.epsilon(), 1)
        return np.sum(t * np.log(t / p), axis=-1)

    def gradient(self, t, p):
        clipped = np.clip(p, config.epsilon(), 1)
        return np.where(clipped == p, -np.clip(t, config.epsilon(), 1) / clipped, 0)


@values_of(KLDivergence)
def kl_divergence(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `KLDivergence`, one per row."""
    return KLDivergence(reduction=None)(y_true, y_pred)
