"""Stop when it no longer gets better."""

from __future__ import annotations

from typing import Any

from cdl.callbacks.callback import Logs
from cdl.callbacks.monitor import MonitorCallback


class EarlyStopping(MonitorCallback):
    """Stops training when a quantity has not improved for `patience` epochs.

    Parameters: `monitor`, a key of the logs; `min_delta` >= 0, the least change that counts as an improvement;
    `patience` >= 0 epochs; `verbose`, 1 to say so; `mode`, "min", "max" or "auto" (as the metric has it); `baseline`, a
    value to beat; `restore_best_weights`, end with the weights of the best epoch; `start_from_epoch`, when to begin
    watching. Raises ValueError for an unknown mode, and in mode "auto" for a quantity that no metric of the model has.
    Warns where it is not in the logs.

    >>> model.fit(x, y, validation_split=0.2, callbacks=[EarlyStopping(patience=3, restore_best_weights=True)])
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self._forget()

    def _forget(self) -> None:
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best = None
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.larger_is_better()  # or there is an error, also before start_from_epoch
        current = self.current(logs, "Early stopping")
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.improves(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            # The wait begins anew only for what beats the baseline too.
            if self.improves(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs = None) -> None:
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
