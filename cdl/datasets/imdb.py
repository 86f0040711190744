"""IMDB: 50,000 reviews of films, each of which praises or complains, as lists of word numbers."""

from os import PathLike

import numpy as np

from cdl.datasets import _files, _word_numbers

FILE = _files.File(
    "imdb",
    "imdb.npz",
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    (_word_numbers.ORIGIN,),
)
INDEX = _files.File("imdb", "imdb_word_index.json", "bfafd718b763782e994055a2d397834f", (_word_numbers.ORIGIN,))
Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def load_data(
    path: str | PathLike[str] = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> Split:
    """The reviews, 25,000 to train with and 25,000 to test with, shuffled as in Keras.

    Args:
        path: Keras' file, used where it exists: absolute, or below `CDL_DATA_DIR` or the cache folder.  Else
            `imdb/imdb.npz` is, there or downloaded.
        num_words: numbers from it on are replaced by `oov_char` (None: left out).  Words are numbered by how often they
            come: 10000 keeps the most frequent.
        skip_top: so are numbers below it.
        maxlen: longer reviews, and those as long, are left out.
        seed: of the order.
        start_char: begins each review; None for nothing.
        index_from: is added to the numbers of `get_word_index`.

    Returns:
        `((x_train, y_train), (x_test, y_test))`: arrays of lists of numbers, and of labels, 0 (negative) or 1
        (positive).

    Raises:
        OSError: the file is not on this machine and cannot be downloaded (17 MB).
        ValueError: the file is damaged; no review is as short as `maxlen`.

    A. L. Maas et al., "Learning Word Vectors for Sentiment Analysis", ACL 2011.  The file holds pickles, of which only
    lists of numbers are read.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = cdl.datasets.imdb.load_data(num_words=10000)
        >>> x_train = cdl.utils.pad_sequences(x_train, maxlen=200)
    """
    arrays = _word_numbers.read(path, FILE, ("x_train", "y_train", "x_test", "y_test"))
    rng = np.random.RandomState(seed)
    halves = []
    for part in ("train", "test"):
        texts, labels = _word_numbers.shuffled(arrays[f"x_{part}"], arrays[f"y_{part}"], rng)
        texts, labels = _word_numbers.prepared(texts, labels, maxlen, start_char, index_from)
        if not texts:
            raise ValueError(f"No review has fewer than maxlen={maxlen} words. Increase maxlen.")
        halves.append((texts, labels))
    (train, y_train), (test, y_test) = halves
    x = _word_numbers.limited(train + test, num_words, skip_top, oov_char)
    return (x[: len(train)], y_train), (x[len(train) :], y_test)


def get_word_index(path: str | PathLike[str] = "imdb_word_index.json") -> dict[str, int]:
    """{word: number}, 1 for the most frequent; `load_data` adds `index_from`.  Raises as `load_data`."""
    return _word_numbers.word_index(path, INDEX)
