"""What the arguments of recurrent layers promise, their configurations, their errors, and their place in models."""

import numpy as np
import pytest
from layer_checks import check_configuration
from recurrent_checks import LAYERS, MASK, NOTHING, F, Mixture, N, T, U, X, arrays, rng

import cdl
from cdl.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Context,
    Conv1D,
    Dense,
    GRUCell,
    Layer,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
    TimeDistributed,
)

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


# --------------------------------------------------------------------------------------------- what arguments promise

CELLS = {
    "SimpleRNN": lambda **k: SimpleRNN(U, **k),
    "LSTM": lambda **k: LSTM(U, **k),
    "GRU": lambda **k: GRU(U, **k),
    "GRU reset before": lambda **k: GRU(U, reset_after=False, **k),
    "stack": lambda **k: RNN([LSTMCell(2), GRUCell(U)], **k),
}
x32 = X.astype("float32")


@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("name", CELLS)
def test_both_ways_through_a_sequence_are_one(name, masked):
    """The primitive over all steps, and the loop over the steps of the cell."""
    layer = CELLS[name](return_sequences=True, return_state=True)
    layer.build((None, T, F))
    mask = MASK if masked else None
    ways = {}
    for way in (layer.cell, layer._step_by_step):
        layer.way = lambda training, way=way: way
        for variable in layer.weights:
            variable.grad = None
        ctx = Context(mask=mask)
        results = arrays(layer.forward(ctx, x32, [np.full_like(s, 0.3) for s in arrays(layer.get_initial_state(N))]))
        gradients = layer.backward(ctx, [np.cos(7 * y) for y in results])
        ways[way] = [*results, *arrays(gradients), *(variable.grad for variable in layer.weights)]
    for fused, stepped in zip(*ways.values(), strict=True):
        np.testing.assert_allclose(fused, stepped, rtol=1e-4, atol=1e-5)


def test_a_step_of_ones_own_is_taken():
    class Doubled(GRUCell):
        def forward(self, ctx, x, states):
            y, states = super().forward(ctx, x, states)
            return 2 * y, states

    layer, plain = RNN(Doubled(U)), GRU(U)
    layer.build((None, T, F))
    plain.build((None, T, F))
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(x32), 2 * plain(x32), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("cell", "training", "fuses"),
    [
        (LSTMCell(3), True, True),
        (LSTMCell(3, dropout=0.5), True, True),
        (LSTMCell(3, recurrent_dropout=0.5), False, True),
        (LSTMCell(3, recurrent_dropout=0.5), True, False),
        (LSTMCell(3, activation="relu"), False, False),
        (GRUCell(3, recurrent_activation="hard_sigmoid"), False, False),
        (SimpleRNNCell(3, activation="relu"), False, True),
        (SimpleRNNCell(3, activation="gelu"), False, False),
        (StackedRNNCells([LSTMCell(3), GRUCell(2)]), True, True),
        (StackedRNNCells([LSTMCell(3), Mixture(2)]), False, False),
    ],
)
def test_which_way_is_taken(cell, training, fuses):
    layer = RNN(cell)
    assert layer.way(training) is (cell if fuses else layer._step_by_step)


@pytest.mark.parametrize("name", CELLS)
def test_masked_steps_have_no_influence(name):
    layer = CELLS[name](return_sequences=True, return_state=True)
    changed = np.where(MASK[:, :, None], x32, 99).astype("float32")
    for mine, other in zip(arrays(layer(x32, mask=MASK)), arrays(layer(changed, mask=MASK)), strict=True):
        np.testing.assert_array_equal(mine, other)
    y, *_ = layer(x32, mask=MASK)
    np.testing.assert_array_equal(y[1, 2:], y[1, [1, 1]])  # the output is repeated
    np.testing.assert_array_equal(y[2, 0], 0)
    np.testing.assert_allclose(y[:, :2], layer(x32[:, :2], mask=MASK[:, :2])[0], rtol=1e-6)


@pytest.mark.parametrize("name", [*CELLS, "own cell"])
def test_without_any_step_that_counts_states_stay_and_outputs_are_zeros(name):
    layer = {**CELLS, "own cell": LAYERS["own cell"]}[name](return_state=True)
    layer.build((None, T, F))
    first = [np.full_like(state, 0.7) for state in arrays(layer.get_initial_state(N))]
    y, *states = layer(x32, mask=NOTHING, initial_state=first)
    np.testing.assert_array_equal(y, 0)
    for state, given in zip(arrays(states), first, strict=True):
        np.testing.assert_array_equal(state, given)
    ctx = Context(mask=NOTHING)
    layer.forward(ctx, x32)
    dx = layer.backward(ctx, [np.ones_like(y), *([None] * len(first))])
    np.testing.assert_array_equal(dx, 0)


