"""Smaller steps when it no longer gets better."""

from __future__ import annotations

from typing import Any

from cdl.callbacks.callback import Logs
from cdl.callbacks.monitor import MonitorCallback


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when a quantity has not improved for `patience` epochs.

    Parameters: `monitor`, a key of the logs; `factor` < 1; `patience` epochs; `verbose`, 1 to say so; `mode`, "min",
    "max" or "auto" (as the metric has it); `min_delta`, the least change that counts as an improvement; `cooldown`, the
    epochs after a reduction that do not count as waiting; `min_lr`, the least learning rate. The learning rate is in
    the logs as "learning_rate". Raises ValueError for a factor >= 1, for an unknown mode, and in mode "auto" for a
    quantity that no metric of the model has; TypeError where the learning rate is a schedule. Warns where the quantity
    is not in the logs.

    >>> model.fit(x, y, validation_split=0.2, callbacks=[ReduceLROnPlateau(factor=0.2, patience=5, min_lr=0.001)])
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self._forget()

    def _forget(self) -> None:
        self.best, self.wait, self.cooldown_counter = None, 0, 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.larger_is_better()  # or there is an error, also where the quantity is missing
        logs = {} if logs is None else logs
        optimizer: Any = self.model.optimizer
        logs["learning_rate"] = float(optimizer.learning_rate)
        current = self.current(logs, "Learning rate reduction is")
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(current, self.best):
            self.best, self.wait = current, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and optimizer.learning_rate > self.min_lr:
                optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
                self.cooldown_counter, self.wait = self.cooldown, 0
                if self.verbose > 0:
                    print(
                        f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {optimizer.learning_rate}."
                    )

    def in_cooldown(self) -> bool:
        return self.cooldown_counter > 0
