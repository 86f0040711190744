"""The rows that are trained on, and the batches that are taken from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from cdl import ops

Batch = tuple[Any, np.ndarray, np.ndarray | None]

GATHERED = 4096  # numbers of x that are put together at once, where a batch has fewer: they stay in the first cache


def dense_rows(x: Any, dtype: Any) -> Any:
    """x with its rows one after the other in memory, in that dtype: an array, or a matrix in CSR format."""
    if type(x) is np.ndarray and x.dtype == dtype and x.flags.c_contiguous:
        return x
    if sparse.issparse(x):
        return x.tocsr().astype(dtype, copy=False)
    return np.asarray(x, dtype=dtype, order="C").view(np.ndarray)


def take(x: Any, index: np.ndarray | slice) -> Any:
    """The rows with these numbers."""
    if isinstance(index, slice) or type(x) is not np.ndarray:
        return x[index]
    return ops.take_rows(x, index)


class Rows:
    """x (an array or a sparse matrix), targets t (n, outputs) and weights (n,) or None, all in one dtype."""

    def __init__(self, x: Any, t: Any, weight: Any, dtype: Any) -> None:
        self.x = dense_rows(x, dtype)
        self.t = dense_rows(t, dtype)
        self.weight = None if weight is None else dense_rows(weight, dtype)
        self.count = self.x.shape[0]

    def batches(self, size: int, order: np.ndarray | None) -> Iterator[Batch]:
        """The rows in this order (None: their own), so many at a time; the last batch may have fewer.

        Short rows are gathered for several batches at once, of which these are views.
        """
        together = size * max(1, GATHERED // (size * self.x.shape[1]))
        for begin in range(0, self.count, together):
            index = slice(begin, begin + together) if order is None else order[begin : begin + together]
            x, t = take(self.x, index), take(self.t, index)
            weight = None if self.weight is None else take(self.weight, index)
            for first in range(0, len(t), size):
                rows = slice(first, first + size)
                yield x[rows], t[rows], None if weight is None else weight[rows]


class Order:
    """The order of the rows, shuffled anew for each epoch: the same orders as `sklearn.utils.shuffle`, drawn faster."""

    def __init__(self, count: int, random_state: np.random.RandomState) -> None:
        self.rows, self.random_state = np.arange(count), random_state

    def shuffled(self) -> np.ndarray:
        permutation = np.arange(len(self.rows))
        self.random_state.shuffle(permutation)
        self.rows = self.rows[permutation]
        return self.rows
