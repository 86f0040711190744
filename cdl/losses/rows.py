"""Losses of rows: the values of two arrays of one shape, along one axis, several, or all."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.losses.base import Loss
from cdl.utils.numerical import as_float, squeeze_or_expand_to_same_rank

TOO_MANY_AXES = "Before the last layer, a Flatten or a pooling may be missing, or a return_sequences=True be too many."


class RowLoss(Loss):
    """A loss with one value for each row along `axis`: an axis, a tuple of axes, or None for all.

    `call` and `gradient` get y_true and y_pred of one shape with that axis last; several axes are one there.
    """

    axis: int | tuple[int, ...] | None = -1
    for_labels: str | None = None  # the loss that takes integer labels in the place of one-hot rows

    def _prepare(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Both arrays as floats of one shape, `axis` last."""
        y_pred = as_float(y_pred, "y_pred", self._dtype)
        y_true = as_float(y_true, "y_true", y_pred.dtype)
        if y_true.shape != y_pred.shape:
            shapes = y_true.shape, y_pred.shape
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
            if y_true.shape != y_pred.shape:
                raise ValueError(
                    f"{self.name}: y_true has shape {shapes[0]}, y_pred has shape {shapes[1]}; they must be equal. "
                    f"{self._cure(*shapes)}"
                )
        if not y_pred.ndim:
            raise ValueError(f"{self.name}: y_true and y_pred need at least one axis. Received two numbers.")
        return to_rows(y_true, self.axis), to_rows(y_pred, self.axis), None

    def _cure(self, y_true: tuple[int, ...], y_pred: tuple[int, ...]) -> str:
        """What helps where targets and outputs have these shapes."""
        if self.for_labels and y_true in (y_pred[:-1], (*y_pred[:-1], 1)):
            return f"For integer labels, use {self.for_labels}."
        if y_true[:-1] == y_pred[:-1]:
            return f"Give the last layer {y_true[-1]} units."
        if y_true == y_pred[:-1]:
            return "Give the last layer one unit."
        return TOO_MANY_AXES if len(y_pred) > len(y_true) else "Change the last layer, or the targets."

    def _restore(self, dy: np.ndarray, y_pred: Any) -> np.ndarray:
        return super()._restore(from_rows(dy, self.axis, np.shape(y_pred)), y_pred)


class PrimitiveLoss(RowLoss):
    """A loss whose values and weighted gradient are two primitives of `ops`."""

    def _values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _total_and_gradient(
        self, y_true: np.ndarray, y_pred: np.ndarray, weight: np.ndarray | None, scale: float
    ) -> tuple[float, np.ndarray]:
        raise NotImplementedError

    def value_and_gradient(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> tuple[float, np.ndarray]:
        self._refuse_unreduced()
        t, p, own = self._prepare(y_true, y_pred)
        weight, scale = self._weight(p.shape[:-1], sample_weight, own, mask, p.dtype)
        total, dy = self._total_and_gradient(t, p, weight, scale)
        return total, dy if p is y_pred else self._restore(dy, y_pred)

    def gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        t, p, mask = self._prepare(y_true, y_pred)
        weight = None if mask is None else mask.astype(p.dtype)
        return self._restore(self._total_and_gradient(t, p, weight, 1.0)[1], y_pred)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return self._values(y_true, y_pred)


def check_axis(axis: Any) -> int:
    """The axis; ValueError if it is not one integer."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ValueError(f"`axis` must be of type `int`. Received: axis={axis} of type {type(axis)}")
    return axis


def to_rows(x: np.ndarray, axis: int | tuple[int, ...] | None) -> np.ndarray:
    """`x` with `axis` last; several axes as one."""
    if axis is None:
        return x.reshape(-1)
    if isinstance(axis, int):
        return x if axis == -1 else np.moveaxis(x, axis, -1)
    x = np.moveaxis(x, axis, range(-len(axis), 0))
    kept = x.ndim - len(axis)
    return x.reshape(*x.shape[:kept], int(np.prod(x.shape[kept:])))


def from_rows(rows: np.ndarray, axis: int | tuple[int, ...] | None, shape: tuple[int, ...]) -> np.ndarray:
    """What `to_rows` was given: an array of that shape, but for a last axis of size 1 that came or went."""
    if axis is None:
        return rows
    if isinstance(axis, int):
        return rows if axis == -1 else np.moveaxis(rows, -1, axis)
    shape = (*shape, 1)[: rows.ndim - 1 + len(axis)]
    last = range(-len(axis), 0)
    moved = np.moveaxis(np.broadcast_to(0, shape), axis, last).shape
    return np.moveaxis(rows.reshape(moved), last, axis)
