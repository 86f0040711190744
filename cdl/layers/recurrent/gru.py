"""The gated recurrent unit and its cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl import activations, ops
from cdl.layers.context import Context
from cdl.layers.recurrent.cell import RecurrentCell, blocks, product, product_backward, with_last
from cdl.layers.recurrent.cell_layer import CellLayer
from cdl.layers.recurrent.states import States
from cdl.variable import Variable


class GRUCell(RecurrentCell):
    """One step of `GRU`: (x, [h]) -> (h, [h]), by the formulas there.

    Shapes: x (batch, i), h (batch, units). Parameters and errors as in `GRU`.

    >>> cell = GRUCell(4)
    >>> y, states = cell(np.zeros((32, 8)), cell.get_initial_state(32))
    >>> y.shape
    (32, 4)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
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
        self.reset_after = reset_after

    def add_bias(self, size: int) -> Variable | None:
        """In two rows where the reset gate comes after the product: for x and for h."""
        return self.add_variable("bias", (2, size) if self.reset_after else (size,)) if self.use_bias else None

    # ---- one step ----

    def forward(self, ctx: Context, x: np.ndarray, states: States) -> tuple[np.ndarray, States]:  # type: ignore[override]
        kernel, recurrent_kernel, bias = self.weights_of_steps
        tanh, sigmoid = self.activation, self.recurrent_activation  # as they are called by default
        h_before, u = states[0], self.units
        drops = drop, recurrent_drop = self.drops(ctx, x, h_before)
        b, recurrent_b = (0, 0) if bias is None else bias if self.reset_after else (bias, 0)
        xz, xr, xg = blocks(product(x, kernel, drop) + b, 3)
        if self.reset_after:
            hz, hr, p = blocks(product(h_before, recurrent_kernel, recurrent_drop) + recurrent_b, 3)
        else:
            drop_zr, drop_g = (None, None) if recurrent_drop is None else (recurrent_drop[:2], recurrent_drop[2:])
            hz, hr = blocks(product(h_before, recurrent_kernel[:, : 2 * u], drop_zr), 2)
        az, ar = xz + hz, xr + hr
        z, r = sigmoid.forward(az), sigmoid.forward(ar)
        if self.reset_after:
            ag = xg + r * p
        else:
            p = r * h_before
            ag = xg + product(p, recurrent_kernel[:, 2 * u :], drop_g)
        g = tanh.forward(ag)
        h = z * h_before + (1 - z) * g
        ctx.save(x, h_before, drops, (az, ar, ag), (z, r, g, p))
        return h, [h]

    def backward(self, ctx: Context, dy: np.ndarray, dstates: States) -> tuple[np.ndarray, States]:  # type: ignore[override]
        x, h_before, (drop, recurrent_drop), (az, ar, ag), (z, r, g, p) = ctx.saved
        kernel, recurrent_kernel, _ = self.weights_of_steps
        tanh, sigmoid, u = self.activation, self.recurrent_activation, self.units
        dh = dy + dstates[0]
        daz = sigmoid.backward(az, z, dh * (h_before - g))
        dag = tanh.backward(ag, g, dh * (1 - z))
        if self.reset_after:
            dar = sigmoid.backward(ar, r, dag * p)
            dhs = np.concatenate([daz, dar, dag * r], axis=1)
            dh_before, drecurrent_kernel = product_backward(h_before, recurrent_kernel, recurrent_drop, dhs)
        else:
            drop_zr, drop_g = (None, None) if recurrent_drop is None else (recurrent_drop[:2], recurrent_drop[2:])
            dp, dkernel_g = product_backward(p, recurrent_kernel[:, 2 * u :], drop_g, dag)
            dar = sigmoid.backward(ar, r, dp * h_before)
            dhs = np.concatenate([daz, dar], axis=1)
            dh_before, dkernel_zr = product_backward(h_before, recurrent_kernel[:, : 2 * u], drop_zr, dhs)
            dh_before += dp * r
            drecurrent_kernel = np.concatenate([dkernel_zr, dkernel_g], axis=1)
        dxs = np.concatenate([daz, dar, dag], axis=1)
        dx, dkernel = product_backward(x, kernel, drop, dxs)
        dbias = np.stack([dxs.sum(axis=0), dhs.sum(axis=0)]) if self.reset_after else dxs.sum(axis=0)
        self.add_gradients(ctx, dkernel, drecurrent_kernel, dbias)
        return dx, [dh_before + dh * z]

    # ---- all steps ----

    def fuses(self, training: bool | None) -> bool:
        return self.recurrent_activation.fused == "sigmoid" and super().fuses(training)

    def forward_sequence(
        self, ctx: Context, x: np.ndarray, states: States, every_step: bool
    ) -> tuple[np.ndarray, States]:
        x, drop = self.drop_inputs(ctx, x)
        h, kept = ops.gru(x, states[0], *self.weights_of_steps, ctx.mask, self.reset_after, ctx.gradient, every_step)
        ctx.save(x, drop, states[0], kept)
        return h, [h[:, -1] if every_step else h]

    def backward_sequence(
        self, ctx: Context, dh: np.ndarray | None, dstates: States
    ) -> tuple[np.ndarray | None, States]:
        x, drop, h0, kept = ctx.saved
        kernel, recurrent_kernel, _ = self.weights_of_steps
        dh = with_last(dh, dstates[0], h0)
        needed = ctx.need_input_grad, self.learns(ctx)
        dx, dh0, *dweights = ops.gru_backward(
            x, h0, kernel, recurrent_kernel, ctx.mask, kept, dh, self.reset_after, *needed
        )
        self.add_gradients(ctx, *dweights)
        return dx if drop is None or dx is None else dx * drop, [dh0]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }


class GRU(CellLayer):
    """Gated recurrent unit: a state h that a gate z lets change, towards what a gate r lets it see of itself.

        z, r = sigmoid(x_s @ kernel + h_{s-1} @ recurrent_kernel + bias), each of its own columns
        g = tanh(x_s @ kernel + r * (h_{s-1} @ recurrent_kernel + recurrent_bias) + bias), of the last columns
        h_s = z * h_{s-1} + (1 - z) * g

    With reset_after=False, r comes before the product: (r * h_{s-1}) @ recurrent_kernel.

    Shapes: x (batch, steps, i) -> the last h (batch, units), or all, (batch, steps, units), with return_sequences;
    kernel (i, 3 units), recurrent_kernel (units, 3 units), in the order z r g; bias (2, 3 units), for x and for h, or
    (3 units,) with reset_after=False.

    Parameters: `units` >= 1; `activation`, tanh above; `recurrent_activation`, sigmoid above; `use_bias`; initializer,
    regularizer and constraint each for kernel (by default Glorot's uniform), recurrent kernel (orthogonal) and bias
    (zeros); `dropout` of x and `recurrent_dropout` of h in training, the same for all steps of a sequence; `seed` for
    them; `return_sequences`, `return_state`, `go_backwards`, `stateful`, `unroll` and the call's arguments as in `RNN`;
    `reset_after`. With other activations or recurrent_dropout, Python walks from step to step, which is slower. Raises
    ValueError for units < 1 and for inputs that do not fit. Reference: Cho et al. 2014, Learning phrase representations
    using RNN encoder-decoder.

    >>> layer = GRU(16, return_sequences=True)
    >>> layer(np.zeros((32, 10, 8))).shape
    (32, 10, 16)
    """

    cell_class = GRUCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units,
            activation,
            recurrent_activation,
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
            reset_after,
            seed,
            name="gru_cell",
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
