"""How the numbers that a model has learned are distributed."""

from __future__ import annotations

from typing import Any

from cdl.plotting.ridges import plot_ridges
from cdl.plotting.style import title


def plot_weights(model: Any, ax: Any = None) -> Any:
    """A histogram of each trainable variable of a model or a layer, on one scale; returns the `Axes`.

    Beside it stand how many numbers it has, and their standard deviation. What has not grown from its beginning, or
    much beyond the rest, shows. Raises ValueError for a model that is not built or has no trainable variables.

    >>> plot_weights(model)
    """
    variables = variables_of(model, "plot_weights")
    rows = [
        (name_in(model, variable), variable.value, f"{variable.size:,} (sd {variable.value.std():.2g})")
        for variable in variables
    ]
    ax = plot_ridges(rows, ax)
    title(ax, f"Weights of {model.name}")
    ax.axvline(0, color="white", linewidth=0.8)
    return ax


def variables_of(model: Any, who: str) -> list[Any]:
    """The trainable variables. Raises ValueError where there are none."""
    if not model.trainable_weights:
        why = "is not built" if not model.built else "has no trainable variables"
        raise ValueError(f"{who}: {model.name!r} {why}, so there is nothing to draw.")
    return model.trainable_weights


def name_in(model: Any, variable: Any) -> str:
    """The path of a variable inside the model."""
    return variable.path.removeprefix(f"{model.name}/")
