"""Mistakes: the error comes at once, is of Keras' class, says who, what and both values, and nothing is harmed."""

import contextlib
import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cdl
from cdl import Sequential, layers, losses, metrics, ops, optimizers

rng = np.random.default_rng(0)
X = rng.normal(size=(12, 4)).astype("float32")
Y = rng.normal(size=(12, 1)).astype("float32")
LABELS = rng.integers(0, 3, 12)


def regressor(**arguments):
    model = Sequential([layers.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(1)], name="regressor")
    model.compile("sgd", "mse", **arguments)
    return model


def classifier(loss="sparse_categorical_crossentropy"):
    model = Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", loss)
    return model


def quiet(method):
    return {} if method.endswith("on_batch") else {"verbose": 0}


def assert_unharmed(model, before, y=Y):
    """The weights are what they were, and the model still trains and predicts."""
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    model.fit(X, y, verbose=0)
    assert np.all(np.isfinite(model.predict(X, verbose=0)))


# ---- the model ----

WITH_TARGETS = ["fit", "evaluate", "train_on_batch", "test_on_batch"]
WITHOUT = ["predict", "predict_on_batch"]


@pytest.mark.parametrize("method", WITH_TARGETS)
def test_a_model_must_be_compiled_first(method):
    with pytest.raises(ValueError, match=r"must call `compile\(\)`"):
        getattr(Sequential([layers.Dense(1)]), method)(X, Y, **quiet(method))


BAD_X = {
    "too few features": (X[:, :3], ValueError, r"\b3\b.*\b4\b"),
    "too many features": (np.ones((12, 5)), ValueError, r"\b5\b.*\b4\b"),
    "an axis too many": (np.ones((12, 4, 2)), ValueError, r"12, 4, 2|\b2 features.*\b4\b"),
    "an axis too few": (X[:, 0], ValueError, r"12"),
    "a number": (3.0, ValueError, "single number"),
    "None": (None, ValueError, "None"),
    "text": ("data.csv", ValueError, "dtype"),
    "texts": (np.full((12, 4), "a"), ValueError, "<U1"),
    "objects": (np.full((12, 4), None), ValueError, "object"),
    "complex numbers": (X.astype("complex64"), ValueError, "complex64"),
    "dates": (np.zeros((12, 4), "datetime64[D]"), ValueError, "datetime64"),
    "ragged lists": ([[1.0, 2.0], [3.0]] * 6, ValueError, "same shape"),
    "a dictionary": ({"x": X}, ValueError, "object|dict"),
    "a generator of samples": ((x for x in X), ValueError, r"generator|x shape \(4,\)"),
    "records": (np.zeros(12, [("a", "f4"), ("b", "f4")]), ValueError, "dtype"),
}


@pytest.mark.parametrize("method", WITH_TARGETS + WITHOUT)
@pytest.mark.parametrize("mistake", BAD_X)
def test_a_model_refuses_this_input(mistake, method):
    x, error, text = BAD_X[mistake]
    model = regressor()
    before = model.get_weights()
    arguments = (x, Y) if method in WITH_TARGETS else (x,)
    with pytest.raises(error, match=text):
        getattr(model, method)(*arguments, **quiet(method))
    assert_unharmed(model, before)


@pytest.mark.parametrize("method", WITH_TARGETS)
@pytest.mark.parametrize(
    ("y", "text"),
    [
        (Y[:5], "(?s)12.*5"),
        (np.ones((12, 3)), r"\(12, 3\).*\(12, 1\)"),
        (None, "y is None"),
        (np.full(12, "a"), "<U1"),
        (np.full(12, None), "object"),
        (2.0, "single number"),
    ],
    ids=["too few", "another shape", "none", "texts", "objects", "a number"],
)
def test_a_model_refuses_these_targets(y, text, method):
    model = regressor()
    before = model.get_weights()
    with pytest.raises(ValueError, match=text):
        getattr(model, method)(X, y, **quiet(method))
    assert_unharmed(model, before)


@pytest.mark.parametrize("method", WITH_TARGETS)
@pytest.mark.parametrize(
    ("weight", "text"),
    [
        (np.ones(5), "(?s)12.*5"),
        (np.ones((12, 2)), r"\(12, 2\).*\(12,\)"),
        (np.full(12, "a"), "<U1"),
        (1.0, "single number"),
    ],
    ids=["too few", "another shape", "texts", "a number"],
)
def test_a_model_refuses_these_sample_weights(weight, text, method):
    model = regressor()
    before = model.get_weights()
    with pytest.raises(ValueError, match=text):
        getattr(model, method)(X, Y, sample_weight=weight, **quiet(method))
    assert_unharmed(model, before)


