"""Layers that move, repeat, cut or merge, and noise, beside Keras: outputs, gradients, shapes, configs, errors."""

import inspect

import numpy as np
import pytest
from keras_peer import assert_same_mistake, jax_or_skip, keras, plain

import cdl

jax = jax_or_skip()
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("names_begin_anew")]
rng = np.random.default_rng(9)

# (class, arguments, shape of the input)
SHAPES = [
    ("Identity", {}, (3, 4)),
    ("Permute", {"dims": (2, 1)}, (2, 3, 4)),
    ("Permute", {"dims": (3, 1, 2)}, (2, 3, 4, 5)),
    ("Permute", {"dims": [1, 3, 2], "name": "turn"}, (2, 3, 4, 5)),
    ("RepeatVector", {"n": 1}, (3, 4)),
    ("RepeatVector", {"n": 5}, (3, 4)),
    *(("ZeroPadding1D", {"padding": p}, (2, 3, 4)) for p in (0, 1, 3, (0, 2), [3, 1])),
    ("ZeroPadding1D", {"data_format": "channels_last"}, (2, 3, 1)),
    ("ZeroPadding2D", {}, (2, 3, 4, 2)),
    *(
        ("ZeroPadding2D", {"padding": p}, (2, 1, 5, 3))
        for p in (0, 2, (1, 2), [2, 0], ((1, 0), (0, 3)), ((0, 0), 2), (1, [2, 1]))
    ),
    ("ZeroPadding3D", {}, (2, 3, 1, 2, 2)),
    *(("ZeroPadding3D", {"padding": p}, (1, 2, 3, 2, 2)) for p in (2, (1, 2, 0), ((1, 0), (0, 3), (1, 1)))),
    *(("Cropping1D", {"cropping": p}, (2, 7, 3)) for p in (0, 1, 3, (0, 2), (4, 0), (2, 1))),
    ("Cropping2D", {}, (2, 3, 4, 2)),
    *(
        ("Cropping2D", {"cropping": p}, (2, 5, 7, 2))
        for p in (1, 2, (1, 2), (0, 3), ((2, 0), (0, 5)), ((0, 1), (2, 0)), ((0, 4), 3))
    ),
    ("Cropping3D", {}, (2, 3, 4, 5, 2)),
    *(("Cropping3D", {"cropping": p}, (1, 4, 3, 5, 2)) for p in (0, (1, 0, 2), ((1, 0), (0, 2), (0, 0)))),
    *(("UpSampling1D", {"size": size}, (2, 3, 4)) for size in (1, 2, 5)),
    ("UpSampling2D", {}, (2, 3, 4, 2)),
    *(
        ("UpSampling2D", {"size": size, "interpolation": how}, shape)
        for how in ("nearest", "bilinear")
        for size in (1, 2, 3, (1, 4), (5, 2))
        for shape in ((2, 3, 5, 2), (1, 1, 1, 3), (1, 2, 1, 1), (2, 7, 4, 3))
    ),
    ("UpSampling2D", {"interpolation": "BILINEAR"}, (2, 3, 4, 2)),
    *(("UpSampling3D", {"size": size}, (1, 2, 3, 1, 2)) for size in (2, (1, 3, 2))),
]

IMAGE = (2, 3, 5, 4)
ACTIVATIONS = [
    ("ReLU", {}, IMAGE),
    ("ReLU", {"max_value": 0.8, "negative_slope": 0.1, "threshold": 0.2}, IMAGE),
    ("ReLU", {"threshold": 0.5}, IMAGE),
    ("ReLU", {"max_value": 1.0, "threshold": 0.3}, IMAGE),
    ("ReLU", {"negative_slope": 0.2, "threshold": 0.3}, IMAGE),
    ("LeakyReLU", {"negative_slope": 0.2}, IMAGE),
    ("LeakyReLU", {}, IMAGE),
    ("ELU", {"alpha": 0.7}, IMAGE),
    ("PReLU", {"alpha_initializer": "ones"}, IMAGE),
    *(
        ("PReLU", {"alpha_initializer": "he_normal", "shared_axes": axes}, IMAGE)
        for axes in (None, 1, [1, 2], [2], [3], [1, 2, 3])
    ),
    *(("Softmax", {"axis": axis}, IMAGE) for axis in (-1, 1, 2, -2, 3, [1, 2], [-1, 1], (2, 3), [1, 2, 3], [2])),
]
CASES = {f"{name} {arguments} {shape}": (name, arguments, shape) for name, arguments, shape in SHAPES + ACTIVATIONS}


