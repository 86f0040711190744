"""Fitted estimators as scikit-learn's own, and back."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from cdl import layers
from cdl.sklearn.heads import OWN_LOSS
from cdl.sklearn.network import NAMES

NOT_SHARED = ("_optimizer", "_between", "_best_between")  # what only the one that trained can use


def fitted_attributes(mlp: Any) -> dict[str, Any]:
    """Copies of what training left, and not of the parameters."""
    kept = {name: value for name, value in vars(mlp).items() if name not in (*mlp.get_params(deep=False), *NOT_SHARED)}
    return copy.deepcopy(kept)


def to_sklearn(mlp: Any, kind: Any) -> Any:
    """The estimator of scikit-learn's class `kind` that predicts what `mlp` predicts."""
    check_is_fitted(mlp)
    kernels, biases = folded(mlp)
    activation = shared_activation(mlp)
    known = kind().get_params()
    parameters = {name: value for name, value in mlp.get_params(deep=False).items() if name in known}
    # A rule or a loss of ours is needed for training only, and scikit-learn's default takes its place.
    if parameters["solver"] not in ("lbfgs", "sgd", "adam"):
        parameters["solver"] = known["solver"]
    if "loss" in known:
        parameters["loss"] = OWN_LOSS[mlp.out_activation_]
    theirs = kind(**{**parameters, "activation": activation})
    vars(theirs).update(fitted_attributes(mlp))
    theirs.loss = OWN_LOSS[mlp.out_activation_]
    theirs.coefs_, theirs.intercepts_ = kernels, biases
    return theirs


def from_sklearn(cls: Any, mlp: Any, kind: Any) -> Any:
    """The estimator of our class `cls` that predicts what `mlp`, of scikit-learn's class `kind`, predicts."""
    if not isinstance(mlp, kind):
        raise TypeError(f"{cls.__name__}.from_sklearn takes a {kind.__module__}.{kind.__name__}. Received: {mlp!r}")
    check_is_fitted(mlp)
    ours = cls(**mlp.get_params(deep=False))
    vars(ours).update(fitted_attributes(mlp))
    ours.coefs_ = [np.array(kernel, order="C") for kernel in mlp.coefs_]
    ours.intercepts_ = [np.array(bias, order="C") for bias in mlp.intercepts_]
    return ours


def shared_activation(mlp: Any) -> str:
    """The one activation of all hidden layers, by scikit-learn's name; ValueError if there is none."""
    names = set()
    for activation in mlp._hidden_activations():
        name = activation if isinstance(activation, str) else getattr(activation, "__name__", repr(activation))
        names.add({ours: theirs for theirs, ours in NAMES.items()}.get(name, name))
    if len(names) != 1 or not names <= set(NAMES):
        raise ValueError(
            f"to_sklearn: scikit-learn's MLP has one activation for all hidden layers, one of {sorted(NAMES)}. This "
            f"one was trained with {sorted(names)}."
        )
    return names.pop()


def folded(mlp: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Copies of kernels and biases, batch normalisation folded into them: s (x k + b) + t = x (k s) + (b s + t)."""
    kernels = [kernel.copy() for kernel in mlp.coefs_]
    biases = [bias.copy() for bias in mlp.intercepts_]
    for k, between in enumerate(getattr(mlp, "_between", ())):
        for layer in between:
            if isinstance(layer, layers.BatchNormalization):
                mean = layer.moving_mean.value
                scale, (_, beta) = layer.scale_of(layer.moving_variance.value), layer.gamma_and_beta()
                kernels[k] *= scale
                biases[k] = (biases[k] - mean) * scale + beta
    return kernels, biases
