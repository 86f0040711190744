"""What stands behind the last product of a network: the function of the outputs, and the loss.

A head makes outputs of z, `output(z)`, and compares them with the targets t:

    loss, dz = head.compare(t, z, weight, total)        dz = d loss / d z

where `weight` holds one number per row (or is None for ones) and `total` is their sum. Losses are means over the rows,
and gradients are, as in scikit-learn, those of the canonical pairs: dz = weight * (output - t) / total.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import expit, xlogy

from cdl import activations, losses, ops

Weight = np.ndarray | None


# The largest -log(p): scikit-learn keeps probabilities within the float's epsilon of 0 and 1. Whether one may be larger
# is asked in two steps, since it seldom is: their sum is known, and the range of z is quickly found.
LIMIT = {np.dtype(name): -math.log(np.finfo(name).eps) for name in ("float32", "float64")}


def average(values: np.ndarray, weight: Weight, total: float) -> float:
    """The weighted mean of one value per row."""
    return float(np.sum(values if weight is None else weight * values, dtype=np.float64)) / total


def spread(z: np.ndarray) -> float:
    """z.max() - z.min(), in a third of their time, which is that of a small network's product."""
    return z.item(z.argmax()) - z.item(z.argmin())


class Identity:
    """Squared error: half the mean over rows and outputs. scikit-learn's gradient is not divided by their number."""

    name = "linear"

    def output(self, z: np.ndarray) -> np.ndarray:
        return z

    def compare(self, t: np.ndarray, z: np.ndarray, weight: Weight, total: float) -> tuple[float, np.ndarray]:
        outputs = z.shape[1]
        loss, dz = ops.mean_squared_error_gradient(t, z, weight, outputs / (2 * total))
        return loss / outputs, dz


class Exponential:
    """Half the Poisson deviance, with a log link: t log(t / y) - t + y, y = exp(z), summed over the outputs."""

    name = "exponential"

    def output(self, z: np.ndarray) -> np.ndarray:
        return ops.activation(z, "exponential")

    def compare(self, t: np.ndarray, z: np.ndarray, weight: Weight, total: float) -> tuple[float, np.ndarray]:
        y = self.output(z)
        values = xlogy(t, t / y) - t + y
        dz = (y - t) * (1 / total if weight is None else weight[:, None] / total)
        return average(values.sum(axis=1), weight, total), dz.astype(z.dtype, copy=False)


class Sigmoid:
    """Log loss of yes or no, summed over the outputs."""

    name = "sigmoid"

    def output(self, z: np.ndarray) -> np.ndarray:
        return ops.activation(z, "sigmoid")

    def compare(self, t: np.ndarray, z: np.ndarray, weight: Weight, total: float) -> tuple[float, np.ndarray]:
        loss, dz = ops.binary_crossentropy_gradient(t, z, True, 0.0, weight, z.shape[1] / total)
        near = LIMIT[z.dtype] / 2  # from where on 1 - p has lost half its digits, and scikit-learn computes with it
        if (weight is not None or loss * total > near) and not np.abs(z).max() < near:
            eps = np.finfo(z.dtype).eps
            p = np.clip(expit(z), eps, 1 - eps)
            loss = average(-np.log(np.where(t > 0, p, 1 - p)).sum(axis=1), weight, total)
        return loss, dz


class Softmax:
    """Log loss of one class out of several."""

    name = "softmax"

    def output(self, z: np.ndarray) -> np.ndarray:
        return ops.softmax(z)

    def compare(self, t: np.ndarray, z: np.ndarray, weight: Weight, total: float) -> tuple[float, np.ndarray]:
        loss, dz = ops.categorical_crossentropy_gradient(t, z, True, 0.0, weight, 1 / total)
        limit = LIMIT[z.dtype]
        if (weight is not None or loss * total > limit) and not spread(z) + math.log(z.shape[1]) < limit:
            values = ops.categorical_crossentropy(t, z, True)
            loss = average(np.minimum(values, limit), weight, total)
        return loss, dz


class AnyLoss:
    """A loss of cdl on what the function of another head puts out, and the gradient through that function."""

    def __init__(self, link: Any, loss: Any) -> None:
        self.link, self.loss = link, loss

    def output(self, z: np.ndarray) -> np.ndarray:
        return self.link.output(z)

    def compare(self, t: np.ndarray, z: np.ndarray, weight: Weight, total: float) -> tuple[float, np.ndarray]:
        y = self.output(z)
        loss, dy = self.loss.value_and_gradient(t, y, weight)
        return float(loss), activations.get(self.link.name).backward(z, y, dy)


LINKS = {"identity": Identity(), "exp": Exponential(), "logistic": Sigmoid(), "softmax": Softmax()}
OWN_LOSS = {"identity": "squared_error", "exp": "poisson", "logistic": "log_loss", "softmax": "log_loss"}


def head(out_activation: str, loss: Any) -> Any:
    """The head for scikit-learn's `out_activation_`, and for its loss or one of ours.

    A loss given by its name is averaged by the weights. Raises ValueError for a name that nobody knows.
    """
    link = LINKS[out_activation]
    if isinstance(loss, str) and loss == OWN_LOSS[out_activation]:
        return link
    found: Any = losses.resolve(loss)
    if isinstance(loss, str):
        found.reduction = "mean_with_sample_weight"
    return AnyLoss(link, found)
