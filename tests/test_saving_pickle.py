"""Pickles and copies of models hold all there is: weights, what `compile` was told, and the optimizer's state."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

from cdl import Layer, Model, Sequential, layers, losses, optimizers

X = np.random.default_rng(1).normal(size=(24, 6, 3)).astype("float32")
Y = np.eye(2, dtype="float32")[np.arange(24) % 2]


class Scale(Layer):
    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")

    def forward(self, ctx, x):
        ctx.save(x)
        return x * self.scale.value

    def backward(self, ctx, dy):
        (x,) = ctx.saved
        self.scale.add_gradient((dy * x).sum(axis=tuple(range(dy.ndim - 1))))
        return dy * self.scale.value

    def compute_output_shape(self, input_shape):
        return input_shape


class Gentle(losses.MeanSquaredError):
    """A loss of one's own."""


def trained(optimizer="adam", loss="categorical_crossentropy"):
    model = Sequential(
        [
            layers.Input((6, 3)),
            layers.Conv1D(4, 2, kernel_regularizer="l2", kernel_constraint="max_norm"),
            layers.BatchNormalization(),
            Scale(),
            layers.Bidirectional(layers.LSTM(3)),
            layers.Residual([layers.Dense(6, "relu")], activation="relu"),
            layers.Dropout(0.3, seed=3),
            layers.Dense(2, "softmax"),
        ]
    )
    model.compile(optimizer, loss, metrics=["accuracy"])
    model.fit(X, Y, epochs=2, verbose=0)
    return model


def copies(model):
    return {"pickle": pickle.loads(pickle.dumps(model)), "deepcopy": copy.deepcopy(model)}


def continues_alike(model, other):
    """Whether both models, trained further on the same data, stay the same to the last bit."""
    for one in (model, other):
        one.fit(X, Y, epochs=2, batch_size=7, shuffle=False, verbose=0)
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(one, same) for one, same in pairs)


@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(0.01, 3, 0.9), use_ema=True),
        lambda: optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2),
        lambda: optimizers.RMSprop(weight_decay=0.01, clipnorm=1.0),
    ],
    ids=["adam", "sgd", "rmsprop"],
)
def test_a_copy_trains_on_exactly(way, optimizer):
    model = trained(optimizer())
    other = copies(model)[way]
    assert other.optimizer.iterations == model.optimizer.iterations
    assert np.array_equal(model.predict(X), other.predict(X))
    assert continues_alike(model, other)


@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
def test_a_copy_is_independent(way):
    model = trained()
    before = model.get_weights()
    other = copies(model)[way]
    other.fit(X, Y, verbose=0)
    assert all(np.array_equal(one, same) for one, same in zip(model.get_weights(), before, strict=True))


@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
def test_models_that_are_not_compiled_or_not_built(way):
    built = Sequential([layers.Input((3,)), layers.Dense(2)])
    other = copies(built)[way]
    assert not other.compiled
    assert np.array_equal(built.predict(X[:, 0]), other.predict(X[:, 0]))
    open_one = copies(Sequential([layers.Dense(2)]))[way]
    assert open_one.predict(X[:, 0]).shape == (24, 2)


def test_losses_of_ones_own_are_pickled_by_reference():
    other = copies(trained(loss=Gentle()))["pickle"]
    assert type(other.loss) is Gentle


def test_what_pickle_cannot_find_it_refuses():
    model = Sequential([layers.Input((3,)), layers.Dense(2, activation=lambda x: x)])
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(model)


def test_inner_models_and_models_between_tensors():
    model = Sequential([layers.Input((3,)), Sequential([layers.Dense(4, "relu")]), layers.Dense(2)])
    maps = Model(model.inputs, [layer.output for layer in model.layers])
    both, maps_too = pickle.loads(pickle.dumps((model, maps)))
    for one, same in zip(maps.predict(X[:, 0]), maps_too.predict(X[:, 0]), strict=True):
        assert np.array_equal(one, same)
    assert both.layers[1] is maps_too.layers[2]


def test_a_stateful_layer_goes_on_from_its_state():
    model = Sequential([layers.Input(batch_shape=(4, 3, 2)), layers.GRU(3, stateful=True)])
    x = X[:4, :3, :2]
    model.predict(x)
    for other in copies(model).values():
        assert np.array_equal(copy.deepcopy(model).predict(x), other.predict(x))


def test_what_is_kept_until_the_structure_changes_is_out_of_date_afterwards():
    """A copy that comes from a process with a longer history must not take old lists for new."""
    script = (
        "import pickle, sys, numpy as np\n"
        "model, x, y = pickle.load(sys.stdin.buffer)\n"
        "model.layers[0].trainable = True\n"
        "model.compile('sgd', 'mse')\n"
        "kernel = model.layers[0].get_weights()[0]\n"
        "model.fit(x, y, verbose=0)\n"
        "assert not np.array_equal(kernel, model.layers[0].get_weights()[0])\n"
    )
    plain = Sequential([layers.Input((6, 3)), layers.Conv1D(4, 2), layers.Flatten(), layers.Dense(2)])
    plain.layers[0].trainable = False
    plain.compile("sgd", "mse")
    plain.fit(X, Y, verbose=0)
    subprocess.run([sys.executable, "-c", script], input=pickle.dumps((plain, X, Y)), check=True)


def test_arrays_are_aligned_again():
    """As they were: at the beginning of a cache line."""
    for other in copies(trained()).values():
        assert all(variable.value.ctypes.data % 64 == 0 for variable in other.weights + other.optimizer.variables)
