"""Which implementation of the primitives is active, and on how many threads and which instruction set it runs.

Two modules implement the contract of `ops` under the same names: `_native` (the C core) and `reference` (its meaning
in NumPy). `ops` looks up `active` at every call, so the switch takes effect at once, everywhere.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from cdl import _native
from cdl._left_out import no_attribute

BACKENDS = ("native", "reference")
active: ModuleType = _native


class Restore:
    """A setting that has been made; used in a `with` statement, the previous one comes back at its end."""

    def __init__(self, setter: Any, previous: Any) -> None:
        self._setter, self._previous = setter, previous

    def __enter__(self) -> Restore:
        return self

    def __exit__(self, *exc: object) -> None:
        self._setter(self._previous)


def name() -> str:
    """The active backend: "native" or "reference"."""
    return "native" if active is _native else "reference"


def set_backend(backend: str) -> Restore:
    """Run every primitive on "native" (the C core) or "reference" (readable NumPy, for learning and debugging).

    Raises `ValueError` for another name. Takes effect at once, for models that exist too.

    >>> with set_backend("reference"):
    ...     model.predict(x)
    """
    global active
    if backend not in BACKENDS:
        raise ValueError(f"set_backend: backend is one of {list(BACKENDS)}. Received: {backend!r}")
    previous = name()
    if backend == "native":
        active = _native
    else:
        from cdl import reference  # here, since few programs need it

        active = reference
    return Restore(set_backend, previous)


def set_num_threads(count: int | None) -> Restore:
    """Use at most `count` threads in a primitive; None follows OpenMP (OMP_NUM_THREADS, threadpoolctl, the cores).

    Results do not depend on it. Raises `ValueError` for a count below 1.
    """
    if count is not None and (not isinstance(count, int) or count < 1):
        raise ValueError(f"set_num_threads: count is a positive integer or None. Received: {count!r}")
    previous = _native.set_threads(count or 0)
    return Restore(set_num_threads, previous or None)


def num_threads() -> int:
    """Threads that a large enough primitive would use now."""
    return _native.threads()


def set_isa(isa: str) -> Restore:
    """Use the instruction set "generic", "avx2" or "avx512" (also: environment variable CDL_ISA, before the import).

    Raises `ValueError` where this processor or this build lacks it.
    """
    previous = _native.isa()
    if not _native.set_isa(isa):
        raise ValueError(f"set_isa: this machine offers {_native.isas()}. Received: {isa!r}")
    return Restore(set_isa, previous)


def isa() -> str:
    """The instruction set in use: "generic", "avx2" or "avx512"."""
    return _native.isa()


# What scripts look for in `keras.backend`, and where it is.
KERAS_NAMES = {
    "backend": "config",
    "clear_session": "utils",
    "epsilon": "config",
    "floatx": "config",
    "image_data_format": "config",
    "set_epsilon": "config",
    "set_floatx": "config",
    "set_image_data_format": "config",
}


def __getattr__(name: str) -> Any:
    """Found when they are named: this module, which is below all others, imports none of them."""
    if name not in KERAS_NAMES:
        raise no_attribute(__name__, name)
    return getattr(importlib.import_module(f"cdl.{KERAS_NAMES[name]}"), name)