@pytest.mark.parametrize("method", WITH_TARGETS)
def test_no_samples_are_not_enough(method):
    with pytest.raises(ValueError, match=r"no samples.*\(0, 4\)"):
        getattr(regressor(), method)(X[:0], Y[:0], **quiet(method))


@pytest.mark.parametrize("method", WITH_TARGETS)
@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (LABELS * 0 + 3, r"label 3 at position 0 is outside 0\.\.2"),
        (-1 - LABELS, "outside"),
        (LABELS + 2**40, "32 bits"),
    ],
    ids=["too large", "negative", "huge"],
)
def test_labels_must_be_classes(labels, text, method):
    model = classifier()
    before = model.get_weights()
    with pytest.raises(ValueError, match=text):
        getattr(model, method)(X, labels, **quiet(method))
    assert_unharmed(model, before, LABELS)


@pytest.mark.parametrize("y", [LABELS, np.eye(4)[LABELS]], ids=["labels", "four classes"])
def test_categorical_targets_need_the_shape_of_the_outputs(y):
    with pytest.raises(ValueError, match=r"categorical_crossentropy.*\(12, 3\)"):
        classifier("categorical_crossentropy").fit(X, y, verbose=0)


BAD_ARGUMENTS = {
    "batch_size=0": ({"batch_size": 0}, "batch_size.*0"),
    "epochs=-1": ({"epochs": -1}, "epochs is a whole number.*-1"),
    "batch_size=-1": ({"batch_size": -1}, "batch_size.*-1"),
    "batch_size=2.5": ({"batch_size": 2.5}, "batch_size.*2.5"),
    "validation_split=1": ({"validation_split": 1.0}, r"validation_split.*1\.0"),
    "validation_split<0": ({"validation_split": -0.5}, r"validation_split.*-0\.5"),
    "validation_split small": ({"validation_split": 0.99999}, "12 samples"),
    "validation_data x": ({"validation_data": X}, "validation_data"),
    "validation_data of four": ({"validation_data": (X, Y, Y, Y)}, "validation_data"),
    "validation_data wide": ({"validation_data": (X[:, :2], Y)}, r"\b2\b.*\b4\b"),
    "validation_data short": ({"validation_data": (X, Y[:3])}, "(?s)12.*3"),
    "validation_data without y": ({"validation_data": (X,)}, "validation_data.*y is None"),
    "both weights": ({"class_weight": {0: 1.0}, "sample_weight": np.ones(12)}, "class_weight.*sample_weight"),
    "class_weight list": ({"class_weight": [1, 2]}, "class_weight"),
    "verbose": ({"verbose": "loud"}, "verbose.*loud"),
    "callbacks text": ({"callbacks": "es"}, "callbacks.*'es'"),
    "callbacks class": ({"callbacks": [cdl.callbacks.EarlyStopping]}, "callbacks.*EarlyStopping"),
    "steps_per_epoch": ({"steps_per_epoch": -1}, "steps_per_epoch.*-1"),
    "validation_steps": ({"validation_data": (X, Y), "validation_steps": 0}, "validation_steps.*0"),
    "validation_freq": ({"validation_data": (X, Y), "validation_freq": 0}, "validation_freq.*0"),
}


@pytest.mark.parametrize("mistake", BAD_ARGUMENTS)
def test_fit_refuses_this_argument_and_names_it(mistake):
    arguments, text = BAD_ARGUMENTS[mistake]
    model = regressor()
    before = model.get_weights()
    with pytest.raises(ValueError, match=text):
        model.fit(X, Y, **{"verbose": 0, **arguments})
    if "validation_freq" not in arguments:  # that one is seen at the end of the epoch
        assert_unharmed(model, before)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [({"epochs": 1.5}, "epochs is a whole.*1.5"), ({"epochs": "2"}, "epochs is a whole.*'2'"), ({"epoch": 2}, "epoch")],
    ids=str,
)
def test_fit_raises_type_errors_for_arguments_of_the_wrong_type(arguments, told):
    with pytest.raises(TypeError, match=told):
        regressor().fit(X, Y, verbose=0, **arguments)


