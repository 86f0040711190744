"""CIFAR-10: 60,000 small colour photographs.

Read from the binary version, whose records are plain bytes; the Python version holds pickles, which can run code.
"""

from collections.abc import Sequence

import numpy as np

from cdl.datasets import _files
from cdl.datasets._idx import Split

ARCHIVE = _files.File(
    "cifar10",
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ("https://www.cs.toronto.edu/~kriz/",),
)
TRAIN = tuple(f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6))
TEST = ("cifar-10-batches-bin/test_batch.bin",)
SUBSET = ("cifar10-subset/data_batch_1.bin.gz", "cifar10-subset/test_batch_first1000.bin.gz")

SIDE, CHANNELS, CLASSES = 32, 3, 10
RECORD = 1 + SIDE * SIDE * CHANNELS  # the label, then the red, the green and the blue plane
CURE = "Delete the file to have it downloaded again, or replace it by a good copy."


def load_data() -> Split:
    """The CIFAR-10 images: 50,000 to train with and 10,000 to test with, in 10 classes.

    The classes are 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck.

    Where the archive is not on this machine but `CDL_DATA_DIR` or the cache folder holds a subset of it
    (`cifar10-subset/data_batch_1.bin.gz` and `test_batch_first1000.bin.gz`), the subset is returned: 10,000 and 1,000
    images.

    Returns:
        `((x_train, y_train), (x_test, y_test))`: images uint8 `(50000, 32, 32, 3)` and `(10000, 32, 32, 3)`, red, green
        and blue from 0 to 255, and labels uint8 `(50000, 1)` and `(10000, 1)`, 0 to 9.

    Raises:
        OSError: the files are not on this machine and cannot be downloaded (170 MB).
        ValueError: a file is damaged.

    A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
    https://www.cs.toronto.edu/~kriz/cifar.html.  Its authors state no licence.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = cdl.datasets.cifar10.load_data()
        >>> x_train.shape, y_train.shape
        ((50000, 32, 32, 3), (50000, 1))
    """
    if _files.find(ARCHIVE.path) is None:
        train, test = (_files.find(path) for path in SUBSET)
        if train is not None and test is not None:
            return _read_gzip(train), _read_gzip(test)
    return _read_archive(_files.locate(ARCHIVE))


def _read_gzip(path: str) -> tuple[np.ndarray, np.ndarray]:
    import gzip
    import zlib

    try:
        with gzip.open(path, "rb") as file:
            return _images_and_labels([file.read()], path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is truncated or not a gzip file ({error}). {CURE}") from error


def _read_archive(path: str) -> Split:
    import tarfile
    import zlib

    batches = {}
    try:
        with tarfile.open(path, "r|gz") as archive:  # read once, from front to back; nothing is written to disk
            for member in archive:
                if member.name in TRAIN + TEST and (file := archive.extractfile(member)) is not None:
                    batches[member.name] = file.read()
    except (EOFError, zlib.error, tarfile.TarError) as error:
        raise ValueError(f"{path} is truncated or not a tar.gz archive ({error}). {CURE}") from error
    if missing := [name for name in TRAIN + TEST if name not in batches]:
        raise ValueError(f"{path} lacks {', '.join(missing)}. {CURE}")
    train, test = ([batches[name] for name in names] for names in (TRAIN, TEST))
    return _images_and_labels(train, path), _images_and_labels(test, path)


def _images_and_labels(batches: Sequence[bytes], path: str) -> tuple[np.ndarray, np.ndarray]:
    data = b"".join(batches)
    if len(data) % RECORD:
        raise ValueError(f"{path} holds {len(data)} bytes of images, not a multiple of {RECORD}. {CURE}")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    labels = records[:, :1].copy()
    if labels.max(initial=0) >= CLASSES:
        raise ValueError(f"{path} has a label {labels.max()}, beyond {CLASSES - 1}: it is not CIFAR-10. {CURE}")
    planes = records[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels
