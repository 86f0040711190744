"""Objects by name: one mechanism for initializers, losses, metrics, layers and every other kind that a config may
mention.

A config is Keras' dict, `{"module": "keras.losses", "class_name": "MeanSquaredError", "config": {...},
"registered_name": None}`, and the module is Keras' public one, so that the two libraries read each other's configs. A
name is looked up in the tables below and nowhere else: reading a config never imports anything and never runs code that
came with it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, Token
from functools import cached_property
from typing import Any

import numpy as np

from cdl.utils.naming import to_snake_case

_custom: dict[str, Any] = {}  # registered name -> class or function
_custom_names: dict[Any, str] = {}  # the inverse
_scope: ContextVar[Mapping[str, Any]] = ContextVar("custom_objects", default=types.MappingProxyType({}))
_registries: dict[str, Registry] = {}  # by module


def get_custom_objects() -> dict[str, Any]:
    """The live table of registered classes and functions: name -> object."""
    return _custom


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Decorator: lets configs name a class or function of yours, as `package>name` (`name`: its own by default).

    A class needs `get_config`; ValueError otherwise.

    >>> @register_keras_serializable("course")
    ... def swish_twice(x):
    ...     return activations.silu(activations.silu(x))
    """

    def register(custom: Any) -> Any:
        if isinstance(custom, type) and not hasattr(custom, "get_config"):
            raise ValueError(
                f"Cannot register {custom.__name__}: a class needs a get_config() method to be serialized."
            )
        registered_name = f"{package}>{name or custom.__name__}"
        _custom[registered_name] = custom
        _custom_names[custom] = registered_name
        return custom

    return register


def get_registered_name(custom: Any) -> str:
    """The name under which a class or function was registered, else its own name."""
    return _custom_names.get(custom) or custom.__name__


