"""Digits: 6,000 images of MNIST that come with the library."""

import os

import numpy as np

from cdl.datasets._idx import Split

PATH = os.path.join(os.path.dirname(__file__), "digits.npz")


def load_data() -> Split:
    """A balanced part of MNIST, read in a blink and without a network: 500 + 100 images of each digit.

    The training images are from MNIST's training set and the test images from its test set, evenly spaced over the
    images of each digit and in MNIST's order (`tools/make_digits.py`); the pixels are unchanged.

    Returns:
        `((x_train, y_train), (x_test, y_test))`: images uint8 `(5000, 28, 28)` and `(1000, 28, 28)`, 0 (background)
        to 255, and labels uint8 `(5000,)` and `(1000,)`, 0 to 9.

    The images, unlike the code, are copyright Yann LeCun and Corinna Cortes and under the licence CC BY-SA 3.0,
    https://creativecommons.org/licenses/by-sa/3.0/.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = cdl.datasets.digits.load_data()
        >>> x_train.shape, y_train.shape
        ((5000, 28, 28), (5000,))
    """
    with np.load(PATH, allow_pickle=False) as arrays:
        return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
