"""Branches: several chains of layers see the same input, and their outputs become one."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import activations
from cdl.layers.base import Layer, Shape
from cdl.layers.chain import Chain
from cdl.layers.context import Context
from cdl.utils import registry
from cdl.utils.numerical import with_last_axes

Arrays = list[np.ndarray]
Masks = list[np.ndarray | None]


class Elementwise:
    """Base of the merges y = f(x_1, ..., x_k), element by element.

    As in Keras, axes that are missing behind the batch count as 1, and a size of 1 is spread over the others' size. A
    subclass defines `combine` and the derivative of one x.
    """

    rule = "sizes must be equal or 1"
    needs_values = True  # whether the derivative depends on xs and y

    def output_shape(self, shapes: Sequence[Shape]) -> Shape | None:
        """The shape of y, or None where the shapes do not fit."""
        rank = max(map(len, shapes))
        axes = [
            {size for size in sizes if size != 1} for sizes in zip(*(aligned(s, rank) for s in shapes), strict=True)
        ]
        if any(len(sizes - {None}) > 1 for sizes in axes):
            return None
        return tuple(None if None in sizes else max(sizes, default=1) for sizes in axes)  # type: ignore[type-var]

    def forward(self, ctx: Context, xs: Arrays) -> np.ndarray:
        rank = max(x.ndim for x in xs)
        shapes = [x.shape for x in xs]
        xs = [x.reshape(aligned(x.shape, rank)) for x in xs]  # type: ignore[arg-type]
        y = self.combine(xs)
        ctx.save(shapes, *((xs, y) if self.needs_values else (None, None)))
        return y

    def backward(self, ctx: Context, dy: np.ndarray) -> Arrays:
        shapes, xs, y = ctx.saved
        return [summed_to(shape, self.derivative(i, len(shapes), xs, y, dy)) for i, shape in enumerate(shapes)]

    def mask(self, xs: Arrays, masks: Masks) -> np.ndarray | None:
        """A step counts where it does in one of the x's; all count in an x without mask."""
        known = [mask for mask in masks if mask is not None]
        return functools.reduce(operator.or_, known) if len(known) == len(masks) else None

    def combine(self, xs: Arrays) -> np.ndarray:
        raise NotImplementedError

    def derivative(self, i: int, k: int, xs: Arrays, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """The gradient of x_i, one of k, in the shape of y."""
        raise NotImplementedError


class Add(Elementwise):
    """y = x_1 + ... + x_k"""

    needs_values = False

    def combine(self, xs: Arrays) -> np.ndarray:
        return functools.reduce(operator.add, xs)

    def derivative(self, i: int, k: int, xs: Arrays, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        return dy


class Average(Add):
    """y = (x_1 + ... + x_k) / k"""

    def combine(self, xs: Arrays) -> np.ndarray:
        return super().combine(xs) / len(xs)

    def derivative(self, i: int, k: int, xs: Arrays, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        return dy / k


class Multiply(Elementwise):
    """y = x_1 ... x_k"""

    def combine(self, xs: Arrays) -> np.ndarray:
        return functools.reduce(operator.mul, xs)

    def derivative(self, i: int, k: int, xs: Arrays, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        return functools.reduce(operator.mul, xs[:i] + xs[i + 1 :], dy)


class Maximum(Elementwise):
    """y = max(x_1, ..., x_k); where several are largest, the gradient goes to the first."""

    def combine(self, xs: Arrays) -> np.ndarray:
        return functools.reduce(np.maximum, xs)

    def derivative(self, i: int, k: int, xs: Arrays, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        largest = functools.reduce(operator.and_, (x != y for x in xs[:i]), xs[i] == y)
        return np.where(largest, dy, 0)


class Concatenate:
    """y = the x's side by side along `axis`; all their other sizes are equal."""

    def __init__(self, axis: int) -> None:
        self.axis = axis
        self.rule = f"all sizes but those along axis {axis} must be equal"

    def output_shape(self, shapes: Sequence[Shape]) -> Shape | None:
        rank = len(shapes[0])
        if any(len(shape) != rank for shape in shapes) or not -rank <= self.axis < rank or self.axis % rank == 0:
            return None
        joined: list[int | None] = []
        for axis, sizes in enumerate(zip(*shapes, strict=True)):
            known = {size for size in sizes if size is not None}
            if axis == self.axis % rank:
                joined.append(None if None in sizes else sum(sizes))  # type: ignore[arg-type]
            elif len(known) > 1:
                return None
            else:
                joined.append(known.pop() if known else None)
        return tuple(joined)

    def forward(self, ctx: Context, xs: Arrays) -> np.ndarray:
        ctx.save([x.shape[self.axis] for x in xs])
        return np.concatenate(xs, self.axis)

    def backward(self, ctx: Context, dy: np.ndarray) -> Arrays:
        (sizes,) = ctx.saved
        return [np.ascontiguousarray(dx) for dx in np.split(dy, np.cumsum(sizes[:-1]), self.axis)]

    def mask(self, xs: Arrays, masks: Masks) -> np.ndarray | None:
        """A step counts where one of its features does."""
        spread = [
            np.ones(x.shape, bool) if mask is None else np.broadcast_to(with_last_axes(mask, x.ndim), x.shape)
            for x, mask in zip(xs, masks, strict=True)
        ]
        return np.any(np.concatenate(spread, self.axis), axis=-1)


def aligned(shape: Shape, rank: int) -> Shape:
    """The shape with axes of size 1 behind the batch, so that there are `rank` axes."""
    return (shape[0], *(1,) * (rank - len(shape)), *shape[1:])


def summed_to(shape: tuple[int, ...], dy: np.ndarray) -> np.ndarray:
    """The gradient of an array of this shape that was spread to the shape of dy."""
    if shape == dy.shape:
        return dy
    spread = [axis for axis, size in enumerate(aligned(shape, dy.ndim)) if size == 1 and dy.shape[axis] != 1]
    return dy.sum(axis=tuple(spread)).reshape(shape)


MERGES = {"add": Add, "average": Average, "concatenate": Concatenate, "maximum": Maximum, "multiply": Multiply}


class Parallel(Layer):
    """y = merge(branch_1(x), ..., branch_k(x)): branches that see the same input, side by side.

    Parameters: `branches`, each a layer, a model or a list of layers (the empty list passes x on); `merge`, one of
    "add", "average", "concatenate" (along `axis`), "maximum", "multiply", as Keras' merging layers define them: sizes
    of 1 are spread over the others' size, except in a concatenation. At a tie, the gradient of the maximum goes to the
    first. Raises ValueError for anything else, and where the shapes of the branches' outputs do not fit.

    >>> inception = Parallel([Conv2D(8, 1), [Conv2D(8, 1), Conv2D(16, 3, padding="same")]], merge="concatenate")
    >>> inception(np.zeros((32, 28, 28, 3))).shape
    (32, 28, 28, 24)
    """

    supports_masking = True

    def __init__(self, branches: Sequence[Any], merge: str = "add", axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(branches, list | tuple) or not branches:
            raise ValueError(f"{self.who}: branches is a list with at least one branch. Received: {branches!r}")
        if merge not in MERGES:
            raise ValueError(f"{self.who}: merge is one of {', '.join(map(repr, MERGES))}. Received: {merge!r}")
        self.branches = [Chain(self._layers_of(branch), name=self.name, dtype=self.dtype) for branch in branches]
        self.merge, self.axis = merge, axis
        self._fitting: list[Shape] = []  # the shapes of the last batch: mostly those of the next
        self._merge = Concatenate(axis) if merge == "concatenate" else MERGES[merge]()  # type: ignore[abstract]

    @property
    def makes_masks(self) -> bool:
        return any(branch.makes_masks for branch in self.branches)

    def output_mask(self, ctx: Context, x: np.ndarray) -> np.ndarray | None:
        return ctx.mask  # left there by forward, as a Chain does

    def _layers_of(self, branch: Any) -> Sequence[Layer]:
        layers = branch if isinstance(branch, list | tuple) else [branch]
        for layer in layers:
            if not isinstance(layer, Layer):
                raise ValueError(
                    f"{self.who}: a branch is a layer, a model or a list of layers. Received: {layer!r} "
                    f"(of type {type(layer).__name__})"
                )
        return layers

    def build(self, input_shape: Shape) -> None:
        for branch in self.branches:
            branch.build(input_shape)
        self._merged_shape([branch.output_shape for branch in self.branches])

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        calls = [ctx.child(ctx.need_input_grad) for _ in self.branches]
        ys = [branch.forward(call, x) for branch, call in zip(self.branches, calls, strict=True)]
        shapes = [y.shape for y in ys]
        if shapes != self._fitting:
            self._merged_shape(shapes)
            self._fitting = shapes
        if any(call.mask is not None for call in calls):
            ctx.mask = self._merge.mask(ys, [call.mask for call in calls])
        else:
            ctx.mask = None
        merging = ctx.child()
        ctx.save(calls, merging)
        return self._merge.forward(merging, ys)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        calls, merging = ctx.saved
        dys = self._merge.backward(merging, dy)
        dxs = [branch.backward(call, dy) for branch, call, dy in zip(self.branches, calls, dys, strict=True)]
        return functools.reduce(operator.add, dxs) if ctx.need_input_grad else None

    def check_input(self, shape: Shape) -> None:
        for branch in self.branches:
            branch.check_input(shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self._merged_shape([branch.compute_output_shape(input_shape) for branch in self.branches])

    def _merged_shape(self, shapes: Sequence[Shape]) -> Shape:
        shape = self._merge.output_shape(shapes)
        if shape is None:
            outputs = ", ".join(
                f"branch {number} ({' -> '.join(layer.name for layer in branch.layers) or 'the input'}) gives {of}"
                for number, (branch, of) in enumerate(zip(self.branches, shapes, strict=True))
            )
            raise ValueError(
                f"{self.who}: shapes do not fit for merge={self.merge!r}: {outputs}. {self._merge.rule.capitalize()}; "
                f"change a layer, or add one to the branch that is wrong."
            )
        return shape

    def get_config(self) -> dict[str, Any]:
        branches = [registry.serialize(branch.layers) for branch in self.branches]
        return {**super().get_config(), "branches": branches, "merge": self.merge, "axis": self.axis}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Parallel:
        return cls(**{**config, "branches": registry.deserialize(config["branches"])})


class Residual(Parallel):
    """y = activation(layers(x) + shortcut(x)): what the layers learn is the difference from the shortcut.

    Parameters: `layers`, a layer, a model or a list of layers; `shortcut`, likewise, by default x itself; `activation`,
    a name or function, by default none. Raises ValueError where the two shapes do not fit. Reference: He et al. 2016,
    Deep residual learning for image recognition.

    >>> block = Residual([Conv2D(8, 3, padding="same"), ReLU(), Conv2D(8, 3, padding="same")], activation="relu")
    >>> block(np.zeros((32, 28, 28, 8))).shape
    (32, 28, 28, 8)
    """

    def __init__(self, layers: Any, shortcut: Any = None, activation: Any = None, **kwargs: Any) -> None:
        super().__init__([layers, [] if shortcut is None else shortcut], **kwargs)
        self.activation = activations.get(activation)

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        sum_call = ctx.child(ctx.need_input_grad)
        z = super().forward(sum_call, x)
        ctx.mask = sum_call.mask
        y = self.activation.forward(z)
        ctx.save(sum_call, z, y)
        return y

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        sum_call, z, y = ctx.saved
        return super().backward(sum_call, self.activation.backward(z, y, dy))

    def get_config(self) -> dict[str, Any]:
        residual_config = super().get_config()
        layers, shortcut = residual_config.pop("branches")
        del residual_config["merge"], residual_config["axis"]
        activation = activations.serialize(self.activation)
        return {**residual_config, "layers": layers, "shortcut": shortcut, "activation": activation}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Residual:
        layers, shortcut = registry.deserialize(config["layers"]), registry.deserialize(config["shortcut"])
        return cls(**{**config, "layers": layers, "shortcut": shortcut})
