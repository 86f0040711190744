"""Where randomness begins: every draw gets a pair (seed, stream), and element j of it is a function of (seed, stream,
j) only.

A `SeedGenerator` fixes the seed and gives every draw a stream of its own. After `set_random_seed`, the same program
draws the same numbers, on any machine and any number of threads.
"""

from __future__ import annotations

import operator
import random as python_random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from cdl.utils.naming import auto_name
from cdl.utils.registry import Registry

UINT64 = 2**64 - 1


class SeedGenerator:
    """A source of (seed, stream) pairs, one for each random draw.

    `seed`: an integer, or None for one that follows from `set_random_seed`; ValueError otherwise.

    >>> seeds = SeedGenerator(1337)
    >>> seeds.next(), seeds.next()
    ((1337, 0), (1337, 1))
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.name = name or auto_name(type(self).__name__)
        self._initial_seed = seed
        self.seed = make_default_seed() if seed is None else as_seed(seed, "SeedGenerator: `seed`")
        self.stream = 0

    def next(self) -> tuple[int, int]:
        """The pair for the next draw, both in 0 .. 2^64 - 1."""
        stream = self.stream
        self.stream = stream + 1
        return self.seed & UINT64, stream & UINT64

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)


Registry("seed generator", "keras.random", [SeedGenerator], accepts=lambda found: isinstance(found, SeedGenerator))


class Source:
    """Who gives seeds to those that have none: the program's own source, or that of a `seed_scope`."""

    def __init__(self, numbers: Any) -> None:
        self.numbers = numbers
        self.generator: SeedGenerator | None = None


_program = Source(python_random)
_source: ContextVar[Source] = ContextVar("source", default=_program)


@contextmanager
def seed_scope(seed: int) -> Iterator[None]:
    """Inside, in this thread, all random choices of cdl that have no seed of their own follow from `seed`.

    Those of other threads, and those made afterwards, are as if there had been no scope; so are Python's `random` and
    NumPy's `np.random`.

    >>> with seed_scope(42):
    ...     model = Sequential([Input((784,)), Dense(10)])      # the same weights each time
    """
    token = _source.set(Source(python_random.Random(as_seed(seed, "seed_scope: `seed`"))))
    try:
        yield
    finally:
        _source.reset(token)


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy's `np.random` and every random choice of cdl that has no seed of its own.

    ValueError if `seed` is not an integer in 0 .. 2^32 - 1 (NumPy's range).

    >>> cdl.utils.set_random_seed(42)
    """
    seed = as_seed(seed, "set_random_seed: `seed`")
    np.random.seed(seed)
    python_random.seed(seed)
    _program.generator = None


def make_default_seed() -> int:
    """A seed from Python's `random`, which `set_random_seed` seeds, or from the scope."""
    return _source.get().numbers.randint(1, 10**9)


def draw_seed(seed: int | SeedGenerator | None) -> tuple[int, int]:
    """(seed, stream) for one draw: the first of an integer, the next of a generator; None: the global generator."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return global_generator().next()
    return as_seed(seed, "`seed`") & UINT64, 0


def global_generator() -> SeedGenerator:
    """The generator of every random choice that has no seed of its own."""
    source = _source.get()
    if source.generator is None:
        source.generator = SeedGenerator(name="global_seed_generator")
    return source.generator


def as_seed(seed: Any, who: str) -> int:
    """`seed` as an int; ValueError, in the name of `who`, for what is no integer."""
    try:
        return operator.index(seed)
    except TypeError:
        raise ValueError(f"{who} must be an integer. Received: {seed!r} (of type {type(seed)})") from None
