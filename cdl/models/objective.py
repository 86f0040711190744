"""What `compile` asks for: the loss to lower and the metrics to watch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from cdl import losses, metrics
from cdl.utils.numerical import with_last_axes

NO_LOSS = "No loss to compute. Provide a `loss` argument in `compile()`."


class Objective:
    """The loss and the metrics of a compiled model, with their running values over an epoch.

    `loss`: a name or a `Loss`. `wanted`, `weighted`: names, functions or `Metric`s; those in `weighted` count samples
    by their weights. "accuracy" becomes binary, categorical or sparse at the first batch, by the shapes of targets and
    outputs. Raises ValueError for names that nobody knows.
    """

    def __init__(self, loss: Any, wanted: Any = None, weighted: Any = None) -> None:
        self.loss = None if loss is None else losses.resolve(sole(loss, "loss"))
        self.wanted, self.weighted = as_list(wanted), as_list(weighted)
        for identifier in (*self.wanted, *self.weighted):
            metrics.check_identifier(identifier)
        self.loss_tracker = metrics.Mean(name="loss")
        self.metrics: list[metrics.Metric] = []
        self.weighted_metrics: list[metrics.Metric] = []
        self._logged: list[tuple[str, metrics.Metric]] = [("loss", self.loss_tracker)]
        self.resolved = False

    def resolve(self, y_true: np.ndarray, y_pred: np.ndarray) -> None:
        """Turn names into metrics, now that the shapes are known."""
        self.metrics = [metrics.resolve(identifier, y_true.shape, y_pred.shape) for identifier in self.wanted]
        self.weighted_metrics = [
            metrics.resolve(identifier, y_true.shape, y_pred.shape) for identifier in self.weighted
        ]
        self._logged = list(zip(["loss", *unique_names(self.metrics, self.weighted_metrics)], self.all(), strict=True))
        self.resolved = True

    # `mask` is that of y_pred. A loss or metric of one's own need not know it, where there is none. `loss` takes the
    # place of that of `compile`, where y_pred are logits.

    def value(
        self,
        y_true: Any,
        y_pred: np.ndarray,
        sample_weight: np.ndarray | None,
        mask: np.ndarray | None = None,
        loss: losses.Loss | None = None,
    ) -> float:
        return float((loss or self._own_loss())(y_true, y_pred, sample_weight, *given(mask)))

    def value_and_gradient(
        self,
        y_true: Any,
        y_pred: np.ndarray,
        sample_weight: np.ndarray | None = None,
        mask: np.ndarray | None = None,
        loss: losses.Loss | None = None,
    ) -> tuple[float, np.ndarray]:
        return (loss or self._own_loss()).value_and_gradient(y_true, y_pred, sample_weight, *given(mask))

    def _own_loss(self) -> losses.Loss:
        if self.loss is None:
            raise ValueError(NO_LOSS)
        return self.loss

    def update(
        self,
        loss: float,
        y_true: Any,
        z: np.ndarray,
        outputs: Callable[[np.ndarray], np.ndarray],
        sample_weight: np.ndarray | None,
        mask: np.ndarray | None = None,
    ) -> None:
        """Count one batch. The loss has seen z; metrics, if there are any, see `outputs(z)`."""
        self.loss_tracker.update_state(loss, len(z))
        if not self.wanted and not self.weighted:
            return
        y_pred = outputs(z)
        if not self.resolved:
            self.resolve(y_true, y_pred)
        for metric in self.metrics:
            if mask is not None and metric.heeds_masks:
                metric.update_state(y_true, y_pred, mask)
            else:
                metric.update_state(y_true, y_pred)
        for metric in self.weighted_metrics:
            metric.update_state(
                y_true, y_pred, weight_of_steps(sample_weight, mask) if metric.heeds_masks else sample_weight
            )

    def all(self) -> list[metrics.Metric]:
        """The loss, then the metrics, in the order of `evaluate`'s list."""
        return [self.loss_tracker, *self.metrics, *self.weighted_metrics]

    def results(self) -> dict[str, Any]:
        """The running values by the names that the logs have for them: numbers, or arrays with one for each class."""
        return {
            name: result if type(result := metric.result()) is float else number_or_array(result)
            for name, metric in self._logged
        }

    def reset(self) -> None:
        for metric in self.all():
            metric.reset_state()


def number_or_array(result: Any) -> Any:
    """A metric's result as logs have it: a float, or an array with a number for each class."""
    return result if np.ndim(result) else float(result)


def given(value: Any) -> tuple[Any, ...]:
    """The value as further arguments: none for None."""
    return () if value is None else (value,)


def weight_of_steps(sample_weight: np.ndarray | None, mask: np.ndarray | None) -> np.ndarray | None:
    """The weights, 0 where the mask says so; first axes are aligned."""
    if sample_weight is None or mask is None:
        return mask if sample_weight is None else sample_weight
    rank = max(sample_weight.ndim, mask.ndim)
    return with_last_axes(sample_weight, rank) * with_last_axes(mask, rank)


def unique_names(plain: list[metrics.Metric], weighted: list[metrics.Metric]) -> list[str]:
    """The metrics' names in the logs, told apart as in Keras: accuracy, accuracy_1, weighted_accuracy."""
    names: list[str] = []
    for metric in (*plain, *weighted):
        stem = f"weighted_{metric.name}" if len(names) >= len(plain) and metric.name in names else metric.name
        name, number = stem, 0
        while name in names:
            number += 1
            name = f"{stem}_{number}"
        names.append(name)
    return names


def as_list(identifiers: Any) -> list[Any]:
    """None, one identifier, or a list of them (as some write it, inside another list, or by the output's name)."""
    if identifiers is None:
        return []
    if isinstance(identifiers, dict):
        identifiers = sole(identifiers, "list of metrics")
    if isinstance(identifiers, str) or not isinstance(identifiers, Iterable):
        return [identifiers]
    identifiers = list(identifiers)
    return list(identifiers[0]) if len(identifiers) == 1 and isinstance(identifiers[0], list | tuple) else identifiers


def sole(value: Any, name: str) -> Any:
    """The value, or the only one of a list or dictionary; a model has one output."""
    if isinstance(value, list | tuple | dict):
        if len(value) != 1:
            raise ValueError(f"compile: a model has one output here, so it takes one {name}. Received: {value!r}")
        return next(iter(value.values() if isinstance(value, dict) else value))
    return value
