"""Batches that somebody else makes: data sets, loaders, generators."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from itertools import chain, count, islice
from typing import Any

import numpy as np

from cdl.models.data import (
    Batch,
    Batches,
    is_dataset,
    random_order,
    to_samples,
    weights_of_classes,
)


def batches_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    class_weight: dict[int, float] | None = None,
) -> Batches | Dataset:
    """The batches of arrays, or of x if it yields batches by itself.

    Raises ValueError for targets or weights beside a data set, whose batches hold their own.
    """
    if is_dataset(x):
        for name, given in (("y", y), ("sample_weight", sample_weight)):
            if given is not None:
                raise ValueError(
                    f"`{name}` is not for a data set: x is a {type(x).__name__}, whose batches are (x, y) or (x, y, "
                    f"sample_weight). Leave `{name}` out."
                )
        return Dataset(x, bool(shuffle), class_weight)
    batches = Batches(x, y, sample_weight, batch_size, shuffle)
    if class_weight is not None:
        batches.sample_weight = weights_beside(batches.y, class_weight, batches.sample_weight)
    return batches


def validation_batches(validation_data: Any, batch_size: int | None) -> Batches | Dataset:
    """Batches from (x, y) or (x, y, sample_weight), or of a data set. Raises ValueError for anything else."""
    if is_dataset(validation_data):
        return Dataset(validation_data)
    if not isinstance(validation_data, list | tuple) or not 1 <= len(validation_data) <= 3:
        raise ValueError(
            f"validation_data is (x, y), (x, y, sample_weight) or a data set. "
            f"Received: {type(validation_data).__name__}"
        )
    x, y, sample_weight = (*validation_data, None, None)[:3]
    return batches_of(x, y, sample_weight, batch_size)


class Dataset:
    """The batches x, (x, y) or (x, y, sample_weight) of any object that yields them, in the place of `Batches`.

    `source`: with `__len__` and `__getitem__`, such as a PyDataset, whose order `shuffle` changes in each pass; or with
    `__iter__`; or a generator, which can be passed once. `steps` is the number of batches of a pass: None where nobody
    knows, infinity where there is no end. x and y are those of the first batch. Raises ValueError if there is none.
    """

    def __init__(self, source: Any, shuffle: bool = False, class_weight: dict[int, float] | None = None) -> None:
        self.source, self.class_weight = source, class_weight
        self.steps = number_of_batches(source)
        self.once = hasattr(source, "__next__")
        self._by_index = hasattr(source, "__getitem__") and self.steps not in (None, math.inf)
        self._shuffle = shuffle
        first = next(iter(source) if not self._by_index else map(source.__getitem__, range(self.steps)), None)
        if first is None:
            raise ValueError(f"The {type(source).__name__} yields no batches; at least one is needed.")
        self._generator = chain([first], source) if self.once else None
        self.x, self.y, _ = self._batch(first)
        self.samples = len(self.x)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of one pass. ValueError where a generator has been passed through already."""
        batches = self._pass()
        if self.once:
            first = next(batches, None)
            if first is None:
                raise ValueError(
                    f"The {type(self.source).__name__} has no batches left for another pass. Pass a PyDataset, or a "
                    f"generator without end and a number of steps."
                )
            batches = chain([first], batches)
        return self._watched(batches)

    def portions(self, steps: int | None) -> Iterator[Iterator[Batch]]:
        """The next `steps` batches (None: a whole pass), and so on; no portion reaches into a new pass.

        There is no end, unless that of a generator: then there is a warning.
        """
        while True:
            batches = self._pass()
            if self.steps is not None:
                for _ in count() if self.steps == math.inf else range(0, self.steps, steps or self.steps):
                    yield self._watched(islice(batches, steps))
                continue
            number = 0
            for first in batches:
                rest = islice(batches, None if steps is None else steps - 1)
                yield self._counted(chain([first], rest), steps)
                number += 1
            if self.once:
                warnings.warn(
                    f"The {type(self.source).__name__} ran out of data after {number} epochs, and training ends with "
                    f"them. Pass a PyDataset, or a generator that yields steps_per_epoch * epochs batches.",
                    stacklevel=3,
                )
                return

    def _pass(self) -> Iterator[Batch]:
        if self._generator is not None:
            return map(self._batch, self._generator)
        if not self._by_index:
            return map(self._batch, iter(self.source))
        order = random_order(self.steps).tolist() if self._shuffle else range(self.steps)
        return (self._batch(self.source[index]) for index in order)

    def _watched(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches, with word to the data set before the first and after the last."""
        getattr(self.source, "on_epoch_begin", nothing)()
        yield from batches
        getattr(self.source, "on_epoch_end", nothing)()

    def _counted(self, batches: Iterator[Batch], steps: int | None) -> Iterator[Batch]:
        """The batches, with a warning if a generator ends before there are `steps` of them."""
        found = 0
        for batch in batches:
            yield batch
            found += 1
        if self.once and steps is not None and found < steps:
            warnings.warn(
                f"The {type(self.source).__name__} ran out of data: {found} of {steps} batches in this epoch.",
                stacklevel=3,
            )

    def _batch(self, item: Any) -> Batch:
        """(x, y, sample_weight) as arrays. ValueError for what is no batch."""
        parts = tuple(item) if isinstance(item, tuple | list) else (item,)
        if not 1 <= len(parts) <= 3:
            raise ValueError(
                f"The {type(self.source).__name__} yields batches x, (x, y) or (x, y, sample_weight). "
                f"Received a {type(item).__name__} of {len(parts)}."
            )
        x, y, weight = to_samples(*parts)
        if self.class_weight is not None:
            weight = weights_beside(y, self.class_weight, weight)
        return x, y, weight


def weights_beside(y: Any, class_weight: dict[int, float], sample_weight: Any) -> np.ndarray:
    """`weights_of_classes`, unless there are weights of samples, too: ValueError."""
    if sample_weight is not None:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    return weights_of_classes(y, class_weight)


def number_of_batches(source: Any) -> Any:
    """How many batches a pass has: None where it is not known, infinity where there is no end."""
    try:
        known = source.num_batches if hasattr(type(source), "num_batches") else len(source)
    except TypeError:  # as loaders without a known length raise it
        return None
    return math.inf if known is None else known


def nothing() -> None:
    """Where a data set does not want to know."""
