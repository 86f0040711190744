"""Adagrad: steps divided by the root of all squared gradients so far."""

from __future__ import annotations

from typing import Any

from cdl import ops
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.state import LearningRate


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan & Singer 2011), with s = initial_accumulator_value at first:

        s = s + grad^2
        value -= learning_rate * grad / sqrt(s + epsilon)

    Elements that seldom have a gradient take larger steps; rows of an embedding that are not in use rest.

    Further arguments: see `Optimizer`.

    >>> model.compile(optimizer=Adagrad(learning_rate=0.1), loss="mse")
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
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
        self.initial_state = {"accumulator": initial_accumulator_value}
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    rests_at_zero = True

    def slots(self):
        return [("accumulator",)]

    def update(self, values, grads, slots, decays, learning_rate):
        ops.adagrad(values, grads, slots, decays, learning_rate, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }
