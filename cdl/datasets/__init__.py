"""Data sets to learn with: each has `load_data()`, which says how it is split for training and testing.

Images and labels: `digits` is bundled with the library and needs no network; `mnist`, `fashion_mnist`, `cifar10`.
Sequences: `sentiment_sentences`, `imdb`, `reuters`, `tiny_shakespeare`, `tang_poems`, `spoken_digits`,
`daily_temperatures`, `airline_passengers`.  A table: `california_housing`.  All but `digits` are read from the folder
that the environment variable `CDL_DATA_DIR` names, else from the cache folder (`CDL_CACHE_DIR`), else downloaded into
it and compared with a checksum.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdl.datasets import (
        airline_passengers,
        california_housing,
        cifar10,
        daily_temperatures,
        digits,
        fashion_mnist,
        imdb,
        mnist,
        reuters,
        sentiment_sentences,
        spoken_digits,
        tang_poems,
        tiny_shakespeare,
    )

__all__ = [
    "airline_passengers",
    "california_housing",
    "cifar10",
    "daily_temperatures",
    "digits",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
    "sentiment_sentences",
    "spoken_digits",
    "tang_poems",
    "tiny_shakespeare",
]


def __getattr__(name: str) -> ModuleType:
    """A data set is imported when it is first named: no program needs them all."""
    if name not in __all__:
        raise AttributeError(f"module 'cdl.datasets' has no attribute {name!r}. There are {', '.join(__all__)}.")
    return importlib.import_module(f"cdl.datasets.{name}")


def __dir__() -> list[str]:
    return __all__
