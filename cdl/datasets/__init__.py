"""Data sets to learn with: each has `load_data()`, which says how it is split for training and testing.

Images and labels: `digits` is bundled with the library and needs no network; `mnist`, `fashion_mnist`, `cifar10`.
Sequences: `sentiment_sentences`, `tiny_shakespeare`, `tang_poems`, `spoken_digits`, `daily_temperatures`,
`airline_passengers`.  All but `digits` are read from the folder named by the environment variable `CDL_DATA_DIR`, else
from the cache folder (`CDL_CACHE_DIR`), else downloaded into it and compared with a checksum.
"""

from cdl.datasets import (
    airline_passengers,
    cifar10,
    daily_temperatures,
    digits,
    fashion_mnist,
    mnist,
    sentiment_sentences,
    spoken_digits,
    tang_poems,
    tiny_shakespeare,
)

__all__ = [
    "airline_passengers",
    "cifar10",
    "daily_temperatures",
    "digits",
    "fashion_mnist",
    "mnist",
    "sentiment_sentences",
    "spoken_digits",
    "tang_poems",
    "tiny_shakespeare",
]
