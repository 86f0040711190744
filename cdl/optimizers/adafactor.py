"""Adafactor: Adam's second moment in the memory of its rows and columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cdl import ops
from cdl.optimizers.clipping import norm
from cdl.optimizers.optimizer import Optimizer
from cdl.optimizers.state import LearningRate


class Adafactor(Optimizer):
    """Adafactor (Shazeer & Stern 2018), for a matrix, with r, c and v zero at first and t = 1, 2, ...:

        beta = 1 - t^beta_2_decay
        r = beta * r + (1 - beta) * (mean of grad^2 + epsilon_1 over columns)
        c = beta * c + (1 - beta) * (mean of grad^2 + epsilon_1 over rows)
        v = r * c / (mean of r)
        step = grad / sqrt(v)
        rate = max(epsilon_2, rms(value)) * min(learning_rate, 1 / sqrt(t))
        value -= rate * step / max(1, rms(step) / clip_threshold)

    rms(x) = sqrt(mean of x^2). In more dimensions, rows and columns are the last two; in fewer,
    v = beta * v + (1 - beta) * (grad^2 + epsilon_1).
    `relative_step` has no effect: the learning rate is at most 1 / sqrt(t) in any case, as in Keras.
    Further arguments: see `Optimizer`.

    >>> model.compile(optimizer=Adafactor(learning_rate=0.5), loss="mse")
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
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
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def slots(self):
        return [("rows", "columns", "velocity")]

    def slot_shape(self, slot, variable):
        shape = variable.shape
        if slot not in ("rows", "columns"):
            return shape
        if len(shape) < 2:
            return ()  # not used
        return shape[:-1] if slot == "rows" else (*shape[:-2], shape[-1])

    def update(self, values, grads, slots, decays, learning_rate):
        beta = 1 - self.t**self.beta_2_decay
        rate = min(learning_rate, 1 / math.sqrt(self.t))
        for value, grad, r, c, v, decay in zip(values, grads, *slots, decays, strict=True):
            if not value.size:
                continue
            square = np.square(grad) + self.epsilon_1
            if value.ndim >= 2:
                r *= beta
                r += (1 - beta) * square.mean(axis=-1)
                c *= beta
                c += (1 - beta) * square.mean(axis=-2)
                np.multiply((r / r.mean(axis=-1, keepdims=True))[..., None], c[..., None, :], out=v)
            else:
                v *= beta
                v += (1 - beta) * square
            step = np.asarray(grad / np.sqrt(v))
            length = max(self.epsilon_2, (1 - decay) * rms(value)) * rate / max(1.0, rms(step) / self.clip_threshold)
            ops.sgd([value], [step], [decay], length)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }


def rms(x: np.ndarray) -> float:
    """The root of the mean square."""
    return norm(x) / math.sqrt(x.size)