def test_zero_output_for_mask():
    layer = LSTM(U, return_sequences=True, zero_output_for_mask=True)
    y = layer(x32, mask=MASK)
    assert ((y == 0).all(axis=-1) == ~MASK).all()


@pytest.mark.parametrize("name", CELLS)
def test_a_sequence_in_two_parts(name):
    """States out of the first part and into the second: as if there were one; and the same for a stateful layer."""
    whole = CELLS[name](return_sequences=True, return_state=True)
    y, *last = whole(x32)
    first, *states = whole(x32[:, :3])
    second, *again = whole(x32[:, 3:], initial_state=states)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), y, rtol=1e-5, atol=1e-6)
    for state, other in zip(arrays(again), arrays(last), strict=True):
        np.testing.assert_allclose(state, other, rtol=1e-5, atol=1e-6)
    stateful = CELLS[name](return_sequences=True, stateful=True)
    stateful.build((None, T, F))
    stateful.set_weights(whole.get_weights())
    for _ in range(2):
        parts = [stateful(x32[:, :3]), stateful(x32[:, 3:])]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), y, rtol=1e-5, atol=1e-6)
        for state, other in zip(arrays(stateful.states), arrays(last), strict=True):
            np.testing.assert_allclose(state.value, other, rtol=1e-5, atol=1e-6)
        stateful.reset_states()


def test_a_stateful_layer_keeps_what_its_way_back_needs():
    """Two forward passes, then back through both."""
    layer = LSTM(U, stateful=True)
    layer(x32)
    layer.reset_state()
    contexts = [Context(), Context()]
    y = [layer.forward(ctx, x32) for ctx in contexts]
    dx = [layer.backward(ctx, np.ones_like(y[0])) for ctx in contexts]
    alone = LSTM(U)
    alone.build((None, T, F))
    alone.set_weights(layer.get_weights())
    ctx = Context()
    alone.forward(ctx, x32)
    np.testing.assert_array_equal(alone.backward(ctx, np.ones_like(y[0])), dx[0])
    assert not np.allclose(dx[0], dx[1])


