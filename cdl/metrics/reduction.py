"""Sums and means over all samples seen so far: what most metrics reduce to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cdl.metrics.metric import Metric
from cdl.utils import registry
from cdl.utils.numerical import as_float, squeeze_or_expand_to_same_rank

BOOL = np.dtype(bool)


def _weigh(values: Any, sample_weight: Any, reduce: Callable[..., np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Weighted values and weights, each reduced to one number per sample as Keras does.

    Axes of the values that the weights do not have are reduced before weighting, the axes after the first afterwards.
    """
    values = as_float(values, "values", np.float64)
    weight = as_float(sample_weight, "sample_weight", np.float64)
    values, weight = squeeze_or_expand_to_same_rank(values, weight)
    shapes = values.shape, weight.shape
    if values.ndim > weight.ndim:
        values = reduce(values, axis=tuple(range(weight.ndim, values.ndim)))
    try:
        weight = np.broadcast_to(weight, values.shape)
    except ValueError:
        raise ValueError(
            f"sample_weight has shape {shapes[1]}, the values have shape {shapes[0]}; they do not fit."
        ) from None
    weighted = values * weight
    inner = tuple(range(1, values.ndim))
    return reduce(weighted, axis=inner), reduce(weight, axis=inner)


def _total(values: np.ndarray) -> float:
    return int(np.count_nonzero(values)) if values.dtype == BOOL else float(np.sum(values, dtype=np.float64))


class Sum(Metric):
    """The sum of all values, each times its weight.

    >>> metric = Sum()
    >>> metric([1.0, 2.0]), metric([3.0])
    (3.0, 6.0)
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = 0.0

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        if sample_weight is not None:
            values, _ = _weigh(values, sample_weight, np.sum)
        self.total += _total(np.asarray(values))

    def reset_state(self) -> None:
        self.total = 0.0

    def result(self) -> float:
        return self.total


class Mean(Metric):
    """The mean of all values, each as often as its weight says; 0 before the first.

    Samples are counted along the first axis; the values of a sample are averaged first.

    >>> metric = Mean()
    >>> metric([1.0, 3.0]), metric([8.0])
    (2.0, 4.0)
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.reset_state()

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        if sample_weight is None:
            values = np.asarray(values)
            if values.size:
                samples = len(values) if values.ndim else 1
                self.total += _total(values) * (samples / values.size)
                self.count += samples
        elif isinstance(values, float) and isinstance(sample_weight, int | float):  # the loss of a batch, and its size
            self.total += values * sample_weight
            self.count += sample_weight
        else:
            values, weight = _weigh(values, sample_weight, np.mean)
            self.total += float(np.sum(values))
            self.count += float(np.sum(weight))

    def reset_state(self) -> None:
        self.total = 0.0
        self.count = 0.0

    def result(self) -> float:
        return self.total / self.count if self.count else 0.0


class MeanMetricWrapper(Mean):
    """The mean of a function `fn(y_true, y_pred, **kwargs)` that gives one value per sample."""

    heeds_masks = True

    def __init__(
        self, fn: Callable[..., np.ndarray], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name, dtype)
        self._fn, self._fn_kwargs = fn, kwargs

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        super().update_state(self._fn(y_true, y_pred, **self._fn_kwargs), sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fn": registry.serialize(self._fn), **registry.serialize(self._fn_kwargs)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**registry.deserialize(config))
