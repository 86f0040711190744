"""Words or numbers to the places that they have in a vocabulary: what StringLookup and IntegerLookup share."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.preprocessing.adaptive_layer import AdaptiveLayer
from cdl.layers.preprocessing.categorical_layer import CategoricalLayer, encode, tally
from cdl.layers.preprocessing.token_counts import TokenCounts
from cdl.utils.hashing import as_key, buckets
from cdl.utils.numerical import as_integer

DROPPED, UNKNOWN = -1, -2


class IndexLookup(CategoricalLayer, AdaptiveLayer):
    """Base of the layers with a vocabulary. Its order is mask token (in "int" mode), tokens for the unknown, the rest.

    A layer defines `as_tokens(x, who)`, which makes an array of tokens of what the user hands over.
    """

    OUTPUT_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
    WHOLE = (np.ndarray, list, tuple)
    encoding = "utf-8"  # of files

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        vocabulary_size: int | None = None,
        has_input_vocabulary: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(output_mode, sparse, **kwargs)
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.pad_to_max_tokens = invert, pad_to_max_tokens
        self.oov_method, self.salt = oov_method, as_key(salt, type(self).__name__)
        self._check_arguments(idf_weights)
        named = vocabulary is None or isinstance(vocabulary, str | os.PathLike)
        self.input_vocabulary = None if named else self._listed(vocabulary)
        self.input_idf_weights = None if idf_weights is None else np.asarray(idf_weights).tolist()
        self._given = vocabulary is not None if has_input_vocabulary is None else has_input_vocabulary
        self._size = vocabulary_size
        self._tokens: list[Any] | None = None
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    def _check_arguments(self, idf_weights: Any) -> None:
        who = type(self).__name__
        if self.num_oov_indices < 0:
            raise ValueError(f"{who}: `num_oov_indices` must be >= 0. Received: num_oov_indices={self.num_oov_indices}")
        if self.max_tokens is not None and self.max_tokens <= max(1, self._token_start):
            raise ValueError(
                f"{who}: `max_tokens` must be greater than {max(1, self._token_start)}, since it counts the mask token "
                f"and those for unknown ones (num_oov_indices={self.num_oov_indices}). "
                f"Received: max_tokens={self.max_tokens}"
            )
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(f"{who}: pad_to_max_tokens=True needs `max_tokens`. Received: max_tokens=None")
        if self.oov_method not in ("floormod", "farmhash"):
            raise ValueError(f"{who}: oov_method is 'floormod' or 'farmhash'. Received: oov_method={self.oov_method!r}")
        if self.invert and self.output_mode != "int":
            raise ValueError(f"{who}: invert=True needs output_mode='int'. Received: output_mode={self.output_mode!r}")
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(
                f"{who}: `idf_weights` are for output_mode='tf_idf'. Received: output_mode={self.output_mode!r}"
            )

    # ---- what comes in ----

    def as_tokens(self, x: Any, who: str) -> np.ndarray:
        """`x` as an array of tokens. ValueError, in the name of `who`, for what holds none."""
        raise NotImplementedError(f"{type(self).__name__} does not define as_tokens(x, who)")

    def convert(self, x: Any) -> np.ndarray:
        who = f"{self.who}: input"
        return as_integer(x, who) if self.invert else self.as_tokens(x, who)

    def _listed(self, tokens: Any) -> list[Any]:
        return self.as_tokens(tokens, f"{self.who}: vocabulary").ravel().tolist()

    # ---- the vocabulary ----

    @property
    def _oov_start(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _token_start(self) -> int:
        return self._oov_start + self.num_oov_indices

    def _special_tokens(self) -> list[Any]:
        return [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens, each at its index; without those for masks and unknown ones if they are not asked for."""
        return (self._special_tokens() if include_special_tokens else []) + list(self._tokens or ())

    def vocabulary_size(self) -> int:
        """The number of tokens, with those for masks and unknown ones."""
        return self._token_start + len(self._tokens or ())

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Use this vocabulary: a list or array of tokens, or the path of a file with one on each line.

        The tokens for masks and unknown ones may stand at the beginning, all of them, or be left out. `idf_weights`,
        one per token, in "tf_idf" mode: those that are left out get the average. Raises ValueError for an empty
        vocabulary, repeated tokens, misplaced special ones, more than `max_tokens`, and weights that are missing or do
        not fit; RuntimeError where the output would change its size.
        """
        who = self.who
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            raise ValueError(
                f"{who}: `idf_weights` must be set if output_mode is 'tf_idf', and only then. "
                f"Received: output_mode={self.output_mode!r}, idf_weights={idf_weights}"
            )
        if isinstance(vocabulary, str | os.PathLike):
            vocabulary = self._read(vocabulary)
        given = self._listed(vocabulary)
        if not given:
            raise ValueError(f"{who}: Cannot set an empty vocabulary. Received: vocabulary={vocabulary}")
        special = self._special_tokens()
        complete = given[: len(special)] == special
        tokens = given[len(special) :] if complete else given
        repeated = [token for token, count in Counter(tokens).items() if count > 1]
        if repeated:
            raise ValueError(
                f"{who}: The passed vocabulary has at least one repeated term. The repeated terms are: {repeated[:10]}"
            )
        for name, token in (("mask_token", self.mask_token), ("oov_token", self.oov_token if self.invert else None)):
            if token is not None and token in tokens:
                raise ValueError(
                    f"{who}: Found reserved {name} {token!r} at vocabulary index {given.index(token)}. Either leave "
                    f"all special tokens out, or begin the vocabulary with precisely these: {special}."
                )
        size = self._token_start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"{who}: Attempted to set a vocabulary larger than the maximum vocab size. Received vocabulary size is "
                f"{size}, with special tokens; `max_tokens` is {self.max_tokens}."
            )
        weights = None if idf_weights is None else np.asarray(idf_weights, self.dtype)
        if weights is not None:
            if weights.shape != (len(given),):
                raise ValueError(
                    f"{who}: `idf_weights` must be a list of the same length as vocabulary. "
                    f"Received: idf_weights {weights.shape}, vocabulary ({len(given)},)"
                )
            if not complete:
                weights = np.concatenate([np.repeat(np.mean(weights), len(special)), weights])
        self._use(tokens, weights)

    def _read(self, path: str | os.PathLike[str]) -> list[str]:
        if not os.path.exists(path):
            raise ValueError(f"{self.who}: Vocabulary file {path} does not exist.")
        if self.output_mode == "tf_idf":
            raise ValueError(
                f"{self.who}: output_mode 'tf_idf' does not support loading a vocabulary from file. Pass the terms "
                f"and `idf_weights`."
            )
        with open(path, encoding=self.encoding) as file:
            lines = file.read().split("\n")
        return lines[:-1] if not lines[-1] else lines

    def _use(self, tokens: list[Any], idf_weights: np.ndarray | None) -> None:
        size = self._token_start + len(tokens)
        if self._size not in (None, size) and self.output_mode != "int" and not self.pad_to_max_tokens:
            raise RuntimeError(
                f"{self.who}: with output_mode={self.output_mode!r} and pad_to_max_tokens=False the vocabulary size "
                f"cannot change. Old vocab size is {self._size}, new vocab size is {size}. Make a new layer, or set "
                f"max_tokens and pad_to_max_tokens."
            )
        self._tokens, self._size = list(tokens), size
        self._index = dict(zip(tokens, range(self._token_start, size), strict=True))
        if self.mask_token is not None:
            self._index[self.mask_token] = 0 if self.output_mode == "int" else DROPPED
        if self.invert:
            self._words = np.array([*self.get_vocabulary(), self.oov_token])
        if idf_weights is not None:
            padding = self._depth() - size if self.pad_to_max_tokens else 0
            self.idf_weights = np.pad(idf_weights.astype(self.dtype), (0, padding))

    # ---- adapt ----

    def reset_state(self) -> None:
        self._counts = TokenCounts()

    def batches(self, data: Any, steps: int | None) -> Iterator[Any]:
        for batch in super().batches(data, steps):
            tokens = self.as_tokens(batch, f"{self.who}: adapt")
            # As in Keras: one axis is a column of samples if it is all there is, but one sample if batches follow.
            yield tokens[:, None] if tokens.ndim == 1 and isinstance(data, self.WHOLE) else tokens

    def update_state(self, data: Any) -> None:
        """Count the tokens of one more batch, an array in which each row is a sample."""
        tokens = self.as_tokens(data, f"{self.who}: adapt")
        rows = len(tokens) if tokens.ndim > 1 else 1
        shape = (rows, tokens.size // max(rows, 1)) if self.output_mode == "tf_idf" else (1, -1)
        self.count(tokens.reshape(shape).tolist(), rows)

    def count(self, documents: Sequence[Sequence[Any]], number: int) -> None:
        """Count the tokens of these documents, `number` of them."""
        if self._given:
            raise ValueError(f"{self.who}: Cannot adapt a layer that was given its vocabulary; make one without.")
        self._counts.add(documents, number, by_document=self.output_mode == "tf_idf")

    def finalize_state(self) -> None:
        """Make the vocabulary of the tokens counted. ValueError if there are none."""
        room = None if self.max_tokens is None else self.max_tokens - self._token_start
        tokens = self._counts.most_frequent((self.mask_token, self.oov_token), room)
        if not tokens:
            raise ValueError(
                f"{self.who}: adapt found no tokens in {self._counts.documents} samples, and the vocabulary would be "
                f"empty. Look at the data, and at what standardize leaves of them."
            )
        weights = None
        if self.output_mode == "tf_idf":
            weights = self._counts.inverse_document_frequencies(tokens)
            weights = np.concatenate([np.repeat(weights.mean(), self._token_start), weights])
        self._use(tokens, weights)
        self.reset_state()

    # ---- the lookup ----

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if self.invert:
            self._known()
            at = self.convert(x)
            return self._words[np.where((at >= 0) & (at < len(self._words)), at, -1)]
        x = self.convert(x)
        indices = self.lookup(x.ravel().tolist()).reshape(x.shape)
        return indices if self.output_mode == "int" else self.encoded(indices)

    def lookup(self, tokens: list[Any]) -> np.ndarray:
        """The index of each token. ValueError for an unknown one where `num_oov_indices` is 0."""
        self._known()
        unknown = self._oov_start if self.num_oov_indices == 1 else UNKNOWN
        found = map(self._index.get, tokens, repeat(unknown))
        indices = np.fromiter(found, np.int64, count=len(tokens))  # type: ignore[arg-type]
        if unknown == UNKNOWN:
            missing = np.flatnonzero(indices == UNKNOWN)
            strangers = [tokens[at] for at in missing]
            if missing.size and self.num_oov_indices == 0:
                raise ValueError(
                    f"{self.who}: When `num_oov_indices=0` all inputs should be in vocabulary, found OOV values "
                    f"{strangers[:10]}, consider setting `num_oov_indices=1`."
                )
            indices[missing] = self._oov_start + np.array(self._oov_buckets(strangers), np.int64)
        return indices

    def _oov_buckets(self, tokens: list[Any]) -> list[int]:
        """Which of the indices for unknown tokens each of these gets."""
        return buckets([str(token) for token in tokens], self.num_oov_indices, self.salt)

    def encoded(self, indices: np.ndarray) -> np.ndarray:
        """What the output mode makes of indices (..., k)."""
        return self._weighted(encode(indices, self._how(), self._depth(), self.dtype))

    def tallied(self, rows: np.ndarray, indices: np.ndarray, count: int) -> np.ndarray:
        """The same for `count` rows of different lengths: index j is in row rows[j]. Not for "one_hot"."""
        return self._weighted(tally(rows, indices, self._how(), (count, self._depth()), self.dtype))

    def _how(self) -> str:
        return "count" if self.output_mode == "tf_idf" else self.output_mode

    def _weighted(self, counts: np.ndarray) -> np.ndarray:
        return counts * self.idf_weights if self.output_mode == "tf_idf" else counts

    def _known(self) -> None:
        if self._tokens is None:
            raise RuntimeError(
                f"{self.who} has no vocabulary yet. Pass `vocabulary`, or call `adapt` with some sample data, or "
                f"`set_vocabulary`, before it is used."
            )

    def _depth(self) -> int:
        return self.max_tokens if self.pad_to_max_tokens else self._size  # type: ignore[return-value]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.output_mode != "int" and self._depth() is None:
            self._known()
        return self.encoded_shape(tuple(input_shape), self._depth())

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": self.input_idf_weights,
            "vocabulary": self.input_vocabulary,
            "vocabulary_size": self._size,
            "oov_method": self.oov_method,
            "salt": None if self.salt is None else list(self.salt),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> IndexLookup:
        """A layer from `get_config`'s dictionary. ValueError for one that names a file: it may come from a stranger."""
        refuse_files(config)
        return cls(**config)

    # ---- files: as in Keras, a vocabulary that was given is part of the config, one that was learned is not ----

    def save_own_variables(self, store: dict[str, Any]) -> None:
        if self.output_mode == "tf_idf" and self._tokens is not None:
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self.idf_weights = np.asarray(store["idf_weights"], self.dtype)

    def save_assets(self, store: dict[str, list[Any]]) -> None:
        """Put a vocabulary that was learned into `store`."""
        if self.input_vocabulary is None and self._tokens is not None:
            store["vocabulary"] = self.get_vocabulary()

    def load_assets(self, store: Mapping[str, list[Any]]) -> None:
        """Take the vocabulary that `save_assets` has put there; its weights in "tf_idf" mode are loaded before."""
        vocabulary = store.get("vocabulary")
        if vocabulary is None:
            return
        if not isinstance(vocabulary, list):
            raise ValueError(f"{self.who}: a vocabulary is a list. Received: {type(vocabulary).__name__}")
        self.set_vocabulary(vocabulary, self.idf_weights[: len(vocabulary)] if self.output_mode == "tf_idf" else None)


def refuse_files(config: Mapping[str, Any]) -> None:
    """ValueError for a config in which the vocabulary is the name of a file."""
    if isinstance(config.get("vocabulary"), str):
        raise ValueError(
            f"A config holds its vocabulary, and names no file. Received: vocabulary={config['vocabulary']!r}"
        )
