"""Integers to the places that they have in a vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cdl.layers.preprocessing.index_lookup import IndexLookup
from cdl.utils.numerical import as_integer


class IntegerLookup(IndexLookup):
    """The index of each integer in a vocabulary, int64, or what `output_mode` makes of it.

    x (...), whole numbers, such as codes or identifiers. Everything is as in `StringLookup`, but that unknown numbers
    go to index number % num_oov_indices among those for them, unless `oov_method` is "farmhash": then the number is
    hashed, written in decimal (by SipHash-2-4 if there is a `salt`), as in Keras.

    >>> layer = IntegerLookup(vocabulary=[12, 36, 1138, 42])
    >>> layer([[12, 1138, 42], [42, 1000, 36]])
    array([[1, 3, 4],
           [4, 0, 2]])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(
                f"IntegerLookup: Only `vocabulary_dtype='int64'` is supported. Received: {vocabulary_dtype!r}"
            )
        if salt is not None and oov_method != "farmhash":
            raise ValueError(
                f"IntegerLookup: `salt` can only be used when `oov_method='farmhash'`. "
                f"Received: oov_method={oov_method!r}"
            )
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            oov_method,
            salt,
            name=name,
            **kwargs,
        )

    def as_tokens(self, x: Any, who: str) -> np.ndarray:
        return as_integer(x, who)

    def _read(self, path: Any) -> list[int]:  # type: ignore[override]
        return [int(line) for line in super()._read(path)]

    def _oov_buckets(self, tokens: list[int]) -> list[int]:
        if self.oov_method == "farmhash":
            return super()._oov_buckets(tokens)
        return [token % self.num_oov_indices for token in tokens]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocabulary_dtype": "int64"}

    def load_assets(self, store: Mapping[str, list[Any]]) -> None:
        """Take a vocabulary, also from lines of text."""
        super().load_assets({key: [int(token) for token in tokens] for key, tokens in store.items()})
