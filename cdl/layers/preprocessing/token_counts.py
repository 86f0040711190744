"""How often each word is there: what a vocabulary is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np


class TokenCounts:
    """Counts tokens over documents, and in how many of them each is.

    >>> counts = TokenCounts()
    >>> counts.add([["a", "b", "a"], ["c"]], 2)
    >>> counts.most_frequent()
    ['a', 'c', 'b']
    """

    def __init__(self) -> None:
        self.documents = 0
        self._in_all: Counter[Any] = Counter()
        self._documents_with: Counter[Any] = Counter()

    def add(self, documents: Sequence[Sequence[Any]], number: int, by_document: bool = True) -> None:
        """Count these documents, `number` of them: unless `by_document`, they may come as one."""
        self.documents += number
        self._in_all.update(chain.from_iterable(documents))
        if by_document:
            self._documents_with.update(chain.from_iterable(map(set, documents)))

    def most_frequent(self, excluded: Iterable[Any] = (), limit: int | None = None) -> list[Any]:
        """The tokens but the excluded ones, by falling counts; of two that are as frequent, the greater first."""
        counts = self._in_all
        tokens = counts.keys() - set(excluded)
        return sorted(tokens, key=lambda token: (counts[token], token), reverse=True)[:limit]

    def inverse_document_frequencies(self, tokens: Sequence[Any]) -> np.ndarray:
        """log(1 + documents / (1 + documents with the token)), for each of the tokens."""
        containing = np.array([self._documents_with[token] for token in tokens], np.float64)
        return np.log(1 + self.documents / (1 + containing))
