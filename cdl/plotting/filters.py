"""What a layer looks for: its kernels as images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.layers import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose, DepthwiseConv1D, DepthwiseConv2D
from cdl.plotting.images import plot_images
from cdl.plotting.style import symmetric_limit


def plot_filters(
    layer: Any,
    channel: int = 0,
    shape: Sequence[int] | None = None,
    count: int = 64,
    columns: int | None = None,
    ax: Any = None,
) -> Any:
    """The filters of a layer as images, red where they add and blue where they subtract; returns the `Axes`.

    `layer`: Conv1D (steps across, channels down), Conv2D, DepthwiseConv2D or their transposes, or Dense, with the
    `shape` of the image that its inputs are. `channel`: of which input channel; filters of three channels are shown in
    colours, grey is 0. `count`: at most so many filters; `columns`: of the picture. Raises ValueError for a layer that
    is not built or has no such kernel.

    >>> plot_filters(model.layers[0])
    """
    kernel = filters_of(layer, shape)
    limit = symmetric_limit(kernel)
    shown, total = kernel[:count], len(kernel)
    heading = f"{layer.name}: {len(shown) if len(shown) == total else f'{len(shown)} of {total}'} filters"
    channels = kernel.shape[3]
    if channels == 3:
        return plot_images(0.5 + shown / (2 * limit), heading=heading, columns=columns, ax=ax)
    if not -channels <= channel < channels:
        raise ValueError(f"plot_filters: {layer.name!r} has {channels} input channels. Received: channel={channel}")
    if channels > 1:
        heading += f", input channel {channel % channels} of {channels}"
    return plot_images(
        shown[..., channel], heading=heading, columns=columns, cmap="RdBu_r", vmin=-limit, vmax=limit, ax=ax
    )


def filters_of(layer: Any, shape: Sequence[int] | None) -> np.ndarray:
    """Its kernels as (filters, height, width, channels)."""
    if not getattr(layer, "built", False):
        raise ValueError(f"plot_filters: {getattr(layer, 'name', layer)!r} is not built, so it has no filters yet.")
    kernel = getattr(layer, "kernel", None)
    kind = type(layer).__name__
    if kernel is None:
        raise ValueError(f"plot_filters: {kind} {layer.name!r} has no kernel. Choose a convolution or a Dense layer.")
    kernel = np.asarray(kernel.value)
    if kernel.ndim == 2 and shape is not None:
        size = (*shape, 1)[:3]
        if np.prod(size) != len(kernel):
            raise ValueError(
                f"plot_filters: {layer.name!r} has {len(kernel)} inputs, which have not shape={tuple(shape)}"
            )
        return kernel.T.reshape(-1, *size)
    if kernel.ndim == 2:
        raise ValueError(f"plot_filters: {kind} {layer.name!r} needs the shape of its inputs, such as shape=(28, 28).")
    if isinstance(layer, DepthwiseConv1D | DepthwiseConv2D):
        kernel = kernel.reshape(*kernel.shape[:-2], 1, -1)
    elif isinstance(layer, Conv1DTranspose | Conv2DTranspose | Conv3DTranspose):
        kernel = np.swapaxes(kernel, -1, -2)
    if kernel.ndim == 3:  # steps, channels, filters
        return kernel.transpose(2, 1, 0)[..., np.newaxis]
    if kernel.ndim != 4:
        raise ValueError(
            f"plot_filters: the filters of {kind} {layer.name!r} have shape {kernel.shape[:-1]}: no images."
        )
    return kernel.transpose(3, 0, 1, 2)
