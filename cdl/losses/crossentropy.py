"""Cross-entropies: -log of the probability given to the truth."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cdl import config, ops
from cdl.losses.base import Loss, values_of
from cdl.losses.rows import TOO_MANY_AXES, PrimitiveLoss, RowLoss, check_axis
from cdl.utils.numerical import as_float, as_int32


class ProbabilityLoss(RowLoss):
    """What cross-entropies of probabilities have in common: their arguments."""

    axis: int

    def __init__(
        self, from_logits: bool, label_smoothing: float, axis: int, reduction: str | None, name: str | None, dtype: Any
    ) -> None:
        super().__init__(name, reduction, dtype)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"{self.name}: label_smoothing lies in [0, 1]. Received: {label_smoothing}")
        self.from_logits, self.label_smoothing, self.axis = bool(from_logits), label_smoothing, check_axis(axis)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
        }


def warn_of_one_class(name: str, y_pred: np.ndarray) -> None:
    """As Keras does: with one class, a categorical loss is always 0."""
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"In loss {name}, expected y_pred.shape to be (batch_size, num_classes) with num_classes > 1. "
            f"Received: y_pred.shape={y_pred.shape}. Consider using 'binary_crossentropy' if you have 2 classes.",
            SyntaxWarning,
            stacklevel=4,
        )


class BinaryCrossentropy(ProbabilityLoss, PrimitiveLoss):
    """mean(-t log(p) - (1 - t) log(1 - p)) over `axis`: independent yes-or-no questions.

    p is y_pred, clipped to [1e-7, 1 - 1e-7] (`config.epsilon()`), or sigmoid(y_pred) with `from_logits`, which is more
    exact. t = y_true * (1 - label_smoothing) + label_smoothing / 2. Shapes as in `MeanSquaredError`.

    >>> round(BinaryCrossentropy()([[1.0], [0.0]], [[0.5], [0.5]]), 6)
    0.693147
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def _values(self, y_true, y_pred):
        return ops.binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing)

    def _total_and_gradient(self, y_true, y_pred, weight, scale):
        return ops.binary_crossentropy_gradient(y_true, y_pred, self.from_logits, self.label_smoothing, weight, scale)


@values_of(BinaryCrossentropy)
def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """The values of `BinaryCrossentropy`, one per row."""
    return BinaryCrossentropy(from_logits, label_smoothing, axis, reduction=None)(y_true, y_pred)


class CategoricalCrossentropy(ProbabilityLoss, PrimitiveLoss):
    """-sum(t log(p)) over `axis`: one class out of several, given as one-hot rows.

    p = y_pred / sum(y_pred), clipped to [1e-7, 1 - 1e-7], or softmax(y_pred) with `from_logits`, which is more exact.
    t = y_true * (1 - label_smoothing) + label_smoothing / d. Shapes as in `MeanSquaredError`.

    >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 6)
    0.693147
    """

    for_labels = "sparse_categorical_crossentropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def _prepare(self, y_true, y_pred):
        y_true, y_pred, mask = super()._prepare(y_true, y_pred)
        warn_of_one_class(self.name, y_pred)
        return y_true, y_pred, mask

    def _values(self, y_true, y_pred):
        return ops.categorical_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing)

    def _total_and_gradient(self, y_true, y_pred, weight, scale):
        return ops.categorical_crossentropy_gradient(
            y_true, y_pred, self.from_logits, self.label_smoothing, weight, scale
        )


@values_of(CategoricalCrossentropy)
def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """The values of `CategoricalCrossentropy`, one per row."""
    return CategoricalCrossentropy(from_logits, label_smoothing, axis, reduction=None)(y_true, y_pred)


