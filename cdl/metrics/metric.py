"""What every metric is: a state that grows batch by batch, and a number that follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from cdl import config, initializers
from cdl.utils.naming import auto_name
from cdl.variable import Variable


class Metric:
    """Base class. A metric of your own defines `update_state` and `result`:

    >>> class LargestError(Metric):
    ...     def __init__(self, name="largest_error", dtype=None):
    ...         super().__init__(dtype, name)
    ...         self.largest = self.add_variable(shape=(), initializer="zeros", name="largest")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(max(self.largest.value, np.abs(y_pred - y_true).max()))
    ...     def result(self):
    ...         return float(self.largest.value)

    `reset_state` sets the variables, and the metrics held as attributes, back to zero; state of another kind needs its
    own. `heeds_masks`: whether `update_state` takes the mask of y_pred, if there is one, as `sample_weight`.
    """

    heeds_masks: ClassVar[bool] = False

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or auto_name(type(self).__name__)
        self.dtype: str = dtype or config.floatx()
        self._variables: list[Variable] = []

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take one batch into account."""
        raise NotImplementedError(f"Metric {self.name!r} must define update_state().")

    def result(self) -> Any:
        """The metric over all batches since the last `reset_state`."""
        raise NotImplementedError(f"Metric {self.name!r} must define result().")

    def reset_state(self) -> None:
        """Forget all batches."""
        for variable in self._variables:
            variable.assign(np.zeros(variable.shape))
        for metric in self._inner_metrics():
            metric.reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def add_variable(
        self,
        shape: tuple[int, ...],
        initializer: Any,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A variable of the state. `aggregation` is accepted and has no meaning on one device."""
        if not hasattr(self, "_variables"):
            raise RuntimeError(f"{type(self).__name__}: call super().__init__() at the beginning of __init__().")
        variable = Variable(
            initializers.get(initializer), shape=shape, dtype=dtype or self.dtype, trainable=False, name=name
        )
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: tuple[int, ...] = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> Variable:
        """`add_variable` under its older name."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The variables of this metric and of those it holds."""
        return self._variables + [variable for metric in self._inner_metrics() for variable in metric.variables]

    def _inner_metrics(self) -> Iterator[Metric]:
        for value in vars(self).values():
            yield from (
                item for item in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(item, Metric)
            )

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
