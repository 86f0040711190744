"""What callbacks share that watch whether a quantity improves."""

from __future__ import annotations

import warnings

from cdl.callbacks.callback import Callback, Logs


class MonitorCallback(Callback):
    """Watches one quantity of the logs: is it better than before?

    Parameters: `monitor`, a key of the logs; `mode`, "min", "max" or "auto" (as the metric of that name has it);
    `min_delta`, the least change that counts. Raises ValueError for an unknown mode, and in mode "auto", when it is to
    judge, for a quantity that no metric of the model has.

    >>> class Cheer(MonitorCallback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         if self.improves(logs[self.monitor], self.best):
    ...             self.best = logs[self.monitor]
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{type(self).__name__}: mode is 'auto', 'min' or 'max'. Received: {mode!r}")
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.best: float | None = None

    def current(self, logs: Logs, purpose: str) -> float | None:
        """The quantity, or None, with a warning, where it is not in the logs."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{purpose} conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs or {})}",
                stacklevel=3,
            )
        return value

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether value is better than reference by more than min_delta; everything is better than None."""
        if self.larger_is_better():
            return reference is None or value - self.min_delta > reference
        return reference is None or value + self.min_delta < reference

    def larger_is_better(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        directions = {metric.name: getattr(metric, "_direction", None) for metric in self.model.metrics}
        direction = "down" if name == "loss" else directions.get(name)
        if direction is None:
            raise ValueError(
                f"{type(self).__name__}: whether more or less of {self.monitor!r} is better cannot be told from the "
                f"model's metrics {sorted(directions)}. Pass mode='max' or mode='min'."
            )
        return direction == "up"
