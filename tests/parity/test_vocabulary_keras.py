"""The vocabulary beside Keras itself: values, gradients, configs and error classes of every name."""

import inspect

import numpy as np
import pytest
from keras_peer import assert_same_mistake, jax_or_skip, keras

import cdl

jax = jax_or_skip()
pytestmark = pytest.mark.filterwarnings("ignore")

KINDS = ["activations", "constraints", "initializers", "losses", "metrics", "regularizers"]


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def probabilities(*shape, seed=0):
    e = np.exp(random(*shape, seed=seed))
    return e / e.sum(-1, keepdims=True)


# Exported by Keras, but missing in its tables of names.
UNLISTED = {"losses": ["CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy"]}


def keras_names(kind):
    unlisted = {name: getattr(getattr(keras, kind), name) for name in UNLISTED.get(kind, [])}
    return getattr(keras.src, kind).ALL_OBJECTS_DICT | unlisted


def our_names(kind):
    return getattr(cdl, kind)._registry.objects


def close(ours, theirs, tolerance=2e-6):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_is_known(kind):
    theirs, ours = set(keras_names(kind)), set(our_names(kind))
    assert not ours - theirs
    if kind != "metrics":
        assert not theirs - ours


@pytest.mark.parametrize("kind", KINDS)
def test_every_attribute_is_there(kind):
    theirs = {name for name in vars(getattr(keras, kind)) if not name.startswith("_")}
    if kind in ("losses", "metrics"):
        theirs &= set(our_names(kind))
    assert not {name for name in theirs if not hasattr(getattr(cdl, kind), name)}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in our_names(kind)])
def test_signatures_agree(kind, name):
    theirs, ours = keras_names(kind)[name], our_names(kind)[name]
    assert ours.__name__ == theirs.__name__

    def parameters(function):
        return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]

    assert parameters(ours) == parameters(theirs)


# ------------------------------------------------------------------------------------------------------- activations

# sparsemax is not among them: up to Keras 3.15 its rows do not add up to 1 (keras-team/keras pull request 23469).
ACTIVATIONS = [
    *((name, {}) for name in our_names("activations") if name not in ("threshold", "sparsemax")),
    ("relu", {"negative_slope": 0.3}),
    ("relu", {"max_value": 1.0}),
    ("relu", {"negative_slope": 0.3, "max_value": 1.0, "threshold": 0.2}),
    ("relu", {"threshold": 0.5}),
    ("leaky_relu", {"negative_slope": 0.01}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 0.5}),
    ("gelu", {"approximate": True}),
    ("hard_shrink", {"threshold": 0.2}),
    ("soft_shrink", {"threshold": 0.2}),
    ("squareplus", {"b": 1}),
    ("threshold", {"threshold": 0.1, "default_value": 0.7}),
    *((name, {"axis": axis}) for name in ("softmax", "log_softmax", "glu") for axis in (0, 1)),
    ("softmax", {"axis": (1, 2)}),
]


@pytest.mark.parametrize(("name", "parameters"), ACTIVATIONS)
def test_activations(name, parameters):
    x = 2 * random(4, 6, 8)
    theirs, pull_back = jax.vjp(lambda x: getattr(keras.activations, name)(x, **parameters), x)
    ours = getattr(cdl.activations, name).bind(**parameters)
    y = ours.forward(x)
    close(ours(x), theirs)
    close(y, theirs)
    dy = random(*y.shape, seed=1)
    close(ours.backward(x, y, dy), pull_back(dy)[0], 1e-5)


# ------------------------------------------------------------------------------------ regularizers and constraints


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("L1", {}),
        ("L2", {"l2": 0.3}),
        ("L1L2", {"l1": 0.1, "l2": 0.2}),
        ("L1L2", {"l1": 0.1}),
        ("OrthogonalRegularizer", {"factor": 0.4}),
        ("OrthogonalRegularizer", {"factor": 0.4, "mode": "columns"}),
    ],
)
def test_regularizers(name, arguments):
    w = random(3, 5)
    theirs, ours = getattr(keras.regularizers, name)(**arguments), getattr(cdl.regularizers, name)(**arguments)
    # Not NumPy's array: Keras normalizes those along the wrong axis in mode "columns".
    close(ours(w), theirs(jax.numpy.asarray(w)))
    close(ours.gradient(w), jax.grad(theirs)(w))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MaxNorm", {}),
        ("MaxNorm", {"max_value": 0.5, "axis": [0, 1]}),
        ("NonNeg", {}),
        ("UnitNorm", {"axis": 1}),
        ("MinMaxNorm", {"min_value": 1.5, "max_value": 2.0, "rate": 0.4}),
    ],
)
def test_constraints(name, arguments):
    w = random(3, 5)
    theirs, ours = getattr(keras.constraints, name)(**arguments), getattr(cdl.constraints, name)(**arguments)
    close(ours(w), theirs(w))
    assert ours.get_config() == theirs.get_config()


