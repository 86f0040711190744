"""LAMB: Adam's direction, with a length that follows that of the weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cdl import ops
from cdl.optimizers.clipping import norm
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.state import LearningRate


class Lamb(Optimizer):
    """LAMB (You et al. 2020), for large batches, with m and v zero at first and t = 1, 2, ...:

        m = beta_1 * m + (1 - beta_1) * grad
        v = beta_2 * v + (1 - beta_2) * grad^2
        step = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
        value -= learning_rate * |value| / |step| * step

    |.| is the norm over one variable; where one of the two is zero, their ratio counts as 1. The weight decay is that
    of all optimizers here, not the paper's part of step. Further arguments: see `Optimizer`.

    >>> model.compile(optimizer=Lamb(learning_rate=0.01), loss="mse")
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

    def update(self, values, grads, slots, decays, learning_rate):
        root = math.sqrt(1 - self.beta_2**self.t)
        rate, epsilon = root / (1 - self.beta_1**self.t), root * self.epsilon
        steps = [np.zeros_like(value) for value in values]
        ops.adam(steps, grads, slots, [0.0] * len(steps), -rate, self.beta_1, self.beta_2, epsilon)
        for value, step, decay in zip(values, steps, decays, strict=True):
            lengths = (1 - decay) * norm(value), norm(step)
            ratio = lengths[0] / lengths[1] if all(lengths) else 1.0
            ops.sgd([value], [step], [decay], learning_rate * ratio)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
