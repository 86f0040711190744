"""The same script on Keras and on cdl: from the same weights, in the same order of samples, the same training."""

import contextlib
import io

import numpy as np
import pytest
from keras_peer import keras
from recorder import recorder

import cdl

pytestmark = pytest.mark.filterwarnings("ignore")

rng = np.random.default_rng(5)
X = rng.normal(size=(22, 5)).astype("float32")
VALIDATION_X = rng.normal(size=(9, 5)).astype("float32")
LABELS = rng.integers(0, 3, 22)
VALIDATION_LABELS = rng.integers(0, 3, 9)
WEIGHT = rng.uniform(0.2, 2.0, 22).astype("float32")


def targets(kind, labels):
    """Targets for three outputs: numbers, numbers in 0 .. 1, one-hot rows, or labels."""
    numbers = np.random.default_rng(len(labels)).normal(size=(len(labels), 3)).astype("float32")
    return {
        "numbers": numbers,
        "shares": (numbers > 0).astype("float32"),
        "onehot": np.eye(3, dtype="float32")[labels],
        "labels": labels,
    }[kind]


def run(lib, weights, spec):
    """Build, compile, train, evaluate and predict what `spec` describes, in either library."""
    model = lib.Sequential([lib.layers.Input((5,)), *spec["layers"](lib)])
    if weights is not None:
        model.set_weights(weights)
    start = model.get_weights()
    pick = {key: value(lib) if callable(value) else value for key, value in spec["compile"].items()}
    model.compile(**pick)
    y, validation_y = targets(spec["targets"], LABELS), targets(spec["targets"], VALIDATION_LABELS)
    fit = dict(spec.get("fit", {}))
    validation = {"validation_data": (VALIDATION_X, validation_y)} if fit.pop("validate", False) else {}
    history = model.fit(X, y, epochs=3, shuffle=False, verbose=0, **fit, **validation).history
    return {
        "start": start,
        "history": history,
        "weights": model.get_weights(),
        "evaluation": model.evaluate(VALIDATION_X, validation_y, batch_size=4, verbose=0, return_dict=True),
        "predictions": model.predict(VALIDATION_X, verbose=0),
    }


def check_same_training(spec, rtol=2e-4, atol=2e-5):
    theirs = run(keras, None, spec)
    ours = run(cdl, theirs["start"], spec)
    for mine, other in zip(ours["weights"], theirs["weights"], strict=True):
        np.testing.assert_allclose(mine, other, rtol=rtol, atol=atol)
    assert list(ours["history"]) == list(theirs["history"])
    for key, values in theirs["history"].items():
        np.testing.assert_allclose(ours["history"][key], values, rtol=rtol, atol=atol, err_msg=key)
    assert list(ours["evaluation"]) == list(theirs["evaluation"])
    ours_measured, theirs_measured = (list(found["evaluation"].values()) for found in (ours, theirs))
    np.testing.assert_allclose(ours_measured, theirs_measured, rtol=rtol, atol=atol)
    np.testing.assert_allclose(ours["predictions"], theirs["predictions"], rtol=rtol, atol=atol)


def dense(units=3, hidden="relu", output=None, **kwargs):
    return lambda lib: [
        lib.layers.Dense(8, activation=hidden, **{key: value(lib) for key, value in kwargs.items()}),
        lib.layers.Dense(units, activation=output),
    ]


def mse(**fit):
    return {"layers": dense(), "compile": {"optimizer": "sgd", "loss": "mse"}, "targets": "numbers", "fit": fit}


# Without glu, which halves the features, and sparsemax, which Keras on PyTorch gets wrong: its rows do not add up to 1.
ACTIVATIONS = """
    linear relu relu6 leaky_relu elu selu celu gelu silu swish sigmoid hard_sigmoid hard_silu hard_swish hard_tanh
    log_sigmoid log_softmax softmax softplus softsign soft_shrink hard_shrink sparse_plus sparse_sigmoid squareplus tanh
    tanh_shrink mish exponential
"""


@pytest.mark.parametrize("activation", ACTIVATIONS.split())
def test_a_network_with_this_activation_learns_as_in_keras(activation):
    check_same_training({**mse(), "layers": dense(hidden=activation)})


