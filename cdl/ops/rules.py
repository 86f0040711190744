"""Optimizer rules.

Each updates a list of variables in place. values, grads: lists of arrays of equal shapes; further lists hold the
rule's state, likewise; `decays` holds one number per variable: before the rule, value -= value * decay.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cdl import backend
from cdl.ops.checks import refuse


def sgd(
    values: Sequence[np.ndarray], grads: Sequence[np.ndarray], decays: Sequence[float], learning_rate: float
) -> None:
    """value -= learning_rate * grad"""
    backend.active.sgd(values, grads, decays, learning_rate)


def momentum(
    values: Sequence[np.ndarray],
    grads: Sequence[np.ndarray],
    velocities: Sequence[np.ndarray],
    decays: Sequence[float],
    learning_rate: float,
    momentum: float,
    nesterov: bool,
) -> None:
    """velocity = momentum * velocity - learning_rate * grad;  value += velocity  (Polyak 1964)

    nesterov: value += momentum * velocity - learning_rate * grad, with the new velocity (Sutskever et al. 2013).
    """
    backend.active.momentum(values, grads, velocities, decays, learning_rate, momentum, nesterov)


def rmsprop(
    values: Sequence[np.ndarray],
    grads: Sequence[np.ndarray],
    slots: Sequence[Sequence[np.ndarray]],
    decays: Sequence[float],
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
    centered: bool,
) -> None:
    """s = rho s + (1 - rho) grad^2;  value -= learning_rate * grad / sqrt(s + epsilon)  (Tieleman & Hinton 2012)

    centered: a = rho a + (1 - rho) grad, and s - a^2 + epsilon under the root. momentum > 0: the step goes through
    v = momentum v + step. slots: (s,), then (v,) if momentum > 0, then (a,) if centered.
    """
    _slots("rmsprop", slots, 1 + (momentum > 0) + bool(centered))
    backend.active.rmsprop(values, grads, slots, decays, learning_rate, rho, momentum, epsilon, centered)


def adam(
    values: Sequence[np.ndarray],
    grads: Sequence[np.ndarray],
    slots: Sequence[Sequence[np.ndarray]],
    decays: Sequence[float],
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    amsgrad: bool,
) -> None:
    """m += (grad - m) (1 - beta_1);  v += (grad^2 - v) (1 - beta_2);  value -= rate * m / (sqrt(v) + epsilon)

    Kingma & Ba 2015, the form before section 2.1: rate = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t).
    amsgrad (Reddi et al. 2018): the largest v so far takes the place of v. slots: (m, v), or (m, v, largest).
    """
    _slots("adam", slots, 3 if amsgrad else 2)
    backend.active.adam(values, grads, slots, decays, rate, beta_1, beta_2, epsilon, amsgrad)


def _slots(who: str, slots: Sequence[Sequence[np.ndarray]], expected: int) -> None:
    if len(slots) != expected:
        refuse(who, f"slots holds {expected} lists, one for each part of the state. Received: {len(slots)}")
