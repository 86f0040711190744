"""Losses: how far predictions are from targets, as one number, and its gradient.

A loss gives each row of `y_pred` (all axes but the last) a value. The reduction makes one number of them:

    total = scale * sum(weight * values),    scale = 1 ("sum"), 1 / number of values, or 1 / sum of the weights

so that its gradient is that of the values, times weight and scale.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from cdl import config, ops
from cdl.utils import registry
from cdl.utils.naming import auto_name, to_snake_case
from cdl.utils.numerical import FLOATS, as_float, as_int32, kind_of_targets, squeeze_or_expand_to_same_rank

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss:
    """Base class. A loss of your own defines `call`, one value per sample, and `gradient`, their derivative:

    >>> class Quartic(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return np.mean((y_pred - y_true) ** 4, axis=-1)
    ...     def gradient(self, y_true, y_pred):
    ...         return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]

    Both get float arrays. The values' axes are the first axes of `y_pred`; each depends on its own part of `y_pred`
    only, and `gradient` has the shape of `y_pred`. The base class applies weights and reduction: "sum_over_batch_size"
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
        # Whoever redefines the values answers for their derivative: the parent's would silently be another function's.
        own = vars(cls)
        if "call" in own and "gradient" not in own:
            cls.gradient = Loss.gradient  # type: ignore[method-assign]
        if ("call" in own or "gradient" in own) and "value_and_gradient" not in own:
            cls.value_and_gradient = Loss.value_and_gradient  # type: ignore[method-assign]

    @property
    def dtype(self) -> str:
        return config.floatx() if self._dtype is None else self._dtype.name

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """The value of each sample."""
        raise NotImplementedError(f"Loss {self.name!r} must define call(self, y_true, y_pred).")

    def gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """The derivative of each sample's value, in the shape of `y_pred`."""
        raise NotImplementedError(
            f"Loss {self.name!r} has no derivative, so it cannot be trained with. Define gradient(self, y_true, "
            "y_pred), the derivative of call's values with respect to y_pred, in a subclass of cdl.losses.Loss."
        )

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
        dy = as_float(self.gradient(t, p), f"the gradient of loss {self.name!r}")
        if dy.shape != p.shape or values.shape != p.shape[: values.ndim]:
            raise ValueError(
                f"Loss {self.name!r}: for y_pred of shape {p.shape}, call gives shape {values.shape} and gradient "
                f"gives {dy.shape}. The gradient needs y_pred's shape; the values' shape is where y_pred's begins."
            )
        weight, scale = self._weight(values.shape, sample_weight, own, mask, values.dtype)
        if weight is not None:
            values = values * weight
            dy = dy * weight.reshape(weight.shape + (1,) * (dy.ndim - weight.ndim))
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

        A value counts where neither the loss's own mask nor the given one says no.
        """
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
        rows = rows.reshape(rows.shape + (1,) * (len(shape) - rows.ndim))
    if rows.shape != shape:
        try:
            np.broadcast_to(rows, shape)
        except ValueError:
            raise ValueError(
                f"{name} has shape {weight.shape}, but the loss has values of shape {shape}: give one number for each "
                "value, or for each of their first axes."
            ) from None
    return rows


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

    def gradient(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        if self.fn in CLASS_OF:
            return CLASS_OF[self.fn](**self._fn_kwargs).gradient(y_true, y_pred)
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


# ------------------------------------------------------------------------------------------- losses with a primitive


class RowLoss(Loss):
    """A loss whose values, one for each row along `axis`, and weighted gradient are two primitives of `ops`."""

    axis: int = -1

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

    def _prepare(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Both arrays as floats of one shape, `axis` last."""
        y_pred = as_float(y_pred, "y_pred", self._dtype)
        y_true = as_float(y_true, "y_true", y_pred.dtype)
        if y_true.shape != y_pred.shape:
            shapes = y_true.shape, y_pred.shape
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
            if y_true.shape != y_pred.shape:
                raise ValueError(
                    f"{self.name}: y_true has shape {shapes[0]}, y_pred has shape {shapes[1]}; they must be equal."
                )
        if not y_pred.ndim:
            raise ValueError(f"{self.name}: y_true and y_pred need at least one axis. Received two numbers.")
        if self.axis != -1:
            y_true, y_pred = np.moveaxis(y_true, self.axis, -1), np.moveaxis(y_pred, self.axis, -1)
        return y_true, y_pred, None

    def _restore(self, dy: np.ndarray, y_pred: Any) -> np.ndarray:
        return super()._restore(dy if self.axis == -1 else np.moveaxis(dy, -1, self.axis), y_pred)

    def call(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return self._values(y_true, y_pred)


class MeanSquaredError(RowLoss):
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


class MeanAbsoluteError(RowLoss):
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


class _Crossentropy(RowLoss):
    """What the cross-entropies of probabilities have in common: their arguments."""

    def __init__(
        self, from_logits: bool, label_smoothing: float, axis: int, reduction: str | None, name: str | None, dtype: Any
    ) -> None:
        super().__init__(name, reduction, dtype)
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ValueError(f"`axis` must be of type `int`. Received: axis={axis} of type {type(axis)}")
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"{self.name}: label_smoothing lies in [0, 1]. Received: {label_smoothing}")
        self.from_logits, self.label_smoothing, self.axis = bool(from_logits), label_smoothing, axis

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
        }


