"""Settings of the whole library: float type, epsilon, backend, threads, instruction set."""

from __future__ import annotations

from cdl.backend import Restore, isa, num_threads, set_backend, set_isa, set_num_threads
from cdl.backend import name as backend

__all__ = [
    "backend",
    "epsilon",
    "floatx",
    "image_data_format",
    "isa",
    "num_threads",
    "set_backend",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_isa",
    "set_num_threads",
]

_floatx = "float32"
_epsilon = 1e-7


def floatx() -> str:
    """The float type that new layers and variables get: "float32" (default) or "float64"."""
    return _floatx


def set_floatx(value: str) -> Restore:
    """Set the float type of layers created from now on. Usable in a `with` statement.

    Raises `ValueError` for anything but "float32" and "float64".

    >>> with cdl.config.set_floatx("float64"):
    ...     layer = cdl.layers.Dense(3)
    """
    global _floatx
    if value not in ("float32", "float64"):
        raise ValueError(
            f"set_floatx: the float type is 'float32' or 'float64' (cdl computes on CPUs). Received: {value!r}"
        )
    previous, _floatx = _floatx, value
    return Restore(set_floatx, previous)


def epsilon() -> float:
    """The small number that keeps logarithms and quotients of losses finite (default 1e-7, as in Keras)."""
    return _epsilon


def set_epsilon(value: float) -> Restore:
    """Set `epsilon()`. Usable in a `with` statement. Raises `ValueError` unless 0 < value < 0.5."""
    global _epsilon
    if not 0 < value < 0.5:
        raise ValueError(f"set_epsilon: value lies between 0 and 0.5. Received: {value!r}")
    previous, _epsilon = _epsilon, float(value)
    return Restore(set_epsilon, previous)


def image_data_format() -> str:
    """Always "channels_last": images are (batch, height, width, channels)."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Accepts "channels_last". Raises `ValueError` for "channels_first", which cdl leaves out on purpose."""
    if data_format != "channels_last":
        raise ValueError(
            f"set_image_data_format: cdl stores images as (batch, height, width, channels) only, 'channels_last'. "
            f"Received: {data_format!r}. Move the channels with np.moveaxis(x, 1, -1)."
        )
