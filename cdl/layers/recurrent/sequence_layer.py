"""The call of layers that read sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.keras_tensor import KerasTensor, behind


class SequenceLayer(Layer):
    """Base of layers from x (batch, steps, ...) whose `forward(ctx, x, initial_state)` may begin with given states."""

    def __call__(  # type: ignore[override]
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
        *,
        ctx: Context | None = None,
    ) -> Any:
        """The layer's output for `sequences`: builds the layer if needed, converts and checks, then runs `forward`."""
        if isinstance(sequences, KerasTensor):
            if initial_state is not None:
                raise ValueError(f"{self.who}: a model has one input, so layers in it begin with states of zero.")
            return behind(sequences, self, training, mask)
        x = self.take_in(sequences)
        ctx = ctx or Context(training, gradient=False)
        if mask is not None:
            ctx.mask = as_mask(mask, x.shape, self.who)
        return self.forward(ctx, x, initial_state)  # type: ignore[call-arg]


def as_mask(mask: Any, shape: Shape, who: str) -> np.ndarray:
    """The mask as a bool array. ValueError unless it has one value for each step."""
    mask = np.asarray(mask)
    if mask.shape != shape[:2]:
        raise ValueError(f"{who}: mask has shape {mask.shape}, but the input has (batch, steps) {shape[:2]}.")
    return np.ascontiguousarray(mask, dtype=bool)