def get_registered_object(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The custom object of that name: from a scope, the registered ones, then `custom_objects`; else None."""
    for table in (_scope.get(), _custom, custom_objects or {}):
        if name in table:
            return table[name]
    return None


class CustomObjectScope:
    """Makes names known to `get` and `deserialize` inside a `with` block.

    >>> with custom_object_scope({"my_loss": my_loss}):
    ...     model.compile(loss="my_loss")
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._tokens: list[Token] = []

    def __enter__(self) -> CustomObjectScope:
        self._tokens.append(_scope.set({**_scope.get(), **self.custom_objects}))
        return self

    def __exit__(self, *exc: object) -> None:
        _scope.reset(self._tokens.pop())


custom_object_scope = CustomObjectScope


class Registry:
    """The built-in objects of one kind ("loss", "initializer", ...), by class or function name and by alias.

    `objects`: classes and functions, or a function that gives them by name once one is asked for. `snake_case` also
    enters each class as `glorot_uniform`. `accepts` says what `get` may return.
    """

    def __init__(
        self,
        kind: str,
        module: str,
        objects: Iterable[Any] | Callable[[], Mapping[str, Any]],
        aliases: Mapping[str, Any] | None = None,
        snake_case: bool = True,
        accepts: Callable[[Any], bool] = callable,
    ) -> None:
        self.kind, self.module, self.accepts = kind, module, accepts
        self._given, self._aliases, self._snake_case = objects, aliases or {}, snake_case
        _registries[module] = self

    @cached_property
    def objects(self) -> dict[str, Any]:
        """What there is, by all its names."""
        named = self._given() if callable(self._given) else {found.__name__: found for found in self._given}
        classes = [found for found in named.values() if isinstance(found, type)] if self._snake_case else []
        return {**named, **{to_snake_case(found.__name__): found for found in classes}, **self._aliases}

    @cached_property
    def public(self) -> frozenset[Any]:
        return frozenset(found for name, found in self.objects.items() if name == found.__name__)

    def get(self, identifier: Any) -> Any:
        """The object that a name, a config, a class (called without arguments) or the object itself stands for."""
        if isinstance(identifier, str):
            found = self.find(identifier)
        elif isinstance(identifier, dict):
            found = self.deserialize(identifier)
        else:
            found = identifier
        if isinstance(found, type):
            found = found()
        if not self.accepts(found):
            raise ValueError(f"Could not interpret {self.kind} identifier: {identifier!r}")
        return found

    def find(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The class or function of that name. ValueError names the closest ones."""
        found = get_registered_object(name, custom_objects)
        if found is None:
            found = self.objects.get(name)
        if found is None:
            raise ValueError(f"Could not interpret {self.kind} identifier: {name!r}. {self._suggest(name)}")
        return found

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The object that `serialize` described. A name stands for a function or for a class without arguments."""
        if config is None:
            return None
        if isinstance(config, str):
            found = self.find(config, custom_objects)
            return found() if isinstance(found, type) else found
        if not isinstance(config, Mapping):
            raise TypeError(f"A {self.kind} config is a dict or a name. Received: {config!r} (of type {type(config)})")
        if "class_name" not in config:
            raise ValueError(f"A {self.kind} config needs the key 'class_name'. Received: {dict(config)}")
        return _rebuild(config, custom_objects, self)

    def _suggest(self, name: str) -> str:
        from difflib import get_close_matches  # seldom needed, and not free to import

        lower = {key.lower(): key for key in sorted(self.objects, key=str.islower)}
        close = [lower[key] for key in get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
        known = ", ".join(sorted(public.__name__ for public in self.public))
        hint = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"Known names: {known}."
        return f"{hint} Names of your own: register_keras_serializable or custom_object_scope."


def serialize(custom: Any) -> Any:
    """The config of a Keras object; numbers, strings, None, and lists, tuples, dicts and arrays of them also work.

    TypeError for an object without `get_config`, and for a lambda, which has no name to be found under.
    """
    if custom is None or isinstance(custom, (str, int, float)):
        return custom
    if isinstance(custom, (list, tuple)):
        return type(custom)(serialize(item) for item in custom)
    if isinstance(custom, dict):
        return {key: serialize(value) for key, value in custom.items()}
    if isinstance(custom, np.ndarray) and custom.ndim:
        return {"class_name": "__numpy__", "config": {"value": custom.tolist(), "dtype": custom.dtype.name}}
    if isinstance(custom, (np.generic, np.ndarray)):
        return custom.item()
    if isinstance(custom, type):  # stands for what it makes without arguments, as in `Registry.get`
        return serialize(custom())
    if not hasattr(custom, "get_config"):
        return _serialize_function(custom)
    cls = type(custom)
    config = {"module": cls.__module__, "class_name": cls.__name__, "config": serialize(custom.get_config())}
    module = next((module for module, registry in _registries.items() if cls in registry.public), None)
    if module:
        config = {**config, "module": module, "registered_name": None}
    else:
        config["registered_name"] = get_registered_name(cls)
        if cls.__module__ == "__main__":
            config["module"] = None
    if hasattr(custom, "get_build_config") and (build_config := custom.get_build_config()) is not None:
        config["build_config"] = build_config
    if hasattr(custom, "get_compile_config"):
        config["compile_config"] = custom.get_compile_config()
    return config


def _serialize_function(function: Any) -> dict[str, Any]:
    if getattr(function, "__name__", "<lambda>") == "<lambda>":
        raise TypeError(
            f"Cannot serialize {function!r}: it needs a name, or a get_config() method. "
            "Define it with def (or class) and decorate it with register_keras_serializable()."
        )
    return {
        "module": "builtins",
        "class_name": "function",
        "config": get_registered_name(function),
        "registered_name": "function",
    }


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The inverse of `serialize` for any kind: the config's `module` says which registry to ask."""
    if isinstance(config, (list, tuple)):
        return type(config)(deserialize(item, custom_objects) for item in config)
    if not isinstance(config, Mapping):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: deserialize(value, custom_objects) for key, value in config.items()}
    if config["class_name"] == "__numpy__":
        return np.array(config["config"]["value"], dtype=config["config"]["dtype"])
    return _rebuild(config, custom_objects, _registry_of(config.get("module")))


def _registry_of(module: Any) -> Registry | None:
    """The registry for a module of a config. Keras may name one of its inner modules: with PyTorch, Adam's is
    keras.src.backend.torch.optimizers.torch_adam, which is found among keras.optimizers.
    """
    if module in _registries or not isinstance(module, str) or not module.startswith("keras."):
        return _registries.get(module or "")
    public = sorted((name for name in _registries if name != "keras"), key=len, reverse=True)
    return next((_registries[name] for name in public if f".{name.removeprefix('keras.')}." in f".{module}."), None)


def _rebuild(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None, registry: Registry | None) -> Any:
    """The object described by a config with a class name; `registry` is where the built-in ones are."""
    arguments: Any = config.get("config") or {}
    is_function = config["class_name"] == "function"
    name = arguments if is_function else config["class_name"]
    found = get_registered_object(name if is_function else config.get("registered_name") or name, custom_objects)
    if found is None and registry:
        found = registry.find(name, custom_objects)
    if found is None and is_function:  # its config does not say of which kind it is
        found = next((r.objects[name] for r in _registries.values() if name in r.objects), None)
    if found is None:
        raise ValueError(
            f"Could not locate {config['class_name']} {name!r}. Decorate custom classes and functions with "
            f"register_keras_serializable(), and import them first. Config: {dict(config)}"
        )
    if not isinstance(found, type):
        bound = isinstance(arguments, Mapping) and arguments and hasattr(found, "bind")
        return found.bind(**arguments) if bound else found
    if not hasattr(found, "from_config"):
        raise TypeError(f"{name} cannot be made from a config: it has no from_config() method.")
    if not isinstance(arguments, Mapping):
        raise TypeError(f"The config of {name} is a dict of constructor arguments. Received: {arguments!r}")
    with CustomObjectScope(custom_objects):
        rebuilt = found.from_config(dict(arguments))
        if config.get("build_config") and not getattr(rebuilt, "built", True):
            rebuilt.build_from_config(config["build_config"])
        if config.get("compile_config"):
            rebuilt.compile_from_config(config["compile_config"])
    return rebuilt
