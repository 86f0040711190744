"""Arrays from what users pass, and the small array functions of `keras.utils`."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import config

# Comparing with a dtype is cheap; with a type like np.int32 it is not, and these are on the path of every training
# step.
FLOATS = frozenset({np.dtype("float32"), np.dtype("float64")})
INT32, INT64 = np.dtype("int32"), np.dtype("int64")


def with_last_axes(x: np.ndarray, rank: int) -> np.ndarray:
    """x with axes of size 1 behind its own, so that there are `rank` axes and first axes are aligned."""
    return x.reshape(x.shape + (1,) * (rank - x.ndim))


def as_float(x: Any, name: str, dtype: Any = None) -> np.ndarray:
    """`x` as a float array: of `dtype` if given; else float32 and float64 stay, and all others become
    `config.floatx()`.

    TypeError or ValueError, as NumPy raises them, for what holds no real numbers; `name` is named in the text.
    """
    if type(x) is np.ndarray and (x.dtype in FLOATS if dtype is None else x.dtype == dtype):
        return x
    try:
        x = np.asarray(x)
        if x.dtype.kind in "cSUmM":
            raise TypeError(f"its dtype is {x.dtype}")
        if x.dtype.kind == "O" and any(item is None for item in x.flat):  # NumPy would make NaN of it
            raise TypeError("it holds None")
        if dtype is None:
            dtype = x.dtype if x.dtype in FLOATS else config.floatx()
        return x.astype(dtype, copy=False)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must be an array of real numbers, but {error}") from None


def as_integer(x: Any, name: str) -> np.ndarray:
    """`x` as an array of int32, or of int64 where int32 could not hold it. Floats are accepted if they are whole
    numbers.

    ValueError for a fraction, infinity or NaN, with its position.
    """
    x = np.asarray(x)
    if x.dtype in (INT32, INT64):
        return x
    if x.dtype.kind in "biu":
        return x.astype(INT32 if np.can_cast(x.dtype, INT32) else INT64)
    floats = as_float(x, name)
    with np.errstate(invalid="ignore"):
        integers = floats.astype(INT64)
    wrong = np.flatnonzero(integers != floats)
    if wrong.size:
        raise ValueError(f"{name} must be whole numbers. Received {floats.flat[wrong[0]]} at position {wrong[0]}.")
    return integers


def as_int32(x: Any, name: str) -> np.ndarray:
    """`x` as an array of int32, the type of labels in primitives. ValueError as in `as_integer`, or if too large."""
    if type(x) is np.ndarray and x.dtype == INT32:
        return x
    integers = as_integer(x, name)
    narrow = integers.astype(INT32)
    if np.count_nonzero(narrow != integers):
        at = np.flatnonzero(narrow != integers)[0]
        raise ValueError(f"{name} does not fit in 32 bits: {integers.flat[at]} at position {at}")
    return narrow


def squeeze_or_expand_to_same_rank(x1: np.ndarray, x2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where ranks differ by one: (n,) beside (n, 1) gains a last axis; a last axis of size 1 is dropped otherwise."""
    if x1.ndim == x2.ndim + 1 and x1.shape[-1] == 1:
        return (x1, x2[..., None]) if x2.ndim == 1 else (x1[..., 0], x2)
    if x2.ndim == x1.ndim + 1 and x2.shape[-1] == 1:
        return (x1[..., None], x2) if x1.ndim == 1 else (x1, x2[..., 0])
    return x1, x2


def kind_of_targets(y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> str:
    """What "accuracy" and "crossentropy" mean for these shapes: "binary", "sparse_categorical" or "categorical".

    Keras' rule: one output is binary; class numbers have fewer axes than the output, or a last axis of size 1.
    """
    if y_pred_shape[-1] == 1:
        return "binary"
    return "sparse_categorical" if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1 else "categorical"


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """One-hot rows of class numbers: shape (..., num_classes), float64, 1 at the class and 0 elsewhere.

    `x`: whole numbers 0 .. num_classes - 1, shape (...) or (..., 1). `num_classes` defaults to the largest plus one.
    IndexError for a number outside; ValueError for a fraction.

    >>> to_categorical([0, 2], num_classes=3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    labels = as_integer(x, "to_categorical: x")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if not num_classes:
        if not labels.size:
            raise ValueError("to_categorical: x is empty. Give num_classes.")
        num_classes = int(labels.max()) + 1
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if outside.size:
        at = outside[0]
        raise IndexError(f"to_categorical: class {labels.flat[at]} at position {at} is outside 0..{num_classes - 1}")
    return (labels[..., None] == np.arange(num_classes)).astype(np.float64)


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """x / ||x|| along `axis`, in the norm of that `order`; zero vectors stay zero.

    >>> normalize([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    x = np.atleast_1d(np.asarray(x))
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)
