"""How a model ends: in its loss, or in the last activation and the loss as one function."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np

from cdl import activations
from cdl.layers import Activation, Layer, Softmax
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

    def __init__(self, model: Layer, loss: Any) -> None:
        self.loss, self.logits_of = loss, None
        f = TOGETHER.get(type(loss))
        layer = last_layer(model)
        if f is None or layer is None or loss.axis != -1 or not is_along_last_axis(f, layer.activation):
            return
        if loss.from_logits:
            warnings.warn(
                f"Loss {loss.name!r} received `from_logits=True`, but {layer.who} ends in {f.__name__!r} and thus does "
                f"not give logits. Was this intended? The loss takes what goes into {f.__name__!r}. Leave out one of "
                f"the two.",
                stacklevel=2,
            )
        self.loss, self.logits_of = copy.copy(loss), layer
        self.loss.from_logits = True

    def outputs(self, z: np.ndarray) -> np.ndarray:
        """The model's output, from what its forward pass gave."""
        return z if self.logits_of is None else self.logits_of.activation.forward(z)


def is_along_last_axis(f: activations.Activation, g: activations.Activation) -> bool:
    """Whether g is f, along the last axis if it has one."""
    return getattr(g, "unbound", None) is f and g.parameters.get("axis", -1) == -1


def last_layer(model: Layer) -> KernelLayer | Activation | Softmax | None:
    """The layer whose activation is all that comes last in a model, if it can be left out; else None."""
    way = [model]  # from the outside to that layer
    while isinstance(way[-1], Chain) and type(way[-1]).forward.__module__.startswith("cdl.") and way[-1].layers:
        way.append(way[-1].layers[-1])
    layer = way[-1]
    if any(one.activity_regularizer is not None for one in way):
        return None
    for base in (KernelLayer, Activation, Softmax):
        if isinstance(layer, base) and (type(layer).forward, type(layer).backward) == (base.forward, base.backward):
            return layer if all(times_in(model, one) == 1 for one in way[1:]) else None  # else in the middle, too
    return None


def times_in(model: Layer, layer: Layer) -> int:
    """How often a layer is used in a model, by itself or by the layers in it."""
    owners = model._flatten_layers()
    used = (one for owner in owners for one in (owner._stack if isinstance(owner, Chain) else owner._sublayers))
    return sum(one is layer for one in used)
