"""Adam: steps from running means of the gradient and of its square."""

from __future__ import annotations

import math
from typing import Any

from cdl import ops
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.state import LearningRate


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, in the form just before section 2.1), with m and v zero at first and t = 1, 2, ...:

        m = beta_1 * m + (1 - beta_1) * grad
        v = beta_2 * v + (1 - beta_2) * grad^2
        value -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

    `amsgrad`: the largest v so far takes the place of v in the last line (Reddi et al. 2018).

    Further arguments: see `Optimizer`.

    >>> model.compile(optimizer=Adam(learning_rate=3e-4), loss="mse")
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        self.amsgrad = amsgrad

    def slots(self):
        return [("momentum", "velocity"), ("velocity_hat",)] if self.amsgrad else [("momentum", "velocity")]

    def update(self, values, grads, slots, decays, learning_rate):
        t = self.t
        rate = learning_rate * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        ops.adam(values, grads, slots, decays, rate, self.beta_1, self.beta_2, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }
