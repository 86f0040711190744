"""RMSprop: steps divided by a running root mean square of the gradient."""

from __future__ import annotations

from typing import Any

from cdl import ops
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.state import LearningRate


class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012), with s, a and v zero at first:

        s = rho * s + (1 - rho) * grad^2
        value -= learning_rate * grad / sqrt(s + epsilon)

    `centered`: a = rho * a + (1 - rho) * grad, and the variance s - a^2 takes the place of s under the root.
    `momentum` > 0: v = momentum * v + step, and value -= v, where step is what was subtracted above.

    Further arguments: see `Optimizer`.

    >>> model.compile(optimizer=RMSprop(learning_rate=1e-4), loss="mse")
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def slots(self):
        names = [("velocity",)]
        if self.momentum > 0:
            names.append(("momentum",))
        if self.centered:
            names.append(("average_gradient",))
        return names

    def update(self, values, grads, slots, decays, learning_rate):
        ops.rmsprop(values, grads, slots, decays, learning_rate, self.rho, self.momentum, self.epsilon, self.centered)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
