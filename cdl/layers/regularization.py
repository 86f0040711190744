"""A penalty on what a layer puts out."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import regularizers
from cdl.layers.base import Layer
from cdl.layers.context import Context
from cdl.layers.reshaping import Identity


class ActivityRegularization(Identity):
    """Passes x on and adds l1 * sum |x| + l2 * sum x^2, divided by the batch size, to the loss.

    A layer's own `activity_regularizer` does the same to its output.
    """

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("activity_regularizer")
        return {**config, "l1": self.l1, "l2": self.l2}


class ActivityPenalty(Layer):
    """What is put behind a layer for its `activity_regularizer`; None: nothing is added."""

    supports_masking = True

    def __init__(self, regularizer: Any) -> None:
        super().__init__(name="activity_penalty")
        self.regularizer = regularizer
        self.built = True

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if self.regularizer is not None:
            ctx.losses.append(float(self.regularizer(x)) / max(1, len(x)))
            ctx.save(x)
        return x

    def backward(self, ctx: Context, dy: np.ndarray | None) -> np.ndarray | None:
        """dy + d penalty / dx; None where nothing else depends on the output."""
        if self.regularizer is None:
            return dy
        (x,) = ctx.saved
        gradient = self.regularizer.gradient(x) / max(1, len(x))
        return gradient if dy is None else dy + gradient
