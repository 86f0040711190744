"""Layers that act at random: their distribution, the way back through the same draw, rest outside training."""

import numpy as np
import pytest
from layer_checks import check_gradients

import cdl
from cdl import layers
from cdl.layers import Context

NOISE = {
    "Dropout": lambda **arguments: layers.Dropout(0.4, **arguments),
    "Dropout, shared": lambda **arguments: layers.Dropout(0.4, noise_shape=(None, 1, None), **arguments),
    "SpatialDropout1D": lambda **arguments: layers.SpatialDropout1D(0.4, **arguments),
    "GaussianNoise": lambda **arguments: layers.GaussianNoise(0.5, **arguments),
    "GaussianDropout": lambda **arguments: layers.GaussianDropout(0.3, **arguments),
    "AlphaDropout": lambda **arguments: layers.AlphaDropout(0.3, **arguments),
    "AlphaDropout, shared": lambda **arguments: layers.AlphaDropout(0.3, noise_shape=[None, 1, 5], **arguments),
}
X = np.random.default_rng(2).normal(size=(4, 6, 5)).astype("float32")


def in_training(layer, x):
    return layer(x, training=True)


@pytest.mark.parametrize("name", NOISE)
def test_outside_training_nothing_happens(name):
    layer = NOISE[name]()
    np.testing.assert_array_equal(layer(X), X)
    ctx = Context()
    layer.forward(ctx, X)
    np.testing.assert_array_equal(layer.backward(ctx, X), X)


@pytest.mark.parametrize("name", NOISE)
def test_a_seed_fixes_the_sequence_and_each_call_draws_anew(name):
    first, second = NOISE[name](seed=3), NOISE[name](seed=3)
    draws = [in_training(first, X) for _ in range(3)]
    for y in draws:
        np.testing.assert_array_equal(y, in_training(second, X))
    assert not np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], in_training(NOISE[name](seed=4), X))


@pytest.mark.parametrize("name", NOISE)
def test_backward_is_the_derivative_through_the_same_draw(name):
    class Rewound(layers.Layer):
        """The layer, made to draw the same numbers at each call."""

        def __init__(self):
            super().__init__()
            self.inner = NOISE[name](seed=1)

        def forward(self, ctx, x):
            self.inner.seed_generator.stream = 7
            return self.inner.forward(ctx, x)

        def backward(self, ctx, dy):
            return self.inner.backward(ctx, dy)

    check_gradients(Rewound, X.shape, training=True)


@pytest.mark.parametrize("name", NOISE)
def test_the_type_the_shape_and_the_configuration_stay(name):
    with cdl.config.set_floatx("float64"):
        layer = NOISE[name](seed=5)
        y = in_training(layer, X)
        assert y.dtype == np.float64 and y.shape == X.shape == layer.compute_output_shape(X.shape)
        copy = layers.deserialize(layers.serialize(layer))
        assert type(copy) is type(layer) and copy.get_config() == layer.get_config()
        np.testing.assert_array_equal(in_training(copy, X), y)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (layers.SpatialDropout1D, (50, 6, 40)),
        (layers.SpatialDropout2D, (50, 3, 4, 40)),
        (layers.SpatialDropout3D, (50, 2, 3, 2, 40)),
    ],
)
def test_spatial_dropout_drops_whole_feature_maps(make, shape):
    y = in_training(make(0.25, seed=1), np.ones(shape, "float32"))
    maps = y.reshape(50, -1, 40)
    np.testing.assert_array_equal(maps, np.broadcast_to(maps[:, :1], maps.shape))
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.75], rtol=1e-6)
    assert abs((maps[:, 0] == 0).mean() - 0.25) < 0.03  # 2,000 draws: three deviations


def test_gaussian_noise_has_mean_zero_and_the_deviation_asked_for():
    y = in_training(layers.GaussianNoise(0.2, seed=1), np.full((200, 500), 3.0)) - 3
    assert abs(y.mean()) < 0.003 and abs(y.std() - 0.2) < 0.003


def test_gaussian_dropout_has_the_mean_and_variance_of_dropout():
    y = in_training(layers.GaussianDropout(0.2, seed=1), np.ones((200, 500)))
    assert abs(y.mean() - 1) < 0.006 and abs(y.std() - 0.5) < 0.006


def test_alpha_dropout_keeps_mean_and_variance_of_normal_input():
    x = np.random.default_rng(0).normal(size=(300, 500))
    y = in_training(layers.AlphaDropout(0.3, seed=1), x)
    assert abs(y.mean()) < 0.01 and abs(y.std() - 1) < 0.01
    values, counts = np.unique(y, return_counts=True)
    assert abs(counts.max() / x.size - 0.3) < 0.005, "what is dropped has one value"
    a = (0.7 * (1 + 0.3 * 1.7580993408**2)) ** -0.5
    assert values[counts.argmax()] == pytest.approx(-1.7580993408 * a * 0.7, rel=1e-5)


@pytest.mark.parametrize("make", [layers.Dropout, layers.GaussianDropout, layers.AlphaDropout, layers.GaussianNoise])
def test_no_noise_leaves_the_input(make):
    np.testing.assert_array_equal(in_training(make(0), X), X)


def test_alpha_dropout_of_everything_gives_zeros():
    assert not in_training(layers.AlphaDropout(1.0), X).any()


def test_noise_trains_in_a_model():
    model = cdl.Sequential(
        [
            layers.Input((6, 5)),
            layers.GaussianNoise(0.1),
            layers.SpatialDropout1D(0.1),
            layers.Flatten(),
            layers.Dense(8, activation="selu"),
            layers.AlphaDropout(0.05),
            layers.GaussianDropout(0.05),
            layers.Dense(1),
        ]
    )
    model.compile(cdl.optimizers.Adam(0.01), "mse")
    x = np.random.default_rng(1).normal(size=(256, 6, 5))
    losses = model.fit(x, x.mean(axis=(1, 2)), epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.GaussianNoise(-0.1), "`stddev`.*between 0 and 1.*-0.1"),
        (lambda: layers.GaussianNoise(1.5), "`stddev`.*1.5"),
        (lambda: layers.GaussianDropout(2), "`rate`.*rate=2"),
        (lambda: layers.GaussianDropout(1), "infinite.*rate=1"),
        (lambda: layers.AlphaDropout(1.1), "`rate`.*rate=1.1"),
        (lambda: layers.SpatialDropout2D("half"), "`rate`.*half"),
        (lambda: layers.SpatialDropout2D(0.5, "channels_first"), "channels_last"),
        (
            lambda: layers.SpatialDropout2D(0.5)(X),
            r"SpatialDropout2D '.*' expects \(batch, height, width, channels\), received",
        ),
        (lambda: layers.Dropout(0.5, noise_shape="1"), "`noise_shape`"),
        (lambda: layers.Dropout(0.5, noise_shape=(1, 0)), r"`noise_shape`.*\(1, 0\)"),
        (lambda: layers.Dropout(0.5, noise_shape=(1, 1.5)), r"`noise_shape`.*1.5"),
        (lambda: layers.Dropout(0.5, noise_shape=(None, 5))(X), r"Dropout '.*noise_shape \(None, 5\).*\(None, 6, 5\)"),
        (lambda: layers.AlphaDropout(0.5, noise_shape=(None, 3, 5))(X), r"AlphaDropout.*\(None, 3, 5\)"),
        (lambda: layers.Dropout(0.5, noise_shape=(3, 1, 1))(X, training=True), r"\(3, 1, 1\).*\(4, 6, 5\)"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
