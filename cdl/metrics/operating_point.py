"""The best value of one ratio where another reaches a demanded level: a point on the ROC or precision-recall curve."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.metrics.arrays import ratio
from cdl.metrics.confusion import ConfusionMetric


class _OperatingPoint(ConfusionMetric):
    """The largest `_wanted()` over all thresholds at which `_demanded()` is at least `value`; 0 if there is none."""

    _direction = "up"
    _argument: str  # the name of the demanded ratio in the constructor and in configs

    def __init__(self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any) -> None:
        if not 0 <= value <= 1:
            raise ValueError(
                f"Argument `{self._argument}` must be in the range [0, 1]. Received: {self._argument}={value}"
            )
        if num_thresholds <= 0:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 0. Received: num_thresholds={num_thresholds}"
            )
        self.value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        self.thresholds = [0.5] if num_thresholds == 1 else np.linspace(0, 1, num_thresholds).tolist()
        super().__init__(self.thresholds, name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        if self.class_id is not None:
            y_true, y_pred = self._column(self.class_id, y_true, y_pred)
        super().update_state(y_true, y_pred, sample_weight)

    def _recall(self) -> np.ndarray:
        return ratio(self.true_positives.value, self.true_positives.value + self.false_negatives.value)

    def _specificity(self) -> np.ndarray:
        return ratio(self.true_negatives.value, self.true_negatives.value + self.false_positives.value)

    def _precision(self) -> np.ndarray:
        return ratio(self.true_positives.value, self.true_positives.value + self.false_positives.value)

    def _best(self, wanted: np.ndarray, demanded: np.ndarray) -> float:
        return float(np.max(wanted, initial=0.0, where=demanded >= self.value))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "class_id": self.class_id,
            "num_thresholds": self.num_thresholds,
            self._argument: self.value,
        }


class SensitivityAtSpecificity(_OperatingPoint):
    """The highest sensitivity TP / (TP + FN) among thresholds with a specificity TN / (TN + FP) >= `specificity`.

    `specificity` in [0, 1]; `num_thresholds` of equal distance in [0, 1] (default 200; 1 means 0.5); `class_id`: this
    column only. y_true (0 or 1), y_pred in [0, 1], of one shape. 0 if no threshold reaches it. ValueError for other
    values.

    >>> SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    _argument = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> float:
        return self._best(self._recall(), self._specificity())


class SpecificityAtSensitivity(_OperatingPoint):
    """The highest specificity TN / (TN + FP) among thresholds with a sensitivity TP / (TP + FN) >= `sensitivity`.

    Arguments as in `SensitivityAtSpecificity`.

    >>> SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.6666666666666666
    """

    _argument = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> float:
        return self._best(self._specificity(), self._recall())


class PrecisionAtRecall(_OperatingPoint):
    """The highest precision TP / (TP + FP) among thresholds with a recall TP / (TP + FN) >= `recall`.

    Arguments as in `SensitivityAtSpecificity`.

    >>> PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    _argument = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> float:
        return self._best(self._precision(), self._recall())


class RecallAtPrecision(_OperatingPoint):
    """The highest recall TP / (TP + FN) among thresholds with a precision TP / (TP + FP) >= `precision`.

    Arguments as in `SensitivityAtSpecificity`.

    >>> RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.5
    """

    _argument = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> float:
        return self._best(self._recall(), self._precision())
