"""What one call of a layer remembers for its way back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cdl.layers.base import Layer
    from cdl.variable import Variable


class Context:
    """The memory of one forward call: made by the caller, filled by `forward`, read by `backward`.

    Because it belongs to the call and not to the layer, a layer can be used twice before going back, or by two threads,
    and an interrupted step leaves nothing behind.

    `training`: whether dropout drops, and so on; None, where nobody said, counts as no except for augmentation.
    `gradient`: whether `backward` may follow; if not, `save` keeps nothing. `need_input_grad`: False where nobody wants
    dx; `backward` may return None then. `losses`: penalties that layers add to the loss, shared by the contexts of one
    pass. `mask`: bool (n, t), False for the steps of the input that only fill it up; None if all count. `trained`: the
    variables whose gradients are wanted, `()` if none are; `frozen`: the layers that are at rest. Where they are None,
    each variable's and layer's own `trainable` decides. The steps of a model say both, as it was at compile time.
    `logits_of`: the layer that leaves out its activation, because the loss contains it; None, if none does.

    >>> ctx = Context(training=True)
    >>> y = layer.forward(ctx, x)
    >>> dx = layer.backward(ctx, dy)
    """

    __slots__ = ("frozen", "gradient", "logits_of", "losses", "mask", "need_input_grad", "saved", "trained", "training")

    def __init__(
        self,
        training: bool | None = False,
        gradient: bool = True,
        need_input_grad: bool = True,
        losses: list[float] | None = None,
        mask: np.ndarray | None = None,
        trained: Iterable[Variable] | None = None,
        frozen: frozenset[Layer] | None = None,
        logits_of: Layer | None = None,
    ) -> None:
        self.training = training
        self.gradient = gradient
        self.need_input_grad = need_input_grad
        self.losses = [] if losses is None else losses
        self.mask = mask
        self.trained = trained if trained is None else frozenset(trained)  # which is itself, if it is one
        self.frozen = frozen
        self.logits_of = logits_of
        self.saved: tuple[Any, ...] = ()

    def save(self, *values: Any) -> None:
        """Keep what `backward` needs."""
        if self.gradient:
            self.saved = values

    def child(self, need_input_grad: bool = True) -> Context:
        """The context of a layer inside this one."""
        learning, frozen, logits_of = self.trained, self.frozen, self.logits_of
        return Context(
            self.training, self.gradient, need_input_grad, self.losses, self.mask, learning, frozen, logits_of
        )

    def trains(self, variable: Variable) -> bool:
        """Whether the gradient of this variable is wanted: `backward` need not compute any other."""
        return variable.trainable if self.trained is None else variable in self.trained

    def freezes(self, layer: Layer) -> bool:
        """Whether the layer is at rest: then it also leaves alone what is not trained by gradients."""
        return not layer.trainable if self.frozen is None else layer in self.frozen
