"""Texts as lists of word numbers, as Keras stores them: read without running what is in the file, and prepared."""

import pickle
from collections.abc import Sequence
from os import PathLike
from typing import Any, BinaryIO

import numpy as np

from cdl.datasets import _files

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
CURE = "Delete the file to have it downloaded again, or replace it by a good copy."
Texts = list[list[int]]


class _Stub:
    """Stands for NumPy's objects while a file is read; the last thing of its state is, of an array, its rows."""

    rows: Any = None

    def __init__(self, *arguments: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.rows = state[-1]


# An array of lists is a pickle, and a pickle may name any function of Python to be called.  These are what it needs.
HARMLESS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),
}


class _Reader(pickle.Unpickler):
    """Reads lists of numbers, and calls nothing: all that is named in the file becomes a stub, or an error."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in HARMLESS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _Stub


def read(path: str | PathLike[str], file: _files.File, names: Sequence[str]) -> dict[str, Any]:
    """The arrays of those names in the `.npz` file: `path` where it exists, else `file`.  Texts are lists of lists.

    Raises OSError where there is no file, ValueError where it is damaged or holds something else.
    """
    import zipfile

    found = _files.find(path) or _files.locate(file)
    arrays = {}
    try:
        with zipfile.ZipFile(found) as archive:
            for name in names:
                with archive.open(f"{name}.npy") as opened:
                    arrays[name] = _array(opened)
    except Exception as error:  # zip, zlib, pickle and header errors have no common class
        raise ValueError(f"{found} is not word numbers as Keras stores them ({error}). {CURE}") from error
    return arrays


def _array(opened: Any) -> Any:
    version = np.lib.format.read_magic(opened)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    (count,), _, dtype = header(opened)
    if dtype.kind in "iu":
        labels = np.frombuffer(opened.read(), dtype)
        if len(labels) != count:
            raise ValueError(f"{len(labels)} labels instead of {count}")
        return labels
    texts = _texts(opened)
    if len(texts) != count:
        raise ValueError(f"{len(texts)} texts instead of {count}")
    return texts


def _texts(opened: BinaryIO) -> Texts:
    rows = getattr(_Reader(opened).load(), "rows", None)
    if type(rows) is not list or not all(type(row) is list and all(type(w) is int for w in row) for row in rows):
        raise ValueError("an array of lists of numbers is needed")
    return rows


def shuffled(texts: Texts, labels: np.ndarray, rng: np.random.RandomState) -> tuple[Texts, np.ndarray]:
    """Both in the order that Keras gives them with this generator."""
    order = np.arange(len(texts))
    rng.shuffle(order)
    return [texts[row] for row in order], labels[order]


def prepared(
    texts: Texts,
    labels: np.ndarray,
    maxlen: int | None,
    start_char: int | None,
    index_from: int | None,
) -> tuple[Texts, np.ndarray]:
    """The texts, `start_char` before them and `index_from` added to each word, if they are shorter than `maxlen`."""
    start = [] if start_char is None else [start_char]
    shift = index_from or 0
    texts = [start + [word + shift for word in text] for text in texts]
    if not maxlen:
        return texts, labels
    kept = [row for row, text in enumerate(texts) if len(text) < maxlen]
    return [texts[row] for row in kept], labels[kept]


def limited(texts: Texts, num_words: int | None, skip_top: int, oov_char: int | None) -> np.ndarray:
    """The texts with `oov_char` for the words outside skip_top .. num_words - 1; without them, if that is None.

    `num_words` is by default the largest number, which it thereby leaves out, as in Keras.
    """
    num_words = num_words or max((max(text) for text in texts if text), default=0)
    if oov_char is None:
        rows = [[word for word in text if skip_top <= word < num_words] for text in texts]
    else:
        rows = [[word if skip_top <= word < num_words else oov_char for word in text] for text in texts]
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


def word_index(path: str | PathLike[str], file: _files.File) -> dict[str, int]:
    """{word: number} of a JSON file.  Raises as `read`."""
    import json

    found = _files.find(path) or _files.locate(file)
    try:
        with open(found, encoding="utf-8") as opened:
            index = json.load(opened)
        if type(index) is not dict or not all(type(number) is int for number in index.values()):
            raise ValueError("a dictionary of numbers is needed")
    except ValueError as error:  # also of JSON and of UTF-8
        raise ValueError(f"{found} is not an index of words ({error}). {CURE}") from error
    return index
