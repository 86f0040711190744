"""A function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.utils import registry
from cdl.utils.numerical import as_float

FUNCTIONS = {"arguments", "function", "gradient", "mask", "output_shape"}


class Lambda(Layer):
    """y = function(x): NumPy in the place of a layer, without variables.

    `gradient`, which Keras needs not have, is dx = gradient(x, y, dy). Without it, the layer can stand below all layers
    that are trained, where a model prepares its data, or in a model that predicts only. Both functions get the
    `arguments` by name; and `mask` and `training`, if `function` has parameters of these names. `output_shape`: that of
    one sample, or a function of the input's shape; by default, the function is tried on zeros. `mask`: that of the
    output, or a function of the input and its mask; masks end here without it.

    Functions with a name are saved and loaded if they are registered (`utils.register_keras_serializable`); lambdas are
    not saved: TypeError. Raises ValueError for what is no function, NotImplementedError where a gradient is missing.

    >>> Lambda(lambda x: x ** 2, gradient=lambda x, y, dy: 2 * x * dy)(np.array([[1.0, -3.0]]))
    array([[1., 9.]], dtype=float32)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Sequence[int | None] | Callable[[Shape], Shape] | None = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        gradient: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, given in (("function", function), ("gradient", gradient)):
            if not callable(given) and (name == "function" or given is not None):
                raise ValueError(f"Lambda: `{name}` is a function. Received: {given!r} (of type {type(given)})")
        self.function, self.gradient, self.arguments = function, gradient, arguments or {}
        self.mask, self.supports_masking = mask, mask is not None
        self._output_shape = output_shape
        self._wanted = {"mask", "training"} & set(inspect.signature(function).parameters)

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        told = {name: getattr(ctx, name) for name in self._wanted}
        y = as_float(self.function(x, **self.arguments, **told), f"{self.who}: the output", self._float)
        ctx.save(x, y)
        return y

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        x, y = ctx.saved
        if not ctx.need_input_grad:
            return None
        if self.gradient is None:
            raise NotImplementedError(
                f"{self.who} has no gradient, but a layer below it is trained. Give it: "
                f"Lambda(function, gradient=lambda x, y, dy: ...), which is dx."
            )
        return as_float(self.gradient(x, y, dy, **self.arguments), f"{self.who}: the gradient", self._float)

    def compute_mask(self, inputs: np.ndarray, previous_mask: np.ndarray | None = None) -> np.ndarray | None:
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    @property
    def makes_masks(self) -> bool:
        return self.mask is not None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if callable(self._output_shape):
            return tuple(self._output_shape(input_shape))
        if self._output_shape is not None:
            return (input_shape[0], *self._output_shape)
        return super().compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "function": registry.serialize(self.function)}
        optional = {"output_shape": self._output_shape, "mask": self.mask, "gradient": self.gradient}
        config |= {name: registry.serialize(value) for name, value in optional.items() if value is not None}
        return {**config, "arguments": registry.serialize(self.arguments)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Lambda:
        functions = {name: registry.deserialize(config[name]) for name in FUNCTIONS & config.keys()}
        return super().from_config({**config, **functions})  # type: ignore[return-value]
