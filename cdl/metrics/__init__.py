"""Metrics: numbers that tell how well a model does, over all batches of an epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdl.losses import (
    binary_crossentropy,
    categorical_crossentropy,
    mean_absolute_error,
    mean_squared_error,
    sparse_categorical_crossentropy,
)
from cdl.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from cdl.metrics.error import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
)
from cdl.metrics.metric import Metric
from cdl.metrics.reduction import Mean, MeanMetricWrapper, Sum
from cdl.utils import registry
from cdl.utils.naming import to_snake_case
from cdl.utils.numerical import kind_of_targets

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Mean",
    "MeanAbsoluteError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "Metric",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "Sum",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "binary_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "check_identifier",
    "deserialize",
    "get",
    "mean_absolute_error",
    "mean_squared_error",
    "resolve",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]

_registry = registry.Registry(
    "metric",
    "keras.metrics",
    [
        Accuracy,
        BinaryAccuracy,
        BinaryCrossentropy,
        CategoricalAccuracy,
        CategoricalCrossentropy,
        Mean,
        MeanAbsoluteError,
        MeanMetricWrapper,
        MeanSquaredError,
        Metric,
        RootMeanSquaredError,
        SparseCategoricalAccuracy,
        SparseCategoricalCrossentropy,
        SparseTopKCategoricalAccuracy,
        Sum,
        TopKCategoricalAccuracy,
    ],
    aliases={
        "bce": BinaryCrossentropy,
        "BCE": BinaryCrossentropy,
        "mae": MeanAbsoluteError,
        "MAE": MeanAbsoluteError,
        "mse": MeanSquaredError,
        "MSE": MeanSquaredError,
    },
)

_ACCURACY = {
    "binary": BinaryAccuracy,
    "categorical": CategoricalAccuracy,
    "sparse_categorical": SparseCategoricalAccuracy,
}


def get(identifier: Any) -> Callable | None:
    """A metric from a name ("mse", "SparseCategoricalAccuracy"), a class, a config, a callable or None.

    ValueError for anything else. "acc" needs shapes to be understood: see `resolve`.
    """
    return None if identifier is None else _registry.get(identifier)


def check_identifier(identifier: Any) -> None:
    """ValueError if `resolve` would not know the identifier."""
    if str(identifier).lower() not in ("accuracy", "acc") and get(identifier) is None:
        raise ValueError("Expected a metric, received None")


def resolve(identifier: Any, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> Metric:
    """The `Metric` that `compile(metrics=[identifier])` means, under the name that it has in the history.

    "accuracy" and "acc" mean the kind that the shapes of targets and outputs call for; a function becomes its mean.
    """
    check_identifier(identifier)
    if str(identifier).lower() in ("accuracy", "acc"):
        metric = _ACCURACY[kind_of_targets(y_true_shape, y_pred_shape)]()
    else:
        metric = get(identifier)
    if isinstance(identifier, str):
        name = identifier
    else:
        name = getattr(metric, "name", None) or to_snake_case(getattr(metric, "__name__", type(metric).__name__))
    if not isinstance(metric, Metric):
        metric = MeanMetricWrapper(metric)
    metric.name = name
    return metric


def serialize(metric: Any) -> Any:
    """The config of a metric."""
    return registry.serialize(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric that a config describes."""
    return _registry.deserialize(config, custom_objects)
