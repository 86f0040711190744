"""Losses of numbers: how far predictions are from them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cdl import config, ops
from cdl.losses.base import values_of
from cdl.losses.rows import PrimitiveLoss, RowLoss, check_axis


class MeanSquaredError(PrimitiveLoss):
    """mean((y_true - y_pred)^2) over the last axis.

    y_true, y_pred (..., d); (n,) beside (n, 1) also fits. ValueError for other shapes.

    >>> MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def _values(self, y_true, y_pred):
        return ops.mean_squared_error(y_true, y_pred)

    def _total_and_gradient(self, y_true, y_pred, weight, scale):
        return ops.mean_squared_error_gradient(y_true, y_pred, weight, scale)


@values_of(MeanSquaredError)
def mean_squared_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `MeanSquaredError`, one per row."""
    return MeanSquaredError(reduction=None)(y_true, y_pred)


class MeanAbsoluteError(PrimitiveLoss):
    """mean(|y_true - y_pred|) over the last axis. Shapes as in `MeanSquaredError`.

    >>> MeanAbsoluteError()([[0.0, 1.0]], [[3.0, 1.0]])
    1.5
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def _values(self, y_true, y_pred):
        return ops.mean_absolute_error(y_true, y_pred)

    def _total_and_gradient(self, y_true, y_pred, weight, scale):
        return ops.mean_absolute_error_gradient(y_true, y_pred, weight, scale)


@values_of(MeanAbsoluteError)
def mean_absolute_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `MeanAbsoluteError`, one per row."""
    return MeanAbsoluteError(reduction=None)(y_true, y_pred)


class MeanAbsolutePercentageError(RowLoss):
    """100 mean(|y_true - y_pred| / max(|y_true|, 1e-7)) over the last axis, in percent of the truth.

    1e-7 is `config.epsilon()`: a truth of 0 makes it huge. Shapes as in `MeanSquaredError`.

    >>> MeanAbsolutePercentageError()([[2.0, 4.0]], [[3.0, 4.0]])
    25.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, t, p):
        return 100 * np.mean(np.abs(p - t) / np.maximum(np.abs(t), config.epsilon()), axis=-1)

    def gradient(self, t, p):
        return 100 / p.shape[-1] * np.sign(p - t) / np.maximum(np.abs(t), config.epsilon())


@values_of(MeanAbsolutePercentageError)
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `MeanAbsolutePercentageError`, one per row."""
    return MeanAbsolutePercentageError(reduction=None)(y_true, y_pred)


class MeanSquaredLogarithmicError(RowLoss):
    """mean((log(1 + y_true) - log(1 + y_pred))^2) over the last axis: for positive numbers of any size.

    Numbers below 1e-7 (`config.epsilon()`) count as that, and have no gradient. Shapes as in `MeanSquaredError`.

    >>> round(MeanSquaredLogarithmicError()([[math.e - 1]], [[0.0]]), 6)
    1.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, t, p):
        return np.mean(self._difference(t, p) ** 2, axis=-1)

    def gradient(self, t, p):
        inside = p > config.epsilon()
        return 2 / p.shape[-1] * self._difference(t, p) * inside / np.where(inside, 1 + p, 1)

    def _difference(self, t, p):
        return np.log1p(np.maximum(p, config.epsilon())) - np.log1p(np.maximum(t, config.epsilon()))


@values_of(MeanSquaredLogarithmicError)
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `MeanSquaredLogarithmicError`, one per row."""
    return MeanSquaredLogarithmicError(reduction=None)(y_true, y_pred)


class Huber(RowLoss):
    """mean(e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2) over the last axis, e = y_pred - y_true.

    The square near zero, the absolute value beyond, so that outliers pull with `delta` at most (Huber 1964, "Robust
    estimation of a location parameter"). Shapes as in `MeanSquaredError`.

    >>> Huber()([[0.0, 0.0]], [[1.0, 3.0]])
    1.5
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = delta

    def call(self, t, p):
        error = np.abs(p - t)
        near = np.minimum(error, self.delta)
        return np.mean(near * (error - near / 2), axis=-1)  # both cases in one

    def gradient(self, t, p):
        return np.clip(p - t, -self.delta, self.delta) / p.shape[-1]

    def get_config(self) -> dict[str, Any]:
        # Keras' configuration never has delta, but reads it.
        return super().get_config() if self.delta == 1 else {**super().get_config(), "delta": self.delta}


@values_of(Huber)
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> np.ndarray:
    """The values of `Huber`, one per row."""
    return Huber(delta, None)(y_true, y_pred)


class LogCosh(RowLoss):
    """mean(log(cosh(y_pred - y_true))) over the last axis: about e^2 / 2 near zero, |e| - log(2) far from it.

    Shapes as in `MeanSquaredError`.

    >>> round(LogCosh()([[0.0, 0.0]], [[1.0, 0.0]]), 6)
    0.21689
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "log_cosh", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, t, p):
        error = np.abs(p - t)
        return np.mean(error + np.log1p(np.exp(-2 * error)) - math.log(2), axis=-1)  # cosh itself would overflow

    def gradient(self, t, p):
        return np.tanh(p - t) / p.shape[-1]


@values_of(LogCosh)
def log_cosh(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `LogCosh`, one per row."""
    return LogCosh(reduction=None)(y_true, y_pred)


class CosineSimilarity(RowLoss):
    """-cos of the angle between y_true and y_pred along `axis`: -1 for the same direction, 1 for the opposite one.

    Vectors shorter than 1e-7 (`config.epsilon()`) are divided by that instead of their length, so that zero gives 0.
    Shapes as in `MeanSquaredError`.

    >>> CosineSimilarity()([[3.0, 4.0]], [[4.0, 3.0]])
    -0.96
    """

    axis: int

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = check_axis(axis)

    def call(self, t, p):
        return -np.sum(unit(t)[0] * unit(p)[0], axis=-1)

    def gradient(self, t, p):
        (t, _), (p, length) = unit(t), unit(p)
        along = np.sum(t * p, axis=-1, keepdims=True) * p  # what a longer p would gain; nothing, once it is scaled
        return np.where(length > config.epsilon(), along - t, -t) / np.maximum(length, config.epsilon())

    def get_config(self) -> dict[str, Any]:
        # Keras' configuration never has the axis, but reads it.
        return super().get_config() if self.axis == -1 else {**super().get_config(), "axis": self.axis}


def unit(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row of length 1, and the length that it had."""
    length = np.sqrt(np.sum(x * x, axis=-1, keepdims=True))
    return x / np.maximum(length, config.epsilon()), length


@values_of(CosineSimilarity)
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    """The values of `CosineSimilarity`, one per row."""
    return CosineSimilarity(axis, None)(y_true, y_pred)
