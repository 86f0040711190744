"""What an optimizer is told, and what it keeps between its steps."""

from __future__ import annotations

import inspect
import numbers
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np

from cdl.optimizers import schedules
from cdl.optimizers.reading import FloatReading, IntReading
from cdl.utils import registry
from cdl.utils.naming import auto_name
from cdl.variable import Variable

LearningRate = float | Callable[..., float]


def refuse_former_names(unknown: dict[str, Any], who: str) -> None:
    """Arguments that no optimizer has: `decay` is ignored with a warning, as in Keras; ValueError for the others."""
    if unknown.pop("decay", None) is not None:
        warnings.warn(
            f"{who}: argument `decay` is no longer supported and will be ignored. For a learning rate that falls, pass "
            f"a schedule: learning_rate=optimizers.schedules.InverseTimeDecay(learning_rate, 1, decay).",
            stacklevel=4,
        )
    if unknown:
        cure = "; `lr` is `learning_rate` now" if "lr" in unknown else ""
        raise ValueError(f"{who}: argument(s) not recognized: {unknown}{cure}.")


class OptimizerState:
    """The arguments that all optimizers have, checked; the learning rate; the variables that are saved with a model."""

    def __init__(
        self,
        learning_rate: LearningRate,
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
        refuse_former_names(kwargs, type(self).__name__)
        if loss_scale_factor is not None:
            raise ValueError(
                f"`loss_scale_factor` is for training in half precision; cdl computes in float32 and float64. "
                f"Received: loss_scale_factor={loss_scale_factor}. Leave it out."
            )
        if gradient_accumulation_steps and not gradient_accumulation_steps >= 2:
            raise ValueError(
                "`gradient_accumulation_steps` must be an integer >= 2. "
                f"Received: gradient_accumulation_steps={gradient_accumulation_steps}"
            )
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={ema_momentum}")
        if use_ema and ema_overwrite_frequency and (
            not isinstance(ema_overwrite_frequency, int) or ema_overwrite_frequency < 1
        ):  # fmt: skip
            raise ValueError(
                "`ema_overwrite_frequency` must be an integer >= 1 or None. "
                f"Received: ema_overwrite_frequency={ema_overwrite_frequency}"
            )
        if sum(limit is not None for limit in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = None
        self.gradient_accumulation_steps = gradient_accumulation_steps

        self.built = False
        self._calls = Variable(0, dtype="int64", trainable=False, name="iteration")
        self._calls.path = f"{self.name}/iteration"
        self._state: list[Variable] = []  # slots, averages and accumulators, in Keras' order
        self._trainable_variables: list[Variable] = []  # those of `build`
        self._learning_rate = self._as_learning_rate(learning_rate)

    # ---- learning rate and number of steps ----

    @property
    def t(self) -> int:
        """The number of the step that is being made, or comes next: 1, 2, ..."""
        return self._calls.value.item() // (self.gradient_accumulation_steps or 1) + 1

    @property
    def iterations(self) -> IntReading:
        """The number of steps made so far."""
        return IntReading(self.t - 1, self._set_iterations)

    def _set_iterations(self, iterations: int) -> None:
        self._calls.assign(iterations * (self.gradient_accumulation_steps or 1))

    def _rate(self) -> float:
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate.value.item()
        return float(rate(self._calls.value.item()) if self._rate_of_step else rate())

    @property
    def learning_rate(self) -> FloatReading:
        """The learning rate of the next step."""
        return FloatReading(self._rate(), self._set_learning_rate)

    @learning_rate.setter
    def learning_rate(self, learning_rate: LearningRate) -> None:
        self._set_learning_rate(learning_rate)

    def _set_learning_rate(self, learning_rate: LearningRate) -> None:
        if callable(self._learning_rate) and not callable(learning_rate):
            raise TypeError(
                f"Optimizer {self.name!r} was created with a function as its learning rate, hence its learning rate is "
                "not settable. Create it with a number if the learning rate is to be set."
            )
        self._learning_rate = self._as_learning_rate(learning_rate)

    def _as_learning_rate(self, learning_rate: LearningRate) -> Variable | Callable[..., float]:
        if callable(learning_rate):
            self._rate_of_step = bool(inspect.signature(learning_rate).parameters)
            return learning_rate
        if isinstance(learning_rate, np.ndarray | Variable) and learning_rate.shape == ():
            learning_rate = np.asarray(learning_rate).item()
        if not isinstance(learning_rate, numbers.Real) or isinstance(learning_rate, bool):
            raise ValueError(
                "Argument `learning_rate` should be a float, or a function that takes the number of steps made so far "
                f"(or nothing) and returns the learning rate. Received: learning_rate={learning_rate!r}"
            )
        variable = getattr(self, "_learning_rate", None)
        if not isinstance(variable, Variable):
            variable = Variable(0.0, dtype="float64", trainable=False, name="learning_rate")
            variable.path = f"{self.name}/learning_rate"
        variable.assign(float(learning_rate))
        return variable

    # ---- state ----

    @property
    def variables(self) -> list[Variable]:
        """The whole state: the number of calls, the learning rate if it is a number, and what the rule keeps."""
        rate = [] if callable(self._learning_rate) else [self._learning_rate]
        return [self._calls, *rate, *self._state]

    # ---- configuration ----

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, as a dict of plain values."""
        rate = self._learning_rate
        return {
            "name": self.name,
            "learning_rate": rate.value.item() if isinstance(rate, Variable) else registry.serialize(rate),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__} learning_rate={self._rate():.4g}, iterations={self.t - 1}>"

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        """The optimizer that `get_config` described, without its state."""
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config = {**config, "learning_rate": schedules.deserialize(rate, custom_objects)}
        return cls(**config)

    def save_own_variables(self, store: dict[str, np.ndarray]) -> None:
        """Put the state into `store`: copies of `variables`, under "0", "1", ..."""
        for k, variable in enumerate(self.variables):
            store[str(k)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, np.ndarray]) -> None:
        """Take the state from `store`. If the numbers of variables differ, nothing is loaded and a warning says so."""
        variables = self.variables
        if len(store) != len(variables):
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has {len(variables)} variables "
                f"whereas the saved optimizer has {len(store)} variables. Build it for the same variables first.",
                stacklevel=2,
            )
            return
        for k, variable in enumerate(variables):
            variable.assign(store[str(k)])
