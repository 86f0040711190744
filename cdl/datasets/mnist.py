"""MNIST: 70,000 handwritten digits."""

from os import PathLike

import numpy as np

from cdl.datasets import _files, _idx

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
FILES = tuple(
    _files.File("mnist", name, sha256, MIRRORS)
    for name, sha256 in {
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    }.items()
)


def load_data(path: str | PathLike[str] = "mnist.npz") -> _idx.Split:
    """The MNIST digits: 60,000 images to train with and 10,000 to test with, in 10 classes.

    Args:
        path: a `.npz` file with `x_train`, `y_train`, `x_test`, `y_test`, as Keras stores MNIST.  It is used where it
            exists: absolute, or below `CDL_DATA_DIR` or the cache folder.  Else the four original files are.

    Returns:
        `((x_train, y_train), (x_test, y_test))`: images uint8 `(60000, 28, 28)` and `(10000, 28, 28)`, 0 (background)
        to 255, and labels uint8 `(60000,)` and `(10000,)`, 0 to 9.

    Raises:
        OSError: the files are not on this machine and cannot be downloaded.
        ValueError: a file is damaged.

    Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".  Copyright Yann LeCun and Corinna
    Cortes, licence CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = cdl.datasets.mnist.load_data()
        >>> x_train.shape, y_train.shape
        ((60000, 28, 28), (60000,))
    """
    if (npz := _files.find(path)) is None:
        return _idx.load_images(FILES)
    try:
        with open(npz, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
    except Exception as error:  # zip, zlib and header errors have no common class
        raise ValueError(f"{npz} is not MNIST as Keras stores it ({error}). Delete or replace the file.") from error
