"""What every loss does: values become one number, with weights, masks and a reduction, and a gradient.

A loss gives each row of `y_pred` (all axes but the last) a value. The reduction makes one number of them:

    total = scale * sum(weight * values),    scale = 1 ("sum"), 1 / number of values, or 1 / sum of the weights

so that its gradient is that of the values, times weight and scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cdl import config
from cdl.utils import registry
from cdl.utils.naming import auto_name
from cdl.utils.numerical import FLOATS, as_float, squeeze_or_expand_to_same_rank, with_last_axes

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)

# Each follows from those before it: whoever redefines one answers for those after it.
PROTOCOL = ("call", "gradient", "weighted_gradient", "value_and_gradient")


class Loss:
    """Base class. A loss of your own defines `call`, one value per sample, and `gradient`, their derivative:

    >>> class Quartic(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return np.mean((y_pred - y_true) ** 4, axis=-1)
    ...     def gradient(self, y_true, y_pred):
    ...         return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]

    Both get float arrays. The values' axes are the first axes of `y_pred`; each depends on its own part of `y_pred`
    only, and `gradient` has the shape of `y_pred`. Where a value depends on other samples too, `weighted_gradient`
    takes the place of `gradient` (see `Circle`); one value for the whole batch, without axes, needs nothing more, and
    stands for each of the weights (see `Dice`). The base class applies weights and reduction: "sum_over_batch_size"
    (also called "mean") divides the sum by the number of values, "mean_with_sample_weight" by the sum of the weights,
    "sum" by nothing; "none" or None leaves the values. `dtype` is that of the computation: by default, that of
    `y_pred`.
    """

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"Invalid value for argument `reduction`. Expected one of {REDUCTIONS}. Received: reduction={reduction}"
            )
        self.name = name or auto_name(type(self).__name__)
        self.reduction = reduction
        self._dtype = None if dtype is None else np.dtype(dtype)

    def __init_subclass__(cls) -> None:
        # The parent's derivative would silently be another function's.
        own = [name for name in PROTOCOL if name in vars(cls)]
        for name in PROTOCOL[PROTOCOL.index(own[0]) :] if own else ():
            if name not in own:
                setattr(cls, name, getattr(Loss, name))

    @property
    def dtype(self) -> str:
        return config.floatx() if self._dtype is None else self._dtype.name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """The value of each sample."""
        raise NotImplementedError(f"Loss {self.name!r} must define call(self, y_true, y_pred).")

    def gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """The derivative of each sample's value, in the shape of `y_pred`."""
        raise NotImplementedError(
            f"Loss {self.name!r} has no derivative, so it cannot be trained with. Define gradient(self, y_true, "
            "y_pred), the derivative of call's values with respect to y_pred, in a subclass of cdl.losses.Loss."
        )

    def weighted_gradient(self, y_true: np.ndarray, y_pred: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
        """The derivative of sum(weight * values), in the shape of `y_pred`. `weight`: that of the values; None is 1."""
        dy = as_float(self.gradient(y_true, y_pred), f"the gradient of loss {self.name!r}")
        if dy.shape != y_pred.shape:
            raise ValueError(
                f"Loss {self.name!r}: gradient gives shape {dy.shape}, but y_pred has shape {y_pred.shape}; they must "
                "be equal."
            )
        return dy if weight is None else dy * with_last_axes(weight, dy.ndim)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Any:
        """The reduced loss, a float; an array of values if nothing is reduced. ValueError for shapes that do not fit.

        `sample_weight`: one number for each value, or for each index of their first axes. `mask`: likewise, False for
        values that do not count, neither in the sum nor in the number by which a mean divides.
        """
        y_true, y_pred, own = self._prepare(y_true, y_pred)
        values = as_float(self.call(y_true, y_pred), f"the values of loss {self.name!r}")
        weight, scale = self._weight(values.shape, sample_weight, own, mask, values.dtype)
        if weight is not None:
            values = values * weight
        if self.reduction is None or self.reduction == "none":
            return values
        return scale * float(np.sum(values, dtype=np.float64))

    def value_and_gradient(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> tuple[float, np.ndarray]:
        """The reduced loss, and its derivative with respect to `y_pred`. ValueError for the reduction None."""
        self._refuse_unreduced()
        t, p, own = self._prepare(y_true, y_pred)
        values = as_float(self.call(t, p), f"the values of loss {self.name!r}")
        if values.shape != p.shape[: values.ndim]:
            raise ValueError(
                f"Loss {self.name!r}: call gives shape {values.shape}, but y_pred has shape {p.shape}; the values' "
                "shape is where y_pred's begins."
            )
        weight, scale = self._weight(values.shape, sample_weight, own, mask, values.dtype)
        dy = self.weighted_gradient(t, p, weight)
        if weight is not None:
            values = values * weight
        return scale * float(np.sum(values, dtype=np.float64)), self._restore(dy * scale, y_pred)

    def _prepare(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """The arrays that `call` and `gradient` work on, and where the values count (None: everywhere)."""
        y_pred = as_float(y_pred, "y_pred", self._dtype)
        return as_float(y_true, "y_true", y_pred.dtype), y_pred, None

    def _restore(self, dy: np.ndarray, y_pred: Any) -> np.ndarray:
        """The gradient in the shape and float type in which y_pred was given."""
        dy = dy.reshape(np.shape(y_pred))
        return dy.astype(y_pred.dtype, copy=False) if getattr(y_pred, "dtype", None) in FLOATS else dy

    def _weight(
        self, shape: tuple[int, ...], sample_weight: Any, own: np.ndarray | None, given: Any, dtype: Any
    ) -> tuple[np.ndarray | None, float]:
        """The weight of each value (None for ones), in the values' shape, and the scale of their sum.

        A value counts where neither the loss's own mask nor the given one says no. A value of the whole batch stands
        for each of the weights given, as in Keras: a mean multiplies it by their mean.
        """
        whole = not shape
        if whole:
            shape = max(np.shape(sample_weight), np.shape(given), key=len)
        mask = own
        if given is not None:
            mask = np.broadcast_to(_along_rows(np.asarray(given, bool), shape, "the mask"), shape)
            mask = mask if own is None else mask & own
        weight = mask
        if sample_weight is not None:
            weight = _along_rows(as_float(sample_weight, "sample_weight"), shape, "sample_weight")
            weight = weight if mask is None else weight * mask
        if self.reduction in ("sum", "none", None):
            count: float = 1.0
        elif self.reduction == "mean_with_sample_weight" and weight is not None:
            count = float(np.sum(weight, dtype=np.float64))
        else:
            count = math.prod(shape) if mask is None else int(np.count_nonzero(mask))
        if weight is not None:
            weight = weight if weight.shape == shape else np.broadcast_to(weight, shape)
            weight = np.asarray(weight, dtype, order="C")
            if whole and self.reduction not in ("none", None):
                weight = np.asarray(np.sum(weight))
        return weight, 1.0 / count if count else 0.0

    def _refuse_unreduced(self) -> None:
        if self.reduction is None or self.reduction == "none":
            raise ValueError(
                f"Loss {self.name!r}: reduction={self.reduction!r} gives one value per sample, but training minimizes "
                "one number. Use reduction='sum_over_batch_size' or 'sum'."
            )

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        return cls(**config)


def _along_rows(weight: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """The weight with as many axes as the values, so that it broadcasts to `shape`: first axes are aligned."""
    rows = weight
    while rows.ndim > len(shape) and rows.shape[-1] == 1:
        rows = rows[..., 0]
    if rows.ndim:
        rows = with_last_axes(rows, len(shape))
    if rows.shape != shape:
        try:
            np.broadcast_to(rows, shape)
        except ValueError:
            raise ValueError(
                f"{name} has shape {weight.shape}, but the loss has values of shape {shape}: give one number for each "
                "value, or for each of their first axes."
            ) from None
    return rows


CLASS_OF: dict[Callable, type[Loss]] = {}  # the class whose values a function gives


def values_of(loss: type[Loss]) -> Callable[[Callable], Callable]:
    """Decorator: the function gives the values of that loss, so that a model can train with either."""

    def enter(function: Callable) -> Callable:
        CLASS_OF[function] = loss
        return function

    return enter


class LossFunctionWrapper(Loss):
    """The loss made of a function `fn(y_true, y_pred, **kwargs)` that gives one value per sample.

    To train with it, `fn` needs an attribute `gradient`, a function of the same arguments: the values' derivative.
    """

    def __init__(
        self,
        fn: Callable[..., np.ndarray],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.fn, self._fn_kwargs = fn, kwargs

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def weighted_gradient(self, y_true: np.ndarray, y_pred: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
        if self.fn not in CLASS_OF:
            return super().weighted_gradient(y_true, y_pred, weight)
        return CLASS_OF[self.fn](**self._fn_kwargs, reduction="sum").value_and_gradient(y_true, y_pred, weight)[1]

    def gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        if self.fn in CLASS_OF:
            return self.weighted_gradient(y_true, y_pred, None)
        if not hasattr(self.fn, "gradient"):
            return super().gradient(y_true, y_pred)
        return self.fn.gradient(y_true, y_pred, **self._fn_kwargs)

    def _prepare(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        y_true, y_pred, mask = super()._prepare(y_true, y_pred)
        return *squeeze_or_expand_to_same_rank(y_true, y_pred), mask

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fn": registry.serialize(self.fn), **registry.serialize(self._fn_kwargs)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        return cls(**registry.deserialize(config))

    def __repr__(self) -> str:
        return f"<LossFunctionWrapper({self.fn}, kwargs={self._fn_kwargs})>"
