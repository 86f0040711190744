"""Data that come batch by batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any


class PyDataset:
    """Base of data sets of your own: `fit`, `evaluate` and `predict` take them in the place of arrays.

    A data set defines `__len__`, the number of batches, and `__getitem__(index)`, one of them: x, (x, y) or (x, y,
    sample_weight). `fit(shuffle=True)`, the default, takes the batches in a new order in each epoch. For data without
    end, define `num_batches` as None instead of `__len__`, and say how many `steps_per_epoch` there are.
    `on_epoch_begin` and `on_epoch_end` are called around each pass.

    `workers`, `use_multiprocessing` and `max_queue_size` are accepted for Keras' sake: batches are made when they are
    needed, one after the other.

    >>> class Halves(PyDataset):
    ...     def __len__(self):
    ...         return 2
    ...
    ...     def __getitem__(self, index):
    ...         return x[index::2], y[index::2]
    >>> model.fit(Halves(), epochs=3)
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    @property
    def num_batches(self) -> int | None:
        """The number of batches; None if there is no end to them."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(
            f"{type(self).__name__} does not define __len__(), the number of batches, nor the property num_batches"
        )

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__(index), the batch at an index")

    def __iter__(self) -> Iterator[Any]:
        count = self.num_batches
        return (self[index] for index in (itertools.count() if count is None else range(count)))

    def on_epoch_begin(self) -> None:
        """Called before the first batch of a pass."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of a pass."""
