"""Right and wrong, positive and negative: counts of predictions above thresholds, and the ratios of such counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from cdl import config
from cdl.metrics.arrays import alike, ratio, weight_for
from cdl.metrics.metric import Metric
from cdl.utils.numerical import as_float
from cdl.variable import Variable

# Not among the best k: below every threshold. (Keras' number, which is also the threshold for top_k alone.)
NOT_CHOSEN = -1e10


class ConfusionMetric(Metric):
    """A metric of how many elements are truly or falsely predicted positive or negative, at each of some thresholds.

    A prediction is positive where y_pred > threshold. Everything follows from one histogram over (label, number of
    thresholds below the prediction), which costs O(elements) however many thresholds there are.

    `_counted` names the outcomes that are kept, as variables of shape (thresholds,), or (thresholds, labels) where
    `labels` is a number: then each column of y (n, labels) is counted by itself. With 0 labels, `_add_counts` is to be
    called when their number is known.
    """

    true_positives: Variable
    false_positives: Variable
    true_negatives: Variable
    false_negatives: Variable

    heeds_masks = True
    _counted: ClassVar[tuple[str, ...]] = ("true_positives", "false_positives", "true_negatives", "false_negatives")

    def __init__(self, thresholds: Sequence[float], name: str | None, dtype: Any, labels: int | None = None) -> None:
        super().__init__(dtype, name)
        n = len(thresholds)
        # The outer thresholds of AUC lie epsilon outside [0, 1], so that every prediction is above the first.
        self._least_below = 1 if n and thresholds[0] < 0 else 0
        self._even = n > 2 and np.allclose(thresholds, np.linspace(0, 1, n), atol=2 * config.epsilon())
        given = np.asarray(thresholds, self.dtype)
        self._sorted = np.sort(given)
        self._columns = 1 + np.searchsorted(self._sorted, given)
        self._labels = labels
        if labels != 0:
            self._add_counts(labels)

    def _add_counts(self, labels: int | None) -> None:
        self._labels = labels
        shape = (len(self._columns),) if labels is None else (len(self._columns), labels)
        for name in self._counted:
            setattr(self, name, self.add_variable(shape, "zeros", np.float64, name=name))

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        label, prediction = alike(self.name, as_float(y_true, "y_true"), as_float(y_pred, "y_pred", self.dtype))
        weight = None if sample_weight is None else weight_for(self.name, sample_weight, prediction.shape)
        self._count(label != 0, prediction, weight)

    def _count(self, label: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None) -> None:
        """Add elements: their boolean labels, predictions and weights, of one shape."""
        size = len(self._columns) + 1
        bins = self._number_below(prediction) + size * label
        if self._labels is not None:
            bins += 2 * size * np.arange(self._labels)
        weights = None if weight is None else weight.ravel()
        histogram = np.bincount(bins.ravel(), weights, 2 * size * (self._labels or 1)).reshape(-1, 2, size)
        # Entry i: the weight of elements with at least i thresholds below them; entry 0 is all of it.
        at_least = np.cumsum(histogram[..., ::-1], axis=-1)[..., ::-1]
        positive = at_least[..., self._columns]
        negative = at_least[..., :1] - positive
        outcomes = {
            "true_positives": positive[:, 1],
            "false_positives": positive[:, 0],
            "true_negatives": negative[:, 0],
            "false_negatives": negative[:, 1],
        }
        for name in self._counted:
            counts = outcomes[name]
            getattr(self, name).assign_add(counts[0] if self._labels is None else counts.T)

    def _number_below(self, prediction: np.ndarray) -> np.ndarray:
        """How many thresholds are less than each prediction; NaN exceeds none."""
        if not self._even:
            return np.searchsorted(self._sorted, np.fmax(prediction, -np.inf))
        steps = len(self._columns) - 1
        number = np.ceil(np.fmin(np.fmax(prediction, 0), 1) * steps).astype(np.intp)
        return np.fmax(number, self._least_below) if self._least_below else number

    def _column(self, class_id: int, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        """The part (..., 1) of both that is about one class."""
        label, prediction = alike(self.name, y_true, y_pred)
        if prediction.ndim < 2:
            raise ValueError(
                f"{self.name}: with class_id, y_pred must have shape (samples, classes). Received: {prediction.shape}"
            )
        if not -prediction.shape[-1] <= class_id < prediction.shape[-1]:
            raise ValueError(
                f"{self.name}: class_id={class_id}, but y_pred of shape {prediction.shape} has {prediction.shape[-1]} "
                "classes."
            )
        return label[..., class_id, None], prediction[..., class_id, None]

    def _one_or_all(self, values: np.ndarray) -> float | np.ndarray:
        return float(values[0]) if len(values) == 1 else values.astype(self.dtype)


def as_thresholds(thresholds: Any, default: float = 0.5) -> list[float]:
    """A list of thresholds from None, a number or several. ValueError for one outside [0, 1]."""
    if thresholds is None:
        return [default]
    several = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    wrong = [threshold for threshold in several if threshold is None or not 0 <= threshold <= 1]
    if wrong:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    return several


# -------------------------------------------------------------------------------------------------------------- counts


class _Count(ConfusionMetric):
    """The weight of one outcome: a number, or an array if several thresholds are given."""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        self.init_thresholds, self.thresholds = thresholds, as_thresholds(thresholds)
        super().__init__(self.thresholds, name, dtype)

    def result(self) -> float | np.ndarray:
        return self._one_or_all(getattr(self, self._counted[0]).value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """The number of elements with y_true = 1 and y_pred > threshold; with weights, their sum.

    `thresholds`: a number or a list in [0, 1] (default 0.5); a list gives an array. ValueError outside.

    >>> TruePositives()([0, 1, 1, 1], [1, 0, 1, 1])
    2.0
    """

    _counted = ("true_positives",)


class TrueNegatives(_Count):
    """The number of elements with y_true = 0 and y_pred <= threshold. Arguments as in `TruePositives`.

    >>> TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0])
    2.0
    """

    _counted = ("true_negatives",)


class FalsePositives(_Count):
    """The number of elements with y_true = 0 and y_pred > threshold. Arguments as in `TruePositives`.

    >>> FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1])
    2.0
    """

    _counted = ("false_positives",)


class FalseNegatives(_Count):
    """The number of elements with y_true = 1 and y_pred <= threshold. Arguments as in `TruePositives`.

    >>> FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0])
    2.0
    """

    _counted = ("false_negatives",)


# -------------------------------------------------------------------------------------------------------------- ratios


class _ShareOfTruePositives(ConfusionMetric):
    """true positives / (true positives + the second of `_counted`), 0 where there are none of both."""

    _direction = "up"

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = as_thresholds(thresholds, 0.5 if top_k is None else NOT_CHOSEN)
        super().__init__(self.thresholds, name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        if self.top_k is not None:
            y_pred = _best(self.name, self.top_k, as_float(y_pred, "y_pred"))
        if self.class_id is not None:
            y_true, y_pred = self._column(self.class_id, y_true, y_pred)
        super().update_state(y_true, y_pred, sample_weight)

    def result(self) -> float | np.ndarray:
        true_positives, others = (getattr(self, name).value for name in self._counted)
        return self._one_or_all(ratio(true_positives, true_positives + others))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


def _best(who: str, k: int, y_pred: np.ndarray) -> np.ndarray:
    """The k largest entries of each row (of equal ones, the first); all others become `NOT_CHOSEN`."""
    if not 0 <= k <= y_pred.shape[-1]:
        raise ValueError(f"{who}: top_k={k}, but the last axis of y_pred, of shape {y_pred.shape}, is shorter.")
    chosen = np.argsort(-y_pred, axis=-1, kind="stable")[..., :k]
    best = np.full_like(y_pred, NOT_CHOSEN)
    np.put_along_axis(best, chosen, np.take_along_axis(y_pred, chosen, -1), -1)
    return best


class Precision(_ShareOfTruePositives):
    """The share of what is predicted positive that is: TP / (TP + FP), 0 where nothing is predicted positive.

    An element counts as predicted where y_pred > threshold, and, with `top_k`, where it is also among the k largest of
    its row. y_true (0 or 1), y_pred (..., classes) or of any one shape; `sample_weight` for each element, or for each
    index of the first axes.

    Parameters: `thresholds`, a number or a list in [0, 1] (default 0.5, none if top_k is given; 0 suits logits); a list
    gives an array. `top_k`. `class_id`: count this column only.
    Raises ValueError for thresholds outside [0, 1], top_k or class_id beyond the classes, shapes that do not fit.

    >>> Precision()([0, 1, 1, 1], [1, 0, 1, 1])
    0.6666666666666666
    """

    _counted = ("true_positives", "false_positives")


class Recall(_ShareOfTruePositives):
    """The share of what is positive that is predicted so: TP / (TP + FN), 0 where nothing is. See `Precision`.

    >>> Recall()([0, 1, 1, 1], [1, 0, 1, 1])
    0.6666666666666666
    """

    _counted = ("true_positives", "false_negatives")
