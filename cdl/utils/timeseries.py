"""Windows of a time series."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from cdl.utils.seeds import draw_seed


class TimeseriesDataset:
    """What `timeseries_dataset_from_array` makes: iterate over it for batches, or take all windows with `arrays()`.

    Its length is the number of batches. With `shuffle`, every pass has an order of its own.
    """

    def __init__(
        self,
        data: np.ndarray,
        targets: np.ndarray | None,
        starts: np.ndarray,
        steps: np.ndarray,
        batch_size: int | None,
        rng: np.random.Generator | None,
    ) -> None:
        self._data, self._targets = data, targets
        self._starts, self._steps = starts, steps
        self._rng = rng
        self.batch_size = batch_size

    def __len__(self) -> int:
        return math.ceil(len(self._starts) / (self.batch_size or 1))

    def __iter__(self) -> Iterator[Any]:
        starts = self._starts if self._rng is None else self._rng.permutation(self._starts)
        if self.batch_size is None:
            return map(self._windows, starts)
        size = self.batch_size
        return (self._windows(starts[at : at + size]) for at in range(0, len(starts), size))

    def arrays(self) -> Any:
        """All windows in the order of time: x (windows, sequence_length, ...), or (x, y) if there are targets."""
        return self._windows(self._starts)

    def _windows(self, starts: np.ndarray) -> Any:
        x = self._data[starts[..., None] + self._steps]
        return x if self._targets is None else (x, self._targets[starts])


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> TimeseriesDataset:
    """Batches of windows that slide over a time series, for `fit`, `evaluate` and `predict`.

    Window w is data[s], data[s + sampling_rate], ... of `sequence_length` steps, from s = w sequence_stride on; its
    target is targets[s]: to forecast the next step, targets = data[sequence_length:]. Windows lie between `start_index`
    and `end_index` (excluded), and all have a target.

    Shapes: data (t, ...), targets (t, ...) or None -> batches (n, sequence_length, ...), or pairs with (n, ...), of n =
    `batch_size` windows (None: one window at a time, without a batch axis). `shuffle` takes them in random order, a new
    one in each pass, which `seed` makes reproducible. Raises ValueError for arguments outside the data, and where no
    window fits.

    >>> windows = timeseries_dataset_from_array(np.arange(6), np.arange(6)[3:], sequence_length=3, batch_size=2)
    >>> next(iter(windows))
    (array([[0, 1, 2],
           [1, 2, 3]]), array([3, 4]))
    """
    who = "timeseries_dataset_from_array"
    data = np.asarray(data)
    length = len(data)
    if start_index and not 0 <= start_index < length:
        raise ValueError(
            f"{who}: `start_index` must be 0 or greater, and lower than the length of the data. "
            f"Received: start_index={start_index}, for data of length {length}"
        )
    if end_index and not (start_index or 0) < end_index < length:
        raise ValueError(
            f"{who}: `end_index` must be higher than `start_index`, and lower than the length of the data. "
            f"Received: start_index={start_index}, end_index={end_index}, for data of length {length}"
        )
    for name, step in (("sampling_rate", sampling_rate), ("sequence_stride", sequence_stride)):
        if not 0 < step < length:
            raise ValueError(
                f"{who}: `{name}` must be higher than 0, and lower than the length of the data. "
                f"Received: {name}={step}, for data of length {length}"
            )
    for name, size in (("sequence_length", sequence_length), ("batch_size", batch_size)):
        if size is not None and size < 1:
            raise ValueError(f"{who}: `{name}` is a positive integer. Received: {name}={size}")
    data = data[start_index or 0 : end_index or length]
    span = (sequence_length - 1) * sampling_rate + 1
    count = len(data) - span + 1
    if targets is not None:
        targets = np.asarray(targets)[start_index or 0 : end_index or length]
        count = min(count, len(targets))
    if count < 1:
        raise ValueError(
            f"{who}: no window fits. sequence_length={sequence_length} with sampling_rate={sampling_rate} spans {span} "
            f"steps; between start_index and end_index there are {len(data)}"
            + ("." if targets is None else f", and {len(targets)} targets.")
        )
    return TimeseriesDataset(
        data,
        targets,
        np.arange(0, count, sequence_stride),
        np.arange(0, span, sampling_rate),
        batch_size,
        np.random.default_rng(draw_seed(seed)) if shuffle else None,
    )
