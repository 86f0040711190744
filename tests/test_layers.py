"""Layers: gradients, shapes, configurations, and what each does by definition."""

import numpy as np
import pytest
from layer_checks import check_configuration, check_gradients

import cdl
from cdl import layers
from cdl.layers import Context

# One line per layer: how to make it, and the shape of its input.
LAYERS = {
    "Dense": (lambda: layers.Dense(3), (4, 5)),
    "Dense relu": (lambda: layers.Dense(3, activation="relu"), (4, 5)),
    "Dense sigmoid": (lambda: layers.Dense(3, activation="sigmoid"), (4, 5)),
    "Dense tanh": (lambda: layers.Dense(3, activation="tanh"), (4, 5)),
    "Dense gelu": (lambda: layers.Dense(3, activation="gelu"), (4, 5)),
    "Dense softmax": (lambda: layers.Dense(3, activation="softmax"), (4, 5)),
    "Dense without bias": (lambda: layers.Dense(3, use_bias=False), (4, 5)),
    "Dense on sequences": (lambda: layers.Dense(3, activation="relu"), (2, 3, 5)),
    "Dense with PReLU": (lambda: layers.Dense(3, activation=layers.PReLU("ones")), (4, 5)),
    "Conv2D with PReLU": (lambda: layers.Conv2D(2, 2, activation=layers.PReLU(shared_axes=[1, 2])), (2, 3, 4, 2)),
    "Activation": (lambda: layers.Activation("silu"), (4, 5)),
    "ReLU": (lambda: layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2), (4, 5)),
    "LeakyReLU": (lambda: layers.LeakyReLU(0.2), (4, 5)),
    "ELU": (lambda: layers.ELU(0.7), (4, 5)),
    "Softmax": (lambda: layers.Softmax(), (4, 5)),
    "Softmax over two axes": (lambda: layers.Softmax(axis=(1, 2)), (2, 3, 4)),
    "PReLU": (lambda: layers.PReLU(), (4, 5)),
    "PReLU shared": (lambda: layers.PReLU(shared_axes=[1]), (2, 3, 4)),
    "Flatten": (lambda: layers.Flatten(), (2, 3, 4)),
    "Reshape": (lambda: layers.Reshape((2, -1)), (3, 6)),
    "Dropout at rest": (lambda: layers.Dropout(0.5), (4, 5)),
    "ActivityRegularization": (lambda: layers.ActivityRegularization(0.1, 0.2), (4, 5)),
    "Sequential": (lambda: cdl.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(2)]), (3, 5)),
    "nested Sequential": (
        lambda: cdl.Sequential(
            [layers.Flatten(), cdl.Sequential([layers.Dense(3), layers.Activation("mish")]), layers.Dense(2)]
        ),
        (3, 2, 2),
    ),
    "activity_regularizer": (
        lambda: cdl.Sequential([layers.Dense(3, activity_regularizer=cdl.regularizers.L2(0.1)), layers.Dense(2)]),
        (3, 4),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("backend", ["native", "reference"])
def test_backward_is_the_derivative_of_forward(name, backend):
    make, shape = LAYERS[name]
    with cdl.config.set_backend(backend):
        check_gradients(make, shape)


@pytest.mark.parametrize("name", LAYERS)
def test_output_shape_is_known_before_the_output(name):
    make, shape = LAYERS[name]
    layer = make()
    y = layer(np.ones(shape, "float32"))
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *y.shape[1:])
    assert y.dtype == np.float32


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_comes_back_from_its_configuration(name):
    make, shape = LAYERS[name]
    check_configuration(make(), np.random.default_rng(0).normal(size=shape).astype("float32"))


@pytest.mark.parametrize("name", LAYERS)
def test_an_empty_batch_goes_through(name):
    make, shape = LAYERS[name]
    layer = make()
    y = layer(np.ones(shape, "float32"))
    assert layer(np.ones((0, *shape[1:]), "float32")).shape == (0, *y.shape[1:])


def test_dropout_in_training_keeps_the_mean_and_goes_back_through_the_same_mask():
    layer = layers.Dropout(0.4, seed=3)
    x = np.ones((100, 100), "float32")
    ctx = Context(training=True)
    y = layer.forward(ctx, x)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.6)}
    assert abs(y.mean() - 1) < 0.02
    np.testing.assert_array_equal(layer.backward(ctx, x), y)
    assert not np.array_equal(layer.forward(Context(training=True), x), y), "each call draws a new mask"
    np.testing.assert_array_equal(layer(x), x)


def test_dropout_shares_its_mask_along_axes_of_the_noise_shape():
    y = layers.Dropout(0.5, noise_shape=(None, 1, 8), seed=1)(np.ones((4, 5, 8)), training=True)
    assert (y == y[:, :1]).all()
    assert 0 < (y == 0).mean() < 1


def test_dropout_of_everything_gives_zeros():
    assert not layers.Dropout(1.0)(np.ones((2, 3)), training=True).any()


def test_a_layer_used_twice_gathers_both_gradients():
    with cdl.config.set_floatx("float64"):
        layer = layers.Dense(3, use_bias=False)
        x = np.eye(3)
        first, second = Context(), Context()
        y = layer(layer(x, ctx=first), ctx=second)
        assert y.shape == (3, 3)
        layer.backward(first, layer.backward(second, np.ones((3, 3))))
        w = layer.kernel.value
        # d sum(w w) / dw = 1 w' + w' 1
        ones = np.ones((3, 3))
        np.testing.assert_allclose(layer.kernel.grad, ones @ w.T + w.T @ ones)


