"""One layer for every step of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.inside import build_inside
from cdl.utils import registry


class TimeDistributed(Layer):
    """y[:, s] = layer(x[:, s]) for every step s: all steps pass through the layer at once, as samples of one batch.

    Shapes: x (batch, steps, ...) -> y (batch, steps, ...), behind the steps the shapes of the layer. What a layer makes
    of the whole batch (the mean of a BatchNormalization) it makes of all steps together.

    Parameters: `layer`. Raises ValueError for what is no layer, for inputs with fewer than three axes, and for a mask
    that does not begin with (batch, steps).

    >>> layer = TimeDistributed(Conv2D(8, 3))
    >>> layer(np.zeros((4, 10, 28, 28, 1))).shape
    (4, 10, 26, 26, 8)
    """

    supports_masking = True

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `TimeDistributed` layer with a `cdl.layers.Layer` instance. Received: {layer}"
            )
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = layer.dtype
        super().__init__(**kwargs)
        self.layer = layer
        if not self._trainable:
            self.trainable = False  # of the layer as well

    def build(self, input_shape: Shape) -> None:
        build_inside(self, self.layer, of_one_step(input_shape))

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        n, t = x.shape[:2]
        call = ctx.child(ctx.need_input_grad)
        call.mask = self._inner_mask(ctx.mask, x.shape)
        y = self.layer.forward(call, np.ascontiguousarray(x).reshape(n * t, *x.shape[2:]))
        ctx.save(call, n, t)
        return y.reshape(n, t, *y.shape[1:])

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        call, n, t = ctx.saved
        dx = self.layer.backward(call, np.ascontiguousarray(dy).reshape(n * t, *dy.shape[2:]))
        return None if dx is None else dx.reshape(n, t, *dx.shape[1:])

    def _inner_mask(self, mask: np.ndarray | None, shape: Shape) -> np.ndarray | None:
        """The mask of the layer's input: what a mask (batch, steps, ...) says about each step, if it says more."""
        if mask is None:
            return None
        if mask.ndim < 2 or mask.shape[:2] != shape[:2]:
            raise ValueError(
                f"The `mask` passed to the `TimeDistributed` layer has a shape {mask.shape} that is incompatible with "
                f"the input shape {shape}. Expected mask shape prefix: {shape[:2]}."
            )
        return mask.reshape(-1, *mask.shape[2:]) if mask.ndim > 2 else None

    def check_input(self, shape: Shape) -> None:
        self.layer.check_input(of_one_step(shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *output = self.layer.compute_output_shape(of_one_step(input_shape))
        return (batch, input_shape[1], *output)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": registry.serialize(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TimeDistributed:
        return cls(**{**config, "layer": registry.deserialize(config["layer"])})


def of_one_step(shape: Shape) -> Shape:
    """The shape without the axis of the steps. ValueError where there is none."""
    if len(shape) < 3:
        raise ValueError(
            f"`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, received: {shape}"
        )
    return (shape[0], *shape[2:])