class SparseCategoricalCrossentropy(PrimitiveLoss):
    """-log(p[label]) along `axis`: one class out of several, given as its number.

    p as in `CategoricalCrossentropy`. y_pred (..., d); y_true (...) or (..., 1) holds whole numbers 0 .. d - 1, of any
    dtype. Rows whose label is `ignore_class` do not count. ValueError for other labels and shapes.

    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 6)
    0.693147
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits, self.ignore_class, self.axis = bool(from_logits), ignore_class, check_axis(axis)

    def _prepare(self, y_true, y_pred):
        y_pred = as_float(y_pred, "y_pred", self._dtype)
        labels = as_int32(y_true, "y_true")
        if labels.ndim == y_pred.ndim and labels.shape[self.axis] == 1:
            labels = np.squeeze(labels, self.axis)
        if self.axis != -1:
            y_pred = np.moveaxis(y_pred, self.axis, -1)
        if labels.shape != y_pred.shape[:-1]:
            one_hot = "For one-hot targets, use categorical_crossentropy."
            cure = TOO_MANY_AXES if y_pred.ndim - 1 > labels.ndim else one_hot
            raise ValueError(
                f"{self.name}: y_true holds labels of shape {labels.shape}, y_pred has rows of shape "
                f"{y_pred.shape[:-1]}; they must be equal. {cure}"
            )
        if self.ignore_class is None:
            return labels, y_pred, None
        mask = labels != self.ignore_class
        return np.where(mask, labels, 0).astype(np.int32), np.where(mask[..., None], y_pred, y_pred.dtype.type(1)), mask

    def _values(self, labels, y_pred):
        return ops.sparse_categorical_crossentropy(labels, y_pred, self.from_logits)

    def _total_and_gradient(self, labels, y_pred, weight, scale):
        return ops.sparse_categorical_crossentropy_gradient(labels, y_pred, self.from_logits, weight, scale)

    def get_config(self) -> dict[str, Any]:
        axis = {} if self.axis == -1 else {"axis": self.axis}  # which Keras' configuration always leaves out
        return {**super().get_config(), "from_logits": self.from_logits, "ignore_class": self.ignore_class, **axis}


@values_of(SparseCategoricalCrossentropy)
def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> np.ndarray:
    """The values of `SparseCategoricalCrossentropy`, one per row; zero where the label is `ignore_class`."""
    return SparseCategoricalCrossentropy(from_logits, ignore_class, None, axis)(y_true, y_pred)


class CategoricalGeneralizedCrossEntropy(Loss):
    """(1 - p[label]^q) / q: a cross-entropy that bears wrong labels (Zhang and Sabuncu 2018, arXiv 1805.07836).

    q in (0, 1): towards 0 the cross-entropy, towards 1 the absolute error. y_pred (..., d) holds probabilities; y_true
    (...) or (..., 1) whole numbers 0 .. d - 1. The gradient is that at p >= 1e-7 (`config.epsilon()`). ValueError for
    another q, other labels and shapes.

    >>> CategoricalGeneralizedCrossEntropy()([0], [[0.25, 0.75]])
    1.0
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1). Received: q={q}")
        super().__init__(name, reduction, dtype)
        self.q = q

    def _prepare(self, y_true, y_pred):
        y_pred = as_float(y_pred, "y_pred", self._dtype)
        labels = as_int32(y_true, "y_true")
        labels = labels[..., 0] if labels.ndim == y_pred.ndim and labels.shape[-1] == 1 else labels
        if labels.shape != y_pred.shape[:-1]:
            raise ValueError(
                f"{self.name}: y_true holds labels of shape {labels.shape}, y_pred has rows of shape "
                f"{y_pred.shape[:-1]}; they must be equal."
            )
        check_labels(self.name, labels, y_pred.shape[-1])
        return labels[..., None], y_pred, None

    def call(self, labels, p):
        return (1 - np.take_along_axis(p, labels, -1)[..., 0] ** self.q) / self.q

    def gradient(self, labels, p):
        dp = np.zeros_like(p)
        likely = np.maximum(np.take_along_axis(p, labels, -1), config.epsilon())
        np.put_along_axis(dp, labels, -(likely ** (self.q - 1)), -1)
        return dp

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "q": self.q}


@values_of(CategoricalGeneralizedCrossEntropy)
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> np.ndarray:
    """The values of `CategoricalGeneralizedCrossEntropy`, one per row."""
    return CategoricalGeneralizedCrossEntropy(q, None)(y_true, y_pred)


def check_labels(name: str, labels: np.ndarray, classes: int) -> None:
    """ValueError for a label outside 0 .. classes - 1."""
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise ValueError(
            f"{name}: label {labels.flat[wrong[0]]} at position {wrong[0]} is outside 0..{classes - 1} (y_pred has "
            f"{classes} classes). Give the output layer more units or renumber the labels."
        )
