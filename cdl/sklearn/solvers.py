"""The stochastic solvers: an optimizer of cdl that behaves as scikit-learn's do between the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import optimizers
from cdl.optimizers import Optimizer
from cdl.sklearn.peer import SGDOptimizer
from cdl.variable import Variable

SOLVERS = ("sgd", "adam")  # scikit-learn's names, with its parameters for them
BY_NAME = ("adadelta", "adafactor", "adagrad", "adamax", "adamw", "ftrl", "lamb", "lion", "muon", "nadam", "rmsprop")


def make_optimizer(mlp: Any) -> Optimizer:
    """The optimizer that an estimator's parameters describe; one that is given serves as a model for a fresh one."""
    if isinstance(mlp.solver, Optimizer):
        return type(mlp.solver).from_config(mlp.solver.get_config())
    clip = {"clipnorm": mlp.clipnorm, "clipvalue": mlp.clipvalue, "global_clipnorm": mlp.global_clipnorm}
    rate = float(mlp.learning_rate_init)
    if mlp.solver == "sgd":
        return optimizers.SGD(rate, mlp.momentum, mlp.nesterovs_momentum, **clip)
    if mlp.solver == "adam":
        return optimizers.Adam(rate, mlp.beta_1, mlp.beta_2, mlp.epsilon, **clip)
    return optimizers.deserialize({"class_name": mlp.solver, "config": {"learning_rate": rate, **clip}})


class Solver(SGDOptimizer):
    """An optimizer, the arrays that it changes, and a schedule.

    scikit-learn's class knows when the learning rate falls and when training stops, and what is said then; the steps
    are ours. Pickled and copied, it keeps the optimizer's state and leaves out the arrays: `bind` gives them back.
    """

    def __init__(self, optimizer: Optimizer, lr_schedule: str = "constant", power_t: float = 0.5) -> None:
        self.optimizer = optimizer
        self.learning_rate_init = float(optimizer.learning_rate)
        self.lr_schedule, self.power_t = lr_schedule, power_t
        self._variables: list[Variable] = []
        self._state: dict[str, np.ndarray] | None = None

    @property
    def learning_rate(self) -> float:
        return float(self.optimizer.learning_rate)

    @learning_rate.setter
    def learning_rate(self, learning_rate: float) -> None:
        self.optimizer.learning_rate = learning_rate

    def bind(self, arrays: Sequence[np.ndarray], variables: Sequence[Variable] = ()) -> list[np.ndarray]:
        """Arrays with these values, which `update_params` changes from now on, and then the further variables."""
        if not self._variables:
            self._variables = [Variable(array, dtype=array.dtype) for array in arrays]
            self.optimizer.build([*self._variables, *variables])
            if self._state is not None:
                self.optimizer.load_own_variables(self._state)
                self._state = None
        for variable, array in zip(self._variables, arrays, strict=True):
            if variable.value is not array:
                variable.assign(array)
        return [variable.value for variable in self._variables]

    def update_params(self, grads: list[np.ndarray]) -> None:
        """One step."""
        self.optimizer.apply(grads)

    def __getstate__(self) -> dict[str, Any]:
        state = self._state  # which waits for `bind` since this was unpickled
        if self._variables:
            self.optimizer.save_own_variables(state := {})
        return {
            **vars(self),
            "optimizer": (type(self.optimizer), self.optimizer.get_config()),
            "_variables": [],
            "_state": state,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        kind, config = state["optimizer"]
        self.optimizer = kind.from_config(config)
