"""Layers with arguments that say what is wished of their variables: how they begin, what to penalize, what to keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from cdl import constraints, initializers, regularizers
from cdl.layers.base import Layer
from cdl.variable import Variable

# What can be wished of a variable, and who knows the names.
WISHES: dict[str, Any] = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


class ParametricLayer(Layer):
    """Base of layers whose variables have an initializer, a regularizer and a constraint as arguments.

    `roles` are the words with which those arguments begin: with the role "kernel", a layer takes kernel_initializer,
    kernel_regularizer and kernel_constraint, and `add_variable("kernel", shape)` makes a variable as they wish.
    `states` are the roles of variables that no gradient moves; they take an initializer only. A subclass lists the
    arguments in its own signature, in Keras' order and with Keras' defaults, and hands all of them on by keyword. They
    become attributes of the same names, and entries of the config.
    """

    roles: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **kwargs: Any) -> None:
        for unused in ("lora_rank", "lora_alpha", "quantization_config"):
            if kwargs.pop(unused, None) is not None:
                raise ValueError(f"{type(self).__name__}: `{unused}` is not offered by cdl; leave it out.")
        wishes = {argument: module.get(kwargs.pop(argument)) for argument, module in self._wishes()}
        super().__init__(**kwargs)
        vars(self).update(wishes)

    @classmethod
    def _wishes(cls) -> Iterator[tuple[str, Any]]:
        """Each argument, and the module that knows its names."""
        for wish, module in WISHES.items():
            for role in (*cls.roles, *cls.states) if wish == "initializer" else cls.roles:
                yield f"{role}_{wish}", module

    def add_variable(self, role: str, shape: tuple[int, ...], name: str | None = None) -> Variable:
        """Make the variable of this role, as is wished of it. It is called `name`, by default like its role."""
        wishes = {wish: getattr(self, f"{role}_{wish}", None) for wish in WISHES}
        return self.add_weight(shape=shape, name=name or role, trainable=role not in self.states, **wishes)

    def __getattr__(self, name: str) -> Any:
        if name in self.roles or name in self.states:
            raise AttributeError(f"{self.who}: You must build the layer before accessing `{name}`.")
        return super().__getattribute__(name)  # which says what is wrong

    def get_config(self) -> dict[str, Any]:
        wishes = {argument: module.serialize(getattr(self, argument)) for argument, module in self._wishes()}
        return {**super().get_config(), **wishes}
