"""Schedules: learning rates that depend on the step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.utils import registry
from cdl.utils.naming import told


class LearningRateSchedule:
    """Base class of schedules, which optimizers take as `learning_rate`: a schedule, called with the number of steps
    made so far, returns the learning rate of the next one.

    Those below also take arrays of steps, as for a plot. Raises NotImplementedError where a subclass does not define
    `__call__`, or, when it is to be serialized, `get_config`.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 * 0.5 ** (step // 1000)
    >>> model.compile(optimizer=SGD(learning_rate=Halving()), loss="mse")
    """

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, as a dict of plain values."""
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `get_config()` in order to be serializable."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """The schedule that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        return told(self)


class StaircaseDecay(LearningRateSchedule):
    """What the two schedules share that count in units of `decay_steps`, whole ones if `staircase`."""

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool, name: str
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive("decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def passed(self, step: Any) -> Any:
        """step / decay_steps, rounded down if `staircase`."""
        passed = step / self.decay_steps
        return np.floor(passed) if self.staircase else passed

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class ExponentialDecay(StaircaseDecay):
    """rate(step) = initial_learning_rate * decay_rate^(step / decay_steps)

    `staircase`: the exponent is rounded down. Raises ValueError unless decay_steps > 0.

    >>> ExponentialDecay(0.1, decay_steps=1000, decay_rate=0.5)(2000)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: Any) -> Any:
        return self.initial_learning_rate * self.decay_rate ** self.passed(step)


class PiecewiseConstantDecay(LearningRateSchedule):
    """rate(step) = values[k], where k is the number of boundaries that are less than step.

    Raises ValueError unless there is one value more than there are boundaries, and if those do not increase.

    >>> PiecewiseConstantDecay(boundaries=[1000, 5000], values=[0.1, 0.05, 0.01])(1001)
    0.05
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, and values={values} of length {len(values)}."
            )
        if np.any(np.diff(boundaries) <= 0):
            raise ValueError(f"Each of the boundaries should be greater than the last. Received: {boundaries=}")
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: Any) -> Any:
        return np.take(self.values, np.searchsorted(self.boundaries, step))

    def get_config(self) -> dict[str, Any]:
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """From the initial to the end learning rate, over `decay_steps` steps:

        p = min(step, decay_steps) / decay_steps
        rate(step) = (initial_learning_rate - end_learning_rate) * (1 - p)^power + end_learning_rate

    `cycle`: beyond that, p is step divided by the next multiple of decay_steps. Raises ValueError unless
    decay_steps > 0.

    >>> PolynomialDecay(0.1, decay_steps=1000, end_learning_rate=0.0)(500)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive("decay_steps", decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: Any) -> Any:
        p = step / self.decay_steps
        p = p / np.maximum(1.0, np.ceil(p)) if self.cycle else np.minimum(p, 1.0)
        return (self.initial_learning_rate - self.end_learning_rate) * (1 - p) ** self.power + self.end_learning_rate

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


class InverseTimeDecay(StaircaseDecay):
    """rate(step) = initial_learning_rate / (1 + decay_rate * step / decay_steps)

    `staircase`: step / decay_steps is rounded down. Raises ValueError unless decay_steps > 0.

    >>> InverseTimeDecay(0.1, decay_steps=1000, decay_rate=1.0)(1000)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: Any) -> Any:
        return self.initial_learning_rate / (1 + self.decay_rate * self.passed(step))


class CosineDecay(LearningRateSchedule):
    """Half a cosine, from peak down to alpha * peak (Loshchilov & Hutter 2017, without restarts):

        p = min(step, decay_steps) / decay_steps
        rate(step) = peak * ((1 - alpha) * (1 + cos(pi * p)) / 2 + alpha)

    peak is the initial learning rate. With a `warmup_target`, that is the peak instead, `warmup_steps` steps lead there
    from the initial learning rate in a straight line (Goyal et al. 2017), and step above is counted from there.
    Raises ValueError unless decay_steps > 0.

    >>> CosineDecay(0.0, decay_steps=900, warmup_target=0.1, warmup_steps=100)(50)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive("decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Any:
        if self.warmup_target is None:
            return self._decayed(self.initial_learning_rate, step)
        warm = self._decayed(self.warmup_target, np.maximum(step - self.warmup_steps, 0))
        if not self.warmup_steps:
            return warm
        climb = (self.warmup_target - self.initial_learning_rate) * (step / self.warmup_steps)
        return np.where(step < self.warmup_steps, climb + self.initial_learning_rate, warm)[()]

    def _decayed(self, peak: float, step: Any) -> Any:
        return peak * cosine(np.minimum(step / self.decay_steps, 1.0), self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines, one after the other (SGDR, Loshchilov & Hutter 2017); in period k = 0, 1, ...

        rate(step) = initial_learning_rate * ((1 - alpha) * m_mul^k * (1 + cos(pi * p)) / 2 + alpha)

    where p grows from 0 to 1 over the first_decay_steps * t_mul^k steps of the period. Raises ValueError unless
    first_decay_steps > 0, and where t_mul < 1 makes the periods so short that none reaches a step.

    >>> CosineDecayRestarts(0.1, first_decay_steps=1000, m_mul=0.5)(1000)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = positive("first_decay_steps", first_decay_steps)
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: Any) -> Any:
        passed, t = step / self.first_decay_steps, self.t_mul  # passed: in lengths of the first period
        if t == 1:
            k = np.floor(passed)
            p = passed - k
        else:
            grown = 1 - passed * (1 - t)  # t^k where period k begins
            if np.any(grown <= 0):
                raise ValueError(
                    f"CosineDecayRestarts: with t_mul={t} all periods together have fewer than "
                    f"{self.first_decay_steps / (1 - t):g} steps. Received: step={step}"
                )
            # The small number keeps rounding errors of the logarithms from delaying a restart.
            k = np.floor(np.log(grown) / np.log(t) + 1e-9)
            p = (passed - (1 - t**k) / (1 - t)) / t**k
        return self.initial_learning_rate * cosine(p, self.alpha, self.m_mul**k)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


def cosine(p: Any, alpha: float, top: Any = 1.0) -> Any:
    """From (1 - alpha) top + alpha at p = 0 down to alpha at p = 1."""
    return (1 - alpha) * top * (0.5 + 0.5 * np.cos(np.pi * p)) + alpha


def positive(name: str, value: float) -> float:
    """The value. Raises ValueError unless it is > 0."""
    if value <= 0:
        raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value}")
    return value


_registry = registry.Registry(
    "learning rate schedule",
    "keras.optimizers.schedules",
    [
        LearningRateSchedule,
        ExponentialDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
        InverseTimeDecay,
        CosineDecay,
        CosineDecayRestarts,
    ],
    snake_case=False,
)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """The config of a schedule."""
    return registry.serialize(learning_rate_schedule)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The schedule, or the function, that a config describes."""
    return _registry.deserialize(config, custom_objects)
