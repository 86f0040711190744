"""What all optimizers share: state, learning rate, clipping, weight decay, averages of the weights, accumulation."""

from __future__ import annotations

import inspect
import math
import numbers
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cdl.optimizers import schedules
from cdl.optimizers.table import Table
from cdl.utils import registry
from cdl.utils.naming import auto_name
from cdl.variable import RowGradient, Variable

Gradient = np.ndarray | RowGradient
GRADIENTS = (np.ndarray, RowGradient)
LearningRate = float | Callable[..., float]


def shrink(values: list[np.ndarray], decays: list[float]) -> None:
    """The weight decay of a step: value -= value * decay, for rules that do not do it themselves."""
    for value, decay in zip(values, decays, strict=True):
        if decay:
            value -= value * decay


def norm(x: np.ndarray) -> float:
    """The root of the sum of squares, in double precision and in one order, whatever the number of threads."""
    return math.sqrt(np.square(x, dtype=np.float64).sum())


class Optimizer:
    """Base class of optimizers. A rule names its state in `slots` and changes the variables in `update`.

    `learning_rate`: a number, which may be set at any time, or a function that returns one, like those of `schedules`;
    the function gets the number of steps made so far (of calls, with accumulation), or nothing if it takes no argument.
    `weight_decay`: before each update, value -= value * learning_rate * weight_decay (Loshchilov & Hutter 2019); see
    also `exclude_from_weight_decay`.
    `clipnorm`, `clipvalue`, `global_clipnorm`, at most one: the largest norm of the gradient of a variable, the largest
    magnitude of its elements, or the largest norm of all gradients together.
    `use_ema`: keep average = ema_momentum * average + (1 - ema_momentum) * value of each variable. The averages become
    the values every `ema_overwrite_frequency` steps, if given, and at the end of training.
    `gradient_accumulation_steps`: update only every so many calls (at least 2), with the mean of their gradients.
    `loss_scale_factor`: only None; losses are not scaled, since cdl computes in float32 and float64.
    `name`: by default the name of the class in snake case.

    Raises ValueError for arguments out of these ranges.

    >>> class SignDescent(Optimizer):
    ...     def update(self, values, grads, slots, decays, learning_rate):
    ...         for value, grad, decay in zip(values, grads, decays):
    ...             value -= value * decay + learning_rate * np.sign(grad)
    """

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
    ) -> None:
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
        self._trainable_variables: list[Variable] = []
        self._dtypes: list[np.dtype] = []
        self._swapped = False  # whether the variables hold the averages, and these the values
        self._excluded: set[Variable] = set()
        self._excluded_names: re.Pattern[str] | None = None
        self._learning_rate = self._as_learning_rate(learning_rate)

    # ---- a rule defines these ----

    def slots(self) -> Sequence[tuple[str, ...]]:
        """The names of the rule's state, one array of each name for each variable; at first full of `initial_state`.

        `variables` lists the state name by name; names in one tuple alternate, variable by variable.
        """
        return ()

    initial_state: Mapping[str, float] = {}  # for slots that do not begin with zeros

    def slot_shape(self, slot: str, variable: Variable) -> tuple[int, ...] | None:
        """The shape of the slot of that name for this variable, by default its own; with None, the slot is None."""
        return variable.shape

    def decays_of(self, table: Table, learning_rate: float) -> list[float]:
        """The part of each variable that decays in a step."""
        return table.decays(learning_rate * self.weight_decay) if self.weight_decay else table.no_decay

    rests_at_zero: bool = False  # whether a gradient of zero leaves a value, and its state, as they are

    def begin_step(self) -> None:
        """Called once before the one or more calls of `update` (one for each dtype) of a step."""

    def update(
        self,
        values: list[np.ndarray],
        grads: list[np.ndarray],
        slots: list[list[np.ndarray]],
        decays: list[float],
        learning_rate: float,
    ) -> None:
        """One step of the rule, in place.

        For each variable k: values[k] -= values[k] * decays[k]; then grads[k] changes values[k] and the state of the
        variable, slots[0][k], slots[1][k], ...
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `update`, the rule of an optimizer.")

    # ---- state ----

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state for these variables. The first `apply` with variables does it; a second call is void."""
        if self.built:
            return
        variables = list(variables)
        self._positions = {variable: position for position, variable in enumerate(variables)}
        self._averages = self._add_state(variables, "average")[0] if self.use_ema else []
        self._accumulators = (
            self._add_state(variables, "gradient_accumulator")[0] if self.gradient_accumulation_steps else []
        )
        self._slots = [slot for names in self.slots() for slot in self._add_state(variables, *names)]
        self._trainable_variables = variables
        self._tables = self._make_tables(variables)
        self._dtypes = [variable.value.dtype for variable in variables]
        self.built = True

    def _add_state(self, variables: list[Variable], *names: str) -> list[list[Any]]:
        """For each name a list of new variables."""
        added: list[list[Any]] = [[] for _ in names]
        for variable in variables:
            for name, of_one_name in zip(names, added, strict=True):
                shape = self.slot_shape(name, variable)
                if shape is None:
                    of_one_name.append(None)
                    continue
                initial = np.full(shape, self.initial_state.get(name, 0.0))
                name = f"{variable.path.replace('/', '_')}_{name}"
                state = Variable(initial, dtype=variable.dtype, trainable=False, name=name)
                state.path = f"{self.name}/{name}"
                of_one_name.append(state)
                self._state.append(state)
        return added

    def _make_tables(self, variables: list[Variable]) -> list[Table]:
        """The tables of some of our variables: usually one, but variables of another dtype need another."""
        tables = []
        for dtype in dict.fromkeys(variable.dtype for variable in variables):
            positions = [position for position, variable in enumerate(variables) if variable.dtype == dtype]
            chosen = [variables[position] for position in positions]
            slots = [[slot[self._positions[variable]] for variable in chosen] for slot in self._slots]
            tables.append(Table(positions, chosen, slots, [self._is_decayed(variable) for variable in chosen]))
        return tables

    @property
    def variables(self) -> list[Variable]:
        """The whole state: the number of calls, the learning rate if it is a number, and what the rule keeps."""
        rate = [] if callable(self._learning_rate) else [self._learning_rate]
        return [self._calls, *rate, *self._state]

    @property
    def iterations(self) -> int:
        """The number of steps made so far."""
        return self._calls.value.item() // (self.gradient_accumulation_steps or 1)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate.value.item()
        return float(rate(self._calls.value.item()) if self._rate_of_step else rate())

    @learning_rate.setter
    def learning_rate(self, learning_rate: LearningRate) -> None:
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

    # ---- a step ----

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Gradient | None, Variable]]) -> int:
        """`apply` for pairs (gradient, variable); returns the number of steps made so far.

        >>> optimizer.apply_gradients((v.grad, v) for v in model.trainable_variables)
        """
        grads, variables = map(list, zip(*grads_and_vars, strict=True))
        self.apply(grads, variables)
        return self.iterations

    def apply(self, grads: Sequence[Gradient | None], trainable_variables: Sequence[Variable] | None = None) -> None:
        """One step: change each variable by its gradient.

        `trainable_variables`: the variables of the gradients; by default all, in the order of `build`. A variable whose
        gradient is None stays as it is, with a warning.
        Raises ValueError for variables that the optimizer was not built with, for gradients of wrong number or shape,
        and if all are None.
        """
        if len(grads) == 0:
            return
        if not self.built and trainable_variables is not None:
            self.build(trainable_variables)
        present: list[Any]
        used: dict[int, np.ndarray] = {}
        whole = trainable_variables is None or trainable_variables == self._trainable_variables
        if whole and [type(grad) in GRADIENTS and grad.dtype for grad in grads] == self._dtypes:  # type: ignore[union-attr]
            present, tables = list(grads), self._tables
            if RowGradient in map(type, present):
                used = self._take_apart(present)
        else:
            present, tables = self._prepare(grads, trainable_variables)
        if self.gradient_accumulation_steps:
            present = self._accumulate(present, tables)
        if present:
            if (self.clipnorm or self.clipvalue or self.global_clipnorm or 0) > 0:
                present = self._clip(present)
            learning_rate = self.learning_rate
            self.begin_step()
            for table in tables:
                table_grads = present if len(tables) == 1 else [present[k] for k in table.positions]
                decays = self.decays_of(table, learning_rate)
                values, slots = table.values, table.slots
                if used:
                    values, *slots = [table.rows(arrays, used) for arrays in (values, *slots)]
                self.update(values, table_grads, slots, decays, learning_rate)
                if used:
                    for arrays, rows in zip((table.values, *table.slots), (values, *slots), strict=True):
                        table.put_rows(arrays, used, rows)
        if self.use_ema:
            self._update_averages()
        for table in tables:
            for variable, constraint in table.constrained:
                variable.assign(constraint(variable.value))
        calls = self._calls.value
        calls.fill(calls.item() + 1)

    def _take_apart(self, grads: list[Any]) -> dict[int, np.ndarray]:
        """Replace gradients of few rows by arrays: by the rows, if the others rest, or else by the whole.

        Returns the numbers of these rows by the gradients' positions.
        """
        used = {}
        alone = self.rests_at_zero and not self.weight_decay and not self.gradient_accumulation_steps
        for position, grad in enumerate(grads):
            if type(grad) is RowGradient:
                if alone:
                    used[position] = grad.index
                grads[position] = grad.rows if alone else grad.dense()
        return used

    def _prepare(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None
    ) -> tuple[list[np.ndarray], list[Table]]:
        """The gradients that are there, checked, in their variables' dtypes; and the tables of these variables."""
        if trainable_variables is not None:
            variables = list(trainable_variables)
        elif self.built:
            variables = self._trainable_variables
        else:
            raise ValueError(
                "When passing `grads` without `variables`, the optimizer must already be built on a list of "
                "variables. Call `optimizer.build(trainable_variables)` first."
            )
        if len(grads) != len(variables):
            raise ValueError(
                f"Optimizer {self.name!r}: received {len(grads)} gradients for {len(variables)} variables."
            )
        for variable in variables:
            if variable not in self._positions:
                raise ValueError(
                    f"Unknown variable: {variable}. This optimizer can only be called for the variables it was "
                    "originally built with. When working with a new set of variables, you should recreate a new "
                    "optimizer instance."
                )
        missing = [variable.path for grad, variable in zip(grads, variables, strict=True) if grad is None]
        if len(missing) == len(variables):
            raise ValueError("No gradients provided for any variable.")
        if missing:
            warnings.warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss. "
                "If using `model.compile()`, did you forget to provide a `loss` argument?",
                stacklevel=3,
            )
        pairs = [(grad, variable) for grad, variable in zip(grads, variables, strict=True) if grad is not None]
        present = [np.asarray(grad, dtype=variable.dtype) for grad, variable in pairs]
        variables = [variable for _, variable in pairs]
        for grad, variable in zip(present, variables, strict=True):
            if grad.shape != variable.shape:
                raise ValueError(
                    f"Variable {variable.path!r} has shape {variable.shape}, its gradient has shape {grad.shape}."
                )
        return present, self._make_tables(variables)

    def _accumulate(self, grads: list[np.ndarray], tables: list[Table]) -> list[np.ndarray]:
        """The means of the gradients since the last update; nothing while there are too few of them."""
        steps = self.gradient_accumulation_steps or 1
        sums = [np.empty(0)] * len(grads)
        for table in tables:
            for position, variable in zip(table.positions, table.variables, strict=True):
                sums[position] = self._accumulators[self._positions[variable]].value
                sums[position] += grads[position]
        if (self._calls.value.item() + 1) % steps:
            return []
        means = [total / steps for total in sums]
        for accumulator in self._accumulators:
            accumulator.value.fill(0)
        return means

    def _clip(self, grads: list[np.ndarray]) -> list[np.ndarray]:
        """The gradients within the limit that is set. A global norm that is not finite makes all of them NaN."""
        if self.clipvalue:
            return [np.clip(grad, -self.clipvalue, self.clipvalue) for grad in grads]
        norms = [norm(grad) for grad in grads]
        limit = self.clipnorm or self.global_clipnorm or math.inf
        if self.clipnorm:
            return [grad * (limit / max(own, limit)) for grad, own in zip(grads, norms, strict=True)]
        total = math.hypot(*norms)
        scale = limit / max(total, limit) if math.isfinite(total) else math.nan
        return [grad * scale for grad in grads]

    def _update_averages(self) -> None:
        """average = m average + (1 - m) value, with m = 0 in the first step."""
        m = self.ema_momentum if self.iterations else 0.0
        for variable, average in zip(self._trainable_variables, self._averages, strict=True):
            average.value *= m
            average.value += (1 - m) * variable.value
        if self.ema_overwrite_frequency and (self.iterations + 1) % self.ema_overwrite_frequency == 0:
            self.finalize_variable_values(self._trainable_variables)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """With `use_ema`, copy the averages into the variables, which must be those of `build`. `fit` ends with it."""
        if not self.use_ema:
            return
        if len(var_list) != len(self._averages):
            raise ValueError(
                f"The length of model variables ({len(var_list)}) to override does not match the length of model "
                f"variables stored in the optimizer ({len(self._averages)}). Please check if the optimizer was called "
                "on your model."
            )
        for variable, average in zip(var_list, self._averages, strict=True):
            if self._swapped:
                average.assign(variable)
            else:
                variable.assign(average)
        self._swapped = False

    def use_averages(self, wanted: bool) -> None:
        """Let the variables and their averages change places, or change back. ValueError if there are no averages."""
        if wanted == self._swapped:
            return
        if not (self.use_ema and self.built):
            raise ValueError(
                f"Optimizer {self.name!r} keeps averages of the weights from its first step on, where it was created "
                f"with `use_ema=True`. Received: use_ema={self.use_ema}, iterations={self.iterations}"
            )
        for variable, average in zip(self._trainable_variables, self._averages, strict=True):
            value = variable.numpy()
            variable.assign(average)
            average.assign(value)
        self._swapped = wanted

    # ---- weight decay ----

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Decay neither the variables of `var_list` nor those in whose name one of `var_names` is found.

        >>> optimizer.exclude_from_weight_decay(var_names=["bias"])
        """
        self._excluded = set(var_list or ())
        self._excluded_names = re.compile("|".join(var_names)) if var_names else None
        if self.built:
            self._tables = self._make_tables(self._trainable_variables)

    def _is_decayed(self, variable: Variable) -> bool:
        if self._excluded_names and self._excluded_names.search(variable.name):
            return False
        return variable not in self._excluded

    # ---- configuration and state ----

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

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
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

    def __getstate__(self) -> dict[str, Any]:
        """For pickles and copies: without the tables, which hold the arrays of the variables."""
        return {name: value for name, value in vars(self).items() if name != "_tables"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self.built:
            self._tables = self._make_tables(self._trainable_variables)
