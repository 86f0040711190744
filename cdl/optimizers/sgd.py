"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

from cdl import ops
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.state import LearningRate


class SGD(Optimizer):
    """Gradient descent: value -= learning_rate * grad.

    With `momentum` in (0, 1] (Polyak 1964):

        velocity = momentum * velocity - learning_rate * grad
        value += velocity

    and with `nesterov` the last line is value += momentum * velocity - learning_rate * grad (Sutskever et al. 2013).

    Further arguments: see `Optimizer`. Raises ValueError for a momentum outside [0, 1].

    >>> model.compile(optimizer=SGD(learning_rate=0.1, momentum=0.9), loss="mse")
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        if not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Received: momentum={momentum}")
        self.momentum = momentum
        self.nesterov = nesterov
        self.rests_at_zero = not momentum

    def slots(self):
        return [("momentum",)] if self.momentum else []

    def update(self, values, grads, slots, decays, learning_rate):
        if self.momentum:
            ops.momentum(values, grads, slots, decays, learning_rate, self.momentum, self.nesterov)
        else:
            ops.sgd(values, grads, decays, learning_rate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
