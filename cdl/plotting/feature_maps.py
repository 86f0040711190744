"""What the layers of a model make of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.models import Model
from cdl.plotting.images import INCHES, plot_images
from cdl.plotting.style import pyplot, symmetric_limit

HEADING, INPUT_HEIGHT = 0.35, 1.35  # inches


def plot_feature_maps(
    model: Any, image: Any, layers: Sequence[Any] | None = None, count: int = 32, columns: int = 16
) -> Any:
    """The image, and below it what each layer makes of it, channel by channel; returns the `Figure`.

    `image`: (height, width, channels) as the model takes it, or one of a batch (1, height, width, channels). `layers`:
    names, numbers or the layers themselves, by default all whose outputs are images. `count`: at most so many channels
    of each. Bright is large; where there are negative values, red is above 0 and blue below. Each layer has a scale of
    its own. Raises ValueError for more than one image, and where no layer puts out images.

    >>> plot_feature_maps(model, x_test[0], layers=["conv2d", "conv2d_1"]).savefig("maps.png")
    """
    x = np.asarray(image)
    if x.ndim != 4:
        x = x.reshape(1, *x.shape, *(() if x.ndim == 3 else (1,)))
    if len(x) != 1:
        raise ValueError(f"plot_feature_maps: image is one image. Received shape {np.shape(image)}.")
    chosen = [layer for layer in chosen_layers(model, layers) if layers is not None or len(layer.output.shape) == 4]
    flat = [layer.name for layer in chosen if len(layer.output.shape) != 4]
    if flat or not chosen:
        raise ValueError(f"plot_feature_maps: the outputs of {flat or 'all layers of ' + model.name} are no images.")
    outputs = Model(model.inputs, [layer.output for layer in chosen]).predict(x, verbose=0)
    maps = [output[0].transpose(2, 0, 1) for output in (outputs if len(chosen) > 1 else [outputs])]
    heights = [INPUT_HEIGHT, *(height_of(planes[:count], columns) for planes in maps)]
    figure = pyplot().figure(figsize=(INCHES, sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, height_ratios=heights)
    whole = x if x.shape[3] in (1, 3, 4) else x[..., :1]
    plot_images(whole, heading="input", ax=axes[0], columns=1)
    for ax, layer, planes in zip(axes[1:], chosen, maps, strict=True):
        shown = planes[:count]
        limit = symmetric_limit(shown)
        cmap, lowest = ("RdBu_r", -limit) if shown.min() < 0 else ("magma", 0.0)
        number = f"{len(shown)} of {len(planes)}" if len(shown) < len(planes) else len(planes)
        heading = f"{layer.name}: {number} maps of {planes.shape[1]} x {planes.shape[2]}"
        plot_images(shown, heading=heading, cmap=cmap, vmin=lowest, vmax=limit, columns=columns, ax=ax)
    for ax in axes:
        ax.set_anchor("W")
    return figure


def height_of(planes: np.ndarray, columns: int) -> float:
    """In inches, of so many maps in so many columns, with a heading."""
    n, height, width = planes.shape
    return HEADING + -(-n // columns) * INCHES / columns * height / width


def chosen_layers(model: Any, layers: Sequence[Any] | None) -> list[Any]:
    """The layers that are meant by names, numbers or themselves; all for None."""
    if layers is None:
        return model.layers
    kinds = {str: lambda key: model.get_layer(key), int: lambda key: model.get_layer(index=key)}
    return [kinds.get(type(key), lambda layer: layer)(key) for key in layers]
