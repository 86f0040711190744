"""A stack of layers: the output of each is the input of the next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.chain import Chain
from cdl.layers.input import InputLayer
from cdl.layers.keras_tensor import KerasTensor
from cdl.models.model import Model


class Sequential(Chain, Model):
    """Layers one after the other; itself a layer, so that models nest.

    Parameters: `layers`, a list of layers, the first of which may be an `Input`; `trainable`; `name`.
    One layer may be there twice, with the same weights. Raises ValueError for what is not a layer, and for two layers
    of one name.

    >>> model = Sequential([Input((784,)), Dense(128, activation="relu"), Dense(10, activation="softmax")])
    >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> history = model.fit(x_train, y_train, epochs=5)
    """

    def __init__(self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(trainable=trainable, name=name)
        self._input_layer: InputLayer | None = None
        self._tensors: list[KerasTensor] = []
        if isinstance(layers, Layer):
            raise TypeError(f"Sequential: `layers` is a list of layers, [...]. Received: {layers!r}")
        for layer in layers or ():
            self.add(layer)

    # ---- building ----

    def add(self, layer: Any) -> None:
        """Put a layer (or an `Input`, first of all) on top of the stack."""
        if isinstance(layer, KerasTensor):
            layer = InputLayer(batch_shape=layer.shape, dtype=layer.dtype, name=layer.name)
        if isinstance(layer, InputLayer):
            if self._stack or self._input_layer:
                has = f"input shape {self._input_layer.batch_shape}" if self._input_layer else "layers"
                raise ValueError(
                    f"Sequential model '{self.name}' has {has} already. You cannot add a different Input layer to it: "
                    f"it has one, before all other layers."
                )
            self._input_layer = layer
            return
        if not isinstance(layer, Layer):
            cure = " It is a class: call it." if isinstance(layer, type) else ""
            raise ValueError(
                f"Only instances of `cdl.Layer` can be added to a Sequential model. Received: {layer} "
                f"(of type {type(layer)}).{cure}"
            )
        name = layer.name
        if any(name == other.name and layer is not other for other in self._stack):
            raise ValueError(
                "All layers added to a Sequential model should have unique names. "
                f"Name '{name}' is already the name of a layer in this model. "
                f"Update the `name` argument to pass a unique name."
            )
        if not self._stack and self._input_layer is None:
            shape = layer._input_shape_argument
            if shape is None and isinstance(layer, Sequential) and layer.built:
                shape = layer.input_shape
            if shape is not None:
                self._input_layer = InputLayer(batch_shape=shape)
        self._set_stack((*self._stack, layer))

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off the stack and return it. Raises IndexError when there is none."""
        if not self._stack:
            raise IndexError(f"{self.who}: there is no layer to pop")
        layer = self._stack[-1]
        self._set_stack(self._stack[:-1])
        return layer

    def _set_stack(self, stack: tuple[Layer, ...]) -> None:
        self._stack = stack
        self._sublayers[:] = dict.fromkeys(stack)
        self.built = False
        Layer.structure_version += 1
        if self._input_layer is not None and stack:
            self.build(self._input_layer.batch_shape)

    def build(self, input_shape: Shape) -> None:
        if not self._stack:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`."
            )
        if self._input_layer is None:
            self._input_layer = InputLayer(batch_shape=(None, *input_shape[1:]))
            self._sublayers[:] = dict.fromkeys(self._stack)  # the input is none of them
        super().build(input_shape)
        self._connect()

    def _connect(self) -> None:
        """Make the tensors that stand for the input and each layer's output; a layer keeps those of an older model."""
        before, source = self._tensors, self._input_layer
        self._tensors = [KerasTensor(self._shapes[0], source.input_dtype, source.name)]  # type: ignore[union-attr]
        dtypes = self.output_dtypes(self._stack[0].dtype)  # to which it converts the input
        for layer, shape, dtype in zip(self._stack, self._shapes[1:], dtypes, strict=True):
            ends = (self._tensors[-1], KerasTensor(shape, dtype, None, layer, self._tensors[-1]))
            if layer._place is None or layer._place[1] in before:
                layer._place = ends
            self._tensors.append(ends[1])

    def check_input(self, shape: Shape) -> None:
        expected, given = self._shapes[0], tuple(shape)
        shape = self._aligned(shape)
        if shape[1:] == expected[1:]:
            return
        if not isinstance(self._stack[0], Sequential):
            self._stack[0].check_input(shape)  # may know better what is wrong
        if len(shape) == len(expected) and self._layers_take(shape):
            return
        sizes = zip(shape[1:], expected[1:], strict=False)
        if len(shape) != len(expected) or any(wanted not in (None, size) for size, wanted in sizes):
            cure = "A single sample is x[None]." if given == expected[1:] else "Reshape the input or rebuild the model."
            raise ValueError(f"{self.who}: input has shape {given}, but the model was built for {expected}. {cure}")

    def _layers_take(self, shape: Shape) -> bool:
        """Whether every layer can take it: as in Keras, other sizes than at build may do, such as more steps."""
        try:
            super().check_input(shape)
        except ValueError:
            return False
        return True

    def _aligned(self, shape: Shape) -> Shape:
        """The shape; as in Keras, a last axis of length one may be missing, or be there in vain."""
        expected = self._shapes[0]
        if len(shape) == len(expected) - 1 and expected[-1] == 1:
            return (*shape, 1)
        return shape[:-1] if len(shape) == len(expected) + 1 and shape[-1] == 1 else shape

    def convert(self, x: Any) -> np.ndarray:
        x = super().convert(x)
        return x.reshape(self._aligned(x.shape)) if self.built and x.ndim != len(self._shapes[0]) else x

    # ---- what there is ----

    @property
    def inputs(self) -> list[KerasTensor]:
        """What stands for the input, in a list. AttributeError before the model is built."""
        return [self._tensor(0, "inputs")]

    @property
    def outputs(self) -> list[KerasTensor]:
        """What stands for the output, in a list. AttributeError before the model is built."""
        return [self._tensor(-1, "outputs")]

    def _tensor(self, position: int, what: str) -> KerasTensor:
        if not self.built:
            raise AttributeError(
                f"Sequential model '{self.name}' has no defined {what} yet. Build it or call it on data."
            )
        return self._tensors[position]

    # As a layer of another model, a model has its place there; by itself, it begins and ends with its own layers.

    @property
    def input(self) -> KerasTensor:
        """Stands for what goes into the model. Raises AttributeError before it is built."""
        return super().input if self._place or not self.built else self.inputs[0]

    @property
    def output(self) -> KerasTensor:
        """Stands for what comes out of the model. Raises AttributeError before it is built."""
        return super().output if self._place or not self.built else self.outputs[0]

    def get_config(self) -> dict[str, Any]:
        from cdl import layers

        inputs = [] if self._input_layer is None else [self._input_layer]
        model_config = {
            **super().get_config(),
            "layers": [layers.serialize(layer) for layer in (*inputs, *self._stack)],
        }
        if self._input_layer is not None:
            model_config["build_input_shape"] = self._input_layer.batch_shape
        return model_config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Sequential:
        """A model with new layers, as `get_config` described them. ValueError for a layer that nobody knows."""
        from cdl import layers

        model = cls(name=config.get("name"), trainable=config.get("trainable", True))
        for entry in config["layers"]:
            layer = layers.deserialize(entry, custom_objects)
            again = (other for other in model._stack if other.name == layer.name)  # names are unique: it is that layer
            model.add(next(again, layer))
        if not model.built and config.get("build_input_shape"):
            model.build(tuple(config["build_input_shape"]))
        return model
