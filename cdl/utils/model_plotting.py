"""`plot_model`: the layers of a model as boxes and arrows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

DIRECTIONS = ("TB", "BT", "LR", "RL")
LEARNS, PLAIN, ENDS = "#d9e9f8", "#ffffff", "#eef1f4"


@dataclass
class Drawing:
    """What `plot_model` returns: a notebook shows it. `svg` is its text."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg


def plot_model(
    model: Any,
    to_file: str | os.PathLike | None = "model.svg",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 96,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Drawing:
    """Draw the layers of a built model, from its input to its output, and write the picture as SVG.

    Nothing else is needed to make it (Keras' needs Graphviz). Layers that learn are blue, `Parallel` and `Residual` are
    drawn as branches. `to_file`: a name ending in .svg, or None to write nothing; `show_shapes`, `show_dtype`: what
    runs along the arrows; `show_layer_names`, `show_layer_activations`, `show_trainable`: what the boxes say;
    `rankdir`: "TB" from top to bottom, "LR" from left to right, or back ("BT", "RL"); `expand_nested`: draw what is in
    models inside; `dpi`: 96 is the natural size. Returns a drawing that a notebook shows.
    Raises ValueError for a model that is not built, another kind of file, and an unknown direction.

    >>> utils.plot_model(model, "model.svg", show_shapes=True, rankdir="LR")
    """
    from cdl.utils.drawing import Canvas

    if rankdir not in DIRECTIONS:
        raise ValueError(f"plot_model: rankdir is one of {', '.join(DIRECTIONS)}. Received: {rankdir!r}")
    if not dpi > 0:
        raise ValueError(f"plot_model: dpi is a positive number. Received: {dpi!r}")
    if to_file is not None and os.path.splitext(to_file)[1].lower() != ".svg":
        raise ValueError(
            f"plot_model: cdl draws SVG; to_file must end in .svg. Received: {os.fspath(to_file)!r}. Browsers, and "
            f"programs such as Inkscape or rsvg-convert, turn SVG into PNG or PDF."
        )
    if not model.built:
        raise ValueError(
            f"plot_model: model {model.name!r} has not yet been built. Build the model first by calling `build()` or "
            f"by calling the model on a batch of data."
        )
    draughtsman = Draughtsman(
        show_shapes, show_dtype, show_layer_names, expand_nested, show_layer_activations, show_trainable
    )
    canvas = Canvas(rankdir)
    draughtsman.whole(model).draw(canvas, 0.0, 0.0)
    drawing = Drawing(canvas.svg(dpi / 96))
    if to_file is not None:
        with open(to_file, "w", encoding="utf-8") as file:
            file.write(drawing.svg)
    return drawing


@dataclass
class Draughtsman:
    """From layers to what is drawn. A layer is known by what it has: `layers` (a chain of them), `branches`, ..."""

    shapes: bool
    dtypes: bool
    names: bool
    nested: bool
    activations: bool
    trainable: bool

    def whole(self, model: Any) -> Any:
        """The model, with a box for its input."""
        from cdl.utils.drawing import Box

        source = getattr(model, "_input_layer", None)
        chain = self.chain(model)
        name = [source.name] if source is not None and self.names else []
        chain.things = [Box("Input", name, ENDS), *chain.things]
        first = source.input_dtype if source is not None else model.dtype
        chain.ends = True
        chain.labels = [self.label(model._shapes[0] if hasattr(model, "_shapes") else None, first), *chain.labels]
        return chain

    def chain(self, model: Any) -> Any:
        """Layers one after the other; the labels say what comes out of each."""
        from cdl.utils.drawing import Series

        layers = model.layers if hasattr(model, "layers") else model._sublayers
        shapes = model._shapes[1:] if hasattr(model, "_shapes") else [None] * len(layers)
        ends = set(getattr(model, "_positions", ()))
        marks = [number + 1 in ends and len(ends) > 1 for number in range(len(layers))]
        things = [self.thing(layer, mark) for layer, mark in zip(layers, marks, strict=True)]
        return Series(things, [self.label(shape, layer.dtype) for layer, shape in zip(layers, shapes, strict=True)])

    def thing(self, layer: Any, is_output: bool) -> Any:
        from cdl.utils.drawing import Cluster, Fork

        if hasattr(layer, "branches"):
            return Fork([self.chain(branch) for branch in layer.branches], self.meeting(layer, is_output))
        if self.nested and getattr(layer, "layers", None):
            inner = self.chain(layer)
            inner.labels[-1] = ""  # it stands behind the cluster
            return Cluster(f"{type(layer).__name__} {layer.name if self.names else ''}", inner)
        learns = any(variable.trainable for variable in layer.weights)
        return self.box(layer, is_output, kind_of(layer), layer.weights, learns)

    def meeting(self, layer: Any, is_output: bool) -> Any:
        """The box in which branches meet; what they learn is no matter of its own."""
        kind = layer.merge.capitalize()
        if layer.merge == "concatenate" and layer.axis != -1:
            kind += f" (axis {layer.axis})"
        return self.box(layer, is_output, kind, weights=(), learns=False)

    def box(self, layer: Any, is_output: bool, kind: str, weights: Any, learns: bool) -> Any:
        from cdl.utils.drawing import Box

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
