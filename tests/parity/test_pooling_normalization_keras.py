"""Pooling and normalisation beside Keras: outputs, gradients, moving statistics, configurations, shapes, errors."""

import itertools

import numpy as np
import pytest
from keras_peer import assert_same_mistake, jax_or_skip, keras, plain

import cdl
from cdl.layers import Context

jax = jax_or_skip()
pytestmark = pytest.mark.filterwarnings("ignore")


def compare(name, arguments, shape, training=False, tolerance=2e-5):
    """One layer in both libraries, with the same weights: everything that can be seen of it."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=shape).astype("float32")
    ours, theirs = getattr(cdl.layers, name)(**arguments), getattr(keras.layers, name)(**arguments)
    assert plain(ours.get_config(), "name") == plain(theirs.get_config(), "name")
    ours.build((None, *shape[1:]))
    theirs.build((None, *shape[1:]))
    assert plain(ours.get_config(), "name") == plain(theirs.get_config(), "name")
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    weights = [rng.uniform(0.5, 1.5, size=w.shape).astype("float32") for w in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    dy = rng.normal(size=theirs.compute_output_shape(shape)).astype("float32")

    def loss(trainable, x):
        y, state = theirs.stateless_call(trainable, [v.value for v in theirs.non_trainable_variables], x, **call)
        return (y * dy).sum(), (y, state)

    call = {"training": training} if "Batch" in name else {}
    (_, (expected, state)), (dweights, dx) = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(
        [v.value for v in theirs.trainable_variables], x
    )
    ctx = Context(training=training)
    y = ours.forward(ctx, x)
    assert y.shape == expected.shape == ours.compute_output_shape(x.shape)
    open_shape = (None, *(None for _ in shape[2:]), shape[-1])
    if "Pooling" in name:
        assert ours.compute_output_shape(open_shape) == tuple(theirs.compute_output_shape(open_shape))
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(ours.backward(ctx, dy), dx, rtol=tolerance, atol=10 * tolerance)
    for variable, gradient in zip(ours.trainable_weights, dweights, strict=True):
        np.testing.assert_allclose(variable.grad, gradient, rtol=tolerance, atol=10 * tolerance)
    for variable, value in zip(ours.non_trainable_weights, state, strict=True):
        np.testing.assert_allclose(variable.value, value, rtol=tolerance, atol=tolerance)


# -------------------------------------------------------------------------------------------------------------- pooling

KINDS = ("MaxPooling", "AveragePooling")
PLANES = [(2, 7, 6, 3), (1, 5, 8, 9), (2, 4, 4, 1)]
WINDOWS = itertools.product([1, 2, (3, 2), (2, 4)], [None, 1, (2, 3), 5])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("windows, shape", list(zip(WINDOWS, itertools.cycle(PLANES), strict=False)))
def test_pooling_of_images(kind, padding, windows, shape):
    size, strides = windows
    compare(kind + "2D", {"pool_size": size, "strides": strides, "padding": padding}, shape)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(2, 1, 1, 3), (1, 1, 5, 2), (3, 2, 1, 17)])
@pytest.mark.parametrize("strides", [None, 1, 3])
def test_pooling_of_the_smallest_images(kind, shape, strides):
    compare(kind + "2D", {"pool_size": 3, "strides": strides, "padding": "same"}, shape)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size, strides", [(2, None), (3, 1), (2, 5), (4, 2)])
def test_pooling_of_sequences_and_volumes(kind, padding, size, strides):
    arguments = {"pool_size": size, "strides": strides, "padding": padding}
    compare(kind + "1D", arguments, (2, 11, 5))
    compare(kind + "3D", arguments, (2, 5, 4, 6, 3))


@pytest.mark.parametrize("kind", ["GlobalMaxPooling", "GlobalAveragePooling"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pooling(kind, keepdims):
    for rank, shape in enumerate([(2, 7, 3), (2, 5, 6, 9), (1, 3, 4, 2, 5), (1, 1, 1)], 1):
        compare(f"{kind}{rank if rank < 4 else 1}D", {"keepdims": keepdims}, shape)


# -------------------------------------------------------------------------------------------------------- normalisation

SHAPES = [(6, 5), (4, 3, 7), (3, 4, 5, 2)]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"axis": 1},
        {"momentum": 0.5, "epsilon": 0.1},
        {"center": False},
        {"scale": False},
        {"center": False, "scale": False},
        {"gamma_regularizer": "l2", "beta_constraint": "non_neg", "moving_mean_initializer": "ones"},
        {"trainable": False},
    ],
    ids=str,
)
def test_batch_normalization(arguments, shape, training):
    compare("BatchNormalization", arguments, shape, training)


def test_moving_statistics_over_many_steps():
    ours, theirs = cdl.layers.BatchNormalization(momentum=0.8), keras.layers.BatchNormalization(momentum=0.8)
    for step in range(6):
        x = np.random.default_rng(step).normal(step, 1 + step, size=(5, 4, 3)).astype("float32")
        np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        assert one.path.split("/")[1] == other.path.split("/")[1]
        np.testing.assert_allclose(one.value, other.value, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"axis": 1},
        {"axis": [-1]},
        {"axis": (-2, -1)},
        {"epsilon": 0.1, "center": False},
        {"scale": False},
        {"center": False, "scale": False},
    ],
    ids=str,
)
def test_layer_normalization(arguments, shape):
    if len(shape) == 2 and arguments.get("axis") == (-2, -1):
        arguments = {"axis": (1,)}  # keep the batch axis out
    compare("LayerNormalization", arguments, shape)


@pytest.mark.parametrize(
    "arguments, shape",
    [
        ({"groups": 1}, (4, 6)),
        ({"groups": 2}, (4, 6)),
        ({"groups": 3, "epsilon": 0.1}, (3, 5, 6)),
        ({"groups": -1}, (3, 5, 6)),
        ({"groups": 2, "axis": 1}, (2, 4, 5, 3)),
        ({"groups": 2, "axis": 2}, (2, 4, 6, 3)),
        ({"groups": 2, "center": False}, (2, 4, 5, 6)),
        ({"groups": 6, "scale": False}, (2, 4, 5, 6)),
        ({}, (2, 3, 3, 64)),
    ],
    ids=str,
)
def test_group_normalization(arguments, shape):
    compare("GroupNormalization", arguments, shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("arguments", [{}, {"axis": 1}, {"epsilon": 0.1}, {"axis": [-1]}], ids=str)
def test_rms_and_unit_normalization(arguments, shape):
    if arguments.get("axis") != 1 or len(shape) == 2:  # Keras cannot broadcast its scale along another axis
        compare("RMSNormalization", arguments, shape)
    if "epsilon" not in arguments:
        compare("UnitNormalization", arguments, shape)


# ------------------------------------------------------------------------------------------------------------- mistakes

MISTAKES = {
    "no such padding": lambda lib: lib.layers.MaxPooling2D(padding="full")(np.ones((1, 4, 4, 1))),
    "size 0": lambda lib: lib.layers.AveragePooling2D(0),
    "two sizes for one axis": lambda lib: lib.layers.MaxPooling1D((2, 2)),
    "negative strides": lambda lib: lib.layers.MaxPooling1D(2, strides=-1),
    "data format": lambda lib: lib.layers.GlobalMaxPooling2D(data_format="nope"),
    "axes": lambda lib: lib.layers.MaxPooling2D()(np.ones((1, 4, 1))),
    "global axes": lambda lib: lib.layers.GlobalMaxPooling2D()(np.ones((1, 4, 1))),
    "too small": lambda lib: lib.Sequential([lib.layers.Input((1, 5, 3)), lib.layers.MaxPooling2D()]),
    "axis of layer norm": lambda lib: lib.layers.LayerNormalization(axis="last"),
    "axis of unit norm": lambda lib: lib.layers.UnitNormalization(axis=None),
    "synchronized": lambda lib: lib.layers.BatchNormalization(synchronized=True),
    "groups": lambda lib: lib.layers.GroupNormalization(0),
    "more groups than channels": lambda lib: lib.layers.GroupNormalization(8)(np.ones((2, 4))),
    "groups that do not divide": lambda lib: lib.layers.GroupNormalization(4)(np.ones((2, 6))),
    "other channels": lambda lib: (lambda layer: (layer(np.ones((2, 4))), layer(np.ones((2, 5)))))(
        lib.layers.BatchNormalization()
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_raises_an_error_of_the_class_that_keras_raises(case):
    assert_same_mistake(MISTAKES[case])
