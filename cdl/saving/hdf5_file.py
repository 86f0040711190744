"""HDF5 files of strangers, read with care.

HDF5 can refer to other files, stand for arrays that are nowhere stored, and name one thing in many ways. Files of
models do none of this, so whatever does is refused before it is followed. The package that reads HDF5, h5py, is asked
for only when such a file is to be read or written.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from cdl.saving.limits import FormatError

EXPANSION = 100  # a file may stand for so many times its bytes: compressed weights do, bombs for far more
SMALL = 16 * 2**20  # bytes of an array, and of attributes, that need no questions
MOST_OBJECTS = 200_000
MOST_LEVELS = 64


def require_h5py() -> Any:
    """The h5py package; ImportError where it is missing."""
    try:
        import h5py
    except ImportError:
        raise ImportError(
            "Keras' files are in HDF5, which the package h5py reads and writes, and it is not installed: "
            'pip install "cdlearn[keras]". Files that end with ".safetensors" need nothing.'
        ) from None
    return h5py


class HDF5Tensor:
    """An array in an open file, of numbers, stored there."""

    def __init__(self, dataset: Any, who: str) -> None:
        if dataset.external:
            raise FormatError(f"{who}: the numbers are in another file, {str(dataset.external)[:100]}.")
        if dataset.is_virtual:
            raise FormatError(f"{who}: the numbers are put together from other arrays or files.")
        if dataset.shape is None or dataset.dtype.kind not in "fiub":
            raise FormatError(f"{who}: this is no array of numbers, but {dataset.dtype}.")
        self.shape, self.dtype = tuple(dataset.shape), dataset.dtype
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize
        if self.nbytes > max(SMALL, EXPANSION * dataset.id.get_storage_size()):
            raise FormatError(
                f"{who}: {self.nbytes} bytes are declared, {dataset.id.get_storage_size()} are stored. The file is "
                f"damaged, or made to fill the memory."
            )
        self._dataset, self._who = dataset, who

    def read(self) -> np.ndarray:
        """The numbers, in an array of their own."""
        with blaming_hdf5(self._who):
            return np.asarray(self._dataset[()])

    def read_into(self, array: np.ndarray) -> None:
        """Read the numbers into an array of this shape and dtype."""
        with blaming_hdf5(self._who):
            if array.ndim and array.size:
                self._dataset.read_direct(array)
            else:
                array[...] = self._dataset[()]


@contextmanager
def blaming_hdf5(who: str) -> Iterator[None]:
    """What h5py raises for damaged files, as FormatError."""
    try:
        yield
    except FormatError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, SystemError, zlib.error) as error:
        raise FormatError(f"{who}: the HDF5 file is damaged: {error}") from error


@contextmanager
def open_hdf5(source: Any, who: str) -> Iterator[Any]:
    """An HDF5 file, by its path or as a file object in memory. FormatError for what is none."""
    h5py = require_h5py()
    if isinstance(source, str | os.PathLike):
        os.stat(source)  # whether it is there is not a question of its format
    with blaming_hdf5(who):
        file = h5py.File(source, "r")
    with file:
        yield file


def tensors_in(group: Any, who: str) -> dict[str, HDF5Tensor]:
    """All arrays in a group and the groups in it, by their paths.

    Files written on Windows have backslashes in their names; here, all of them are slashes. FormatError for links,
    for two arrays of one path, and for more than a file of weights can hold.
    """
    h5py = require_h5py()
    found: dict[str, HDF5Tensor] = {}
    count = 0

    def enter(group: Any, prefix: str, level: int) -> None:
        nonlocal count
        for name in group:
            path = f"{prefix}{name}".replace("\\", "/")
            count += 1
            if count > MOST_OBJECTS or level > MOST_LEVELS:
                raise FormatError(f"{who}: more objects, or groups in each other, than a file of weights has.")
            require_own(group, name, f"{who}: {path}")
            thing = group[name]
            if isinstance(thing, h5py.Group):
                enter(thing, f"{path}/", level + 1)
            elif isinstance(thing, h5py.Dataset):
                if path in found:
                    raise FormatError(f"{who}: there are two arrays {path!r}.")
                found[path] = HDF5Tensor(thing, f"{who}: {path}")

    with blaming_hdf5(who):
        enter(group, "", 0)
    return found


def require_own(group: Any, name: str, who: str) -> None:
    """FormatError unless the name stands for something in the group itself, and not, by a link, somewhere else."""
    h5py = require_h5py()
    if group.get(name, getlink=True, getclass=True) is not h5py.HardLink:
        raise FormatError(f"{who}: this is a link to somewhere else, which no file of weights needs.")


def group_in(parent: Any, name: str, who: str) -> Any:
    """The group of that name. FormatError where there is none."""
    h5py = require_h5py()
    with blaming_hdf5(who):
        if name not in parent:
            raise FormatError(f"{who}: there is no group {name!r}.")
        require_own(parent, name, f"{who}: {name}")
        if not isinstance(parent[name], h5py.Group):
            raise FormatError(f"{who}: {name!r} is no group.")
        return parent[name]


def text_attribute(group: Any, name: str, who: str) -> str | None:
    """The text of an attribute, or None where there is none."""
    with blaming_hdf5(who):
        if name not in group.attrs:
            return None
        require_small(group, name, who)
        value = group.attrs[name]
        value = value.decode() if isinstance(value, bytes) else value
        if not isinstance(value, str):
            raise FormatError(f"{who}: the attribute {name!r} is no text.")
        return value


def names_attribute(group: Any, name: str, who: str) -> list[str]:
    """The list of texts in an attribute, or, where it was too long for one, in several: name0, name1, ..."""
    names: list[str] = []
    with blaming_hdf5(who):
        parts = [name] if name in group.attrs else []
        while not parts or (parts[-1] != name and f"{name}{len(parts)}" in group.attrs):
            if f"{name}{len(parts)}" not in group.attrs:
                break
            parts.append(f"{name}{len(parts)}")
        for part in parts:
            require_small(group, part, who)
            names += [one.decode() if isinstance(one, bytes) else str(one) for one in np.ravel(group.attrs[part])]
    return names


def require_small(group: Any, name: str, who: str) -> None:
    """FormatError for an attribute that would take much memory."""
    if math.prod(group.attrs.get_id(name).shape or ()) * 8 > SMALL:
        raise FormatError(f"{who}: the attribute {name!r} is too long.")
