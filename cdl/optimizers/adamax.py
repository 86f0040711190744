"""Adamax: Adam with a maximum in place of the second moment."""

from __future__ import annotations

from typing import Any

from cdl import ops
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.state import LearningRate


class Adamax(Optimizer):
    """Adamax (Kingma & Ba 2015, section 7.1), with m and u zero at first and t = 1, 2, ...:

        m = beta_1 * m + (1 - beta_1) * grad
        u = max(beta_2 * u, |grad|)
        value -= learning_rate / (1 - beta_1^t) * m / (u + epsilon)

    Further arguments: see `Optimizer`.

    >>> model.compile(optimizer=Adamax(learning_rate=0.002), loss="mse")
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def slots(self):
        return [("momentum", "norm")]

    def update(self, values, grads, slots, decays, learning_rate):
        rate = learning_rate / (1 - self.beta_1**self.t)
        ops.adamax(values, grads, slots, decays, rate, self.beta_1, self.beta_2, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
