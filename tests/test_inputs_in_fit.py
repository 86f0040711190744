"""What users hand over to fit, evaluate, predict: lists, frames, tensors of others; the same numbers for all."""

import numpy as np
import pandas as pd
import pytest

import cdl
from cdl import Sequential, layers
from cdl.models.data import Batches

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = (X.sum(axis=1) > 0).astype(int)


class Tensor:
    """As those of PyTorch and TensorFlow: an array inside, and a way to it."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, f"other.{array.dtype}"

    def size(self):  # a method, as in PyTorch
        return self.shape

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)

    def __len__(self):
        return len(self.array)

    def __iter__(self):
        return (Tensor(row) for row in self.array)


class OnlyNumpy:
    """A tensor whose only way to an array is `numpy()`."""

    def __init__(self, array):
        self.array = array

    def numpy(self):
        return self.array


class Loader:
    """As torch.utils.data.DataLoader: sized, each pass a new one, batches as lists of tensors."""

    def __init__(self, tensor, batch_size=32):
        self.tensor, self.batch_size = tensor, batch_size

    def __len__(self):
        return -(-len(X) // self.batch_size)

    def __iter__(self):
        for start in range(0, len(X), self.batch_size):
            rows = slice(start, start + self.batch_size)
            yield [self.tensor(X[rows]), self.tensor(Y[rows])]


def model():
    cdl.utils.set_random_seed(5)
    made = Sequential([layers.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(1, activation="sigmoid")])
    made.compile(loss="binary_crossentropy", metrics=["accuracy"])
    return made


@pytest.fixture(scope="module")
def expected():
    """The history of two epochs on plain arrays."""
    return model().fit(X, Y, epochs=2, shuffle=False, verbose=0).history


FRAME = pd.DataFrame(X, columns=["a", "b", "c"], index=np.arange(40) + 100)
COLUMN = pd.Series(Y, index=np.arange(40)[::-1])
PAIRS = {
    "frame and series": (FRAME, COLUMN),
    "frame of doubles": (FRAME.astype("float64"), COLUMN.astype("int8")),
    "frame of targets": (FRAME, COLUMN.to_frame("y")),
    "numbers as objects": (X.astype(object), Y.astype(object)),
    "categories": (FRAME, COLUMN.astype("category")),
    "lists": (X.tolist(), Y.tolist()),
    "list of rows": (list(X), list(Y)),
    "[x], y": ([X], Y),
    "[x], [y]": ([X], [Y]),
    "(x,), (y,)": ((X,), (Y,)),
    "[x], [column]": ([X], [Y[:, None]]),
    "[frame]": ([FRAME], [COLUMN]),
    "by columns in memory": (np.asfortranarray(X), Y),
    "tensors": (Tensor(X), Tensor(Y)),
    "tensors without __array__": (OnlyNumpy(X), OnlyNumpy(Y)),
}


@pytest.mark.parametrize("x, y", PAIRS.values(), ids=PAIRS.keys())
def test_the_same_numbers_whatever_holds_them(x, y, expected):
    trained = model()
    history = trained.fit(x, y, epochs=2, shuffle=False, verbose=0).history
    assert history == {name: pytest.approx(values, rel=1e-6) for name, values in expected.items()}
    assert trained.evaluate(x, y, verbose=0) == pytest.approx(trained.evaluate(X, Y, verbose=0))
    np.testing.assert_allclose(trained.predict(x, verbose=0), trained.predict(X, verbose=0), rtol=1e-5)
    trained.train_on_batch(x, y)
    assert trained.test_on_batch(x, y) == pytest.approx(trained.test_on_batch(X, Y))


@pytest.mark.parametrize("x, y", [PAIRS["frame and series"], PAIRS["[x], [y]"]], ids=["frame", "[x]"])
def test_validation_and_weights_come_in_the_same_ways(x, y):
    wrapped = isinstance(x, list)
    weight = np.linspace(0, 1, 40).astype(np.float32)
    given = [weight] if wrapped else pd.Series(weight)
    plain = model().fit(X, Y, sample_weight=weight, validation_data=(X, Y, weight), shuffle=False, verbose=0).history
    same = model().fit(x, y, sample_weight=given, validation_data=(x, y, given), shuffle=False, verbose=0).history
    assert same == {name: pytest.approx(values, rel=1e-6) for name, values in plain.items()}
    plain = model().fit(X, Y, class_weight={1: 2.0}, validation_split=0.25, shuffle=False, verbose=0).history
    same = model().fit(x, y, class_weight={1: 2.0}, validation_split=0.25, shuffle=False, verbose=0).history
    assert same == {name: pytest.approx(values, rel=1e-6) for name, values in plain.items()}


@pytest.mark.parametrize("tensor", [Tensor, OnlyNumpy, np.asarray])
def test_a_loader_of_tensors(tensor, expected):
    trained = model()
    history = trained.fit(Loader(tensor), epochs=2, validation_data=Loader(tensor), verbose=0).history
    assert {name: history[name] for name in expected} == {n: pytest.approx(v, rel=1e-6) for n, v in expected.items()}
    assert trained.evaluate(Loader(tensor), verbose=0) == pytest.approx(trained.evaluate(X, Y, verbose=0))
    np.testing.assert_allclose(
        trained.predict((x for x, _ in Loader(tensor)), verbose=0), trained.predict(X, verbose=0), rtol=1e-5
    )


def test_one_row_in_a_list_is_one_sample():
    made = model()
    np.testing.assert_allclose(made.predict([X[0]], verbose=0), made.predict(X[:1], verbose=0))
    assert made.test_on_batch([X[0].tolist()], [Y[0]]) == pytest.approx(made.test_on_batch(X[:1], Y[:1]))
    made.pop()
    made.add(layers.Dense(2, activation="softmax"))
    made.compile(loss="categorical_crossentropy")
    one_hot = np.array([0.0, 1.0])
    assert made.test_on_batch([X[0]], [one_hot]) == pytest.approx(made.test_on_batch(X[:1], one_hot[None]))


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_dictionaries_are_refused_by_name(method):
    with pytest.raises(ValueError, match="x is a dictionary"):
        getattr(model(), method)({"input": X}, Y)
    with pytest.raises(ValueError, match="y is a dictionary"):
        getattr(model(), method)(X, {"dense": Y})


def test_what_lies_right_in_memory_is_not_copied():
    batches = Batches(X, Y.astype(np.int32), None, 8, shuffle=False)
    assert batches.x is X
    assert all(np.shares_memory(x, X) for x, _, _ in batches)
    assert np.shares_memory(Batches(X[::2], None, None, 8, shuffle=False).x, X)


def test_what_lies_across_memory_is_put_in_order_once():
    for x in (np.asfortranarray(X), FRAME, FRAME.astype("float64"), np.repeat(X, 2, axis=1)[:, ::2]):
        batches = Batches(x, None, None, 8, shuffle=False)
        assert batches.x[0].flags.c_contiguous
        np.testing.assert_array_equal(batches.x, X)


NO_NUMBERS = {
    "a vector of texts": (["good", "bad"], r"Dense .*texts such as 'good' at \[0\].* TextVectorization"),
    "a column of texts": (pd.DataFrame({"age": [30, 40], "town": ["A", "B"]}), r"texts such as 'A' at \[0, 1\]"),
    "numbers as text": (np.array([["1.5"], ["2"]]), r"texts such as '1.5' .* astype\('float32'\)"),
    "ragged rows": (np.array([[1, 2], [3]], dtype=object), "pad_sequences"),
    "ragged lists": ([[1, 2], [3]], "pad_sequences"),
    "a hole": (np.array([[1.0], [None]], dtype=object), r"None \(of type NoneType\) at \[1, 0\]"),
    "dates": (pd.DataFrame({"day": pd.to_datetime(["2020-01-01", "2020-01-02"])}), r"2020-01-01.*datetime64"),
    "inputs and targets in one": ((np.zeros((2, 3)), np.zeros(2)), r"fit\(x, y\)"),
    "a function": (model, r"'model', which can be called"),
    "a generator in a list": ([(x for x in X)], "a generator in a list"),
    "complex numbers": (np.array([[1j], [2.0]]), "real ones"),
}


@pytest.mark.parametrize("case", NO_NUMBERS)
def test_what_is_no_number_is_told_with_its_cure(case):
    x, message = NO_NUMBERS[case]
    net = Sequential([layers.Dense(1)])
    net.compile("sgd", "mse")
    for run in (lambda: net.fit(x, [0, 1]), lambda: net.predict(x), lambda: net.train_on_batch(x, [0, 1])):
        with pytest.raises(ValueError, match=message):
            run()


def test_frames_with_columns_of_bools_are_numbers():
    frame = pd.get_dummies(pd.DataFrame({"age": [30, 40], "fare": [1.5, 2.5], "town": ["A", "B"]}))
    net = Sequential([layers.Dense(1)])
    np.testing.assert_array_equal(net.predict(frame), net.predict(frame.to_numpy("float32")))


def test_classes_have_numbers():
    with pytest.raises(ValueError, match="classes being numbers"):
        model().fit(X, Y, class_weight={"0": 1.0, "1": 2.0})


def test_the_loss_and_metrics_of_the_one_output_may_be_named():
    named = model()
    named.compile(loss={"dense_1": "binary_crossentropy"}, metrics={"dense_1": ["accuracy", "mae"]})
    assert list(named.fit(X, Y, verbose=0).history) == ["accuracy", "loss", "mae"]


def test_sparse_matrices_are_arrays():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    net = model()
    np.testing.assert_array_equal(net.predict(scipy_sparse.csr_matrix(X)), net.predict(X))
    net.fit(scipy_sparse.csr_matrix(X), Y, verbose=0)


def test_a_data_set_without_batches_says_so():
    with pytest.raises(ValueError, match=r"y is a single number; .* A data set yields batches"):
        model().fit(zip(X, Y, strict=True), verbose=0)


def test_large_whole_numbers_are_targets():
    net = Sequential([layers.Dense(1, kernel_initializer="zeros")])
    net.compile("sgd", "mae")
    assert net.evaluate(X[:2], np.array([5_000_000_000, 1_000_000_000]), verbose=0) == pytest.approx(3e9)
    net.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="does not fit in 32 bits"):
        net.evaluate(X[:2], np.array([5_000_000_000, 0]), verbose=0)
