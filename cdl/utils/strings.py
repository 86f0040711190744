"""Arrays of strings, from whatever holds them; and what is no number."""

from __future__ import annotations

import inspect
from numbers import Number, Real
from typing import Any

import numpy as np


def holds_strings(x: Any) -> bool:
    """Whether `x` is a string, an array of strings, or a list that begins with one. Bytes count as strings."""
    kind = getattr(getattr(x, "dtype", None), "kind", "O")
    if kind != "O":
        return kind in "UST"
    while isinstance(x, list | tuple) and len(x):
        x = x[0]
    if isinstance(x, str | bytes) or not hasattr(x, "dtype"):
        return isinstance(x, str | bytes)
    array = np.asarray(x)  # of an array of objects, or of a tensor, whose dtype is not NumPy's
    return array.size > 0 and (array.dtype.kind in "UST" or isinstance(array.flat[0], str | bytes))


def string_array(x: Any) -> np.ndarray:
    """`x` as an array; lists as one of objects, since strings of fixed width would all be as long as the longest."""
    return np.array(x, dtype=object) if isinstance(x, list | tuple | str | bytes) else np.asarray(x)


def as_strings(x: Any, who: str, encoding: str = "utf-8") -> np.ndarray:
    """`x` as an array of Python strings (dtype object), of its shape; bytes are decoded.

    ValueError, in the name of `who`, for what holds no strings, with the first such element and its position.
    """
    array = string_array(x)
    if array.dtype.kind in "UT":
        return array.astype(object)
    if array.dtype.kind == "S":
        return np.char.decode(array, encoding).astype(object)
    if array.dtype.kind != "O":
        raise ValueError(f"{who}: strings are needed. Received an array of {array.dtype}, shape {array.shape}.")
    items = array.ravel().tolist()
    if all(type(item) is str for item in items):
        return array
    strings = np.empty(len(items), dtype=object)
    for at, item in enumerate(items):
        if isinstance(item, bytes):
            item = item.decode(encoding)
        if not isinstance(item, str):
            raise ValueError(f"{who}: strings are needed. Received {item!r} (of type {type(item).__name__}) at {at}.")
        strings[at] = item
    return strings.reshape(array.shape)


def numbers_in(array: np.ndarray) -> np.ndarray:
    """An array of objects that are all real numbers as one of floats; any other as it is."""
    real = array.dtype.kind == "O" and all(isinstance(item, Real | np.bool_) for item in array.flat)
    return array.astype(np.float64) if real else array


def no_numbers(array: np.ndarray) -> str:
    """What an array holds instead of numbers, and what makes numbers of it: the end of a message."""
    for position, item in np.ndenumerate(array):
        at = f" at {list(position)}" if position else ""
        if isinstance(item, str | bytes):
            item = item.decode(errors="replace") if isinstance(item, bytes) else str(item)
            return (
                f"there are texts such as {item!r}{at}. Numbers written as text become some with "
                f"astype('float32'), sentences in a layer TextVectorization, categories in a StringLookup."
            )
        if isinstance(item, list | tuple | np.ndarray):
            return (
                "there are sequences, maybe of different lengths: utils.pad_sequences makes one array of them, or "
                "numpy.stack where all have the same shape."
            )
        if inspect.isgenerator(item):
            return "there is a generator in a list: pass it by itself."
        if callable(item):
            return f"there is {getattr(item, '__name__', item)!r}, which can be called: pass what it returns."
        if not isinstance(item, Number):
            return f"there is {item} (of type {type(item).__name__}){at}."
    return "real ones."
