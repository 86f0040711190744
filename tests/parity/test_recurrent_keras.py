"""Recurrent layers beside Keras: the same weights give the same outputs, states and gradients, masks included; and the
same configurations, paths and classes of errors.
"""

import numpy as np
import pytest
from keras_peer import assert_same_mistake, keras, plain

import cdl

pytestmark = pytest.mark.filterwarnings("ignore")

rng = np.random.default_rng(5)
N, T, F, U = 4, 6, 3, 5
X = rng.normal(size=(N, T, F)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [1, 0, 1, 1, 0, 1], [1, 0, 0, 0, 0, 0]], bool)


def numbers(result):
    """All arrays of a result, in order, as NumPy's."""
    if isinstance(result, list | tuple):
        return [array for part in result for array in numbers(part)]
    return [np.asarray(result) if isinstance(result, np.ndarray) else keras.ops.convert_to_numpy(result)]


def copied(theirs, ours):
    """Weights away from their first values, the same in both layers."""
    values = [(0.4 * rng.normal(size=weight.shape)).astype("float32") for weight in theirs.weights]
    theirs.set_weights(values)
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    ours.set_weights(values)


def gradients_of_keras(layer, directions, x, **arguments):
    """Of the sum of all results times the directions, for x and every weight; by whichever backend is active."""
    if keras.backend.backend() == "torch":
        import torch

        x = torch.tensor(x, requires_grad=True)
        results = flat(layer(x, **arguments))
        total = sum((y * torch.tensor(d)).sum() for y, d in zip(results, directions, strict=True))
        variables = [weight.value for weight in layer.trainable_weights]
        return [g.numpy() for g in torch.autograd.grad(total, [x, *variables])]
    if keras.backend.backend() == "jax":
        import jax

        others = [weight.value for weight in layer.non_trainable_variables]

        def total(x, values):
            results, _ = layer.stateless_call(values, others, x, **arguments)
            return sum((y * d).sum() for y, d in zip(flat(results), directions, strict=True))

        dx, dweights = jax.grad(total, (0, 1))(x, [weight.value for weight in layer.trainable_weights])
        return [np.asarray(g) for g in (dx, *dweights)]
    import tensorflow

    x = tensorflow.Variable(x)
    with tensorflow.GradientTape() as tape:
        results = flat(layer(x, **arguments))
        total = sum(tensorflow.reduce_sum(y * d) for y, d in zip(results, directions, strict=True))
    return [g.numpy() for g in tape.gradient(total, [x, *(w.value for w in layer.trainable_weights)])]


def flat(result):
    return [y for part in result for y in flat(part)] if isinstance(result, list | tuple) else [result]


def compare(make, x=X, mask=None, initial_state=None):
    """Results and gradients of the two layers."""
    theirs, ours = make(keras), make(cdl)
    theirs.build(x.shape)
    ours.build(x.shape)
    copied(theirs, ours)
    arguments = {} if mask is None else {"mask": keras.ops.convert_to_tensor(mask)}
    if initial_state is not None:
        arguments["initial_state"] = [keras.ops.convert_to_tensor(state) for state in initial_state]
    expected = numbers(theirs(x, **arguments))
    ctx = cdl.layers.Context(mask=mask)
    found = ours(x, ctx=ctx, **({} if initial_state is None else {"initial_state": initial_state}))
    assert len(numbers(found)) == len(expected)
    for array, wanted in zip(numbers(found), expected, strict=True):
        np.testing.assert_allclose(array, wanted, rtol=2e-5, atol=2e-6)
    directions = [rng.normal(size=array.shape).astype("float32") for array in expected]
    dx = ours.backward(ctx, packed(directions, found))
    dx = dx[0] if isinstance(dx, list) else dx
    wanted_dx, *wanted = gradients_of_keras(theirs, directions, x, **arguments)
    np.testing.assert_allclose(dx, wanted_dx, rtol=1e-4, atol=1e-5)
    for variable, gradient in zip(ours.trainable_weights, wanted, strict=True):
        np.testing.assert_allclose(variable.grad, gradient, rtol=1e-4, atol=2e-5, err_msg=variable.path)


def packed(arrays, like):
    rest = iter(arrays)

    def pack(part):
        return [pack(inner) for inner in part] if isinstance(part, list | tuple) else next(rest)

    return pack(like)