COMPILES = {
    "optimizer": (("nope", "mse"), {}, "nope"),
    "loss": (("sgd", "nope"), {}, "nope"),
    "metric": (("sgd", "mse"), {"metrics": ["nope"]}, "nope"),
    "weighted metric": (("sgd", "mse"), {"weighted_metrics": ["nope"]}, "nope"),
    "near miss": (("adm", "mse"), {}, "adam"),
    "optimizer number": ((3, "mse"), {}, "3"),
    "loss number": (("sgd", 3), {}, "3"),
    "two losses": (("sgd", ["mse", "mae"]), {}, "one loss"),
    "metrics dictionary": (("sgd", "mse"), {"metrics": {"a": "mse", "b": "mae"}}, "one output"),
    "loss weights": (("sgd", "mse"), {"loss_weights": [1, 2]}, "loss_weights"),
}


STACKS = {
    "a layer alone": (lambda: Sequential(layers.Dense(1)), TypeError, r"a list of layers"),
    "a class": (lambda: Sequential([layers.Dense]), ValueError, "It is a class: call it"),
    "one sample": (
        lambda: Sequential([layers.Input((4, 4)), layers.Flatten(), layers.Dense(1)]).predict(np.ones((4, 4))),
        ValueError,
        r"input has shape \(4, 4\), but the model was built for \(None, 4, 4\). A single sample is x\[None\]",
    ),
}


@pytest.mark.parametrize("mistake", STACKS)
def test_what_is_no_stack_is_told(mistake):
    make, error, text = STACKS[mistake]
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize("mistake", COMPILES)
def test_compile_refuses_what_it_does_not_know(mistake):
    arguments, keywords, text = COMPILES[mistake]
    model = regressor()
    before = model.get_weights()
    with pytest.raises(ValueError, match=text):
        model.compile(*arguments, **keywords)
    assert_unharmed(model, before)


def test_a_model_without_loss_cannot_learn():
    model = Sequential([layers.Dense(1)])
    model.compile("sgd")
    with pytest.raises(ValueError, match="No loss"):
        model.fit(X, Y, verbose=0)


# ---- layers, and putting them together ----

LAYERS = {
    "units 0": (lambda: layers.Dense(0), ValueError, "units=0"),
    "units negative": (lambda: layers.Dense(-2), ValueError, "units=-2"),
    "units fraction": (lambda: layers.Dense(2.5), ValueError, "2.5"),
    "units text": (lambda: layers.Dense("3"), ValueError, "3"),
    "unknown activation": (lambda: layers.Dense(3, activation="nope"), ValueError, "nope"),
    "unknown initializer": (lambda: layers.Dense(3, kernel_initializer="nope"), ValueError, "nope"),
    "unknown regularizer": (lambda: layers.Dense(3, bias_regularizer="nope"), ValueError, "nope"),
    "unknown constraint": (lambda: layers.Dense(3, kernel_constraint="nope"), ValueError, "nope"),
    "unknown keyword": (lambda: layers.Dense(3, nope=1), ValueError, "nope"),
    "name": (lambda: layers.Dense(3, name=3), ValueError, "3"),
    "dtype": (lambda: layers.Dense(3, dtype="int8"), ValueError, "int8"),
    "rate": (lambda: layers.Dropout(1.5), ValueError, r"rate=1\.5"),
    "rate text": (lambda: layers.Dropout("a"), ValueError, "rate=a"),
    "slope": (lambda: layers.LeakyReLU(-1), ValueError, "-1"),
    "max_value": (lambda: layers.ReLU(max_value=-1), ValueError, "max_value=-1"),
    "target shape": (lambda: layers.Reshape((-1, -1)), ValueError, "-1, -1"),
    "input nothing": (lambda: layers.Input(), ValueError, "shape"),
    "input negative": (lambda: layers.Input((-1,)), ValueError, "-1"),
    "input text": (lambda: layers.Input("a"), ValueError, "a"),
    "input number": (lambda: layers.Input(4), ValueError, "4"),
    "no layer": (lambda: Sequential([layers.Dense(3), "relu"]), ValueError, "relu"),
    "a class": (lambda: Sequential([layers.Dense]), ValueError, "Dense"),
    "one name twice": (lambda: Sequential([layers.Dense(3, name="a"), layers.Dense(3, name="a")]), ValueError, "'a'"),
    "second input": (lambda: Sequential([layers.Dense(3), layers.Input((3,))]), ValueError, "Input"),
    "pop": (lambda: Sequential().pop(), IndexError, "pop"),
    "build of nothing": (lambda: Sequential().build((None, 3)), ValueError, "no layers"),
    "reshape": (lambda: Sequential([layers.Input((4,)), layers.Reshape((3,))]), ValueError, r"\(4,\).*\(3,\)"),
    "unknown size": (lambda: Sequential([layers.Input((None,)), layers.Dense(3)]), ValueError, "None"),
    "models that do not fit": (
        lambda: Sequential([layers.Input((4,)), Sequential([layers.Input((5,)), layers.Dense(2)])]),
        ValueError,
        r"\(None, 4\).*\(None, 5\)|4.*5",
    ),
    "no such layer": (lambda: regressor().get_layer("nope"), ValueError, "nope"),
    "no such position": (lambda: regressor().get_layer(index=9), ValueError, "9.*2 layers"),
    "name and position": (lambda: regressor().get_layer("a", 0), ValueError, "index=0, name=a"),
    "few weights": (lambda: regressor().set_weights([]), ValueError, "length 0.*4 weights"),
    "weights of other shapes": (lambda: regressor().set_weights([Y] * 4), ValueError, r"\(4, 3\).*\(12, 1\)"),
    "unbuilt count": (lambda: layers.Dense(3, name="d").count_params(), ValueError, "'d'"),
    "unbuilt shape": (lambda: Sequential([layers.Dense(3)]).output_shape, AttributeError, "shape"),
    "stopping": (lambda: cdl.callbacks.EarlyStopping(mode="nope"), ValueError, "nope"),
    "learning rate": (lambda: optimizers.SGD("fast"), (ValueError, TypeError), "fast"),
    "reduction": (lambda: losses.MeanSquaredError(reduction="nope"), ValueError, "nope"),
    "floatx": (lambda: cdl.config.set_floatx("float16"), ValueError, "float16"),
    "backend": (lambda: cdl.config.set_backend("gpu"), ValueError, "gpu"),
    "threads": (lambda: cdl.config.set_num_threads(0), ValueError, "0"),
    "seed": (lambda: cdl.utils.set_random_seed("a"), ValueError, "a"),
}


