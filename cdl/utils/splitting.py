"""One set of samples into two."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.utils.seeds import draw_seed

Size = float | int | None


def split_dataset(
    dataset: Any,
    left_size: Size = None,
    right_size: Size = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """The first samples of an array, or of each array in a tuple or list, and the last ones.

    `left_size`, `right_size`: a part in (0, 1), or a number of samples; one of the two may be None, the rest. `shuffle`
    parts them at random, `seed` reproducibly. `preferred_backend` is accepted for Keras' sake. What comes back has the
    form of what was given: arrays, where Keras makes data sets of TensorFlow. Raises ValueError for sizes that leave
    one side empty or are too large, and for arrays of different lengths; TypeError for other sizes and data sets.

    >>> (x_train, y_train), (x_test, y_test) = split_dataset((np.arange(10), np.arange(10)), left_size=0.8)
    >>> len(x_train), y_test
    (8, array([8, 9]))
    """
    arrays = list(dataset) if isinstance(dataset, tuple | list) else [dataset]
    for array in arrays:
        if not hasattr(array, "__array__"):
            raise TypeError(
                f"split_dataset: dataset is an array, or a tuple or list of arrays. Received: {type(array).__name__}"
            )
    arrays = [np.asarray(array) for array in arrays]
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ValueError(f"split_dataset: the arrays have different numbers of samples: {sorted(lengths)}")
    (samples,) = lengths
    left, right = split_sizes(left_size, right_size, samples)
    order = np.random.default_rng(draw_seed(seed)).permutation(samples) if shuffle else np.arange(samples)
    sides = [[array[rows] for array in arrays] for rows in (order[:left], order[samples - right :])]
    if not isinstance(dataset, tuple | list):
        return sides[0][0], sides[1][0]
    return type(dataset)(sides[0]), type(dataset)(sides[1])


def split_sizes(left_size: Size, right_size: Size, samples: int) -> tuple[int, int]:
    """Both sizes as numbers of samples. TypeError and ValueError as in `split_dataset`."""
    given = {"left_size": left_size, "right_size": right_size}
    for name, size in given.items():
        if size is not None and type(size) not in (int, float):
            raise TypeError(f"split_dataset: `{name}` is an int, a float or None. Received: {size!r}")
        if size is not None and not 0 < size < (samples if isinstance(size, int) else 1):
            raise ValueError(
                f"split_dataset: `{name}` is a number of samples below {samples}, or a part in (0, 1). Received: {size}"
            )
    if left_size is None and right_size is None:
        raise ValueError("split_dataset: at least one of `left_size` and `right_size` is needed.")
    counts = [round(size * samples) if isinstance(size, float) else size for size in given.values()]
    left = samples - counts[1] if counts[0] is None else counts[0]  # type: ignore[operator]
    right = samples - left if counts[1] is None else counts[1]
    if left + right > samples or not left or not right:
        raise ValueError(
            f"split_dataset: of {samples} samples, {left} and {right} cannot be the two sides. Received: "
            f"left_size={left_size}, right_size={right_size}"
        )
    return left, right
