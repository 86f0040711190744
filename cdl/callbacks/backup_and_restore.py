"""A training that goes on where it was cut off."""

from __future__ import annotations

import os
from contextlib import suppress

from cdl.callbacks.callback import Callback, Logs
from cdl.callbacks.rhythm import Rhythm

LATEST, PREVIOUS = "latest.safetensors", "previous.safetensors"


class BackupAndRestore(Callback):
    """Keeps the state of the training in a folder; when the same script is run again after a crash, it goes on from it.

    The state is that of weights, optimizer and random numbers, and the number of the epoch. Backed up after each epoch,
    a training that was cut off ends with the very same numbers as one that was not, shuffling and dropout included, if
    data and model are the same, and each epoch goes through all data. Other callbacks begin anew, and so does the
    history. Between two epochs, from a backup after so many batches, the epoch is begun again, as Keras does.

    Parameters: `backup_dir`; `save_freq`, "epoch" or a number of batches; `double_checkpoint`, keep the backup before
    the last one as well, and take it where the last one cannot be read; `delete_checkpoint`, delete the backup when the
    training has come to its end. Raises ValueError for other values, and for a backup of another model.

    >>> model.fit(x, y, epochs=100, callbacks=[BackupAndRestore("backup")])
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike,
        save_freq: int | str = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError("BackupAndRestore: Empty `backup_dir` argument passed. Name a folder.")
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self._rhythm = Rhythm(save_freq, "BackupAndRestore")
        self._latest, self._previous = (os.path.join(self.backup_dir, name) for name in (LATEST, PREVIOUS))
        self._epoch = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        try:
            self._restore(self._latest)
        except (OSError, ValueError):
            if not os.path.exists(self._previous):
                raise
            self._restore(self._previous)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._rhythm.falls_on(batch):
            self._back_up(self._epoch)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            self._back_up(epoch + 1)

    def on_train_end(self, logs: Logs = None) -> None:
        if self.delete_checkpoint:
            for path in (self._latest, self._previous):
                with suppress(FileNotFoundError):
                    os.remove(path)
            with suppress(OSError):  # what others have put into the folder stays
                os.rmdir(self.backup_dir)

    def _back_up(self, next_epoch: int) -> None:
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint and os.path.exists(self._latest):
            os.replace(self._latest, self._previous)
        self.model.save_state(self._latest, {"epoch": next_epoch})

    def _restore(self, path: str) -> None:
        """Bring the model to the state in the file; `fit` then goes on with the epoch that it says.

        Without a file there is nothing to restore, unless there is an earlier one: then the last one has got lost.
        """
        if os.path.exists(path) or os.path.exists(self._previous):
            self.model._initial_epoch = self.model.load_state(path)["epoch"]
