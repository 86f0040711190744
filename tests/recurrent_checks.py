"""Recurrent layers of all kinds, and how their way back is checked: by finite differences in float64."""

import numpy as np

import cdl
from cdl.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Context,
    GRUCell,
    Layer,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
)

rng = np.random.default_rng(3)
N, T, F, U = 3, 4, 2, 3
X = rng.normal(size=(N, T, F))
# Full, cut off at the end, with holes from the first step on.
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]], bool)
NOTHING = np.zeros((N, T), bool)


def dense_backward(x, kernel, dz):
    return dz @ kernel.value.T, x.T @ dz


class Mixture(Layer):
    """A cell of a user: h' = tanh(x w + h v), m' = m / 2 + h'; y = 2 h' - m'."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, units]
        self.output_size = units

    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1], self.units), name="w")
        self.v = self.add_weight((self.units, self.units), name="v")

    def forward(self, ctx, x, states):
        h, m = states
        new_h = np.tanh(x @ self.w.value + h @ self.v.value)
        new_m = m / 2 + new_h
        ctx.save(x, h, new_h)
        return 2 * new_h - new_m, [new_h, new_m]

    def backward(self, ctx, dy, dstates):
        x, h, new_h = ctx.saved
        dm = dstates[1] - dy
        dz = (2 * dy + dstates[0] + dm) * (1 - new_h**2)
        dx, dw = dense_backward(x, self.w, dz)
        dh, dv = dense_backward(h, self.v, dz)
        self.w.add_gradient(dw)
        self.v.add_gradient(dv)
        return dx, [dh, dm / 2]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Plain:
    """A cell that is no layer, has one state and no variables: y = h' = h / 2 + x."""

    state_size = F

    def forward(self, ctx, x, states):
        h = states[0] / 2 + x
        return h, h

    def backward(self, ctx, dy, dstates):
        return dy + dstates[0], (dy + dstates[0]) / 2


LAYERS = {
    "SimpleRNN": lambda **k: SimpleRNN(U, **k),
    "SimpleRNN relu": lambda **k: SimpleRNN(U, activation="relu", **k),
    "SimpleRNN, step by step": lambda **k: SimpleRNN(U, activation="softplus", **k),
    "LSTM": lambda **k: LSTM(U, **k),
    "LSTM without bias": lambda **k: LSTM(U, use_bias=False, **k),
    "LSTM, step by step": lambda **k: LSTM(U, activation="softsign", recurrent_activation="silu", **k),
    "GRU": lambda **k: GRU(U, **k),
    "GRU without bias": lambda **k: GRU(U, use_bias=False, **k),
    "GRU reset before": lambda **k: GRU(U, reset_after=False, **k),
    "GRU, step by step": lambda **k: GRU(U, activation="elu", **k),
    "GRU reset before, step by step": lambda **k: GRU(U, activation="elu", reset_after=False, use_bias=False, **k),
    "own cell": lambda **k: RNN(Mixture(U), **k),
    "plain cell": lambda **k: RNN(Plain(), **k),
    "stack": lambda **k: RNN([LSTMCell(2), GRUCell(U), SimpleRNNCell(U)], **k),
    "stack, step by step": lambda **k: RNN([Mixture(2), LSTMCell(2), GRUCell(U)], **k),
    "Bidirectional": lambda **k: Bidirectional(LSTM(U, **k)),
    "Bidirectional sum": lambda **k: Bidirectional(GRU(U, **k), merge_mode="sum"),
    "Bidirectional mul": lambda **k: Bidirectional(SimpleRNN(U, **k), merge_mode="mul"),
    "Bidirectional ave": lambda **k: Bidirectional(RNN(GRUCell(U), **k), merge_mode="ave"),
    "Bidirectional None": lambda **k: Bidirectional(GRU(U, **k), merge_mode=None),
}
ONE_WAY = [name for name in LAYERS if "Bidirectional" not in name]


def arrays(result):
    """All arrays of a result, which may be a list in lists."""
    return [a for part in result for a in arrays(part)] if isinstance(result, list) else [result]


def check_slopes(value, array, gradient, what):
    """The gradient of value() with respect to the array, along random directions: one number tells of all elements."""
    kept = array.copy()
    for _ in range(3):
        direction = rng.normal(size=array.shape)
        ends = []
        for step in (1e-5, -1e-5):
            array[...] = kept + step * direction
            ends.append(value())
        array[...] = kept
        np.testing.assert_allclose((gradient * direction).sum(), (ends[0] - ends[1]) / 2e-5, 1e-6, 1e-6, err_msg=what)


def check(make, x=X, mask=None, initial_state=None, training=False):
    """Backward against finite differences of a weighted sum of all that comes out; for x, first states, variables."""
    with cdl.config.set_floatx("float64"):
        layer = make()
        layer(x)
        x = x.copy()
        for variable in layer.weights:
            variable.assign(variable.value + 0.3 * rng.normal(size=variable.shape))
        generators = [inner.seed_generator for inner in layer._flatten_layers() if hasattr(inner, "seed_generator")]
        first = [] if initial_state is None else [initial_state]
        carried = None if not getattr(layer, "stateful", False) else [state.numpy() for state in layer.states]

        def forward():
            for generator in generators:
                generator.stream = 0
            for state, value in zip(layer.states if carried else (), carried or (), strict=True):
                state.assign(value)
            ctx = Context(training=training, mask=mask)
            return ctx, layer.forward(ctx, x, *first)

        ctx, y = forward()
        weights = [rng.normal(size=part.shape) for part in arrays(y)]

        def value():
            return sum(float((w * part).sum()) for w, part in zip(weights, arrays(forward()[1]), strict=True))

        for variable in layer.weights:
            variable.grad = None
        dx = layer.backward(ctx, weights if isinstance(y, list) else weights[0])
        if initial_state is not None:
            dx, *dstates = dx
            assert len(arrays(dstates)) == len(arrays(initial_state))
            for state, dstate in zip(arrays(initial_state), arrays(dstates), strict=True):
                check_slopes(value, state, dstate, "initial_state")
        assert dx.dtype == np.float64
        check_slopes(value, x, dx, "x")
        for variable in layer.trainable_weights:
            check_slopes(value, variable.value, variable.grad, variable.path)
