"""Models that begin and end inside another model: feature maps, and networks to build upon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.input import InputLayer
from cdl.layers.keras_tensor import KerasTensor
from cdl.models.sequential import Sequential


class Functional(Sequential):
    """What `Model(inputs, outputs)` makes: the layers of a Sequential model between a tensor and others behind it.

    The layers are shared, not copied: what one of the models learns, the other knows. With several outputs, `predict`
    gives a list of arrays; a model with one output can also be trained, or put in a new Sequential model to build upon
    it (with `trainable = False`, if its layers are to stay as they are).

    Parameters: `inputs`, a tensor such as `layer.input`, or one in a list, such as `model.inputs`; `outputs`, a tensor
    such as `layer.output`, or a list of them; `name`. Raises ValueError for anything else, and for tensors that do not
    come, layer by layer, from `inputs`.

    >>> maps = Model(inputs=model.inputs, outputs=[layer.output for layer in model.layers])
    >>> [y.shape for y in maps.predict(x)]      # what each layer makes of x
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(trainable=trainable, name=name)
        sources = tensors_of(inputs, "inputs")
        if len(sources) != 1:
            raise ValueError(f"Model: cdl's models have one input. Received {len(sources)}: inputs={inputs!r}")
        self._ends = tensors_of(outputs, "outputs")
        self._listed = isinstance(inputs, list | tuple), isinstance(outputs, list | tuple)
        self._tensors = max((way(sources[0], end) for end in self._ends), key=len)
        if len(self._tensors) == 1 or any(end not in self._tensors for end in self._ends):
            raise ValueError(f"Model: {ONE_CHAIN} Received: outputs={outputs!r}")
        self._positions = [self._tensors.index(end) for end in self._ends]
        self._input_layer = InputLayer(batch_shape=sources[0].shape, dtype=sources[0].dtype, name=sources[0].name)
        self._set_stack(tuple(tensor.layer for tensor in self._tensors[1:]))  # type: ignore[misc]

    def _connect(self) -> None:
        """The tensors are those of the model from which the layers come."""

    @property
    def outputs(self) -> list[KerasTensor]:
        return list(self._ends)

    # ---- the mathematics ----

    def forward(self, ctx: Context, x: np.ndarray) -> Any:
        if len(self._positions) == 1:
            return super().forward(ctx, x)
        if ctx.gradient:
            raise ValueError(f"Model {self.name!r} has {len(self._positions)} outputs; it can predict, but not train.")
        ys = [x]
        for layer in self._stack:
            ys.append(layer.forward(ctx, ys[-1]))
            if layer.makes_masks or ctx.mask is not None:
                ctx.mask = layer.output_mask(ctx, ys[-2])
        return [ys[position] for position in self._positions]

    def compile(self, *args: Any, **kwargs: Any) -> None:
        if len(self._positions) > 1:
            raise ValueError(
                f"compile: model {self.name!r} has {len(self._positions)} outputs, and cdl trains models with one. "
                f"Use it to predict, or choose one output."
            )
        super().compile(*args, **kwargs)

    # ---- what there is ----

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or a list of shapes."""
        shapes = [self._shapes[position] for position in self._positions]
        return shapes[0] if len(shapes) == 1 else shapes

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(self._positions) > 1:
            raise ValueError(
                f"Model {self.name!r} has {len(self._positions)} outputs, but a layer inside another model has one. "
                f"Make a Model with one output."
            )
        return super().compute_output_shape(input_shape)

    def add(self, layer: Any) -> None:
        raise ValueError(
            f"Model {self.name!r} ends inside another. Put it in a new Sequential to add layers behind it."
        )

    def pop(self, rebuild: bool = True) -> Layer:
        raise ValueError(f"Model {self.name!r} ends inside another. Make a Model with an earlier output instead.")

    # ---- configuration: as Keras lays out its graphs, of which this is one ----

    def get_config(self) -> dict[str, Any]:
        from cdl import layers

        chain = (self._input_layer, *self._stack)
        names = [layer.name for layer in chain]  # type: ignore[union-attr]
        entries = []
        for number, layer in enumerate(chain):
            entry = {**layers.serialize(layer), "name": names[number], "inbound_nodes": []}
            if number:
                source = self._tensors[number - 1]
                of = {"shape": list(source.shape), "dtype": source.dtype, "keras_history": [names[number - 1], 0, 0]}
                entry["inbound_nodes"] = [{"args": [{"class_name": "__keras_tensor__", "config": of}], "kwargs": {}}]
            entries.append(entry)
        ends = [[names[0], 0, 0]], [[names[position], 0, 0] for position in self._positions]
        input_layers, output_layers = (of if listed else of[0] for of, listed in zip(ends, self._listed, strict=True))
        return {
            "name": self.name,
            "trainable": self.trainable,
            "layers": entries,
            "input_layers": input_layers,
            "output_layers": output_layers,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Functional:
        """A model with new layers. Raises ValueError for a graph that is no chain."""
        from cdl import layers

        base, before = Sequential(), None
        for entry in config["layers"]:
            if source_of(entry) != before:
                raise ValueError(
                    f"Model: {ONE_CHAIN} In the config, layer {entry['name']!r} does not follow {before!r}."
                )
            base.add(layers.deserialize(entry, custom_objects))
            before = entry["name"]
        tensors = dict(zip((entry["name"] for entry in config["layers"]), base._tensors, strict=True))
        inputs, outputs = (
            tensors[ends[0]] if isinstance(ends[0], str) else [tensors[end[0]] for end in ends]
            for ends in (config["input_layers"], config["output_layers"])
        )
        return cls(inputs, outputs, config.get("name"), config.get("trainable", True))


ONE_CHAIN = "cdl's Model takes outputs of one Sequential model, at least one of them from a layer behind `inputs`."


def tensors_of(tensors: Any, name: str) -> list[KerasTensor]:
    """One tensor or a list of them, as a list. Raises ValueError for anything else."""
    found = list(tensors) if isinstance(tensors, list | tuple) else [tensors]
    for tensor in found:
        if not isinstance(tensor, KerasTensor):
            raise ValueError(
                f"Model: all `{name}` values must be KerasTensors, such as model.inputs or layer.output. "
                f"Received: {tensor!r} (of type {type(tensor).__name__})"
            )
    if not found:
        raise ValueError(f"Model: `{name}` is empty.")
    return found


def way(source: KerasTensor, end: KerasTensor) -> list[KerasTensor]:
    """The tensors from source to end, each what a layer makes of the one before. ValueError where they do not meet."""
    tensors = [end]
    while tensors[-1] is not source:
        before = tensors[-1].source
        if before is None:
            raise ValueError(
                f"Model: output {end.name!r} of shape {end.shape} is not connected to input {source.name!r}. "
                f"{ONE_CHAIN} A layer that is in several models has its output in the one that was built first."
            )
        tensors.append(before)
    return tensors[::-1]


def source_of(entry: Mapping[str, Any]) -> str | None:
    """The name of the layer from which a layer in a Keras graph takes its input; None for an input layer.

    Raises ValueError for a layer with several inputs, or used several times.
    """
    nodes = entry["inbound_nodes"]
    if not nodes:
        return None
    tensors = nodes[0]["args"]
    if len(nodes) > 1 or len(tensors) != 1 or not isinstance(tensors[0], Mapping):
        raise ValueError(f"Model: {ONE_CHAIN} In the config, layer {entry['name']!r} has several inputs.")
    return tensors[0]["config"]["keras_history"][0]
