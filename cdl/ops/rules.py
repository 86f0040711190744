"""Optimizer rules, and penalties on weights (with l1 = 0 and l2 = 1, squares of norms).

A rule updates a list of variables in place. values, grads: lists of arrays of equal shapes; slots: a list of such lists
for each part of the rule's state; `decays` holds one number per variable: before the rule, value -= value * decay.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cdl import backend
from cdl.ops.checks import refuse

Arrays = Sequence[np.ndarray]
Slots = Sequence[Arrays]


def sgd(values: Arrays, grads: Arrays, decays: Sequence[float], learning_rate: float) -> None:
    """value -= learning_rate * grad"""
    backend.active.sgd(values, grads, decays, learning_rate)


def momentum(
    values: Arrays,
    grads: Arrays,
    slots: Slots,
    decays: Sequence[float],
    learning_rate: float,
    momentum: float,
    nesterov: bool,
) -> None:
    """velocity = momentum * velocity - learning_rate * grad;  value += velocity  (Polyak 1964)

    nesterov: value += momentum * velocity - learning_rate * grad, with the new velocity (Sutskever et al. 2013).
    slots: (velocity,).
    """
    _check("momentum", slots, 1)
    backend.active.momentum(values, grads, slots, decays, learning_rate, momentum, nesterov)


def adagrad(
    values: Arrays, grads: Arrays, slots: Slots, decays: Sequence[float], learning_rate: float, epsilon: float
) -> None:
    """s += grad^2;  value -= learning_rate * grad / sqrt(s + epsilon)  (Duchi, Hazan & Singer 2011). slots: (s,)."""
    _check("adagrad", slots, 1)
    backend.active.adagrad(values, grads, slots, decays, learning_rate, epsilon)


def adadelta(
    values: Arrays,
    grads: Arrays,
    slots: Slots,
    decays: Sequence[float],
    learning_rate: float,
    rho: float,
    epsilon: float,
) -> None:
    """s = rho s + (1 - rho) grad^2;  step = sqrt(d + epsilon) / sqrt(s + epsilon) * grad  (Zeiler 2012)
    d = rho d + (1 - rho) step^2;  value -= learning_rate * step. slots: (s, d).
    """
    _check("adadelta", slots, 2)
    backend.active.adadelta(values, grads, slots, decays, learning_rate, rho, epsilon)


def rmsprop(
    values: Arrays,
    grads: Arrays,
    slots: Slots,
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
    _check("rmsprop", slots, 1 + (momentum > 0) + bool(centered))
    backend.active.rmsprop(values, grads, slots, decays, learning_rate, rho, momentum, epsilon, centered)


def adam(
    values: Arrays,
    grads: Arrays,
    slots: Slots,
    decays: Sequence[float],
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """m += (grad - m) (1 - beta_1);  v += (grad^2 - v) (1 - beta_2);  value -= rate * m / (sqrt(v) + epsilon)

    Kingma & Ba 2015, the form before section 2.1: rate = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t).
    slots: (m, v), or (m, v, largest): the largest v so far then takes the place of v (AMSGrad, Reddi et al. 2018).
    """
    _check("adam", slots, 3 if len(slots) == 3 else 2)
    backend.active.adam(values, grads, slots, decays, rate, beta_1, beta_2, epsilon)


def nadam(
    values: Arrays,
    grads: Arrays,
    slots: Slots,
    decays: Sequence[float],
    rate: float,
    gradient_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """m and v as in `adam`;  value -= (rate * m + gradient_rate * grad) / (sqrt(v) + epsilon)  (Dozat 2016)

    slots: (m, v).
    """
    _check("nadam", slots, 2)
    backend.active.nadam(values, grads, slots, decays, rate, gradient_rate, beta_1, beta_2, epsilon)


def adamax(
    values: Arrays,
    grads: Arrays,
    slots: Slots,
    decays: Sequence[float],
    rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """m += (grad - m) (1 - beta_1);  u = max(beta_2 u, |grad|);  value -= rate * m / (u + epsilon)

    Kingma & Ba 2015, section 7.1: rate = learning_rate / (1 - beta_1^t). slots: (m, u).
    """
    _check("adamax", slots, 2)
    backend.active.adamax(values, grads, slots, decays, rate, beta_1, beta_2, epsilon)


def lion(
    values: Arrays,
    grads: Arrays,
    slots: Slots,
    decays: Sequence[float],
    learning_rate: float,
    beta_1: float,
    beta_2: float,
) -> None:
    """value -= learning_rate * sign(beta_1 m + (1 - beta_1) grad);  m = beta_2 m + (1 - beta_2) grad

    Chen et al. 2023. slots: (m,).
    """
    _check("lion", slots, 1)
    backend.active.lion(values, grads, slots, decays, learning_rate, beta_1, beta_2)


def ftrl(
    values: Arrays,
    grads: Arrays,
    slots: Slots,
    decays: Sequence[float],
    learning_rate: float,
    power: float,
    beta: float,
    l1: float,
    l2: float,
    l2_shrinkage: float,
) -> None:
    """n' = n + grad^2;  z += grad + 2 l2_shrinkage value - (n'^power - n^power) / learning_rate * value
    value = (clip(z, -l1, l1) - z) / ((beta + n'^power) / learning_rate + 2 l2);  n = n'

    McMahan et al. 2013, with power = 1/2. learning_rate > 0; n, power, l1 >= 0. slots: (n, z).
    """
    _check("ftrl", slots, 2)
    backend.active.ftrl(values, grads, slots, decays, learning_rate, power, beta, l1, l2, l2_shrinkage)


def penalty(x: np.ndarray, l1: float, l2: float) -> float:
    """l1 * sum |x| + l2 * sum x^2, added up in double precision."""
    return backend.active.penalty(x, l1, l2)


def add_penalty(grad: np.ndarray, x: np.ndarray, l1: float, l2: float) -> tuple[float, np.ndarray]:
    """The penalty, and  grad + l1 * sign(x) + 2 l2 x.    grad like x"""
    if grad.shape != x.shape:
        refuse("add_penalty", f"grad has the shape of x. Received: {grad.shape}, {x.shape}")
    return backend.active.add_penalty(grad, x, l1, l2)


def _check(who: str, slots: Slots, expected: int) -> None:
    if len(slots) != expected:
        refuse(who, f"slots holds {expected} lists, one for each part of the state. Received: {len(slots)}")
