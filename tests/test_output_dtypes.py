"""What stands for a layer's output in a model says of which type it is: indices are integers."""

import io
from contextlib import redirect_stdout

import numpy as np
import pytest

from cdl import Input, Model, Sequential, layers
from cdl.utils import plot_model

TEXTS = np.array([["a b"], ["b"], ["c a"]])
WORDS = np.array([["a", "b"], ["b", "c"], ["z", "a"]])
NUMBERS = np.array([[1, 2], [2, 7], [0, 1]])
WEIGHTS = {"tf_idf": {"idf_weights": [1.0, 2.0, 3.0]}}
MODES = ("int", "one_hot", "multi_hot", "count")

CASES = {
    **{
        f"TextVectorization, {mode}": (
            TEXTS,
            lambda mode=mode, **dtype: layers.TextVectorization(
                vocabulary=["a", "b", "c"], output_mode=mode, **WEIGHTS.get(mode, {}), **dtype
            ),
        )
        for mode in (*MODES, "tf_idf")
    },
    **{
        f"{name}, {mode}": (
            x,
            lambda name=name, tokens=tokens, mode=mode, **dtype: getattr(layers, name)(
                vocabulary=tokens, output_mode=mode, **WEIGHTS.get(mode, {}), **dtype
            ),
        )
        for mode in (*MODES, "tf_idf")
        for name, x, tokens in (("StringLookup", WORDS, ["a", "b", "c"]), ("IntegerLookup", NUMBERS, [1, 2, 7]))
    },
    "StringLookup, back": (NUMBERS, lambda **dtype: layers.StringLookup(vocabulary=["a", "b"], invert=True, **dtype)),
    "IntegerLookup, back": (NUMBERS, lambda **dtype: layers.IntegerLookup(vocabulary=[5, 6], invert=True, **dtype)),
    **{
        f"Hashing, {mode}": (WORDS, lambda mode=mode, **dtype: layers.Hashing(5, output_mode=mode, **dtype))
        for mode in MODES
    },
    "Hashing, int32": (WORDS, lambda: layers.Hashing(5, dtype="int32")),
    **{
        f"Discretization, {mode}": (
            NUMBERS * 0.5,
            lambda mode=mode, **dtype: layers.Discretization([0.2, 0.7], output_mode=mode, **dtype),
        )
        for mode in MODES
    },
    **{
        f"CategoryEncoding, {mode}": (
            NUMBERS,
            lambda mode=mode, **dtype: layers.CategoryEncoding(8, output_mode=mode, **dtype),
        )
        for mode in MODES[1:]
    },
}


def dtype_of(y):
    return "string" if y.dtype.kind in "UO" else y.dtype.name


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [None, "float64"])
def test_the_place_of_an_output_has_its_dtype(name, dtype):
    x, make = CASES[name]
    if dtype and name in ("Hashing, int", "Hashing, int32"):
        pytest.skip("its dtype is that of the indices")
    layer = make() if dtype is None else make(dtype=dtype)
    model = Sequential([Input(x.shape[1:], dtype="string" if x.dtype.kind == "U" else x.dtype), layer])
    expected = "string" if name == "StringLookup, back" else dtype_of(model.predict(x))
    assert layer.output.dtype == model.output.dtype == expected
    assert layer.compute_output_dtype("float32") == expected


def test_indices_stay_integers_on_their_way_to_an_embedding():
    model = Sequential(
        [
            Input((), dtype="string"),
            layers.TextVectorization(vocabulary=["a", "b", "c"], output_sequence_length=4),
            layers.Reshape((2, 2)),
            layers.Permute((2, 1)),
            Sequential([layers.Identity(), layers.Flatten()]),
            layers.Embedding(6, 3),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    tensors = [layer.output for layer in model.layers]
    found = [tensor.dtype for tensor in tensors]
    assert found == ["int64"] * 4 + ["float32"] * 3
    assert found == [dtype_of(y) for y in Model(model.inputs, tensors).predict(TEXTS[:, 0])]
    assert model.input.dtype == "string"
    assert model.layers[4].input.dtype == "int64"


def test_a_model_behind_the_indices_takes_integers():
    embedding = layers.Embedding(6, 3)
    model = Sequential([Input((), dtype="string"), layers.TextVectorization(vocabulary=["a", "b"]), embedding])
    behind = Model(model.layers[0].output, embedding.output)
    assert behind.inputs[0].dtype == "int64"
    assert behind.get_config()["layers"][0]["config"]["dtype"] == "int64"
    np.testing.assert_array_equal(behind.predict(model.layers[0](TEXTS)), model.predict(TEXTS[:, 0]))


def test_numbers_that_are_converted_on_the_way_in_are_floats_from_then_on():
    model = Sequential([Input((2,), dtype="int64"), layers.Flatten()])
    assert model.input.dtype == "int64"
    assert model.output.dtype == dtype_of(model.predict(NUMBERS)) == "float32"


def test_the_drawing_says_so_and_the_summary_does_not_change():
    model = Sequential(
        [Input((), dtype="string"), layers.TextVectorization(vocabulary=["a", "b"]), layers.Embedding(6, 3)]
    )
    text = plot_model(model, to_file=None, show_dtype=True).svg
    assert [text.count(dtype) for dtype in ("string", "int64", "float32")] == [1, 1, 1]
    with redirect_stdout(io.StringIO()) as printed:
        model.summary()
    assert "int64" not in printed.getvalue()
