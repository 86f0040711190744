"""Circle loss: embeddings of one class near each other, others far away."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.losses.base import Loss, values_of
from cdl.utils.numerical import as_float, as_int32


class Circle(Loss):
    """log(1 + sum_pos exp(gamma a (D - m)) sum_neg exp(gamma b (1 - m - D))) for each sample, over all in its batch.

    D = max(1 - cos, 0) is the distance of the sample from another of its class (pos; not from itself, with
    `remove_diagonal`) or of a different class (neg), m the `margin`, a = max(m + D, 0), b = max(1 + m - D, 0) (Sun and
    others 2020, arXiv 2002.10857; as in Keras, the gradient goes through a and b, too). Samples of value 0, such as
    those with no other of their class, do not count in a mean.

    y_pred (n, d) with rows of length 1: end in UnitNormalization. y_true (n,) or (n, 1) holds whole numbers.
    ValueError for other shapes.

    >>> round(Circle(gamma=1.0)([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 6)
    0.545893
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.gamma, self.margin, self.remove_diagonal = gamma, margin, remove_diagonal

    def _prepare(self, y_true, y_pred):
        p = as_float(y_pred, "y_pred", self._dtype)
        labels = as_int32(y_true, "y_true")
        if p.ndim != 2 or labels.shape not in ((len(p),), (len(p), 1)):
            raise ValueError(
                f"{self.name}: y_pred holds one embedding per sample, shape (n, d), and y_true its class, shape (n,). "
                f"Received: y_pred {p.shape}, y_true {labels.shape}."
            )
        labels = labels.reshape(-1)
        return labels, p, self.call(labels, p) > 0

    def call(self, labels, p):
        return self.against(labels, p, labels, p)[0]

    def weighted_gradient(self, labels, p, weight):
        _, ddistance = self.against(labels, p, labels, p)
        if weight is not None:
            ddistance = ddistance * weight[:, None]
        return -(ddistance + ddistance.T) @ p  # a sample is met twice: as itself, and by the others

    def against(
        self, labels: np.ndarray, p: np.ndarray, other_labels: np.ndarray, others: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The value of each sample, (n,), and its derivative with respect to 1 - cos to each other one, (n, m)."""
        gamma, m = self.gamma, self.margin
        distance = 1 - p @ others.T
        near = distance < 0  # by rounding, or as rows are not of length 1
        distance = np.where(near, 0, distance)
        same = labels[:, None] == other_labels
        positive = same & (np.eye(*same.shape) == 0) if self.remove_diagonal else same

        a, b = np.maximum(m + distance, 0), np.maximum(1 + m - distance, 0)
        too_far, far = log_sum_exp(gamma * a * (distance - m), positive)
        too_close, close = log_sum_exp(gamma * b * (1 - m - distance), ~same)
        value = np.logaddexp(0, too_far + too_close)
        dvalue = np.exp(too_far + too_close - value)

        dfar = gamma * np.where(a > 0, 2 * distance, 0)
        dclose = gamma * np.where(b > 0, 2 * (distance - 1), 0)
        return value, np.where(near, 0, dvalue[:, None] * (far * dfar + close * dclose))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "gamma": self.gamma,
            "margin": self.margin,
            "remove_diagonal": self.remove_diagonal,
        }


def log_sum_exp(x: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log(sum(exp(x))) of the entries of each row that are counted, -inf if there is none, and their softmax."""
    top = np.max(x, axis=1, keepdims=True, initial=-np.inf, where=counted)
    e = np.where(counted, np.exp(np.where(counted, x - top, 0)), 0)
    total = np.sum(e, axis=1, keepdims=True)
    empty = total == 0
    total[empty] = 1
    return np.where(empty, top, top + np.log(total))[:, 0], e / total


@values_of(Circle)
def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> np.ndarray:
    """The values of `Circle`, one per sample; among other embeddings, (m, d) of classes (m,), where these are given."""
    loss = Circle(gamma, margin, remove_diagonal)
    labels, p, _ = loss._prepare(y_true, y_pred)
    others = p if ref_embeddings is None else as_float(ref_embeddings, "ref_embeddings", p.dtype)
    other_labels = labels if ref_labels is None else as_int32(ref_labels, "ref_labels").reshape(-1)
    if others.shape != (len(other_labels), p.shape[1]):
        raise ValueError(
            f"circle: ref_embeddings hold one embedding per label, shape (m, {p.shape[1]}). Received: ref_embeddings "
            f"{others.shape}, ref_labels {other_labels.shape}."
        )
    return loss.against(labels, p, other_labels, others)[0]
