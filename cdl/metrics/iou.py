"""Intersection over union: how well predicted regions cover the true ones, from a matrix of true by predicted class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.metrics.arrays import ratio, weight_for
from cdl.metrics.metric import Metric
from cdl.utils.numerical import as_float, as_integer


class IoU(Metric):
    """The mean over some classes of TP / (TP + FP + FN): their intersection over their union.

    Classes of `target_class_ids` that are neither true nor predicted anywhere do not count; 0 if none does.

    y_true and y_pred hold class numbers; where `sparse_y_true` or `sparse_y_pred` is False, one score for each class
    along `axis`, of which the largest is taken. `ignore_class`: targets that do not count; neither do those outside
    0 .. num_classes - 1. `sample_weight` for each element, or for each index of the first axes. `total_cm` is the
    matrix of true class by predicted class. It holds float64, so weights count as they are. (Keras 3.15 keeps integers
    unless `dtype` says otherwise, and weights below 1 vanish.)
    Raises ValueError for target ids outside 0 .. num_classes - 1, numbers that are not whole, unlike sizes.

    >>> IoU(2, [0])([0, 0, 1, 1], [0, 1, 0, 1])
    0.3333333333333333
    """

    heeds_masks = True
    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__("int32" if dtype in (None, "int") else dtype, name)
        outside = [target for target in target_class_ids if not 0 <= target < num_classes]
        if outside:
            raise ValueError(f"Target class id {outside[0]} is out of range, which is [0, {num_classes}).")
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_variable(
            (num_classes, num_classes), "zeros", np.float64, name="total_confusion_matrix"
        )

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        t = self._classes(y_true, "y_true", self.sparse_y_true)
        p = self._classes(y_pred, "y_pred", self.sparse_y_pred)
        if t.size != p.size:
            raise ValueError(f"{self.name}: y_true has the classes of {t.size} elements, y_pred those of {p.size}.")
        weight = None if sample_weight is None else weight_for(self.name, sample_weight, t.shape).ravel()
        t, p, n = t.ravel(), p.ravel(), self.num_classes
        counts = (t >= 0) & (t < n) & (p >= 0) & (p < n)
        if self.ignore_class is not None:
            counts &= t != self.ignore_class
        if not counts.all():
            t, p, weight = t[counts], p[counts], None if weight is None else weight[counts]
        self.total_cm.assign_add(np.bincount(t * n + p, weight, n * n).reshape(n, n))

    def _classes(self, y: Any, name: str, sparse: bool) -> np.ndarray:
        if not sparse:
            return as_float(y, name).argmax(self.axis)
        try:
            return as_integer(y, name)
        except ValueError as error:
            raise ValueError(
                f"{self.name}: {error} For scores, use sparse_{name}=False, or BinaryIoU with its threshold."
            ) from None

    def result(self) -> float:
        matrix = self.total_cm.value
        intersection = np.diagonal(matrix)[self.target_class_ids]
        union = (matrix.sum(axis=0) + matrix.sum(axis=1))[self.target_class_ids] - intersection
        return float(np.sum(ratio(intersection, union)) / max(np.count_nonzero(union > 1e-9), 1))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }

    def _config_without(self, *names: str) -> dict[str, Any]:
        return {key: value for key, value in IoU.get_config(self).items() if key not in names}


class BinaryIoU(IoU):
    """`IoU` of two classes, where y_pred is a score: class 1 from `threshold` on, 0 below.

    >>> BinaryIoU([0, 1], threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])
    0.3333333333333333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_true, as_float(y_pred, "y_pred", np.float32) >= self.threshold, sample_weight)

    def get_config(self) -> dict[str, Any]:
        left_out = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**self._config_without(*left_out), "threshold": self.threshold}


class MeanIoU(IoU):
    """The mean of TP / (TP + FP + FN) over all classes that occur. Arguments as in `IoU`.

    >>> MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])
    0.3333333333333333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return self._config_without("target_class_ids")


class OneHotIoU(IoU):
    """`IoU` of one-hot targets; y_pred holds scores of the same shape, or class numbers if `sparse_y_pred`.

    >>> OneHotIoU(2, [0])([[1, 0], [0, 1]], [[0.9, 0.1], [0.8, 0.2]])
    0.5
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return self._config_without("sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot targets; y_pred holds scores of the same shape, or class numbers if `sparse_y_pred`.

    >>> OneHotMeanIoU(2)([[1, 0], [0, 1]], [[0.9, 0.1], [0.8, 0.2]])
    0.25
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return self._config_without("target_class_ids", "sparse_y_true")
