"""The derivatives of recurrent layers, masks and states included."""

import pytest
from recurrent_checks import LAYERS, MASK, NOTHING, ONE_WAY, F, N, T, U, X, arrays, check, check_slopes, rng

import cdl
from cdl.layers import (
    LSTM,
    RNN,
    BatchNormalization,
    Context,
    Conv1D,
    Dense,
    Dropout,
    GRUCell,
    TimeDistributed,
)


@pytest.fixture(autouse=True, params=["native", "reference"])
def backend(request):
    with cdl.config.set_backend(request.param):
        yield


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


@pytest.mark.parametrize("rates", [(0.4, 0.0), (0.0, 0.4), (0.3, 0.5)], ids=["dropout", "recurrent", "both"])
@pytest.mark.parametrize("name", [name for name in LAYERS if "cell" not in name and name[:5] not in ("stack", "Bidir")])
def test_the_gradient_with_dropout(name, rates):
    make = LAYERS[name]
    arguments = {"dropout": rates[0], "recurrent_dropout": rates[1], "seed": 4, "return_sequences": True}
    check(lambda: make(**arguments), training=True, mask=MASK)
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


def test_an_encoder_and_a_decoder():
    """States of one layer into another, and their gradients back; the encoder's output itself is not used."""
    with cdl.config.set_floatx("float64"):
        encoder, decoder = LSTM(U, return_state=True), LSTM(U, return_sequences=True)
        source, target = X.copy(), rng.normal(size=(N, 2, F))
        encoder(source)
        decoder(target)
        weight = rng.normal(size=(N, 2, U))

        def forward(contexts):
            _, *states = encoder.forward(contexts[0], source)
            return decoder.forward(contexts[1], target, states)

        contexts = [Context(), Context()]
        forward(contexts)
        _, dh, dc = decoder.backward(contexts[1], weight)
        dsource = encoder.backward(contexts[0], [None, dh, dc])
        check_slopes(lambda: float((weight * forward([Context(), Context()])).sum()), source, dsource, "source")