# ------------------------------------------------------------------------------------------------------ initializers


@pytest.mark.parametrize("side", ["real", "imag"])
@pytest.mark.parametrize(
    "window", ["hann", "hamming", "blackman", "nuttall", "blackmanharris", "flattop", "boxcar", None]
)
@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
@pytest.mark.parametrize("periodic", [False, True])
def test_fourier_transforms(side, window, scaling, periodic):
    ours, theirs = (library.initializers.STFT(side, window, scaling, periodic) for library in (cdl, keras))
    close(ours((16, 1, 9)), theirs((16, 1, 9)), 1e-5)
    close(ours((1, 1, 9)), theirs((1, 1, 9)), 1e-5)


@pytest.mark.parametrize("name", ["Zeros", "Ones", "Identity"])
def test_fixed_initializers(name):
    close(cdl.initializers.get(name)((3, 4)), keras.initializers.get(name)((3, 4)))


@pytest.mark.parametrize(
    "name",
    [
        *("glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal"),
        *("random_normal", "random_uniform", "truncated_normal", "variance_scaling", "orthogonal"),
    ],
)
@pytest.mark.parametrize("shape", [(300, 200), (3, 3, 40, 60)])
def test_random_initializers_have_the_same_distribution(name, shape):
    ours = np.asarray(getattr(cdl.initializers, name)(seed=1)(shape)).ravel()
    theirs = np.asarray(getattr(keras.initializers, name)(seed=1)(shape)).ravel()
    close(ours.std(), theirs.std(), 0.02)
    quantiles = [0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99]
    np.testing.assert_allclose(np.quantile(ours, quantiles), np.quantile(theirs, quantiles), atol=0.1 * theirs.std())
    if name not in ("random_normal", "orthogonal"):  # the others are bounded
        close(np.abs(ours).max(), np.abs(theirs).max(), 0.02)


@pytest.mark.parametrize("shape", [(), (5,), (4, 6), (3, 4, 6), (3, 3, 4, 6), (2, 3, 3, 4, 6)])
def test_fans(shape):
    from keras.src.initializers.random_initializers import compute_fans

    assert cdl.initializers.compute_fans(shape) == compute_fans(shape)


# ------------------------------------------------------------------------------------------------------------ losses

