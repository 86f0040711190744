"""Correlations of targets and predictions along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import config
from cdl.metrics.arrays import alike
from cdl.metrics.metric import Metric
from cdl.metrics.reduction import MeanMetricWrapper
from cdl.utils.numerical import as_float


def _centred(who: str, y_true: Any, y_pred: Any, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both less their means, and the difference of the means."""
    y_pred = as_float(y_pred, "y_pred")
    y_true, y_pred = alike(who, as_float(y_true, "y_true", y_pred.dtype), y_pred)
    mean_true, mean_pred = y_true.mean(axis, keepdims=True), y_pred.mean(axis, keepdims=True)
    return y_true - mean_true, y_pred - mean_pred, (mean_true - mean_pred).squeeze(axis)


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    """cov(y_true, y_pred) / (std(y_true) std(y_pred)) along `axis`; NaN where one of them is constant.

    >>> pearson_correlation([[0, 1, 0.5]], [[0.1, 0.9, 0.5]])
    array([1.])
    """
    t, p, _ = _centred("pearson_correlation", y_true, y_pred, axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.mean(t * p, axis) / (np.sqrt(np.mean(t * t, axis)) * np.sqrt(np.mean(p * p, axis)))


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    """2 cov(y_true, y_pred) / (var(y_true) + var(y_pred) + (mean(y_true) - mean(y_pred))^2) along `axis`.

    1 on the line y_pred = y_true only, unlike Pearson's (Lin, 1989). `config.epsilon()` is added to the denominator.
    """
    t, p, difference = _centred("concordance_correlation", y_true, y_pred, axis)
    spread = np.mean(t * t, axis) + np.mean(p * p, axis) + difference**2
    return 2 * np.mean(t * p, axis) / (spread + config.epsilon())


class _CorrelationMetric(MeanMetricWrapper):
    _direction = "up"

    @property
    def axis(self) -> int:
        return self._fn_kwargs["axis"]

    def get_config(self) -> dict[str, Any]:
        return {**Metric.get_config(self), "axis": self.axis}


class PearsonCorrelation(_CorrelationMetric):
    """The mean of `pearson_correlation` along `axis`: by default, of each sample's entries, which must be several.

    >>> PearsonCorrelation(axis=0)([[0, 1], [1, 2], [1, 3]], [[0, 2], [1, 4], [1, 6]])
    1.0
    """

    def __init__(self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(_CorrelationMetric):
    """The mean of `concordance_correlation` along `axis`: by default, of each sample's entries."""

    def __init__(self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
