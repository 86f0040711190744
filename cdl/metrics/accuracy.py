"""How often predictions are right. Each metric is the mean of matches: True where a prediction is right."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import config, ops
from cdl.metrics.arrays import alike
from cdl.metrics.metric import Metric
from cdl.metrics.reduction import MeanMetricWrapper
from cdl.utils.numerical import as_float, as_int32, as_integer


def _rows_alike(who: str, labels: np.ndarray, y_pred: np.ndarray) -> None:
    if labels.shape != y_pred.shape[:-1]:
        raise ValueError(
            f"{who}: y_true has rows of shape {labels.shape}, y_pred of shape {y_pred.shape[:-1]}; they must be equal."
        )


def _equal(y_true: Any, y_pred: Any) -> np.ndarray:
    y_true, y_pred = alike("accuracy", y_true, y_pred)
    return y_true == y_pred


def _binary(y_true: Any, y_pred: Any, threshold: float = 0.5) -> np.ndarray:
    y_true, y_pred = alike("binary_accuracy", y_true, y_pred)
    return y_true == (y_pred > threshold)


def _categorical(y_true: Any, y_pred: Any) -> np.ndarray:
    y_true, y_pred = np.asarray(y_true), as_float(y_pred, "y_pred")
    labels = y_true.argmax(-1)
    _rows_alike("categorical_accuracy", labels, y_pred)
    return labels == ops.argmax(y_pred)


def _labels_and_rows(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    labels, y_pred = as_int32(y_true, "y_true"), as_float(y_pred, "y_pred")
    if labels.ndim == y_pred.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    _rows_alike("sparse_categorical_accuracy", labels, y_pred)
    return labels, y_pred


def _sparse_categorical(y_true: Any, y_pred: Any) -> np.ndarray:
    labels, y_pred = _labels_and_rows(y_true, y_pred)
    matches = labels == ops.argmax(y_pred)
    return matches[..., 0] if matches.ndim > 1 and matches.shape[-1] == 1 else matches


def _top_k(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    return _sparse_top_k(np.asarray(y_true).argmax(-1), y_pred, k)


def _sparse_top_k(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> np.ndarray:
    labels, y_pred = as_integer(y_true, "y_true"), np.asarray(y_pred)
    _rows_alike("sparse_top_k_categorical_accuracy", labels, y_pred)
    if from_sorted_ids:
        return np.any(labels[..., None] == y_pred[..., :k], axis=-1)
    rows, index = y_pred.reshape(-1, y_pred.shape[-1]), labels.reshape(-1)
    known = (index >= 0) & (index < rows.shape[-1])
    score = rows[np.arange(len(rows)), np.where(known, index, 0)]
    # Equal scores all count as the better one; NaN is no score.
    rank = (rows > np.fmax(score, -np.inf)[:, None]).sum(axis=-1)
    return (known & (rank < k)).reshape(labels.shape)


def _floats(matches: np.ndarray) -> np.ndarray:
    return matches.astype(config.floatx())


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> np.ndarray:
    """1 where (y_pred > threshold) equals y_true (0 or 1), else 0; one number per element."""
    return _floats(_binary(y_true, y_pred, threshold))


def categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 where the largest entries of y_true and y_pred (..., d) are at the same place, else 0; one number per row."""
    return _floats(_categorical(y_true, y_pred))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """1 where the largest entry of y_pred (..., d) is at y_true (...) or (..., 1), else 0; one number per row."""
    return _floats(_sparse_categorical(y_true, y_pred))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    """1 where the class of the one-hot y_true is among the k largest entries of y_pred, else 0; one number per row."""
    return _floats(_top_k(y_true, y_pred, k))


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> np.ndarray:
    """1 where the class y_true is among the k largest entries of y_pred, else 0; one number per row.

    `from_sorted_ids`: y_pred holds class numbers, the best first.
    """
    return _floats(_sparse_top_k(y_true, y_pred, k, from_sorted_ids))


class _AccuracyMetric(MeanMetricWrapper):
    _direction = "up"

    def get_config(self) -> dict[str, Any]:
        return Metric.get_config(self)


class Accuracy(_AccuracyMetric):
    """The share of elements of y_pred that equal y_true.

    >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    0.75
    """

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(_equal, name, dtype)


class BinaryAccuracy(_AccuracyMetric):
    """The share of elements for which (y_pred > threshold) equals y_true.

    >>> BinaryAccuracy()([1, 1, 0, 0], [0.98, 1, 0, 0.6])
    0.75
    """

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(_binary, name, dtype, threshold=threshold)
        self.threshold = threshold

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


class CategoricalAccuracy(_AccuracyMetric):
    """The share of rows whose largest prediction is at the one-hot target.

    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.1, 0.9], [0.4, 0.6]])
    0.5
    """

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(_categorical, name, dtype)


class SparseCategoricalAccuracy(_AccuracyMetric):
    """The share of rows whose largest prediction is at the target's class number.

    >>> SparseCategoricalAccuracy()([1, 0], [[0.1, 0.9], [0.4, 0.6]])
    0.5
    """

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(_sparse_categorical, name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        if sample_weight is not None:
            super().update_state(y_true, y_pred, sample_weight)
            return
        labels, y_pred = _labels_and_rows(y_true, y_pred)  # few calls: this is part of every training step
        if labels.size:
            samples = len(labels) if labels.ndim else 1
            self.total += ops.count_argmax(y_pred, labels) * (samples / labels.size)
            self.count += samples


class TopKCategoricalAccuracy(_AccuracyMetric):
    """The share of rows whose one-hot target is among the k largest predictions."""

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(_top_k, name, dtype, k=k)
        self.k = k

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k}


class SparseTopKCategoricalAccuracy(_AccuracyMetric):
    """The share of rows whose class number is among the k largest predictions (`from_sorted_ids`: the first k ids)."""

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(_sparse_top_k, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
        self.k, self.from_sorted_ids = k, from_sorted_ids

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "k": self.k}
        return {**config, "from_sorted_ids": True} if self.from_sorted_ids else config
