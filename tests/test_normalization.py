"""Normalisation layers: what they mean, their gradients, their state, and what they refuse."""

import numpy as np
import pytest
from layer_checks import check_configuration, check_gradients

import cdl
from cdl import layers, ops
from cdl.layers import Context

LAYERS = {
    "BatchNormalization": (lambda: layers.BatchNormalization(), (5, 3)),
    "BatchNormalization of images": (lambda: layers.BatchNormalization(momentum=0.5), (3, 4, 2, 9)),
    "BatchNormalization, first axis": (lambda: layers.BatchNormalization(axis=1), (3, 4, 2, 5)),
    "BatchNormalization without gamma": (lambda: layers.BatchNormalization(scale=False, epsilon=0.1), (5, 3)),
    "BatchNormalization without beta": (lambda: layers.BatchNormalization(center=False), (5, 3)),
    "LayerNormalization": (lambda: layers.LayerNormalization(), (4, 7)),
    "LayerNormalization over two axes": (lambda: layers.LayerNormalization(axis=[1, 3]), (2, 3, 2, 4)),
    "LayerNormalization over the last two": (lambda: layers.LayerNormalization(axis=(-2, -1)), (2, 3, 4)),
    "LayerNormalization, bare": (lambda: layers.LayerNormalization(center=False, scale=False), (4, 7)),
    "GroupNormalization": (lambda: layers.GroupNormalization(2), (2, 3, 2, 6)),
    "GroupNormalization, first axis": (lambda: layers.GroupNormalization(2, axis=1), (2, 4, 3)),
    "GroupNormalization by instance": (lambda: layers.GroupNormalization(-1, center=False), (2, 5, 3)),
    "GroupNormalization, bare": (lambda: layers.GroupNormalization(1, center=False, scale=False), (3, 4)),
    "RMSNormalization": (lambda: layers.RMSNormalization(), (4, 7)),
    "RMSNormalization over two axes": (lambda: layers.RMSNormalization(axis=[1, 2]), (2, 3, 4)),
    "UnitNormalization": (lambda: layers.UnitNormalization(), (4, 7)),
    "UnitNormalization over two axes": (lambda: layers.UnitNormalization(axis=[1, 2]), (2, 3, 4)),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("backend", ["native", "reference"])
def test_backward_is_the_derivative_of_forward(name, backend, training):
    make, shape = LAYERS[name]
    with cdl.config.set_backend(backend):
        check_gradients(make, shape, training=training)


@pytest.mark.parametrize("name", LAYERS)
def test_shape_configuration_and_empty_batch(name):
    make, shape = LAYERS[name]
    layer = make()
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    y = layer(x)
    assert y.dtype == np.float32
    assert y.shape == shape
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *shape[1:])
    check_configuration(layer, x)
    assert layer(x[:0]).shape == (0, *shape[1:])


def standardized(x, axes, epsilon=1e-3):
    return (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + epsilon)


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_each_layer_is_its_formula():
    rng = np.random.default_rng(0)
    x, gamma, beta = rng.normal(2, 3, size=(4, 5, 6)), rng.normal(size=6), rng.normal(size=6)

    def with_weights(layer, *weights):
        layer.build(x.shape)
        layer.set_weights(weights)
        return layer

    with cdl.config.set_floatx("float64"):
        layer = layers.BatchNormalization()
        layer.build(x.shape)
        layer.gamma.assign(gamma)
        layer.beta.assign(beta)
        assert_close(layer(x, training=True), standardized(x, (0, 1)) * gamma + beta)
        assert_close(with_weights(layers.LayerNormalization(), gamma, beta)(x), standardized(x, 2) * gamma + beta)
        by_group = standardized(x.reshape(4, 5, 3, 2), (1, 3)).reshape(x.shape)
        assert_close(with_weights(layers.GroupNormalization(3), gamma, beta)(x), by_group * gamma + beta)
        rms = x / np.sqrt((x**2).mean(axis=2, keepdims=True) + 1e-6)
        assert_close(with_weights(layers.RMSNormalization(), gamma)(x), rms * gamma)
        assert_close(layers.UnitNormalization()(x), x / np.sqrt((x**2).sum(axis=2, keepdims=True)))


# ---------------------------------------------------------------------------------------------------------------- state


def test_moving_statistics_follow_the_batches():
    layer = layers.BatchNormalization(momentum=0.9)
    mean, variance = np.zeros(3), np.ones(3)
    rng = np.random.default_rng(0)
    for _ in range(5):
        x = rng.normal([1, 2, 3], [0.5, 1, 2], size=(20, 4, 3)).astype("float32")
        layer(x, training=True)
        mean = 0.9 * mean + 0.1 * x.mean(axis=(0, 1))
        variance = 0.9 * variance + 0.1 * x.var(axis=(0, 1))
        layer(x)  # at rest nothing moves
    np.testing.assert_allclose(layer.moving_mean.value, mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.value, variance, rtol=1e-5)
    expected = (x - mean) / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_a_frozen_layer_is_at_rest_also_in_training():
    layer = layers.BatchNormalization()
    x = np.random.default_rng(0).normal(5, 2, size=(20, 3)).astype("float32")
    layer(x, training=True)
    layer.trainable = False
    before = layer.get_weights()
    ctx = Context(training=True)
    y = layer.forward(ctx, x)
    np.testing.assert_array_equal(y, layer(x))
    for now, then in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    dx = layer.backward(ctx, np.ones_like(x))
    np.testing.assert_allclose(dx, np.broadcast_to(layer.scale_of(layer.moving_variance.value), x.shape))
    assert layer.gamma.grad is None
    assert layer.trainable_weights == []
    layer.trainable = True
    assert [weight.name for weight in layer.trainable_weights] == ["gamma", "beta"]
    assert [weight.name for weight in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]


