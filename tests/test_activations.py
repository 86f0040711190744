import copy
import inspect
import math
import pickle

import numpy as np
import pytest
from layer_checks import numerical_gradient

import cdl
from cdl import Sequential, activations, layers

X = np.array([-4.0, -1.5, -0.7, -0.2, 0.0, 0.3, 0.9, 2.0, 5.0])


def phi(x):
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


# One number at a time, from the definitions.
DEFINITIONS = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0),
    "leaky_relu": lambda x: x if x > 0 else 0.2 * x,
    "relu6": lambda x: min(max(x, 0), 6),
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * (math.exp(x) - 1)),
    "celu": lambda x: max(x, 0) + min(math.exp(x) - 1, 0),
    "gelu": lambda x: x * phi(x),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "silu": lambda x: x / (1 + math.exp(-x)),
    "mish": lambda x: x * math.tanh(math.log(1 + math.exp(x))),
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "exponential": math.exp,
    "log_sigmoid": lambda x: -math.log(1 + math.exp(-x)),
    "hard_sigmoid": lambda x: min(max(x / 6 + 0.5, 0), 1),
    "hard_silu": lambda x: x * min(max(x / 6 + 0.5, 0), 1),
    "hard_tanh": lambda x: min(max(x, -1), 1),
    "hard_shrink": lambda x: x if abs(x) > 0.5 else 0,
    "soft_shrink": lambda x: math.copysign(max(abs(x) - 0.5, 0), x),
    "tanh_shrink": lambda x: x - math.tanh(x),
    "squareplus": lambda x: (x + math.sqrt(x * x + 4)) / 2,
    "sparse_plus": lambda x: 0 if x <= -1 else x if x >= 1 else (x + 1) ** 2 / 4,
    "sparse_sigmoid": lambda x: min(max((x + 1) / 2, 0), 1),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_definitions(name):
    expected = [DEFINITIONS[name](x) for x in X]
    np.testing.assert_allclose(activations.get(name)(X), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("relu", {"negative_slope": 0.5}, [-1.0, -0.5, 0.5, 3.0]),
        ("relu", {"max_value": 2.0}, [0.0, 0.0, 0.5, 2.0]),
        ("relu", {"threshold": 1.0}, [0.0, 0.0, 0.0, 3.0]),
        ("relu", {"threshold": 1.0, "negative_slope": 0.5, "max_value": 2.0}, [-1.5, -1.0, -0.25, 2.0]),
        ("leaky_relu", {"negative_slope": 0.1}, [-0.2, -0.1, 0.5, 3.0]),
        ("elu", {"alpha": 2.0}, [2 * math.expm1(-2), 2 * math.expm1(-1), 0.5, 3.0]),
        ("celu", {"alpha": 2.0}, [2 * math.expm1(-1), 2 * math.expm1(-0.5), 0.5, 3.0]),
        ("hard_shrink", {"threshold": 1.0}, [-2.0, 0.0, 0.0, 3.0]),
        ("soft_shrink", {"threshold": 1.0}, [-1.0, 0.0, 0.0, 2.0]),
        ("threshold", {"threshold": 0.0, "default_value": 9.0}, [9.0, 9.0, 0.5, 3.0]),
    ],
)
def test_parameters(name, parameters, expected):
    x = np.array([-2.0, -1.0, 0.5, 3.0])
    np.testing.assert_allclose(getattr(activations, name)(x, **parameters), expected, rtol=1e-12)
    np.testing.assert_allclose(getattr(activations, name).bind(**parameters).forward(x), expected, rtol=1e-12)


ALONG_AXES = ["softmax", "log_softmax", "sparsemax", "glu"]
GRADIENTS = [
    *((name, {}) for name in [*DEFINITIONS, *ALONG_AXES]),
    *((name, {"axis": 1}) for name in ALONG_AXES),
    ("softmax", {"axis": (0, 2)}),
    ("relu", {"negative_slope": 0.1, "max_value": 1.0, "threshold": 0.2}),
    ("gelu", {"approximate": True}),
    ("threshold", {"threshold": 0.1, "default_value": 0.5}),
    ("squareplus", {"b": 1}),
]


@pytest.mark.parametrize(("name", "parameters"), GRADIENTS)
def test_backward_is_the_derivative_of_forward(name, parameters):
    rng = np.random.default_rng(3)
    f = activations.get(name).bind(**parameters)
    x = rng.normal(size=(2, 4, 6))
    y = f.forward(x)
    dy = rng.normal(size=y.shape)
    expected = numerical_gradient(lambda: float((f.forward(x) * dy).sum()), x)
    np.testing.assert_allclose(f.backward(x, y, dy), expected, rtol=1e-6, atol=1e-8)


def test_softmax_of_known_logits():
    x = np.log([[1.0, 2.0, 5.0]])
    np.testing.assert_allclose(activations.softmax(x), [[0.125, 0.25, 0.625]])
    np.testing.assert_allclose(activations.log_softmax(x), np.log([[0.125, 0.25, 0.625]]))
    np.testing.assert_allclose(activations.softmax(x.T, axis=0), [[0.125], [0.25], [0.625]])


