"""What is visible of layers and models, in Keras and in cdl: configurations, names, paths, outputs, the summary, and
the classes of errors.
"""

import numpy as np
import pytest
from keras_peer import assert_same_mistake, keras, plain

import cdl

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("names_begin_anew")]

rng = np.random.default_rng(5)
X = rng.normal(size=(12, 4)).astype("float32")
Y = rng.normal(size=(12, 1)).astype("float32")
LABELS = rng.integers(0, 3, 12)

LAYERS = {
    "Dense": lambda lib: lib.layers.Dense(5),
    "Dense, all arguments": lambda lib: lib.layers.Dense(
        5,
        activation="gelu",
        use_bias=False,
        kernel_initializer=lib.initializers.HeNormal(seed=3),
        bias_initializer="ones",
        kernel_regularizer="l2",
        bias_regularizer=lib.regularizers.L1L2(0.1, 0.2),
        activity_regularizer=lib.regularizers.L1(0.5),
        kernel_constraint=lib.constraints.MaxNorm(2, axis=1),
        bias_constraint="non_neg",
        trainable=False,
        name="all",
    ),
    "Dense, float64": lambda lib: lib.layers.Dense(5, dtype="float64"),
    "Activation": lambda lib: lib.layers.Activation("tanh"),
    "ReLU": lambda lib: lib.layers.ReLU(),
    "ReLU, all arguments": lambda lib: lib.layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.3),
    "LeakyReLU": lambda lib: lib.layers.LeakyReLU(negative_slope=0.2),
    "ELU": lambda lib: lib.layers.ELU(alpha=0.5),
    "Softmax": lambda lib: lib.layers.Softmax(),
    "Softmax, first axis": lambda lib: lib.layers.Softmax(axis=1),
    "PReLU": lambda lib: lib.layers.PReLU(),
    "PReLU, all arguments": lambda lib: lib.layers.PReLU(
        alpha_initializer=lib.initializers.Constant(0.25),
        alpha_regularizer="l2",
        alpha_constraint="non_neg",
        shared_axes=[1],
    ),
    "Dropout": lambda lib: lib.layers.Dropout(0.3),
    "Dropout, all arguments": lambda lib: lib.layers.Dropout(0.3, noise_shape=(None, 1), seed=3),
    "Flatten": lambda lib: lib.layers.Flatten(),
    "Reshape": lambda lib: lib.layers.Reshape((2, -1)),
    "ActivityRegularization": lambda lib: lib.layers.ActivityRegularization(0.1, 0.2),
    "InputLayer": lambda lib: lib.layers.InputLayer(shape=(4,)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_configuration_of_a_layer_is_that_of_keras(name):
    assert plain(LAYERS[name](cdl).get_config()) == plain(LAYERS[name](keras).get_config())


@pytest.mark.parametrize("name", LAYERS)
def test_a_configuration_from_keras_makes_the_layer(name):
    theirs = LAYERS[name](keras)
    ours = cdl.layers.deserialize(keras.layers.serialize(theirs))
    assert plain(ours.get_config()) == plain(theirs.get_config())


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "InputLayer"])
def test_a_layer_gives_the_output_of_keras(name):
    theirs, ours = LAYERS[name](keras), LAYERS[name](cdl)
    expected = keras.ops.convert_to_numpy(theirs(X))
    ours.build((None, 4))
    ours.set_weights([keras.ops.convert_to_numpy(weight) for weight in theirs.weights])
    found = ours(X)
    assert found.dtype == ours.dtype
    assert ours.compute_output_shape((None, 4)) == tuple(theirs.compute_output_shape((None, 4)))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def stack(lib):
    return lib.Sequential(
        [
            lib.layers.Input((4,)),
            lib.layers.Dense(3, activation="relu"),
            lib.layers.Dense(3, name="mine"),
            lib.layers.LeakyReLU(),
            lib.layers.PReLU(),
            lib.Sequential([lib.layers.Dense(2), lib.layers.Dense(2, use_bias=False)]),
            lib.layers.Dropout(0.5),
            lib.layers.ELU(),
            lib.layers.ReLU(),
            lib.layers.Dense(1, trainable=False),
        ]
    )


