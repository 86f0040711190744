"""FTRL: linear models whose weights are zero unless they are needed."""

from __future__ import annotations

from typing import Any

from cdl import ops
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.state import LearningRate


class Ftrl(Optimizer):
    """FTRL-Proximal (McMahan et al. 2013), with n = initial_accumulator_value and z zero at first, and
    p = -learning_rate_power:

        n' = n + grad^2
        z = z + grad + 2 * l2_shrinkage * value - (n'^p - n^p) / learning_rate * value
        value = (clip(z, -l1, l1) - z) / ((beta + n'^p) / learning_rate + 2 * l2)
        n = n'

    where l1, l2 and l2_shrinkage are the `..._regularization_strength`: l1 makes weights zero, l2 pulls them towards
    zero, l2_shrinkage is a penalty on the loss. The values at the beginning do not matter, except by z in the first
    step. Further arguments: see `Optimizer`. Raises ValueError for a negative strength or accumulator, a positive
    learning_rate_power, and for a learning rate that is not positive.

    >>> model.compile(optimizer=Ftrl(learning_rate=0.1, l1_regularization_strength=0.01), loss="mse")
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        for what, strength in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if strength < 0:
                raise ValueError(f"`{what}` needs to be positive or zero. Received: {what}={strength}.")
        if learning_rate_power > 0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. "
                f"Received: learning_rate_power={learning_rate_power}."
            )
        self.initial_state = {"accumulator": initial_accumulator_value}
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def slots(self):
        return [("accumulator", "linear")]

    def update(self, values, grads, slots, decays, learning_rate):
        if not learning_rate > 0:
            raise ValueError(f"Ftrl divides by the learning rate, which must be > 0. Received: {learning_rate}")
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        l2_shrinkage = self.l2_shrinkage_regularization_strength
        power = -self.learning_rate_power
        ops.ftrl(values, grads, slots, decays, learning_rate, power, self.beta, l1, l2, l2_shrinkage)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