def test_softmax_over_one_entry_warns():
    with pytest.warns(UserWarning, match="sigmoid"):
        activations.softmax(np.ones((3, 1)))


def test_sparsemax_of_the_papers_kind():
    # (0.5, 0.3, -1): tau = (0.8 - 1) / 2 = -0.1
    np.testing.assert_allclose(activations.sparsemax(np.array([[-1.0, 0.3, 0.5]])), [[0.0, 0.4, 0.6]])
    np.testing.assert_allclose(activations.sparsemax(np.array([[5.0, 1.0]])), [[1.0, 0.0]])


def test_glu_is_a_gate():
    np.testing.assert_allclose(activations.glu(np.array([[2.0, 3.0, 0.0, 100.0]])), [[1.0, 3.0]])
    with pytest.raises(ValueError, match="odd"):
        activations.glu(np.ones((2, 3)))


def test_what_linear_can_fuse():
    assert [activations.get(name).fused for name in (None, "relu", "sigmoid", "tanh")] == [
        "linear", "relu", "sigmoid", "tanh",
    ]  # fmt: skip
    assert activations.get("gelu").fused is None
    assert activations.relu.bind(negative_slope=0.1).fused is None


def test_any_numbers_become_floats():
    assert activations.relu([-1, 2]).tolist() == [0.0, 2.0]
    assert activations.relu([-1, 2]).dtype == np.float32
    assert activations.sigmoid(np.zeros(2)).dtype == np.float64
    with pytest.raises(TypeError, match="relu: x must be an array of real numbers"):
        activations.relu(["a"])


def test_signatures_are_those_of_the_functions():
    assert str(inspect.signature(activations.relu)) == "(x, negative_slope=0.0, max_value=None, threshold=0.0)"
    with pytest.raises(TypeError, match="slope"):
        activations.relu.bind(slope=1)


def test_a_function_predicts_but_does_not_train():
    f = activations.get(lambda x: 2 * x)
    assert f.forward(np.ones(1)) == 2
    with pytest.raises(NotImplementedError, match=r"gradient\(x, y, dy\)"):
        f.backward(np.ones(1), np.ones(1), np.ones(1))


def test_an_activation_of_ones_own():
    @activations.Activation
    def square(x):
        return x * x

    @square.gradient
    def square_gradient(x, y, dy):
        return 2 * x * dy

    assert activations.get(square) is square
    assert square.backward(np.array(3.0), np.array(9.0), np.array(0.5)) == 3

    class Cube:
        def __call__(self, x):
            return x**3

        def backward(self, x, y, dy):
            return 3 * x * x * dy

    assert activations.get(Cube()).backward(np.array(2.0), np.array(8.0), np.array(1.0)) == 12


def test_names_and_configs():
    assert activations.get("swish") is activations.silu
    assert activations.serialize(activations.get("hard_swish")) == "hard_silu"
    assert activations.deserialize("relu") is activations.relu
    assert copy.deepcopy(activations.relu) is activations.relu
    assert pickle.loads(pickle.dumps(activations.softmax)) is activations.softmax
    with pytest.raises(ValueError, match="Did you mean 'relu"):
        activations.get("relo")
    with pytest.raises(ValueError, match="3"):
        activations.get(3)


def test_registered_functions_come_back():
    @cdl.utils.register_keras_serializable("tests")
    def double(x):
        return 2 * x

    config = activations.serialize(activations.get(double))
    assert config["config"] == "tests>double"
    assert activations.deserialize(config).function is double


@pytest.mark.parametrize(
    ("make", "function"),
    [
        (lambda: layers.LeakyReLU(negative_slope=0.2), activations.leaky_relu),
        (lambda: layers.ReLU(max_value=1.0), activations.relu.bind(max_value=1.0)),
        (lambda: layers.Softmax(), "softmax"),
        (lambda: layers.Activation("tanh"), "tanh"),
        (lambda: layers.Activation(layers.ELU(0.5)), activations.elu.bind(alpha=0.5)),
    ],
)
def test_an_activation_layer_takes_the_place_of_its_function(make, function, tmp_path):
    x = np.linspace(-2, 2, 24, dtype="float32").reshape(8, 3)
    models = [
        Sequential([layers.Input((3,)), layers.Dense(4, activation=f), layers.Dense(1)]) for f in (make(), function)
    ]
    models[1].set_weights(models[0].get_weights())
    for model in models:
        model.compile("sgd", "mse")
        model.fit(x, x[:, :1], epochs=3, shuffle=False, verbose=0)
    np.testing.assert_array_equal(models[0].predict(x), models[1].predict(x))
    for name in ("m.safetensors", "m.keras", "m.h5"):
        models[0].save(tmp_path / name)
        np.testing.assert_array_equal(cdl.models.load_model(tmp_path / name).predict(x), models[0].predict(x))
