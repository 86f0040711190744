"""Data that come batch by batch: data sets, loaders and generators in the place of arrays."""

import itertools
import warnings

import numpy as np
import pytest

import cdl
from cdl import Sequential, layers, utils

rng = np.random.default_rng(5)
X = rng.normal(size=(50, 3)).astype("float32")
Y = (X @ [[1.0], [-2.0], [0.5]]).astype("float32")
WEIGHT = rng.uniform(0.1, 2.0, size=50).astype("float32")
STEPS = 4  # of 16, 16, 16 and 2 samples


def model():
    cdl.utils.set_random_seed(3)
    net = Sequential([layers.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
    net.compile(cdl.optimizers.Adam(0.05), "mse", metrics=["mae"])
    return net


def batch(index, *arrays):
    part = tuple(array[16 * index : 16 * index + 16] for array in arrays)
    return part if len(part) > 1 else part[0]


class Indexed(utils.PyDataset):
    """As a user writes it; notes which batches were asked for, and what it was told."""

    def __init__(self, *arrays):
        super().__init__()
        self.arrays, self.events = arrays, []

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        self.events.append(index)
        return batch(index, *self.arrays)

    def on_epoch_begin(self):
        self.events.append("begin")

    def on_epoch_end(self):
        self.events.append("end")


class Duck:
    """Neither a PyDataset nor iterable, and never at an end by itself."""

    def __init__(self, *arrays):
        self.arrays = arrays

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        return batch(index, *self.arrays)


class Loader:
    """Iterable as often as you like, of unknown length; batches are lists, as those of PyTorch's loaders."""

    def __init__(self, *arrays):
        self.arrays = arrays

    def __iter__(self):
        return (list(part) if isinstance(part := batch(index, *self.arrays), tuple) else part for index in range(STEPS))


class SizedLoader(Loader):
    def __len__(self):
        return STEPS


def endless(*arrays):
    """A generator as those of old Keras scripts."""
    for index in itertools.cycle(range(STEPS)):
        yield batch(index, *arrays)


SOURCES = {"Indexed": Indexed, "Duck": Duck, "Loader": Loader, "SizedLoader": SizedLoader}
each = pytest.mark.parametrize("source", SOURCES)


def same(one, two):
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_allclose(one[name], two[name], rtol=1e-6)


# ---------------------------------------------------------------------------------------------------------------- fit


@each
@pytest.mark.parametrize("weighted", [False, True])
def test_batches_train_as_arrays_do(source, weighted):
    arrays = (X, Y, WEIGHT) if weighted else (X, Y)
    options = {"epochs": 3, "shuffle": False, "verbose": 0}
    of_arrays, of_batches = model(), model()
    weight = {"sample_weight": WEIGHT} if weighted else {}
    wanted = of_arrays.fit(X, Y, batch_size=16, validation_data=(X, Y), **weight, **options).history
    found = of_batches.fit(SOURCES[source](*arrays), validation_data=SOURCES[source](X, Y), **options).history
    same(found, wanted)
    for one, two in zip(of_arrays.get_weights(), of_batches.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_generator_with_steps_trains_as_arrays_do():
    wanted = model().fit(X, Y, batch_size=16, epochs=3, shuffle=False, verbose=0).history
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = model().fit(endless(X, Y), steps_per_epoch=STEPS, epochs=3, verbose=0).history
    same(found, wanted)


@pytest.mark.parametrize("source", [*SOURCES, "generator", "arrays"])
def test_portions_do_not_reach_into_a_new_pass(source):
    sizes = []

    class Counter(cdl.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            sizes.append(0)

        def on_train_batch_end(self, batch, logs=None):
            sizes[-1] += 1

    data = (X, Y) if source == "arrays" else (SOURCES.get(source, endless)(X, Y),)
    batch_size = {"batch_size": 16} if source == "arrays" else {}
    model().fit(*data, steps_per_epoch=3, epochs=4, callbacks=Counter(), verbose=0, **batch_size)
    assert sizes == ([3, 3, 3, 3] if source == "generator" else [3, 1, 3, 1])


def test_a_data_set_is_told_of_epochs_and_shuffled_in_each():
    data = Indexed(X, Y)
    model().fit(data, epochs=3, verbose=0, shuffle=True)
    events = data.events[1:]  # the first batch was looked at beforehand
    passes = [events[at : at + STEPS + 2] for at in range(0, len(events), STEPS + 2)]
    assert len(passes) == 3
    for one in passes:
        assert one[0] == "begin" and one[-1] == "end" and sorted(one[1:-1]) == [0, 1, 2, 3]
    assert len({tuple(one) for one in passes}) > 1
    data.events.clear()
    model().fit(data, epochs=1, verbose=0, shuffle=False)
    assert data.events[1:] == ["begin", 0, 1, 2, 3, "end"]


def test_a_data_set_without_end():
    class Endless(Indexed):
        __len__ = None
        num_batches = None

        def __getitem__(self, index):
            return super().__getitem__(index % STEPS)

    wanted = model().fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0).history
    found = model().fit(Endless(X, Y), steps_per_epoch=STEPS, epochs=2, verbose=0).history
    same(found, wanted)
    with pytest.raises(ValueError, match="steps_per_epoch is needed: there is no end"):
        model().fit(Endless(X, Y))
    with pytest.raises(ValueError, match="steps is needed: there is no end"):
        model().predict(Endless(X))


def test_a_generator_that_ends():
    def once():
        yield from (batch(index, X, Y) for index in range(STEPS))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = model().fit(once(), verbose=0)
    assert len(history.epoch) == 1
    with pytest.warns(UserWarning, match="generator ran out of data after 1 epochs, and training ends"):
        history = model().fit(once(), epochs=5, verbose=0)
    assert len(history.epoch) == 1
    with pytest.warns(UserWarning, match="ran out of data: 1 of 3 batches in this epoch"):
        history = model().fit(once(), epochs=2, steps_per_epoch=3, verbose=0)
    assert len(history.epoch) == 2


def test_class_weights_apply_to_batches():
    labels = (Y > 0).astype("int32")
    options = {"class_weight": {0: 3.0, 1: 0.5}, "epochs": 2, "shuffle": False, "verbose": 0}
    nets = [model(), model()]
    for net in nets:
        net.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    same(nets[0].fit(Indexed(X, labels), **options).history, nets[1].fit(X, labels, batch_size=16, **options).history)
    with pytest.raises(ValueError, match="`class_weight` and `sample_weight`"):
        nets[0].fit(Indexed(X, labels, WEIGHT), **options)


def test_the_progress_bar_does_not_know_how_far_it_is(capsys):
    model().fit(endless(X, Y), steps_per_epoch=2, epochs=1, verbose=2)
    model().fit(Loader(X, Y), epochs=2, verbose=2)
    model().evaluate(Loader(X, Y), verbose=1)
    model().predict(Loader(X), verbose=1)
    out = capsys.readouterr().out
    assert out.count("2/2 -") == 1 and out.count("4/4") == 4


# ------------------------------------------------------------------------------------------------ evaluate and predict


@each
def test_evaluate_and_predict(source):
    net = model()
    np.testing.assert_allclose(
        net.evaluate(SOURCES[source](X, Y), verbose=0), net.evaluate(X, Y, batch_size=16, verbose=0), rtol=1e-6
    )
    wanted = net.predict(X, verbose=0)
    for arrays in ((X,), (X, Y), (X, Y, WEIGHT)):
        np.testing.assert_array_equal(net.predict(SOURCES[source](*arrays), verbose=0), wanted)
    np.testing.assert_array_equal(net.predict(SOURCES[source](X), steps=2, verbose=0), wanted[:32])
    limited = net.evaluate(SOURCES[source](X, Y), steps=2, verbose=0)
    np.testing.assert_allclose(limited, net.evaluate(X[:32], Y[:32], batch_size=16, verbose=0), rtol=1e-6)


def test_generators_are_evaluated_and_predicted():
    net = model()
    np.testing.assert_array_equal(net.predict(endless(X), steps=STEPS, verbose=0), net.predict(X, verbose=0))
    np.testing.assert_array_equal(net.predict((part for part in (X[:5], X[5:])), verbose=0), net.predict(X, verbose=0))
    found = net.evaluate(endless(X, Y), steps=STEPS, verbose=0)
    np.testing.assert_allclose(found, net.evaluate(X, Y, batch_size=16, verbose=0), rtol=1e-6)


def test_validation_goes_on_where_a_generator_was():
    asked = []

    def noted():
        for index in itertools.cycle(range(STEPS)):
            asked.append(index)
            yield batch(index, X, Y)

    model().fit(X, Y, epochs=2, validation_data=noted(), validation_steps=3, verbose=0)
    assert asked == [0, 1, 2, 3, 0, 1]


def test_validation_data_that_can_be_passed_once():
    with pytest.raises(ValueError, match="generator has no batches left for another pass"):
        model().fit(X, Y, epochs=2, validation_data=((X, Y) for _ in range(2)), verbose=0)


def test_texts_in_batches():
    read = layers.TextVectorization(output_mode="count", vocabulary=["good", "bad"])
    net = Sequential([layers.Input((1,), dtype="string"), read, layers.Dense(1)])
    net.compile("sgd", "mse")
    texts, targets = np.array(["good", "bad bad", "good bad"] * 10), np.zeros(30)
    net.fit(((texts[at : at + 10], targets[at : at + 10]) for at in (0, 10, 20)), verbose=0)
    np.testing.assert_array_equal(net.predict([part] for part in (texts[:7], texts[7:])), net.predict(texts))


# -------------------------------------------------------------------------------------------------------------- errors


def test_what_is_refused():
    net = model()
    for name in ("y", "sample_weight"):
        with pytest.raises(ValueError, match=rf"`{name}` is not for a data set: x is a Indexed"):
            net.fit(Indexed(X, Y), **{name: Y})
    with pytest.raises(ValueError, match="generator yields no batches"):
        net.fit(part for part in ())
    with pytest.raises(ValueError, match=r"yields batches x, \(x, y\) or .* Received a tuple of 4"):
        net.fit(iter([(X, Y, WEIGHT, WEIGHT)]))
    with pytest.raises(
        ValueError, match=r"validation_split takes the last part of arrays, but x is a generator.*validation_data"
    ):
        net.fit((batch for batch in [(X, Y)]), validation_split=0.5)
    with pytest.raises(ValueError, match="x is a list of 2 arrays, but a model has one input here"):
        net.fit([X, X], Y)
    with pytest.raises(ValueError, match=r"cardinality is ambiguous.*'x' sizes: 50.*'y' sizes: 3"):
        net.fit(iter([(X, Y[:3])]))
    with pytest.raises(ValueError, match="y is None, but the loss"):
        net.fit(Indexed(X))
    with pytest.raises(ValueError, match="Invalid dtype"):
        net.fit(iter([(X, [object()])]))
    with pytest.raises(ValueError, match="x is a generator; an array is needed here"):
        net.train_on_batch((part for part in X), Y)
    with pytest.raises(ValueError, match=r"validation_data is \(x, y\)"):
        net.fit(X, Y, validation_data=3)
    with pytest.raises(ValueError, match="steps_per_epoch is a positive integer"):
        net.fit(Indexed(X, Y), steps_per_epoch=0)


def test_a_half_written_data_set():
    class Nothing(utils.PyDataset):
        pass

    class Length(utils.PyDataset):
        def __len__(self):
            return 2

    with pytest.raises(NotImplementedError, match="Nothing does not define __len__"):
        model().fit(Nothing())
    with pytest.raises(NotImplementedError, match="Length does not define __getitem__"):
        model().fit(Length())
    assert utils.Sequence is utils.PyDataset
    assert [len(part) for part in Indexed(X)] == [16, 16, 16, 2]
