"""Optimizers: rules that change variables by their gradients."""

from __future__ import annotations

from typing import Any

from cdl.optimizers import schedules
from cdl.optimizers.adadelta import Adadelta
from cdl.optimizers.adafactor import Adafactor
from cdl.optimizers.adagrad import Adagrad
from cdl.optimizers.adam import Adam
from cdl.optimizers.adamax import Adamax
from cdl.optimizers.adamw import AdamW
from cdl.optimizers.ftrl import Ftrl
from cdl.optimizers.lamb import Lamb
from cdl.optimizers.lion import Lion
from cdl.optimizers.muon import Muon
from cdl.optimizers.nadam import Nadam
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.rmsprop import RMSprop
from cdl.optimizers.sgd import SGD
from cdl.utils import registry

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_RULES = (SGD, RMSprop, Adam, AdamW, Adamax, Nadam, Adagrad, Adadelta, Ftrl, Lion, Lamb, Adafactor, Muon)
_BY_LOWER_CASE = {rule.__name__.lower(): rule for rule in _RULES}

_registry = registry.Registry(
    "optimizer",
    "keras.optimizers",
    [Optimizer, *_RULES],
    aliases=_BY_LOWER_CASE,
    snake_case=False,
    accepts=lambda found: isinstance(found, Optimizer),
)


def get(identifier: Any) -> Optimizer | None:
    """An optimizer from a name in any case ("adam", "Adam"), a class, a config, an optimizer, or None.

    ValueError for anything else.

    >>> get("rmsprop").learning_rate
    0.001
    """
    if identifier is None:
        return None
    if isinstance(identifier, str) and identifier.lower() in _BY_LOWER_CASE:
        identifier = identifier.lower()
    return _registry.get(identifier)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """The config of an optimizer, without its state."""
    return registry.serialize(optimizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer that a config describes."""
    return _registry.deserialize(config, custom_objects)
