"""NumPy's and SciPy's own threads, which would be in the way of ours."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_within: list[Any] = []  # those who are in `one_blas_thread`; the first one's limit, and None for each other


@functools.cache
def libraries() -> ThreadpoolController:
    """Those of BLAS that are loaded. To find them takes 15 ms."""
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS computes on the thread that calls it, until the last of those who asked for that is done.

    Its threads do not sleep for some milliseconds after a product of vectors, in case there is another one. In an
    optimizer of SciPy's, which computes a little between two of our products, that halves what is left for these.
    """
    with _lock:
        _within.append(None if _within else libraries().limit(limits=1))
    try:
        yield
    finally:
        with _lock:
            limit = _within.pop()  # the first in the list goes last
            if limit is not None:
                limit.restore_original_limits()
