"""The convolution layers beside Keras: outputs and gradients on the same weights, configs, signatures, errors."""

import inspect
import re

import numpy as np
import pytest
from keras_peer import assert_same_mistake, jax_or_skip, keras, plain

import cdl
from cdl.layers import Context

jax = jax_or_skip()
pytestmark = pytest.mark.filterwarnings("ignore")

CONVOLUTIONS = ["Conv1D", "Conv2D", "Conv3D"]
TRANSPOSED = ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"]
DEPTHWISE = ["DepthwiseConv1D", "DepthwiseConv2D"]
SEPARABLE = ["SeparableConv1D", "SeparableConv2D"]
CLASSES = CONVOLUTIONS + TRANSPOSED + DEPTHWISE + SEPARABLE


def rank_of(name):
    return int(name[name.index("D") - 1] if "Depthwise" not in name else name[-2])


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# Images (1, 2 or 3 spatial axes, channels) and arguments.
CASES = [
    *(
        ("Conv1D", (length, 3), {"filters": 2, "kernel_size": size, "strides": strides, "padding": padding})
        for length in (1, 7)
        for size in (1, 2, 3)
        for strides in (1, 2, 5)
        for padding in ("valid", "same", "causal")
        if padding != "valid" or size <= length
    ),
    *(
        ("Conv1D", (9, 4), {"filters": 6, "kernel_size": size, "dilation_rate": 3, "padding": padding, "groups": 2})
        for size, padding in [(1, "valid"), (3, "valid"), (2, "same"), (3, "same"), (4, "same"), (3, "causal")]
    ),
    *(
        ("Conv2D", (7, 6, 2), {"filters": 4, "kernel_size": size, "strides": strides, "padding": padding, **more})
        for size in [(3, 3), (2, 4), (1, 1)]
        for strides in [(1, 1), (2, 3), (4, 6)]
        for padding in ("valid", "same")
        for more in [{}, {"groups": 2}]
    ),
    ("Conv2D", (1, 1, 4), {"filters": 3, "kernel_size": (3, 2), "strides": 2, "padding": "same"}),
    ("Conv2D", (1, 1, 4), {"filters": 2, "kernel_size": 1, "groups": 2}),
    *(
        (
            "Conv2D",
            (9, 8, 3),
            {"filters": 3, "kernel_size": size, "dilation_rate": rate, "padding": padding, "groups": 3},
        )
        for size, rate in [((3, 3), 2), ((2, 4), (2, 1)), ((2, 3), (3, 2))]
        for padding in ("valid", "same")
    ),
    *(
        ("Conv3D", (5, 4, 6, 2), {"filters": 4, "kernel_size": (3, 2, 4), "padding": padding, **more})
        for padding in ("valid", "same")
        for more in [{}, {"strides": (1, 2, 5)}, {"dilation_rate": (2, 1, 1)}, {"groups": 2}]
    ),
    *(
        (
            "Conv1DTranspose",
            (length, 3),
            {"filters": 2, "kernel_size": size, "strides": strides, "padding": padding, "output_padding": extra},
        )
        for length in (1, 4)
        for size in (1, 2, 3, 5)
        for strides in (2, 6)
        for padding in ("valid", "same")
        for extra in (None, 0, strides - 1)
        if not (length == 1 and padding == "same" and size % 2 == 0 and extra == 0)  # an output without points
    ),
    *(
        ("Conv1DTranspose", (5, 3), {"filters": 2, "kernel_size": size, "dilation_rate": rate, "padding": padding})
        for size, rate in [(1, 2), (2, 2), (3, 2), (2, 3), (3, 3)]
        for padding in ("valid", "same")
    ),
    *(
        ("Conv2DTranspose", image, {"filters": 3, "kernel_size": size, "strides": strides, "padding": padding})
        for image in [(4, 3, 2), (1, 1, 2)]
        for size in [(3, 3), (2, 5)]
        for strides in [1, 2, (4, 3)]
        for padding in ("valid", "same")
    ),
    # Not with an even size, padding "same" and output_padding 0 in two axes: XLA aborts the process (JAX 0.10).
    *(
        ("Conv2DTranspose", (4, 3, 2), {"filters": 3, "kernel_size": 3, "padding": padding, **more})
        for padding in ("valid", "same")
        for more in [{"strides": (3, 2), "output_padding": (2, 0)}, {"dilation_rate": (3, 2)}]
    ),
    *(
        ("Conv3DTranspose", (2, 3, 2, 2), {"filters": 3, "kernel_size": (2, 3, 1), "padding": padding, **more})
        for padding in ("valid", "same")
        for more in [{}, {"strides": (1, 2, 3)}, {"strides": 2, "output_padding": 1}, {"dilation_rate": 2}]
    ),
    *(
        ("DepthwiseConv1D", (7, 3), {"kernel_size": size, "padding": padding, "depth_multiplier": 2, **more})
        for size, padding in [(2, "valid"), (2, "same"), (3, "same")]
        for more in [{}, {"strides": 4}, {"dilation_rate": 2}]
    ),
    *(
        ("DepthwiseConv2D", (7, 6, 3), {"kernel_size": (2, 3), "padding": padding, "depth_multiplier": depth, **more})
        for padding in ("valid", "same")
        for depth in (1, 3)
        for more in [{}, {"strides": 4}, {"strides": 2, "dilation_rate": 2}]
    ),
    ("DepthwiseConv2D", (1, 2, 1), {"kernel_size": 3, "padding": "same", "depth_multiplier": 2, "use_bias": False}),
    *(
        (name, image, {"filters": 4, "kernel_size": 3, "padding": padding, "depth_multiplier": 2, **more})
        for name, image in [("SeparableConv1D", (7, 3)), ("SeparableConv2D", (7, 6, 3))]
        for padding in ("valid", "same")
        for more in [{}, {"strides": 2}, {"dilation_rate": 2}]
    ),
]


