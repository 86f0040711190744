"""What `fit` hands to `train_step`: x, (x, y) or (x, y, sample_weight)."""

from __future__ import annotations

from typing import Any


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """x alone, or the tuple (x, y) or (x, y, sample_weight): as short as it may be. Without y, weights go, too.

    >>> pack_x_y_sample_weight([[1.0]], [2.0])
    ([[1.0]], [2.0])
    """
    if y is None:
        return (x,) if isinstance(x, tuple | list) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """x, y and sample_weight, with None for what is not there. Raises ValueError for tuples of another length.

    >>> unpack_x_y_sample_weight(([[1.0]], [2.0]))
    ([[1.0]], [2.0], None)
    """
    if not isinstance(data, tuple | list):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`. Received: "
            f"{len(data)} elements."
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight
