"""The network of the drop-in estimators: products with fused activations, and between them what the options ask for.

    z = f(x @ kernel + bias),    y = the layers of `between`, one after the other, of z

A plain network has nothing in between. An option (batch normalisation, an activation that no product can apply,
dropout) is a layer of cdl in its place. The arrays are the estimator's `coefs_` and `intercepts_` themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import activations, layers, ops
from cdl.layers import Context, Layer

# scikit-learn's names for activations, and ours.
NAMES = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}

Between = tuple[Layer, ...]
Calls = list[tuple[Layer, Context]]
Tape = list[tuple[Any, np.ndarray, Calls]]


def fused(activation: Any, batch_norm: bool) -> str:
    """The function that the product applies as it stores: "linear" where there is one of its own behind it."""
    if batch_norm:
        return "linear"
    name = NAMES.get(activation) if isinstance(activation, str) else None
    return name or activations.get(activation).fused or "linear"


def make_between(activation: Any, batch_norm: bool, dropout: float, units: int, dtype: Any, seed: int) -> Between:
    """The layers behind a hidden product with so many units, built. `seed` is for dropout."""
    made: list[Layer] = []
    if batch_norm:
        made.append(layers.BatchNormalization(dtype=dtype))
    function = activations.get(NAMES.get(activation, activation) if isinstance(activation, str) else activation)
    if function.fused is None or (batch_norm and function.fused != "linear"):
        made.append(layers.Activation(function, dtype=dtype))
    if dropout:
        made.append(layers.Dropout(dropout, seed=seed, dtype=dtype))
    for layer in made:
        layer.build((None, units))
    return tuple(made)


class Network:
    """Stage k is (kernel, bias, the function that is fused to their product, the layers behind it).

    x is an array or a sparse matrix, in the kernels' dtype.
    """

    __slots__ = ("kernels", "stages")

    def __init__(
        self,
        kernels: Sequence[np.ndarray],
        biases: Sequence[np.ndarray],
        functions: Sequence[str],
        between: Sequence[Between],
    ) -> None:
        self.kernels = kernels
        self.stages = list(zip(kernels, biases, functions, between, strict=True))

    def predict(self, x: Any) -> np.ndarray:
        """The z of the outputs; layers between do what they do when not in training."""
        for kernel, bias, f, between in self.stages:
            x = product(x, kernel, bias, f)
            for layer in between:
                x = layer.forward(Context(gradient=False), x)
        return x

    def forward(self, x: Any) -> tuple[np.ndarray, Tape]:
        """The z of the outputs in training, and what `backward` needs."""
        tape: Tape = []
        for kernel, bias, f, between in self.stages:
            y = z = product(x, kernel, bias, f)
            calls = []
            for layer in between:
                ctx = Context(training=True)
                y = layer.forward(ctx, y)
                calls.append((layer, ctx))
            tape.append((x, z, calls))
            x = y
        return x, tape

    def backward(self, tape: Tape, dy: np.ndarray) -> list[np.ndarray]:
        """The gradients of all kernels, then of all biases, then of what is trained in the layers between."""
        dkernels, dbiases = [], []
        others: list[Any] = []
        for stage in range(len(tape) - 1, -1, -1):
            (kernel, _, f, between), (x, z, calls) = self.stages[stage], tape[stage]
            if between:
                dy, gradients = back_through(calls, dy)
                others[:0] = gradients
            dy, dkernel, dbias = product_backward(x, kernel, z, dy, f, stage > 0)
            dkernels.append(dkernel)
            dbiases.append(dbias)
        return [*dkernels[::-1], *dbiases[::-1], *others]


def back_through(calls: Calls, dy: Any) -> tuple[Any, list[Any]]:
    """dx of the layers between two products, and the gradients of what is trained in them, in their order."""
    variables = [variable for layer, _ in calls for variable in layer.trainable_weights]
    for variable in variables:
        variable.grad = None
    for layer, ctx in reversed(calls):
        dy = layer.backward(ctx, dy)
    return dy, [variable.grad for variable in variables]


def product(x: Any, kernel: np.ndarray, bias: np.ndarray, f: str) -> np.ndarray:
    """f(x @ kernel + bias)"""
    if type(x) is np.ndarray:
        return ops.linear(x, kernel, bias, f)
    z = x @ kernel
    z += bias
    return ops.activation(z, f)


def product_backward(
    x: Any, kernel: np.ndarray, y: np.ndarray, dy: np.ndarray, f: str, need_dx: bool
) -> tuple[Any, Any, Any]:
    """(dx, dkernel, dbias); of a sparse x, dx is None."""
    if type(x) is np.ndarray:
        return ops.linear_backward(x, kernel, y, dy, f, need_dx)
    dz = ops.activation_backward(y, y, dy, f)  # of the functions that are fused, the derivative follows from y
    return None, np.ascontiguousarray(x.T @ dz), ops.column_sum(dz)


def loss_and_gradients(
    network: Network, head: Any, alpha: float, x: Any, t: np.ndarray, weight: np.ndarray | None
) -> tuple[float, list[np.ndarray]]:
    """The loss of a batch with its penalty, alpha / 2 |kernels|^2 / (sum of the weights), and all gradients."""
    total = len(t) if weight is None else float(weight.sum())
    if total == 0:
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    z, tape = network.forward(x)
    loss, dz = head.compare(t, z, weight, total)
    gradients = network.backward(tape, dz)
    if alpha:
        for k, kernel in enumerate(network.kernels):
            penalty, gradients[k] = ops.add_penalty(gradients[k], kernel, 0.0, 0.5 * float(alpha) / total)
            loss += penalty
    return loss, gradients