LOSSES = {
    "mse": ("mse", None, "numbers"),
    "mae": ("mae", None, "numbers"),
    "mean_squared_error": ("mean_squared_error", None, "numbers"),
    "MeanAbsoluteError()": (lambda lib: lib.losses.MeanAbsoluteError(), None, "numbers"),
    "mse, sum": (lambda lib: lib.losses.MeanSquaredError(reduction="sum"), None, "numbers"),
    "mse, weighted mean": (
        lambda lib: lib.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
        None,
        "numbers",
    ),
    "bce": ("binary_crossentropy", "sigmoid", "shares"),
    "bce from logits": (lambda lib: lib.losses.BinaryCrossentropy(from_logits=True), None, "shares"),
    "bce smoothed": (lambda lib: lib.losses.BinaryCrossentropy(label_smoothing=0.1), "sigmoid", "shares"),
    "cce": ("categorical_crossentropy", "softmax", "onehot"),
    "cce of sigmoids": ("categorical_crossentropy", "sigmoid", "onehot"),
    "cce from logits": (lambda lib: lib.losses.CategoricalCrossentropy(from_logits=True), None, "onehot"),
    "cce smoothed": (lambda lib: lib.losses.CategoricalCrossentropy(label_smoothing=0.2), "softmax", "onehot"),
    "scce": ("sparse_categorical_crossentropy", "softmax", "labels"),
    "scce from logits": (lambda lib: lib.losses.SparseCategoricalCrossentropy(from_logits=True), None, "labels"),
    "scce ignoring a class": (
        lambda lib: lib.losses.SparseCategoricalCrossentropy(ignore_class=1),
        "softmax",
        "labels",
    ),
}


# Keras on PyTorch multiplies the caller's weights by the mask of the ignored class, and weighted metrics see that.
CASES = [(case, weighted) for case in LOSSES for weighted in (False, True) if "ignoring" not in case or not weighted]


@pytest.mark.parametrize(("case", "weighted"), CASES)
def test_a_network_with_this_loss_learns_as_in_keras(case, weighted):
    loss, output, kind = LOSSES[case]
    metrics = ["accuracy"] if kind != "numbers" else ["mae", "mse"]
    check_same_training(
        {
            "layers": dense(output=output, hidden="tanh"),
            "compile": {"optimizer": "adam", "loss": loss, "metrics": metrics, "weighted_metrics": list(metrics)}
            if weighted
            else {"optimizer": "adam", "loss": loss, "metrics": metrics},
            "targets": kind,
            "fit": {"batch_size": 5, "validate": True, **({"sample_weight": WEIGHT} if weighted else {})},
        }
    )


