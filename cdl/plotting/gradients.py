"""How large the gradients are that reach each layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers import Context
from cdl.plotting.ridges import plot_ridges
from cdl.plotting.style import title
from cdl.plotting.weights import name_in, variables_of

FEWEST = 0.005  # the share that is drawn with the next larger ones


def plot_gradients(model: Any, x: Any, y: Any, sample_weight: Any = None, ax: Any = None) -> Any:
    """Histograms of the gradients' magnitudes, by powers of ten, for each trainable variable; returns the `Axes`.

    The gradients of the loss on one batch (x, y), as a training step would find them; the model stays as it is. Where
    those of the first layers are orders of magnitude below the last ones', a model learns slowly there (they vanish);
    the other way round, it is unstable (they explode). Beside each stand the root mean square, and the share of exact
    zeros, which have no power of ten. Raises ValueError for a model that is not compiled.

    >>> plot_gradients(model, x_train[:128], y_train[:128])
    """
    rows = []
    for name, gradient in gradients_of(model, x, y, sample_weight).items():
        powers = np.log10(np.abs(gradient[gradient != 0]))
        zeros = 1 - powers.size / gradient.size
        note = f"rms {np.sqrt(np.mean(np.square(gradient))):.1e}" + (f", {zeros:.0%} zero" if zeros >= 0.005 else "")
        rows.append((name, powers, note))
    # The few that are smallest by chance would take half of the width.
    least = min((np.quantile(powers, FEWEST) for _, powers, _ in rows if powers.size), default=0)
    ax = plot_ridges([(name, powers.clip(least), note) for name, powers, note in rows], ax)
    title(ax, f"Gradients of {model.name}")
    ax.set_xlabel("magnitude")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.xaxis.set_major_formatter(lambda power, _: f"$10^{{{power:g}}}$")
    return ax


def gradients_of(model: Any, x: Any, y: Any, sample_weight: Any = None) -> dict[str, np.ndarray]:
    """The gradients of the loss on a batch, in training mode, by name; the model stays as it is."""
    if not model.compiled:
        raise ValueError(f"plot_gradients: model {model.name!r} has no loss. Call compile(...) first.")
    x = model.take_in(x)
    variables = variables_of(model, "plot_gradients")
    state = [(variable, variable.numpy()) for variable in model.non_trainable_weights]
    for variable in variables:
        variable.grad = None
    ending = model._trained().ending
    ctx = Context(training=True, need_input_grad=False, logits_of=ending.logits_of)
    z = model.forward(ctx, x)
    _, dz = model.objective.value_and_gradient(np.asarray(y), z, sample_weight, ctx.mask, ending.loss)
    model.backward(ctx, dz)
    gradients = {}
    for variable in variables:
        if variable.regularizer is not None:
            variable.add_gradient(np.asarray(variable.regularizer.gradient(variable.value), variable.value.dtype))
        gradients[name_in(model, variable)] = (
            np.zeros(variable.shape) if variable.grad is None else np.asarray(variable.grad)
        )
        variable.grad = None
    for variable, value in state:  # means that normalisation keeps have moved
        variable.assign(value)
    return gradients
