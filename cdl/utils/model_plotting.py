"""`plot_model`: the layers of a model as boxes and arrows."""

from __future__ import annotations

import os
from typing import Any

DIRECTIONS = ("TB", "BT", "LR", "RL")


class Drawing:
    """What `plot_model` returns: a notebook shows it. `svg` is its text."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

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
    from cdl.utils.diagram import Draughtsman
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
