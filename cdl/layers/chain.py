"""Layers one after the other: what `Sequential` and the branches of `Parallel` have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.keras_tensor import sole_output
from cdl.layers.regularization import ActivityPenalty
from cdl.variable import Variable

NOTHING: frozenset[Variable] = frozenset()


class Chain(Layer):
    """y = layer_k(... layer_2(layer_1(x))); without layers, y = x.

    The paths of the layers' variables begin with the chain's name.
    """

    supports_masking = True

    def __init__(self, layers: Iterable[Layer] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._stack: tuple[Layer, ...] = tuple(layers)
        self._sublayers[:] = self._stack
        self._shapes: list[Shape] = []

    def build(self, input_shape: Shape) -> None:
        self._shapes = [tuple(input_shape)]
        for layer in self._stack:
            shape = self._shapes[-1]
            if layer.built:
                layer.check_input(shape)
            else:
                layer.build(shape)
                for variable in layer.weights:
                    variable.path = f"{self.name}/{variable.path}"
            self._shapes.append(sole_output(layer, layer.compute_output_shape(shape)))

    def _as_called(self) -> Sequence[Any]:
        """The layers as they run: each as it is, or as it was put into a graph."""
        return self._stack

    def convert(self, x: Any) -> np.ndarray:
        """`x` as the first layer wants it."""
        return self._stack[0].convert(x) if self._stack else super().convert(x)

    # A layer below all that is trained remembers nothing, and is never gone back through. The mask travels beside x: in
    # the end, ctx.mask is that of the output.

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        mask = ctx.mask
        if not ctx.gradient:
            for layer, _, _, makes_masks in self._steps(NOTHING):
                source = x
                x = layer.forward(ctx, source)
                if makes_masks or mask is not None:
                    ctx.mask = mask = layer.output_mask(ctx, source)
            return x
        training, wanted, losses = ctx.training, ctx.need_input_grad, ctx.losses
        learning, frozen, logits_of = ctx.trained, ctx.frozen, ctx.logits_of
        calls = []
        for layer, trained_below, trained, makes_masks in self._steps(learning):
            child = Context(
                training, wanted or trained, wanted or trained_below, losses, mask, learning, frozen, logits_of
            )
            source = x
            x = layer.forward(child, source)
            if makes_masks or mask is not None:
                mask = layer.output_mask(child, source)
            if child.gradient:
                calls.append((layer, child))
        ctx.mask = mask
        ctx.save(calls)
        return x

    @property
    def makes_masks(self) -> bool:
        return any(layer.makes_masks for layer in self._stack)

    def output_mask(self, ctx: Context, x: np.ndarray) -> np.ndarray | None:
        return ctx.mask

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        if not ctx.saved:
            raise ValueError(
                f"{self.who}: there is no way back. The context has kept nothing (gradient=False), or has gone back "
                f"already, which releases what the layers kept. Go forward again."
            )
        (calls,) = ctx.saved
        ctx.saved = ()
        while calls:  # what a layer kept is released as soon as it has served
            layer, child = calls.pop()
            dy = layer.backward(child, dy)
        return dy if ctx.need_input_grad else None

    def _steps(self, learning: frozenset[Variable] | None) -> list[tuple[Layer, bool, bool, bool]]:
        """Each layer, whether a layer below it is trained, whether that or itself is, and whether it makes masks.

        `learning` are the variables that are trained; None: all that are `trainable`. The lists are kept until the
        structure changes, and that for None until a flag does.
        """
        if self._steps_version != Layer.structure_version:
            self._steps_for, self._steps_version = {}, Layer.structure_version
        if learning is None and self._flags_version != Layer.flags_version:
            self._steps_for.pop(None, None)
            self._flags_version = Layer.flags_version
        steps = self._steps_for.get(learning)
        if steps is None:
            steps, below = [], False
            for layer, called in zip(self._stack, self._as_called(), strict=True):
                variables = layer.trainable_weights if learning is None else learning.intersection(layer.weights)
                trained = below or bool(variables)
                steps.append((called, below, trained, layer.makes_masks))
                if layer.activity_regularizer is not None:
                    steps.append((ActivityPenalty(layer.activity_regularizer), trained, trained, False))
                below = trained
            self._steps_for[learning] = steps
        return steps

    _steps_for: dict[frozenset[Variable] | None, list[tuple[Layer, bool, bool, bool]]]
    _steps_version = _flags_version = -1

    def check_input(self, shape: Shape) -> None:
        for layer in self._stack:
            layer.check_input(shape)
            shape = layer.compute_output_shape(shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for layer in self._stack:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def output_dtypes(self, input_dtype: str) -> list[str]:
        """The types of what comes out of each layer, for an input of this type."""
        put_out = accumulate(self._stack, lambda dtype, layer: layer.compute_output_dtype(dtype), initial=input_dtype)
        return list(put_out)[1:]

    def compute_output_dtype(self, input_dtype: str) -> str:
        return [input_dtype, *self.output_dtypes(input_dtype)][-1]

    # ---- what there is ----

    @property
    def layers(self) -> list[Layer]:
        """The layers, first to last, without the input."""
        return list(self._stack)

    @property
    def input_shape(self) -> Shape:
        """The shape of the input, batch axis None. Raises AttributeError before the layers are built."""
        return self._known_shapes()[0]

    @property
    def output_shape(self) -> Shape:
        """The shape of the output, batch axis None. Raises AttributeError before the layers are built."""
        return self._known_shapes()[-1]

    def _known_shapes(self) -> list[Shape]:
        if not self.built:
            raise AttributeError(
                f"{type(self).__name__} model '{self.name}' has no defined shapes yet. Build it or call it on data."
            )
        return self._shapes
