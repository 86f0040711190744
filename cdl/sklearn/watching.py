"""Callbacks of cdl in the training of an estimator."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

from cdl.callbacks import Callback, CallbackList


class Training:
    """What callbacks find in the place of a model: `stop_training`, `optimizer`, the weights, and the `estimator`."""

    # To those who watch a score in mode "auto": more is better.
    metrics = [SimpleNamespace(name="score", _direction="up")]

    def __init__(self, estimator: Any, arrays: list[np.ndarray]) -> None:
        self.estimator, self.arrays = estimator, arrays
        self.stop_training = False

    @property
    def optimizer(self) -> Any:
        return self.estimator._optimizer.optimizer

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the arrays that are trained."""
        return [array.copy() for array in self.arrays]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Copy `weights` into the arrays that are trained."""
        for array, weight in zip(self.arrays, weights, strict=True):
            array[...] = weight


class EachEpoch(Callback):
    """Calls `function(epoch, logs)` after each epoch; training ends when it returns True."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.function(epoch, logs) is True:
            self.model.stop_training = True


def watchers(callbacks: Any, training: Training, epochs: int, steps: int) -> CallbackList:
    """The callbacks as a list, functions among them, told what they watch."""
    several = isinstance(callbacks, Iterable) and not isinstance(callbacks, str)
    wrapped = [
        EachEpoch(callback) if callable(callback) and not isinstance(callback, Callback) else callback
        for callback in (callbacks if several else [callbacks])
    ]
    return CallbackList(wrapped, model=training, epochs=epochs, steps=steps, verbose=0)  # type: ignore[arg-type]
