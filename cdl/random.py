"""Random arrays, as in `keras.random`. `seed` is an integer (the same numbers at every call), a `SeedGenerator` (new
ones at every call) or None (new ones, determined by `set_random_seed`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import config, ops
from cdl.utils.numerical import as_float
from cdl.utils.seeds import SeedGenerator, draw_seed, set_random_seed

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "set_random_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]

Seed = int | SeedGenerator | None
Shape = Sequence[int]


def uniform(shape: Shape, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Seed = None) -> np.ndarray:
    """Uniform numbers in [minval, maxval) of that shape; `dtype` defaults to `config.floatx()`."""
    return ops.random_uniform(tuple(shape), *draw_seed(seed), minval, maxval, _float_name(dtype))


def normal(shape: Shape, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None) -> np.ndarray:
    """Normal numbers of that shape; `dtype` defaults to `config.floatx()`."""
    return ops.random_normal(tuple(shape), *draw_seed(seed), mean, stddev, _float_name(dtype))


def truncated_normal(
    shape: Shape, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> np.ndarray:
    """Normal numbers conditioned on lying within two standard deviations of the mean: the others are passed over.

    A draw depends on its position only, so the first `size` acceptable ones do not depend on how many are drawn at
    once.
    """
    pair, dtype = draw_seed(seed), _float_name(dtype)
    size = math.prod(shape)
    kept = np.empty(0, dtype)
    drawn = int(1.06 * size) + 64  # 95.45 % are acceptable
    while kept.size < size:
        z = ops.random_normal((drawn,), *pair, 0.0, 1.0, dtype)
        kept = z[np.abs(z) <= 2]
        drawn *= 2
    return (kept[:size] * float(stddev) + float(mean)).reshape(shape)


def randint(shape: Shape, minval: int, maxval: int, dtype: Any = "int32", seed: Seed = None) -> np.ndarray:
    """Integers, each of minval .. maxval - 1 equally likely. ValueError if `dtype` is no integer type."""
    if np.dtype(dtype).kind not in "iu":
        raise ValueError(f"randint requires an integer dtype. Received: dtype={dtype}")
    unit = ops.random_uniform(tuple(shape), *draw_seed(seed), 0.0, 1.0, "float64")
    return (minval + np.floor(unit * (maxval - minval))).astype(dtype)


def shuffle(x: Any, axis: int = 0, seed: Seed = None) -> np.ndarray:
    """The slices of `x` along `axis`, in random order."""
    x = np.asarray(x)
    keys = ops.random_uniform((x.shape[axis],), *draw_seed(seed), 0.0, 1.0, "float64")
    return np.take(x, np.argsort(keys, kind="stable"), axis)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Seed = None) -> np.ndarray:
    """`num_samples` classes for each row of logits (n, classes), drawn with probabilities softmax(logits).

    -> (n, num_samples). The class with the greatest logit + Gumbel noise (Maddison et al. 2014). ValueError for logits
    of another rank.

    >>> categorical(np.log([[0.5, 0.5]]), 5, seed=3)
    array([[0, 0, 0, 1, 1]], dtype=int32)
    """
    logits = as_float(logits, "categorical: logits")
    if logits.ndim != 2:
        raise ValueError(f"categorical: logits have the shape (n, classes). Received: {logits.shape}")
    n, classes = logits.shape
    unit = ops.random_uniform((n, num_samples, classes), *draw_seed(seed), 0.0, 1.0, "float64")
    with np.errstate(divide="ignore"):  # a draw of 0 is noise of minus infinity
        noise = -np.log(-np.log(unit))
    return np.argmax(logits[:, None] + noise, axis=-1).astype(dtype)


def dropout(inputs: Any, rate: float, noise_shape: Shape | None = None, seed: Seed = None) -> np.ndarray:
    """0 with probability `rate`, else inputs / (1 - rate). ValueError unless 0 <= rate < 1.

    `noise_shape`: the shape of what is drawn, with 1 for an axis along which all share one draw.
    """
    x = as_float(inputs, "dropout: inputs")
    if noise_shape is None:
        return ops.dropout(x, rate, *draw_seed(seed))
    return x * ops.dropout(np.ones(noise_shape, x.dtype), rate, *draw_seed(seed))


def gamma(shape: Shape, alpha: float, dtype: Any = None, seed: Seed = None) -> np.ndarray:
    """Numbers of the Gamma distribution with that shape parameter and scale 1."""
    return _generator(seed).gamma(alpha, size=shape).astype(_float_name(dtype))


def beta(shape: Shape, alpha: Any, beta: Any, dtype: Any = None, seed: Seed = None) -> np.ndarray:
    """Numbers of the Beta distribution; both parameters may be arrays that can be broadcast to the shape."""
    return _generator(seed).beta(alpha, beta, size=shape).astype(_float_name(dtype))


def binomial(shape: Shape, counts: Any, probabilities: Any, dtype: Any = None, seed: Seed = None) -> np.ndarray:
    """How many of `counts` trials succeed, each with that probability; both may be arrays, as in `beta`. Floats."""
    return _generator(seed).binomial(np.asarray(counts, np.int64), probabilities, shape).astype(_float_name(dtype))


def _generator(seed: Seed) -> np.random.Generator:
    return np.random.default_rng(draw_seed(seed))


def _float_name(dtype: Any) -> str:
    name = np.dtype(dtype or config.floatx()).name
    if name not in ("float32", "float64"):
        raise ValueError(f"Random numbers are float32 or float64. Received: dtype={name}")
    return name
