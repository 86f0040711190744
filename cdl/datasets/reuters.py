"""Reuters: 11,228 news of 46 topics, as lists of word numbers."""

from os import PathLike

import numpy as np

from cdl.datasets import _files, _word_numbers
from cdl.datasets.imdb import Split

FILE = _files.File(
    "reuters",
    "reuters.npz",
    "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    (_word_numbers.ORIGIN,),
)
INDEX = _files.File("reuters", "reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921", (_word_numbers.ORIGIN,))
# fmt: off
TOPICS = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply", "coffee", "sugar",
    "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi", "money-fx", "interest", "gnp",
    "meal-feed", "alum", "oilseed", "gold", "tin", "strategic-metal", "livestock", "retail", "ipi", "iron-steel",
    "rubber", "heat", "jobs", "lei", "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog",
    "lead",
)
# fmt: on


def load_data(
    path: str | PathLike[str] = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> Split:
    """The news, of which the last `test_split` is to test with, shuffled as in Keras.

    All else is as in `imdb.load_data`; the labels are 0 to 45, whose names `get_label_names` gives.

    Raises:
        OSError: the file is not on this machine and cannot be downloaded (2 MB).
        ValueError: the file is damaged.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = cdl.datasets.reuters.load_data(num_words=10000)
        >>> x_train.shape, x_test.shape
        ((8982,), (2246,))
    """
    arrays = _word_numbers.read(path, FILE, ("x", "y"))
    texts, labels = _word_numbers.shuffled(arrays["x"], arrays["y"], np.random.RandomState(seed))
    texts, labels = _word_numbers.prepared(texts, labels, maxlen, start_char, index_from)
    x = _word_numbers.limited(texts, num_words, skip_top, oov_char)
    at = int(len(x) * (1 - test_split))
    return (x[:at], labels[:at]), (x[at:], labels[at:])


def get_word_index(path: str | PathLike[str] = "reuters_word_index.json") -> dict[str, int]:
    """{word: number}, 1 for the most frequent; `load_data` adds `index_from`.  Raises as `load_data`."""
    return _word_numbers.word_index(path, INDEX)


def get_label_names() -> tuple[str, ...]:
    """The 46 topics, in the order of the labels."""
    return TOPICS