def test_a_stateful_layer_in_training_and_prediction():
    model = cdl.Sequential([LSTM(4, stateful=True), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x32, x32[:, 0, :1], batch_size=N, epochs=2, shuffle=False, verbose=0)
    layer = model.layers[0]
    assert layer.states[0].shape == (N, 4)
    assert layer.states[0].value.any()
    assert not any("rnn_state" in variable.path for variable in model.weights)
    with pytest.raises(ValueError, match=r"batch size of the input sequences must be the same.*\n.*3.*\n.*1\n.*reset"):
        model.predict(x32[:1], verbose=0)
    layer.reset_state()
    assert not layer.states[0].value.any()
    assert model.predict(x32[:1], verbose=0).shape == (1, 1)
    assert layer.states[0].shape == (1, 4)


def test_a_batch_size_that_the_model_was_built_for_stays():
    model = cdl.Sequential([cdl.layers.Input(batch_shape=(N, T, F)), GRU(4, stateful=True)])
    assert model.layers[0].states[0].shape == (N, 4)
    with pytest.raises(ValueError, match="batch size"):
        model(x32[:1])


def test_go_backwards_reads_from_the_end():
    layer = GRU(U, return_sequences=True)
    backwards = GRU(U, return_sequences=True, go_backwards=True)
    backwards.build((None, T, F))
    layer.build((None, T, F))
    backwards.set_weights(layer.get_weights())
    np.testing.assert_array_equal(backwards(x32, mask=MASK), layer(x32[:, ::-1], mask=MASK[:, ::-1]))


def test_bidirectional_puts_both_readings_of_a_step_together():
    layer = Bidirectional(LSTM(U, return_sequences=True))
    y = layer(x32)
    forwards, backwards = layer.pair
    np.testing.assert_array_equal(y[..., :U], forwards(x32))
    np.testing.assert_array_equal(y[..., U:], backwards(x32)[:, ::-1])
    assert not np.array_equal(forwards.get_weights()[0], backwards.get_weights()[0])
    weights = [np.full_like(weight, 0.1) for weight in layer.get_weights()]
    again = Bidirectional(LSTM(U), weights=weights)
    again(x32)
    np.testing.assert_array_equal(again.get_weights()[3], weights[3])


@pytest.mark.parametrize("name", LAYERS)
def test_long_sequences_single_steps_and_single_samples(name):
    layer = LAYERS[name](return_sequences=True)
    x = rng.normal(size=(1, 1000, F)).astype("float32")
    ctx = Context()
    y = layer(x, ctx=ctx)
    dx = layer.backward(ctx, [np.ones_like(part) for part in y] if isinstance(y, list) else np.ones_like(y))
    assert dx.shape == x.shape
    assert all(np.isfinite(part).all() for part in [dx, *arrays(y), *(v.grad for v in layer.weights)])
    if "Bidirectional" not in name:
        np.testing.assert_allclose(layer(x[:, :1]), y[:, :1], rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------------------------------------------- dropout


@pytest.mark.parametrize("name", [name for name in CELLS if name != "stack"])
def test_dropout_leaves_out_the_same_inputs_in_all_steps(name):
    """With x of ones, kernel of ones and no recurrence, the output tells how many inputs were left."""
    layer = CELLS[name](dropout=0.5, seed=1, return_sequences=True)
    x = np.ones((200, 4, 50), "float32")
    layer.build(x.shape)
    kernel, recurrent_kernel, bias = layer.weights
    kernel.assign(np.full(kernel.shape, 0.001))
    recurrent_kernel.assign(np.zeros(recurrent_kernel.shape))
    bias.assign(np.zeros(bias.shape))
    cell_layer = SimpleRNN(U, activation="linear", dropout=0.5, seed=1, return_sequences=True)
    cell_layer.build(x.shape)
    cell_layer.set_weights([np.full((50, U), 1.0), np.zeros((U, U)), np.zeros(U)])
    left = cell_layer(x, training=True) / 2
    np.testing.assert_array_equal(left, np.broadcast_to(left[:, :1, :1], left.shape))
    assert abs(left.mean() - 25) < 1
    assert left[:, 0, 0].std() > 2
    assert not np.array_equal(left, cell_layer(x, training=True) / 2)
    np.testing.assert_array_equal(cell_layer(x), 50)
    # What the gates make of it: 2 * left * 0.001 in place of 50 * 0.001.
    np.testing.assert_array_equal(layer(x), layer(x, training=False))
    expected = CELLS[name](return_sequences=True)
    expected.build(x.shape)
    expected.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(x, training=True), expected(x * (2 * left[:, :, :1] / 50)), rtol=1e-4, atol=1e-7)


def test_recurrent_dropout_leaves_out_the_same_state_in_all_steps():
    layer = SimpleRNN(40, activation="linear", use_bias=False, recurrent_dropout=0.25, seed=3, return_sequences=True)
    x = np.zeros((300, 4, 1), "float32")
    layer.build(x.shape)
    layer.set_weights([np.zeros((1, 40)), np.eye(40)])
    y = layer(x, training=True, initial_state=np.ones((300, 40)))
    assert abs((y[:, 0] == 0).mean() - 0.25) < 0.02
    np.testing.assert_allclose(y[:, 3], y[:, 0] ** 4, rtol=1e-5)
    np.testing.assert_array_equal(layer(x, initial_state=np.ones((300, 40))), 1)


@pytest.mark.parametrize(("kind", "gates"), [(LSTMCell, 4), (GRUCell, 3)])
def test_with_recurrent_dropout_each_gate_has_its_own(kind, gates):
    x, h = np.ones((50, 6), "float32"), np.ones((50, 8), "float32")
    drop, recurrent_drop = kind(8, dropout=0.5, recurrent_dropout=0.5).drops(Context(training=True), x, h)
    assert drop.shape == (gates, 50, 6)
    assert recurrent_drop.shape == (gates, 50, 8)
    assert not np.array_equal(recurrent_drop[0], recurrent_drop[1])
    drop, recurrent_drop = kind(8, dropout=0.5).drops(Context(training=True), x, h)
    assert drop.shape == (1, 50, 6)
    assert recurrent_drop is None


def test_dropout_of_everything():
    layer = LSTM(U, dropout=1.0)
    np.testing.assert_array_equal(layer(x32, training=True), layer(np.zeros_like(x32)))


# ------------------------------------------------------------------------------------- variables, configuration, errors


def test_first_values():
    lstm, gru = LSTM(8), GRU(8)
    lstm.build((None, T, F))
    gru.build((None, T, F))
    np.testing.assert_array_equal(lstm.weights[2].value, np.repeat([0, 1, 0, 0], 8))
    recurrent = lstm.weights[1].value
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(8), atol=1e-5)
    assert [weight.shape for weight in gru.weights] == [(F, 24), (8, 24), (2, 24)]
    assert lstm.units == 8
    assert lstm.recurrent_activation is cdl.activations.sigmoid


def test_penalties_constraints_and_frozen_variables():
    layer = LSTM(4, kernel_regularizer="l2", recurrent_constraint="non_neg", bias_regularizer="l1")
    model = cdl.Sequential([layer, Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x32, x32[:, 0, :1], epochs=1, verbose=0)
    kernel, recurrent_kernel, bias = layer.weights
    np.testing.assert_allclose(
        sum(layer.losses), 0.01 * ((kernel.value**2).sum() + np.abs(bias.value).sum()), rtol=1e-5
    )
    assert (recurrent_kernel.value >= 0).all()
    layer.cell.kernel.trainable = False
    before = layer.get_weights()
    Layer.structure_version += 1
    model.fit(x32, x32[:, 0, :1], epochs=1, verbose=0)
    np.testing.assert_array_equal(kernel.value, before[0])
    assert not np.array_equal(recurrent_kernel.value, before[1])
    for frozen in (LSTM(4, trainable=False), RNN(LSTMCell(4), trainable=False), Bidirectional(GRU(2), trainable=False)):
        frozen.build((None, T, F))
        assert frozen.trainable_weights == []


def test_an_activity_penalty():
    model = cdl.Sequential([GRU(4, activity_regularizer=cdl.regularizers.L2(0.5)), Dense(1)])
    model.compile("sgd", "mse")
    y = model.layers[0](x32)
    loss = model.evaluate(x32, model(x32), verbose=0)
    np.testing.assert_allclose(loss, 0.5 * (y**2).sum() / N, rtol=1e-5)


def test_a_backward_layer_of_another_size():
    other = GRU(2, return_sequences=True, go_backwards=True)
    layer = Bidirectional(LSTM(3, return_sequences=True), backward_layer=other)
    model = cdl.Sequential([layer, LSTM(2), Dense(1)])
    assert model(x32).shape == (N, 1) and layer.compute_output_shape((None, T, F)) == (None, T, 5)
    with pytest.raises(ValueError, match=r"merge_mode='sum' .* \(None, 4, 3\) and \(None, 4, 2\)"):
        Bidirectional(LSTM(3, return_sequences=True), "sum", backward_layer=other).build((None, T, F))


@pytest.mark.parametrize("sequences", [False, True])
def test_activity_penalties_in_both_directions(sequences):
    layer = Bidirectional(GRU(2, activity_regularizer=cdl.regularizers.L2(0.5), return_sequences=sequences), "sum")
    model = cdl.Sequential([layer, Dense(1)])
    model.compile(cdl.optimizers.SGD(1.0), "mse")
    both = [one(x32) for one in (layer.forward_layer, layer.backward_layer) if layer(x32) is not None]
    penalty = 0.5 * sum((y**2).sum() for y in both) / N
    np.testing.assert_allclose(model.evaluate(x32, model(x32), verbose=0), penalty, rtol=1e-5)

    bias = layer.backward_layer.cell.bias.value
    before, step = bias.copy(), 1e-2
    penalties = []
    for bias[0, 0] in (before[0, 0] + step, before[0, 0] - step):
        penalties.append(0.5 * (layer.backward_layer(x32) ** 2).sum() / N)
    bias[...] = before
    model.train_on_batch(x32, model(x32))  # of which nothing is left but the penalties
    np.testing.assert_allclose(before[0, 0] - bias[0, 0], (penalties[0] - penalties[1]) / (2 * step), rtol=1e-2)


@pytest.mark.parametrize("name", [*(name for name in LAYERS if name != "plain cell"), "TimeDistributed"])
def test_a_layer_comes_back_from_its_configuration(name):
    layer = TimeDistributed(Dense(2)) if name == "TimeDistributed" else LAYERS[name](zero_output_for_mask=True)
    with cdl.utils.custom_object_scope({"Mixture": Mixture}):
        check_configuration(layer, x32)


@pytest.mark.parametrize(
    "cell",
    [
        LSTMCell(3, unit_forget_bias=False, dropout=0.1, seed=3),
        StackedRNNCells([GRUCell(3, reset_after=False), SimpleRNNCell(2, activation="relu")]),
    ],
)
def test_a_cell_comes_back_from_its_configuration(cell):
    copy = cdl.layers.deserialize(cdl.layers.serialize(cell))
    assert type(copy) is type(cell)
    assert copy.get_config() == cell.get_config()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: LSTM(0), "`units`, expected a positive integer"),
        (lambda: GRU(2.5), "`units`, expected a positive integer"),
        (lambda: RNN(3), "`cell` should have a `forward"),
        (lambda: RNN(Dense(3)), "should have a `state_size` attribute"),
        (lambda: RNN([LSTMCell(3), Dense(3)]), "should have a `state_size` attribute"),
        (lambda: LSTM(3, use_cudnn=True), "cdl computes on CPUs"),
        (lambda: LSTM(3)(x32[0]), r"LSTM 'lstm\w*': input has 2 axes .* but 3 are needed"),
        (lambda: RNN(LSTMCell(3))(x32[0]), "input has 2 axes"),
        (lambda: LSTM(3)(x32[:, :0]), "the sequences have no steps"),
        (lambda: LSTM(3).build((None, None, None)), "the number of features must be known"),
        (lambda: twice(LSTM(3), x32, x32[..., :1]), "input has 1 features, but the cell was built for 2"),
        (
            lambda: LSTM(3)(x32, initial_state=[np.zeros((N, 3))]),
            r"initial_state has shapes \[\(3, 3\)\], but 3 samples",
        ),
        (lambda: GRU(3)(x32, initial_state=np.zeros((N, 4))), r"initial_state has shapes \[\(3, 4\)\], but 3 samples"),
        (lambda: GRU(3)(x32, mask=MASK[:, 1:]), r"mask has shape \(3, 3\), but the input has .* \(3, 4\)"),
        (lambda: Bidirectional(3), "initialize `Bidirectional` layer with"),
        (lambda: Bidirectional(LSTM(3), merge_mode="max"), "Invalid merge mode"),
        (lambda: Bidirectional(LSTM(3), backward_layer=LSTM(3)), "different `go_backwards` value"),
        (lambda: Bidirectional(LSTM(3))(x32, initial_state=np.zeros((N, 3))), "initial_state is a list"),
        (lambda: TimeDistributed(3), "initialize `TimeDistributed` layer with"),
        (lambda: TimeDistributed(Dense(3))(x32[0]), "at least 3 dimensions"),
        (lambda: TimeDistributed(Dense(3))(x32, mask=MASK[:, 1:]), "incompatible with the input shape"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def twice(layer, x, other):
    layer(x)
    layer(other)


def test_a_cell_without_a_derivative_says_so():
    class OneWay(Layer):
        state_size = 2

        def forward(self, ctx, x, states):
            return x, states

    layer = RNN(OneWay())
    ctx = Context()
    y = layer(x32, ctx=ctx)
    with pytest.raises(NotImplementedError, match="OneWay does not define backward"):
        layer.backward(ctx, y)


def test_reset_state_of_layers_without_states():
    LSTM(3).reset_state()
    with pytest.raises(AttributeError, match="must be stateful"):
        Bidirectional(LSTM(3)).reset_state()


# ------------------------------------------------------------------------------------------------------- in models


def test_masks_reach_recurrent_layers_in_a_model():
    """Zeros behind a sentence change nothing."""
    model = cdl.Sequential(
        [
            cdl.layers.Embedding(10, 4, mask_zero=True),
            Bidirectional(LSTM(3, return_sequences=True)),
            GRU(3),
            Dense(1),
        ]
    )
    words = rng.integers(1, 10, (5, 6))
    np.testing.assert_allclose(model(words), model(np.pad(words, ((0, 0), (0, 3)))), rtol=1e-5, atol=1e-6)


def test_time_distributed_is_the_layer_at_each_step():
    layer = Conv1D(3, 2, activation="relu")
    x = rng.normal(size=(2, 3, 5, 4)).astype("float32")
    y = TimeDistributed(layer)(x)
    np.testing.assert_allclose(y, np.stack([layer(x[:, s]) for s in range(3)], axis=1), rtol=1e-5, atol=1e-6)


def test_time_distributed_hands_on_what_a_mask_says_about_each_step():
    layer = LSTM(3)
    x = rng.normal(size=(2, 3, 5, 4)).astype("float32")
    mask = rng.random((2, 3, 5)) < 0.7
    y = TimeDistributed(layer)(x, mask=mask)
    np.testing.assert_allclose(y[:, 1], layer(x[:, 1], mask=mask[:, 1]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", [LSTM(2, return_state=True), Bidirectional(GRU(2), merge_mode=None)])
def test_a_layer_with_several_outputs_has_no_place_in_a_chain(layer):
    with pytest.raises(ValueError, match=rf"{layer.who} has [23] outputs"):
        cdl.Sequential([cdl.Input((4, 3)), layer])
