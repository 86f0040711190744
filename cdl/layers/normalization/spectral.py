"""Spectral normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import initializers
from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.inside import build_inside
from cdl.utils import registry
from cdl.utils.numerical import normalize
from cdl.variable import Variable


class SpectralNormalization(Layer):
    """y = layer(x) with a kernel W of spectral norm 1: W = W / s before each step of training (Miyato et al. 2018).

    s = v W u' is the largest singular value of W as a matrix (all axes but the last, last), found by `power_iterations`
    of v = u W' / |u W'|, u = v W / |v W|, where u is remembered from step to step. It keeps a discriminator from
    changing too fast with its input. The gradient is that at the new W, which stays, as in Keras on TensorFlow.

    Parameters: `layer`, with a variable `kernel` or `embeddings`; `power_iterations`. Raises ValueError for what is no
    layer or has neither, and for a number of iterations below 1.

    >>> SpectralNormalization(Dense(16))(np.zeros((4, 8))).shape
    (4, 16)
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(f"SpectralNormalization: `layer` is a layer. Received: {layer!r} (of type {type(layer)})")
        if power_iterations <= 0:
            raise ValueError(
                f"SpectralNormalization: `power_iterations` is a positive integer. Received: {power_iterations}"
            )
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = layer.dtype
        super().__init__(**kwargs)
        self.layer, self.power_iterations = layer, power_iterations
        self.supports_masking = layer.supports_masking
        if not self._trainable:
            self.trainable = False  # of the layer as well

    def build(self, input_shape: Shape) -> None:
        build_inside(self, self.layer, input_shape)
        # An attribute, as in Keras: so the kernel counts as this layer's, too, and comes first among the weights.
        self.kernel = self._found()
        u = initializers.TruncatedNormal(stddev=0.02)
        shape, dtype = (1, self.kernel.shape[-1]), self.kernel.dtype
        self.vector_u = self.add_weight(shape, u, dtype, trainable=False, name="vector_u")

    def _found(self) -> Variable:
        for name in ("kernel", "embeddings"):
            if isinstance(found := getattr(self.layer, name, None), Variable):
                return found
        raise ValueError(f"{self.who}: {self.layer.who} has no variable 'kernel' nor 'embeddings' to normalise.")

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        if ctx.training:
            self._normalize()
        return self.layer.forward(ctx, x)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        return self.layer.backward(ctx, dy)

    def _normalize(self) -> None:
        w = self.kernel.value.reshape(-1, self.kernel.shape[-1])
        if not w.any():
            return
        u = self.vector_u.value
        for _ in range(self.power_iterations):
            v = normalize(u @ w.T)
            u = normalize(v @ w)
        s = float((v @ w @ u.T)[0, 0])
        self.vector_u.assign(u)
        self.kernel.assign(self.kernel.value / s)

    def compute_mask(self, inputs: np.ndarray, previous_mask: np.ndarray | None = None) -> np.ndarray | None:
        return self.layer.compute_mask(inputs, previous_mask)

    @property
    def makes_masks(self) -> bool:
        return self.layer.makes_masks

    def check_input(self, shape: Shape) -> None:
        self.layer.check_input(shape)

    def convert(self, x: Any) -> np.ndarray:
        return self.layer.convert(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "layer": registry.serialize(self.layer),
            "power_iterations": self.power_iterations,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SpectralNormalization:
        return cls(**{**config, "layer": registry.deserialize(config["layer"])})
