"""Erasing, loss of colour, negatives, shear, solarization, pipelines of them: images, gradients, configurations."""

import numpy as np
import pytest
from layer_checks import check_gradients

from cdl import Sequential, layers
from cdl.layers import Context

RNG = np.random.default_rng(4)
X = RNG.uniform(0, 1, (40, 6, 8, 3)).astype(np.float32)
LAYERS = {
    "RandomErasing": lambda: layers.RandomErasing(0.7, fill_value=0.5, value_range=(0, 1), seed=1),
    "RandomErasing, colours": lambda: layers.RandomErasing(fill_value=(0.1, 0.2, 0.3), value_range=(0, 1), seed=1),
    "RandomErasing, noise": lambda: layers.RandomErasing(value_range=(0, 1), seed=1),
    "RandomGrayscale": lambda: layers.RandomGrayscale(0.6, seed=1),
    "RandomInvert": lambda: layers.RandomInvert(0.6, value_range=(0, 1), seed=1),
    "Solarization": lambda: layers.Solarization((0.1, 0.3), (0.3, 0.6), value_range=(0, 1), seed=1),
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())
def test_gradients(make):
    class Rewound(type(make())):
        """Draws the same numbers in every pass."""

        def forward(self, ctx, x):
            self.seed_generator.stream = 0
            return super().forward(ctx, x)

    check_gradients(lambda: Rewound(**options(make())), None, training=True, x=X[:3].astype(float))


def options(layer):
    return {name: value for name, value in layer.get_config().items() if name not in ("name", "trainable", "dtype")}


@pytest.mark.parametrize("make", [*LAYERS.values(), lambda: layers.RandomShear(0.2, (0.1, 0.3), seed=1)])
def test_active_in_training_only_and_restored(make):
    layer = make()
    np.testing.assert_array_equal(layer(X, training=False), X)
    dy = np.ones_like(X)
    ctx = Context(training=False)
    layer.forward(ctx, X)
    if not isinstance(layer, layers.RandomShear):
        assert layer.backward(ctx, dy) is dy
    changed = (make()(X, training=True) != X).any(axis=(1, 2, 3)).mean()
    assert 0.3 < changed <= 1
    again = layers.deserialize(layers.serialize(make()))
    assert (type(again), again.get_config()) == (type(layer), layer.get_config() | {"name": again.name})
    np.testing.assert_array_equal(again(X, training=True), make()(X, training=True))


def test_erased_rectangles_have_the_wanted_size_and_filling():
    x = np.zeros((2000, 20, 30, 3), np.float32)
    y = layers.RandomErasing((1, 1), (0.1, 0.4), fill_value=(0.1, 0.2, 0.3), value_range=(0, 1), seed=3)(
        x, training=True
    )
    covered = (y != 0).any(axis=-1)
    np.testing.assert_allclose(y[covered], np.broadcast_to([0.1, 0.2, 0.3], (covered.sum(), 3)), rtol=1e-6)
    heights, widths = covered.any(axis=2).sum(axis=1), covered.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(covered.sum(axis=(1, 2)), heights * widths)  # rectangles
    assert heights.min() >= np.floor(np.sqrt(0.1) * 20)
    assert widths.max() <= np.ceil(np.sqrt(0.4) * 30)
    assert abs(covered.mean() - np.mean(np.sqrt(RNG.uniform(0.1, 0.4, 100_000))) ** 2) < 0.01
    half = layers.RandomErasing((0.5, 0.5), fill_value=1, seed=3)(x, training=True)
    assert abs(half.any(axis=(1, 2, 3)).mean() - 0.5) < 0.04


def test_noise_lies_in_the_value_range():
    y = layers.RandomErasing((1, 1), (1, 1), value_range=(-1, 2), seed=3)(np.zeros((50, 8, 8, 3)), training=True)
    assert (y.min(), y.max()) == (-1, 2)
    assert len(np.unique(y)) > 1000


def test_grey_and_negative():
    grey = layers.RandomGrayscale(1.0)(X, training=True)
    np.testing.assert_allclose(grey, np.repeat(X @ np.float32([[0.2989], [0.587], [0.114]]), 3, axis=-1), rtol=1e-5)
    np.testing.assert_allclose(layers.RandomInvert((1, 1), (0, 1))(X, training=True)[:, 0, 0, 0], 1 - X[:, 0, 0, 0])
    np.testing.assert_allclose(layers.Solarization(value_range=(0, 1))(X, training=True), 1 - X, atol=1e-6)


def test_shear_moves_rows_by_their_distance_from_the_first():
    x = np.zeros((1, 5, 9, 1), np.float32)
    x[0, :, 4] = 1
    layer = layers.RandomShear((1.0, 1.0), fill_mode="constant", seed=1)
    for _ in range(4):
        column = layer(x, training=True)[0, ..., 0].argmax(axis=1).tolist()
        assert column in ([4, 3, 2, 1, 0], [4, 5, 6, 7, 8])


def test_a_pipeline_is_a_layer():
    def steps():
        return [layers.RandomFlip(seed=1), layers.RandomInvert(0.5, seed=2), layers.Rescaling(2.0)]

    pipeline, alone = layers.Pipeline(steps()), steps()
    expected = X
    for layer in alone:
        expected = layer(expected, training=True)
    np.testing.assert_array_equal(pipeline(X, training=True), expected)
    np.testing.assert_array_equal(pipeline(X, training=False), 2 * X)
    again = layers.deserialize(layers.serialize(pipeline))
    assert [type(layer) for layer in again.layers] == [layers.RandomFlip, layers.RandomInvert, layers.Rescaling]
    assert again.get_config() == pipeline.get_config()
    assert Sequential([pipeline, layers.Flatten(), layers.Dense(2)])(X).shape == (40, 2)
    with pytest.raises(ValueError, match="a list of layers"):
        layers.Pipeline(layers.Flatten())
    with pytest.raises(ValueError, match="a list of layers"):
        layers.Pipeline(["Flatten"])


@pytest.mark.parametrize(
    "mistake, message",
    [
        (lambda: layers.RandomErasing(1.5), "`factor`"),
        (lambda: layers.RandomErasing(scale=-0.1), "`scale`"),
        (lambda: layers.RandomErasing(fill_value=(1, 2)), "`fill_value`"),
        (lambda: layers.RandomGrayscale(-0.1), "`factor`"),
        (lambda: layers.RandomGrayscale()(X[..., :1]), "three channels"),
        (lambda: layers.RandomInvert(2), "`factor`"),
        (lambda: layers.RandomShear(-0.1), "`x_factor`"),
        (lambda: layers.RandomShear(0, (0.1, 2)), "`y_factor`"),
        (lambda: layers.Solarization(2), "`addition_factor`"),
        (lambda: layers.Solarization(value_range=1), "`value_range`"),
    ],
)
def test_mistakes(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()