def test_names_are_given_as_in_keras():
    ours, theirs = stack(cdl), stack(keras)
    assert ours.name == theirs.name
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert stack(cdl).layers[0].name == stack(keras).layers[0].name


def test_weights_have_the_order_the_names_the_paths_and_the_shapes_of_keras():
    def described(variables):
        return [(variable.name, variable.path, tuple(variable.shape)) for variable in variables]

    ours, theirs = stack(cdl), stack(keras)
    assert described(ours.weights) == described(theirs.weights)
    assert described(ours.trainable_weights) == described(theirs.trainable_weights)
    assert described(ours.non_trainable_weights) == described(theirs.non_trainable_weights)
    assert ours.count_params() == theirs.count_params()


def test_the_configuration_of_a_model_is_that_of_keras():
    assert plain(stack(cdl).get_config()) == plain(stack(keras).get_config())


def test_a_configuration_and_weights_from_keras_make_the_model():
    theirs = stack(keras)
    ours = cdl.Sequential.from_config(theirs.get_config())
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


SUMMARIES = {
    "many layers": stack,
    "not built": lambda lib: lib.Sequential([lib.layers.Dense(128), lib.layers.Dense(10)]),
    "empty": lambda lib: lib.Sequential(),
    "images": lambda lib: lib.Sequential(
        [lib.layers.Input((28, 28)), lib.layers.Flatten(), lib.layers.Dense(1000), lib.layers.Dense(1000)], name="mine"
    ),
    "trained": lambda lib: trained(lib),
}


def trained(lib):
    # Large, so that the two libraries' different types of the optimizer's step number vanish in the rounding.
    model = lib.Sequential([lib.layers.Input((4,)), lib.layers.Dense(1000, trainable=False), lib.layers.Dense(1000)])
    model.compile("adam", "mse")
    model.fit(X, np.zeros((12, 1000)), verbose=0)
    return model


@pytest.mark.parametrize("case", SUMMARIES)
def test_the_summary_is_that_of_keras(case):
    printed = {}
    for lib in (cdl, keras):
        lines = []
        SUMMARIES[case](lib).summary(print_fn=lambda text, lines=lines, **_: lines.append(text))
        printed[lib] = [line.rstrip() for line in "\n".join(lines).strip().splitlines()]
    assert printed[cdl] == printed[keras]


# ---- mistakes ----


def regressor(lib, units=1, activation=None, loss="mse", **arguments):
    output = lib.layers.Dense(units, activation=activation)
    model = lib.Sequential([lib.layers.Input((4,)), lib.layers.Dense(3), output])
    model.compile("sgd", loss, **arguments)
    return model


def fit(x=X, y=Y, **arguments):
    return lambda lib: regressor(lib).fit(x, y, verbose=0, **arguments)