def without_seeds(config):
    """Initializers draw a seed of their own in each library."""
    if isinstance(config, dict):
        return {key: without_seeds(value) for key, value in config.items() if key != "seed"}
    return config


@pytest.mark.parametrize("case", CASES)
def test_outputs_shapes_gradients_and_configurations_are_those_of_keras(case):
    name, arguments, shape = CASES[case]
    theirs, ours = getattr(keras.layers, name)(**arguments), getattr(cdl.layers, name)(**arguments)
    x = rng.normal(size=shape).astype("float32")
    theirs.build(shape)
    ours.build((None, *shape[1:]))
    ours.set_weights([np.asarray(weight) for weight in theirs.weights])
    y, pull_back = jax.vjp(theirs, x)
    dy = rng.normal(size=y.shape).astype("float32")
    ctx = cdl.Context()
    found = ours(x, ctx=ctx)
    np.testing.assert_allclose(found, y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.backward(ctx, dy), pull_back(dy)[0], rtol=1e-4, atol=1e-5)
    for asked in (shape, (None, *shape[1:])):
        assert ours.compute_output_shape(asked) == tuple(theirs.compute_output_shape(asked))
    assert plain(without_seeds(ours.get_config())) == plain(without_seeds(theirs.get_config()))
    again = cdl.layers.deserialize(keras.layers.serialize(theirs))
    assert plain(again.get_config()) == plain(theirs.get_config())


NOISE = [
    ("Dropout", {"rate": 0.3, "noise_shape": [None, 1, 1, 4], "seed": 3}),
    ("SpatialDropout1D", {"rate": 0.3}),
    ("SpatialDropout1D", {"rate": 0.3, "seed": 3, "name": "a", "dtype": "float32"}),
    ("SpatialDropout2D", {"rate": 0.3}),
    ("SpatialDropout2D", {"rate": 0.3, "data_format": "channels_last", "seed": 2}),
    ("SpatialDropout3D", {"rate": 0.3}),
    ("GaussianNoise", {"stddev": 0.3}),
    ("GaussianNoise", {"stddev": 0, "seed": 4, "name": "b"}),
    ("GaussianDropout", {"rate": 0.3, "seed": 4}),
    ("AlphaDropout", {"rate": 0.3}),
    ("AlphaDropout", {"rate": 0.3, "noise_shape": (None, 1, 3), "seed": 4}),
]


@pytest.mark.parametrize(("name", "arguments"), NOISE)
def test_noise_layers_have_the_configuration_of_keras(name, arguments):
    theirs, ours = getattr(keras.layers, name)(**arguments), getattr(cdl.layers, name)(**arguments)
    assert plain(ours.get_config()) == plain(theirs.get_config())
    again = cdl.layers.deserialize(keras.layers.serialize(theirs))
    assert plain(again.get_config()) == plain(theirs.get_config())


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("SpatialDropout2D", {"rate": 0.4}, (60, 4, 5, 50)),
        ("GaussianNoise", {"stddev": 0.3}, (200, 500)),
        ("GaussianDropout", {"rate": 0.4}, (200, 500)),
        ("AlphaDropout", {"rate": 0.4}, (200, 500)),
        ("AlphaDropout", {"rate": 0.4, "noise_shape": (None, 1)}, (3000, 4)),
    ],
)
def test_noise_is_distributed_as_that_of_keras(name, arguments, shape):
    x = np.abs(rng.normal(size=shape)).astype("float32")
    theirs = np.asarray(getattr(keras.layers, name)(**arguments, seed=1)(x, training=True))
    ours = getattr(cdl.layers, name)(**arguments, seed=1)(x, training=True)
    probabilities = np.linspace(0.02, 0.98, 13)
    np.testing.assert_allclose(np.quantile(ours, probabilities), np.quantile(theirs, probabilities), atol=0.06)
    np.testing.assert_allclose(ours.std(axis=0).mean(), theirs.std(axis=0).mean(), rtol=0.03)


