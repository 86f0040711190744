"""Lion: steps of one size, in the direction of a momentum's sign."""

from __future__ import annotations

from typing import Any

from cdl import ops
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.state import LearningRate


class Lion(Optimizer):
    """Lion (Chen et al. 2023), with m zero at first:

        value -= learning_rate * sign(beta_1 * m + (1 - beta_1) * grad)
        m = beta_2 * m + (1 - beta_2) * grad

    Its learning rate is a third to a tenth of Adam's, its weight decay as much larger.
    Further arguments: see `Optimizer`. Raises ValueError unless 0 < beta_1 <= 1.

    >>> model.compile(optimizer=Lion(learning_rate=1e-4, weight_decay=0.1), loss="mse")
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be greater than 0, for the optimizer degenerates to SignSGD there, and at most "
                f"1. Received: beta_1={beta_1}."
            )
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def slots(self):
        return [("momentum",)]

    def update(self, values, grads, slots, decays, learning_rate):
        ops.lion(values, grads, slots, decays, learning_rate, self.beta_1, self.beta_2)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
        }
