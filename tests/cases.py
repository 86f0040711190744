"""One table of calls of the primitives. The tests of `ops` are made from it.

A new primitive needs a few rows: `Case(name, argument, ...)`. Arguments are drawn by `normal(shape)` and its like
below; everything else is passed as it stands. `length` is the number of terms in the longest sum behind one
result, `size` the largest number on the way, where that is larger than the results.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cdl import ops, reference

# ------------------------------------------------------------------------------------------------------------ arguments


@dataclass(frozen=True)
class Drawn:
    """An argument made from random numbers; `draw(rng, dtype, *the arguments before it)`."""

    draw: Callable[..., Any]
    name: str = ""

    def __str__(self) -> str:
        return self.name


def _array(shape, draw) -> Drawn:
    return Drawn(lambda rng, dtype, *before: np.asarray(draw(rng, shape)).astype(dtype), "x".join(map(str, shape)))


def normal(*shape: int) -> Drawn:
    return _array(shape, lambda rng, shape: rng.normal(size=shape))


def wide(*shape: int) -> Drawn:
    """Of all magnitudes, so that functions show their tails."""
    return _array(shape, lambda rng, shape: rng.normal(size=shape) * 10 ** rng.uniform(-3, 1.5, size=shape))


def between(low: float, high: float, *shape: int) -> Drawn:
    return _array(shape, lambda rng, shape: rng.uniform(low, high, size=shape))


def distribution(*shape: int) -> Drawn:
    """Rows of positive numbers with sum 1."""
    return _array(shape, lambda rng, shape: reference.softmax(rng.normal(size=shape)))


def log_distribution(*shape: int) -> Drawn:
    return _array(shape, lambda rng, shape: reference.log_softmax(rng.normal(size=shape)))


def integers(limit: int, *shape: int, dtype: type = np.int32) -> Drawn:
    return Drawn(lambda rng, _, *before: rng.integers(0, limit, size=shape).astype(dtype), "x".join(map(str, shape)))


def permutation(limit: int, size: int) -> Drawn:
    """`size` different integers below `limit`."""
    return Drawn(lambda rng, _, *before: rng.permutation(limit)[:size].astype(np.int64), f"{size} of {limit}")


def with_ties(*shape: int) -> Drawn:
    return _array(shape, lambda rng, shape: rng.integers(0, 4, size=shape))


def after(function: Callable[..., np.ndarray]) -> Drawn:
    """A function of the arguments before it."""
    return Drawn(lambda rng, dtype, *before: function(*before))


# ---------------------------------------------------------------------------------------------------------------- cases

RULES = ("sgd", "momentum", "adagrad", "adadelta", "rmsprop", "adam", "nadam", "adamax", "lion", "ftrl")
IN_PLACE = frozenset({*RULES, "put_rows"})


@dataclass(frozen=True, init=False)
class Case:
    op: str
    arguments: tuple
    length: int
    size: float

    def __init__(self, op: str, *arguments: Any, length: int = 1, size: float = 1.0) -> None:
        object.__setattr__(self, "op", op)
        object.__setattr__(self, "arguments", arguments)
        object.__setattr__(self, "length", length)
        object.__setattr__(self, "size", size)

    def __str__(self) -> str:
        return " ".join(filter(None, [self.op, *(_describe(a) for a in self.arguments)]))

    def draw(self, dtype: str) -> tuple:
        """The arguments; the same ones at every call."""
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        drawn: list[Any] = []
        for argument in self.arguments:
            drawn.append(_draw(argument, rng, dtype, drawn))
        return tuple(drawn)

    def tolerance(self, dtype: str, expected: np.ndarray) -> float:
        """A few roundings of the largest number, and those of the sum, which are random and mostly cancel."""
        size = np.max(np.abs(expected), initial=self.size, where=np.isfinite(expected))
        return float(np.finfo(dtype).eps * (8 + math.sqrt(self.length)) * size)


def _draw(argument: Any, rng: np.random.Generator, dtype: str, before: list) -> Any:
    if isinstance(argument, list | tuple) and any(isinstance(a, Drawn | list) for a in argument):
        return [_draw(a, rng, dtype, before) for a in argument]
    return argument.draw(rng, dtype, *before) if isinstance(argument, Drawn) else argument


def _describe(argument: Any) -> str:
    if isinstance(argument, list):
        return "[" + ",".join(_describe(a) for a in argument) + "]"
    return str(argument)


# ---------------------------------------------------------------------------------------------------------------- table

# Below, at, and above a register and a `lanes` of either type; and a prime.
SIZES = (0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127)
# Enough work for three threads.
MANY = 140_009

PARAMETERS = {
    "clipped_relu": (0.1, 6.0, 0.5),
    "elu": (0.7,),
    "celu": (0.7,),
    "squareplus": (4.0,),
    "hard_shrink": (0.5,),
    "soft_shrink": (0.5,),
    "threshold": (0.3, 2.0),
}
FUNCTIONS = [(name, *PARAMETERS.get(name, ())) for name in ops.FUNCTIONS]


def activation_backward(size: int, function: str, *parameters: float) -> Case:
    y = after(lambda x: reference.activation(x, function, *parameters))
    return Case("activation_backward", normal(size), y, normal(size), function, *parameters)


ELEMENTWISE = [
    *[Case("activation", wide(1009), *f) for f in FUNCTIONS],
    *[activation_backward(1009, *f) for f in FUNCTIONS],
    *[Case("activation", normal(size), "tanh") for size in (*SIZES, MANY)],
    *[activation_backward(size, "tanh") for size in (*SIZES, MANY)],
    Case("activation", normal(), "relu"),
    Case("activation", normal(3, 5, 7), "relu"),
    Case("dropout", normal(3, 1009), 0.25, 11, 2**63 + 5),
    *[Case("dropout", normal(size), 0.5, 2**64 - 1, size) for size in (*SIZES, MANY)],
]

ROWS = [(0, 3), (1, 1), (1, 10), *[(5, d) for d in (1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 33, 1009)]]
BY_ROW = [
    case
    for shape in [*ROWS, (2003, 31), (3, 4, 5)]
    for case in (
        Case("softmax", wide(*shape), length=shape[-1]),
        Case("softmax_backward", distribution(*shape), normal(*shape), length=shape[-1]),
        Case("log_softmax", wide(*shape), length=shape[-1]),
        Case("log_softmax_backward", log_distribution(*shape), normal(*shape), length=shape[-1]),
        Case("argmax", normal(*shape)),
        Case("argmax", with_ties(*shape)),
        Case("count_argmax", with_ties(*shape), integers(shape[-1], *shape[:-1])),
        Case("column_sum", normal(*shape), length=math.prod(shape[:-1])),
    )
]


def losses(*shape: int) -> list[Case]:
    rows, d = shape[:-1], shape[-1]
    numbers, chances, labels = normal(*shape), between(0.05, 0.95, *shape), integers(d, *rows)
    weight = between(0.5, 2.0, *rows)
    cases = []
    for op, *arguments in [
        ("mean_squared_error", numbers, numbers),
        ("mean_absolute_error", numbers, numbers),
        ("binary_crossentropy", chances, chances, False, 0.1),
        ("binary_crossentropy", chances, wide(*shape), True, 0.1),
        ("categorical_crossentropy", distribution(*shape), chances, False, 0.1),
        ("categorical_crossentropy", distribution(*shape), numbers, True, 0.1),
        ("sparse_categorical_crossentropy", labels, chances, False),
        ("sparse_categorical_crossentropy", labels, wide(*shape), True),
    ]:
        if d == 1 and "categorical" in op and not arguments[2]:
            continue  # one class: its probability is 1, at the clip
        cases.append(Case(op, *arguments, length=d))
        for scaling in ((None, 0.125), (weight, 0.25)):
            cases.append(Case(op + "_gradient", *arguments, *scaling, length=math.prod(shape)))
    return cases


LOSSES = [case for shape in [*ROWS, (32, 1), (2003, 1), (2003, 31), (3, 4, 5)] for case in losses(*shape)]

EMPTY = [(0, 3, 2), (3, 0, 2), (3, 2, 0)]
PRODUCTS = [
    *EMPTY,
    (1, 1, 1),
    (1, 9, 5),
    (1, 37, 130),
    (7, 5, 9),
    (16, 16, 16),
    (17, 33, 31),
    (32, 784, 10),
    (130, 129, 131),
]
MATRIX = [
    *[
        Case("matmul", normal(*((k, m) if a else (m, k))), normal(*((n, k) if b else (k, n))), a, b, length=k)
        for m, k, n in [*PRODUCTS, (300, 200, 310)]
        for a in (False, True)
        for b in (False, True)
    ],
    *[
        case
        for n, i, o in PRODUCTS
        for f in ("linear", "relu", "sigmoid", "tanh")
        for case in (
            Case("linear", normal(n, i), normal(i, o), normal(o), f, length=i, size=4 * math.sqrt(i)),
            Case("linear_backward", normal(n, i), normal(i, o), normal(n, o), normal(n, o), f, length=max(n, o)),
        )
    ],
    Case("linear", normal(2, 3, 5), normal(5, 4), None, "relu", length=5),
    Case("linear", normal(4200, 1030), normal(1030, 33), normal(33), "tanh", length=1030, size=4 * math.sqrt(1030)),
    *[
        Case("linear_backward", normal(*n, 5), normal(5, 4), normal(*n, 4), normal(*n, 4), "tanh", *needed, length=6)
        for n in ((6,), (2, 3))
        for needed in ((False, True, True), (True, False, False), (True, True, False))
    ],
]


def convolutions(x, kernel, strides, padding, dilation, groups=1, function="relu") -> list[Case]:
    """A convolution, its gradients, and the transposed one that leads from its result back to x, with its gradients."""
    counts = reference.windows.window_counts(
        reference.windows.padded(np.empty(x), [*padding]), kernel[:-2], strides, dilation
    )
    y, taps = (x[0], *counts, kernel[-1]), math.prod(kernel[:-2])
    geometry = (strides, padding, dilation)
    forward = {"length": taps * kernel[-2], "size": 4 * math.sqrt(taps * kernel[-2])}
    back = {"length": taps * kernel[-1] + math.prod(y[:-1]), "size": 4 * math.sqrt(taps * kernel[-1])}
    cases = [
        Case("convolution", normal(*x), normal(*kernel), normal(kernel[-1]), *geometry, groups, function, **forward),
        Case(
            "convolution_backward",
            normal(*x),
            normal(*kernel),
            normal(*y),
            normal(*y),
            *geometry,
            groups,
            function,
            **back,
        ),
    ]
    if groups == 1:
        arguments = normal(*y), normal(*kernel)
        cases += [
            Case("convolution_transpose", *arguments, normal(x[-1]), x[1:-1], *geometry, function, **back),
            Case("convolution_transpose_backward", *arguments, normal(*x), normal(*x), *geometry, function, **back),
        ]
    return cases


def square(x, kernel, stride=1, padding=0, dilation=1, groups=1, function="relu") -> list[Case]:
    """The same geometry along all axes."""
    rank = len(x) - 2
    pair = padding if isinstance(padding, tuple) else (padding, padding)
    return convolutions(x, kernel, (stride,) * rank, (pair,) * rank, (dilation,) * rank, groups, function)


CONVOLUTIONS = [
    *square((2, 28, 28, 1), (3, 3, 1, 32)),
    *square((3, 9, 8, 3), (3, 3, 3, 20), padding=1),
    *square((2, 13, 13, 32), (3, 3, 32, 33)),
    *square((2, 8, 8, 17), (5, 5, 17, 8), padding=2, function="tanh"),
    *square((2, 8, 7, 16), (3, 3, 16, 48), stride=2, padding=(0, 1), function="sigmoid"),
    *square((5, 6, 6, 10), (1, 1, 10, 18)),
    *square((2, 9, 9, 6), (1, 1, 6, 5), stride=2, function="linear"),
    *square((1, 7, 7, 2), (2, 2, 2, 3), stride=3),  # strides beyond the kernel
    *square((1, 4, 4, 3), (4, 4, 3, 5), padding=(1, 2)),  # an even kernel, 'same'
    *square((2, 9, 8, 5), (3, 2, 5, 7), dilation=2, padding=2),
    *square((1, 1, 1, 3), (3, 3, 3, 4), padding=1),
    *square((3, 1, 1, 3), (1, 1, 3, 4)),
    *square((2, 9, 9, 12), (3, 3, 4, 18), padding=1, groups=3),
    *square((2, 7, 8, 8), (3, 3, 1, 8), padding=1, groups=8),  # one kernel for each channel
    *square((2, 7, 6, 6), (3, 3, 3, 2), padding=1, groups=2),  # one output for each group of channels
    *square((3, 5, 6), (1, 2, 3), groups=3),
    *square((2, 7, 8, 5), (3, 3, 1, 15), stride=2, padding=1, groups=5, function="tanh"),
    *square((3, 50, 4), (5, 4, 9), padding=(4, 0)),  # causal
    *square((2, 60, 3), (7, 3, 24), stride=3),
    *square((2, 2500, 2), (3, 2, 16), dilation=4, padding=4),
    *square((2, 5, 6, 7, 3), (3, 3, 3, 3, 4), padding=1),
    *square((1, 6, 5, 4, 2), (2, 2, 2, 2, 17), stride=2, dilation=2, padding=(1, 0)),
    *convolutions((2, 6, 9, 4), (1, 5, 4, 6), (2, 1), ((0, 0), (2, 2)), (1, 1)),
    *convolutions((1, 70, 60, 2), (3, 5, 2, 3), (1, 1), ((1, 1), (0, 0)), (3, 2)),  # more than one stripe
    # By values at six points: tiles that fit and do not, channels likewise, several images in a block, several blocks.
    *[
        case
        for x, size, o, padding, function in [
            ((2, 6, 6, 16), (3, 3), 16, ((0, 0), (0, 0)), "linear"),
            ((3, 5, 8, 17), (3, 3), 19, ((1, 1), (1, 1)), "relu"),
            ((2, 3, 6, 33), (3, 3), 12, ((2, 2), (0, 1)), "sigmoid"),
            ((43, 6, 5, 12), (3, 3), 16, ((1, 1), (0, 0)), "tanh"),
            ((1, 46, 50, 15), (3, 3), 13, ((4, 3), (5, 0)), "linear"),
            ((0, 6, 5, 12), (3, 3), 16, ((1, 1), (0, 0)), "relu"),
            ((2, 6, 7, 13), (5, 5), 14, ((2, 2), (2, 2)), "relu"),
            ((2, 9, 10, 12), (3, 5), 35, ((0, 0), (2, 2)), "linear"),
            ((2, 9, 10, 12), (5, 1), 12, ((0, 0), (0, 0)), "relu"),
            ((3, 31, 12), (3,), 17, ((2, 0),), "relu"),
            ((2, 700, 16), (5,), 20, ((0, 0),), "relu"),
        ]
        for case in convolutions(x, (*size, x[-1], o), (1,) * len(size), padding, (1,) * len(size), 1, function)
    ],
    *square((1, 3, 3, 2), (7, 7, 2, 3), padding=6),  # windows that see nothing but padding
    *square((40, 12, 12, 3), (3, 3, 3, 8)),  # enough work for three threads
    *square((0, 5, 5, 3), (3, 3, 3, 4)),
    *square((2, 5, 5, 0), (3, 3, 0, 4)),
    *square((2, 5, 5, 3), (3, 3, 3, 0)),
    Case(
        "convolution", normal(2, 5, 5, 3), normal(3, 3, 3, 4), None, (1, 1), ((0, 0),) * 2, (1, 1), length=27, size=16
    ),
    Case(
        "convolution_transpose", normal(2, 3, 4), normal(3, 5, 4), None, (5,), (1,), ((0, 0),), (1,), length=12, size=16
    ),
    *[
        Case(
            op,
            normal(*x),
            normal(3, 3, 3, 3),
            normal(*y),
            normal(*y),
            (1, 1),
            ((0, 0),) * 2,
            (1, 1),
            *more,
            "tanh",
            *needed,
        )
        for op, x, y, more in (
            ("convolution_backward", (2, 6, 5, 3), (2, 4, 3, 3), (1,)),
            ("convolution_transpose_backward", (2, 4, 3, 3), (2, 6, 5, 3), ()),
        )
        for needed in ((True, False, False), (False, True, False), (False, False, True), (False, True, True))
    ],
]


def recurrent(
    n: int,
    t: int,
    i: int,
    u: int,
    masked: bool = False,
    bias: bool = True,
    last: bool = False,
    needed=(True, True),
    fresh: bool = False,
) -> list[Case]:
    """All kinds of layers, and their ways back. last: dh is about the last step alone; fresh: h0 is zeros."""
    x, h0 = normal(n, t, i), between(0, 0, n, u) if fresh else normal(n, u)
    wanted = (True, True), (False, not last)  # need_gradient, every_step

    def present(rng: np.random.Generator, *_: Any) -> np.ndarray | None:
        """Gaps everywhere, and samples without any step."""
        return (rng.random((n, t)) < 0.6) & (np.arange(n) % 4 != 1)[:, None] if masked else None

    mask = Drawn(present, "mask" if masked else "None")
    dh = normal(n, u) if last else normal(n, t, u)

    def weights(gates: int) -> tuple[Drawn, Drawn]:
        return between(-1, 1, i, gates * u), between(-0.5, 0.5, u, gates * u)

    def offsets(*shape: int) -> Drawn | None:
        return normal(*shape) if bias else None

    how = {"length": (i + u + t) * (1 + t), "size": 2.0 * math.sqrt(i + u)}
    back = {"length": (i + 4 * u + n) * (1 + t), "size": 4.0 * math.sqrt((i + 4 * u + n) * (1 + t))}
    cases = []
    for f in ("tanh", "relu", "sigmoid", "linear"):
        plain = (x, h0, between(-0.5, 0.5, i, u), between(-0.7 / (1 + u), 0.7 / (1 + u), u, u))
        kept = after(lambda *a, f=f: reference.simple_rnn(*a[:4], None, a[4], f, True, True)[1])
        cases += [Case("simple_rnn", *plain, offsets(u), mask, f, *results, **how) for results in wanted]
        cases.append(Case("simple_rnn_backward", *plain, mask, kept, dh, f, *needed, **back))
    c0, four, three = normal(n, u), weights(4), weights(3)
    kept = after(lambda *a: reference.lstm(*a[:5], None, a[5], True, True)[2])
    cases += [Case("lstm", x, h0, c0, *four, offsets(4 * u), mask, *results, **how) for results in wanted]
    cases += [
        Case("lstm_backward", x, h0, c0, *four, mask, kept, dh, dc, *needed, **back) for dc in (None, normal(n, u))
    ]
    for reset_after in (True, False):
        b = offsets(2, 3 * u) if reset_after else offsets(3 * u)
        kept = after(lambda *a, r=reset_after: reference.gru(*a[:4], None, a[4], r, True, True)[1])
        cases += [Case("gru", x, h0, *three, b, mask, reset_after, *results, **how) for results in wanted]
        cases.append(Case("gru_backward", x, h0, *three, mask, kept, dh, reset_after, *needed, **back))
    return cases


RECURRENT = [
    *recurrent(1, 1, 1, 1),
    *recurrent(2, 5, 3, 4, masked=True),
    *recurrent(1, 7, 9, 33),
    *recurrent(1, 3, 5, 128),
    *recurrent(1, 9, 70, 80, masked=True, bias=False),
    *recurrent(3, 1, 6, 16, last=True),
    *recurrent(5, 2, 0, 17, masked=True),
    *recurrent(7, 6, 19, 8, masked=True, last=True, bias=False),
    *recurrent(13, 3, 17, 32, needed=(False, True)),
    *recurrent(14, 4, 8, 24, needed=(True, False)),
    *recurrent(6, 3, 16, 20, needed=(False, False), masked=True),
    *recurrent(111, 5, 12, 40, masked=True),  # several strips, enough work for three threads
    *recurrent(3, 300, 4, 10, last=True),
    *recurrent(20, 30, 30, 50, fresh=True),
    *recurrent(65, 9, 11, 12, fresh=True, masked=True, last=True),
    *recurrent(1, 40, 5, 70, fresh=True, last=True),
    *recurrent(1, 1, 9, 33, last=True),
    *recurrent(300, 1, 2, 3, fresh=True),
    *recurrent(4, 0, 3, 5),
    *recurrent(0, 4, 3, 5),
    *recurrent(2, 3, 4, 0),
]


def pools(
    shape: tuple[int, ...], size: tuple[int, ...], strides: tuple[int, ...], padding: tuple | None = None
) -> list:
    padding = padding or ((0, 0),) * len(size)
    of_x = after(lambda x: reference.max_pool(x, size, strides, padding))
    out = reference.max_pool(np.zeros(shape), size, strides, padding).shape
    terms, summed = math.prod(size), 4.0 * math.prod(size)
    windows = (size, strides, padding)
    return [
        Case("max_pool", normal(*shape), *windows),
        Case("max_pool_backward", normal(*shape), of_x, normal(*out), *windows, length=terms, size=summed),
        Case("max_pool_backward", with_ties(*shape), of_x, normal(*out), *windows, length=terms, size=summed),
        Case("average_pool", normal(*shape), *windows, length=terms),
        Case("average_pool_backward", normal(*out), shape[1:-1], *windows, length=terms),
    ]


POOLING = [
    *[case for c in (1, 3, 5, 17, 32, 64) for case in pools((3, 6, 7, c), (2, 2), (2, 2))],
    *[case for c in (1, 3, 9, 40) for case in pools((2, 7, 6, c), (3, 3), (2, 2), ((1, 1), (0, 1)))],
    *[case for c in (1, 3, 33) for case in pools((2, 9, 8, c), (2, 1), (3, 4), ((0, 1), (0, 0)))],
    *pools((2, 5, 5, 7), (3, 2), (1, 1)),
    *pools((2, 4, 5, 6), (4, 5), (1, 1)),
    *pools((1, 1, 1, 4), (2, 2), (2, 2), ((0, 1), (1, 0))),
    *pools((0, 4, 4, 3), (2, 2), (2, 2)),
    *pools((3, 4, 4, 0), (2, 2), (2, 2)),
    *[case for c in (1, 3, 35) for case in pools((3, 11, c), (3,), (2,), ((1, 1),))],
    *[case for c in (2, 18) for case in pools((2, 5, 4, 6, c), (2, 2, 3), (2, 1, 3), ((1, 0), (0, 0), (1, 2)))],
    *pools((7, 28, 30, 33), (2, 2), (2, 2)),
    *pools((7, 28, 30, 33), (3, 3), (1, 1), ((1, 1), (1, 1))),
]


def norms(rows: tuple[int, ...], d: int) -> list[Case]:
    x, dy, per_channel, positive = normal(*rows, d), normal(*rows, d), normal(d), between(0.5, 2.0, d)
    n = math.prod(rows)
    by_channel = [
        Case("batch_norm", x, gamma, beta, 1e-3, length=n, size=8.0)
        for gamma, beta in ((positive, per_channel), (None, per_channel), (positive, None), (None, None))
    ] + [
        Case("batch_norm_backward", x, gamma, per_channel, positive, dy, 1e-3, need_dx, length=n, size=8.0 * n**0.5)
        for gamma, need_dx in ((positive, True), (None, True), (positive, False))
    ]
    return [
        *(by_channel if n else []),
        Case("scale_shift", x, positive, per_channel, size=4.0),
        Case("layer_norm", x, positive, per_channel, 1e-3, length=d, size=16.0),
        Case("layer_norm", x, None, None, 1e-3, length=d, size=16.0),
        *[
            Case("layer_norm_backward", x, gamma, dy, 1e-3, *needed, length=n + d, size=256.0)
            for gamma, needed in ((positive, (True, True)), (None, (False, False)), (positive, (False, True)))
        ],
        Case("rms_norm", x, positive, 1e-3, length=d, size=16.0),
        Case("rms_norm_backward", x, positive, dy, 1e-3, length=n + d, size=256.0),
    ]


NORMALISATION = [
    case
    for rows, d in [
        *[((6,), d) for d in (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127)],
        ((0,), 3),
        ((1,), 5),
        ((2, 3, 4), 40),
        *[((n,), 9) for n in (127, 128, 129, 700)],
        ((4001,), 35),
    ]
    for case in norms(rows, d)
]

SELECTION = [
    Case("take_rows", normal(50, 3), integers(50, 1009, dtype=np.int64)),
    Case("take_rows", integers(9, 50, 2, 3), integers(50, 17, dtype=np.int64)),
    Case("take_rows", integers(256, 50, 28, 28, dtype=np.uint8), integers(50, 2003, dtype=np.int64)),
    Case("take_rows", normal(5, 0), integers(5, 3, dtype=np.int64)),
    *[
        Case("sum_rows", normal(m, d), integers(limit, m, dtype=np.int64), length=m // limit)
        for m, d, limit in [
            (0, 3, 1),
            (1, 1, 1),
            (1, 64, 2**31),
            (7, 0, 3),
            (100, 5, 1),
            (300, 67, 40),
            (2000, 64, 10_000),
            (4001, 33, 2**23),
        ]
    ],
    *[
        Case("put_rows", normal(n, *rest), permutation(n, k), normal(k, *rest))
        for n, k, rest in [(5, 3, (4,)), (50, 50, (2, 3)), (5, 0, (4,)), (4001, 2000, (33,)), (9, 4, ())]
    ],
]


def sampled(n: int, h: int, w: int, c: int, size: tuple[int, int], interpolation: str, fill_mode: str) -> Case:
    """Turned, stretched and moved well beyond the edges; positions up to 8 times the size."""
    transforms = between(-2, 2, n, 6)
    how = (interpolation, fill_mode, 0.5)
    return Case("affine_sample", normal(n, h, w, c), transforms, size, *how, size=8 * max(size))


SAMPLING = [
    *[
        sampled(*shape, interpolation, fill_mode)
        for shape in [
            (0, 3, 3, 1, (2, 2)),
            (2, 1, 1, 3, (3, 2)),
            (3, 5, 4, 1, (4, 65)),
            (2, 5, 4, 2, (0, 3)),
            (2, 7, 5, 17, (6, 9)),
            (5, 9, 8, 3, (70, 130)),
        ]
        for interpolation in ops.INTERPOLATIONS
        for fill_mode in ops.FILL_MODES
    ],
    Case("affine_sample", normal(1, 0, 3, 2), normal(1, 6), (2, 3), "bilinear", "constant", 0.5),
]

VARIABLES = [normal(7, 3), normal(0), normal(3), normal(MANY)]
STATE = [between(0, 1, 7, 3), between(0, 1, 0), between(0, 1, 3), between(0, 1, MANY)]
MEANS = [between(-0.1, 0.1, 7, 3), between(0, 1, 0), between(-0.1, 0.1, 3), between(-0.1, 0.1, MANY)]
DECAYS = [0.01, 0.0, 0.0, 0.001]
OPTIMIZERS = [
    Case("sgd", VARIABLES, VARIABLES, DECAYS, 0.1),
    *[Case("momentum", VARIABLES, VARIABLES, [VARIABLES], DECAYS, 0.1, 0.9, nesterov) for nesterov in (False, True)],
    Case("adagrad", VARIABLES, VARIABLES, [STATE], DECAYS, 0.01, 1e-7),
    Case("adadelta", VARIABLES, VARIABLES, [STATE, STATE], DECAYS, 0.01, 0.9, 1e-7),
    Case("rmsprop", VARIABLES, VARIABLES, [STATE], DECAYS, 0.01, 0.9, 0.0, 1e-7, False),
    Case("rmsprop", VARIABLES, VARIABLES, [STATE, VARIABLES], DECAYS, 0.01, 0.9, 0.5, 1e-7, False),
    # Where the variance is nearly 0, a large epsilon keeps its rounding small.
    Case("rmsprop", VARIABLES, VARIABLES, [STATE, MEANS], DECAYS, 0.01, 0.9, 0.0, 1e-3, True),
    Case("rmsprop", VARIABLES, VARIABLES, [STATE, VARIABLES, MEANS], DECAYS, 0.01, 0.9, 0.5, 1e-3, True),
    Case("adam", VARIABLES, VARIABLES, [VARIABLES, STATE], DECAYS, 0.01, 0.9, 0.999, 1e-7),
    Case("adam", VARIABLES, VARIABLES, [VARIABLES, STATE, STATE], DECAYS, 0.01, 0.9, 0.999, 1e-7),
    Case("nadam", VARIABLES, VARIABLES, [VARIABLES, STATE], DECAYS, 0.01, 0.02, 0.9, 0.999, 1e-7),
    Case("adamax", VARIABLES, VARIABLES, [VARIABLES, STATE], DECAYS, 0.01, 0.9, 0.999, 1e-3),
    Case("lion", VARIABLES, VARIABLES, [VARIABLES], DECAYS, 0.01, 0.9, 0.99),
    *[
        Case("ftrl", VARIABLES, VARIABLES, [STATE, VARIABLES], DECAYS, 0.5, power, 1.0, l1, l2, 0.05, size=10.0)
        for power, l1, l2 in ((0.5, 0.0, 0.0), (0.5, 0.7, 0.1), (0.8, 0.7, 0.1), (0.0, 0.1, 0.1), (1.0, 0.1, 0.0))
    ],
    *[
        Case(op, *grad, wide(size), l1, l2, length=size)
        for size in (*SIZES, MANY)
        for op, grad in (("penalty", ()), ("add_penalty", (normal(size),)))
        for l1, l2 in ((0.0, 1.0), (0.5, 0.0), (0.01, 0.1))
    ],
    Case("penalty", normal(3, 5, 7), 0.1, 0.2),
    Case("add_penalty", normal(3, 5, 7), with_ties(3, 5, 7), 0.1, 0.2),
]


def like_dtype() -> Drawn:
    return Drawn(lambda rng, dtype, *before: dtype)


RANDOM = [
    *[
        Case(op, (size,), 42, 2**40 + size, a, b, like_dtype())
        for op, a, b in (("random_uniform", -1.0, 3.0), ("random_normal", 1.0, 2.0))
        for size in (*SIZES, MANY)
    ],
    Case("random_uniform", (2, 3, 5), 2**64 - 1, 2**64 - 1, 0.0, 1.0, like_dtype()),
]

CASES = [
    *ELEMENTWISE,
    *BY_ROW,
    *LOSSES,
    *MATRIX,
    *CONVOLUTIONS,
    *RECURRENT,
    *POOLING,
    *NORMALISATION,
    *SELECTION,
    *SAMPLING,
    *OPTIMIZERS,
    *RANDOM,
]
