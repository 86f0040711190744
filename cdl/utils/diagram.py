"""From a model to boxes and arrows: what `plot_model` shows of the layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cdl.utils.drawing import Box, Cluster, Fork, Series, Thing

LEARNS, PLAIN, ENDS = "#d9e9f8", "#ffffff", "#eef1f4"


@dataclass
class Draughtsman:
    """From layers to what is drawn. A layer is known by what it has: `_stack` (a chain of layers), `branches`, ..."""

    shapes: bool
    dtypes: bool
    names: bool
    nested: bool
    activations: bool
    trainable: bool

    def whole(self, model: Any) -> Series:
        """The model, with a box for its input."""
        source = getattr(model, "_input_layer", None)
        chain = self.chain(model)
        name = [source.name] if source is not None and self.names else []
        chain.things = [Box("Input", name, ENDS), *chain.things]
        first = source.input_dtype if source is not None else model.dtype
        chain.ends = True
        chain.labels = [self.label(next(iter(model._shapes), None), first), *chain.labels]
        return chain

    def chain(self, model: Any) -> Series:
        """Layers one after the other; the labels say what comes out of each.

        A model of the user's own is one box: how the layers in it are connected, only its `forward` knows.
        """
        if not hasattr(model, "_stack"):
            return Series([self.thing(model, False)], [self.label(None, model.dtype)])
        layers, shapes = model._stack, model._shapes[1:]
        dtypes = model.output_dtypes(layers[0].dtype if layers else model.dtype)
        ends = set(getattr(model, "_positions", ()))
        marks = [number + 1 in ends and len(ends) > 1 for number in range(len(layers))]
        things = [self.thing(layer, mark) for layer, mark in zip(layers, marks, strict=True)]
        return Series(things, list(map(self.label, shapes, dtypes)))

    def thing(self, layer: Any, is_output: bool) -> Thing:
        if hasattr(layer, "branches"):
            return Fork([self.chain(branch) for branch in layer.branches], self.meeting(layer, is_output))
        if self.nested and getattr(layer, "_stack", None):
            inner = self.chain(layer)
            inner.labels[-1] = ""  # it stands behind the cluster
            return Cluster(f"{type(layer).__name__} {layer.name if self.names else ''}", inner)
        learns = any(variable.trainable for variable in layer.weights)
        return self.box(layer, is_output, kind_of(layer), layer.weights, learns)

    def meeting(self, layer: Any, is_output: bool) -> Box:
        """The box in which branches meet; what they learn is no matter of its own."""
        kind = layer.merge.capitalize()
        if layer.merge == "concatenate" and layer.axis != -1:
            kind += f" (axis {layer.axis})"
        return self.box(layer, is_output, kind, weights=(), learns=False)

    def box(self, layer: Any, is_output: bool, kind: str, weights: Any, learns: bool) -> Box:
        lines = [layer.name] if self.names else []
        activation = activation_of(layer)
        if self.activations and activation not in ("", "linear", kind.lower()):
            lines.append(f"activation {activation}")
        if self.trainable and weights:
            lines.append("trainable" if layer.trainable else "not trainable")
        if is_output:
            lines.append("an output")
        return Box(kind, lines, LEARNS if learns else PLAIN)

    def label(self, shape: Any, dtype: str) -> str:
        """What an arrow carries."""
        parts = []
        if self.shapes:
            parts.append("?" if shape is None else f"({', '.join(map(str, shape))})")
        if self.dtypes:
            parts.append(dtype)
        return " ".join(parts)


def kind_of(layer: Any) -> str:
    """The class of a layer, and of the one that it wraps."""
    inner = getattr(layer, "layer", None) or getattr(layer, "forward_layer", None)
    return type(layer).__name__ + (f" ({type(inner).__name__})" if hasattr(inner, "weights") else "")


def activation_of(layer: Any) -> str:
    """The name of its activation, "" if it has none."""
    activation = getattr(layer, "activation", None)
    return "" if activation is None else getattr(activation, "__name__", type(activation).__name__)
