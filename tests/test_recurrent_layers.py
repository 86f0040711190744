"""Recurrent layers: derivatives by finite differences in float64 (masks and states included), and what each argument
promises.
"""

import numpy as np
import pytest

import cdl
from cdl.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNormalization,
    Bidirectional,
    Context,
    Conv1D,
    Dense,
    Dropout,
    GRUCell,
    Layer,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    TimeDistributed,
)

BACKENDS = [name for name, module in cdl.backend.BACKENDS.items() if hasattr(module, "lstm")]


@pytest.fixture(autouse=True, params=BACKENDS)
def backend(request):
    with cdl.config.set_backend(request.param):
        yield request.param


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


@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
@pytest.mark.parametrize("name", LAYERS)
def test_the_gradient_is_that_of_finite_differences(name, sequences, masked):
    check(lambda: LAYERS[name](return_sequences=sequences), mask=MASK if masked else None)


@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
@pytest.mark.parametrize("name", LAYERS)
def test_the_gradient_with_states_in_and_out(name, sequences, masked):
    with cdl.config.set_floatx("float64"):
        layer = LAYERS[name](return_sequences=sequences)
        layer.build((None, T, F))
        ends = layer.pair if "Bidirectional" in name else [layer]
        first = [rng.normal(size=state.shape) for end in ends for state in arrays(end.get_initial_state(N))]
    mask = MASK if masked else None
    check(lambda: LAYERS[name](return_sequences=sequences, return_state=True), mask=mask, initial_state=first)


@pytest.mark.parametrize("name", ONE_WAY)
def test_the_gradient_of_the_other_arguments(name):
    make = LAYERS[name]
    check(lambda: make(go_backwards=True, return_sequences=True), mask=MASK)
    check(lambda: make(go_backwards=True))
    check(lambda: make(zero_output_for_mask=True, return_sequences=True), mask=MASK)
    check(lambda: make(return_state=True), mask=NOTHING)
    check(make, x=X[:1, :1].copy())
    if "stack" not in name:
        check(lambda: make(stateful=True, return_sequences=True), mask=MASK)


@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("rates", [(0.4, 0.0), (0.0, 0.4), (0.3, 0.5)], ids=["dropout", "recurrent", "both"])
@pytest.mark.parametrize("name", [name for name in LAYERS if "cell" not in name and name[:5] not in ("stack", "Bidir")])
def test_the_gradient_with_dropout(name, rates, masked):
    make = LAYERS[name]
    arguments = {"dropout": rates[0], "recurrent_dropout": rates[1], "seed": 4, "return_sequences": True}
    check(lambda: make(**arguments), training=True, mask=MASK if masked else None)
    check(lambda: RNN([make(**arguments).cell, GRUCell(2, dropout=0.3, seed=1)]), training=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: TimeDistributed(Dense(3, activation="tanh")),
        lambda: TimeDistributed(Dropout(0.5, seed=2)),
        lambda: TimeDistributed(BatchNormalization()),
    ],
)
def test_the_gradient_of_time_distributed(make):
    check(make, mask=MASK, training=True)


def test_the_gradient_of_time_distributed_sequences():
    x = rng.normal(size=(2, 3, 4, 2))
    check(lambda: TimeDistributed(Conv1D(2, 2)), x=x)
    check(lambda: TimeDistributed(LSTM(2)), x=x)


# ------------------------------------------------------------------------------------------------------- learning


@pytest.mark.parametrize("make", [lambda: SimpleRNN(12), lambda: LSTM(12), lambda: GRU(12), lambda: RNN(Mixture(12))])
def test_a_layer_learns_to_remember(make):
    """The sign of the first number, behind five of noise."""
    cdl.utils.set_random_seed(1)
    noise = np.random.default_rng(0)
    x = noise.normal(size=(256, 6, 1)).astype("float32")
    y = (x[:, 0] > 0).astype("float32")
    model = cdl.Sequential([make(), Dense(1, activation="sigmoid")])
    model.compile(cdl.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=20, verbose=0)
    test = noise.normal(size=(200, 6, 1)).astype("float32")
    assert ((model.predict(test, verbose=0) > 0.5) == (test[:, 0] > 0)).mean() > 0.9
