"""The coefficient of determination."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cdl.metrics.arrays import alike, weight_for
from cdl.metrics.metric import Metric
from cdl.utils.numerical import as_float

AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """The share of the targets' variance that the predictions explain, over all batches:

        R2 = 1 - sum((y_true - y_pred)^2) / sum((y_true - mean(y_true))^2)

    1 is perfect, 0 no better than the mean, below 0 worse. y_true, y_pred (samples, d); (n,) beside (n, 1) also fits.
    Each column has its score: `class_aggregation` None gives them as an array, "uniform_average" their mean,
    "variance_weighted_average" their mean weighted by the variances of the targets. A column of equal targets has 0,
    NaN if it is predicted exactly. 0 before the first batch.

    `num_regressors` = p > 0 adjusts for the number of inputs, 1 - (1 - R2) (n - 1) / (n - p - 1), where n is the number
    of targets, samples times d as in Keras; a warning, and no adjustment, where n - 1 <= p.
    Raises ValueError for another aggregation, a negative num_regressors, other shapes.

    >>> R2Score()([[1], [4], [3]], [[2], [4], [4]])
    0.5714285714285714
    """

    heeds_masks = True
    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in AGGREGATIONS:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {AGGREGATIONS}. "
                f"Received: class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. "
                f"Received: num_regressors={num_regressors}"
            )
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable((), "zeros", np.float64, name="num_samples")
        self._columns: int | None = None

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        # In float64: the sum of squares and the square of the sum are close where the mean is large.
        t, p = alike(self.name, as_float(y_true, "y_true", np.float64), as_float(y_pred, "y_pred", np.float64))
        if t.ndim != 2:
            raise ValueError(
                f"{self.name} expects y_true and y_pred of shape (samples, d). Received: y_true of shape "
                f"{np.shape(y_true)}, y_pred of shape {np.shape(y_pred)}"
            )
        self._build(t.shape[1])
        weight = np.ones_like(t) if sample_weight is None else weight_for(self.name, sample_weight, t.shape)
        weighted = t * weight
        self.sum.assign_add(weighted.sum(axis=0))
        self.squared_sum.assign_add((t * weighted).sum(axis=0))
        self.total_mse.assign_add(((t - p) ** 2 * weight).sum(axis=0))
        self.count.assign_add(weight.sum(axis=0))
        self.num_samples.assign_add(t.size)

    def _build(self, columns: int) -> None:
        if self._columns is None:
            self._columns = columns
            self.squared_sum = self.add_variable((columns,), "zeros", np.float64, name="squared_sum")
            self.sum = self.add_variable((columns,), "zeros", np.float64, name="sum")
            self.total_mse = self.add_variable((columns,), "zeros", np.float64, name="residual")
            self.count = self.add_variable((columns,), "zeros", np.float64, name="count")
        elif columns != self._columns:
            raise ValueError(f"{self.name} is about targets with {self._columns} columns, but y_true has {columns}.")

    def result(self) -> float | np.ndarray:
        if not self.num_samples.value:
            return 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            total = self.squared_sum.value - self.sum.value**2 / self.count.value
            scores = 1 - self.total_mse.value / total
            scores[np.isinf(scores)] = 0
            score: Any = scores
            if self.class_aggregation == "uniform_average":
                score = np.mean(scores)
            elif self.class_aggregation == "variance_weighted_average":
                score = np.sum(total * scores) / np.sum(total)
        adjusted = self._adjust(score)
        return adjusted.astype(self.dtype) if self.class_aggregation is None else float(adjusted)

    def _adjust(self, score: Any) -> Any:
        n, p = float(self.num_samples.value), self.num_regressors
        if not p:
            return score
        if p >= n - 1:
            warnings.warn(
                f"{self.name}: {p} regressors and {n:.0f} targets leave no adjusted R2; this is the standard one.",
                stacklevel=3,
            )
            return score
        return 1 - (1 - score) * (n - 1) / (n - p - 1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
