"""The state of a model, object by object: which arrays there are, under which paths, and how they come back.

The paths are Keras': `layers/dense_1`, `layers/bidirectional/forward_layer/cell`, `optimizer`. A list of layers counts
its members by class, `dense`, `dense_1`, since names of layers differ from one equal model to the next; layers in
attributes are found under the attributes' names.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from cdl.layers.base import Layer
from cdl.layers.chain import Chain
from cdl.optimizers import Optimizer
from cdl.saving.limits import FormatError
from cdl.utils.naming import to_snake_case
from cdl.variable import Variable


class Stored(Protocol):
    """An array in a file."""

    shape: tuple[int, ...]
    dtype: np.dtype

    def read(self) -> np.ndarray: ...

    def read_into(self, array: np.ndarray) -> None: ...


class Holder(NamedTuple):
    """Something that has variables of its own, and its path."""

    path: str
    of: Any
    owner: Any = None  # the model, of an optimizer

    @property
    def has_own_way(self) -> bool:
        """Whether it loads its variables in a way that only itself knows."""
        return type(self.of).load_own_variables not in (Layer.load_own_variables, Optimizer.load_own_variables)

    def variables(self) -> dict[str, Any]:
        """Its own variables, or arrays, by the names that it gives them in files."""
        if type(self.of).save_own_variables is Optimizer.save_own_variables:
            return {str(number): variable for number, variable in enumerate(self.of.variables)}
        store: dict[str, Any] = {}
        self.of.save_own_variables(store)
        return store

    def __str__(self) -> str:
        return getattr(self.of, "who", None) or f"{type(self.of).__name__} {self.of.name!r}"


# ---- who is there ----

# What layers keep for themselves; the layers in it are found in other ways.
INTERNAL = {"_sublayers", "_variables", "_stack", "_input_layer", "_tensors", "_ends", "_place", "_steps_list"}


def holders(model: Layer, optimizer: bool = True) -> list[Holder]:
    """The model, the layers in it and, if wanted, the optimizers, each once, in Keras' order."""
    found: list[Holder] = []
    seen: set[int] = set()

    def visit(holder: Holder) -> None:
        if id(holder.of) in seen:
            return
        seen.add(id(holder.of))
        found.append(holder)
        if isinstance(holder.of, Layer):
            for child in children(holder.of, f"{holder.path}/" if holder.path else ""):
                if optimizer or not isinstance(child.of, Optimizer):
                    visit(child)

    visit(Holder("", model))
    return found


def children(layer: Layer, prefix: str) -> Iterator[Holder]:
    """The layers, and the optimizer, directly in a layer."""
    if isinstance(layer, Chain):
        yield from members(layer.layers, f"{prefix}layers/")
    for name in sorted(vars(layer).keys() - INTERNAL, key=lambda name: f"~{name}" if name.startswith("_") else name):
        value = vars(layer)[name]
        if isinstance(value, Layer | Optimizer):
            yield Holder(prefix + name, value, layer)
        elif isinstance(value, list | tuple | dict):
            yield from members(value, f"{prefix}{name}/")


def members(container: Any, prefix: str) -> Iterator[Holder]:
    """The layers in a list, or in lists in it, numbered by class."""
    used: dict[str, int] = {}
    for value in container.values() if isinstance(container, dict) else container:
        if not isinstance(value, Layer | list | tuple | dict):
            continue
        name = to_snake_case(type(value).__name__) if isinstance(value, Layer) else "container"
        number = used[name] = used.get(name, -1) + 1
        path = prefix + (f"{name}_{number}" if number else name)
        if isinstance(value, Layer):
            yield Holder(path, value)
        else:
            yield from members(value, f"{path}/")


