"""What a model with two features decides everywhere in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdl.plotting.style import COLOURS, SMALL, axes_for, plain
from cdl.utils.numerical import as_float

PALE = 0.62  # how far the colours of regions are from those of points, on the way to white


def plot_decision_regions(
    model: Any,
    x: Any,
    y: Any,
    class_names: Sequence[Any] | None = None,
    resolution: int = 200,
    margin: float = 0.12,
    ax: Any = None,
) -> Any:
    """The plane in the colours of the classes that the model sees there, and the data as points; returns the `Axes`.

    Where the model is sure, its colour is strong; lines are where the decision changes. `model`: anything with
    `predict_proba`, or with `predict`, whose outputs are probabilities, logits or class numbers. `x`: (n, 2); `y`:
    class numbers (n,), from 0 on, or one-hot rows. `class_names`: of the classes in `y`, for a legend. `resolution`:
    points of the grid along a side. `margin`: how far the plane reaches beyond the data. Raises ValueError for other
    shapes.

    >>> plot_decision_regions(model, x, y)
    """
    x, y = as_float(x, "plot_decision_regions: x"), np.asarray(y)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"plot_decision_regions: x has shape (n, 2), the plane. Received: {x.shape}")
    kinds, classes = np.unique(
        y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1), return_inverse=True
    )
    if len(classes) != len(x):
        raise ValueError(f"plot_decision_regions: x has {len(x)} samples, and y {len(classes)}.")
    low, high = x.min(axis=0), x.max(axis=0)
    beyond = margin * np.where(high > low, high - low, 1)
    low, high = low - beyond, high + beyond
    across, down = (np.linspace(*ends, resolution) for ends in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2).astype(x.dtype)
    shares = probabilities(model, grid, kinds).reshape(resolution, resolution, -1)
    colours = rgb(COLOURS, shares.shape[2])
    ax = axes_for(ax, 5.2, 4.6)
    region = shares @ (1 - (1 - PALE) * (1 - colours))
    ax.imshow(
        region.clip(0, 1),
        origin="lower",
        extent=(low[0], high[0], low[1], high[1]),
        aspect="auto",
        interpolation="bilinear",
    )
    for number in range(shares.shape[2]):
        others = np.delete(shares, number, axis=2).max(axis=2)
        lead = shares[..., number] - others
        if lead.min() < 0 < lead.max():  # else there is no border
            ax.contour(across, down, lead, levels=[0], colors="white", linewidths=1.2)
    for number, kind in enumerate(kinds):
        colour = colours[int(kind) if shares.shape[2] > len(kinds) else number]
        name = None if class_names is None else str(class_names[number])
        ax.scatter(*x[classes == number].T, s=16, color=colour, edgecolors="white", linewidths=0.5, label=name)
    if class_names is not None:
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "handletextpad": 0.1}
        ax.legend(frameon=False, ncols=len(kinds), fontsize=SMALL, labelcolor="linecolor", **above)
    plain(ax)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    return ax


def probabilities(model: Any, grid: np.ndarray, kinds: np.ndarray) -> NDArray[np.float64]:
    """The probability of each class (n, classes) that the model gives at the points."""
    if hasattr(model, "predict_proba"):
        y = np.asarray(model.predict_proba(grid), float)
    elif hasattr(model, "layers"):
        y = np.asarray(model.predict(grid, verbose=0), float)
    else:
        y = np.asarray(model.predict(grid))
    if y.ndim == 1 and np.isin(y, kinds).all():
        return (y[:, np.newaxis] == kinds).astype(float)
    y = y.reshape(len(grid), -1)
    if y.shape[1] == 1:
        one = y if y.min() >= 0 and y.max() <= 1 else 1 / (1 + np.exp(-y))
        return np.hstack([1 - one, one])
    if y.min() < 0 or abs(y.sum(axis=1) - 1).max() > 1e-3:
        y = np.exp(y - y.max(axis=1, keepdims=True))
        y /= y.sum(axis=1, keepdims=True)
    return y


def rgb(names: Sequence[str], number: int) -> NDArray[np.float64]:
    """The colours of so many classes as rows of red, green and blue, 0 to 1; they repeat where there are many."""
    values = [[int(name[i : i + 2], 16) / 255 for i in (1, 3, 5)] for name in names]
    return np.array([values[k % len(values)] for k in range(number)])
