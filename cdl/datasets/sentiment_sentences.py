"""Sentiment Labelled Sentences: 3,000 sentences of reviews, each of which praises or complains."""

import numpy as np

from cdl.datasets import _files, _text

MIRRORS = (
    "https://raw.githubusercontent.com/Shubhammawa/Sentiment-analysis-cnn/a698f9843338fab51afab9a23680ed08e5edde3b/"
    "Datasets/sentiment%20labelled%20sentences/",
)
FILES = tuple(
    _files.File("sentiment-sentences", name, sha256, MIRRORS)
    for name, sha256 in {
        "amazon_cells_labelled.txt": "47003fc0a0d4840b00e96e715b6189bad09e7443a3da41c4cbe12ffc79f86ae3",
        "imdb_labelled.txt": "a5851cfed830b68d4b18fa11f7e9fa85debee7566be0933c9a679ce747c86d67",
        "yelp_labelled.txt": "c76468b7b5c6e56a0804d728345c5f84aa2142ddb214420f61cc9cfd4c00d2ea",
    }.items()
)
Split = tuple[tuple[list[str], np.ndarray], tuple[list[str], np.ndarray]]


def load_data() -> Split:
    """The sentences: 2,400 to train with and 600 to test with, of amazon (phones), imdb (films), yelp (restaurants).

    The set has no split of its own.  Here every fifth sentence of each source is to test with; the training sentences
    alternate between the three sources, in the order of the files.

    Returns:
        `((x_train, y_train), (x_test, y_test))`: lists of 2,400 and 600 strings, and labels uint8 `(2400,)` and
        `(600,)`, 0 (negative) or 1 (positive).

    Raises:
        OSError: the files are not on this machine and cannot be downloaded.
        ValueError: a file is damaged.

    D. Kotzias et al., "From Group to Individual Labels using Deep Features", KDD 2015; UCI Machine Learning Repository,
    set 331, https://archive.ics.uci.edu/dataset/331, licence CC BY 4.0.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = cdl.datasets.sentiment_sentences.load_data()
        >>> x_train[3], y_train[3]
        ('Good case, Excellent value.', 1)
    """
    sources = [_read(file) for file in FILES]
    rows = [row for same_place in zip(*sources, strict=True) for row in same_place]
    test = [row for i, row in enumerate(rows) if i // len(FILES) % 5 == 4]
    train = [row for i, row in enumerate(rows) if i // len(FILES) % 5 != 4]
    return _sentences_and_labels(train), _sentences_and_labels(test)


def _read(file: _files.File) -> list[tuple[str, int]]:
    path, text = _text.read(file)
    rows = []
    for line in text.split("\n"):  # not splitlines: sentences of imdb hold other line breaks of Unicode
        if line:
            sentence, tab, label = line.rpartition("\t")
            if not tab or label not in ("0", "1"):
                raise ValueError(f"{path} has a line that is not 'sentence<TAB>0 or 1': {line!r}. {_text.CURE}")
            rows.append((sentence.strip(), int(label)))
    return rows


def _sentences_and_labels(rows: list[tuple[str, int]]) -> tuple[list[str], np.ndarray]:
    return [sentence for sentence, _ in rows], np.array([label for _, label in rows], np.uint8)
