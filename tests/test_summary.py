"""The table that `summary` prints."""

import numpy as np
import pytest

from cdl import Sequential, layers


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


def test_trainable_layers_are_marked_on_request(model):
    model.layers[1].trainable = False
    table = lines(model, show_trainable=True)
    assert [row.split("│")[4].strip() for row in table if row.startswith("│")] == ["-", "N", "Y"]


def test_a_model_that_is_not_built_says_so():
    table = lines(Sequential([layers.Dense(3, name="d")]))
    assert [cell.strip() for cell in table[4].split("│")[1:4]] == ["d (Dense)", "?", "0 (unbuilt)"]


def test_long_names_are_cut_at_the_length_of_a_line():
    table = lines(Sequential([layers.Input((2,)), layers.Dense(3, name="a_very_" + 60 * "long_")]), line_length=70)
    assert {len(row) for row in table if row[0] in "┏┃┡│├└"} == {70}
    assert "…" in table[4]


def test_it_is_printed_by_default(model, capsys):
    model.summary()
    assert capsys.readouterr().out.splitlines() == lines(model)
