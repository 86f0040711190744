"""Keras' wrappers for scikit-learn and ours: the same arguments, and from the same weights the same estimators."""

import inspect

import numpy as np
import pytest
from keras_peer import keras
from sklearn.datasets import load_diabetes, load_iris

import cdl
from cdl import wrappers

pytestmark = pytest.mark.filterwarnings("ignore")

NAMES = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
TRAINING = {"epochs": 5, "shuffle": False, "batch_size": 16}


def build(lib, last, loss):
    def model(X, y, units):
        random = np.random.default_rng(0)
        net = lib.Sequential([lib.layers.Input(X.shape[1:])])
        net.add(lib.layers.Dense(units, "tanh"))
        net.add(lib.layers.Dense(y.shape[1], last))
        net.set_weights([random.normal(0, 0.5, weight.shape) for weight in net.get_weights()])
        net.compile(lib.optimizers.SGD(0.1), loss)
        return net

    return model


def both(name, last, loss, X, y):
    """Keras' estimator and ours, fitted."""
    arguments = {"model_kwargs": {"units": 8}, "fit_kwargs": TRAINING}
    theirs = getattr(keras.wrappers, name)(build(keras, last, loss), **arguments).fit(X, y, verbose=0)
    return theirs, getattr(wrappers, name)(build(cdl, last, loss), **arguments).fit(X, y)


@pytest.mark.parametrize("name", NAMES)
def test_arguments(name):
    theirs, ours = (inspect.signature(getattr(lib, name)).parameters for lib in (keras.wrappers, wrappers))
    assert [(p.name, p.default) for p in theirs.values()] == [(p.name, p.default) for p in ours.values()][:-1]
    assert list(ours)[-1] == "random_state"


def test_classifier():
    X, y = load_iris(return_X_y=True)
    labels = np.array(["a", "b", "c"])[y]
    theirs, ours = both("SKLearnClassifier", "softmax", "categorical_crossentropy", X, y)
    np.testing.assert_array_equal(theirs.classes_, ours.classes_)
    np.testing.assert_allclose(theirs.decision_function(X), ours.predict_proba(X), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(theirs.history_.history["loss"], ours.history_["loss"], rtol=1e-5)
    np.testing.assert_array_equal(theirs.predict(X).ravel(), ours.predict(X))
    assert theirs.score(X, y) == ours.score(X, y)
    named = both("SKLearnClassifier", "softmax", "categorical_crossentropy", X, labels)[1]
    np.testing.assert_array_equal(named.predict(X), np.array(["a", "b", "c"])[ours.predict(X)])


def test_regressor_and_transformer():
    X, y = load_diabetes(return_X_y=True)
    X, y = 20 * X, (y - y.mean()) / y.std()
    theirs, ours = both("SKLearnRegressor", None, "mse", X, y)
    assert theirs.predict(X).shape == ours.predict(X).shape
    np.testing.assert_allclose(theirs.predict(X), ours.predict(X), rtol=1e-3, atol=1e-4)
    theirs, ours = both("SKLearnTransformer", None, "mse", X, y)
    np.testing.assert_allclose(theirs.transform(X), ours.transform(X), rtol=1e-3, atol=1e-4)


def test_errors_are_of_the_same_class():
    X, y = load_iris(return_X_y=True)
    for lib, classifier in ((keras, keras.wrappers.SKLearnClassifier), (cdl, wrappers.SKLearnClassifier)):
        with pytest.raises(RuntimeError, match="Given model needs to be compiled"):
            classifier(lib.Sequential([lib.layers.Dense(3)])).fit(X, y)
        with pytest.raises(ValueError, match="one class"):
            classifier(build(lib, "softmax", "mse"), model_kwargs={"units": 2}).fit(X, 0 * y)
