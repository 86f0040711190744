"""Reads idx files, the format in which MNIST and its drop-in replacements are published.

A header of big-endian 32-bit words (the magic number 0x0800 + rank for unsigned bytes, then the extent of each axis),
followed by the bytes in C order; all of it gzipped.  http://yann.lecun.com/exdb/mnist/
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from cdl.datasets import _files

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def load_images(files: Sequence[_files.File]) -> Split:
    """`((x_train, y_train), (x_test, y_test))` from train images, train labels, test images, test labels."""
    x_train, y_train, x_test, y_test = (_files.locate(file) for file in files)
    return _images_and_labels(x_train, y_train), _images_and_labels(x_test, y_test)


def _images_and_labels(images: str, labels: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = read(images, rank=3), read(labels, rank=1)
    if len(x) != len(y):
        raise ValueError(f"{images} holds {len(x)} images, but {labels} holds {len(y)} labels. Take both from one set.")
    return x, y


def read(path: str, rank: int) -> np.ndarray:
    """The uint8 array of `rank` axes in the gzipped idx file at `path`; ValueError if it is not exactly that."""
    import gzip  # a few milliseconds that `import cdl` need not pay
    import zlib

    cure = "Delete the file to have it downloaded again, or replace it by a good copy."
    try:
        with gzip.open(path, "rb") as file:
            data = file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is truncated or not a gzip file ({error}). {cure}") from error

    start = 4 * (1 + rank)
    magic, *shape = np.frombuffer(data[:start].ljust(start, b"\0"), ">u4").tolist()
    if magic != 0x0800 + rank:
        raise ValueError(
            f"{path} begins with {magic:#06x}, not with {0x0800 + rank:#06x} (idx, uint8, rank {rank}). {cure}"
        )
    if len(data) - start != prod(shape):
        raise ValueError(
            f"{path} holds {max(len(data) - start, 0)} bytes, but its header says shape {tuple(shape)}, "
            f"{prod(shape)} bytes. {cure}"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()  # bytes are read-only, the copy is not