@pytest.mark.parametrize("name", sorted({case[0] for case in SHAPES + ACTIVATIONS + NOISE} - {"Identity"}))
def test_arguments_have_the_names_the_order_and_the_defaults_of_keras(name):
    def arguments(lib):
        parameters = inspect.signature(getattr(lib.layers, name).__init__).parameters.values()
        return [(p.name, p.default) for p in parameters if p.kind is not p.VAR_KEYWORD]

    assert arguments(cdl) == arguments(keras)


X4 = np.ones((2, 4, 4, 3), "float32")
MISTAKES = {
    "permute from zero": lambda lib: lib.layers.Permute((0, 1)),
    "permute a hole": lambda lib: lib.layers.Permute((1, 3)),
    "permute axes": lambda lib: lib.layers.Permute((2, 1))(X4),
    "repeat fraction": lambda lib: lib.layers.RepeatVector(2.5),
    "repeat nothing": lambda lib: lib.layers.RepeatVector(0),
    "repeat image": lambda lib: lib.layers.RepeatVector(2)(X4),
    "pad negative": lambda lib: lib.layers.ZeroPadding1D(-1),
    "pad three": lambda lib: lib.layers.ZeroPadding2D((1, 2, 3)),
    "pad pair negative": lambda lib: lib.layers.ZeroPadding2D(((1, -2), (1, 1))),
    "pad fraction": lambda lib: lib.layers.ZeroPadding2D(1.5),
    "pad axes": lambda lib: lib.layers.ZeroPadding2D(1)(X4[0]),
    "pad two of three": lambda lib: lib.layers.ZeroPadding3D((1, 2)),
    "crop negative": lambda lib: lib.layers.Cropping2D(-1),
    "crop all": lambda lib: lib.layers.Cropping2D(2)(X4),
    "crop all of a sequence": lambda lib: lib.layers.Cropping1D(2)(X4[0]),
    "crop all of a volume": lambda lib: lib.layers.Cropping3D(2)(X4[None]),
    "crop in a model": lambda lib: lib.Sequential([lib.layers.Input((4, 4, 3)), lib.layers.Cropping2D(2)]),
    "upsample fraction": lambda lib: lib.layers.UpSampling1D(2.5),
    "upsample nothing": lambda lib: lib.layers.UpSampling1D(0),
    "upsample negative": lambda lib: lib.layers.UpSampling2D((2, -2)),
    "upsample three": lambda lib: lib.layers.UpSampling2D((2, 2, 2)),
    "upsample how": lambda lib: lib.layers.UpSampling2D(interpolation="nope")(X4),
    "upsample axes": lambda lib: lib.layers.UpSampling3D()(X4),
    "format": lambda lib: lib.layers.UpSampling2D(data_format="nope"),
    "noise": lambda lib: lib.layers.GaussianNoise(2),
    "rate": lambda lib: lib.layers.GaussianDropout(-1),
    "alpha rate": lambda lib: lib.layers.AlphaDropout(2),
    "spatial rate": lambda lib: lib.layers.SpatialDropout1D(2),
    "spatial axes": lambda lib: lib.layers.SpatialDropout1D(0.5)(X4),
    "noise shape text": lambda lib: lib.layers.Dropout(0.5, noise_shape="a"),
    "noise shape zero": lambda lib: lib.layers.Dropout(0.5, noise_shape=(0, 1)),
    "prelu axes": lambda lib: (lambda layer: (layer(X4), layer(X4[0])))(lib.layers.PReLU()),
    "unbuilt output": lambda lib: lib.layers.Dense(3).output,
    "unbuilt inputs": lambda lib: lib.Sequential([lib.layers.Dense(3)]).inputs,
    "unbuilt outputs": lambda lib: lib.Sequential([lib.layers.Dense(3)]).outputs,
    "not connected": lambda lib: lib.Model(network(lib).inputs, network(lib).outputs),
    "backwards": lambda lib: (lambda model: lib.Model(model.outputs, model.inputs))(network(lib)),
    "no tensor": lambda lib: lib.Model(network(lib).inputs, X4),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_raises_an_error_of_the_class_that_keras_raises(case):
    assert_same_mistake(MISTAKES[case])


# ---- branches ----

MERGES = {
    "add": (keras.layers.Add, [(6,), (6,), (6,)]),
    "add, spread": (keras.layers.Add, [(3, 1, 6), (3, 5, 1), (6,)]),
    "average": (keras.layers.Average, [(5, 6), (5, 6), (6,)]),
    "multiply": (keras.layers.Multiply, [(3, 5, 6), (6,)]),
    "multiply three": (keras.layers.Multiply, [(5, 6), (5, 1), (1, 6)]),
    "maximum": (keras.layers.Maximum, [(3, 5, 6), (3, 5, 6), (3, 1, 1)]),
    "concatenate": (keras.layers.Concatenate, [(3, 5, 6), (3, 5, 1), (3, 5, 2)]),
}


@pytest.mark.parametrize("case", MERGES)
def test_merging_is_that_of_keras(case):
    class Constant(cdl.Layer):
        """Gives a part of x in a shape of its own."""

        def __init__(self, begin, shape):
            super().__init__()
            self.part, self.shape = slice(begin, begin + int(np.prod(shape))), shape

        def forward(self, ctx, x):
            ctx.save(x.shape)
            return x[:, self.part].reshape(-1, *self.shape)

        def backward(self, ctx, dy):
            dx = np.zeros(ctx.saved[0], dy.dtype)
            dx[:, self.part] = dy.reshape(len(dy), -1)
            return dx

        def compute_output_shape(self, input_shape):
            return (input_shape[0], *self.shape)

    merge, shapes = MERGES[case]
    sizes = [int(np.prod(shape)) for shape in shapes]
    parts = [Constant(begin, shape) for begin, shape in zip(np.cumsum([0, *sizes[:-1]]), shapes, strict=True)]
    layer = cdl.layers.Parallel(parts, case.split(",")[0].split()[0])
    x = rng.normal(size=(4, sum(sizes))).astype("float32")
    theirs = merge()

    def through_keras(x):
        return theirs([x[:, part.part].reshape(-1, *part.shape) for part in parts])

    y, pull_back = jax.vjp(through_keras, x)
    ctx = cdl.Context()
    np.testing.assert_allclose(layer(x, ctx=ctx), y, rtol=1e-5, atol=1e-6)
    dy = rng.normal(size=y.shape).astype("float32")
    np.testing.assert_allclose(layer.backward(ctx, dy), pull_back(dy)[0], rtol=1e-4, atol=1e-5)


# ---- feature maps ----


def network(lib):
    return lib.Sequential(
        [
            lib.layers.Input((4, 5, 2)),
            lib.layers.ZeroPadding2D(1),
            lib.layers.Dense(3, activation="tanh"),
            lib.layers.UpSampling2D(2, interpolation="bilinear"),
            lib.layers.Flatten(),
            lib.layers.Dense(2),
        ]
    )


@pytest.mark.parametrize(
    "outputs",
    [
        lambda model: [layer.output for layer in model.layers],
        lambda model: model.layers[2].output,
        lambda model: [model.layers[2].output],
        lambda model: [model.layers[3].output, model.layers[0].output],
        lambda model: model.outputs,
    ],
)
def test_feature_maps_and_the_configuration_of_their_model_are_those_of_keras(outputs):
    theirs, ours = network(keras), network(cdl)
    ours.set_weights(theirs.get_weights())
    maps, expected = (
        lib.Model(model.inputs, outputs(model), name="maps") for lib, model in ((cdl, ours), (keras, theirs))
    )
    x = rng.normal(size=(3, 4, 5, 2)).astype("float32")
    found, wanted = maps.predict(x, verbose=0), expected.predict(x, verbose=0)
    assert type(found) is type(wanted)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert plain(maps.get_config()) == plain(expected.get_config())
    assert maps.input_shape == expected.input_shape
    again = cdl.utils.deserialize_keras_object(keras.saving.serialize_keras_object(expected))
    assert plain(again.get_config()) == plain(expected.get_config())
    again.set_weights(expected.get_weights())
    for one, other in zip(again.predict(x, verbose=0), wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    back = keras.Model.from_config(maps.get_config())
    back.set_weights(maps.get_weights())
    for one, other in zip(back.predict(x, verbose=0), wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
