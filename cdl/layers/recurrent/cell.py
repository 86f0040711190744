"""What the cells have in common: two kernels, a bias, dropout."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cdl import activations, ops
from cdl.layers.base import Shape
from cdl.layers.context import Context
from cdl.layers.kernel_layer import KernelLayer
from cdl.layers.recurrent.states import States, as_list, zeros
from cdl.layers.recurrent.step import Step
from cdl.utils.seeds import SeedGenerator
from cdl.variable import Variable

Gradient = np.ndarray | None


class RecurrentCell(KernelLayer):
    """One step of a recurrent layer: (x, states) -> (y, new states), for the steps that subclasses define.

    `forward(ctx, x, states)` and `backward(ctx, dy, dstates)` are one step; `forward_sequence(ctx, x, states,
    every_step)` and `backward_sequence(ctx, dh, dstates)` all of them at once, where `fuses(training)`.

    `gates` is how many blocks of `units` columns the kernels have.
    """

    roles = ("kernel", "recurrent", "bias")
    gates: ClassVar[int]

    recurrent_kernel: Variable
    state_size: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """A cell with another step than the one it inherits is not what the primitive computes."""
        super().__init_subclass__(**kwargs)
        if {"forward", "backward"} & vars(cls).keys() and "forward_sequence" not in vars(cls):
            cls.fuses = lambda self, training: False  # type: ignore[method-assign]

    def __init__(self, units: int, dropout: float, recurrent_dropout: float, seed: int | None, **kwargs: Any) -> None:
        if not isinstance(units, int | np.integer) or units <= 0:
            raise ValueError(
                f"Received an invalid value for argument `units`, expected a positive integer, got {units}."
            )
        kwargs.pop("implementation", None)  # Keras' choice between two orders of the same computation
        super().__init__(**kwargs)
        self.activation = activations.get(self.activation)  # no layer: the core knows its name
        self.units = self.output_size = self.state_size = int(units)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        features, width = input_shape[-1], self.gates * self.units
        if features is None:
            raise ValueError(
                f"{self.who}: the number of features must be known. Received the shape {tuple(input_shape)}"
            )
        self.kernel = self.add_variable("kernel", (features, width))
        self.recurrent_kernel = self.add_variable("recurrent", (self.units, width), "recurrent_kernel")
        self.bias = self.add_bias(width)

    def get_initial_state(self, batch_size: int) -> States:
        """Zeros, in a list: one array (batch_size, units) for each state."""
        return as_list(zeros(self.state_size, batch_size, self.dtype))

    def __call__(  # type: ignore[override]
        self, x: Any, states: Any, training: bool | None = None, *, ctx: Context | None = None
    ) -> tuple[np.ndarray, Any]:
        """One step: from x (batch, features) and the states to y and the new states, in a list if they came so."""
        x = self.take_in(x)
        y, new_states = self.forward(
            ctx or Step(training, False), x, [self.convert(state) for state in as_list(states)]
        )
        return y, new_states if isinstance(states, list | tuple) else new_states[0]

    def forward(self, ctx: Context, x: np.ndarray, states: States) -> tuple[np.ndarray, States]:  # type: ignore[override]
        """y and the new states."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward(ctx, x, states)")

    def backward(self, ctx: Context, dy: np.ndarray, dstates: States) -> tuple[np.ndarray, States]:  # type: ignore[override]
        """dx and the gradients of the states before."""
        raise NotImplementedError(f"{type(self).__name__} does not define backward(ctx, dy, dstates)")

    def check_input(self, shape: Shape) -> None:
        if shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f"{self.who}: input has {shape[-1]} features, but the cell was built for "
                f"{self.kernel.shape[0]} (x shape {tuple(shape)}). Rebuild the model or reshape the input."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.units)

    # ---- whole sequences ----

    def fuses(self, training: bool | None) -> bool:
        """Whether a primitive of `ops` computes all steps of this cell: not with other activations than the usual ones,
        nor with dropout between the steps.
        """
        return self.activation.fused == "tanh" and not (training and self.recurrent_dropout)

    @property
    def weights_of_steps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """The values of kernel, recurrent_kernel and bias."""
        bias = self.bias
        return self.kernel.value, self.recurrent_kernel.value, None if bias is None else bias.value

    def learns(self, ctx: Context) -> bool:
        """Whether any of the three is trained."""
        return any(v is not None and ctx.trains(v) for v in (self.kernel, self.recurrent_kernel, self.bias))

    def add_gradients(self, ctx: Context, dkernel: Gradient, drecurrent_kernel: Gradient, dbias: Gradient) -> None:
        pairs = (self.kernel, dkernel), (self.recurrent_kernel, drecurrent_kernel), (self.bias, dbias)
        for variable, gradient in pairs:
            if variable is not None and gradient is not None and ctx.trains(variable):
                variable.add_gradient(gradient)

    # ---- dropout ----

    def drops(self, ctx: Context, x: np.ndarray, h: np.ndarray) -> tuple[Gradient, Gradient]:
        """What x and h are multiplied by, (gates, batch, features) each; None where nothing is dropped.

        The same in all steps of a sequence. As in Keras, with recurrent_dropout each gate has numbers of its own, and
        without it they have the same: then there is one block for all.
        """
        if not ctx.training or not (self.dropout or self.recurrent_dropout):
            return None, None
        drawn = ctx.drawn if isinstance(ctx, Step) else {}
        if id(self) not in drawn:
            blocks = self.gates if self.recurrent_dropout else 1
            drawn[id(self)] = (
                self._draw(self.dropout, (blocks, len(x), x.shape[-1])),
                self._draw(self.recurrent_dropout, (blocks, *h.shape)),
            )
        return drawn[id(self)]

    def _draw(self, rate: float, shape: tuple[int, ...]) -> Gradient:
        if rate == 0:
            return None
        if rate == 1:
            return np.zeros(shape, self.dtype)
        return ops.dropout(np.ones(shape, self.dtype), rate, *self.seed_generator.next())

    def drop_inputs(self, ctx: Context, x: np.ndarray) -> tuple[np.ndarray, Gradient]:
        """x (batch, steps, features) after dropout, and what it was multiplied by."""
        drop, _ = self.drops(ctx, x, x)
        if drop is None:
            return x, None
        drop = drop[0][:, None]
        return x * drop, drop

    # ---- configuration ----

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }


