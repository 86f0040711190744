"""Regularizers: penalties on a weight array that are added to the loss.

`regularizer(w)` is the penalty, `regularizer.gradient(w)` its derivative with respect to `w`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cdl import config, ops
from cdl.utils import registry
from cdl.utils.naming import told
from cdl.utils.numerical import as_float

if TYPE_CHECKING:
    from cdl.variable import Variable


class Regularizer:
    """Base class. A subclass defines `__call__(w)`, `gradient(w)` and `get_config`.

    >>> class Cubic(Regularizer):
    ...     def __call__(self, w): return float(np.sum(np.abs(w) ** 3))
    ...     def gradient(self, w): return 3 * w * np.abs(w)
    """

    def __call__(self, w: np.ndarray) -> float:
        return 0.0

    def gradient(self, w: np.ndarray) -> np.ndarray:
        raise _no_gradient(type(self).__name__)

    def add_gradient_to(self, variable: Variable) -> float:
        """Add `gradient(w)` to the variable's gradient; returns the penalty."""
        w = variable.value
        variable.add_gradient(np.asarray(self.gradient(w), w.dtype))
        return float(self(w))

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} does not implement get_config()")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        return cls(**config)

    def __repr__(self) -> str:
        return told(self)


class FunctionRegularizer(Regularizer):
    """A function of `w` as a regularizer; its derivative is the function's attribute `gradient`, if it has one."""

    def __init__(self, function: Callable[[np.ndarray], float]) -> None:
        self.function = function

    def __call__(self, w: np.ndarray) -> float:
        return float(self.function(w))

    def gradient(self, w: np.ndarray) -> np.ndarray:
        if not hasattr(self.function, "gradient"):
            raise _no_gradient(getattr(self.function, "__name__", self.function))
        return self.function.gradient(w)


def _no_gradient(who: Any) -> NotImplementedError:
    return NotImplementedError(
        f"Regularizer {who!r} has no derivative, so it cannot be trained with. Define gradient(w), the derivative of "
        "its value with respect to w, in a subclass of cdl.regularizers.Regularizer."
    )


class L1L2(Regularizer):
    """l1 * sum |w| + l2 * sum w^2. ValueError for a factor that is negative or not finite.

    >>> L1L2(l1=0.5, l2=0.25)(np.array([1.0, -2.0]))
    2.75
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor(0.0 if l1 is None else l1, "l1")
        self.l2 = _factor(0.0 if l2 is None else l2, "l2")

    def __call__(self, w: np.ndarray) -> float:
        return ops.penalty(as_float(w, "w"), self.l1, self.l2)

    def gradient(self, w: np.ndarray) -> np.ndarray:
        w = as_float(w, "w")
        return ops.add_penalty(np.zeros_like(w), w, self.l1, self.l2)[1]

    def add_gradient_to(self, variable: Variable) -> float:
        w, grad = variable.value, variable.grad
        if type(grad) is not np.ndarray or grad.dtype != w.dtype:
            return super().add_gradient_to(variable)
        penalty, variable.grad = ops.add_penalty(grad, w, self.l1, self.l2)  # in one pass over both
        return penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """l1 * sum |w|."""

    def __init__(self, l1: float | None = 0.01) -> None:
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(L1L2):
    """l2 * sum w^2 (weight decay, for plain SGD)."""

    def __init__(self, l2: float | None = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """factor * the mean of |cos| of the angles between all pairs of rows (or columns) of a matrix.

    `mode`: "rows" or "columns". ValueError for another mode, or an array that is no matrix.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor(factor, "factor")
        if mode not in ("rows", "columns"):
            raise ValueError(f"Invalid value for argument `mode`: 'rows' or 'columns'. Received: mode={mode!r}")
        self.mode = mode

    def __call__(self, w: np.ndarray) -> float:
        _, _, cosines, pairs = self._angles(w)
        return float(self.factor * 0.5 * np.sum(np.abs(cosines)) / pairs)

    def gradient(self, w: np.ndarray) -> np.ndarray:
        u, norms, cosines, pairs = self._angles(w)
        # u = rows of length 1.  d/du of sum |cos| / 2 is sign(cosines) u; the part along u changes the length only.
        du = np.sign(cosines) @ u
        dw = np.where(norms > config.epsilon(), du - u * np.sum(du * u, axis=1, keepdims=True), du)
        dw *= self.factor / pairs / np.maximum(norms, config.epsilon())
        return dw if self.mode == "rows" else dw.T

    def _angles(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        w = np.asarray(w)
        if w.ndim != 2:
            raise ValueError(f"OrthogonalRegularizer needs an array with two axes. Received shape {w.shape}")
        rows = w if self.mode == "rows" else w.T
        norms = np.sqrt(np.sum(np.square(rows), axis=1, keepdims=True))
        u = rows / np.maximum(norms, config.epsilon())
        cosines = u @ u.T
        np.fill_diagonal(cosines, 0)
        return u, norms, cosines, len(rows) * (len(rows) - 1) / 2

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


def _factor(value: Any, name: str) -> float:
    if not isinstance(value, (int, float, np.number)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Invalid value for argument {name}: expected a non-negative float. Received: {name}={value}")
    return float(value)


# Keras' names for those who write them like functions.
l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_registry = registry.Registry(
    "regularizer",
    "keras.regularizers",
    [Regularizer, L1, L2, L1L2, OrthogonalRegularizer],
)


def get(identifier: Any) -> Regularizer | None:
    """A regularizer from a name ("l2"), a class, a config, a function or None. ValueError for anything else.

    >>> get("l2").gradient(np.array([1.0, -2.0]))
    array([ 0.02, -0.04])
    """
    if identifier is None:
        return None
    found = _registry.get(identifier)
    return found if isinstance(found, Regularizer) else FunctionRegularizer(found)


def serialize(regularizer: Any) -> Any:
    """The config of a regularizer."""
    return registry.serialize(regularizer.function if isinstance(regularizer, FunctionRegularizer) else regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The regularizer that a config describes."""
    return _registry.deserialize(config, custom_objects)
