"""A learning rate for each epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from cdl.callbacks.callback import Callback, Logs


class LearningRateScheduler(Callback):
    """Before each epoch, learning_rate = schedule(epoch, learning_rate); epochs are counted from 0.

    `schedule`: a function of both, or of the epoch alone; `verbose`, 1 to say so. The learning rate is in the logs as
    "learning_rate". Raises ValueError where the function does not return a float, TypeError where the optimizer's
    learning rate is a schedule.

    >>> halving = LearningRateScheduler(lambda epoch, rate: rate if epoch < 3 else rate / 2)
    >>> model.fit(x, y, epochs=9, callbacks=[halving])
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        optimizer: Any = self.model.optimizer
        try:
            inspect.signature(self.schedule).bind(epoch, optimizer.learning_rate)
        except TypeError:
            rate = self.schedule(epoch)
        else:
            rate = self.schedule(epoch, optimizer.learning_rate)
        if not isinstance(rate, float | np.floating):
            raise ValueError(f"The output of the `schedule` function should be a float. Got: {rate}")
        optimizer.learning_rate = rate
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        optimizer: Any = self.model.optimizer
        if logs is not None:
            logs["learning_rate"] = float(optimizer.learning_rate)
