"""How a model ends: in its loss, or in the last activation and the loss as one function."""

from __future__ import annotations

import copy

import numpy as np

from cdl import activations
from cdl.layers import Activation, Layer
from cdl.layers.chain import Chain
from cdl.layers.kernel_layer import KernelLayer
from cdl.losses import BinaryCrossentropy, CategoricalCrossentropy, Loss, SparseCategoricalCrossentropy

# The losses that are simpler, and exact, as functions of what goes into an activation: their gradient is f(z) - t.
TOGETHER: dict[type[Loss], activations.Activation] = {
    BinaryCrossentropy: activations.sigmoid,
    CategoricalCrossentropy: activations.softmax,
    SparseCategoricalCrossentropy: activations.softmax,
}


class Ending:
    """The loss of a model, `loss`, and what it is a function of: the output, or the logits z of the layer `logits_of`.

    A crossentropy behind a softmax or sigmoid takes the logits, as in Keras on TensorFlow. A probability that is
    rounded to 0 or 1 does not tell how wrong it is, nor which way is better: such samples would never be learned.
    """

    def __init__(self, model: Layer, loss: Loss | None) -> None:
        self.loss, self.logits_of = loss, None
        layer = last_layer(model)
        f = TOGETHER.get(type(loss))  # type: ignore[arg-type]
        if layer is None or f is None or layer.activation is not f or loss.from_logits or loss.axis != -1:  # type: ignore[union-attr]
            return
        self.loss, self.logits_of = copy.copy(loss), layer
        self.loss.from_logits = True  # type: ignore[union-attr]

    def outputs(self, z: np.ndarray) -> np.ndarray:
        """The model's output, from what its forward pass gave."""
        return z if self.logits_of is None else self.logits_of.activation.forward(z)


def last_layer(model: Layer) -> KernelLayer | Activation | None:
    """The layer whose activation is all that comes last in a model, if it can be left out; else None."""
    layer = model
    while isinstance(layer, Chain) and type(layer).forward is Chain.forward and layer.layers:
        if layer.activity_regularizer is not None:
            return None
        layer = layer.layers[-1]
    for base in (KernelLayer, Activation):
        if isinstance(layer, base) and (type(layer).forward, type(layer).backward) == (base.forward, base.backward):
            chains = [chain for chain in model._flatten_layers() if isinstance(chain, Chain)]
            alone = sum(one is layer for chain in chains for one in chain.layers) == 1  # else it is in the middle, too
            return layer if alone and layer.activity_regularizer is None else None
    return None
