"""From what the user hands over to batches of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from numbers import Number
from typing import Any

import numpy as np

from cdl import config, ops
from cdl.layers.base import to_array
from cdl.utils.seeds import draw_seed
from cdl.utils.strings import holds_strings, string_array

Batch = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]


NAMES = ("x", "y", "sample_weight")
GATHERED = 4096  # numbers that are gathered at once, where a batch has fewer: they stay in the first cache
NO_DATASETS = (np.ndarray, Sequence, Mapping, type(None))


def is_dataset(data: Any) -> bool:
    """Whether this yields batches, rather than being an array or what NumPy makes one of."""
    if isinstance(data, NO_DATASETS):
        return False
    if any(hasattr(data, way) for way in ("__array__", "__array_interface__", "toarray")):
        return False
    return hasattr(data, "__iter__") or (hasattr(data, "__getitem__") and hasattr(data, "__len__"))


def to_rows(data: Any, name: str, strings: bool = False) -> np.ndarray:
    """`data` as an array with samples along its first axis, each in one piece; floats in `cdl.config.floatx()`.

    Lists, tuples, tensors and data frames are accepted, and so is a list that holds nothing but the array; those of
    `strings` too, if that is set. Raises ValueError for the rest.
    """
    usual = type(data) is np.ndarray and data.ndim > 0 and data.flags.c_contiguous  # and soon done, in each step
    if usual and (data.dtype.kind in "iub" or data.dtype == np.dtype(config.floatx())):
        return data
    if data is None:
        raise ValueError(f"{name} is None; an array with samples along the first axis is needed.")
    if isinstance(data, Mapping):
        raise ValueError(f"{name} is a dictionary, but a model has one input and one output here. Pass the array.")
    if is_wrapped(data):
        data = data[0]
    if hasattr(data, "numpy") and not hasattr(data, "__array__"):
        data = data.numpy()
    if hasattr(data, "toarray"):  # sparse matrices of SciPy
        data = data.toarray()
    if isinstance(data, tuple) and len(data) == 2 and 0 < getattr(data[1], "ndim", 0) < getattr(data[0], "ndim", 0):
        raise ValueError(f"{name} is a tuple of two arrays. Pass inputs and targets one by one: fit(x, y).")
    if is_dataset(data):
        raise ValueError(f"{name} is a {type(data).__name__}; an array is needed here. Collect its batches in arrays.")
    texts = strings and holds_strings(data) and not isinstance(data, str | bytes)
    array = string_array(data) if texts else to_array(data, None, name)
    if array.ndim == 0:
        raise ValueError(
            f"{name} is a single number; an array with samples along the first axis is needed. A data set yields "
            f"batches."
        )
    if not array[:1].flags.c_contiguous:  # as from data frames: put in order once, not in every batch
        array = np.ascontiguousarray(array)
    return array.astype(config.floatx(), copy=False) if array.dtype.kind == "f" else array


def is_wrapped(data: Any) -> bool:
    """Whether this is [array], as Keras takes the one input of a model; a row of numbers in a list is a sample."""
    return isinstance(data, list | tuple) and len(data) == 1 and len(getattr(data[0], "shape", ())) > 1


def to_samples(x: Any, y: Any = None, sample_weight: Any = None) -> Batch:
    """All three by `to_rows`; y and sample_weight may be None. ValueError where the numbers of samples differ.

    Class labels become int32, the type that losses work on, once and not in every batch.
    """
    wanted, x = x, to_rows(x, "x", strings=True)
    y, sample_weight = beside(x, y, "y"), beside(x, sample_weight, "sample_weight")
    if y is not None and y.dtype.kind in "iu" and y.size == len(y):
        narrow = y.astype(np.int32, copy=False)
        y = narrow if np.array_equal(narrow, y) else y  # or these are no labels, but large numbers
    if not (y is None or len(y) == len(x)) or not (sample_weight is None or len(sample_weight) == len(x)):
        given = zip(NAMES, (x, y, sample_weight), strict=True)
        several = isinstance(wanted, list | tuple) and all(np.ndim(part) > 1 for part in wanted)
        raise ValueError(
            "Data cardinality is ambiguous. Make sure all arrays contain the same number of samples. "
            + " | ".join(f"'{name}' sizes: {len(array)}" for name, array in given if array is not None)
            + (f". x is a list of {len(x)} arrays, but a model has one input here: join them" if several else "")
        )
    return x, y, sample_weight


def beside(x: np.ndarray, data: Any, name: str) -> np.ndarray | None:
    """`data` by `to_rows`, for the samples of x; None if there are none."""
    if data is None:
        return None
    return to_rows(data[0] if is_wrapped_column(data, len(x)) else data, name)


def is_wrapped_column(data: Any, samples: int) -> bool:
    """Whether this is [array], the array having one axis: so many labels or weights, not one row of them."""
    return isinstance(data, list | tuple) and len(data) == 1 and getattr(data[0], "shape", ()) == (samples,)


class Batches:
    """The samples of x, y and sample_weight, `batch_size` at a time; in a new random order each time if `shuffle`.

    Parameters: arrays of equally many samples, y and sample_weight possibly None. `shuffle`: False, True, or "batch" to
    shuffle the batches only. Raises ValueError where the numbers of samples differ, and for a batch size below 1.
    """

    def __init__(self, x: Any, y: Any, sample_weight: Any, batch_size: int | None, shuffle: bool | str) -> None:
        self.x, self.y, self.sample_weight = to_samples(x, y, sample_weight)
        self.batch_size = check_batch_size(batch_size)
        self.shuffle = shuffle
        self.samples = len(self.x)
        self.steps = math.ceil(self.samples / self.batch_size)

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch]:
        size, samples = self.batch_size, self.samples
        starts = range(0, samples, size)
        if self.shuffle == "batch":
            starts = [size * step for step in random_order(self.steps)]  # type: ignore[assignment]
        if not self.shuffle or self.shuffle == "batch":
            for start in starts:
                yield views((self.x, self.y, self.sample_weight), start, start + size)
            return
        yield from in_order((self.x, self.y, self.sample_weight), random_order(samples), size)

    def portions(self, steps: int) -> Iterator[Iterator[Batch]]:
        """The next `steps` batches, and so on, without end. As in Keras, a portion never reaches into a new pass."""
        while True:
            batches = iter(self)
            for _ in range(0, self.steps, steps):
                yield islice(batches, steps)


def views(batch: Batch, start: int, stop: int) -> Batch:
    """The samples from start to stop."""
    x, y, sample_weight = batch
    return (
        x[start:stop],
        None if y is None else y[start:stop],
        None if sample_weight is None else sample_weight[start:stop],
    )


def in_order(batch: Batch, order: np.ndarray, size: int) -> Iterator[Batch]:
    """The samples with these numbers, `size` at a time. Small batches are views of several, gathered at once.

    x may be a sparse matrix, too.
    """
    numbers = sum(math.prod(array.shape[1:]) for array in batch if array is not None)
    together = size * max(1, GATHERED // (size * max(1, numbers)))
    for start in range(0, len(order), together):
        gathered = gather(batch, order[start : start + together])
        if together == size:
            yield gathered
            continue
        for first in range(0, min(together, len(order) - start), size):
            yield views(gathered, first, first + size)


def gather(batch: Batch, index: np.ndarray) -> Batch:
    """The samples with these numbers."""
    x, y, sample_weight = batch
    return (
        ops.take_rows(x, index) if isinstance(x, np.ndarray) else x[index],
        None if y is None else ops.take_rows(y, index),
        None if sample_weight is None else ops.take_rows(sample_weight, index),
    )


def random_order(count: int) -> np.ndarray:
    """A random permutation of 0 .. count - 1, reproducible after `set_random_seed`."""
    return np.random.default_rng(draw_seed(None)).permutation(count)


def check_batch_size(batch_size: int | None) -> int:
    """32 for None. Raises ValueError for a batch size below 1."""
    if batch_size is None:
        return 32
    if not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise ValueError(f"batch_size is a positive integer. Received: {batch_size!r}")
    return int(batch_size)


def check_epochs(name: str, epochs: int) -> int:
    """Raises TypeError for what is no whole number, ValueError for a negative one."""
    if not isinstance(epochs, int | np.integer) or epochs < 0:
        error = ValueError if isinstance(epochs, int | np.integer) else TypeError
        raise error(f"{name} is a whole number, 0 or more. Received: {epochs!r}")
    return int(epochs)


def check_steps(name: str, wanted: int | None, available: Any) -> Any:
    """How many of the available steps to take: all for None. Available may be None, not known, or infinity.

    Raises ValueError for a number below 1, and for all steps of data without end.
    """
    if wanted is None:
        if available == math.inf:
            raise ValueError(f"{name} is needed: there is no end to the batches of x.")
        return available
    if not isinstance(wanted, int | np.integer) or wanted < 1:
        raise ValueError(f"{name} is a positive integer or None. Received: {wanted!r}")
    return int(wanted) if available is None else min(int(wanted), available)


def validates_after(epoch: int, validation_freq: int | list[int]) -> bool:
    """Whether this epoch, counted from 0, ends with validation. Raises ValueError for a frequency below 1."""
    if isinstance(validation_freq, list | tuple | set):
        return epoch + 1 in validation_freq
    if not isinstance(validation_freq, int) or validation_freq < 1:
        raise ValueError(f"validation_freq is a positive integer or a list of epochs. Received: {validation_freq!r}")
    return (epoch + 1) % validation_freq == 0


def split_off_validation(x: Any, y: Any, sample_weight: Any, validation_split: float) -> tuple[list[Any], list[Any]]:
    """The first samples for training and the last `validation_split` of them for validation, unshuffled, as Keras does.

    Raises ValueError unless 0 < validation_split < 1 and both parts have samples.
    """
    if not isinstance(validation_split, int | float) or not 0 < validation_split < 1:
        raise ValueError(f"validation_split lies between 0 and 1. Received: {validation_split!r}")
    if is_dataset(x):
        raise ValueError(
            f"validation_split takes the last part of arrays, but x is a {type(x).__name__}. Pass another such object "
            f"as validation_data."
        )
    arrays = to_samples(x, y, sample_weight)
    samples = len(arrays[0])
    at = math.floor(samples * (1.0 - validation_split))
    if at == 0 or at == samples:
        raise ValueError(
            f"Training data contains {samples} samples, which is not sufficient to split it into a validation and "
            f"training set as specified by `validation_split={validation_split}`. Either provide more data, or a "
            f"different value for the `validation_split` argument."
        )
    train = [None if array is None else array[:at] for array in arrays]
    validation = [None if array is None else array[at:] for array in arrays]
    return train, validation


def weights_of_classes(y: Any, class_weight: dict[int, float]) -> np.ndarray:
    """One weight per sample from one weight per class; classes that are not mentioned weigh 1.

    y: integer labels (n,) or (n, 1), or one-hot rows (n, classes). Raises ValueError for other targets.
    """
    if not isinstance(class_weight, dict) or not all(isinstance(label, Number | np.bool_) for label in class_weight):
        raise ValueError(
            f"class_weight is a dictionary {{class: weight}}, classes being numbers. Received: {class_weight!r}"
        )
    y = to_rows(y, "y")
    if y.ndim > 2:
        raise ValueError("`class_weight` is only supported for targets with one label or one-hot row per sample.")
    labels = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
    weights = np.ones(len(labels), config.floatx())
    for label, weight in class_weight.items():
        weights[labels == label] = weight
    return weights
