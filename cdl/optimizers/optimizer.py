"""What all optimizers share: a step, with clipping, weight decay, averages of the weights, accumulation."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cdl import ops
from cdl.optimizers.averages import Averages
from cdl.optimizers.clipping import clip_global_norm, clip_norms, clip_values
from cdl.optimizers.state import OptimizerState
from cdl.optimizers.table import Table
from cdl.variable import RowGradient, Variable

Gradient = np.ndarray | RowGradient
GRADIENTS = (np.ndarray, RowGradient)


class Optimizer(OptimizerState):
    """Base class of optimizers. A rule names its state in `slots` and changes the variables in `update`.

    `learning_rate`: a number, which may be set at any time (`optimizer.learning_rate = 1e-4`, or
    `optimizer.learning_rate.assign(1e-4)`), or a function that returns one, like those of `schedules`; the function
    gets the number of steps made so far (of calls, with accumulation), or nothing if it takes no argument.
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

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(cls, "update_step") and cls.update is Optimizer.update:
            raise TypeError(
                f"{cls.__name__} defines update_step(gradient, variable, learning_rate), as in Keras; here the rule is "
                f"update(values, grads, slots, decays, learning_rate), for lists of arrays; slots() names its state."
            )

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

    _dtypes: Sequence[np.dtype] = ()
    _averages: Averages | None = None
    _excluded: Collection[Variable] = ()
    _excluded_names: re.Pattern[str] | None = None

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state for these variables. The first `apply` with variables does it; a second call is void."""
        if self.built:
            return
        variables = list(variables)
        self._positions = {variable: position for position, variable in enumerate(variables)}
        if self.use_ema:
            self._averages = Averages(variables, self._add_state(variables, "average")[0])
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
            learning_rate = self._rate()
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
        if self._averages:
            self._update_averages(self._averages)
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
                    "optimizer instance: with a model that was changed, call `compile` again."
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
            so_far, new = ([arrays[position] for position in table.positions] for arrays in (sums, grads))
            ops.sgd(so_far, new, table.no_decay, -1.0)  # so_far += new
        if (self._calls.value.item() + 1) % steps:
            return []
        means = [np.asarray(total / steps) for total in sums]
        for accumulator in self._accumulators:
            accumulator.value.fill(0)
        return means

    def _clip(self, grads: list[np.ndarray]) -> list[np.ndarray]:
        """The gradients within the limit that is set."""
        if self.clipnorm:
            return clip_norms(grads, self.clipnorm)
        if self.global_clipnorm:
            return clip_global_norm(grads, self.global_clipnorm)
        return clip_values(grads, self.clipvalue or 0.0)

    def _update_averages(self, averages: Averages) -> None:
        averages.update(self.ema_momentum if self.t > 1 else 0.0)  # the first values are the first averages
        if self.ema_overwrite_frequency and self.t % self.ema_overwrite_frequency == 0:
            averages.overwrite(self._trainable_variables)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """With `use_ema`, copy the averages into the variables, which must be those of `build`. `fit` ends with it."""
        if not self.use_ema:
            return
        known = self._averages.averages if self._averages else []
        if len(var_list) != len(known):
            raise ValueError(
                f"The length of model variables ({len(var_list)}) to override does not match the length of model "
                f"variables stored in the optimizer ({len(known)}). Please check if the optimizer was called "
                "on your model."
            )
        if self._averages:
            self._averages.overwrite(var_list)

    def use_averages(self, wanted: bool) -> None:
        """Let the variables and their averages change places, or change back. ValueError if there are no averages."""
        if wanted and not self._averages:
            raise ValueError(
                f"Optimizer {self.name!r} keeps averages of the weights from its first step on, where it was created "
                f"with `use_ema=True`. Received: use_ema={self.use_ema}, iterations={self.iterations}"
            )
        if self._averages and wanted != self._averages.swapped:
            self._averages.swap()

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

    # ---- copies ----

    def __getstate__(self) -> dict[str, Any]:
        """For pickles and copies: without the tables, which hold the arrays of the variables."""
        return {name: value for name, value in vars(self).items() if name != "_tables"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self.built:
            self._tables = self._make_tables(self._trainable_variables)
