"""Losses: how far predictions are from targets, as one number, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdl.losses.base import CLASS_OF, REDUCTIONS, Loss, LossFunctionWrapper
from cdl.losses.circle import Circle, circle
from cdl.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from cdl.losses.ctc import CTC, ctc
from cdl.losses.distribution import KLDivergence, Poisson, kl_divergence, poisson
from cdl.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from cdl.losses.hinge import CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge
from cdl.losses.overlap import Dice, Tversky, dice, tversky
from cdl.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from cdl.utils import registry
from cdl.utils.naming import to_snake_case
from cdl.utils.numerical import kind_of_targets

__all__ = [
    "CLASS_OF",
    "CTC",
    "REDUCTIONS",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "resolve",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

_registry = registry.Registry(
    "loss",
    "keras.losses",
    [Loss, LossFunctionWrapper, *CLASS_OF, *CLASS_OF.values()],
    aliases={
        "bce": binary_crossentropy,
        "BCE": binary_crossentropy,
        "kld": kl_divergence,
        "KLD": kl_divergence,
        "mae": mean_absolute_error,
        "MAE": mean_absolute_error,
        "mape": mean_absolute_percentage_error,
        "MAPE": mean_absolute_percentage_error,
        "mse": mean_squared_error,
        "MSE": mean_squared_error,
        "msle": mean_squared_logarithmic_error,
        "MSLE": mean_squared_logarithmic_error,
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
