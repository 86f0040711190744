"""Data sets to learn with: each has `load_data()`, which returns `((x_train, y_train), (x_test, y_test))`.

`digits` is bundled with the library and needs no network.  `mnist`, `fashion_mnist` and `cifar10` are read from the
folder named by the environment variable `CDL_DATA_DIR`, else from the cache folder (`CDL_CACHE_DIR`), else downloaded
into it.
"""

from cdl.datasets import cifar10, digits, fashion_mnist, mnist

__all__ = ["cifar10", "digits", "fashion_mnist", "mnist"]
