"""Nadam: Adam with Nesterov's momentum."""

from __future__ import annotations

import math
from typing import Any

from cdl import ops
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.state import LearningRate
from cdl.variable import Variable


class Nadam(Optimizer):
    """Nadam (Dozat 2016), with m and v zero at first, t = 1, 2, ..., and U_t = u_1 * u_2 * ... * u_t:

        u_t = beta_1 * (1 - 0.96^t / 2)
        m = beta_1 * m + (1 - beta_1) * grad
        v = beta_2 * v + (1 - beta_2) * grad^2
        m_hat = u_(t+1) * m / (1 - U_(t+1)) + (1 - u_t) * grad / (1 - U_t)
        value -= learning_rate * m_hat / (sqrt(v / (1 - beta_2^t)) + epsilon)

    Further arguments: see `Optimizer`.

    >>> model.compile(optimizer=Nadam(learning_rate=0.002), loss="mse")
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
        return [("momentum", "velocity")]

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self._product = Variable(1.0, dtype="float64", trainable=False, name="u_product")  # U_t
            self._product.path = f"{self.name}/u_product"
            self._state.append(self._product)

    def _u(self, t: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def begin_step(self):
        self._product.value *= self._u(self.t)

    def update(self, values, grads, slots, decays, learning_rate):
        product, u, next_u = self._product.value.item(), self._u(self.t), self._u(self.t + 1)
        root = math.sqrt(1 - self.beta_2**self.t)
        rate = learning_rate * root * next_u / (1 - product * next_u)
        gradient_rate = learning_rate * root * (1 - u) / (1 - product)
        epsilon = root * self.epsilon
        ops.nadam(values, grads, slots, decays, rate, gradient_rate, self.beta_1, self.beta_2, epsilon)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
