"""Layers inside a layer."""

from __future__ import annotations

from cdl.layers.base import Layer, Shape


def build_inside(outer: Layer, layer: Layer, input_shape: Shape) -> None:
    """Build the layer, unless it is, and let the paths of its variables begin with the name of the one it is in."""
    if layer.built:
        layer.check_input(input_shape)
        return
    layer.build(input_shape)
    for variable in layer.weights:
        variable.path = f"{outer.name}/{variable.path}"