LAYERS = {
    "SimpleRNN": lambda lib, **k: lib.layers.SimpleRNN(U, **k),
    "SimpleRNN relu": lambda lib, **k: lib.layers.SimpleRNN(U, activation="relu", use_bias=False, **k),
    "SimpleRNN gelu": lambda lib, **k: lib.layers.SimpleRNN(U, activation="gelu", **k),
    "LSTM": lambda lib, **k: lib.layers.LSTM(U, **k),
    "LSTM linear": lambda lib, **k: lib.layers.LSTM(U, activation=None, use_bias=False, **k),
    "LSTM hard_sigmoid": lambda lib, **k: lib.layers.LSTM(U, recurrent_activation="hard_sigmoid", **k),
    "GRU": lambda lib, **k: lib.layers.GRU(U, **k),
    "GRU without bias": lambda lib, **k: lib.layers.GRU(U, use_bias=False, **k),
    "GRU reset before": lambda lib, **k: lib.layers.GRU(U, reset_after=False, **k),
    "GRU relu": lambda lib, **k: lib.layers.GRU(U, activation="relu", **k),
    "GRU reset before, softsign": lambda lib, **k: lib.layers.GRU(U, activation="softsign", reset_after=False, **k),
    "RNN": lambda lib, **k: lib.layers.RNN(lib.layers.GRUCell(U), **k),
    "stack": lambda lib, **k: lib.layers.RNN([lib.layers.LSTMCell(4), lib.layers.LSTMCell(U)], **k),
    "stack relu": lambda lib, **k: lib.layers.RNN(
        [lib.layers.LSTMCell(4), lib.layers.LSTMCell(U, activation="relu")], **k
    ),
}
FLAGS = ("return_sequences", "return_state", "go_backwards")


