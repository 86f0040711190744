"""The logs of each epoch as a row of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from cdl.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Writes epoch, loss and metrics to a CSV file, a row per epoch, under a header.

    Parameters: `filename`; `separator`, one character; `append`, go on with the file if it exists, under its header,
    instead of replacing it. The columns are those of the first epoch, sorted; where it has no validation, "val_..."
    too. "NA" is what an epoch lacks. Raises OSError where the file cannot be written.

    >>> model.fit(x, y, epochs=3, callbacks=[CSVLogger("training.csv")])
    """

    def __init__(self, filename: str | os.PathLike, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename, self.sep, self.append = os.fspath(filename), separator, append
        self.append_header = True
        self.keys: list[str] | None = None
        self.writer: Any = None
        self.csv_file: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self._close()  # as left by a training that an error ended
        self.append_header = not (self.append and os.path.exists(self.filename) and os.path.getsize(self.filename))
        self.csv_file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115
        self.keys = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        import csv

        logs = logs or {}
        if self.writer is None or self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
            self.writer = csv.DictWriter(self.csv_file, ["epoch", *self.keys], delimiter=self.sep)
            if self.append_header:
                self.writer.writeheader()
        self.writer.writerow({"epoch": epoch, **{key: cell(logs.get(key, "NA")) for key in self.keys}})
        self.csv_file.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        self._close()

    def _close(self) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
        self.csv_file = self.writer = None


def cell(value: Any) -> Any:
    """A number or string as it is, several values in quoted brackets, as Keras writes them."""
    if isinstance(value, str) or not isinstance(value, Iterable) or (isinstance(value, np.ndarray) and not value.ndim):
        return value
    return f'"[{", ".join(map(str, value))}]"'
