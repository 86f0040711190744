"""The model, or its weights, in files while it trains."""

from __future__ import annotations

import os
import warnings

import numpy as np

from cdl.callbacks.callback import Logs
from cdl.callbacks.monitor import MonitorCallback
from cdl.callbacks.rhythm import Rhythm

OF_MODELS, OF_WEIGHTS = (".safetensors", ".keras", ".h5"), (".safetensors", ".weights.h5")


class ModelCheckpoint(MonitorCallback):
    """Saves the model after every epoch, or every so many batches; on request only when it has become better.

    A file is replaced at once when the new one is complete, so that what is there can always be loaded.

    Parameters: `filepath`, which may name the epoch, counted from 1, the batch and all logs, as in
    "{epoch:02d}-{val_loss:.2f}.keras"; it ends with ".safetensors", ".keras" or ".h5", or, for weights, with
    ".safetensors" or ".weights.h5". `monitor`, `mode`: of which quantity more ("max") or less ("min") is better, for
    `save_best_only`; `initial_value_threshold`, what it has to beat at first. `verbose`: 1 to say what is done.
    `save_weights_only`: `model.save_weights` instead of `model.save`. `save_freq`: "epoch" or a number of batches,
    counted on from epoch to epoch. Raises ValueError for other values; KeyError for a name in `filepath` that is not in
    the logs; OSError where the file cannot be written.

    >>> model.fit(x, y, validation_split=0.2, callbacks=[ModelCheckpoint("best.safetensors", save_best_only=True)])
    """

    def __init__(
        self,
        filepath: str | os.PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.best = initial_value_threshold
        self.filepath, self.verbose = os.fspath(filepath), verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq = save_freq
        self._rhythm = Rhythm(save_freq, "ModelCheckpoint")
        suffixes = OF_WEIGHTS if save_weights_only else OF_MODELS
        of_weights = self.filepath.endswith(".weights.h5") and not save_weights_only
        if of_weights or not self.filepath.endswith(suffixes):
            raise ValueError(
                f"ModelCheckpoint: with save_weights_only={save_weights_only}, filepath ends with one of "
                f"{', '.join(suffixes)}. Received: filepath={self.filepath!r}"
            )
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._rhythm.falls_on(batch):
            self._save(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_best_only:
            self.larger_is_better()  # or there is an error, also where batches count
        if self.save_freq == "epoch":
            self._save(None, logs)

    def _save(self, batch: int | None, logs: Logs) -> None:
        path = self._path(batch, logs)
        if not self._is_wanted(logs, path):
            return
        if os.path.isdir(path):
            raise IsADirectoryError(
                f"Please specify a non-directory filepath for ModelCheckpoint. Filepath used is an existing directory: "
                f"{path}"
            )
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        self._say(f"finished saving model to {path}")

    def _path(self, batch: int | None, logs: Logs) -> str:
        """The name of the file for this moment."""
        known = {**({} if batch is None else {"batch": batch + 1}), **(logs or {}), "epoch": self._epoch + 1}
        try:
            return self.filepath.format(**known)
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}. '
                f"It can name {sorted(known)}."
            ) from None

    def _is_wanted(self, logs: Logs, path: str) -> bool:
        """Whether to save: always, or if the monitored quantity has improved, or cannot be compared."""
        if not self.save_best_only:
            self._say(f"saving model to {path}")
            return True
        current = (logs or {}).get(self.monitor)
        if current is None or np.ndim(current):
            what = f"with {self.monitor} available" if current is None else f"when {self.monitor} is a single number"
            warnings.warn(f"Can save best model only {what}.", stacklevel=4)
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self.improves(current, self.best):
            self._say(f"{self.monitor} did not improve from {best}")
            return False
        self._say(f"{self.monitor} improved from {best} to {current:.5f}, saving model to {path}")
        self.best = current
        return True

    def _say(self, what: str) -> None:
        if self.verbose > 0:
            print(f"\nEpoch {self._epoch + 1}: {what}")
