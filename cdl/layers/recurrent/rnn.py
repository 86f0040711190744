"""The recurrent layer around a cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape, to_array
from cdl.layers.context import Context
from cdl.layers.inside import build_inside
from cdl.layers.recurrent.sequence_layer import SequenceLayer
from cdl.layers.recurrent.stacked_cells import StackedRNNCells, output_size, require_cell
from cdl.layers.recurrent.states import States, as_list, copy_into, each, flatten, packed, zeros
from cdl.layers.recurrent.steps import StepByStep
from cdl.utils import registry
from cdl.utils.numerical import with_last_axes
from cdl.variable import Variable


class RNN(SequenceLayer):
    """Recurrent layer: (y_s, states_s) = cell(x_s, states_{s-1}) for all steps s of a sequence.

    Shapes: x (batch, steps, ...) -> the last y (batch, o), or all, (batch, steps, o), with `return_sequences`; with
    `return_state`, a list of that and the last states.

    Parameters: `cell`, one of this library, one of your own, or a list of them (see `StackedRNNCells`);
    `return_sequences`; `return_state`; `go_backwards`: read the sequence from its end, the outputs come in the order of
    reading; `stateful`: begin each batch with the states that the one before ended with, until `reset_state()`;
    `unroll` is accepted for Keras' sake; `zero_output_for_mask`: the outputs of masked steps are zeros.

    In the call: `initial_state`, an array or a list of them in place of zeros; `mask`, bool (batch, steps): where it is
    False, the states stay and the output repeats the one before (zeros in the beginning).

    A cell of your own is a layer with a `state_size` (an integer, or a list with one for each state), and

        forward(ctx, x, states) -> (y, new_states)                 x (batch, ...), states in a list
        backward(ctx, dy, dstates) -> (dx, dstates_before)         adds the gradients of its variables

    and optionally `output_size` and `get_initial_state(batch_size)`. Raises ValueError for what is no cell, for inputs
    that do not fit, and for a stateful layer whose batch changes its size.

    >>> layer = RNN([LSTMCell(32), GRUCell(16)])
    >>> layer(np.zeros((8, 10, 4))).shape
    (8, 16)
    """

    supports_masking = True

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, list | tuple):
            cell = StackedRNNCells(cell)
        require_cell(cell, "Argument `cell`")
        if isinstance(cell, Layer) and kwargs.get("dtype") is None:
            kwargs["dtype"] = cell.dtype
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.single_state = not isinstance(cell.state_size, list | tuple)
        self.state_size = as_list(cell.state_size)
        self.states: States | None = None  # of a stateful layer, between its batches
        self._samples = 0  # that they are for
        self._batch_size: int | None = None  # where the model's input says it
        self._step_by_step = StepByStep(cell)
        if not self._trainable:
            self.trainable = False  # of the cell as well

    def build(self, input_shape: Shape) -> None:
        self.check_input(input_shape)
        if isinstance(self.cell, Layer):
            build_inside(self, self.cell, of_one_step(input_shape))
        if self.stateful and input_shape[0] is not None:
            self._batch_size = input_shape[0]
            self._remember(self.get_initial_state(input_shape[0]))

    # ---- the mathematics ----

    def way(self, training: bool | None) -> Any:
        """What goes through all steps: the cell itself, where a primitive knows it, else the loop over its steps."""
        fuses = getattr(self.cell, "fuses", None)
        return self.cell if fuses is not None and fuses(training) else self._step_by_step

    def forward(self, ctx: Context, x: np.ndarray, initial_state: Any = None) -> Any:
        if x.shape[1] == 0:
            raise ValueError(f"{self.who}: the sequences have no steps (x shape {x.shape}). Give at least one.")
        first = self._first_states(ctx, len(x), initial_state)
        call = ctx.child(ctx.need_input_grad)
        if self.go_backwards:
            x = np.ascontiguousarray(x[:, ::-1])
            call.mask = None if ctx.mask is None else np.ascontiguousarray(ctx.mask[:, ::-1])
        way = self.way(ctx.training)
        y, states = way.forward_sequence(call, x, first, self.return_sequences)
        shown = self._shown(call.mask, first, initial_state is not None)
        if self.stateful:
            self._remember(states)
        if shown is not None and not self.return_sequences:
            shown = shown[:, -1]
        if shown is not None:
            y = masked(shown, y)
        ctx.save(way, call, shown, states, initial_state is not None)
        return [y, *each(np.array, states)] if self.return_state else y

    def backward(self, ctx: Context, dy: Any) -> Any:
        way, call, shown, states, given = ctx.saved
        dy, dstates = (dy[0], flatten(dy[1:])) if self.return_state else (dy, [])
        dstates = packed(dstates or [None for _ in flatten(states)], states)
        if shown is not None and dy is not None:
            dy = masked(shown, dy)
        dx, dstates = way.backward_sequence(call, dy, dstates)
        if self.go_backwards and dx is not None:
            dx = np.ascontiguousarray(dx[:, ::-1])
        return [dx, *dstates] if given else dx

    def _shown(self, mask: np.ndarray | None, first: States, given: bool) -> np.ndarray | None:
        """Where the output is not set to zero; None if nowhere. Before a sample's first step that counts it is, even if
        its first state is not.
        """
        if mask is None or self.zero_output_for_mask:
            return mask
        return np.logical_or.accumulate(mask, axis=1) if given or any(s.any() for s in flatten(first)) else None

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:  # type: ignore[override]
        batch, steps = sequences_shape[:2]
        size = output_size(self.cell)
        output = (batch, steps, size) if self.return_sequences else (batch, size)
        if not self.return_state:
            return output
        return (output, *each(lambda state: (batch, state), self.state_size))

    def compute_mask(self, inputs: Any, previous_mask: np.ndarray | None = None) -> Any:
        """The mask of the output: that of the input if all steps are returned, else None.

        As in Keras, it is not turned round by `go_backwards`.
        """
        mask = previous_mask if self.return_sequences else None
        return [mask, *(None for _ in self.state_size)] if self.return_state else mask

    # ---- states ----

    def get_initial_state(self, batch_size: int) -> States:
        """The states before the first step, in a list: what the cell's `get_initial_state` says, else zeros."""
        of_cell = getattr(self.cell, "get_initial_state", None)
        if of_cell is None:
            return zeros(self.state_size, batch_size, self.dtype)
        return as_list(of_cell(batch_size=batch_size))

    def _first_states(self, ctx: Context, n: int, initial_state: Any) -> States:
        if initial_state is not None:
            return self._as_states(initial_state, n)
        if not self.stateful:
            return self.get_initial_state(n)
        if self.states is None or n != self._samples:
            self._begin(n)
        # A copy for the way back: the variables will have moved on by then.
        return each(np.copy, self._values) if ctx.gradient else self._values

    def _as_states(self, initial_state: Any, n: int) -> States:
        wanted = self.get_initial_state(n)
        states = [to_array(state, self._float, f"{self.who}: initial_state") for state in flatten(initial_state)]
        if [state.shape for state in states] != [state.shape for state in flatten(wanted)]:
            raise ValueError(
                f"{self.who}: initial_state has shapes {[state.shape for state in states]}, but {n} samples and a cell "
                f"with state_size {self.cell.state_size} need {[state.shape for state in flatten(wanted)]}."
            )
        return packed(states, wanted)

    def _begin(self, n: int) -> None:
        """Make the states of a stateful layer for n samples. Those for another number may go if they are all zero."""
        if self.states is not None:
            if self._batch_size is not None or any(state.value.any() for state in flatten(self.states)):
                raise ValueError(
                    "If an RNN is stateful, the batch size of the input sequences must be the same as the batch size "
                    f"of the initial state. \n- Expected batch size: {self._samples}\n- Received batch size: {n}\n"
                    f"Call reset_state() of {self.who} before, or give all batches one size."
                )
            self.states = None
        self._remember(self.get_initial_state(n))

    def _remember(self, states: States) -> None:
        if self.states is None:
            self.states = each(lambda s: Variable(s, dtype=self.dtype, trainable=False, name="rnn_state"), states)
            self._samples = len(flatten(states)[0])
        else:
            copy_into(self._values, states)

    @property
    def _values(self) -> States:
        return each(lambda variable: variable.value, self.states or [])

    def reset_state(self) -> None:
        """Begin anew: a stateful layer sets its states to zero."""
        for state in flatten(self.states or []):
            state.value.fill(0)

    def reset_states(self) -> None:
        """`reset_state`, under its older name."""
        self.reset_state()

    # ---- what fits ----

    def check_input(self, shape: Shape) -> None:
        if len(shape) < 3:
            raise ValueError(
                f"{self.who}: input has {len(shape)} axes (shape {tuple(shape)}), but sequences are (batch, steps, "
                f"features). Reshape the input."
            )
        if self.built and isinstance(self.cell, Layer):
            self.cell.check_input(of_one_step(shape))

    # ---- configuration ----

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "cell": registry.serialize(self.cell),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        return cls(**{**config, "cell": registry.deserialize(config["cell"])})


def of_one_step(shape: Shape) -> Shape:
    """The shape without the axis of the steps."""
    return (shape[0], *shape[2:])


def masked(shown: np.ndarray, y: np.ndarray) -> np.ndarray:
    """y, and zeros where `shown`, which has its first axes, is False."""
    return np.where(with_last_axes(shown, y.ndim), y, y.dtype.type(0))
