"""The course of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cdl import metrics
from cdl.plotting.style import BLUE, FAINT, INK, SMALL, VERMILION, plain, pyplot, title


def plot_history(history: Any, names: Sequence[str] | None = None, monitor: str | None = None, ax: Any = None) -> Any:
    """Loss and metrics by epoch, of training and validation, with the best epoch marked; returns the `Figure`.

    `history`: what `fit` returns, or its dictionary. `names`: which quantities to draw, by default all; each has axes
    of its own. `monitor`: the quantity that says which epoch is the best, by default "val_loss", or "loss" without
    validation: the one where a loss is lowest, or where the metric of that name is best. `ax`: axes of yours, as many
    as quantities. Raises ValueError for an empty history, for names that are not in it, and where it cannot be told
    whether more of `monitor` is better.

    >>> plot_history(model.fit(x, y, validation_split=0.2, epochs=20))
    """
    logs = history if isinstance(history, Mapping) else history.history
    if not logs or not all(len(values) for values in logs.values()):
        raise ValueError("plot_history: the history is empty. Call fit(...) first.")
    if names is None:
        names = sorted({name.removeprefix("val_") for name in logs}, key=lambda name: (name != "loss", name))
    if monitor is None:
        monitor = next((name for name in ("val_loss", "loss") if name in logs), next(iter(logs)))
    missing = [name for name in (*names, monitor) if name not in logs and f"val_{name}" not in logs]
    if missing:
        raise ValueError(
            f"plot_history: {', '.join(map(repr, missing))} is not in the history, which has {list(logs)}."
        )
    axes = panels(len(names)) if ax is None else np.ravel(ax)
    if len(axes) < len(names):
        raise ValueError(f"plot_history: {len(names)} quantities need as many axes. Received: {len(axes)}")
    numbers = epochs_of(history, logs)
    best = numbers[monitor][best_of(monitor, logs[monitor], getattr(history, "model", None))]
    for panel, name in zip(axes, names, strict=False):
        draw(panel, name, logs, numbers, best)
    return axes[0].figure


def epochs_of(history: Any, logs: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    """The epochs of each quantity, from 1 on; validation that is rarer is taken to have come every so many epochs."""
    known = getattr(history, "epoch", ())
    most = max(map(len, logs.values()))
    epochs = np.asarray(known) + 1 if len(known) == most else np.arange(1, most + 1)
    found = {}
    for name, values in logs.items():
        frequencies = (most // len(values), *range(1, most + 1))
        regular = [epochs[epochs % frequency == 0] for frequency in frequencies]
        found[name] = next((some for some in regular if len(some) == len(values)), epochs[-len(values) :])
    return found


def best_of(monitor: str, values: Sequence[float], model: Any) -> int:
    """The position of the best value. NaN is never the best."""
    name = monitor.removeprefix("val_")
    direction = "down" if name == "loss" else direction_of(name, model)
    if direction is None:
        raise ValueError(
            f"plot_history: whether more of {monitor!r} is better cannot be told. Monitor another quantity."
        )
    worth = np.asarray(values, float) * (1 if direction == "up" else -1)
    return int(np.argmax(np.where(np.isnan(worth), -np.inf, worth)))


def direction_of(name: str, model: Any) -> str | None:
    """ "up" or "down", where the model, or cdl, has a metric of that name that says so."""
    found = [metric for metric in (model.metrics if model is not None else ()) if metric.name == name]
    if not found:
        try:
            found = [metrics.get(name)]
        except ValueError:
            return None
    return getattr(found[0], "_direction", None)


def panels(count: int) -> np.ndarray:
    """Axes, at most three in a row; those that are too many are taken away."""
    columns = min(count, 3)
    rows = -(-count // columns)
    figure, axes = pyplot().subplots(
        rows, columns, figsize=(4.6 * columns, 3.2 * rows), squeeze=False, layout="constrained"
    )
    for ax in axes.flat[count:]:
        figure.delaxes(ax)
    return axes.flat[:count]


def draw(ax: Any, name: str, logs: Mapping[str, Sequence[float]], epochs: Mapping[str, np.ndarray], best: int) -> None:
    """One quantity: a line each for training and validation, with its name at its end."""
    lines = [
        (key, *look)
        for key, *look in ((name, "training", VERMILION), (f"val_{name}", "validation", BLUE))
        if key in logs
    ]
    ends = []
    for key, label, colour in lines:
        values = np.asarray(logs[key], float)
        ax.plot(epochs[key], values, color=colour, linewidth=1.8, marker="o" if len(values) == 1 else None)
        ends.append((values[-1], label, colour))
    key = lines[-1][0]
    (at,) = np.nonzero(epochs[key] == best)
    if at.size and len(epochs[key]) > 1:
        value = logs[key][at[0]]
        ax.axvline(best, color=FAINT, linewidth=0.8, zorder=0)
        ax.plot([best], [value], "o", color=lines[-1][2], markersize=6, markeredgecolor="white")
        ax.set_title(f"epoch {best}: {value:.4g}", loc="right", fontsize=SMALL, color=lines[-1][2])
    plain(ax)
    title(ax, name.replace("_", " "))
    ax.set_xlabel("epoch", fontsize=SMALL, color=INK)
    ax.xaxis.get_major_locator().set_params(integer=True)
    if len(lines) > 1:
        label_ends(ax, ends)


def label_ends(ax: Any, ends: list[tuple[float, str, str]]) -> None:
    """Names to the right of where lines end, moved apart where they would meet."""
    low, high = ax.get_ylim()
    room = 0.07 * (high - low)
    (a, *_), (b, *_) = ends
    push = max(0.0, room - abs(a - b)) / 2 if np.isfinite(a - b) else 0.0
    for value, label, colour in ends:
        upper = value > min(a, b) or (a == b and label == "validation")
        place = (1, value + (push if upper else -push)) if np.isfinite(value) else (1, low)
        ax.annotate(
            label,
            place,
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=SMALL,
        )
