"""Muon: momentum whose steps are made orthogonal, for matrices; Adam for all else."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl import ops
from cdl.optimizers.clipping import norm
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.state import LearningRate
from cdl.variable import Variable


class Muon(Optimizer):
    """Muon (Jordan et al. 2024) for the kernels of a network, matrices of shape (i, o), with m zero at first:

        m = momentum * m + grad
        step = orthogonal(grad + momentum * m)                  nesterov; without it, orthogonal(m)
        value -= learning_rate * rms_rate * sqrt(max(i, o)) * step

    orthogonal(x) moves the singular values of x near 1: x is divided by its norm, and `ns_steps` times

        x = muon_a * x + (muon_b * x x' + muon_c * (x x')^2) x        (x' is x transposed)

    `rms_rate` (Liu et al. 2025) gives the steps the size of Adam's; with None, its factor and the root are left out.
    All other variables, and matrices with "embedding" (`exclude_embeddings`) or one of the regular expressions
    `exclude_layers` in their path, are changed as by `AdamW`, with learning_rate * adam_lr_ratio, adam_beta_1,
    adam_beta_2, epsilon and adam_weight_decay. The last layer should be among them.
    Further arguments: see `Optimizer`.

    >>> model.compile(optimizer=Muon(learning_rate=0.01, exclude_layers=["output"]), loss="mse")
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        if isinstance(exclude_layers, str):
            raise ValueError(f"Muon: exclude_layers is a list of strings. Received: {exclude_layers!r}")
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = exclude_layers or []
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def uses_adam(self, variable: Variable) -> bool:
        """Whether this variable is changed as by AdamW."""
        if variable.ndim != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower()):
            return True
        return any(re.search(expression, variable.path) for expression in self.exclude_layers)

    def slots(self):
        return [("momentum", "velocity")]

    def slot_shape(self, slot, variable):
        return None if slot == "velocity" and not self.uses_adam(variable) else variable.shape

    def decays_of(self, table, learning_rate):
        rates = [self.adam_weight_decay if self.uses_adam(v) else self.weight_decay for v in table.variables]
        return [learning_rate * (rate or 0.0) * decayed for rate, decayed in zip(rates, table.decayed, strict=True)]

    def update(self, values, grads, slots, decays, learning_rate):
        variables = list(zip(values, grads, *slots, decays, strict=True))
        by_adam = [variable for variable in variables if variable[3] is not None]
        if by_adam:
            of_adam, grads_of_adam, m, v, decays_of_adam = map(list, zip(*by_adam, strict=True))
            beta_1, beta_2 = self.adam_beta_1, self.adam_beta_2
            rate = learning_rate * self.adam_lr_ratio * math.sqrt(1 - beta_2**self.t) / (1 - beta_1**self.t)
            ops.adam(of_adam, grads_of_adam, [m, v], decays_of_adam, rate, beta_1, beta_2, self.epsilon)
        for value, grad, m, v, decay in variables:
            if v is None:
                step = np.zeros_like(value)
                ops.momentum([step], [grad], [[m]], [0.0], -1.0, self.momentum, self.nesterov)
                scale = 1.0 if self.rms_rate is None else self.rms_rate * math.sqrt(max(value.shape))
                ops.sgd([value], [self.orthogonal(step)], [decay], learning_rate * scale)

    def orthogonal(self, x: np.ndarray) -> np.ndarray:
        """A matrix with the singular vectors of x and singular values near 1."""
        if x.shape[0] > x.shape[1]:
            return self.orthogonal(np.ascontiguousarray(x.T)).T
        x = x / (norm(x) + 1e-7)
        for _ in range(self.ns_steps):
            square = ops.matmul(x, x, transpose_b=True)
            x = self.muon_a * x + ops.matmul(self.muon_b * square + self.muon_c * ops.matmul(square, square), x)
        return x

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "adam_beta_1": self.adam_beta_1,
            "adam_beta_2": self.adam_beta_2,
            "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "exclude_embeddings": self.exclude_embeddings,
            "adam_weight_decay": self.adam_weight_decay,
            "rms_rate": self.rms_rate,
        }
