"""Strings to the places that they have in a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.preprocessing.index_lookup import IndexLookup
from cdl.utils.strings import as_strings


class StringLookup(IndexLookup):
    """The index of each string in a vocabulary, int64, or what `output_mode` makes of it.

    x (...), strings in an array or list; bytes are decoded. The vocabulary is given, or `adapt` finds it: the most
    frequent strings first, and of equally frequent ones the last in the alphabet. Indices begin with that of
    `mask_token`, if there is one, then come those for unknown strings, then the vocabulary.

    Parameters: `max_tokens`, at most so many indices; `num_oov_indices`, how many are for unknown strings, which are
    distributed by FarmHash64 (SipHash-2-4 with a `salt`), as in Keras; with 0 they are an error; `mask_token`, has
    index 0 in "int" mode and does not count in others; `oov_token`, stands for unknown strings in the vocabulary;
    `vocabulary`, a list or array, or the path of a file with one per line; `invert`, from indices to strings;
    `output_mode` "int", "one_hot", "multi_hot", "count", or "tf_idf", counts times `idf_weights`, which `adapt` finds
    as log(1 + samples / (1 + samples with the string)); `pad_to_max_tokens`, rows of `max_tokens` even if fewer are
    known; `encoding` of bytes and files. Raises ValueError for arguments that do not go together, RuntimeError without
    a vocabulary. Rows come out in floats: a Dense layer takes them.

    >>> layer = StringLookup(vocabulary=["a", "b"])
    >>> layer([["b", "a"], ["z", "b"]])
    array([[2, 1],
           [0, 2]])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
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
            salt=salt,
            name=name,
            **kwargs,
        )

    def as_tokens(self, x: Any, who: str) -> np.ndarray:
        return as_strings(x, who, self.encoding)

    def compute_output_dtype(self, input_dtype: str) -> str:
        return "string" if self.invert else super().compute_output_dtype(input_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "encoding": self.encoding}
