"""States of a cell: a list of arrays, in which lists may stand for the states of cells inside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

States = list[Any]


def as_list(states: Any) -> States:
    """The states of a cell, in a list also where there is one alone."""
    return list(states) if isinstance(states, list | tuple) else [states]


def flatten(states: Any) -> States:
    """All arrays, in order."""
    if not isinstance(states, list | tuple):
        return [states]
    return [array for part in states for array in flatten(part)]


def each(function: Callable[..., Any], states: States, *others: Any) -> States:
    """function(array, ...) of the arrays that have the same place in each of the structures."""
    return [
        each(function, *parts) if isinstance(parts[0], list | tuple) else function(*parts)
        for parts in zip(states, *others, strict=True)
    ]


def zeros(size: Any, batch_size: int, dtype: str) -> Any:
    """Zeros (batch_size, size) for a `state_size`, an integer or a list of them."""
    if isinstance(size, list | tuple):
        return [zeros(part, batch_size, dtype) for part in size]
    return np.zeros((batch_size, size), dtype)


def packed(arrays: States, like: States) -> States:
    """The arrays, in order, in the structure of `like`."""
    rest = iter(arrays)
    return each(lambda _: next(rest), like)


def copy_into(arrays: States, states: States) -> None:
    """Set each of the arrays to the state in its place."""
    for array, state in zip(arrays, states, strict=True):
        if isinstance(array, list):
            copy_into(array, state)
        else:
            array[...] = state
