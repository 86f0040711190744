"""Which classes a model takes for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.plotting.style import INK, SMALL, axes_for, title

NORMALIZE = (None, "true", "pred", "all")
READABLE = 30  # with more classes, numbers do not fit into the cells


def plot_confusion_matrix(
    y_true: Any, y_pred: Any, class_names: Sequence[Any] | None = None, normalize: str | None = None, ax: Any = None
) -> Any:
    """How many samples of each class (rows) the model takes for each class (columns); returns the `Axes`.

    `y_true`: class numbers or labels (n,), or one-hot rows (n, classes); `y_pred`: likewise, or what `predict` returns,
    of which the largest output counts, or that above one half where there is only one. `class_names`: the names of
    numbers, or the order of labels.
    `normalize`: write shares instead of counts: of the samples of a true class ("true"), of a predicted one ("pred"),
    or of "all". The colour is always the share of the true class. Raises ValueError where the numbers of samples or
    names do not fit.

    >>> plot_confusion_matrix(y_test, model.predict(x_test), class_names=names, normalize="true")
    """
    if normalize not in NORMALIZE:
        raise ValueError(f"plot_confusion_matrix: normalize is one of {NORMALIZE}. Received: {normalize!r}")
    counts, names = count(y_true, y_pred, class_names)
    number = len(names)
    rows, columns = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    shares = counts / np.maximum(rows, 1)
    written = {None: counts, "true": shares, "pred": counts / np.maximum(columns, 1), "all": counts / counts.sum()}[
        normalize
    ]
    size = max(3.2, 1.4 + 0.52 * min(number, READABLE))
    ax = axes_for(ax, size, size)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if number <= READABLE:
        for (row, column), value in np.ndenumerate(written):
            if counts[row, column]:
                text = f"{value:,}" if normalize is None else f"{value:.0%}" if value >= 0.01 else "<1%"
                colour = "white" if shares[row, column] > 0.5 else INK
                ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=SMALL - (number > 12))
    turned = 90 if max(len(str(name)) for name in names) > 4 else 0
    ax.set_xticks(range(number), names, rotation=turned)
    ax.set_yticks(range(number), names)
    ax.tick_params(length=0, labelsize=SMALL, labelcolor=INK)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("taken for", color=INK)
    ax.set_ylabel("true class", color=INK)
    title(ax, f"{counts.trace() / counts.sum():.1%} of {counts.sum():,} right")
    return ax


def count(y_true: Any, y_pred: Any, class_names: Sequence[Any] | None) -> tuple[np.ndarray, list[Any]]:
    """How often a sample of class i is taken for class j, (classes, classes), and the names of the classes."""
    names = None if class_names is None else list(class_names)
    if any(np.asarray(y).dtype.kind in "OSU" for y in (y_true, y_pred)):
        names = names or np.unique(np.concatenate([y_true, y_pred])).tolist()
        true, taken = (places_of(y, names) for y in (y_true, y_pred))
        least = len(names)
    else:
        true, taken = classes_of(y_true, "y_true"), classes_of(y_pred, "y_pred")
        least = max([np.shape(y)[-1] for y in (y_true, y_pred) if np.ndim(y) == 2], default=0)
    if len(true) != len(taken) or not len(true):
        raise ValueError(f"plot_confusion_matrix: y_true has {len(true)} samples, and y_pred {len(taken)}.")
    number = max(true.max() + 1, taken.max() + 1, least, len(names or ()))
    names = list(range(number)) if names is None else names
    if len(names) != number:
        raise ValueError(f"plot_confusion_matrix: there are {number} classes, but {len(names)} class_names.")
    return np.bincount(number * true + taken, minlength=number**2).reshape(number, number), names


def places_of(y: Any, names: list[Any]) -> np.ndarray:
    """Where among the names each label is. Raises ValueError for one that is not there."""
    places = {name: place for place, name in enumerate(names)}
    missing = sorted({str(label) for label in np.ravel(y).tolist() if label not in places})
    if missing:
        raise ValueError(f"plot_confusion_matrix: class_names lacks {', '.join(missing)}. It has {names}.")
    return np.array([places[label] for label in np.ravel(y).tolist()], np.int64)


def classes_of(y: Any, name: str) -> np.ndarray:
    """Class numbers from numbers, one-hot rows or outputs. Raises ValueError for other shapes and values."""
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] > 1:
        return y.argmax(axis=1)
    if y.ndim == 2:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"plot_confusion_matrix: {name} has shape (n,) or (n, classes). Received: {y.shape}")
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        y = y > 0.5
    if y.size and y.min() < 0:
        raise ValueError(f"plot_confusion_matrix: {name} holds class numbers from 0 on. Received: {y.min()}")
    return y.astype(np.int64)
