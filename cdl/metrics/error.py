"""Metrics that are means of a loss: errors and cross-entropies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cdl import losses
from cdl.metrics.arrays import alike
from cdl.metrics.metric import Metric
from cdl.metrics.reduction import Mean, MeanMetricWrapper
from cdl.utils.numerical import as_float, squeeze_or_expand_to_same_rank


class _ErrorMetric(MeanMetricWrapper):
    _direction = "down"

    def get_config(self) -> dict[str, Any]:
        return {**Metric.get_config(self), **self._fn_kwargs}


class MeanSquaredError(_ErrorMetric):
    """The mean of (y_true - y_pred)^2.

    >>> MeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    0.25
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(_ErrorMetric):
    """The mean of |y_true - y_pred|."""

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


class RootMeanSquaredError(Mean):
    """The square root of the mean of (y_true - y_pred)^2 over all batches.

    Masked steps do not count, as in `MeanSquaredError`, whose root this is. (In Keras 3.15 they count here.)

    >>> RootMeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    0.5
    """

    heeds_masks = True
    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        y_true, y_pred = alike(self.name, as_float(y_true, "y_true"), as_float(y_pred, "y_pred"))
        super().update_state(np.square(y_pred - y_true), sample_weight)

    def result(self) -> float:
        return math.sqrt(super().result())


class BinaryCrossentropy(_ErrorMetric):
    """The mean of the loss of that name."""

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            losses.binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing
        )


class CategoricalCrossentropy(_ErrorMetric):
    """The mean of the loss of that name."""

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(_ErrorMetric):
    """The mean of the loss of that name; as in Keras, a row of `ignore_class` counts as zero if nothing is weighted."""

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.ignore_class = ignore_class

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        if sample_weight is not None and self.ignore_class is not None:
            weight = as_float(sample_weight, "sample_weight")
            weight, counts = squeeze_or_expand_to_same_rank(weight, np.asarray(y_true) != self.ignore_class)
            sample_weight = weight * counts
        super().update_state(y_true, y_pred, sample_weight)
