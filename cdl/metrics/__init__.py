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
from cdl.metrics.auc import AUC
from cdl.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from cdl.metrics.correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    concordance_correlation,
    pearson_correlation,
)
from cdl.metrics.error import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
)
from cdl.metrics.f_score import F1Score, FBetaScore
from cdl.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from cdl.metrics.metric import Metric
from cdl.metrics.operating_point import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from cdl.metrics.r2_score import R2Score
from cdl.metrics.reduction import Mean, MeanMetricWrapper, Sum
from cdl.utils import registry
from cdl.utils.naming import to_snake_case
from cdl.utils.numerical import kind_of_targets

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "ConcordanceCorrelation",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "IoU",
    "Mean",
    "MeanAbsoluteError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "check_identifier",
    "concordance_correlation",
    "deserialize",
    "get",
    "mean_absolute_error",
    "mean_squared_error",
    "pearson_correlation",
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
        AUC,
        Accuracy,
        BinaryAccuracy,
        BinaryCrossentropy,
        BinaryIoU,
        CategoricalAccuracy,
        CategoricalCrossentropy,
        ConcordanceCorrelation,
        F1Score,
        FBetaScore,
        FalseNegatives,
        FalsePositives,
        IoU,
        Mean,
        MeanAbsoluteError,
        MeanIoU,
        MeanMetricWrapper,
        MeanSquaredError,
        Metric,
        OneHotIoU,
        OneHotMeanIoU,
        PearsonCorrelation,
        Precision,
        PrecisionAtRecall,
        R2Score,
        Recall,
        RecallAtPrecision,
        RootMeanSquaredError,
        SensitivityAtSpecificity,
        SparseCategoricalAccuracy,
        SparseCategoricalCrossentropy,
        SparseTopKCategoricalAccuracy,
        SpecificityAtSensitivity,
        Sum,
        TopKCategoricalAccuracy,
        TrueNegatives,
        TruePositives,
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
    """ValueError if `resolve` would not know the identifier.

    Makes no metric of a name or a class: the names of metrics are numbered in the order in which they are made.
    """
    if identifier is None:
        raise ValueError("Expected a metric, received None")
    if isinstance(identifier, str):
        if identifier.lower() not in ("accuracy", "acc"):
            _registry.find(identifier)
    elif not isinstance(identifier, type):
        get(identifier)


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
