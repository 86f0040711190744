"""Fashion-MNIST: 70,000 photographs of clothes, in the format of MNIST."""

from cdl.datasets import _files, _idx

MIRRORS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
FILES = tuple(
    _files.File("fashion-mnist", name, sha256, MIRRORS)
    for name, sha256 in {
        "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    }.items()
)


def load_data() -> _idx.Split:
    """The Fashion-MNIST images: 60,000 to train with and 10,000 to test with, in 10 classes.

    The classes are 0 T-shirt/top, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag,
    9 ankle boot.

    Returns:
        `((x_train, y_train), (x_test, y_test))`: images uint8 `(60000, 28, 28)` and `(10000, 28, 28)`, 0 (background)
        to 255, and labels uint8 `(60000,)` and `(10000,)`, 0 to 9.

    Raises:
        OSError: the files are not on this machine and cannot be downloaded.
        ValueError: a file is damaged.

    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", 2017, https://arxiv.org/abs/1708.07747.  Copyright Zalando SE,
    licence MIT.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = cdl.datasets.fashion_mnist.load_data()
        >>> x_train.shape, y_train.shape
        ((60000, 28, 28), (60000,))
    """
    return _idx.load_images(FILES)
