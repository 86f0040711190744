"""Losses of how much two sets of pixels have in common, for segmentation."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import config
from cdl.losses.base import values_of
from cdl.losses.rows import RowLoss


class OverlapLoss(RowLoss):
    """A loss along `axis`: one axis, several, or None for a single value of all numbers together."""

    def __init__(self, name: str | None, reduction: str | None, axis: Any, dtype: Any) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis if axis is None or isinstance(axis, int) else tuple(axis)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class Dice(OverlapLoss):
    """1 - 2 sum(t p) / (sum(t) + sum(p) + 1e-7) over `axis`, t = y_true and p = y_pred: 0 if they agree, 1 if disjoint.

    `axis`: one axis, several, or None: all, the batch's too. For one value per image of (n, height, width, channels)
    it is (1, 2, 3). 1e-7 is `config.epsilon()` (Milletari and others 2016, arXiv 1606.04797, with squares below).
    Shapes as in `MeanSquaredError`. A weight of a sample has a meaning only where samples have values: with axis=None
    the value is multiplied by the mean of the weights, as in Keras.

    >>> round(Dice()([[1.0, 0.0]], [[0.5, 0.5]]), 6)
    0.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, axis, dtype)

    def call(self, t, p):
        return 1 - 2 * np.sum(t * p, axis=-1) / (np.sum(t, axis=-1) + np.sum(p, axis=-1) + config.epsilon())

    def gradient(self, t, p):
        both = np.sum(t * p, axis=-1, keepdims=True)
        size = np.sum(t, axis=-1, keepdims=True) + np.sum(p, axis=-1, keepdims=True) + config.epsilon()
        return 2 * (both / size - t) / size


@values_of(Dice)
def dice(y_true: Any, y_pred: Any, axis: Any = None) -> np.ndarray:
    """The values of `Dice`, one for each index of the axes that are left."""
    return Dice(None, axis=axis)(y_true, y_pred)


class Tversky(OverlapLoss):
    """1 - s / (s + alpha m + beta f + 1e-7) over `axis`: what is missed and what is found wrongly weigh differently.

    s = sum(t p) is what y_true = t and y_pred = p share, m = sum(t (1 - p)) is missed, f = sum((1 - t) p) is found
    wrongly: so Keras computes it, though it describes alpha and beta the other way round. With both 0.5, this is `Dice`
    but for the 1e-7 (`config.epsilon()`) (Salehi and others 2017, arXiv 1706.05721). `axis`, weights and shapes as in
    `Dice`.

    >>> round(Tversky(alpha=1.0, beta=0.0)([[1.0, 0.0]], [[0.25, 0.5]]), 6)
    0.75
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, axis, dtype)
        self.alpha, self.beta = alpha, beta

    def _terms(self, t, p):
        """The numerator and the denominator."""
        shared = np.sum(t * p, axis=-1, keepdims=True)
        missed = np.sum(t * (1 - p), axis=-1, keepdims=True)
        wrong = np.sum((1 - t) * p, axis=-1, keepdims=True)
        return shared, shared + self.alpha * missed + self.beta * wrong + config.epsilon()

    def call(self, t, p):
        shared, size = self._terms(t, p)
        return 1 - (shared / size)[..., 0]

    def gradient(self, t, p):
        shared, size = self._terms(t, p)
        dsize = t * (1 - self.alpha) + (1 - t) * self.beta
        return (shared / size * dsize - t) / size

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta}


@values_of(Tversky)
def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> np.ndarray:
    """The values of `Tversky`, one for each index of the axes that are left."""
    return Tversky(alpha, beta, None, axis=axis)(y_true, y_pred)
