"""A model from a config that came with a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from cdl.saving.limits import SPARE_BYTES, FormatError, check_metrics
from cdl.utils import registry
from cdl.variable import to_be_loaded


def model_from_config(config: Any, custom_objects: Mapping[str, Any] | None, who: str, compile: bool = True) -> Any:
    """The model that a config describes, built if the config says for what, and compiled if it is wanted.

    Raises FormatError, in the name of `who`, for what describes no model; see also `blaming`.
    """
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise FormatError(f"{who}: the config of a model is a dictionary with a class_name and a config.")
    check_metrics(config, who)
    if not compile:
        config = {**config, "compile_config": None}
    model = registry.deserialize(config, custom_objects)
    if not hasattr(model, "predict"):
        raise FormatError(f"{who}: the config describes {type(model).__name__}, which is no model.")
    return model


def config_of(model: Any, include_optimizer: bool) -> tuple[dict[str, Any], bool]:
    """What `model_from_config` takes, and whether the state of the optimizer belongs to it.

    It does not if that is not wanted, or if the model was compiled with what has no name.
    """
    config = registry.serialize(model)
    include_optimizer = include_optimizer and (bool(config["compile_config"]) or not model.compiled)
    if not include_optimizer:
        config["compile_config"] = None
    return config, include_optimizer


def loading(size: int) -> AbstractContextManager[None]:
    """Inside, a model is made that a file of `size` bytes is to fill: its variables may take little more than that."""
    return to_be_loaded(size + SPARE_BYTES)


WRONG = (TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError, RuntimeError)


@contextmanager
def blaming(who: str) -> Iterator[None]:
    """Whatever is raised for what nobody would write is the fault of the file `who`, and becomes a FormatError."""
    try:
        yield
    except FormatError:
        raise
    except ValueError as error:
        raise FormatError(f"{who}: {error}") from error
    except WRONG as error:
        raise FormatError(f"{who}: this cannot be read: {type(error).__name__}: {error}") from error
