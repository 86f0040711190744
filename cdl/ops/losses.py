"""Losses: a value for each row, and the gradient of their weighted sum."""

from __future__ import annotations

import numpy as np

from cdl import backend, config
from cdl.ops.checks import refuse

#
# Each loss is a pair. The value, one number per row of y_pred (..., d); and `_gradient`, which returns
#     total = scale * sum(weight * value)      and      dy = d total / d y_pred
# in one pass. `weight` holds one number per row, or is None for ones.


def mean_squared_error(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """mean over d of (y_pred - y_true)^2.    (..., d), (..., d) -> (...)"""
    _same_shape("mean_squared_error", y_true, y_pred)
    return backend.active.mean_squared_error(y_true, y_pred)


def mean_squared_error_gradient(
    y_true: np.ndarray, y_pred: np.ndarray, weight: np.ndarray | None = None, scale: float = 1.0
) -> tuple[float, np.ndarray]:
    """dy = scale * weight * 2 (y_pred - y_true) / d"""
    _same_shape("mean_squared_error", y_true, y_pred, weight)
    return backend.active.mean_squared_error_gradient(y_true, y_pred, weight, scale)


def mean_absolute_error(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """mean over d of |y_pred - y_true|.    (..., d), (..., d) -> (...)"""
    _same_shape("mean_absolute_error", y_true, y_pred)
    return backend.active.mean_absolute_error(y_true, y_pred)


def mean_absolute_error_gradient(
    y_true: np.ndarray, y_pred: np.ndarray, weight: np.ndarray | None = None, scale: float = 1.0
) -> tuple[float, np.ndarray]:
    """dy = scale * weight * sign(y_pred - y_true) / d, with sign(0) = 0"""
    _same_shape("mean_absolute_error", y_true, y_pred, weight)
    return backend.active.mean_absolute_error_gradient(y_true, y_pred, weight, scale)


def binary_crossentropy(
    y_true: np.ndarray, y_pred: np.ndarray, from_logits: bool = False, label_smoothing: float = 0.0
) -> np.ndarray:
    """mean over d of -t log(p) - (1 - t) log(1 - p).    (..., d), (..., d) -> (...)

    t = y_true * (1 - label_smoothing) + label_smoothing / 2. p is y_pred clipped to [e, 1 - e], e = config.epsilon();
    with `from_logits`, p = sigmoid(y_pred), computed as max(z, 0) - z t + log(1 + exp(-|z|)) so that nothing overflows.
    """
    _same_shape("binary_crossentropy", y_true, y_pred)
    return backend.active.binary_crossentropy(y_true, y_pred, from_logits, config.epsilon(), label_smoothing)


def binary_crossentropy_gradient(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    weight: np.ndarray | None = None,
    scale: float = 1.0,
) -> tuple[float, np.ndarray]:
    """dy = scale * weight * (p - t) / (p (1 - p)) / d, zero where p was clipped; from_logits: (p - t) / d"""
    _same_shape("binary_crossentropy", y_true, y_pred, weight)
    return backend.active.binary_crossentropy_gradient(
        y_true, y_pred, from_logits, config.epsilon(), label_smoothing, weight, scale
    )


def categorical_crossentropy(
    y_true: np.ndarray, y_pred: np.ndarray, from_logits: bool = False, label_smoothing: float = 0.0
) -> np.ndarray:
    """-sum over d of t log(p).    (..., d), (..., d) -> (...)

    t = y_true * (1 - label_smoothing) + label_smoothing / d. p = y_pred / sum(y_pred), clipped to [e, 1 - e], e =
    config.epsilon(); with `from_logits`, log(p) = log_softmax(y_pred).
    """
    _same_shape("categorical_crossentropy", y_true, y_pred)
    return backend.active.categorical_crossentropy(y_true, y_pred, from_logits, config.epsilon(), label_smoothing)


def categorical_crossentropy_gradient(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    weight: np.ndarray | None = None,
    scale: float = 1.0,
) -> tuple[float, np.ndarray]:
    """dy = scale * weight * g.  With s = sum(y_pred) and u = -t / p (zero where p was clipped): g = (u - sum(u p)) / s.

    from_logits: g = p sum(t) - t.
    """
    _same_shape("categorical_crossentropy", y_true, y_pred, weight)
    return backend.active.categorical_crossentropy_gradient(
        y_true, y_pred, from_logits, config.epsilon(), label_smoothing, weight, scale
    )


def sparse_categorical_crossentropy(labels: np.ndarray, y_pred: np.ndarray, from_logits: bool = False) -> np.ndarray:
    """-log(p[label]), p as in `categorical_crossentropy`.    labels int32 (...), y_pred (..., d) -> (...)

    Raises ValueError for a label outside 0 .. d - 1.
    """
    _labels_in_range(labels, y_pred)
    return backend.active.sparse_categorical_crossentropy(labels, y_pred, from_logits, config.epsilon())


def sparse_categorical_crossentropy_gradient(
    labels: np.ndarray,
    y_pred: np.ndarray,
    from_logits: bool = False,
    weight: np.ndarray | None = None,
    scale: float = 1.0,
) -> tuple[float, np.ndarray]:
    """As `categorical_crossentropy_gradient` with t = 1 at the label, else 0."""
    _labels_in_range(labels, y_pred)
    if weight is not None and weight.shape != labels.shape:
        refuse("sparse_categorical_crossentropy", f"weight {weight.shape} does not fit labels {labels.shape}")
    return backend.active.sparse_categorical_crossentropy_gradient(
        labels, y_pred, from_logits, config.epsilon(), weight, scale
    )


def _same_shape(who: str, y_true: np.ndarray, y_pred: np.ndarray, weight: np.ndarray | None = None) -> None:
    if y_true.shape != y_pred.shape:
        refuse(who, f"y_true has shape {y_true.shape}, y_pred has shape {y_pred.shape}; they must be equal")
    if weight is not None and weight.shape != y_pred.shape[:-1]:
        refuse(who, f"weight has shape {weight.shape}, y_pred has rows {y_pred.shape[:-1]}; they must be equal")


def _labels_in_range(labels: np.ndarray, y_pred: np.ndarray) -> None:
    classes = y_pred.shape[-1]
    if labels.shape != y_pred.shape[:-1]:
        refuse(
            "sparse_categorical_crossentropy",
            f"labels have shape {labels.shape}, y_pred has rows {y_pred.shape[:-1]}; they must be equal",
        )
    at = backend.active.first_outside(labels, classes)
    if at >= 0:
        refuse(
            "sparse_categorical_crossentropy",
            f"label {labels.ravel()[at]} at position {at} is outside 0..{classes - 1} "
            f"(y_pred has {classes} classes). Give the output layer more units or renumber the labels.",
        )