@pytest.fixture(autouse=True)
def quick_compilation():
    """Every case is compiled anew, for a few numbers."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def pair(name, arguments, image):
    """The layer in both libraries, with the same weights."""
    theirs, ours = getattr(keras.layers, name)(**arguments), getattr(cdl.layers, name)(**arguments)
    theirs.build((None, *image))
    ours.build((None, *image))
    weights = [random(*variable.shape, seed=seed) for seed, variable in enumerate(theirs.weights, 3)]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return ours, theirs


def name_of(case):
    name, image, arguments = case
    return " ".join([name, str(image), *(f"{key}={value}" for key, value in arguments.items())])


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_outputs_and_gradients(case):
    name, image, arguments = case
    ours, theirs = pair(name, {"activation": "tanh", **arguments}, image)
    x = random(2, *image)

    ctx = Context(training=True)
    y = ours.forward(ctx, x)
    dy = random(*y.shape, seed=9)
    dx = ours.backward(ctx, dy)

    @jax.jit
    def forward_and_back(variables, x, dy):
        z, pull_back = jax.vjp(lambda variables, x: theirs.stateless_call(variables, [], x)[0], variables, x)
        return z, *pull_back(dy)

    variables = [variable.value for variable in theirs.trainable_variables]
    expected, expected_gradients, expected_dx = forward_and_back(variables, x, dy)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-4, atol=2e-5)
    for variable, expected_gradient in zip(ours.weights, expected_gradients, strict=True):
        np.testing.assert_allclose(variable.grad, expected_gradient, rtol=1e-4, atol=5e-5, err_msg=variable.path)
    assert ours.compute_output_shape((None, *image)) == tuple(theirs.compute_output_shape((None, *image)))
    assert ours.compute_output_shape((None, *image)) == (None, *y.shape[1:])


def some_arguments(name):
    if name in DEPTHWISE:
        return {"kernel_size": 2}
    return {"filters": 4, "kernel_size": 2}


def all_arguments(name, lib):
    rank = rank_of(name)
    roles = {"D": ["depthwise"], "S": ["depthwise", "pointwise"], "C": ["kernel"]}[name[0]]
    arguments = {
        **some_arguments(name),
        "strides": [2] * rank,
        "padding": "SAME",
        "data_format": "channels_last",
        "dilation_rate": 1,
        "activation": "softmax",
        "use_bias": False,
        "activity_regularizer": lib.regularizers.L1(0.5),
        "trainable": False,
        "name": "all",
        "dtype": "float64",
    }
    for role in [*roles, "bias"]:
        arguments[f"{role}_initializer"] = lib.initializers.HeNormal(seed=3)
        arguments[f"{role}_regularizer"] = "l2"
        arguments[f"{role}_constraint"] = lib.constraints.MaxNorm(2, axis=1)
    if name in CONVOLUTIONS:
        arguments["groups"] = 2
    if name in TRANSPOSED:
        arguments["output_padding"] = 1
    if name in DEPTHWISE + SEPARABLE:
        arguments["depth_multiplier"] = 3
    return arguments


@pytest.mark.parametrize("arguments", [lambda name, lib: some_arguments(name), all_arguments], ids=["some", "all"])
@pytest.mark.parametrize("name", CLASSES)
def test_configurations(name, arguments, names_begin_anew):
    theirs = getattr(keras.layers, name)(**arguments(name, keras))
    ours = getattr(cdl.layers, name)(**arguments(name, cdl))
    assert plain(ours.get_config()) == plain(theirs.get_config())
    again = cdl.layers.deserialize(keras.layers.serialize(theirs))
    assert type(again) is type(ours)
    assert plain(again.get_config()) == plain(theirs.get_config())


@pytest.mark.parametrize("name", CLASSES)
def test_signatures_name_the_same_arguments_in_the_same_order(name):
    theirs, ours = (list(inspect.signature(getattr(lib.layers, name)).parameters) for lib in (keras, cdl))
    if "args" in ours:  # those of the base class follow
        before = ours.index("args")
        base = list(inspect.signature(cdl.layers.Conv2DTranspose).parameters)
        ours = ours[:before] + base[before:]
    assert ours == theirs


@pytest.mark.parametrize("name", CLASSES)
def test_aliases(name):
    theirs, ours = (
        {alias for alias, found in vars(lib.layers).items() if found is getattr(lib.layers, name)}
        for lib in (keras, cdl)
    )
    assert ours == theirs


@pytest.mark.parametrize("name", CLASSES)
def test_variables_have_the_names_and_the_paths_of_keras(name, names_begin_anew):
    ours, theirs = pair(name, some_arguments(name), (5,) * rank_of(name) + (2,))
    assert [(v.name, v.path, v.shape) for v in ours.weights] == [
        (v.name, v.path, tuple(v.shape)) for v in theirs.weights
    ]


@pytest.mark.parametrize("name", CLASSES)
def test_shapes_with_unknown_sizes(name):
    shapes = [(None,) * (rank_of(name) + 1) + (2,), (None, 8, *(None,) * (rank_of(name) - 1), 2)]
    for shape in shapes:
        for padding in ("valid", "same"):
            arguments = {**some_arguments(name), "padding": padding, "strides": 2}
            theirs, ours = getattr(keras.layers, name)(**arguments), getattr(cdl.layers, name)(**arguments)
            assert ours.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))
            ours.build(shape)
            assert ours.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))


def network(lib):
    L = lib.layers
    return lib.Sequential(
        [
            L.Input((12, 11, 2)),
            L.Conv2D(4, 3, padding="same", activation="relu"),
            L.DepthwiseConv2D((3, 2), depth_multiplier=2, activation="gelu"),
            L.SeparableConv2D(6, 3, strides=2, padding="same", activation="swish"),
            L.Conv2DTranspose(3, 4, strides=2, padding="same", activation="sigmoid"),
            L.Conv2D(5, (10, 3), groups=1, activation="softmax"),
            L.Reshape((8, 5)),
            L.Conv1D(3, 3, padding="causal", dilation_rate=2, use_bias=False),
            L.Conv1DTranspose(2, 3),
            L.SeparableConv1D(4, 2),
            L.DepthwiseConv1D(2),
        ]
    )


def test_a_network_has_the_outputs_the_shapes_and_the_counts_of_keras():
    theirs, ours = network(keras), network(cdl)
    ours.set_weights(theirs.get_weights())
    x = random(3, 12, 11, 2)
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    rows = []
    for model in (ours, theirs):
        lines = []
        model.summary(print_fn=lambda text, lines=lines, **_: lines.append(text))
        rows.append(re.findall(r"│ (\(None.*?\)) +│ +([\d,]+) │", "\n".join(lines)))
    assert rows[0] == rows[1]
    assert len(rows[0]) == len(ours.layers)


IMAGE = random(2, 5, 6, 3)
MISTAKES = {
    "filters 0": lambda L: L.Conv2D(0, 3),
    "filters -1": lambda L: L.Conv2DTranspose(-1, 3),
    "filters of a separable": lambda L: L.SeparableConv2D(0, 3),
    "depth": lambda L: L.DepthwiseConv2D(3, depth_multiplier=0),
    "kernel 0": lambda L: L.Conv2D(3, 0),
    "kernel of three": lambda L: L.Conv2D(3, (3, 3, 3)),
    "kernel of text": lambda L: L.Conv2D(3, "ab"),
    "strides 0": lambda L: L.Conv2D(3, 3, strides=(0, 1)),
    "strides -1": lambda L: L.DepthwiseConv1D(3, strides=-1),
    "dilation 0": lambda L: L.Conv1D(3, 3, dilation_rate=0),
    "padding": lambda L: L.Conv2D(3, 3, padding="full"),
    "causal in two axes": lambda L: L.Conv2D(3, 3, padding="causal"),
    "causal transposed": lambda L: L.Conv1DTranspose(3, 3, padding="causal"),
    "causal depthwise": lambda L: L.DepthwiseConv1D(3, padding="causal"),
    "groups 0": lambda L: L.Conv2D(4, 3, groups=0),
    "groups of filters": lambda L: L.Conv2D(4, 3, groups=3),
    "groups of channels": lambda L: L.Conv2D(4, 3, groups=2)(IMAGE),
    "strides and dilation": lambda L: L.Conv2D(4, 3, strides=2, dilation_rate=2),
    "strides and dilation, transposed": lambda L: L.Conv2DTranspose(4, 3, strides=2, dilation_rate=2),
    "output_padding": lambda L: L.Conv2DTranspose(4, 3, strides=2, output_padding=2),
    "output_padding -1": lambda L: L.Conv2DTranspose(4, 3, strides=2, output_padding=-1),
    "data_format": lambda L: L.Conv2D(4, 3, data_format="channels_second"),
    "activation": lambda L: L.Conv2D(4, 3, activation="nope"),
    "keyword": lambda L: L.Conv2D(4, 3, nope=3),
    "too small": lambda L: L.Conv2D(4, 6)(IMAGE),
    "too small, dilated": lambda L: L.Conv2D(4, 3, dilation_rate=3)(IMAGE),
    "too small, depthwise": lambda L: L.DepthwiseConv2D(7)(IMAGE),
    "too small, separable": lambda L: L.SeparableConv2D(4, 7)(IMAGE),
    "too few axes": lambda L: L.Conv2D(4, 3)(IMAGE[0]),
    "too many axes": lambda L: L.Conv1D(4, 3)(IMAGE),
    "other channels": lambda L: (lambda layer: (layer(IMAGE), layer(IMAGE[..., :2])))(L.Conv2D(4, 3)),
    "other channels, transposed": lambda L: (lambda layer: (layer(IMAGE), layer(IMAGE[..., :2])))(
        L.Conv2DTranspose(4, 3)
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_raises_an_error_of_the_class_that_keras_raises(case):
    assert_same_mistake(lambda lib: MISTAKES[case](lib.layers))
