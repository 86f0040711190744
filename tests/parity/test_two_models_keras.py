"""The same GAN on Keras and on cdl: the same losses and weights over 20 steps of each of its models.

Keras 3 goes by the flags as they are at a step, where its documentation, and cdl, go by those at compile time. With the
discriminator thawed before its own steps and frozen before those of the GAN, the two agree.
"""

import numpy as np
import pytest
from keras_peer import keras

import cdl

pytestmark = pytest.mark.filterwarnings("ignore")

STEPS, BATCH = 20, 16


def train(lib, weights, inside, optimizer):
    """The losses of all steps, and the weights before and after them."""
    layers = lib.layers
    generator = lib.Sequential([layers.Input((3,)), layers.Dense(8, "tanh"), layers.Dense(2)])
    discriminator = lib.Sequential(
        [layers.Input((2,)), layers.Dense(8, "tanh"), *inside(layers), layers.Dense(1, "sigmoid")]
    )
    if weights is not None:
        generator.set_weights(weights[0])
        discriminator.set_weights(weights[1])
    start = generator.get_weights(), discriminator.get_weights()
    discriminator.compile(optimizer(lib), "binary_crossentropy")
    discriminator.trainable = False
    gan = lib.Sequential([generator, discriminator])
    gan.compile(optimizer(lib), "binary_crossentropy")
    random, losses = np.random.default_rng(3), []
    ones, zeros = np.ones((BATCH, 1), "float32"), np.zeros((BATCH, 1), "float32")
    for _ in range(STEPS):
        real, noise = random.normal(1, 0.5, (BATCH, 2)), random.normal(size=(BATCH, 3))
        fake = generator.predict_on_batch(noise.astype("float32"))
        discriminator.trainable = True
        both = np.concatenate([real.astype("float32"), fake])
        losses.append(float(discriminator.train_on_batch(both, np.concatenate([ones, zeros]))))
        discriminator.trainable = False
        losses.append(float(gan.train_on_batch(noise.astype("float32"), ones)))
    return start, losses, [*generator.get_weights(), *discriminator.get_weights()]


@pytest.mark.parametrize(
    "inside",
    [
        lambda layers: [],
        lambda layers: [layers.BatchNormalization(momentum=0.8)],
        lambda layers: [layers.Dense(4, kernel_regularizer="l2"), layers.LayerNormalization()],
    ],
    ids=["dense", "batch normalisation", "penalty"],
)
@pytest.mark.parametrize(
    "optimizer",
    [lambda lib: lib.optimizers.SGD(0.1, momentum=0.5), lambda lib: lib.optimizers.Adam(0.01, beta_1=0.5)],
    ids=["sgd", "adam"],
)
def test_the_same_game(inside, optimizer):
    start, their_losses, theirs = train(keras, None, inside, optimizer)
    _, our_losses, ours = train(cdl, start, inside, optimizer)
    np.testing.assert_allclose(our_losses, their_losses, rtol=2e-4)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("packed", [(1,), (1, 2), (1, 2, 3), (1, None, 3), ([1, 2],), (None,)])
def test_data_are_packed_alike(packed):
    theirs, ours = keras.utils.pack_x_y_sample_weight(*packed), cdl.utils.pack_x_y_sample_weight(*packed)
    assert ours == theirs
    assert cdl.utils.unpack_x_y_sample_weight(ours) == keras.utils.unpack_x_y_sample_weight(theirs)
