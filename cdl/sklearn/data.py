"""The rows that are trained on, and the batches that are taken from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from cdl.models.data import in_order, views


def dense_rows(x: Any, dtype: Any) -> Any:
    """x with its rows one after the other in memory, in that dtype: an array, or a matrix in CSR format."""
    if type(x) is np.ndarray and x.dtype == dtype and x.flags.c_contiguous:
        return x
    if sparse.issparse(x):
        return x.tocsr().astype(dtype, copy=False)
    return np.asarray(x, dtype=dtype, order="C").view(np.ndarray)


class Rows:
    """x (an array or a sparse matrix), targets t (n, outputs) and weights (n,) or None, all in one dtype."""

    def __init__(self, x: Any, t: Any, weight: Any, dtype: Any) -> None:
        self.x = dense_rows(x, dtype)
        self.t = dense_rows(t, dtype)
        self.weight = None if weight is None else dense_rows(weight, dtype)
        self.count = self.x.shape[0]

    def batches(self, size: int, order: np.ndarray | None) -> Iterator[tuple[Any, Any, Any]]:
        """The rows in this order (None: their own), so many at a time; the last batch may have fewer."""
        rows = self.x, self.t, self.weight
        if order is not None:
            return in_order(rows, order, size)
        return (views(rows, first, first + size) for first in range(0, self.count, size))


class Order:
    """The order of the rows, shuffled anew for each epoch: the same orders as `sklearn.utils.shuffle`, drawn faster."""

    def __init__(self, count: int, random_state: np.random.RandomState) -> None:
        self.rows, self.random_state = np.arange(count), random_state

    def shuffled(self) -> np.ndarray:
        permutation = np.arange(len(self.rows))
        self.random_state.shuffle(permutation)
        self.rows = self.rows[permutation]
        return self.rows
