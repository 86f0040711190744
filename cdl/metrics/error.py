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


class MeanAbsolutePercentageError(_ErrorMetric):
    """The mean of the loss of that name, 100 |y_true - y_pred| / |y_true|."""

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(_ErrorMetric):
    """The mean of the loss of that name, (log(1 + y_true) - log(1 + y_pred))^2."""

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(_ErrorMetric):
    """The mean of the loss `log_cosh`, log(cosh(y_pred - y_true))."""

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(losses.log_cosh, name, dtype)


class Hinge(_ErrorMetric):
    """The mean of the loss of that name, max(1 - y_true y_pred, 0)."""

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(_ErrorMetric):
    """The mean of the loss of that name, max(1 - y_true y_pred, 0)^2."""

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(_ErrorMetric):
    """The mean of the loss of that name."""

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)


class Poisson(_ErrorMetric):
    """The mean of the loss of that name, y_pred - y_true log(y_pred)."""

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.poisson, name, dtype)


class KLDivergence(_ErrorMetric):
    """The mean of the loss of that name, the sum of y_true log(y_true / y_pred)."""

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


def _cosine(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    return -losses.cosine_similarity(y_true, y_pred, axis)


class CosineSimilarity(_ErrorMetric):
    """The mean of the cosine of the angle between y_true and y_pred along `axis`: the loss of that name, negated.

    >>> round(CosineSimilarity()([[3.0, 4.0]], [[4.0, 3.0]]), 6)
    0.96
    """

    _direction = "up"

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(_cosine, name, dtype, axis=axis)
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        # Keras' configuration never has the axis, but reads it.
        config = Metric.get_config(self)
        return config if self.axis == -1 else {**config, "axis": self.axis}


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
