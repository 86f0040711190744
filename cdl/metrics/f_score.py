"""F-scores: precision and recall of each class in one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.metrics.arrays import alike, ratio, weight_for
from cdl.metrics.metric import Metric
from cdl.utils.numerical import as_float

AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """The harmonic mean of precision and recall, where recall counts beta^2 times as much:

        F = (1 + beta^2) TP / ((1 + beta^2) TP + beta^2 FN + FP),    0 where there are none of these

    y_true (0 or 1) and y_pred (samples, classes). Predicted is what exceeds `threshold`, in (0, 1]; for None, the
    largest entry of each row (all of them if several are equal, none in a row of zeros).

    `average`: None gives an array with the score of each class, "macro" their mean, "weighted" their mean weighted by
    the number of positives of each, "micro" the score of all classes' counts together. 0 before the first batch.
    Raises ValueError for other averages, for a `beta` that is no positive float, a `threshold` that is no float in
    (0, 1], and arrays of other shapes.

    >>> FBetaScore("micro", beta=2.0, threshold=0.5)([[1, 1], [0, 0]], [[0.9, 0.2], [0.3, 0.4]])
    0.5555555555555556
    """

    heeds_masks = True
    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in AVERAGES:
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', 'weighted'}. "
                f"Received: average={average}"
            )
        if not isinstance(beta, float) or not beta > 0:
            raise ValueError(
                f"Invalid `beta` argument value. It should be a Python float > 0. Received: beta={beta} of type "
                f"'{type(beta)}'"
            )
        if threshold is not None and not (isinstance(threshold, float) and 0 < threshold <= 1):
            raise ValueError(
                "Invalid `threshold` argument value. It should be a Python float, 0 < threshold <= 1. "
                f"Received: threshold={threshold} of type '{type(threshold)}'"
            )
        self.average, self.beta, self.threshold = average, beta, threshold
        self._classes: int | None = None

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        t, p = as_float(y_true, "y_true", self.dtype), as_float(y_pred, "y_pred", self.dtype)
        if t.ndim != 2 or p.ndim != 2:
            raise ValueError(
                f"{self.name} expects y_true and y_pred of shape (samples, classes). Received: y_true of shape "
                f"{t.shape}, y_pred of shape {p.shape}"
            )
        alike(self.name, t, p)
        self._build(p.shape[1])
        if self.threshold is None:
            predicted = (p >= p.max(axis=-1, keepdims=True)) & (np.abs(p) > 1e-9)
        else:
            predicted = p > self.threshold
        weight = np.ones((1, 1)) if sample_weight is None else weight_for(self.name, sample_weight, p.shape)
        axis = None if self.average == "micro" else 0
        t = t * weight
        true_positives = np.sum(t, axis=axis, where=predicted)
        self.true_positives.assign_add(true_positives)
        self.false_positives.assign_add(np.sum(predicted * weight, axis=axis) - true_positives)
        self.false_negatives.assign_add(np.sum(t, axis=axis) - true_positives)

    def _build(self, classes: int) -> None:
        if self._classes is None:
            self._classes = classes
            shape = () if self.average == "micro" else (classes,)
            self.true_positives = self.add_variable(shape, "zeros", np.float64, name="true_positives")
            self.false_positives = self.add_variable(shape, "zeros", np.float64, name="false_positives")
            self.false_negatives = self.add_variable(shape, "zeros", np.float64, name="false_negatives")
        elif classes != self._classes:
            raise ValueError(f"{self.name} is about {self._classes} classes, but y_pred has {classes}.")

    def result(self) -> float | np.ndarray:
        if self._classes is None:
            return 0.0
        fp, fn = self.false_positives.value, self.false_negatives.value
        tp, recall_counts = self.true_positives.value, self.beta**2
        score = ratio((1 + recall_counts) * tp, (1 + recall_counts) * tp + recall_counts * fn + fp)
        if self.average is None:
            return score.astype(self.dtype)
        if self.average == "weighted":
            score = ratio(np.sum(score * (tp + fn)), np.sum(tp + fn))
        return float(np.mean(score))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall: `FBetaScore` with beta = 1, 2 TP / (2 TP + FN + FP).

    >>> F1Score("macro", threshold=0.5)([[1, 1], [0, 0]], [[0.9, 0.2], [0.3, 0.4]])
    0.5
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key != "beta"}