def test_training_a_model_moves_the_statistics_and_lowers_the_loss():
    rng = np.random.default_rng(0)
    x = rng.normal(30, 10, size=(200, 6)).astype("float32")
    y = (x[:, :1] > 30).astype("float32")
    model = cdl.Sequential(
        [layers.Input((6,)), layers.BatchNormalization(momentum=0.9), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(cdl.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=20, batch_size=50, verbose=0)
    np.testing.assert_allclose(model.layers[0].moving_mean.value, x.mean(axis=0), rtol=0.02)
    assert model.evaluate(x, y, verbose=0)[1] > 0.97


# ------------------------------------------------------------------------------------------------------------- accuracy


@pytest.mark.parametrize("shift", [0.0, 1.0, 100.0, 3000.0])
def test_mean_and_variance_of_a_million_rows(shift):
    """The mean to a rounding of its last places; the variance too, where x itself can express it."""
    x = np.random.default_rng(0).normal(shift, 1, size=(1_000_000, 3)).astype("float32")
    _, mean, variance = ops.batch_norm(x, None, None, 1e-3)
    exact = x.astype("float64")
    np.testing.assert_allclose(mean, exact.mean(axis=0), rtol=2e-7, atol=2e-7)
    np.testing.assert_allclose(variance, exact.var(axis=0), rtol=5e-7)


def test_constant_inputs_have_no_variance():
    x = np.full((1000, 5), 0.1, "float32")
    y, mean, variance = ops.batch_norm(x, None, None, 1e-3)
    np.testing.assert_array_equal(mean, x[0])
    assert not variance.any()
    assert not y.any()
    assert not ops.layer_norm(np.full((3, 1001), 0.1, "float32"), None, None, 1e-3).any()


def test_sums_of_the_gradient_of_a_million_rows():
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(1, 1, size=(1_000_000, 3)).astype("float32") for _ in range(2))
    _, mean, variance = ops.batch_norm(x, None, None, 1e-3)
    _, dgamma, dbeta = ops.batch_norm_backward(x, None, mean, variance, dy, 1e-3, need_dx=False)
    x_hat = (x.astype("float64") - mean) / np.sqrt(variance.astype("float64") + 1e-3)
    np.testing.assert_allclose(dbeta, dy.sum(axis=0, dtype="float64"), rtol=1e-6)
    np.testing.assert_allclose(dgamma, (x_hat * dy).sum(axis=0), atol=0.05)  # of a sum of 10^6 terms near 1


def test_a_vector_of_zeros_stays_zero():
    layer, ctx = layers.UnitNormalization(), Context()
    x = np.zeros((2, 3), "float32")
    assert not layer(x, ctx=ctx).any()
    assert np.isfinite(layer.backward(ctx, np.ones_like(x))).all()


# ------------------------------------------------------------------------------------------------------------- mistakes


def built_for(layer, shape):
    layer.build((None, *shape))
    return layer


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.BatchNormalization(synchronized=True), ValueError, "synchronized=True"),
        (lambda: layers.BatchNormalization(renorm=True), ValueError, "renorm=True"),
        (lambda: layers.BatchNormalization(axis=4)(np.ones((2, 3))), ValueError, "axis 4 is out of bounds.*2 axes"),
        (lambda: layers.BatchNormalization().build((None, None)), ValueError, "axis 1 must be known"),
        (
            lambda: built_for(layers.BatchNormalization(name="b"), (4, 3))(np.ones((2, 4, 5))),
            ValueError,
            r"BatchNormalization 'b': input has shape \(2, 4, 5\).*3 channels",
        ),
        (lambda: layers.BatchNormalization()(np.ones((0, 3)), training=True), ValueError, "mean of no rows"),
        (lambda: layers.LayerNormalization(axis="last"), TypeError, "'last'"),
        (lambda: layers.LayerNormalization(rms_scaling=True), ValueError, "RMSNormalization"),
        (
            lambda: built_for(layers.LayerNormalization(name="l"), (3,))(np.ones((2, 5))),
            ValueError,
            r"LayerNormalization 'l': input has shape \(2, 5\).*\(3,\)",
        ),
        (lambda: layers.GroupNormalization(0), ValueError, "groups=0"),
        (lambda: layers.GroupNormalization(4, name="g")(np.ones((2, 6))), ValueError, "'g': 6 channels.*4 groups"),
        (lambda: layers.GroupNormalization()(np.ones((2, 6))), ValueError, "6 channels.*32 groups"),
        (lambda: built_for(layers.GroupNormalization(1), (6,))(np.ones((2, 4))), ValueError, "6 channels on axis -1"),
        (lambda: built_for(layers.RMSNormalization(), (6,))(np.ones((2, 4))), ValueError, r"\(6,\)"),
        (lambda: layers.UnitNormalization(axis=2)(np.ones((2, 4))), ValueError, "axis 2 is out of bounds"),
        (lambda: layers.UnitNormalization(axis=None), TypeError, "axis=None"),
    ],
)
def test_mistakes_are_named_at_once(make, error, message):
    with pytest.raises(error, match=message):
        make()
