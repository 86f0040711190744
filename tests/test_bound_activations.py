"""Functions with parameters bound to them: in pickles, copies, configurations and files."""

import copy
import json
import pickle

import numpy as np
import pytest

from cdl import Sequential, activations, layers
from cdl.models import clone_model, load_model, model_from_json
from cdl.utils import register_keras_serializable

X = np.random.default_rng(4).normal(size=(10, 3, 4)).astype("float32")


@register_keras_serializable("tests.bound")
@activations.Activation
def power(x, p=2):
    """x^p for odd p."""
    return x**p


@power.gradient
def power_gradient(x, y, dy, p=2):
    return p * x ** (p - 1) * dy


BOUND = [
    activations.leaky_relu.bind(negative_slope=0.1),
    activations.leaky_relu.bind(negative_slope=-1.0),
    activations.relu.bind(max_value=1.5),
    activations.relu.bind(max_value=1.5, negative_slope=0.1, threshold=0.2),
    activations.elu.bind(alpha=0.3),
    activations.softmax.bind(axis=1),
    activations.softmax.bind(axis=(1, 2)),
    activations.log_softmax.bind(axis=1),
    activations.gelu.bind(approximate=True),
    activations.celu.bind(alpha=np.float32(2)),
    activations.threshold.bind(threshold=0.1, default_value=0.5),
    power.bind(p=3),
    power,
]
bound = pytest.mark.parametrize("f", BOUND, ids=repr)


def same(f, g):
    dy = np.cos(X)
    y = f.forward(X)
    return (
        type(f) is type(g)
        and f.fused == g.fused
        and np.array_equal(y, g.forward(X))
        and np.array_equal(f.backward(X, y, dy), g.backward(X, y, dy))
    )


@bound
def test_functions_come_back(f):
    assert same(f, pickle.loads(pickle.dumps(f)))
    assert same(f, copy.deepcopy(f))
    assert same(f, activations.get(f))
    assert same(f, activations.deserialize(activations.serialize(f)))
    assert same(f, activations.get(json.loads(json.dumps(activations.serialize(f)))))


def test_names_are_kept():
    again = pickle.loads(pickle.dumps(activations.relu.bind(max_value=2.0).bind(threshold=1.0)))
    assert again.parameters == {"max_value": 2.0, "threshold": 1.0}
    assert again.unbound is activations.relu
    assert pickle.loads(pickle.dumps(power)) is power
    assert pickle.loads(pickle.dumps(activations.threshold)) is activations.threshold


@bound
@pytest.mark.parametrize("ending", ["keras", "h5", "safetensors"])
def test_models_come_back(f, ending, tmp_path):
    model = Sequential([layers.Input((3, 4)), layers.Dense(5, activation=f), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, 0, :1], verbose=0)
    model.save(tmp_path / f"model.{ending}")
    loaded = load_model(tmp_path / f"model.{ending}")
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), loaded):
        assert same(model.layers[0].activation, other.layers[0].activation)
        assert np.array_equal(model.predict(X), other.predict(X))
    for other in (clone_model(model), model_from_json(model.to_json())):
        assert same(model.layers[0].activation, other.layers[0].activation)


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.LeakyReLU(0.1),
        lambda: layers.ReLU(1.5, 0.1, 0.2),
        lambda: layers.ELU(0.3),
        lambda: layers.Softmax((1, 2)),
        lambda: layers.Activation("gelu"),
        lambda: layers.Activation(activations.celu.bind(alpha=2.0)),
    ],
)
def test_layers_that_are_activations(make):
    """As layers of a model, and as the activation of one, where Keras takes them too."""
    behind = Sequential([layers.Input((3, 4)), layers.Dense(4), make()])
    inside = Sequential([layers.Input((3, 4)), layers.Dense(4, activation=make())])
    inside.set_weights(behind.get_weights())
    for model in (behind, inside):
        model.compile("sgd", "mse")
        model.fit(X, X, shuffle=False, verbose=0)
        for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            assert np.array_equal(model.predict(X), other.predict(X))
        again = model_from_json(model.to_json())
        again.set_weights(model.get_weights())
        assert np.array_equal(model.predict(X), again.predict(X))
    np.testing.assert_allclose(inside.predict(X), behind.predict(X), rtol=1e-5, atol=1e-6)


def test_configs_are_those_of_keras_layers_where_it_has_one():
    config = activations.serialize(activations.leaky_relu.bind(negative_slope=0.1))
    assert config["module"] == "keras.layers"
    assert config["class_name"] == "LeakyReLU"
    assert config["config"] == {"negative_slope": 0.1}
    assert activations.serialize(layers.ELU(0.3)) == activations.serialize(activations.elu.bind(alpha=0.3))
    assert activations.serialize(activations.gelu.bind(approximate=True))["config"] == {"approximate": True}


@pytest.mark.parametrize("suffix", ["safetensors", "keras", "h5"])
def test_a_layer_with_variables_as_activation_learns_and_is_saved(suffix, tmp_path):
    inside = Sequential([layers.Input((3, 4)), layers.Dense(5, activation=layers.PReLU()), layers.Dense(4)])
    behind = Sequential([layers.Input((3, 4)), layers.Dense(5), layers.PReLU(), layers.Dense(4)])
    inside.set_weights(behind.get_weights())
    assert inside.layers[0].count_params() == 4 * 5 + 5 + 3 * 5
    for model in (behind, inside):
        model.compile("adam", "mse")
        model.fit(X, X, epochs=2, shuffle=False, verbose=0)
    assert inside.layers[0].activation.alpha.value.all()
    assert all(np.array_equal(*pair) for pair in zip(inside.get_weights(), behind.get_weights(), strict=True))
    inside.save(tmp_path / f"model.{suffix}")
    assert np.array_equal(load_model(tmp_path / f"model.{suffix}").predict(X), behind.predict(X))
    inside.layers[0].trainable = False
    inside.compile("adam", "mse")
    before = inside.layers[0].get_weights()
    inside.fit(X, X, verbose=0)
    assert all(np.array_equal(*pair) for pair in zip(inside.layers[0].get_weights(), before, strict=True))


def test_other_layers_are_refused():
    with pytest.raises(ValueError, match="must keep the shape"):
        Sequential([layers.Input((3,)), layers.Dense(4, activation=layers.Dense(3))])
    with pytest.raises(ValueError, match="Put the layer behind"):
        layers.SimpleRNN(3, activation=layers.PReLU())
    with pytest.raises(ValueError, match="Put the layer behind"):
        activations.deserialize(layers.serialize(layers.Dense(3)))


def test_a_config_with_unknown_parameters_is_refused():
    with pytest.raises(TypeError, match="slope"):
        activations.get({"module": "keras.activations", "class_name": "relu", "config": {"slope": 1}})