def blocks(z: np.ndarray, count: int) -> list[np.ndarray]:
    """The arguments of the gates, side by side in z."""
    return [np.ascontiguousarray(block) for block in np.split(z, count, axis=1)]


def product(x: np.ndarray, kernel: np.ndarray, drop: Gradient) -> np.ndarray:
    """x @ kernel, where each block of columns sees x times its own block of `drop`."""
    if drop is None:
        return ops.matmul(x, kernel)
    columns = np.split(kernel, len(drop), axis=1)
    return np.concatenate([ops.matmul(x * d, k) for d, k in zip(drop, columns, strict=True)], axis=1)


def product_backward(
    x: np.ndarray, kernel: np.ndarray, drop: Gradient, dz: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """dx, dkernel"""
    if drop is None:
        return ops.matmul(dz, kernel, transpose_b=True), ops.matmul(x, dz, transpose_a=True)
    blocks = list(zip(drop, np.split(kernel, len(drop), axis=1), np.split(dz, len(drop), axis=1), strict=True))
    dx = sum(d * ops.matmul(dz_d, k, transpose_b=True) for d, k, dz_d in blocks)
    return dx, np.concatenate([ops.matmul(x * d, dz_d, transpose_a=True) for d, _, dz_d in blocks], axis=1)


def with_last(dh: Gradient, dlast: Gradient, like: np.ndarray) -> np.ndarray:
    """The gradient of all states, or of the last alone, from that of the outputs and that of the last state."""
    if dh is None or dlast is None or dh.ndim == dlast.ndim:
        total = dh if dlast is None else dlast if dh is None else dh + dlast
        return np.zeros_like(like) if total is None else total
    dh = dh.copy()
    dh[:, -1] += dlast
    return dh
