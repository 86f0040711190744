"""The area under a curve of two ratios, drawn by moving a threshold from above all predictions to below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import config
from cdl.activations import sigmoid
from cdl.metrics.arrays import alike, ratio, weight_for
from cdl.metrics.confusion import ConfusionMetric
from cdl.utils.numerical import as_float

CURVES = {"ROC": "ROC", "roc": "ROC", "PR": "PR", "pr": "PR", "PRGAIN": "PRGAIN", "prgain": "PRGAIN"}
METHODS = {word: word.lower() for name in ("interpolation", "majoring", "minoring") for word in (name, name.title())}


class AUC(ConfusionMetric):
    """The area under the ROC or the precision-recall curve.

    `curve`: "ROC", TP / (TP + FN) over FP / (FP + TN): the chance that a positive element is predicted higher than a
    negative one. "PR", precision over recall. "PRGAIN", both as gains over always saying yes (Flach and Kull, 2015).

    The curve is known at `num_thresholds` points, thresholds of equal distance (or `thresholds` in (0, 1), to which one
    below 0 and one above 1 are added). Between two of them `summation_method` takes: "interpolation", the mean of the
    heights, and for PR the exact area for TP and FP that grow linearly (Davis and Goadrich, 2006); "minoring", the
    lower; "majoring", the higher.

    y_true (0 or 1), y_pred in [0, 1] of one shape, or logits if `from_logits`. With `multi_label`, of shape (samples,
    labels): the mean of the areas of all labels, weighted by `label_weights` (labels,). Without it, `label_weights`
    weigh the elements. `num_labels` is known from the first batch, or given. 0 before the first batch.
    Raises ValueError for unknown words, num_thresholds < 2, shapes that do not fit.

    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.75
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        if curve not in CURVES:
            raise ValueError(f'Invalid AUC curve value: "{curve}". Expected values are ["PR", "ROC", "PRGAIN"]')
        if summation_method not in METHODS:
            raise ValueError(
                f'Invalid AUC summation method value: "{summation_method}". '
                'Expected values are ["interpolation", "majoring", "minoring"]'
            )
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 1. Received: num_thresholds={num_thresholds}"
            )
        if num_labels and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        inner = np.linspace(0, 1, num_thresholds)[1:-1].tolist() if thresholds is None else sorted(thresholds)
        self.thresholds = [-config.epsilon(), *inner, 1 + config.epsilon()]
        super().__init__(self.thresholds, name, dtype, (num_labels or 0) if multi_label else None)
        self.num_thresholds = len(self.thresholds)
        self.curve, self.summation_method = CURVES[curve], METHODS[summation_method]
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else as_float(label_weights, "label_weights", np.float64)
        self._own_thresholds = thresholds is not None

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        label, prediction = alike(self.name, as_float(y_true, "y_true"), as_float(y_pred, "y_pred", self.dtype))
        shape = prediction.shape
        weight = None if sample_weight is None else weight_for(self.name, sample_weight, shape)
        if self.multi_label:
            self._check_labels(shape)
        elif self.label_weights is not None:
            of_labels = weight_for(self.name, self.label_weights[None], shape, "label_weights")
            weight = of_labels if weight is None else weight * of_labels
        self._count(label != 0, sigmoid(prediction) if self.from_logits else prediction, weight)

    def _check_labels(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 2:
            raise ValueError(
                f"{self.name}: with multi_label=True, y_pred has shape (samples, labels). Received: {shape}"
            )
        labels = self._labels or shape[1]
        if shape[1] != labels:
            raise ValueError(f"{self.name} is about {labels} labels, but y_pred has shape {shape}.")
        if self.label_weights is not None and self.label_weights.shape != (labels,):
            raise ValueError(
                f"{self.name}: label_weights has shape {self.label_weights.shape}, but there are {labels} labels."
            )
        if not self._labels:
            self._add_counts(labels)

    def result(self) -> float:
        if self._labels == 0:  # no batch has told their number
            return 0.0
        areas = np.sum(self._areas(), axis=0)
        if not self.multi_label:
            return float(areas)
        return float(np.mean(areas) if self.label_weights is None else np.average(areas, weights=self.label_weights))

    def _areas(self) -> np.ndarray:
        """The area between each point of the curve and the next; the first point is that of the lowest threshold."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._areas_of_linear_counts()
        x, y = self._curve()
        lower, upper = y[:-1], y[1:]
        if self.summation_method == "interpolation":
            heights = (lower + upper) / 2
        else:
            heights = (np.minimum if self.summation_method == "minoring" else np.maximum)(lower, upper)
        return (x[:-1] - x[1:]) * heights

    def _curve(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y at each threshold."""
        tp, fp, tn, fn = (getattr(self, name).value for name in self._counted)
        if self.curve == "ROC":
            return ratio(fp, fp + tn), ratio(tp, tp + fn)
        if self.curve == "PR":
            return ratio(tp, tp + fn), ratio(tp, tp + fp)
        # Gains compare with the share of positives. They are undefined without true positives (here 0 and 1), and
        # that of recall is negative below it (here 0).
        odds = ratio(tp + fn, tn + fp)
        recall_gain = np.where(tp == 0, 0.0, 1 - odds * ratio(fn, tp))
        return np.maximum(recall_gain, 0), 1 - odds * ratio(fp, tp)

    def _areas_of_linear_counts(self) -> np.ndarray:
        """The areas under precision over recall where TP and P = TP + FP grow linearly from a point a to b.

        With slope s = dTP / dP and TP = c + s P, the integral of TP / P over TP is s (dTP + c log(P_b / P_a)), without
        the logarithm where P_a = 0.
        """
        tp, p = self.true_positives.value, self.true_positives.value + self.false_positives.value
        rise = tp[:-1] - tp[1:]
        slope = ratio(rise, np.maximum(p[:-1] - p[1:], 0))
        intercept = tp[1:] - slope * p[1:]
        growth = np.divide(p[:-1], p[1:], out=np.ones_like(rise), where=(p[:-1] > 0) & (p[1:] > 0))
        return ratio(slope * (rise + intercept * np.log(growth)), tp[1:] + self.false_negatives.value[1:])

    def get_config(self) -> dict[str, Any]:
        settings = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
        }
        return {**settings, "thresholds": self.thresholds[1:-1]} if self._own_thresholds else settings