def values(variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of variables, themselves and not copies."""
    return {key: one.value if isinstance(one, Variable) else np.asarray(one) for key, one in variables.items()}


# ---- from a file ----


def restore(
    found: list[Holder],
    stored_for: Callable[[Holder], Mapping[str, Stored]],
    skip_mismatch: bool = False,
    trained: Mapping[str, Any] | None = None,
) -> None:
    """Give every holder what the file has for it. Nothing is changed before all of it is known to fit.

    `trained`: for optimizers, by their paths, the numbers of the weights that they have state for; all that are
    trainable, where it does not say. Raises FormatError, with the first of the reasons, where something does not fit;
    with `skip_mismatch`, that is left as it is, and a warning says so.
    """
    reasons: list[str] = []
    ready: list[tuple[Variable, Stored]] = []
    own_way: list[tuple[Holder, Mapping[str, Stored]]] = []
    for holder in found:
        stored = stored_for(holder)
        if holder.has_own_way:
            own_way.append((holder, stored))
            continue
        if isinstance(holder.of, Optimizer) and not holder.of.built and len(stored) > len(holder.of.variables):
            holder.of.build(weights_of(holder, (trained or {}).get(holder.path)))
        variables = holder.variables()
        reason = mismatch(holder, variables, stored)
        if reason is None:
            ready += [(variable, stored[key]) for key, variable in variables.items()]
        elif isinstance(holder.of, Optimizer):
            warnings.warn(f"{reason} The optimizer begins anew.", stacklevel=4)
        else:
            reasons.append(reason)
    report(reasons, skip_mismatch)
    give(ready)
    for holder, stored in own_way:
        holder.of.load_own_variables({key: tensor.read() for key, tensor in stored.items()})


def give(ready: list[tuple[Variable, Stored]]) -> None:
    """Read the values of variables, right into them where the dtypes are equal."""
    for variable, tensor in ready:
        if tensor.dtype == variable.value.dtype:
            tensor.read_into(variable.value)
        else:
            variable.assign(tensor.read())


def weights_of(holder: Holder, numbers: Any) -> list[Variable]:
    """The weights that an optimizer is to have state for."""
    if numbers is None:
        return (
            holder.owner._trained().variables if hasattr(holder.owner, "_trained") else holder.owner.trainable_weights
        )
    weights = holder.owner.weights
    try:
        return [weights[number] for number in numbers]
    except (TypeError, IndexError):
        raise FormatError(
            f"{holder}: the file names weights that the model does not have: {str(numbers)[:100]}"
        ) from None


def numbers_of_trained(found: list[Holder]) -> dict[str, list[int] | None]:
    """What `restore` takes as `trained`: an entry for each optimizer, None where all that are trainable are meant."""
    trained: dict[str, list[int] | None] = {}
    for holder in found:
        if isinstance(holder.of, Optimizer):
            numbers = {id(variable): number for number, variable in enumerate(holder.owner.weights)}
            of_state = [numbers.get(id(variable)) for variable in holder.of._trainable_variables]
            known = [number for number in of_state if number is not None]
            trained[holder.path] = known if holder.of.built and len(known) == len(of_state) else None
    return trained


def mismatch(holder: Holder, variables: Mapping[str, Any], stored: Mapping[str, Stored]) -> str | None:
    """Why these variables cannot have their values from there; None if they can."""
    if variables.keys() != stored.keys():
        return (
            f"{holder} has {len(variables)} variables {[one.name for one in variables.values()]}, but the file has "
            f"{len(stored)} for it. Build the model as the one that was saved."
        )
    reasons = (unfit(str(holder), variable, stored[key]) for key, variable in variables.items())
    return next(filter(None, reasons), None)


def unfit(who: str, variable: Variable, tensor: Stored) -> str | None:
    """Why a variable cannot have its value from there; None if it can."""
    if tensor.shape != variable.shape:
        return f"{who}: variable {variable.name!r} has shape {variable.shape}, that in the file {tensor.shape}."
    if tensor.dtype.kind not in "fiub" or not np.can_cast(tensor.dtype, variable.value.dtype, "same_kind"):
        return f"{who}: variable {variable.name!r} has dtype {variable.dtype}, that in the file {tensor.dtype}."
    return None


def report(reasons: list[str], skip_mismatch: bool) -> None:
    """Raise FormatError for these reasons, or warn."""
    if not reasons:
        return
    message = f"{reasons[0]} {len(reasons)} of the model's objects could not be loaded."
    if not skip_mismatch:
        raise FormatError(message)
    warnings.warn(message, stacklevel=4)
