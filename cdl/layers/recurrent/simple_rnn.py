"""The simple recurrent layer (Elman network) and its cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import ops
from cdl.layers.context import Context
from cdl.layers.recurrent.cell import RecurrentCell, product, product_backward, with_last
from cdl.layers.recurrent.cell_layer import CellLayer
from cdl.layers.recurrent.states import States


class SimpleRNNCell(RecurrentCell):
    """One step of `SimpleRNN`: y = h = activation(x @ kernel + h_before @ recurrent_kernel + bias).

    Shapes: x (batch, i), the state (batch, units) -> y (batch, units), the new state; kernel (i, units),
    recurrent_kernel (units, units), bias (units,). Parameters and errors as in `SimpleRNN`.

    >>> cell = SimpleRNNCell(4)
    >>> y, states = cell(np.zeros((32, 8)), cell.get_initial_state(32))
    >>> y.shape
    (32, 4)
    """

    gates = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            dropout,
            recurrent_dropout,
            seed,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )

    # ---- one step ----

    def forward(self, ctx: Context, x: np.ndarray, states: States) -> tuple[np.ndarray, States]:  # type: ignore[override]
        kernel, recurrent_kernel, bias = self.weights_of_steps
        h_before, f = states[0], self.activation
        drops = self.drops(ctx, x, h_before)
        z = product(x, kernel, drops[0]) + product(h_before, recurrent_kernel, drops[1])
        if bias is not None:
            z += bias
        h = f.forward(z)
        ctx.save(x, h_before, drops, z, h)
        return h, [h]

    def backward(self, ctx: Context, dy: np.ndarray, dstates: States) -> tuple[np.ndarray, States]:  # type: ignore[override]
        x, h_before, drops, z, h = ctx.saved
        kernel, recurrent_kernel, _ = self.weights_of_steps
        dz = self.activation.backward(z, h, dy + dstates[0])
        dx, dkernel = product_backward(x, kernel, drops[0], dz)
        dh_before, drecurrent_kernel = product_backward(h_before, recurrent_kernel, drops[1], dz)
        self.add_gradients(ctx, dkernel, drecurrent_kernel, dz.sum(axis=0))
        return dx, [dh_before]

    # ---- all steps ----

    def fuses(self, training: bool | None) -> bool:
        return self.activation.fused is not None and not (training and self.recurrent_dropout)

    def forward_sequence(
        self, ctx: Context, x: np.ndarray, states: States, every_step: bool
    ) -> tuple[np.ndarray, States]:
        x, drop = self.drop_inputs(ctx, x)
        function: Any = self.activation.fused
        h, kept = ops.simple_rnn(x, states[0], *self.weights_of_steps, ctx.mask, function, ctx.gradient, every_step)
        ctx.save(x, drop, states[0], kept)
        return h, [h[:, -1] if every_step else h]

    def backward_sequence(
        self, ctx: Context, dh: np.ndarray | None, dstates: States
    ) -> tuple[np.ndarray | None, States]:
        x, drop, h0, kept = ctx.saved
        kernel, recurrent_kernel, _ = self.weights_of_steps
        dh = with_last(dh, dstates[0], h0)
        function: Any = self.activation.fused
        dx, dh0, *dweights = ops.simple_rnn_backward(
            x, h0, kernel, recurrent_kernel, ctx.mask, kept, dh, function, ctx.need_input_grad, self.learns(ctx)
        )
        self.add_gradients(ctx, *dweights)
        return dx if drop is None or dx is None else dx * drop, [dh0]


class SimpleRNN(CellLayer):
    """Recurrent layer whose output is its state: h_s = activation(x_s @ kernel + h_{s-1} @ recurrent_kernel + bias).

    Shapes: x (batch, steps, i) -> the last h (batch, units), or all, (batch, steps, units), with return_sequences;
    kernel (i, units), recurrent_kernel (units, units), bias (units,).

    Parameters: `units` >= 1; `activation`, by default tanh; `use_bias`; an initializer, regularizer and constraint each
    for kernel (by default Glorot's uniform), recurrent kernel (orthogonal) and bias (zeros); `dropout` of x and
    `recurrent_dropout` of h in training, the same for all steps of a sequence; `seed` for them; `return_sequences`,
    `return_state`, `go_backwards`, `stateful`, `unroll` and the call's arguments as in `RNN`. Raises ValueError for
    units < 1 and for inputs that do not fit. Reference: Elman 1990, Finding structure in time.

    >>> layer = SimpleRNN(16, return_sequences=True)
    >>> layer(np.zeros((32, 10, 8))).shape
    (32, 10, 16)
    """

    cell_class = SimpleRNNCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            name="simple_rnn_cell",
            **self.for_cell(kwargs),
        )
        super().__init__(
            cell,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
