"""What the steps of a compiled model change, and what they leave alone."""

from __future__ import annotations

from cdl.layers.base import Layer
from cdl.losses import Loss
from cdl.models.ending import Ending
from cdl.variable import Variable


class Trained:
    """The variables that a model trains, and the layers that are frozen: as their flags were when it was compiled.

    `flags`: what `trainable` was then, by layer; layers that have joined since are entered as they are now. So two
    models can share layers that one of them trains and the other does not. `variables`: in the order of the model's
    weights; `regularized`: those among them with a regularizer; `set` and `frozen`: what a `Context` takes. `ending`:
    the loss that they are trained for.
    """

    def __init__(self, model: Layer, flags: dict[Layer, bool], loss: Loss | None) -> None:
        layers = list(model._flatten_layers())
        for layer in layers:
            flags.setdefault(layer, layer.trainable)
        trained: set[Variable] = set()
        for layer in layers if flags[model] else ():
            # A variable that was frozen by itself stays so, unless it was frozen together with the layer, and since.
            same = layer.trainable == flags[layer]
            trained.update(v for v in layer._variables if (v.trainable if same else flags[layer] and not v.is_state))
        self.variables = [variable for variable in model.weights if variable in trained]
        self.regularized = [variable for variable in self.variables if variable.regularizer is not None]
        self.set = frozenset(trained)
        self.frozen = frozenset(layer for layer in layers if not flags[layer])
        self.ending = Ending(model, loss)

    def penalties(self) -> float:
        """The sum of the regularizers' penalties, at the present values."""
        return sum(float(variable.regularizer(variable.value)) for variable in self.regularized)

    def add_penalties(self) -> float:
        """The same; their gradients are added to those of the variables."""
        return sum(variable.regularizer.add_gradient_to(variable) for variable in self.regularized)