LABELS = np.array([[0, 2, 1], [2, 2, 0]])
LOSSES = [
    *(
        (name, {}, y_true, random(*shape))
        for name in ("MeanSquaredError", "MeanAbsoluteError")
        for y_true, shape in [
            (random(4, 3, seed=1), (4, 3)),
            (random(4, seed=1), (4, 1)),
            (random(4, 1, seed=1), (4,)),
            (random(4, seed=1), (4,)),
            (random(2, 3, 4, seed=1), (2, 3, 4)),
            (np.array([[1, 0, 2], [0, 3, 1]]), (2, 3)),
        ]
    ),
    ("BinaryCrossentropy", {}, np.array([0, 1, 1, 0]), 1 / (1 + np.exp(-random(4, 1)))),
    ("BinaryCrossentropy", {}, np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[0.0, 0.0], [1.0, 1.0]], "float32")),
    ("BinaryCrossentropy", {"label_smoothing": 0.2, "axis": 0}, (random(3, 4) > 0) * 1, probabilities(3, 4)),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, (random(3, 4) > 0) * 1.0, 30 * random(3, 4)),
    ("CategoricalCrossentropy", {}, np.eye(3)[[0, 2]], probabilities(2, 3)),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, np.eye(3)[[0, 2]], 5 * probabilities(2, 3)),
    ("CategoricalCrossentropy", {}, np.eye(3)[[0, 2]], np.array([[1, 0, 0], [1, 0, 0]], "float32")),
    ("CategoricalCrossentropy", {"from_logits": True}, probabilities(2, 3), 10 * random(2, 3)),
    ("CategoricalCrossentropy", {"from_logits": True, "axis": 1}, probabilities(2, 3, 4), random(2, 3, 4)),
    ("SparseCategoricalCrossentropy", {}, np.array([0, 2]), probabilities(2, 3)),
    ("SparseCategoricalCrossentropy", {}, np.array([[0.0], [2.0]]), probabilities(2, 3)),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, LABELS, random(2, 3, 4)),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, LABELS[..., None], random(2, 3, 4)),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2}, LABELS, random(2, 3, 4)),
    ("SparseCategoricalCrossentropy", {"ignore_class": -1}, np.array([0, -1, 1]), probabilities(3, 4)),
]
REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), LOSSES)
def test_losses_and_gradients(name, arguments, y_true, y_pred, reduction):
    theirs = getattr(keras.losses, name)(reduction=reduction, **arguments)
    ours = getattr(cdl.losses, name)(reduction=reduction, **arguments)
    values = np.shape(theirs.call(np.asarray(y_true), y_pred))
    weights = [None]
    if values:
        weights += [2.0, random(*values, seed=3), random(*values[:1], *[1] * (len(values) - 1), seed=3)]
    for weight in weights:
        value, dy = jax.value_and_grad(lambda p, weight=weight: theirs(y_true, p, sample_weight=weight))(y_pred)
        our_value, our_dy = ours.value_and_gradient(y_true, y_pred, weight)
        close(our_value, value, 1e-5)
        close(our_dy, dy, 1e-5)
        close(ours(y_true, y_pred, weight), value, 1e-5)


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), LOSSES)
def test_loss_functions_give_the_values(name, arguments, y_true, y_pred):
    function = cdl.utils.naming.to_snake_case(name)
    theirs = getattr(keras.losses, name)(reduction=None, **arguments)(y_true, y_pred)
    close(getattr(cdl.losses, function)(y_true, y_pred, **arguments), theirs, 1e-5)


# ----------------------------------------------------------------------------------------------------------- metrics

TWO_CLASSES = (random(6, seed=2) > 0).astype("int32")
METRICS = [
    ("Accuracy", {}, np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [0.0], [3.0]])),
    ("BinaryAccuracy", {}, TWO_CLASSES, 1 / (1 + np.exp(-random(6, 1)))),
    ("BinaryAccuracy", {"threshold": 0.2}, (random(6, 3, seed=2) > 0) * 1.0, probabilities(6, 3)),
    ("CategoricalAccuracy", {}, np.eye(3)[[0, 1, 2, 1]], probabilities(4, 3)),
    ("SparseCategoricalAccuracy", {}, np.array([0, 1, 2, 1]), probabilities(4, 3)),
    ("SparseCategoricalAccuracy", {}, np.array([[0.0], [1.0], [2.0], [1.0]]), probabilities(4, 3)),
    ("SparseCategoricalAccuracy", {}, LABELS, probabilities(2, 3, 4)),
    ("SparseCategoricalAccuracy", {}, LABELS[..., None], probabilities(2, 3, 4)),
    ("TopKCategoricalAccuracy", {"k": 2}, np.eye(5)[[0, 1, 2, 4]], probabilities(4, 5)),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, np.array([0, 1, 2, 4]), np.round(probabilities(4, 5), 1)),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, np.array([0, 9, -1]), probabilities(3, 5)),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, np.array([0, 1]), np.array([[np.nan, 0, 0], [1, 0, 0]], "float32")),
    (
        "SparseTopKCategoricalAccuracy",
        {"k": 2, "from_sorted_ids": True},
        np.array([2, 1]),
        np.array([[2, 1, 0], [0, 2, 1]], "float32"),
    ),
    ("MeanSquaredError", {}, random(4, 3, seed=1), random(4, 3)),
    ("MeanAbsoluteError", {}, random(4, 1, seed=1), random(4, 1)),
    ("RootMeanSquaredError", {}, random(4, 3, seed=1), random(4, 3)),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, (random(4, 3) > 0) * 1.0, random(4, 3)),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, np.eye(3)[[0, 2]], probabilities(2, 3)),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, LABELS, random(2, 3, 4)),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2}, np.array([0, 2, 1]), random(3, 4)),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), METRICS)