def test_a_frozen_layer_gets_no_gradient_but_passes_one_on():
    layer = layers.Dense(2)
    layer(np.ones((3, 4)))
    layer.trainable = False
    ctx = Context()
    layer.forward(ctx, np.ones((3, 4), "float32"))
    dx = layer.backward(ctx, np.ones((3, 2), "float32"))
    assert dx.shape == (3, 4)
    assert layer.kernel.grad is None
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 2


def test_names_count_up_as_in_keras():
    cdl.utils.clear_session()
    assert [layers.Dense(1).name, layers.Dense(1).name, layers.LeakyReLU().name] == ["dense", "dense_1", "leaky_re_lu"]
    model = cdl.Sequential([layers.Dense(2, name="first")], name="net")
    model.build((None, 3))
    assert [w.path for w in model.weights] == ["net/first/kernel", "net/first/bias"]


def test_the_dense_configuration_is_keras_own():
    config = layers.Dense(3, kernel_regularizer="l2", name="d").get_config()
    assert config == {
        "name": "d",
        "trainable": True,
        "dtype": {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": "float32"},
            "registered_name": None,
        },
        "units": 3,
        "activation": "linear",
        "use_bias": True,
        "kernel_initializer": {
            "module": "keras.initializers",
            "class_name": "GlorotUniform",
            "config": config["kernel_initializer"]["config"],
            "registered_name": None,
        },
        "bias_initializer": {
            "module": "keras.initializers",
            "class_name": "Zeros",
            "config": {},
            "registered_name": None,
        },
        "kernel_regularizer": {
            "module": "keras.regularizers",
            "class_name": "L2",
            "config": {"l2": 0.01},
            "registered_name": None,
        },
        "bias_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
    }


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.Dense(0), ValueError, "expected a positive integer.*units=0"),
        (lambda: layers.Dense(2.5), ValueError, "expected a positive integer.*units=2.5"),
        (lambda: layers.Dense(2, activation="rleu"), ValueError, "activation function identifier.*'relu'"),
        (lambda: layers.Dense(2, colour="red"), ValueError, "Unrecognized keyword arguments.*Dense.*colour"),
        (lambda: layers.Dense(2, dtype="float16"), ValueError, "'float32' or 'float64'.*float16"),
        (lambda: layers.Dropout(1.5), ValueError, "between 0 and 1.*1.5"),
        (lambda: layers.ReLU(max_value=-1), ValueError, "max_value=-1"),
        (lambda: layers.LeakyReLU(None), ValueError, "negative_slope"),
        (lambda: layers.Flatten(data_format="channels_first"), ValueError, "channels_last"),
        (lambda: layers.Reshape((-1, -1)), ValueError, "one may be -1"),
        (lambda: layers.Reshape((4, 4))(np.ones((2, 10))), ValueError, r"unchanged.*\(10,\).*\(4, 4\)"),
        (lambda: layers.Dense(2)(np.ones(3)), ValueError, "batch axis"),
        (lambda: layers.Dense(2)(np.array([["a"]])), ValueError, "Invalid dtype"),
        (lambda: layers.Dense(2)([[1, 2], [3]]), ValueError, "same shape"),
        (lambda: layers.Dense(2).count_params(), ValueError, "isn't built"),
        (lambda: layers.Dense(2).set_weights([1]), ValueError, "expecting 0 weights"),
        (lambda: layers.InputLayer(), ValueError, "shape or batch_shape"),
        (lambda: layers.Dense(2, name="a/b"), ValueError, "Dense: name is a string without '/'. Received: 'a/b'"),
    ],
)
def test_mistakes_are_named_at_once(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_layer_is_built_once():
    layer = layers.Dense(2, name="top")
    layer.build((None, 3))
    with pytest.raises(ValueError, match=r"Dense 'top' is built already, for inputs of shape \(None, 3\).*\(None, 4\)"):
        layer.build((None, 4))
    assert len(layer.weights) == 2


def test_a_wrong_number_of_features_names_the_layer_and_both_values():
    layer = layers.Dense(2, name="top")
    layer(np.ones((1, 512)))
    with pytest.raises(ValueError, match=r"Dense 'top': input has 784 features, but the layer was built for 512"):
        layer(np.ones((32, 784)))


def test_dense_says_that_the_batch_axis_is_missing():
    layer = layers.Dense(3, name="scores")
    layer(np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"Dense 'scores': input needs a batch axis \(x shape \(4,\)\)\."):
        layer(np.zeros(4))


def test_what_build_makes_is_missed_by_name():
    dense = layers.Dense(2, name="top")
    for role in ("kernel", "bias"):
        with pytest.raises(AttributeError, match=f"'top': You must build the layer before accessing `{role}`"):
            getattr(dense, role)
    with pytest.raises(AttributeError, match="'Dense' object has no attribute 'kernels'"):
        _ = dense.kernels
    dense.build((None, 3))
    assert dense.kernel.shape == (3, 2)


def test_bidirectional_says_what_it_wraps():
    with pytest.raises(ValueError, match=r"can go backwards, such as LSTM\. Received: Dense 'top'"):
        layers.Bidirectional(layers.Dense(2, name="top"))
