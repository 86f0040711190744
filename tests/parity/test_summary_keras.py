"""`summary` prints what Keras prints, character for character."""

import numpy as np
import pytest

import cdl

keras = pytest.importorskip("keras")


def text(model, **arguments):
    printed = []
    model.summary(print_fn=printed.append, **arguments)
    assert len(printed) == 1
    return printed[0]


def digits(kit):
    return kit.Sequential(
        [
            kit.layers.Input((28, 28), name="image"),
            kit.layers.Flatten(name="flatten"),
            kit.layers.Dense(128, activation="relu", name="hidden"),
            kit.layers.Dropout(0.2, name="drop"),
            kit.layers.Dense(10, name="out"),
        ],
        name="digits",
    )


def frozen(kit):
    model = digits(kit)
    model.layers[1].trainable = False
    return model


def convolutional(kit):
    layers = kit.layers
    return kit.Sequential(
        [
            layers.Input((None, 32, 3), name="x"),
            layers.Conv2D(8, 3, name="a_convolution_with_a_name_that_is_longer_than_its_column"),
            layers.BatchNormalization(name="norm of the batch, in several words"),
            layers.GlobalAveragePooling2D(name="层层层层层层层层层层层层层层层层层"),
            layers.Dense(300_000, name="large"),
        ],
        name="photos",
    )


def nested(kit):
    layers = kit.layers
    inner = kit.Sequential([layers.Input((8,)), layers.Dense(4, name="below"), layers.Dense(3, name="up")], name="in")
    middle = kit.Sequential([layers.Input((8,)), inner, layers.ReLU(name="relu")], name="middle")
    return kit.Sequential([layers.Input((8,)), middle, layers.Dense(2, name="last")], name="outer")


def functional(kit):
    model = digits(kit)
    return kit.Model(model.inputs, model.layers[2].output, name="part")


def unbuilt(kit):
    return kit.Sequential([kit.layers.Dense(4, name="a"), kit.layers.Dense(3, name="b")], name="unbuilt")


def empty(kit):
    return kit.Sequential(name="empty")


def recurrent(kit):
    layers = kit.layers
    return kit.Sequential(
        [
            layers.Input((None,), name="words"),
            layers.Embedding(1000, 16, name="embedding"),
            layers.Bidirectional(layers.LSTM(8, return_sequences=True, name="lstm"), name="both_ways"),
            layers.GRU(4, name="gru"),
        ],
        name="sequences",
    )


MODELS = [digits, frozen, convolutional, nested, functional, unbuilt, empty, recurrent]
ARGUMENTS = [
    {},
    {"show_trainable": True},
    {"expand_nested": True},
    {"expand_nested": True, "show_trainable": True},
    *({"line_length": length} for length in (20, 23, 25, 30, 37, 41, 50, 64, 79, 80)),
    {"line_length": 60, "positions": [0.2, 0.4, 0.7]},
    {"line_length": 71, "positions": [0.3, 0.5, 1.0], "show_trainable": True, "expand_nested": True},
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
@pytest.mark.parametrize("make", MODELS)
def test_same_text(make, arguments):
    assert text(make(cdl), **arguments) == text(make(keras), **arguments)


@pytest.mark.parametrize("layer_range", [("hidden", "drop"), ("drop", "hidden"), (".*i", "d.*"), ("out", "out")])
def test_same_range_of_layers(layer_range):
    assert text(digits(cdl), layer_range=layer_range) == text(digits(keras), layer_range=layer_range)


@pytest.mark.parametrize("layer_range", [("hidden",), ("none", "out"), (1, "out")])
def test_same_errors_for_a_range(layer_range):
    for kit in (keras, cdl):
        with pytest.raises(ValueError, match="layer"):
            digits(kit).summary(layer_range=layer_range)


def test_same_error_for_a_line_that_is_too_short():
    for kit in (keras, cdl):
        with pytest.raises(ValueError, match="Insufficient console width"):
            digits(kit).summary(line_length=12)


@pytest.mark.parametrize("columns", [60, 80, 92, 100, 200])
def test_same_line_length_in_a_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    for arguments in ({}, {"show_trainable": True}):
        assert text(digits(cdl), **arguments) == text(digits(keras), **arguments)


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])  # (the counter of steps has 4 or 8 bytes, by backend)
def test_same_text_with_the_state_of_an_optimizer(optimizer):
    texts = []
    for kit in (keras, cdl):
        model = digits(kit)
        model.compile(optimizer, "mse")
        before = text(model)
        model.fit(np.zeros((4, 28, 28)), np.zeros((4, 10)), verbose=0)
        texts.append((before, text(model)))
    assert texts[0] == texts[1]


def test_same_on_the_screen(capsys):
    digits(cdl).summary()
    ours = capsys.readouterr().out
    digits(keras).summary()
    assert ours == capsys.readouterr().out