def test_metrics(name, arguments, y_true, y_pred, weighted):
    theirs, ours = getattr(keras.metrics, name)(**arguments), getattr(cdl.metrics, name)(**arguments)
    assert ours.get_config() == theirs.get_config()
    weight = np.abs(random(len(y_pred), seed=4)) if weighted else None
    for _ in range(2):
        close(ours(y_true, y_pred, sample_weight=weight), theirs(y_true, y_pred, sample_weight=weight), 1e-5)
        y_true, y_pred = y_true[:-1], y_pred[:-1]
        weight = weight[:-1] if weighted else None


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@pytest.mark.parametrize("values", [2.5, random(3), random(3, 4), random(3, 4, 2)])
def test_reductions(name, values):
    for weight in [None, *(random(*np.shape(values)[:rank], seed=5) for rank in range(np.ndim(values) + 1))]:
        theirs, ours = getattr(keras.metrics, name)(), getattr(cdl.metrics, name)()
        close(ours(values, sample_weight=weight), theirs(values, sample_weight=weight), 1e-5)


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), [m for m in METRICS if "Accuracy" in m[0]][1:])
def test_metric_functions(name, arguments, y_true, y_pred):
    function = cdl.utils.naming.to_snake_case(name)
    theirs = getattr(keras.src.metrics.accuracy_metrics, function)(y_true, y_pred, **arguments)
    close(getattr(cdl.metrics, function)(y_true, y_pred, **arguments), theirs)


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [((4,), (4, 1)), ((4, 1), (4, 1)), ((4,), (4, 3)), ((4, 1), (4, 3)), ((4, 3), (4, 3)), ((4, 5), (4, 5, 3))],
)
@pytest.mark.parametrize("name", ["accuracy", "acc", "mse", "binary_accuracy", "crossentropy"])
def test_names_are_understood_by_shape(name, y_true, y_pred):
    from keras.src.trainers import compile_utils

    arrays = np.ones(y_true), np.ones(y_pred)
    if name == "crossentropy":
        theirs = compile_utils.get_loss(name, *arrays)
        ours = cdl.losses.resolve(name, y_true, y_pred)
        assert cdl.utils.naming.to_snake_case(type(ours).__name__) == theirs.fn.__name__
    else:
        theirs = compile_utils.get_metric(name, *arrays)
        ours = cdl.metrics.resolve(name, y_true, y_pred)
        assert type(ours).__name__ == type(theirs).__name__
    assert ours.name == theirs.name


# ------------------------------------------------------------------------------------------- configs, errors, helpers

OBJECTS = [
    ("activations", lambda library: library.activations.get("swish")),
    ("constraints", lambda library: library.constraints.MaxNorm(3)),
    ("initializers", lambda library: library.initializers.GlorotUniform(seed=3)),
    ("initializers", lambda library: library.initializers.VarianceScaling(2.0, "fan_out", "uniform", 4, [0], [1])),
    ("initializers", lambda library: library.initializers.Constant(np.ones(2))),
    ("initializers", lambda library: library.initializers.Orthogonal()),
    ("initializers", lambda library: library.initializers.RandomNormal(seed=library.random.SeedGenerator(4, name="s"))),
    ("losses", lambda library: library.losses.get("mse")),
    ("losses", lambda library: library.losses.BinaryCrossentropy(True, 0.1, name="b", reduction="sum")),
    ("losses", lambda library: library.losses.SparseCategoricalCrossentropy(ignore_class=1)),
    ("metrics", lambda library: library.metrics.get("mae")),
    ("metrics", lambda library: library.metrics.SparseTopKCategoricalAccuracy(3, from_sorted_ids=True)),
    ("metrics", lambda library: library.metrics.MeanMetricWrapper(library.losses.mean_squared_error, name="m")),
    ("regularizers", lambda library: library.regularizers.L2(0.5)),
    ("regularizers", lambda library: library.regularizers.OrthogonalRegularizer(0.5, "columns")),
]


