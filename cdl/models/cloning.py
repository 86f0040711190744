"""Models like another, with weights of their own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from cdl.layers import InputLayer, Layer
from cdl.metrics import Metric
from cdl.models.sequential import Sequential


def clone_model(
    model: Sequential, input_tensors: None = None, clone_function: Callable[[Layer], Layer] | None = None
) -> Any:
    """A model of the same layers with new weights; compiled as the model is, with an optimizer and metrics of its own.

    `clone_function` makes the new layer from each old one, by default from its config. Raises ValueError for what is
    no Sequential model, and for `input_tensors`, which cdl does not offer.

    >>> twin = clone_model(model)
    >>> twin.set_weights(model.get_weights())
    """
    if not isinstance(model, Sequential):
        raise ValueError(f"clone_model: takes a Sequential model. Received: {model!r} (of type {type(model).__name__})")
    if input_tensors is not None:
        raise ValueError("clone_model: cdl's models keep the shape of their input. Leave input_tensors out.")
    if clone_function is None:
        return compiled_like(model, type(model).from_config(model.get_config()))
    if type(model) is not Sequential:
        raise ValueError(f"clone_model: clone_function is for Sequential models. Received: {model!r}")
    twin = Sequential(name=model.name)
    if model._input_layer is not None:
        twin.add(InputLayer.from_config(model._input_layer.get_config()))
    for layer in model.layers:
        twin.add(clone_function(layer))
    return compiled_like(model, twin)


def compiled_like(model: Sequential, twin: Sequential) -> Sequential:
    """The twin. What the two must not share is copied: the optimizer, without its state, and the metrics."""
    if model.compiled:
        optimizer = model.optimizer.from_config(model.optimizer.get_config())  # type: ignore[union-attr]
        twin.compile(**copy.deepcopy({**model._compile_arguments, "optimizer": None}) | {"optimizer": optimizer})
        for metric in (*twin.objective.wanted, *twin.objective.weighted):  # type: ignore[union-attr]
            if isinstance(metric, Metric):
                metric.reset_state()
    return twin