# Each pair of values of two flags occurs.
@pytest.mark.parametrize("flags", [(0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1)], ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_results_and_gradients_are_those_of_keras(name, flags):
    arguments = dict(zip(FLAGS, map(bool, flags), strict=False))
    compare(lambda lib: LAYERS[name](lib, **arguments))
    mask = MASK[:, ::-1].copy() if flags[2] else MASK  # the first step that is read counts: see below
    compare(lambda lib: LAYERS[name](lib, **arguments), mask=mask)


@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
@pytest.mark.parametrize("name", LAYERS)
def test_zeros_for_masked_steps_are_those_of_keras(name, sequences):
    compare(lambda lib: LAYERS[name](lib, return_sequences=sequences, zero_output_for_mask=True), mask=MASK)


@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("name", [name for name in LAYERS if "stack" not in name])
def test_first_states_are_those_of_keras(name, masked):
    states = [rng.normal(size=(N, U)).astype("float32") for _ in range(2 if "LSTM" in name else 1)]
    mask = MASK if masked else None
    compare(lambda lib: LAYERS[name](lib, return_state=True), mask=mask, initial_state=states)
    compare(lambda lib: LAYERS[name](lib, return_sequences=True), mask=mask, initial_state=states)


@pytest.mark.parametrize("merge_mode", ["sum", "mul", "concat", "ave", None])
@pytest.mark.parametrize("everything", [False, True], ids=["last", "sequences and states"])
def test_bidirectional_is_that_of_keras(everything, merge_mode):
    arguments = {"return_sequences": everything, "return_state": everything}
    compare(lambda lib: bidirectional(lib, LAYERS["LSTM"](lib, **arguments), merge_mode))
    mask = np.logical_or(MASK, np.arange(T) % (T - 1) == 0)  # both readings begin with a step that counts
    compare(lambda lib: bidirectional(lib, LAYERS["GRU reset before"](lib, **arguments), merge_mode), mask=mask)
    states = [rng.normal(size=(N, U)).astype("float32") for _ in range(4)]
    both = {"mask": mask, "initial_state": states}
    compare(lambda lib: bidirectional(lib, LAYERS["LSTM"](lib, **arguments), merge_mode), **both)


def bidirectional(lib, layer, merge_mode, backward_layer=None):
    return lib.layers.Bidirectional(layer, merge_mode=merge_mode, backward_layer=backward_layer)


def test_bidirectional_with_a_backward_layer():
    compare(
        lambda lib: bidirectional(
            lib, lib.layers.LSTM(U), "concat", lib.layers.LSTM(U, activation="relu", go_backwards=True)
        )
    )


@pytest.mark.parametrize("first_is_masked", [False, True])
def test_before_the_first_step_that_counts_outputs_are_zeros(first_is_masked):
    """As in Keras on TensorFlow and torch; on JAX the first state is taken for an output before the first."""
    mask = MASK.copy()
    mask[:, 0] = not first_is_masked
    states = [np.ones((N, U), "float32")]
    if keras.backend.backend() != "jax":
        compare(lambda lib: lib.layers.GRU(U, return_sequences=True), mask=mask, initial_state=states)
    ours = cdl.layers.GRU(U, return_sequences=True)(X, mask=mask, initial_state=states)
    assert (ours[:, 0] == 0).all() == first_is_masked


def test_a_stateful_layer_goes_on_as_in_keras():
    make = lambda lib: lib.layers.LSTM(U, stateful=True, return_sequences=True)  # noqa: E731
    theirs, ours = make(keras), make(cdl)
    theirs.build((N, T, F))
    ours.build((N, T, F))
    copied(theirs, ours)
    for mask in (None, MASK, None):
        found = ours(X) if mask is None else ours(X, mask=mask)
        expected = numbers(theirs(X) if mask is None else theirs(X, mask=keras.ops.convert_to_tensor(mask)))[0]
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)
    for mine, yours in zip(ours.states, theirs.states, strict=True):
        np.testing.assert_allclose(mine.value, numbers(yours.value)[0], rtol=2e-5, atol=2e-6)
    theirs.reset_state()
    ours.reset_state()
    np.testing.assert_allclose(ours(X), numbers(theirs(X))[0], rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("kind", ["SimpleRNNCell", "LSTMCell", "GRUCell"])
def test_a_cell_is_that_of_keras(kind):
    theirs, ours = getattr(keras.layers, kind)(U), getattr(cdl.layers, kind)(U)
    theirs.build((N, F))
    ours.build((N, F))
    copied(theirs, ours)
    states = [rng.normal(size=(N, U)).astype("float32") for _ in range(2 if kind == "LSTMCell" else 1)]
    expected = numbers(theirs(X[:, 0], [keras.ops.convert_to_tensor(state) for state in states]))
    for array, wanted in zip(numbers(ours(X[:, 0], states)), expected, strict=True):
        np.testing.assert_allclose(array, wanted, rtol=2e-5, atol=2e-6)
    assert ours.state_size == theirs.state_size
    assert ours.output_size == theirs.output_size
    assert [s.shape for s in ours.get_initial_state(3)] == [tuple(s.shape) for s in theirs.get_initial_state(3)]


def test_time_distributed_is_that_of_keras():
    compare(lambda lib: lib.layers.TimeDistributed(lib.layers.Dense(2, activation="tanh")), mask=MASK)
    x = rng.normal(size=(2, 3, 8, 8, 2)).astype("float32")
    compare(lambda lib: lib.layers.TimeDistributed(lib.layers.Conv2D(4, 3)), x=x)


# ------------------------------------------------------------------------------------------------ what is visible

EVERYTHING = {
    "kernel_initializer": "he_normal",
    "recurrent_initializer": "glorot_uniform",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "recurrent_regularizer": "l2",
    "bias_regularizer": "l2",
    "kernel_constraint": "max_norm",
    "recurrent_constraint": "unit_norm",
    "bias_constraint": "non_neg",
    "dropout": 0.1,
    "recurrent_dropout": 0.2,
    "seed": 3,
    "name": "mine",
}
CONFIGURED = {
    **LAYERS,
    "SimpleRNNCell": lambda lib: lib.layers.SimpleRNNCell(U, **EVERYTHING),
    "LSTMCell": lambda lib: lib.layers.LSTMCell(U, unit_forget_bias=False, **EVERYTHING),
    "GRUCell": lambda lib: lib.layers.GRUCell(U, reset_after=False, **EVERYTHING),
    "LSTM, all": lambda lib: lib.layers.LSTM(
        U, **EVERYTHING, activity_regularizer="l2", return_sequences=True, return_state=True, go_backwards=True
    ),
    "GRU, all": lambda lib: lib.layers.GRU(U, **EVERYTHING, stateful=True, unroll=True, zero_output_for_mask=True),
    "LSTM, frozen": lambda lib: lib.layers.LSTM(U, trainable=False, dtype="float64"),
    "StackedRNNCells": lambda lib: lib.layers.StackedRNNCells([lib.layers.LSTMCell(2), lib.layers.GRUCell(3)]),
    "Bidirectional": lambda lib: lib.layers.Bidirectional(lib.layers.GRU(U, return_sequences=True)),
    "Bidirectional, named": lambda lib: lib.layers.Bidirectional(
        lib.layers.LSTM(U, name="l"), merge_mode=None, name="b"
    ),
    "TimeDistributed": lambda lib: lib.layers.TimeDistributed(lib.layers.Dense(2)),
}


@pytest.mark.parametrize("name", CONFIGURED)
def test_the_configuration_is_that_of_keras(name, names_begin_anew):
    ours, theirs = plain(CONFIGURED[name](cdl).get_config()), plain(CONFIGURED[name](keras).get_config())
    if name.startswith("SimpleRNN") and "Cell" not in name:
        assert ours.pop("seed") is None  # Keras forgets it
    assert ours == theirs


@pytest.mark.parametrize("name", CONFIGURED)
def test_a_configuration_goes_from_one_to_the_other(name, names_begin_anew):
    theirs, ours = CONFIGURED[name](keras), CONFIGURED[name](cdl)
    again = cdl.layers.deserialize(keras.layers.serialize(theirs))
    assert plain(again.get_config()) == plain(ours.get_config())
    back = keras.layers.deserialize(cdl.layers.serialize(ours))
    assert plain(back.get_config()) == plain(theirs.get_config())


@pytest.mark.parametrize("name", [name for name in CONFIGURED if "Cell" not in name])
def test_names_paths_shapes_and_first_values_are_those_of_keras(name, names_begin_anew):
    theirs, ours = CONFIGURED[name](keras), CONFIGURED[name](cdl)
    shape = (N, T, F)
    theirs.build(shape)
    ours.build(shape)
    found = [(w.name, w.path, w.shape, w.trainable) for w in ours.weights]
    assert found == [(w.name, w.path, tuple(w.shape), w.trainable) for w in theirs.weights]
    assert plain(ours.compute_output_shape(shape)) == plain(theirs.compute_output_shape(shape))
    for mine, yours in zip(ours.weights, theirs.weights, strict=True):
        if mine.name == "bias":
            np.testing.assert_array_equal(mine.value, numbers(yours.value)[0])


def test_paths_in_a_model_are_those_of_keras(names_begin_anew):
    def model(lib):
        return lib.Sequential(
            [
                lib.layers.Input((T, F)),
                lib.layers.Bidirectional(lib.layers.LSTM(2, return_sequences=True)),
                lib.layers.RNN([lib.layers.GRUCell(2), lib.layers.LSTMCell(2)], return_sequences=True),
                lib.layers.TimeDistributed(lib.layers.Dense(1)),
            ]
        )

    assert [w.path for w in model(cdl).weights] == [w.path for w in model(keras).weights]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda lib: lib.layers.LSTM(0),
        lambda lib: lib.layers.GRU(-1),
        lambda lib: lib.layers.RNN(3),
        lambda lib: lib.layers.StackedRNNCells([lib.layers.Dense(3)]),
        lambda lib: lib.layers.RNN(lib.layers.Dense(3)),
        lambda lib: lib.layers.LSTM(3, wrong=1),
        lambda lib: lib.layers.LSTM(3, activation="none such"),
        lambda lib: lib.layers.LSTM(3)(X[0]),
        lambda lib: lib.layers.Bidirectional(3),
        lambda lib: lib.layers.Bidirectional(lib.layers.LSTM(3), merge_mode="max"),
        lambda lib: lib.layers.Bidirectional(lib.layers.LSTM(3), backward_layer=3),
        lambda lib: lib.layers.Bidirectional(lib.layers.LSTM(3), backward_layer=lib.layers.LSTM(3)),
        lambda lib: lib.layers.Bidirectional(
            lib.layers.LSTM(3), backward_layer=lib.layers.LSTM(3, go_backwards=True, return_sequences=True)
        ),
        lambda lib: lib.layers.Bidirectional(lib.layers.LSTM(3)).reset_state(),
        lambda lib: lib.layers.TimeDistributed(3),
        lambda lib: lib.layers.TimeDistributed(lib.layers.Dense(3))(X[0]),
        lambda lib: other_batch(lib),
    ],
)
def test_errors_have_the_classes_of_keras(wrong):
    assert_same_mistake(wrong)


def other_batch(lib):
    layer = lib.layers.LSTM(3, stateful=True)
    layer(X)
    layer(X[:2])