OPTIMIZERS = {
    "sgd": lambda lib: "sgd",
    "momentum": lambda lib: lib.optimizers.SGD(0.05, momentum=0.9),
    "nesterov, clipnorm": lambda lib: lib.optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=0.5),
    "sgd, weight decay": lambda lib: lib.optimizers.SGD(0.05, weight_decay=0.1),
    "sgd, clipvalue": lambda lib: lib.optimizers.SGD(0.05, clipvalue=0.01),
    "rmsprop": lambda lib: "rmsprop",
    "rmsprop, centered, momentum": lambda lib: lib.optimizers.RMSprop(0.01, rho=0.8, momentum=0.5, centered=True),
    "adam": lambda lib: lib.optimizers.Adam(0.01),
    "adam, amsgrad, global clipnorm": lambda lib: lib.optimizers.Adam(0.01, amsgrad=True, global_clipnorm=0.3),
    "adamw": lambda lib: lib.optimizers.AdamW(0.01, weight_decay=0.05),
}
HIDDEN = {
    "plain": {},
    "l2 and max norm": {
        "kernel_regularizer": lambda lib: lib.regularizers.L2(0.02),
        "kernel_constraint": lambda lib: lib.constraints.MaxNorm(0.9),
    },
    "l1l2, non-negative": {
        "kernel_regularizer": lambda lib: lib.regularizers.L1L2(0.01, 0.01),
        "kernel_constraint": lambda lib: lib.constraints.NonNeg(),
        "bias_regularizer": lambda lib: "l2",
    },
    "l1, unit norm": {
        "kernel_regularizer": lambda lib: "l1",
        "bias_constraint": lambda lib: lib.constraints.NonNeg(),
        "kernel_constraint": lambda lib: lib.constraints.UnitNorm(),
    },
    "activity, min-max": {
        "activity_regularizer": lambda lib: lib.regularizers.L2(0.05),
        "kernel_constraint": lambda lib: lib.constraints.MinMaxNorm(0.5, 1.0),
    },
    "orthogonal": {"kernel_regularizer": lambda lib: lib.regularizers.OrthogonalRegularizer(0.02)},
    "no bias": {"use_bias": lambda lib: False},
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_optimizer_regularizer_and_constraint_work_together_as_in_keras(optimizer, hidden):
    if hidden == "l1l2, non-negative" and keras.backend.backend() == "jax":
        pytest.skip(
            "the constraint makes zeros, where JAX takes 1 for the derivative of |w|; the other backends take 0"
        )
    # Every pair of the two, but each with one batch size and one of the activations and losses.
    turn = list(OPTIMIZERS).index(optimizer) + list(HIDDEN).index(hidden)
    check_same_training(
        {
            "layers": dense(
                hidden=("tanh", "relu", "gelu")[turn % 3], output=(None, "softmax")[turn % 2], **HIDDEN[hidden]
            ),
            "compile": {
                "optimizer": OPTIMIZERS[optimizer],
                "loss": ("mse", "categorical_crossentropy")[turn % 2],
                "metrics": ["accuracy"],
            },
            "targets": "onehot",
            "fit": {"batch_size": (4, 7, 22, 100)[turn % 4], "validate": turn % 3 == 0},
        },
        rtol=5e-4,
    )


LAYERS = {
    "activation layers": lambda lib: [
        lib.layers.Dense(8),
        lib.layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.05),
        lib.layers.Dense(8),
        lib.layers.LeakyReLU(negative_slope=0.2),
        lib.layers.Dense(8),
        lib.layers.ELU(alpha=0.7),
        lib.layers.Dense(8),
        lib.layers.PReLU(alpha_initializer="ones", alpha_regularizer="l2"),
        lib.layers.Dense(3),
        lib.layers.Softmax(),
    ],
    "shapes": lambda lib: [
        lib.layers.Dense(12),
        lib.layers.Reshape((2, -1)),
        lib.layers.Dense(4, activation="tanh"),
        lib.layers.PReLU(shared_axes=[1]),
        lib.layers.Flatten(),
        lib.layers.Dense(3),
    ],
    "dropout of nothing": lambda lib: [lib.layers.Dropout(0.0), lib.layers.Dense(3), lib.layers.Activation("tanh")],
    "penalty on activity": lambda lib: [
        lib.layers.Dense(6, activation="sigmoid"),
        lib.layers.ActivityRegularization(l1=0.02, l2=0.03),
        lib.layers.Dense(3),
    ],
    "a model in a model": lambda lib: [
        lib.Sequential(
            [
                lib.layers.Input((5,)),
                lib.layers.Dense(6, activation="tanh", kernel_regularizer="l2"),
                lib.layers.Dense(4),
            ]
        ),
        lib.Sequential([lib.layers.Dense(3, activity_regularizer="l2")]),
    ],
    "a frozen layer": lambda lib: [lib.layers.Dense(6, activation="tanh", trainable=False), lib.layers.Dense(3)],
    "a frozen, regularized layer": lambda lib: [
        lib.layers.Dense(6, activation="tanh", trainable=False, kernel_regularizer="l2"),
        lib.layers.Dense(3),
    ],
}


@pytest.mark.parametrize("case", LAYERS)
def test_these_layers_learn_as_in_keras(case):
    spec = {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]}
    check_same_training({**mse(batch_size=6, validate=True), "layers": LAYERS[case], "compile": spec})