class BinaryCrossentropy(_Crossentropy):
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


class CategoricalCrossentropy(_Crossentropy):
    """-sum(t log(p)) over `axis`: one class out of several, given as one-hot rows.

    p = y_pred / sum(y_pred), clipped to [1e-7, 1 - 1e-7], or softmax(y_pred) with `from_logits`, which is more exact.
    t = y_true * (1 - label_smoothing) + label_smoothing / d. Shapes as in `MeanSquaredError`.

    >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 6)
    0.693147
    """

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
        if y_pred.shape[-1] == 1:
            warnings.warn(
                f"In loss {self.name}, expected y_pred.shape to be (batch_size, num_classes) with num_classes > 1. "
                f"Received: y_pred.shape={y_pred.shape}. Consider using 'binary_crossentropy' if you have 2 classes.",
                SyntaxWarning,
                stacklevel=3,
            )
        return y_true, y_pred, mask

    def _values(self, y_true, y_pred):
        return ops.categorical_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing)

    def _total_and_gradient(self, y_true, y_pred, weight, scale):
        return ops.categorical_crossentropy_gradient(
            y_true, y_pred, self.from_logits, self.label_smoothing, weight, scale
        )


class SparseCategoricalCrossentropy(RowLoss):
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
        self.from_logits, self.ignore_class, self.axis = bool(from_logits), ignore_class, axis

    def _prepare(self, y_true, y_pred):
        y_pred = as_float(y_pred, "y_pred", self._dtype)
        labels = as_int32(y_true, "y_true")
        if labels.ndim == y_pred.ndim and labels.shape[self.axis] == 1:
            labels = np.squeeze(labels, self.axis)
        if self.axis != -1:
            y_pred = np.moveaxis(y_pred, self.axis, -1)
        if labels.shape != y_pred.shape[:-1]:
            raise ValueError(
                f"{self.name}: y_true holds labels of shape {labels.shape}, y_pred has rows of shape "
                f"{y_pred.shape[:-1]}; they must be equal. For one-hot targets, use categorical_crossentropy."
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
        return {**super().get_config(), "from_logits": self.from_logits, "ignore_class": self.ignore_class}


# ---------------------------------------------------------------------------------------------- values, as functions


def mean_squared_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `MeanSquaredError`, one per row."""
    return MeanSquaredError(reduction=None)(y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """The values of `MeanAbsoluteError`, one per row."""
    return MeanAbsoluteError(reduction=None)(y_true, y_pred)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """The values of `BinaryCrossentropy`, one per row."""
    return BinaryCrossentropy(from_logits, label_smoothing, axis, reduction=None)(y_true, y_pred)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> np.ndarray:
    """The values of `CategoricalCrossentropy`, one per row."""
    return CategoricalCrossentropy(from_logits, label_smoothing, axis, reduction=None)(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> np.ndarray:
    """The values of `SparseCategoricalCrossentropy`, one per row; zero where the label is `ignore_class`."""
    return SparseCategoricalCrossentropy(from_logits, ignore_class, None, axis)(y_true, y_pred)


CLASS_OF = {
    mean_squared_error: MeanSquaredError,
    mean_absolute_error: MeanAbsoluteError,
    binary_crossentropy: BinaryCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
}

# ---------------------------------------------------------------------------------------------------------- by name

_registry = registry.Registry(
    "loss",
    "keras.losses",
    [Loss, LossFunctionWrapper, *CLASS_OF, *CLASS_OF.values()],
    aliases={
        "bce": binary_crossentropy,
        "BCE": binary_crossentropy,
        "mae": mean_absolute_error,
        "MAE": mean_absolute_error,
        "mse": mean_squared_error,
        "MSE": mean_squared_error,
    },
    snake_case=False,
)


def get(identifier: Any) -> Callable | None:
    """A loss or loss function from a name ("mse", "MeanSquaredError"), a class, a config, a callable or None.

    ValueError for anything else.
    """
    return None if identifier is None else _registry.get(identifier)


def resolve(
    identifier: Any, y_true_shape: tuple[int, ...] | None = None, y_pred_shape: tuple[int, ...] | None = None
) -> Loss | None:
    """The `Loss` that `compile(loss=identifier)` means: as `get`, and a function becomes a loss of that name.

    "crossentropy" and "ce" mean the kind that the shapes of targets and outputs call for.
    """
    if identifier is None:
        return None
    if str(identifier).lower() in ("crossentropy", "ce") and y_true_shape is not None and y_pred_shape is not None:
        found = _registry.find(kind_of_targets(y_true_shape, y_pred_shape) + "_crossentropy")
    else:
        found = get(identifier)
    if isinstance(found, Loss):
        return found
    name = (
        identifier if isinstance(identifier, str) else to_snake_case(getattr(found, "__name__", type(found).__name__))
    )
    return CLASS_OF[found](name=name) if found in CLASS_OF else LossFunctionWrapper(found, name=name)


def serialize(loss: Any) -> Any:
    """The config of a loss."""
    return registry.serialize(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss that a config or a name describes."""
    return _registry.deserialize(name, custom_objects)
