"""Adadelta: steps whose size comes from the sizes of the last steps."""

from __future__ import annotations

from typing import Any

from cdl import ops
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.state import LearningRate


class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012), with s and d zero at first:

        s = rho * s + (1 - rho) * grad^2
        step = sqrt(d + epsilon) / sqrt(s + epsilon) * grad
        d = rho * d + (1 - rho) * step^2
        value -= learning_rate * step

    The paper's rule is that with a learning rate of 1. Further arguments: see `Optimizer`.

    >>> model.compile(optimizer=Adadelta(learning_rate=1.0), loss="mse")
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
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
        self.epsilon = epsilon

    def slots(self):
        return [("accumulated_grad", "accumulated_delta_var")]

    def update(self, values, grads, slots, decays, learning_rate):
        ops.adadelta(values, grads, slots, decays, learning_rate, self.rho, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rho": self.rho,
            "epsilon": self.epsilon,
        }
