"""The table that `summary` prints."""

import numpy as np
import pytest

from cdl import Model, Sequential, layers


def lines(model, **arguments):
    printed = []
    model.summary(print_fn=printed.append, **arguments)
    return "\n".join(printed).splitlines()


@pytest.fixture
def model():
    return Sequential(
        [
            layers.Input((28, 28)),
            layers.Flatten(name="flatten"),
            layers.Dense(128, activation="relu", name="hidden"),
            layers.Dense(10, name="out"),
        ],
        name="digits",
    )


def test_a_row_for_each_layer_then_the_totals(model):
    assert lines(model) == [
        'Model: "digits"',
        "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓",
        "┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃",
        "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩",
        "│ flatten (Flatten)               │ (None, 784)            │             0 │",
        "├─────────────────────────────────┼────────────────────────┼───────────────┤",
        "│ hidden (Dense)                  │ (None, 128)            │       100,480 │",
        "├─────────────────────────────────┼────────────────────────┼───────────────┤",
        "│ out (Dense)                     │ (None, 10)             │         1,290 │",
        "└─────────────────────────────────┴────────────────────────┴───────────────┘",
        " Total params: 101,770 (397.54 KB)",
        " Trainable params: 101,770 (397.54 KB)",
        " Non-trainable params: 0 (0.00 B)",
    ]


def test_frozen_variables_are_counted_apart(model):
    model.layers[1].trainable = False
    assert lines(model)[-2:] == [" Trainable params: 1,290 (5.04 KB)", " Non-trainable params: 100,480 (392.50 KB)"]


def test_the_state_of_an_optimizer_that_has_begun_is_counted(model):
    model.compile("adam", "mse")
    assert len(lines(model)) == 13
    model.train_on_batch(np.zeros((2, 28, 28)), np.zeros((2, 10)))
    assert lines(model)[-4:] == [
        " Total params: 305,312 (1.16 MB)",
        " Trainable params: 101,770 (397.54 KB)",
        " Non-trainable params: 0 (0.00 B)",
        " Optimizer params: 203,542 (795.09 KB)",
    ]


def cells(table):
    return [[cell.strip() for cell in row.split("│")[1:-1]] for row in table if row.startswith("│")]


def test_trainable_layers_are_marked_on_request(model):
    model.layers[1].trainable = False
    assert [row[3] for row in cells(lines(model, show_trainable=True))] == ["-", "N", "Y"]


def test_a_model_that_is_not_built_says_so():
    assert cells(lines(Sequential([layers.Dense(3, name="d")]))) == [["d (Dense)", "?", "0 (unbuilt)"]]


def test_what_is_too_long_is_wrapped_and_a_long_word_is_cut():
    table = lines(Sequential([layers.Input((2,)), layers.Dense(3, name="a_very_" + 60 * "long_")]), line_length=70)
    assert {len(row) for row in table if row[0] in "┏┃┡│├└"} == {70}
    assert [row[0] for row in cells(table)] == ["a_very_long_long_long_long_…", "(Dense)"]


def test_models_and_branches_inside_are_shown_on_request():
    inner = Sequential([layers.Input((4,)), layers.Dense(4, name="deep")], name="inner")
    block = layers.Residual([inner, layers.ReLU(name="relu")], shortcut=layers.Dense(4, name="short"), name="block")
    model = Sequential([layers.Input((4,)), block])
    assert cells(lines(model)) == [["block (Residual)", "(None, 4)", "40"]]
    assert cells(lines(model, expand_nested=True)) == [
        ["block (Residual)", "(None, 4)", "40"],
        ["└ inner (Sequential)", "(None, 4)", "20"],
        ["└ deep (Dense)", "(None, 4)", "20"],
        ["└ relu (ReLU)", "(None, 4)", "0"],
        ["└ short (Dense)", "(None, 4)", "20"],
    ]


def test_a_range_of_layers(model):
    assert [row[0] for row in cells(lines(model, layer_range=["hid", "out"]))] == ["hidden (Dense)", "out (Dense)"]
    with pytest.raises(ValueError, match=r"do not match the layer names.*flatten"):
        model.summary(layer_range=["nothing", "out"])


def test_a_line_that_is_too_short_is_refused(model):
    with pytest.raises(ValueError, match=r"Insufficient console width.*line_length=9"):
        model.summary(line_length=9)


def test_a_model_of_ones_own():
    class Own(Model):
        def __init__(self):
            super().__init__(name="own")
            self.first = layers.Dense(3, name="first")

    assert cells(lines(Own())) == [["first (Dense)", "?", "0 (unbuilt)"]]


def test_print_fn_gets_the_whole_text_once(model):
    printed = []
    model.summary(print_fn=printed.append)
    assert len(printed) == 1 and printed[0].endswith("Non-trainable params: 0 (0.00 B)\n")


def test_it_is_printed_by_default(model, capsys):
    model.summary()
    assert capsys.readouterr().out.splitlines() == lines(model)
