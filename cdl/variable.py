"""A variable: an array that a layer owns for life, and its gradient, which may be that of a few rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from cdl import config, ops


class RowGradient(np.lib.mixins.NDArrayOperatorsMixin):
    """The gradient of a matrix of which few rows were used: `rows[k]` is that of row `index[k]`, all others are 0.

    index int64 (k,), ascending; rows (k, d); shape (n, d), that of the matrix. The sum of two has the rows that one of
    them has; in all other arithmetic it is the array that `dense()` returns.

    >>> grad = RowGradient(np.array([2]), np.ones((1, 3)), shape=(1000, 3))
    >>> np.asarray(grad).sum()     # 3.0
    """

    __slots__ = ("index", "rows", "shape")

    def __init__(self, index: np.ndarray, rows: np.ndarray, shape: tuple[int, ...]) -> None:
        self.index, self.rows, self.shape = index, rows, shape

    @property
    def dtype(self) -> np.dtype:
        return self.rows.dtype

    def dense(self) -> np.ndarray:
        """The whole gradient."""
        gradient = np.zeros(self.shape, self.dtype)
        ops.put_rows(gradient, self.index, self.rows)
        return gradient

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, RowGradient):
            return self.dense() + other
        rows, index = np.concatenate((self.rows, other.rows)), np.concatenate((self.index, other.index))
        used, sums = ops.sum_rows(rows, index)
        return RowGradient(used, sums, self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.dense().astype(dtype or self.dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        inputs = tuple(x.dense() if isinstance(x, RowGradient) else x for x in inputs)
        return getattr(ufunc, method)(*inputs, **kwargs)

    def __repr__(self) -> str:
        return f"<RowGradient of {len(self.index)} rows, shape={self.shape}, dtype={self.dtype.name}>"


class Variable(np.lib.mixins.NDArrayOperatorsMixin):
    """An array with a name, updated in place, that gathers its gradient.

    `value` keeps its identity, shape and dtype for life: optimizers update it in place, `assign` copies into it.
    `grad` is None until a backward pass adds to it, an array or a `RowGradient`; the training loop resets it before
    each step, so that after a step the last gradient can be read.

    Parameters: `initializer`, an array or a function of (shape, dtype); `shape`, needed for a function; `dtype`, by
    default `cdl.config.floatx()`; `trainable`; `name`.
    Raises ValueError where a function comes without a shape.

    >>> w = Variable(np.zeros((2, 3)), name="kernel")
    >>> w.assign_add(np.ones((2, 3)))
    >>> w.value.sum()      # 6.0
    """

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        dtype = np.dtype(dtype or config.floatx())
        room = _room.get()
        if room is not None:
            room.take(math.prod(shape or np.shape(initializer)) * dtype.itemsize, name)
        if callable(initializer):
            if shape is None:
                raise ValueError(f"Variable {name!r}: an initializer function needs a shape. Pass shape=(...).")
            initializer = initializer(tuple(shape), dtype=dtype.name)
        # A copy: the variable alone may change its memory.
        self.value: np.ndarray = (
            aligned_zeros(tuple(shape or ()), dtype)
            if initializer is UNSET
            else aligned_copy(np.asarray(initializer), dtype)
        )
        if shape is not None and self.value.shape != tuple(shape):
            raise ValueError(f"Variable {name!r}: the initial value has shape {self.value.shape}, shape={tuple(shape)}")
        self.grad: np.ndarray | RowGradient | None = None
        self.name = name or "variable"
        self.path = self.name
        self.trainable = trainable
        self.is_state = False  # not trainable by nature: stays so when its layer is frozen and thawed
        self.regularizer: Any = None
        self.constraint: Callable[[np.ndarray], np.ndarray] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> str:
        return self.value.dtype.name

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def size(self) -> int:
        return self.value.size

    def numpy(self) -> np.ndarray:
        """A copy of the value."""
        return self.value.copy()

    def assign(self, value: Any) -> Variable:
        """Copy `value` into the variable. Raises ValueError where the shapes differ."""
        value = np.asarray(value)
        if value.shape != self.shape:
            raise ValueError(f"Variable {self.path!r} has shape {self.shape}. Received a value of shape {value.shape}")
        self.value[...] = value
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add `value` in place."""
        self.value += np.asarray(value)
        return self

    def assign_sub(self, value: Any) -> Variable:
        """Subtract `value` in place."""
        self.value -= np.asarray(value)
        return self

    def add_gradient(self, grad: np.ndarray | RowGradient) -> None:
        """Add one contribution to the gradient: the first is kept as it is, later ones are summed into a new array.

        Raises ValueError where the shapes differ.
        """
        if grad.shape != self.value.shape:
            raise ValueError(f"Variable {self.path!r} has shape {self.shape}, its gradient has shape {grad.shape}")
        self.grad = grad if self.grad is None else self.grad + grad

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        inputs = tuple(x.value if isinstance(x, Variable) else x for x in inputs)
        return getattr(ufunc, method)(*inputs, **kwargs)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """From a pickle or for a copy: NumPy's arrays lie elsewhere in memory."""
        vars(self).update(state)
        self.value = aligned_copy(self.value, self.value.dtype)

    # A variable is itself, not its numbers: it is found in lists and dictionaries by identity.
    __hash__ = object.__hash__
    __eq__ = object.__eq__  # type: ignore[assignment]

    def __getitem__(self, index: Any) -> np.ndarray:
        return self.value[index]

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self.value}>"


CACHE_LINE = 64


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros that begin with a cache line, so that no register is loaded from two. NumPy's own memory begins 16 or 48
    bytes behind one.
    """
    size = math.prod(shape) * dtype.itemsize
    room = np.zeros(size + CACHE_LINE, np.uint8)
    start = -room.ctypes.data % CACHE_LINE
    return room[start : start + size].view(dtype).reshape(shape)


def aligned_copy(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A dense copy that begins with a cache line."""
    copy = aligned_zeros(array.shape, dtype)
    copy[...] = array
    return copy


# ---- while a model is loaded from a file ----

UNSET: Any = object()  # in place of an initializer: the variable will get its value from the file


class Room:
    """How many bytes may still be taken by the variables of a model whose file is being loaded."""

    def __init__(self, size: int) -> None:
        self.size = self.left = size

    def take(self, size: int, name: str | None) -> None:
        self.left -= size
        if self.left < 0:
            raise ValueError(
                f"The config asks for variables that the file does not hold: with {name!r} ({size} bytes), they would "
                f"take more than {self.size} bytes."
            )


_room: ContextVar[Room | None] = ContextVar("room", default=None)


@contextmanager
def to_be_loaded(size: int) -> Iterator[None]:
    """Inside, the weights of layers begin without values, and all variables together take at most `size` bytes.

    ValueError for the first variable that would take more, before its memory is taken.
    """
    token = _room.set(Room(size))
    try:
        yield
    finally:
        _room.reset(token)


TRIAL_BYTES = 2**28  # for what a layer tries out on zeros


def require_room(size: int, who: str) -> None:
    """While a model is loaded, ValueError for an array that is larger than any that the file lets expect."""
    room = _room.get()
    if room is not None and size > max(room.size, TRIAL_BYTES):
        raise ValueError(f"{who}: the config asks for an array of {size} bytes. Is it damaged?")


def is_loading() -> bool:
    """Whether a model is being loaded, so that the values of its weights need not be made."""
    return _room.get() is not None
