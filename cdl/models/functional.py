"""Models between two tensors: chains of layers called one on the other, feature maps, networks to build upon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.input import InputLayer
from cdl.layers.keras_tensor import KerasTensor
from cdl.models.sequential import Sequential


class Functional(Sequential):
    """What `Model(inputs, outputs)` makes: the layers between a tensor and others behind it.

    The tensors come from layers called one on the other, or from the layers of another model. Those are shared then,
    not copied: what one of the models learns, the other knows. With several outputs, `predict` gives a list of arrays;
    a model with one output can also be trained, or be a layer of another model (with `trainable = False`, if its
    layers are to stay as they are).

    Parameters: `inputs`, a tensor such as `Input((4,))` or `layer.input`, or one in a list, such as `model.inputs`;
    `outputs`, a tensor such as `Dense(3)(x)` or `layer.output`, or a list of them; `name`. Raises ValueError for
    anything else, and for tensors that do not come, layer by layer, from `inputs`.

    >>> x = Input((4,))
    >>> model = Model(x, Dense(3)(Dense(8, activation="relu")(x)))
    >>> maps = Model(inputs=model.inputs, outputs=[layer.output for layer in model.layers])
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
        self._input_layer._place = (sources[0], sources[0])
        self._set_stack(tuple(tensor.layer for tensor in self._tensors[1:]))  # type: ignore[misc]
        self._sublayers.insert(0, self._input_layer)

    def _connect(self) -> None:
        """The tensors are there already."""

    def _as_called(self) -> Sequence[Layer | Called]:
        return [
            tensor.layer if tensor.training is None else Called(tensor.layer, tensor.training)
            for tensor in self._tensors[1:]
        ]

    # As in Keras, a model between tensors keeps these also when it is a layer of another, and begins with its input.

    @property
    def input(self) -> Any:
        """What the model was made with as `inputs`."""
        return self.inputs if self._listed[0] else self.inputs[0]

    @property
    def output(self) -> Any:
        """What the model was made with as `outputs`."""
        return self.outputs if self._listed[1] else self._ends[0]

    @property
    def outputs(self) -> list[KerasTensor]:
        return list(self._ends)

    @property
    def layers(self) -> list[Layer]:
        """The input, then the layers, each once."""
        return list(dict.fromkeys((self._input_layer, *self._stack)))  # type: ignore[arg-type]

    # ---- the mathematics ----

    def forward(self, ctx: Context, x: np.ndarray) -> Any:
        if len(self._positions) == 1:
            return super().forward(ctx, x)
        if ctx.gradient:
            raise ValueError(f"Model {self.name!r} has {len(self._positions)} outputs; it can predict, but not train.")
        ys = [x]
        for layer in self._as_called():
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
            f"Model {self.name!r} ends with its outputs. Put it in a new Sequential to add layers behind it."
        )

    def pop(self, rebuild: bool = True) -> Layer:
        raise ValueError(f"Model {self.name!r} ends with its outputs. Make a Model with an earlier output instead.")

    # ---- configuration: as Keras lays out its graphs, of which this is one ----

    def get_config(self) -> dict[str, Any]:
        from cdl import layers

        nodes: dict[Layer, list[Any]] = {self._input_layer: []}  # type: ignore[dict-item]
        places: list[list[Any]] = [[self._input_layer.name, 0, 0]]  # type: ignore[union-attr]
        for source, tensor in pairwise(self._tensors):
            of = {"shape": list(source.shape), "dtype": source.dtype, "keras_history": list(places[-1])}
            how = {} if tensor.training is None else {"training": tensor.training}
            calls = nodes.setdefault(tensor.layer, [])
            places.append([tensor.layer.name, len(calls), 0])
            calls.append({"args": [{"class_name": "__keras_tensor__", "config": of}], "kwargs": how})
        entries = [
            {**layers.serialize(layer), "name": layer.name, "inbound_nodes": calls} for layer, calls in nodes.items()
        ]
        for place, tensor in zip(places, self._tensors, strict=True):
            place[1] += isinstance(tensor.layer, Functional)  # which counts from 1 where it ends the graph
        ends = [places[0]], [places[position] for position in self._positions]
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

        ways = {
            entry["name"]: [source_of(node, entry["name"]) for node in entry["inbound_nodes"]]
            for entry in config["layers"]
        }

        def place_of(history: Any, first: int = 0) -> Place:
            """From the name of a layer and the number of its call, of which there is most often one."""
            return history[0], history[1] - first if len(ways.get(history[0], ())) > 1 else 0

        made: dict[str, Layer] = {}
        tensors: dict[Place, KerasTensor] = {}
        calls: list[tuple[Place, Layer, Place, bool | None]] = []
        for entry in config["layers"]:
            made[entry["name"]] = layer = layers.deserialize(entry, custom_objects)
            if isinstance(layer, InputLayer):
                tensors[entry["name"], 0] = KerasTensor(layer.batch_shape, layer.input_dtype, layer.name)
            for number, (history, training) in enumerate(ways[entry["name"]]):
                calls.append(((entry["name"], number), layer, place_of(history), training))
        while calls:  # in the order in which they can be made: a layer may be called again, further on
            ready = [call for call in calls if call[2] in tensors]
            if not ready:
                raise ValueError(f"Model: the config has no way from an input to layer {calls[0][0][0]!r}.")
            for place, layer, source, training in ready:
                tensors[place] = layer(tensors[source], training=training)
            calls = [call for call in calls if call[0] not in tensors]

        def end(history: Any) -> KerasTensor:
            return tensors[place_of(history, first=isinstance(made[history[0]], Functional))]

        inputs, outputs = (
            end(ends) if isinstance(ends[0], str) else [end(history) for history in ends]
            for ends in (config["input_layers"], config["output_layers"])
        )
        return cls(inputs, outputs, config.get("name"), config.get("trainable", True))


Place = tuple[str, int]  # of a tensor in a config: the layer that puts it out, and at which of its calls

ONE_CHAIN = (
    "cdl's Model is a chain of layers from one input; its outputs come from layers of the chain, at least one of them "
    "from behind `inputs`."
)


class Called:
    """A layer as it was put into a graph, layer(x, training=...): that counts where the model's caller says nothing.

    Keras 3 has it so: fit and predict say whether they train, and `model(x)` does not.
    """

    def __init__(self, layer: Layer, training: bool) -> None:
        self.layer, self.training, self.makes_masks = layer, training, layer.makes_masks

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        said, ctx.training = ctx.training, self.training if ctx.training is None else ctx.training
        y = self.layer.forward(ctx, x)
        if not ctx.gradient:  # others have this context, too
            ctx.training = said
        return y

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray | None:
        return self.layer.backward(ctx, dy)

    def output_mask(self, ctx: Context, x: np.ndarray) -> np.ndarray | None:
        return self.layer.output_mask(ctx, x)


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


def source_of(node: Mapping[str, Any], name: str) -> tuple[Any, bool | None]:
    """From where a call in a Keras graph takes its input, its `keras_history`, and with which `training`.

    Raises ValueError for several inputs.
    """
    tensors = node["args"]
    if len(tensors) != 1 or not isinstance(tensors[0], Mapping):
        raise ValueError(f"Model: {ONE_CHAIN} In the config, layer {name!r} has several inputs.")
    return tensors[0]["config"]["keras_history"], node.get("kwargs", {}).get("training")
