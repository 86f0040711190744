"""Does it learn? Small problems with known answers, then digits."""

import os

import numpy as np
import pytest

import cdl
from cdl import Sequential, datasets, layers, optimizers


def test_two_layers_learn_xor():
    cdl.utils.set_random_seed(3)
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    model = Sequential([layers.Dense(8, activation="tanh"), layers.Dense(1, activation="sigmoid")])
    model.compile(optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=300, verbose=0)
    assert (model.predict(x, verbose=0)[:, 0] > 0.5).tolist() == [False, True, True, False]
    assert model.evaluate(x, y, verbose=0)[0] < 0.05


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.1),
        optimizers.SGD(0.02, momentum=0.9, nesterov=True),
        optimizers.RMSprop(0.02),
        optimizers.Adam(0.05),
        optimizers.AdamW(0.05, weight_decay=0.0),
    ],
    ids=["SGD", "Nesterov", "RMSprop", "Adam", "AdamW"],
)
def test_a_linear_layer_recovers_the_coefficients(optimizer):
    cdl.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = x @ [2.0, -1.0, 0.5] + 3
    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile(optimizer, "mse")
    model.fit(x, y, epochs=60, batch_size=20, verbose=0)
    optimizer.learning_rate = 0.002
    model.fit(x, y, epochs=60, batch_size=20, verbose=0)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel[:, 0], [2, -1, 0.5], atol=0.02)
    np.testing.assert_allclose(bias, [3], atol=0.02)


def test_least_absolute_deviations_ignore_outliers():
    cdl.utils.set_random_seed(0)
    x = np.random.default_rng(1).normal(size=(300, 1))
    y = 2 * x[:, 0]
    y[::10] += 50
    model = Sequential([layers.Input((1,)), layers.Dense(1)])
    model.compile(optimizers.Adam(0.02), "mae")
    model.fit(x, y, epochs=80, verbose=0)
    kernel, bias = model.get_weights()
    assert abs(kernel[0, 0] - 2) < 0.2 and abs(bias[0]) < 0.2


def two_spirals(samples):
    rng = np.random.default_rng(2)
    t = np.sqrt(rng.uniform(size=samples)) * 3 * np.pi
    label = rng.integers(0, 2, samples)
    angle = t + np.pi * label
    x = np.stack([t * np.cos(angle), t * np.sin(angle)], axis=1) / 10 + rng.normal(scale=0.01, size=(samples, 2))
    return x, label


def test_three_layers_tell_two_spirals_apart():
    cdl.utils.set_random_seed(1)
    x, y = two_spirals(600)
    model = Sequential(
        [
            layers.Dense(48, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(48, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(2),
        ]
    )
    loss = cdl.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizers.Adam(0.005), loss, metrics=["accuracy"])
    model.fit(x, y, epochs=120, verbose=0)
    x_test, y_test = two_spirals(900)
    assert model.evaluate(x_test[600:], y_test[600:], verbose=0)[1] > 0.97


@pytest.fixture(scope="module")
def digits():
    (x_train, y_train), (x_test, y_test) = datasets.digits.load_data()
    return x_train / 255.0, y_train, x_test / 255.0, y_test


def test_digits_are_read_as_the_readme_says(digits):
    cdl.utils.set_random_seed(1)
    x_train, y_train, x_test, y_test = digits
    model = Sequential(
        [
            layers.Input((28, 28)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=10, validation_split=0.1, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] / 5
    assert model.evaluate(x_test, y_test, verbose=0)[1] >= 0.93


def test_one_hot_digits_with_a_model_built_layer_by_layer(digits):
    cdl.utils.set_random_seed(2)
    x_train, y_train, x_test, y_test = digits
    model = Sequential()
    model.add(layers.Dense(32, input_dim=784, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    y = cdl.utils.to_categorical(y_train)
    model.fit(x_train.reshape(-1, 784), y, epochs=8, verbose=0)
    assert model.evaluate(x_test.reshape(-1, 784), cdl.utils.to_categorical(y_test), verbose=0)[1] >= 0.92


@pytest.mark.skipif("CDL_DATA_DIR" not in os.environ, reason="needs MNIST in CDL_DATA_DIR")
def test_the_script_of_most_courses_reads_975_of_1000_mnist_digits():
    cdl.utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = datasets.mnist.load_data()
    x_train, x_test = x_train / 255.0, x_test / 255.0
    model = Sequential(
        [
            layers.Flatten(input_shape=(28, 28)),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=5, verbose=0)
    assert model.evaluate(x_test, y_test, verbose=0)[1] >= 0.975
