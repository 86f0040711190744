"""Sequences of different lengths as one array."""

from __future__ import annotations

from typing import Any

import numpy as np


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """The sequences (t_j, ...) as one array (n, maxlen, ...), with `value` where they are shorter.

    `maxlen` defaults to the longest length. `padding` puts the value before a short sequence, "pre", or behind it,
    "post"; `truncating` takes from a long one what comes first, "pre", or last, "post". `dtype=object` is for strings.
    Raises ValueError for what is no list of sequences, and for steps of different shapes.

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"pad_sequences: `sequences` is a list of sequences. Received: {type(sequences)}")
    for name, word in (("padding", padding), ("truncating", truncating)):
        if word not in ("pre", "post"):
            raise ValueError(f"pad_sequences: {name} is 'pre' or 'post'. Received: {name}={word!r}")
    if maxlen is not None and (not isinstance(maxlen, int | np.integer) or maxlen < 0):
        raise ValueError(f"pad_sequences: maxlen is a whole number >= 0 or None. Received: maxlen={maxlen!r}")
    if isinstance(value, str) and np.dtype(dtype).kind not in "OUST":
        raise ValueError(
            f"pad_sequences: dtype {dtype} cannot hold value={value!r}. Set dtype=object for strings of any length."
        )
    for at, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"pad_sequences: sequence {at} is no list of steps. Received: {sequence!r}")
    lengths = [len(sequence) for sequence in sequences]
    maxlen = max(lengths, default=0) if maxlen is None else int(maxlen)
    step = next((np.shape(sequence)[1:] for sequence in sequences if len(sequence)), ())
    y = np.full((len(sequences), maxlen, *step), value, dtype)
    for at, sequence in enumerate(sequences):
        if lengths[at] == 0 or maxlen == 0:
            continue
        kept = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype)
        if kept.shape[1:] != step:
            raise ValueError(
                f"pad_sequences: the steps of sequence {at} have shape {kept.shape[1:]}, those before have {step}."
            )
        if padding == "pre":
            y[at, -len(kept) :] = kept
        else:
            y[at, : len(kept)] = kept
    return y
