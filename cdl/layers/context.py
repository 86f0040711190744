"""What one call of a layer remembers for its way back."""

from __future__ import annotations

from typing import Any

import numpy as np


class Context:
    """The memory of one forward call: made by the caller, filled by `forward`, read by `backward`.

    Because it belongs to the call and not to the layer, a layer can be used twice before going back, or by two threads,
    and an interrupted step leaves nothing behind.

    `training`: whether dropout drops, and so on; None, where nobody said, counts as no except for augmentation.
    `gradient`: whether `backward` may follow; if not, `save` keeps nothing. `need_input_grad`: False where nobody wants
    dx; `backward` may return None then. `losses`: penalties that layers add to the loss, shared by the contexts of one
    pass. `mask`: bool (n, t), False for the steps of the input that only fill it up; None if all count.

    >>> ctx = Context(training=True)
    >>> y = layer.forward(ctx, x)
    >>> dx = layer.backward(ctx, dy)
    """

    __slots__ = ("gradient", "losses", "mask", "need_input_grad", "saved", "training")

    def __init__(
        self,
        training: bool | None = False,
        gradient: bool = True,
        need_input_grad: bool = True,
        losses: list[float] | None = None,
        mask: np.ndarray | None = None,
    ) -> None:
        self.training = training
        self.gradient = gradient
        self.need_input_grad = need_input_grad
        self.losses = [] if losses is None else losses
        self.mask = mask
        self.saved: tuple[Any, ...] = ()

    def save(self, *values: Any) -> None:
        """Keep what `backward` needs."""
        if self.gradient:
            self.saved = values

    def child(self, need_input_grad: bool = True) -> Context:
        """The context of a layer inside this one."""
        return Context(self.training, self.gradient, need_input_grad, self.losses, self.mask)