FITS = {
    "one batch": {"batch_size": 100},
    "uneven batches": {"batch_size": 7},
    "batch of one": {"batch_size": 1},
    "class weights": {"class_weight": {0: 0.5, 1: 2.0, 2: 1.0}, "validate": True},
    "class weights, partly": {"class_weight": {1: 3.0}, "batch_size": 8},
    "sample weights": {"sample_weight": WEIGHT, "validate": True},
    "sample weights and split": {"sample_weight": WEIGHT, "validation_split": 0.3},
    "split": {"validation_split": 0.25, "batch_size": 6},
    "every second epoch": {"validate": True, "validation_freq": 2},
    "in the listed epochs": {"validate": True, "validation_freq": [1, 3]},
    "validation batch": {"validate": True, "validation_batch_size": 2, "validation_steps": 3},
    "some steps": {"batch_size": 4, "steps_per_epoch": 2},
    "second epoch on": {"initial_epoch": 1},
}


@pytest.mark.parametrize("targets_of", ["labels", "onehot"])
@pytest.mark.parametrize("case", FITS)
def test_fit_with_these_arguments_does_as_in_keras(case, targets_of):
    loss = "sparse_categorical_crossentropy" if targets_of == "labels" else "categorical_crossentropy"
    check_same_training(
        {
            "layers": dense(output="softmax"),
            "compile": {
                "optimizer": "rmsprop",
                "loss": loss,
                "metrics": ["accuracy"],
                "weighted_metrics": ["accuracy"],
            },
            "targets": targets_of,
            "fit": FITS[case],
        }
    )


METRICS = {
    "binary": (
        ["accuracy", "binary_accuracy", "BinaryCrossentropy", "mse"],
        "sigmoid",
        "binary_crossentropy",
        "shares",
    ),
    "acc": (["acc"], "sigmoid", "binary_crossentropy", "shares"),
    "categorical": (
        ["accuracy", "categorical_accuracy", "categorical_crossentropy"],
        "softmax",
        "categorical_crossentropy",
        "onehot",
    ),
    "sparse": (
        ["accuracy", "sparse_categorical_accuracy", "SparseCategoricalCrossentropy"],
        "softmax",
        "sparse_categorical_crossentropy",
        "labels",
    ),
    "errors": (["mae", "mse", "mean_squared_error", "RootMeanSquaredError"], None, "mse", "numbers"),
    "objects": (
        lambda lib: [
            lib.metrics.CategoricalAccuracy(name="right"),
            lib.metrics.TopKCategoricalAccuracy(k=2),
            lib.metrics.MeanSquaredError(),
        ],
        "softmax",
        "categorical_crossentropy",
        "onehot",
    ),
    "functions": (lambda lib: [lib.metrics.mean_absolute_error, lib.losses.mean_squared_error], None, "mse", "numbers"),
}


@pytest.mark.parametrize("case", METRICS)
def test_metrics_have_the_names_the_order_and_the_values_of_keras(case):
    metrics, output, loss, kind = METRICS[case]
    check_same_training(
        {
            "layers": dense(output=output),
            "compile": {"optimizer": "sgd", "loss": loss, "metrics": metrics},
            "targets": kind,
            "fit": {"batch_size": 8, "validate": True},
        }
    )


def test_the_list_from_evaluate_has_the_order_of_keras():
    def evaluate(lib, weights=None):
        model = lib.Sequential([lib.layers.Input((5,)), lib.layers.Dense(3, activation="softmax")])
        if weights:
            model.set_weights(weights)
        model.compile(
            "sgd",
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            weighted_metrics=["sparse_categorical_accuracy"],
        )
        results = model.evaluate(X, LABELS, sample_weight=WEIGHT, batch_size=5, verbose=0)
        return model.get_weights(), results, list(model.evaluate(X, LABELS, verbose=0, return_dict=True))

    weights, theirs, their_names = evaluate(keras)
    _, ours, our_names = evaluate(cdl, weights)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert our_names == their_names


