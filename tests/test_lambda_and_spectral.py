"""Lambda: a function as a layer. SpectralNormalization: a kernel whose largest singular value is one."""

import numpy as np
import pytest
from layer_checks import check_configuration, check_gradients

import cdl
from cdl import Sequential, layers
from cdl.layers import Context

X = np.random.default_rng(5).normal(size=(6, 4)).astype(np.float32)


@cdl.utils.register_keras_serializable("tests")
def power(x, exponent=2):
    return x**exponent


@cdl.utils.register_keras_serializable("tests")
def power_gradient(x, y, dy, exponent=2):
    return dy * exponent * x ** (exponent - 1)


# ------------------------------------------------------------------------------------------------------------- Lambda


def test_the_function_and_its_gradient():
    check_gradients(lambda: layers.Lambda(power, gradient=power_gradient, arguments={"exponent": 3}), (5, 3))
    layer = layers.Lambda(lambda x: x[:, ::-1])
    np.testing.assert_array_equal(layer(X), X[:, ::-1])
    assert layers.Lambda(lambda x: x > 0)(X).dtype == np.float32


def test_below_what_is_trained_no_gradient_is_needed():
    model = Sequential([layers.Input((4,)), layers.Lambda(lambda x: x / 10), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X.sum(axis=1), verbose=0)
    model = Sequential([layers.Input((4,)), layers.Dense(2), layers.Lambda(lambda x: x / 10)])
    model.compile("sgd", "mse")
    assert model.predict(X, verbose=0).shape == (6, 2)
    with pytest.raises(NotImplementedError, match=r"Lambda 'lambda.*' has no gradient"):
        model.fit(X, X[:, :2], verbose=0)


def test_shapes():
    assert layers.Lambda(lambda x: x[..., None]).compute_output_shape((None, 4)) == (None, 4, 1)
    assert layers.Lambda(power, output_shape=(7,)).compute_output_shape((None, 4)) == (None, 7)
    assert layers.Lambda(power, output_shape=lambda shape: shape[:1]).compute_output_shape((3, 4)) == (3,)


def test_training_and_masks_are_told_to_those_who_ask():
    layer = layers.Lambda(lambda x, training, mask: x * (2 if training else 1) * mask[..., None])
    mask = np.array([[True, False, True]])
    x = np.ones((1, 3, 2), np.float32)
    np.testing.assert_array_equal(layer(x, training=True, mask=mask)[0, :, 0], [2, 0, 2])
    np.testing.assert_array_equal(layer(x, training=False, mask=mask)[0, :, 0], [1, 0, 1])
    ctx = Context(mask=mask)
    with pytest.warns(UserWarning, match="does not support masking"):
        assert layer.output_mask(ctx, x) is None
    keeping = layers.Lambda(lambda x: x, mask=lambda inputs, mask: ~mask)
    np.testing.assert_array_equal(keeping.output_mask(ctx, x), ~mask)


def test_named_functions_are_saved_and_lambdas_are_not():
    layer = layers.Lambda(power, gradient=power_gradient, arguments={"exponent": 3}, output_shape=(4,))
    check_configuration(layer, X)
    again = layers.deserialize(layers.serialize(layer))
    assert (again.function, again.gradient) == (power, power_gradient)
    with pytest.raises(TypeError, match="needs a name"):
        layers.serialize(layers.Lambda(lambda x: x))


def test_code_in_a_configuration_is_not_run():
    config = layers.Lambda(power).get_config()
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}
    with pytest.raises(ValueError, match="__lambda__"):
        layers.Lambda.from_config({**config, "function": code})


@pytest.mark.parametrize(
    "mistake, message",
    [
        (lambda: layers.Lambda("relu"), "`function` is a function"),
        (lambda: layers.Lambda(power, gradient=2), "`gradient` is a function"),
        (lambda: layers.Lambda(lambda x: np.array("a"))(X), "the output must be an array of real numbers"),
    ],
)
def test_mistakes_with_lambda(mistake, message):
    with pytest.raises((ValueError, TypeError), match=message):
        mistake()


# ---------------------------------------------------------------------------------------------- SpectralNormalization


def largest_singular_value(variable):
    return np.linalg.norm(variable.value.reshape(-1, variable.shape[-1]), 2)


INSIDE = {
    "Dense": (lambda: layers.Dense(3), X),
    "Conv2D": (lambda: layers.Conv2D(3, 2), np.ones((2, 4, 4, 2))),
    "Embedding": (lambda: layers.Embedding(9, 4), np.arange(6).reshape(2, 3)),
}


@pytest.mark.parametrize("make, x", INSIDE.values(), ids=INSIDE.keys())
def test_the_kernel_gets_the_spectral_norm_one(make, x):
    cdl.utils.set_random_seed(1)
    layer = layers.SpectralNormalization(make(), power_iterations=40)
    layer(x)
    before = layer.kernel.numpy()
    y = layer(x, training=False)
    np.testing.assert_array_equal(layer.kernel.value, before)
    layer(x, training=True)
    np.testing.assert_allclose(largest_singular_value(layer.kernel), 1, rtol=1e-4)
    np.testing.assert_allclose(
        layer.kernel.value * np.linalg.norm(before.reshape(-1, before.shape[-1]), 2), before, rtol=1e-4
    )
    assert y.shape == tuple(layer.compute_output_shape(np.shape(x)))


def test_one_iteration_a_step_comes_there_too():
    cdl.utils.set_random_seed(1)
    layer = layers.SpectralNormalization(layers.Dense(3))
    for _ in range(60):
        layer(X, training=True)
    np.testing.assert_allclose(largest_singular_value(layer.kernel), 1, rtol=1e-3)


def test_spectral_gradients_and_configuration():
    check_gradients(lambda: layers.SpectralNormalization(layers.Dense(3, "tanh")), (5, 4))
    check_configuration(layers.SpectralNormalization(layers.Dense(3), power_iterations=2), X)


def test_weights_as_in_keras():
    layer = layers.SpectralNormalization(layers.Dense(3, name="inner"), name="outer")
    layer(X)
    assert [w.path for w in layer.weights] == ["outer/inner/kernel", "outer/vector_u", "outer/inner/bias"]
    assert [w.name for w in layer.trainable_weights] == ["kernel", "bias"]
    layer.trainable = False
    assert not layer.trainable_weights


def test_a_kernel_of_zeros_stays():
    layer = layers.SpectralNormalization(layers.Dense(3, kernel_initializer="zeros"))
    assert not layer(X, training=True).any()


@pytest.mark.parametrize(
    "mistake, message",
    [
        (lambda: layers.SpectralNormalization("Dense"), "`layer` is a layer"),
        (lambda: layers.SpectralNormalization(layers.Dense(3), power_iterations=0), "positive integer"),
        (lambda: layers.SpectralNormalization(layers.ReLU())(X), "no variable 'kernel' nor 'embeddings'"),
    ],
)
def test_mistakes_with_spectral_normalization(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()
