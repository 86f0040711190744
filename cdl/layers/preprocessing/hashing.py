"""Strings or integers to bins, without a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.preprocessing.categorical_layer import CategoricalLayer, encode
from cdl.utils.hashing import as_key, buckets
from cdl.utils.strings import as_strings, holds_strings


class Hashing(CategoricalLayer):
    """y = hash(x) mod num_bins, for x (...) of strings or integers; int64, or what `output_mode` makes of it.

    The hash is FarmHash64 of a string's UTF-8 bytes, or of an integer written in decimal (floats lose their fractions);
    with a `salt`, one or two integers, it is SipHash-2-4 with the salt as its key (Aumasson & Bernstein 2012). Both are
    those of Keras, on every machine. Where `mask_value` is given, it goes to bin 0, and everything else to the others.

    Parameters: `num_bins` >= 1; `mask_value`; `salt`; `output_mode` "int", "one_hot", "multi_hot" or "count"; `dtype`,
    an integer type in "int" mode. Raises ValueError for other arguments.

    >>> Hashing(num_bins=3)([["A"], ["B"], ["C"]])
    array([[1],
           [0],
           [1]])
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: int | Sequence[int] | None = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        dtype = kwargs.pop("dtype", None)
        as_int = output_mode == "int"
        super().__init__(output_mode, sparse, dtype=None if as_int else dtype, **kwargs)
        self.index_dtype = integer_type(dtype) if as_int else "int64"
        if num_bins is None or num_bins <= 0:
            raise ValueError(f"Hashing: `num_bins` must be a positive integer. Received: num_bins={num_bins}.")
        self.num_bins, self.mask_value = num_bins, mask_value
        self.salt = as_key(salt, "Hashing")

    def convert(self, x: Any) -> np.ndarray:
        who = f"{self.who}: input"
        if holds_strings(x):
            return as_strings(x, who)
        x = np.asarray(x)
        if x.dtype.kind not in "biuf" and x.size:
            raise ValueError(f"{who}: strings or integers are needed. Received an array of {x.dtype}.")
        return x.astype(np.int64)

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        x = self.convert(x)
        masks = self.mask_value is not None and self.num_bins > 1
        bins = buckets(list(map(str, x.ravel().tolist())), self.num_bins - masks, self.salt)
        indices = np.array(bins, np.int64).reshape(x.shape)
        if masks:
            indices = np.where(x == self.mask_value, 0, indices + 1)
        if self.output_mode == "int":
            return indices.astype(self.index_dtype)
        return encode(indices, self.output_mode, self.num_bins, self.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.encoded_shape(tuple(input_shape), self.num_bins)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {
            **config,
            "dtype": {**config["dtype"], "config": {"name": self.compute_output_dtype("string")}},
            "num_bins": self.num_bins,
            "salt": None if self.salt is None else list(self.salt),
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }


def integer_type(dtype: Any) -> str:
    """The name of an integer type, from a name, a dtype, a Keras policy's config, or None for int64."""
    if isinstance(dtype, dict):
        dtype = dtype.get("config", dtype).get("name")
    name = np.dtype(dtype or "int64").name
    if name not in ("int32", "int64"):
        raise ValueError(f"Hashing: when `output_mode='int'`, `dtype` is 'int32' or 'int64'. Received: dtype={dtype!r}")
    return name