@pytest.mark.parametrize("mistake", LAYERS)
def test_this_mistake_is_seen_at_once(mistake):
    make, error, text = LAYERS[mistake]
    with pytest.raises(error, match=text):
        make()


MADE = {
    "Dense": lambda: layers.Dense(3, activation="tanh"),
    "Dense softmax": lambda: layers.Dense(3, activation="softmax"),
    "Activation": lambda: layers.Activation("gelu"),
    "Softmax": lambda: layers.Softmax(),
    "PReLU": lambda: layers.PReLU(),
    "ELU": lambda: layers.ELU(),
    "Flatten": lambda: layers.Flatten(),
    "Reshape": lambda: layers.Reshape((2, 2)),
    "Dropout": lambda: layers.Dropout(0.5),
    "Sequential": lambda: Sequential([layers.Dense(3), layers.Dropout(0.2), layers.Softmax()]),
}


def shapes():
    return st.lists(st.sampled_from([0, 1, 2, 3, 5, 17]), max_size=4).map(tuple)


def arrays():
    """Arrays of any dtype, of few shapes, in all layouts."""

    def lay_out(shape, dtype, layout):
        values = np.random.default_rng(len(shape)).normal(size=shape)
        x = np.full(shape, None) if dtype == "O" else np.asarray(values).astype(dtype)
        if layout == "fortran":
            x = np.asfortranarray(x)
        elif layout == "strided" and x.ndim:
            x = np.repeat(x, 2, axis=0)[::2]
        elif layout == "backwards" and x.ndim:
            x = x[::-1]
        elif layout == "broadcast":
            x = np.broadcast_to(x, (3, *shape))
        elif layout == "one element":
            x = np.lib.stride_tricks.as_strided(x, shape, (0,) * x.ndim) if x.size else x
        elif layout == "read-only":
            x.flags.writeable = False
        return x

    dtypes = st.sampled_from(["f4", "f4", "f4", "f8", "f8", "f2", "i4", "i8", "u1", "?", "O", "c8", ">f4"])
    layouts = st.sampled_from(["plain", "fortran", "strided", "backwards", "broadcast", "one element", "read-only"])
    return st.builds(lay_out, shapes(), dtypes, layouts)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MADE)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(first=arrays(), second=arrays())
def test_a_layer_takes_any_array_or_says_why_not_and_never_changes_it(name, first, second):
    layer = MADE[name]()
    for x in (first, second):
        before = x.copy()
        try:
            y = layer(x, training=True)
        except ValueError as error:
            assert str(error)
        else:
            assert y.dtype == np.float32
            assert len(y) == len(x)
            assert y.shape == tuple(x.shape[:1] + layer.compute_output_shape(x.shape)[1:])
        np.testing.assert_array_equal(x, before)


