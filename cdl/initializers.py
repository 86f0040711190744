"""First values of weights. An initializer is called with a shape and returns an array.

The scale of random weights follows from the fans: how many inputs feed an output (`fan_in`), how many outputs an input
feeds (`fan_out`). With variance 1 / fan_in, the variance of a linear layer's output is that of its input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cdl import config, random
from cdl.utils import registry, windows
from cdl.utils.naming import told
from cdl.utils.seeds import SeedGenerator, as_seed, make_default_seed

Shape = Sequence[int]


class Initializer:
    """Base class. A subclass defines `__call__(shape, dtype=None)` and, where it has arguments, `get_config`.

    >>> class Ramp(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return np.linspace(0, 1, math.prod(shape), dtype=dtype).reshape(shape)
    """

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, shape, dtype=None).")

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        return cls(**config)

    def clone(self) -> Initializer:
        """A new initializer with the same arguments."""
        return type(self).from_config(self.get_config())

    def __repr__(self) -> str:
        return told(self)


# ---------------------------------------------------------------------------------------------------- fixed values


class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return np.zeros(shape, dtype or config.floatx())


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return np.ones(shape, dtype or config.floatx())


class Constant(Initializer):
    """`value` everywhere; an array is broadcast to the shape."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return np.full(shape, self.value, dtype or config.floatx())

    def get_config(self) -> dict[str, Any]:
        return {"value": registry.serialize(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        return cls(registry.deserialize(config["value"]))


class Identity(Initializer):
    """`gain` on the diagonal, zero elsewhere. ValueError unless the shape has two axes."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(
                f"Identity initializes matrices only. Received: shape={tuple(shape)} of rank {len(shape)}."
            )
        return np.eye(*shape, dtype=np.dtype(dtype or config.floatx())) * float(self.gain)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


class STFT(Initializer):
    """A short-time Fourier transform as the kernel of a convolution: window[t] cos(2 pi t f / n), or -sin, by `side`.

    `side`: "real" or "imag". `window`: "hann", "hamming", "blackman", "nuttall", "blackmanharris", "flattop", "boxcar",
    an array, or None. `scaling`: the window is divided by the root of the sum of its squares ("density"), by the sum of
    its absolute values ("spectrum"), or not (None). `periodic`: a window that would go on, instead of a symmetric one.
    ValueError for another side, window or scaling, and for an array whose length is not that of the kernel.

    Shape: (t, 1, n / 2 + 1), the kernel of a Conv1D over recordings (steps, 1), n being the length of the transform.

    >>> STFT("real", "hann")((128, 1, 65)).shape
    (128, 1, 65)
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ) -> None:
        if side not in ("real", "imag"):
            raise ValueError(f"STFT: `side` is 'real' or 'imag'. Received: side={side!r}")
        if isinstance(window, str):
            windows.check_window(window)
        if scaling not in ("density", "spectrum", None):
            raise ValueError(f"STFT: `scaling` is 'density', 'spectrum' or None. Received: scaling={scaling!r}")
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, periodic

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        length, _, bins = shape
        angle = np.arange(length)[:, None, None] * (2 * np.pi * np.arange(bins) / (2 * (bins - 1)))
        kernel = np.cos(angle) if self.side == "real" else -np.sin(angle)
        if self.window is not None:
            named = isinstance(self.window, str)
            w = windows.window(self.window, length, self.periodic) if named else np.asarray(self.window, float)
            if w.shape != (length,):
                raise ValueError(f"STFT: the window has shape {w.shape}, but the kernel has {length} steps.")
            scales = {"density": np.sqrt(np.sum(w * w)), "spectrum": np.sum(np.abs(w)), None: 1.0}
            kernel *= (w / scales[self.scaling])[:, None, None]
        return kernel.astype(dtype or config.floatx())

    def get_config(self) -> dict[str, Any]:
        window = registry.serialize(self.window)
        return {"side": self.side, "window": window, "periodic": self.periodic, "scaling": self.scaling}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> STFT:
        return cls(**{**config, "window": registry.deserialize(config.get("window", "hann"))})


# --------------------------------------------------------------------------------------------------- random values


class RandomInitializer(Initializer):
    """Holds the seed: an integer gives the same values at every call, a `SeedGenerator` new ones at every call.

    None chooses an integer when the initializer is made (so it, too, repeats itself; `set_random_seed` determines it).
    """

    def __init__(self, seed: int | SeedGenerator | dict | None = None) -> None:
        self._init_seed = seed
        if isinstance(seed, dict):
            seed = registry.deserialize(seed)
        if seed is None:
            seed = make_default_seed()
        self.seed = seed if isinstance(seed, SeedGenerator) else as_seed(seed, f"{type(self).__name__}: `seed`")

    def get_config(self) -> dict[str, Any]:
        return {"seed": registry.serialize(self._init_seed)}


class RandomNormal(RandomInitializer):
    """Normal values with that mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Normal values within two standard deviations of the mean: those outside are drawn again."""

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


class RandomUniform(RandomInitializer):
    """Uniform values in [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


# The standard deviation of a standard normal variable that is cut at two standard deviations.
TRUNCATED_STDDEV = 0.87962566103423978


class VarianceScaling(RandomInitializer):
    """Random values of mean 0 and variance scale / n, where n is the fan that `mode` names.

    `mode`: "fan_in", "fan_out" or "fan_avg". `distribution`: "truncated_normal", "untruncated_normal" or "uniform".
    `input_axes`, `output_axes`: the axes that count as fans, for shapes other than those of `compute_fans`.
    ValueError for another name, or a scale that is not positive.

    >>> VarianceScaling(2.0, "fan_in", "uniform", seed=1)((784, 128)).shape
    (784, 128)
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed)
        if scale <= 0:
            raise ValueError(f"Argument `scale` must be positive. Received: scale={scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"`mode` is 'fan_in', 'fan_out' or 'fan_avg'. Received: mode={mode!r}")
        distribution = {"normal": "truncated_normal"}.get(distribution.lower(), distribution.lower())
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ValueError(
                "`distribution` is 'truncated_normal', 'untruncated_normal' or 'uniform'. "
                f"Received: distribution={distribution!r}"
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(1.0, fan))
        if self.distribution == "truncated_normal":
            return random.truncated_normal(shape, 0.0, stddev / TRUNCATED_STDDEV, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, stddev, dtype, self.seed)
        limit = math.sqrt(3.0) * stddev
        return random.uniform(shape, -limit, limit, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _NamedScaling(VarianceScaling):
    """A `VarianceScaling` that has a name of its own: the class fixes the first three arguments."""

    fixed: tuple[float, str, str]

    def __init__(
        self, seed: Any = None, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
    ) -> None:
        super().__init__(*self.fixed, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        return {
            "seed": registry.serialize(self._init_seed),
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class GlorotUniform(_NamedScaling):
    """Uniform in [-l, l), l = sqrt(6 / (fan_in + fan_out)): the default of most layers (Glorot & Bengio 2010)."""

    fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_NamedScaling):
    """Truncated normal of variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010)."""

    fixed = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_NamedScaling):
    """Uniform in [-l, l), l = sqrt(6 / fan_in), for layers followed by relu (He et al. 2015)."""

    fixed = (2.0, "fan_in", "uniform")


class HeNormal(_NamedScaling):
    """Truncated normal of variance 2 / fan_in, for layers followed by relu (He et al. 2015)."""

    fixed = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_NamedScaling):
    """Uniform in [-l, l), l = sqrt(3 / fan_in) (LeCun et al. 1998)."""

    fixed = (1.0, "fan_in", "uniform")


class LecunNormal(_NamedScaling):
    """Truncated normal of variance 1 / fan_in; goes with the activation selu (Klambauer et al. 2017)."""

    fixed = (1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """A random matrix with orthonormal columns (or rows, where it is wider than high), times `gain` (Saxe et al. 2014).

    Axes before the last count as rows. ValueError for fewer than two axes.
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(
                f"Orthogonal needs at least two axes. Received: shape={tuple(shape)} of rank {len(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        a = random.normal((max(rows, columns), min(rows, columns)), dtype="float64", seed=self.seed)
        q, r = np.linalg.qr(a)
        q *= np.sign(np.diag(r))  # makes q uniform over all orthogonal matrices (Mezzadri 2007)
        q = q.T if rows < columns else q
        return (self.gain * q.reshape(shape)).astype(dtype or config.floatx())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


def compute_fans(
    shape: Shape, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """(fan_in, fan_out) of a kernel: (i, o) gives i, o; a convolution's (..., i, o) gives both times the window's size.

    With `input_axes` and `output_axes`, the products of those axes.

    >>> compute_fans((784, 128)), compute_fans((3, 3, 16, 32))
    ((784, 128), (144, 288))
    """
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        fan = shape[0] if shape else 1
        return fan, fan
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


# Keras' names for those who write them like functions.
zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_normal, truncated_normal, random_uniform = RandomNormal, TruncatedNormal, RandomUniform
variance_scaling, orthogonal = VarianceScaling, Orthogonal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal
stft = STFTInitializer = STFT

_registry = registry.Registry(
    "initializer",
    "keras.initializers",
    [
        Initializer,
        Constant,
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
        Identity,
        LecunNormal,
        LecunUniform,
        Ones,
        Orthogonal,
        RandomNormal,
        RandomUniform,
        STFT,
        TruncatedNormal,
        VarianceScaling,
        Zeros,
    ],
    aliases={
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "STFTInitializer": STFT,
        "normal": RandomNormal,
        "one": Ones,
        "uniform": RandomUniform,
        "zero": Zeros,
    },
)


def get(identifier: Any) -> Callable | None:
    """An initializer from a name, a class, a config, a callable `(shape, dtype=None)`, an array of the values, or None.

    ValueError for anything else.

    >>> get("he_normal").get_config()
    {'seed': None, 'input_axes': None, 'output_axes': None}
    """
    if identifier is None:
        return None
    if isinstance(identifier, (np.ndarray, np.generic)):
        return _values(identifier)
    return _registry.get(identifier)


def _values(array: Any) -> Callable:
    def initialize(shape: Shape, dtype: Any = None) -> np.ndarray:
        if tuple(shape) != array.shape:
            raise ValueError(f"The initial values have shape {array.shape}, the variable has shape {tuple(shape)}.")
        return np.array(array, dtype or config.floatx())

    return initialize


def serialize(initializer: Any) -> Any:
    """The config of an initializer."""
    return registry.serialize(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The initializer that a config describes."""
    return _registry.deserialize(config, custom_objects)