MISTAKES = {
    "fit before compile": lambda lib: lib.Sequential([lib.layers.Dense(1)]).fit(X, Y, verbose=0),
    "train_on_batch before compile": lambda lib: lib.Sequential([lib.layers.Dense(1)]).train_on_batch(X, Y),
    "fit of nothing": lambda lib: (lambda model: (model.compile("sgd", "mse"), model.fit(X, Y)))(lib.Sequential()),
    "predict of nothing": lambda lib: lib.Sequential().predict(X, verbose=0),
    "optimizer": lambda lib: regressor(lib).compile("nope", "mse"),
    "loss": lambda lib: regressor(lib, loss="nope").fit(X, Y, verbose=0),
    "metric": lambda lib: regressor(lib, metrics=["nope"]).fit(X, Y, verbose=0),
    "metric number": lambda lib: regressor(lib, metrics=[3]).fit(X, Y, verbose=0),
    "compile keyword": lambda lib: regressor(lib).compile("sgd", "mse", nope=1),
    "fit keyword": fit(nope=1),
    "activation": lambda lib: lib.layers.Dense(3, activation="nope"),
    "initializer": lambda lib: lib.layers.Dense(3, kernel_initializer="nope"),
    "regularizer": lambda lib: lib.layers.Dense(3, kernel_regularizer="nope"),
    "constraint": lambda lib: lib.layers.Dense(3, kernel_constraint="nope"),
    "layer keyword": lambda lib: lib.layers.Dense(3, nope=1),
    "units": lambda lib: lib.layers.Dense(0),
    "units fraction": lambda lib: lib.layers.Dense(2.5),
    "units text": lambda lib: lib.layers.Dense("3"),
    "rate": lambda lib: lib.layers.Dropout(2),
    "no layer": lambda lib: lib.Sequential().add(3),
    "a class": lambda lib: lib.Sequential().add(lib.layers.Dense),
    "name twice": lambda lib: lib.Sequential([lib.layers.Dense(3, name="a"), lib.layers.Dense(3, name="a")]),
    "input twice": lambda lib: lib.Sequential([lib.layers.Input((4,)), lib.layers.Input((3,))]),
    "input negative": lambda lib: lib.layers.Input((-1,)),
    "input number": lambda lib: lib.layers.Input(4),
    "input text": lambda lib: lib.layers.Input("a"),
    "input nothing": lambda lib: lib.layers.Input(),
    "features of fit": fit(X[:, :3]),
    "features of predict": lambda lib: regressor(lib).predict(X[:, :3], verbose=0),
    "features of call": lambda lib: regressor(lib)(X[:, :3]),
    "features of a layer": lambda lib: (lambda layer: (layer(X), layer(X[:, :3])))(lib.layers.Dense(2)),
    "one axis": lambda lib: lib.layers.Dense(2)(X[0]),
    "no axis": lambda lib: lib.layers.Dense(2)(np.float32(1)),
    "lengths": fit(X, Y[:5]),
    "weights' length": fit(sample_weight=np.ones(5)),
    "one-hot of other classes": lambda lib: regressor(lib, 3, "softmax", "categorical_crossentropy").fit(
        X, np.eye(4)[LABELS], verbose=0
    ),
    "labels for categories": lambda lib: regressor(lib, 3, "softmax", "categorical_crossentropy").fit(
        X, LABELS, verbose=0
    ),
    "texts": fit(np.full((12, 4), "a")),
    "objects": fit(np.full((12, 4), None)),
    "dates": fit(np.zeros((12, 4), "datetime64[D]")),
    "ragged": fit([[1.0, 2.0], [3.0]] * 6),
    "text targets": fit(X, np.full(12, "a")),
    "epochs fraction": fit(epochs=1.5),
    "epochs text": fit(epochs="2"),
    "split": fit(validation_split=1.0),
    "split of one": fit(X[:1], Y[:1], validation_split=0.5),
    "validation of four": fit(validation_data=(X, Y, Y, Y)),
    "validation features": fit(validation_data=(X[:, :2], Y)),
    "validation lengths": fit(validation_data=(X, Y[:3])),
    "both weights": fit(class_weight={0: 1.0}, sample_weight=np.ones(12)),
    "few weights": lambda lib: regressor(lib).set_weights([]),
    "weights of other shapes": lambda lib: regressor(lib).set_weights([np.zeros(3)] * 4),
    "layer name": lambda lib: regressor(lib).get_layer("nope"),
    "layer position": lambda lib: regressor(lib).get_layer(index=9),
    "layer twice": lambda lib: regressor(lib).get_layer("a", 0),
    "layer nothing": lambda lib: regressor(lib).get_layer(),
    "nested": lambda lib: lib.Sequential(
        [lib.layers.Input((4,)), lib.Sequential([lib.layers.Input((5,)), lib.layers.Dense(2)])]
    ),
    "reshape": lambda lib: lib.Sequential([lib.layers.Input((4,)), lib.layers.Reshape((3,))]),
    "open features": lambda lib: lib.Sequential([lib.layers.Input((None,)), lib.layers.Dense(3)]),
    "count of unbuilt": lambda lib: lib.layers.Dense(3).count_params(),
    "shape of unbuilt": lambda lib: lib.Sequential([lib.layers.Dense(3)]).output_shape,
    "stopping by what": lambda lib: regressor(lib).fit(
        X, Y, verbose=0, callbacks=[lib.callbacks.EarlyStopping("nope")]
    ),
    "learning rate": lambda lib: lib.optimizers.SGD("fast"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_raises_an_error_of_the_class_that_keras_raises(case):
    assert_same_mistake(MISTAKES[case])
