"""Focal cross-entropies: what is easy already counts less (Lin and others 2017, arXiv 1708.02002)."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import config, ops
from cdl.losses.base import values_of
from cdl.losses.crossentropy import ProbabilityLoss, warn_of_one_class


class BinaryFocalCrossentropy(ProbabilityLoss):
    """mean(w (1 - q)^gamma b) over `axis`, b the values of binary cross-entropy: independent yes-or-no questions.

    q = t p + (1 - t) (1 - p) is the probability of the truth; p is y_pred, clipped to [1e-7, 1 - 1e-7] inside b
    (`config.epsilon()`), or sigmoid(y_pred) with `from_logits`. t = y_true * (1 - label_smoothing) +
    label_smoothing / 2. w = 1, or t alpha + (1 - t) (1 - alpha) with `apply_class_balancing`. Shapes as in
    `MeanSquaredError` (Lin and others 2017, arXiv 1708.02002).

    >>> round(BinaryFocalCrossentropy()([[1.0]], [[0.5]]), 6)
    0.173287
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.apply_class_balancing, self.alpha, self.gamma = bool(apply_class_balancing), alpha, gamma

    def _terms(self, y_true, y_pred):
        """t, p, p clipped, 1 - q, and w, as above."""
        t = y_true * (1 - self.label_smoothing) + self.label_smoothing / 2
        p = ops.activation(y_pred, "sigmoid") if self.from_logits else y_pred
        weight = t * self.alpha + (1 - t) * (1 - self.alpha) if self.apply_class_balancing else 1
        return t, p, np.clip(p, config.epsilon(), 1 - config.epsilon()), 1 - (t * p + (1 - t) * (1 - p)), weight

    def call(self, y_true, y_pred):
        t, _, c, miss, weight = self._terms(y_true, y_pred)
        return np.mean(weight * miss**self.gamma * -(t * np.log(c) + (1 - t) * np.log(1 - c)), axis=-1)

    def gradient(self, y_true, y_pred):
        t, p, c, miss, weight = self._terms(y_true, y_pred)
        b = -(t * np.log(c) + (1 - t) * np.log(1 - c))
        db = np.where(c == p, (c - t) / (c * (1 - c)), 0)
        # A gamma below 1 has no finite slope where nothing is missed.
        slope = self.gamma * np.maximum(miss, config.epsilon()) ** (self.gamma - 1) * (1 - 2 * t)
        dp = weight * (slope * b + miss**self.gamma * db) / p.shape[-1]
        return dp * p * (1 - p) if self.from_logits else dp

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "apply_class_balancing": self.apply_class_balancing,
            "alpha": self.alpha,
            "gamma": self.gamma,
        }


@values_of(BinaryFocalCrossentropy)
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """The values of `BinaryFocalCrossentropy`, one per row."""
    return BinaryFocalCrossentropy(apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis, None)(
        y_true, y_pred
    )


class CategoricalFocalCrossentropy(ProbabilityLoss):
    """-sum(alpha (1 - p)^gamma t log(p)) over `axis`: one class out of several, given as one-hot rows.

    p = y_pred / sum(y_pred), clipped to [1e-7, 1 - 1e-7] (`config.epsilon()`), after a softmax with `from_logits`.
    t = y_true * (1 - label_smoothing) + label_smoothing / d. `alpha`: one number, or one for each class. Shapes as in
    `MeanSquaredError` (Lin and others 2017, arXiv 1708.02002).

    >>> round(CategoricalFocalCrossentropy(alpha=1.0)([[0.0, 1.0]], [[0.5, 0.5]]), 6)
    0.173287
    """

    for_labels = "sparse_categorical_crossentropy"

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.alpha, self.gamma = alpha, gamma

    def _prepare(self, y_true, y_pred):
        t, p, mask = super()._prepare(y_true, y_pred)
        warn_of_one_class(self.name, p)
        if np.size(self.alpha) not in (1, p.shape[-1]):
            raise ValueError(
                f"{self.name}: alpha has {np.size(self.alpha)} numbers, but y_pred has {p.shape[-1]} classes: give one "
                "number for each class, or one for all."
            )
        return t, p, mask

    def _terms(self, y_true, y_pred):
        """alpha t; p with its sum before it was divided by that; p clipped."""
        t = y_true * (1 - self.label_smoothing) + self.label_smoothing / y_true.shape[-1]
        p = ops.softmax(np.ascontiguousarray(y_pred)) if self.from_logits else y_pred
        total = np.sum(p, axis=-1, keepdims=True)
        p = p / total
        return np.asarray(self.alpha, p.dtype) * t, p, total, np.clip(p, config.epsilon(), 1 - config.epsilon())

    def call(self, y_true, y_pred):
        t, _, _, c = self._terms(y_true, y_pred)
        return -np.sum((1 - c) ** self.gamma * t * np.log(c), axis=-1)

    def gradient(self, y_true, y_pred):
        t, p, total, c = self._terms(y_true, y_pred)
        dp = t * (self.gamma * (1 - c) ** (self.gamma - 1) * np.log(c) - (1 - c) ** self.gamma / c)
        dp = np.where(c == p, dp, 0)
        dp -= np.sum(dp * p, axis=-1, keepdims=True)  # the probabilities add up to 1
        return p * dp if self.from_logits else dp / total

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha, "gamma": self.gamma}


@values_of(CategoricalFocalCrossentropy)
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """The values of `CategoricalFocalCrossentropy`, one per row."""
    return CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis, None)(y_true, y_pred)