def test_running_results_of_single_batches_are_those_of_keras():
    def train(lib, weights=None):
        model = lib.Sequential([lib.layers.Input((5,)), lib.layers.Dense(3)])
        if weights:
            model.set_weights(weights)
        start = model.get_weights()
        model.compile(lib.optimizers.SGD(0.1), "mse", metrics=["mae"])
        y = targets("numbers", LABELS)
        results = [
            model.train_on_batch(X[:10], y[:10]),
            model.train_on_batch(X[10:], y[10:], sample_weight=WEIGHT[10:]),
            model.test_on_batch(X[:4], y[:4]),
        ]
        model.reset_metrics()
        results.append(model.test_on_batch(X, y, sample_weight=WEIGHT))
        return start, np.array(results), list(model.test_on_batch(X, y, return_dict=True))

    start, theirs, their_names = train(keras)
    _, ours, our_names = train(cdl, start)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert our_names == their_names


# ---- callbacks ----


def recorded_calls(lib):
    callback, calls = recorder(lib.callbacks.Callback)
    model = lib.Sequential([lib.layers.Input((5,)), lib.layers.Dense(3)])
    model.compile("sgd", "mse", metrics=["mae"])
    y = targets("numbers", LABELS)
    model.fit(X, y, batch_size=8, epochs=2, verbose=0, validation_data=(VALIDATION_X, y[:9]), callbacks=[callback])
    params = dict(callback.params)
    model.evaluate(X, y, batch_size=16, verbose=0, callbacks=[callback])
    model.predict(X, batch_size=16, verbose=0, callbacks=[callback])
    return calls, params


def test_callbacks_are_called_in_the_order_and_with_the_arguments_of_keras():
    assert recorded_calls(cdl)[0] == recorded_calls(keras)[0]


def test_callbacks_get_the_parameters_of_keras():
    assert recorded_calls(cdl)[1] == recorded_calls(keras)[1]


STOPPING = {
    "patience 0": {"monitor": "loss"},
    "patience 2": {"monitor": "loss", "patience": 2},
    "min_delta": {"monitor": "loss", "min_delta": 0.5, "patience": 1},
    "max": {"monitor": "loss", "mode": "max", "patience": 1},
    "baseline": {"monitor": "loss", "baseline": 0.75, "patience": 2},
    "baseline, restore": {"monitor": "loss", "baseline": 0.1, "patience": 2, "restore_best_weights": True},
    "restore": {"monitor": "loss", "patience": 2, "restore_best_weights": True},
    "restore, never stopped": {"monitor": "loss", "patience": 99, "restore_best_weights": True},
    "start": {"monitor": "loss", "start_from_epoch": 4, "restore_best_weights": True},
    "accuracy": {"monitor": "accuracy", "patience": 1},
    "val_accuracy": {"monitor": "val_accuracy", "patience": 1, "restore_best_weights": True},
    "missing": {"monitor": "nothing", "mode": "min"},
}


@pytest.mark.parametrize("case", STOPPING)
def test_early_stopping_stops_at_the_epoch_of_keras_with_its_weights(case):
    script = [1.0, 0.8, 0.7, 0.72, 0.69, 0.9, 0.95, 0.2, 0.3, 0.4]

    def train(lib):
        """EarlyStopping on losses that are prescribed, weights that count the epochs."""

        class Prescribe(lib.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.set_weights([np.full((5, 1), epoch, "float32"), np.zeros(1, "float32")])
                for name in ("loss", "accuracy", "val_accuracy"):
                    logs[name] = script[epoch] if name == "loss" else 1 - script[epoch]

        model = lib.Sequential([lib.layers.Input((5,)), lib.layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["accuracy"])
        stopping = lib.callbacks.EarlyStopping(verbose=1, **STOPPING[case])
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            history = model.fit(X, X[:, :1], epochs=10, verbose=0, callbacks=[Prescribe(), stopping])
        attributes = (stopping.stopped_epoch, stopping.best_epoch, stopping.wait, stopping.best)
        return history.epoch, model.get_weights()[0][0, 0], printed.getvalue().strip(), attributes

    assert train(cdl) == train(keras)


def test_what_a_callback_writes_into_the_logs_of_an_epoch_is_in_the_history():
    def train(lib):
        class Note(lib.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                logs["noted"] = 10.0 * epoch

        model = lib.Sequential([lib.layers.Input((5,)), lib.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model.fit(X, X[:, :1], epochs=2, verbose=0, callbacks=[Note()]).history.get("noted")

    assert train(cdl) == train(keras) == [0.0, 10.0]
