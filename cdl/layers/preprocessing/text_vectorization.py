"""Texts to the indices of their words or characters."""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.preprocessing.adaptive_layer import AdaptiveLayer
from cdl.layers.preprocessing.categorical_layer import CategoricalLayer
from cdl.layers.preprocessing.index_lookup import DROPPED, IndexLookup, refuse_files
from cdl.layers.preprocessing.string_lookup import StringLookup
from cdl.utils import registry
from cdl.utils.strings import as_strings

WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
STANDARDIZE: dict[str, Callable[[str], str]] = {
    "lower_and_strip_punctuation": lambda text: text.lower().translate(WITHOUT_PUNCTUATION),
    "lower": str.lower,
    "strip_punctuation": lambda text: text.translate(WITHOUT_PUNCTUATION),
}
SPLIT: dict[str, Callable[[str], list[str]]] = {"whitespace": str.split, "character": list}
Documents = list[list[str]]


class Vocabulary(StringLookup):
    """That of a TextVectorization, in whose name it speaks."""

    @property
    def who(self) -> str:
        return f"TextVectorization {self.name!r}"


class TextVectorization(CategoricalLayer, AdaptiveLayer):
    """Texts as rows of word indices: standardized, split, looked up in a vocabulary, and padded to one length.

    x (n,) or (n, 1), strings -> int64 (n, t), t = `output_sequence_length`, or the length of the longest text in the
    batch. Index 0 fills up short texts (an Embedding with `mask_zero=True` leaves it out), 1 stands for unknown words;
    long texts are cut at the end. The vocabulary is given, or `adapt` finds it: the most frequent words first.

    Parameters: `max_tokens`, at most so many indices, with the two special ones; `standardize`, "lower",
    "strip_punctuation" (the 32 of ASCII), "lower_and_strip_punctuation", None, or a function from an array of strings
    to another; `split`, "whitespace", "character" (for Chinese, say), None, or a function from an array of n strings to
    n lists of strings (a segmenter); `ngrams`, n for all groups of 1 to n words that follow each other, or a tuple of
    sizes; `output_mode`, `pad_to_max_tokens`, `vocabulary`, `idf_weights`, `encoding` as in `StringLookup`. Where x is
    not split, its last axis holds the words. Raises ValueError for arguments that do not go together, RuntimeError
    without a vocabulary.

    All letters become lower case and all of Unicode's white space separates words; Keras, through TensorFlow, knows
    those of ASCII only. In "one_hot" mode texts are padded with zeros.

    >>> layer = TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["The cat sat.", "The dog"])
    >>> layer(["A dog sat"])
    array([[1, 4, 3, 0]])
    """

    OUTPUT_MODES = IndexLookup.OUTPUT_MODES
    WHOLE = IndexLookup.WHOLE

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[[Any], Any] | None = "lower_and_strip_punctuation",
        split: str | Callable[[Any], Any] | None = "whitespace",
        ngrams: int | tuple[int, ...] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        known = {key: kwargs.pop(key, None) for key in ("vocabulary_size", "has_input_vocabulary")}  # from a config
        super().__init__(output_mode, sparse, name=name, **kwargs)
        for argument, value, words in (("standardize", standardize, STANDARDIZE), ("split", split, SPLIT)):
            if value is not None and not callable(value) and value not in words:
                raise ValueError(
                    f"TextVectorization: {argument} is one of {tuple(words)}, None or a function. "
                    f"Received: {argument}={value!r}"
                )
        sizes = ngrams if isinstance(ngrams, tuple | list) else () if ngrams is None else (ngrams,)
        if not all(isinstance(size, int) and size > 0 for size in sizes):
            raise ValueError(
                f"TextVectorization: `ngrams` is None, n, or a tuple of sizes. Received: ngrams={ngrams!r}"
            )
        length = output_sequence_length
        if length is not None and (self.output_mode != "int" or not isinstance(length, int) or length < 1):
            raise ValueError(
                f"TextVectorization: `output_sequence_length` is None, or a positive integer where output_mode='int'. "
                f"Received: output_sequence_length={length!r}, output_mode={self.output_mode!r}"
            )
        if ragged:
            raise ValueError("TextVectorization: cdl's arrays are rectangular. Received: ragged=True. Leave it out.")
        self.standardize, self.split, self.ngrams = standardize, split, ngrams
        self._sizes = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else tuple(sizes)
        self.output_sequence_length = output_sequence_length
        self.encoding = encoding
        self._lookup_layer = Vocabulary(
            max_tokens,
            mask_token="",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            encoding=encoding,
            dtype=self.dtype,
            name=self.name,
            **known,
        )

    # ---- from texts to lists of words ----

    def convert(self, x: Any) -> np.ndarray:
        return as_strings(x, f"{self.who}: input", self.encoding)

    def documents(self, x: Any) -> Documents:
        """The words of each text, standardized, and the groups of them that `ngrams` asks for."""
        x = self.convert(x)
        if self.split is None:
            rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1] if x.ndim else 1)
            words = self._standardized(rows).tolist()
        else:
            words = self._split(self._standardized(self._flat(x)))
        return [with_ngrams(document, self._sizes) for document in words] if self._sizes else words

    def _standardized(self, x: np.ndarray) -> np.ndarray:
        if self.standardize is None:
            return x
        if callable(self.standardize):
            y = as_strings(self.standardize(x.astype(str)), f"{self.who}: standardize's result")
            if y.shape != x.shape:
                raise ValueError(
                    f"{self.who}: standardize makes of an array of strings one of its shape. It received {x.shape} "
                    f"and returned {y.shape}."
                )
            return y
        y = np.empty(x.shape, dtype=object)
        y.reshape(-1)[:] = list(map(STANDARDIZE[self.standardize], x.ravel().tolist()))
        return y

    def _flat(self, x: np.ndarray) -> np.ndarray:
        if x.ndim > 2 or (x.ndim == 2 and x.shape[1] != 1):
            raise ValueError(
                f"{self.who}: texts to split are an array (n,) or (n, 1). Received shape {x.shape}. Use a layer for "
                f"each column, or split=None for what is split already."
            )
        return x.reshape(-1)

    def _split(self, texts: np.ndarray) -> Documents:
        if not callable(self.split):
            return list(map(SPLIT[self.split], texts.tolist()))  # type: ignore[index]
        documents = [[str(word) for word in document] for document in self.split(texts)]
        if len(documents) != len(texts):
            raise ValueError(
                f"{self.who}: split makes of an array of n strings n lists of strings. It received {len(texts)} and "
                f"returned {len(documents)} lists."
            )
        return documents

    # ---- the vocabulary ----

    def adapt(  # type: ignore[override]
        self, data: Any, batch_size: int | None = None, steps: int | None = None
    ) -> None:
        """Find the vocabulary in `data`: strings in an array or list, or an iterable of batches of them.

        What was learned before is forgotten. `batch_size` is accepted for Keras' sake. Raises ValueError where no words
        are found, and for a layer that was given its vocabulary.
        """
        super().adapt(data, steps)

    def batches(self, data: Any, steps: int | None) -> Iterator[Any]:
        return self._lookup_layer.batches(data, steps)

    def reset_state(self) -> None:
        self._lookup_layer.reset_state()

    def update_state(self, data: Any) -> None:
        documents = self.documents(data)
        self._lookup_layer.count(documents, len(documents))

    def finalize_state(self) -> None:
        self._lookup_layer.finalize_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The words, each at its index; without "" and "[UNK]" if special tokens are not asked for."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """The number of indices, with those for padding and unknown words."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Use this vocabulary: a list, an array, or a file with a word on each line. Raises as in `StringLookup`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # ---- the layer ----

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        limit = self.output_sequence_length
        documents = self.documents(x) if limit is None else [document[:limit] for document in self.documents(x)]
        lengths = np.fromiter(map(len, documents), np.int64, count=len(documents))
        indices = self._lookup_layer.lookup(list(chain.from_iterable(documents)))
        leading = np.shape(x)[:-1] if self.split is None else np.shape(x)[:1]
        if self.output_mode not in ("int", "one_hot"):
            rows = np.arange(len(documents)).repeat(lengths)
            y = self._lookup_layer.tallied(rows, indices, len(documents))
            return y.reshape(*leading, y.shape[-1])
        width = lengths.max(initial=0) if limit is None else limit
        padded = np.full((len(documents), width), 0 if self.output_mode == "int" else DROPPED)
        padded[np.arange(width) < lengths[:, None]] = indices
        padded = padded.reshape(*leading, width)
        return padded if self.output_mode == "int" else self._lookup_layer.encoded(padded[..., None])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.output_mode == "int":
            return (input_shape[0], self.output_sequence_length)
        words = tuple(input_shape) if self.split is None else (*input_shape[:1], None)
        return self._lookup_layer.compute_output_shape(words)

    def get_config(self) -> dict[str, Any]:
        lookup = self._lookup_layer
        return {
            **super().get_config(),
            "max_tokens": lookup.max_tokens,
            "standardize": self.standardize,
            "split": self.split,
            "ngrams": self.ngrams,
            "output_mode": self.output_mode,
            "output_sequence_length": self.output_sequence_length,
            "pad_to_max_tokens": lookup.pad_to_max_tokens,
            "sparse": self.sparse,
            "ragged": False,
            "vocabulary": lookup.input_vocabulary,
            "idf_weights": lookup.input_idf_weights,
            "encoding": self.encoding,
            "vocabulary_size": self.vocabulary_size(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextVectorization:
        refuse_files(config)
        functions = {key: registry.deserialize(config[key]) for key in ("standardize", "split")}
        ngrams = config["ngrams"]
        return cls(**{**config, **functions, "ngrams": tuple(ngrams) if isinstance(ngrams, list) else ngrams})

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Nothing: what Keras' files have for this layer, they have for its lookup layer, too."""


def with_ngrams(words: Sequence[str], sizes: Sequence[int]) -> list[str]:
    """For each of the sizes, all groups of so many words that follow each other, with blanks between them."""
    return [" ".join(words[at : at + size]) for size in sizes for at in range(len(words) - size + 1)]