PRIMITIVES = {
    name: function
    for name, function in vars(ops).items()
    if inspect.isfunction(function) and function.__module__.startswith("cdl.ops.") and not name.startswith("_")
}
STRANGE = [None, -1, 2.5, "relu", np.nan, 2**70, (), {}, b"a", np.float32(1), [1.0]]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PRIMITIVES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(draw=st.data())
def test_a_primitive_computes_or_raises_and_never_crashes(name, draw):
    function = PRIMITIVES[name]
    seen, arguments = [], []
    for parameter in inspect.signature(function).parameters.values():
        kind = str(parameter.annotation)
        if draw.draw(st.integers(0, 19)) == 0:
            value = draw.draw(st.sampled_from(STRANGE))
        elif "Sequence[Sequence" in kind:
            value = draw.draw(st.lists(st.lists(arrays(), max_size=2), max_size=4))
        elif "Sequence[np" in kind:
            value = draw.draw(st.lists(arrays(), max_size=2))
        elif "Sequence" in kind:
            value = [0.0] * draw.draw(st.integers(0, 2))
        elif "ndarray" in kind:
            # Mostly an array seen before, so that more calls get past the first check.
            value = draw.draw(st.sampled_from(seen) if seen and draw.draw(st.integers(0, 3)) else arrays())
            seen.append(value)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            arguments += draw.draw(st.lists(st.sampled_from([0.5, 1, -1.0, "x", None]), max_size=4))
            continue
        elif parameter.default is not parameter.empty:
            value = parameter.default
        elif "tuple" in kind:
            value = draw.draw(st.sampled_from([(3,), (2, 3), (0,), (), (-1,), (2**40, 2**40)]))
        elif "str" in kind:
            value = draw.draw(st.sampled_from([*ops.FUNCTIONS, "float32", "nope"]))
        elif "float" in kind:
            value = draw.draw(st.sampled_from([0.0, 0.5, 1.0, -1.0, np.nan, 1e300]))
        elif "bool" in kind:
            value = draw.draw(st.booleans())
        else:
            value = draw.draw(st.sampled_from([0, 1, -1, 5, 2**64 - 1, 2**64]))
        arguments.append(value)
    with contextlib.suppress(ValueError, TypeError, IndexError, AttributeError, OverflowError, MemoryError):
        function(*arguments)


@pytest.mark.parametrize(
    "name", ["mean_squared_error", "mean_absolute_error", "binary_crossentropy", "categorical_crossentropy"]
)
def test_a_loss_of_arrays_that_do_not_fit_names_itself_and_both_shapes(name):
    for function in (getattr(losses, name), losses.get(name)):
        with pytest.raises(ValueError, match=rf"(?s){name}.*\(2, 3\).*\(2, 4\)"):
            function(np.ones((2, 3)), np.ones((2, 4)))


def test_a_metric_of_arrays_that_do_not_fit_names_both_shapes():
    with pytest.raises(ValueError, match=r"(?s)\(2, 3\).*\(2, 4\)"):
        metrics.MeanSquaredError()(np.ones((2, 3)), np.ones((2, 4)))


# ---- numbers that are none ----


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_a_number_goes_through_and_is_seen_in_the_loss(value):
    x = X.copy()
    x[3, 2] = value
    history = regressor().fit(x, Y, batch_size=12, verbose=0).history
    assert not np.isfinite(history["loss"][0])


def test_a_nan_stays_in_its_row():
    x = X.copy()
    x[3] = np.nan
    y = regressor().predict(x, verbose=0)
    assert np.isnan(y[3]).all() and np.isfinite(np.delete(y, 3, axis=0)).all()


def test_infinite_logits_give_a_finite_loss_where_the_truth_is_likely():
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert loss([0], [[1e30, 0.0]]) == 0


# ---- interruptions ----


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("moment", ["on_train_batch_end", "on_epoch_end", "on_test_batch_end"])
def test_after_an_interruption_the_model_is_usable(moment, error):
    def interrupt(self, *args, **kwargs):
        raise error

    callback = type("Interrupt", (cdl.callbacks.Callback,), {moment: interrupt})()
    model = regressor()
    with pytest.raises(error):
        model.fit(X, Y, batch_size=4, validation_split=0.2, callbacks=[callback], verbose=1)
    assert_unharmed(model, model.get_weights())