@pytest.mark.parametrize(("kind", "make"), OBJECTS)
def test_configs_are_exchanged(kind, make):
    theirs, ours = getattr(keras, kind).serialize(make(keras)), getattr(cdl, kind).serialize(make(cdl))
    assert ours == theirs
    again = getattr(cdl, kind).serialize(getattr(cdl, kind).deserialize(theirs))
    assert again == theirs


MISTAKES = {
    "unknown loss": lambda library: library.losses.get("msee"),
    "loss of a wrong type": lambda library: library.losses.get(3),
    "unknown metric": lambda library: library.metrics.get("acc"),
    "unknown activation": lambda library: library.activations.get("foo"),
    "activation of a wrong type": lambda library: library.activations.get(3),
    "unknown regularizer": lambda library: library.regularizers.get("l3"),
    "unknown constraint": lambda library: library.constraints.get("maxnorm"),
    "unknown initializer": lambda library: library.initializers.get("foo"),
    "unknown class in a config": lambda library: library.initializers.get({"class_name": "Foo", "config": {}}),
    "config without a class": lambda library: library.initializers.get({"a": 1}),
    "reduction": lambda library: library.losses.Loss(reduction="x"),
    "factor": lambda library: library.regularizers.L1(-1),
    "infinite factor": lambda library: library.regularizers.L2(float("inf")),
    "mode": lambda library: library.regularizers.OrthogonalRegularizer(mode="x"),
    "rank": lambda library: library.regularizers.OrthogonalRegularizer()(np.ones(3)),
    "seed": lambda library: library.initializers.RandomNormal(seed="x"),
    "fans": lambda library: library.initializers.VarianceScaling(mode="x"),
    "scale": lambda library: library.initializers.VarianceScaling(scale=-1),
    "distribution": lambda library: library.initializers.VarianceScaling(distribution="x"),
    "identity": lambda library: library.initializers.Identity()((2, 3, 4)),
    "orthogonal": lambda library: library.initializers.Orthogonal()((2,)),
    "initial values": lambda library: library.initializers.get(np.ones(2))((3,)),
    "seed generator": lambda library: library.random.SeedGenerator("a"),
    "random seed": lambda library: library.utils.set_random_seed("a"),
    "negative seed": lambda library: library.utils.set_random_seed(-1),
    "class out of range": lambda library: library.utils.to_categorical([3], 2),
    "randint": lambda library: library.random.randint((2,), 0, 3, dtype="float32"),
    "crossentropy shapes": lambda library: library.losses.BinaryCrossentropy()(np.ones((3, 4)), np.ones((3, 5))),
    "one-hot shapes": lambda library: library.losses.CategoricalCrossentropy()(np.ones((3,)), np.ones((3, 5))),
    "label shapes": lambda library: library.losses.SparseCategoricalCrossentropy()(np.ones((4,)), np.ones((3, 5))),
    "axis": lambda library: library.losses.CategoricalCrossentropy(axis=True)(np.ones((1, 2)), np.ones((1, 2))),
    "unregistered class": lambda library: library.utils.register_keras_serializable()(type("A", (), {})),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_raise_the_same_class(mistake):
    assert_same_mistake(mistake)


@pytest.mark.parametrize("x", [[0, 2, 1], [[0], [2]], [[0, 1], [1, 2]], np.array([0.0, 3.0]), 2])
@pytest.mark.parametrize("num_classes", [None, 5])
def test_to_categorical(x, num_classes):
    theirs, ours = keras.utils.to_categorical(x, num_classes), cdl.utils.to_categorical(x, num_classes)
    assert ours.dtype == theirs.dtype
    close(ours, theirs)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("axis", [-1, 1])
def test_normalize(axis, order):
    x = random(4, 3)
    x[1] = 0
    close(cdl.utils.normalize(x, axis, order), keras.utils.normalize(x, axis, order))


@pytest.mark.parametrize("name", ["Dense", "Conv2D", "MeanSquaredError", "L1L2", "MyGRUCell", "GlobalAvgPool2D"])
def test_snake_case(name):
    from keras.src.utils.naming import to_snake_case

    assert cdl.utils.naming.to_snake_case(name) == to_snake_case(name)
