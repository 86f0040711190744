"""Two recurrent layers over one sequence, from its beginning and from its end."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdl.layers.base import Layer, Shape
from cdl.layers.context import Context
from cdl.layers.inside import build_inside
from cdl.layers.merging import Add, Average, Concatenate, Multiply
from cdl.layers.recurrent.sequence_layer import SequenceLayer
from cdl.layers.recurrent.states import as_list, flatten
from cdl.layers.regularization import ActivityPenalty
from cdl.utils import registry

MERGES: dict[str, Any] = {"sum": Add(), "mul": Multiply(), "ave": Average(), "concat": Concatenate(-1)}


class Bidirectional(SequenceLayer):
    """y = merge(layer(x), backward_layer(x)), where the second reads the sequence from its end.

    Shapes: those of the layer; "concat" puts the two outputs side by side along the last axis. With merge_mode None the
    outputs stay two, in a list; with `return_state`, a list of the output (or the two) and the states of both layers.

    Parameters: `layer`, an `RNN` or a layer like it, of which two new ones are made; `merge_mode`, "sum", "mul", "ave",
    "concat" or None; `weights`, first values for both; `backward_layer`, in place of the one made of `layer`. With
    return_sequences, the outputs of masked steps are zeros. In the call: `mask`, and `initial_state`, a list with the
    states of both layers. Raises ValueError for what is no layer, another merge_mode, and layers that
    differ in stateful, return_sequences or return_state, or agree in go_backwards. Reference: Schuster & Paliwal 1997,
    Bidirectional recurrent neural networks.

    >>> layer = Bidirectional(LSTM(16, return_sequences=True))
    >>> layer(np.zeros((32, 10, 8))).shape
    (32, 10, 32)
    """

    supports_masking = True

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Layer | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `Bidirectional` layer with a `cdl.layers.Layer` instance. Received: {layer}"
            )
        if not hasattr(layer, "go_backwards"):
            raise ValueError(f"Bidirectional wraps a layer that can go backwards, such as LSTM. Received: {layer.who}")
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(f"`backward_layer` need to be a `cdl.layers.Layer` instance. Received: {backward_layer}")
        if merge_mode is not None and merge_mode not in MERGES:
            raise ValueError(
                f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of "
                '{"sum", "mul", "ave", "concat", None}'
            )
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = layer.dtype
        super().__init__(**kwargs)
        name = layer.name
        self.forward_layer: Any = remade(layer, name=f"forward_{name.removeprefix('forward_')}")
        self.backward_layer: Any = backward_layer or remade(
            layer, name=f"backward_{name.removeprefix('backward_')}", go_backwards=True
        )
        self._require_a_pair()
        self._penalties = tuple(ActivityPenalty(one.activity_regularizer) for one in self.pair)
        self.stateful = layer.stateful  # type: ignore[attr-defined]
        self.return_sequences = layer.return_sequences  # type: ignore[attr-defined]
        self.return_state = layer.return_state  # type: ignore[attr-defined]
        for one in self.pair:
            if hasattr(one, "zero_output_for_mask"):
                one.zero_output_for_mask = self.return_sequences
        self.merge_mode = merge_mode
        self._initial_weights = weights
        if not self._trainable:
            self.trainable = False  # of both layers as well

    def _require_a_pair(self) -> None:
        """ValueError unless the two layers go opposite ways and otherwise fit."""
        one, other = self.pair
        if one.go_backwards == other.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. Received: "
                f"forward_layer.go_backwards {one.go_backwards}, backward_layer.go_backwards={other.go_backwards}"
            )
        for attribute in ("stateful", "return_sequences", "return_state"):
            if getattr(one, attribute) != getattr(other, attribute):
                raise ValueError(
                    "Forward layer and backward layer are expected to have the same value for attribute "
                    f'"{attribute}", got "{getattr(one, attribute)}" for forward layer and '
                    f'"{getattr(other, attribute)}" for backward layer'
                )

    @property
    def pair(self) -> tuple[Any, Any]:
        return self.forward_layer, self.backward_layer

    def build(self, input_shape: Shape) -> None:
        for layer in self.pair:
            build_inside(self, layer, input_shape)
        if self._initial_weights:
            self.set_weights(self._initial_weights)
        self.compute_output_shape(input_shape)

    # ---- the mathematics ----

    def forward(self, ctx: Context, x: np.ndarray, initial_state: Any = None) -> Any:
        calls = [ctx.child(ctx.need_input_grad) for _ in self.pair]
        first, first_back = self._halves(initial_state)
        y, *states = as_list(self.forward_layer.forward(calls[0], x, first))
        y_back, *states_back = as_list(self.backward_layer.forward(calls[1], x, first_back))
        behind = [ctx.child() for _ in self.pair]
        y, y_back = (p.forward(call, h) for p, call, h in zip(self._penalties, behind, (y, y_back), strict=True))
        if self.return_sequences:
            y_back = y_back[:, ::-1]
        merging = ctx.child()
        ys = [y, y_back] if self.merge_mode is None else [MERGES[self.merge_mode].forward(merging, [y, y_back])]
        ctx.save(calls, behind, merging, initial_state is not None)
        results = [*ys, *states, *states_back]
        return results if len(results) > 1 else results[0]

    def backward(self, ctx: Context, dy: Any) -> Any:
        calls, behind, merging, given = ctx.saved
        outputs = 2 if self.merge_mode is None else 1
        dys, dstates = as_list(dy)[:outputs], as_list(dy)[outputs:]
        if self.merge_mode is not None:
            dys = [None, None] if dys[0] is None else MERGES[self.merge_mode].backward(merging, dys[0])
        dy, dy_back = dys
        if self.return_sequences and dy_back is not None:
            dy_back = np.ascontiguousarray(dy_back[:, ::-1])
        dy, dy_back = (p.backward(call, d) for p, call, d in zip(self._penalties, behind, (dy, dy_back), strict=True))
        if self.return_state:
            half = len(dstates) // 2
            dy, dy_back = [dy, *dstates[:half]], [dy_back, *dstates[half:]]
        dx, *dfirst = as_list(self.forward_layer.backward(calls[0], dy))
        dx_back, *dfirst_back = as_list(self.backward_layer.backward(calls[1], dy_back))
        dx = dx + dx_back if ctx.need_input_grad else None
        return [dx, *dfirst, *dfirst_back] if given else dx

    def _halves(self, initial_state: Any) -> tuple[list[Any] | None, list[Any] | None]:
        """The first states of each layer: half of those that are given."""
        if initial_state is None:
            return None, None
        if not isinstance(initial_state, list | tuple) or len(initial_state) % 2:
            raise ValueError(
                f"{self.who}: initial_state is a list with the states of the forward layer, then those of the backward "
                f"layer. Received: {initial_state!r}"
            )
        half = len(initial_state) // 2
        return list(initial_state[:half]), list(initial_state[half:])

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:  # type: ignore[override]
        shapes = [layer.compute_output_shape(sequences_shape) for layer in self.pair]
        states = [state for shape in shapes for state in shape[1:]] if self.return_state else []
        outputs = [shape[0] for shape in shapes] if self.return_state else shapes
        if self.merge_mode is not None:
            merged = MERGES[self.merge_mode].output_shape(outputs)
            if merged is None:
                raise ValueError(
                    f"{self.who}: merge_mode={self.merge_mode!r} does not fit outputs of the shapes {outputs[0]} and "
                    f"{outputs[1]}. Give both layers as many units, or choose merge_mode='concat'."
                )
            outputs = [merged]
        results = (*outputs, *states)
        return results if len(results) > 1 else results[0]

    def compute_mask(self, inputs: Any, previous_mask: np.ndarray | None = None) -> Any:
        """The mask of the output: that of the input if all steps are returned, else None."""
        mask = previous_mask if self.return_sequences else None
        masks = [mask] if self.merge_mode else [mask, mask]
        if self.return_state:
            masks += [None for _ in flatten(self.forward_layer.state_size)] * 2
        return masks if len(masks) > 1 else mask

    # ---- states ----

    @property
    def states(self) -> tuple[Any, ...] | None:
        """The states of both layers between batches, if they are stateful and have begun; else None."""
        if not all(layer.states for layer in self.pair):
            return None
        return (*self.forward_layer.states, *self.backward_layer.states)

    def reset_state(self) -> None:
        """Begin anew: set the states of both layers to zero. AttributeError unless they are stateful."""
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        for layer in self.pair:
            layer.reset_state()

    def reset_states(self) -> None:
        """`reset_state`, under its older name."""
        self.reset_state()

    # ---- what fits ----

    def check_input(self, shape: Shape) -> None:
        self.forward_layer.check_input(shape)

    # ---- configuration ----

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": registry.serialize(self.forward_layer),
            "backward_layer": registry.serialize(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Bidirectional:
        layers = {key: registry.deserialize(config.get(key)) for key in ("layer", "backward_layer")}
        return cls(**{**config, **layers})


def remade(layer: Layer, **changes: Any) -> Layer:
    """A new layer with the arguments of this one, but for the changes; it has its own variables."""
    return type(layer).from_config({**layer.get_config(), **changes})
