"""Long short-term memory and its cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import activations, ops
from cdl.layers.context import Context
from cdl.layers.recurrent.cell import RecurrentCell, blocks, product, product_backward, with_last
from cdl.layers.recurrent.cell_layer import CellLayer
from cdl.layers.recurrent.states import States
from cdl.variable import Variable


class LSTMCell(RecurrentCell):
    """One step of `LSTM`: (x, [h, c]) -> (h, [h, c]), by the formulas there.

    Shapes: x (batch, i), h and c (batch, units). Parameters and errors as in `LSTM`.

    >>> cell = LSTMCell(4)
    >>> y, (h, c) = cell(np.zeros((32, 8)), cell.get_initial_state(32))
    >>> y.shape
    (32, 4)
    """

    gates = 4

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
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
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def add_bias(self, size: int) -> Variable | None:
        if not self.use_bias or not self.unit_forget_bias:
            return super().add_bias(size)
        bias = self.add_variable("bias", (size,))
        bias.value[self.units : 2 * self.units] = 1
        return bias

    # ---- one step ----

    def forward(self, ctx: Context, x: np.ndarray, states: States) -> tuple[np.ndarray, States]:  # type: ignore[override]
        kernel, recurrent_kernel, bias = self.weights_of_steps
        h_before, c_before = states
        tanh, sigmoid = self.activation, self.recurrent_activation  # as they are called by default
        drops = self.drops(ctx, x, h_before)
        z = product(x, kernel, drops[0]) + product(h_before, recurrent_kernel, drops[1])
        if bias is not None:
            z += bias
        zi, zf, zg, zo = zs = blocks(z, 4)
        i, f, g, o = gates = sigmoid.forward(zi), sigmoid.forward(zf), tanh.forward(zg), sigmoid.forward(zo)
        c = f * c_before + i * g
        a = tanh.forward(c)
        h = o * a
        ctx.save(x, h_before, c_before, drops, zs, gates, c, a)
        return h, [h, c]

    def backward(self, ctx: Context, dy: np.ndarray, dstates: States) -> tuple[np.ndarray, States]:  # type: ignore[override]
        x, h_before, c_before, drops, (zi, zf, zg, zo), (i, f, g, o), c, a = ctx.saved
        kernel, recurrent_kernel, _ = self.weights_of_steps
        tanh, sigmoid = self.activation, self.recurrent_activation
        dh = dy + dstates[0]
        dc = dstates[1] + tanh.backward(c, a, dh * o)
        dz = np.concatenate(
            [
                sigmoid.backward(zi, i, dc * g),
                sigmoid.backward(zf, f, dc * c_before),
                tanh.backward(zg, g, dc * i),
                sigmoid.backward(zo, o, dh * a),
            ],
            axis=1,
        )
        dx, dkernel = product_backward(x, kernel, drops[0], dz)
        dh_before, drecurrent_kernel = product_backward(h_before, recurrent_kernel, drops[1], dz)
        self.add_gradients(ctx, dkernel, drecurrent_kernel, dz.sum(axis=0))
        return dx, [dh_before, dc * f]

    # ---- all steps ----

    def fuses(self, training: bool | None) -> bool:
        return self.recurrent_activation.fused == "sigmoid" and super().fuses(training)

    def forward_sequence(
        self, ctx: Context, x: np.ndarray, states: States, every_step: bool
    ) -> tuple[np.ndarray, States]:
        x, drop = self.drop_inputs(ctx, x)
        h0, c0 = states
        h, c, kept = ops.lstm(x, h0, c0, *self.weights_of_steps, ctx.mask, ctx.gradient, every_step)
        ctx.save(x, drop, h0, c0, kept)
        return h, [h[:, -1] if every_step else h, c]

    def backward_sequence(
        self, ctx: Context, dh: np.ndarray | None, dstates: States
    ) -> tuple[np.ndarray | None, States]:
        x, drop, h0, c0, kept = ctx.saved
        kernel, recurrent_kernel, _ = self.weights_of_steps
        dh, dc = with_last(dh, dstates[0], h0), dstates[1]
        dx, dh0, dc0, *dweights = ops.lstm_backward(
            x, h0, c0, kernel, recurrent_kernel, ctx.mask, kept, dh, dc, ctx.need_input_grad, self.learns(ctx)
        )
        self.add_gradients(ctx, *dweights)
        return dx if drop is None or dx is None else dx * drop, [dh0, dc0]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


class LSTM(CellLayer):
    """Long short-term memory: a state c that gates write to, keep, and read from.

        i, f, o = sigmoid(x_s @ kernel + h_{s-1} @ recurrent_kernel + bias), each of its own columns;  g = tanh(...)
        c_s = f * c_{s-1} + i * g;    h_s = o * tanh(c_s)

    Shapes: x (batch, steps, i) -> the last h (batch, units), or all, (batch, steps, units), with return_sequences; the
    states are h and c; kernel (i, 4 units), recurrent_kernel (units, 4 units), bias (4 units,), in the order i f g o.

    Parameters: `units` >= 1; `activation`, tanh above; `recurrent_activation`, sigmoid above; `use_bias`; initializer,
    regularizer and constraint each for kernel (by default Glorot's uniform), recurrent kernel (orthogonal) and bias
    (zeros); `unit_forget_bias`: the bias of f begins at 1; `dropout` of x and `recurrent_dropout` of h in training, the
    same for all steps of a sequence; `seed` for them; `return_sequences`, `return_state`, `go_backwards`, `stateful`,
    `unroll` and the call's arguments as in `RNN`. With other activations or recurrent_dropout Python walks from step
    to step, which is slower. Raises ValueError for units < 1 and for inputs that do not fit. References: Hochreiter &
    Schmidhuber 1997, Long short-term memory; Gers et al. 2000, Learning to forget.

    >>> layer = LSTM(16, return_state=True)
    >>> y, h, c = layer(np.zeros((32, 10, 8)))
    >>> y.shape
    (32, 16)
    """

    cell_class = LSTMCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units,
            activation,
            recurrent_activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            unit_forget_bias,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            name="lstm_cell",
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
