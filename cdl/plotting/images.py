"""Images side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.plotting.style import INK, SMALL, axes_for, title

INCHES = 8.0  # the width of a picture that has axes of its own


def plot_images(
    images: Any,
    titles: Sequence[Any] | None = None,
    columns: int | None = None,
    heading: str = "",
    cmap: str = "gray",
    vmin: float | None = None,
    vmax: float | None = None,
    ax: Any = None,
) -> Any:
    """Images in rows and columns; returns the `Axes`.

    `images`: (n, height, width), or with a last axis of 1, 3 or 4 channels; of 3 and 4, whole numbers are colours from
    0 to 255, floats from 0 to 1. `titles`: a text above each. `columns`: by default such that the whole is about twice
    as wide as high. `heading`: a title of the whole. `cmap`, `vmin`, `vmax`: the colours of images with one channel,
    and which values have the first and the last of them; by default the smallest and largest of all images. Raises
    ValueError for other shapes, and where there are not as many titles as images.

    >>> plot_images(x_test[:20], titles=y_test[:20])
    """
    images = as_images(images)
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"plot_images: there are {len(images)} images, but {len(titles)} titles. Give one for each.")
    n, height, width = images.shape[:3]
    columns = columns or well_filled(n, max(1, round(math.sqrt(2 * n * height / width))))
    rows = -(-n // columns)
    above = 0.0 if titles is None else 0.28 * height
    gap = max(0.06 * width, min(1.0, 0.12 * width))
    across, down = columns * (width + gap) - gap, rows * (height + above + gap) - gap
    inches = min(INCHES, max(2.0, columns))
    ax = axes_for(ax, inches, inches * down / across + 0.4 * bool(heading))
    if images.ndim == 3:
        look = {
            "cmap": cmap,
            "vmin": images.min() if vmin is None else vmin,
            "vmax": images.max() if vmax is None else vmax,
        }
    else:
        look = {}
    for k, image in enumerate(images):
        x, y = k % columns * (width + gap), k // columns * (height + above + gap) + above
        ax.imshow(image, extent=(x, x + width, y + height, y), interpolation="nearest", **look)
        if titles is not None:
            ax.text(x + width / 2, y - 0.03 * height, titles[k], ha="center", va="bottom", color=INK, fontsize=SMALL)
    ax.set(xlim=(0, across), ylim=(down, 0), aspect="equal")
    ax.axis("off")
    title(ax, heading)
    return ax


def well_filled(n: int, columns: int) -> int:
    """About so many columns, or some more where that leaves fewer places empty."""
    return min(n, min(range(columns, columns + columns // 2 + 1), key=lambda number: -n % number))


def as_images(images: Any) -> np.ndarray:
    """(n, h, w), or (n, h, w, channels) of colours that matplotlib takes. Raises ValueError for other shapes."""
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (3, 4)) or not images.size:
        raise ValueError(
            f"Images have the shape (n, height, width) or (n, height, width, channels) with 1, 3 or 4 channels, and n "
            f"at least 1. Received shape {images.shape}. One image alone is images[np.newaxis]."
        )
    if images.ndim == 4:
        return np.clip(images, 0, 255).astype(np.uint8) if images.dtype.kind in "iu" else np.clip(images, 0, 1)
    return images
