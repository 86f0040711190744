"""What the drop-in estimators can do and scikit-learn's cannot."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import scale

import cdl
from cdl.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, SPECIES = load_iris(return_X_y=True)
X = scale(X)
X_PLANE, Y_PLANE = make_regression(150, 5, n_targets=2, noise=1.0, random_state=0)
Y_PLANE = scale(Y_PLANE)
FAST = {"hidden_layer_sizes": (8, 6), "max_iter": 60, "random_state": 0, "learning_rate_init": 0.01}


def same(one, two):
    for a, b in zip(one.coefs_ + one.intercepts_, two.coefs_ + two.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


# Every option: the parameters, and whether the data are to be learned as well as without.
OPTIONS = {
    "dropout": {"dropout": 0.1},
    "dropout by layer": {"dropout": [0.2, 0.0]},
    "batch_norm": {"batch_norm": True, "batch_size": 50},
    "activation": {"activation": "gelu"},
    "activation object": {"activation": cdl.activations.leaky_relu},
    "activations": {"activation": ["tanh", cdl.activations.silu]},
    "all": {"dropout": 0.05, "batch_norm": True, "activation": ["selu", "relu"], "clipnorm": 1.0, "batch_size": 50},
    "clipnorm": {"clipnorm": 0.05},
    "clipvalue": {"clipvalue": 0.1},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "adamw": {"solver": "adamw"},
    "rmsprop": {"solver": "rmsprop"},
    "optimizer": {"solver": cdl.optimizers.Adam(0.01, weight_decay=0.01, amsgrad=True)},
    "schedule": {"solver": cdl.optimizers.SGD(cdl.optimizers.schedules.CosineDecay(0.05, 100), momentum=0.9)},
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_learns_is_cloned_pickled_and_goes_on(option):
    parameters = {**FAST, **OPTIONS[option]}
    mlp = MLPClassifier(**parameters).fit(X, SPECIES)
    assert mlp.score(X, SPECIES) > 0.9
    same(mlp, clone(mlp).fit(X, SPECIES))
    copies = [pickle.loads(pickle.dumps(mlp)), copy.deepcopy(mlp)]
    for other in copies:
        np.testing.assert_array_equal(mlp.predict_proba(X), other.predict_proba(X))
    mlp.partial_fit(X, SPECIES).partial_fit(X, SPECIES)
    for other in copies:
        same(mlp, other.partial_fit(X, SPECIES).partial_fit(X, SPECIES))
    regressor = MLPRegressor(**parameters).fit(X_PLANE.astype("float32"), Y_PLANE)
    assert regressor.score(X_PLANE, Y_PLANE) > 0.8
    assert regressor.coefs_[0].dtype == regressor.predict(X_PLANE[:1].astype("float32")).dtype == "float32"


@pytest.mark.parametrize("option", ["dropout", "batch_norm", "activations", "clipnorm", "rmsprop"])
def test_an_option_changes_the_result(option):
    plain, other = (MLPClassifier(**{**FAST, **more}).fit(X, SPECIES) for more in ({}, OPTIONS[option]))
    assert not np.allclose(plain.coefs_[0], other.coefs_[0])


def test_names_of_activations_mean_scikit_learns():
    for given in (["logistic", "logistic"], ("logistic", "logistic")):
        same(
            MLPClassifier(**FAST, activation="logistic").fit(X, SPECIES),
            MLPClassifier(**FAST, activation=given).fit(X, SPECIES),
        )
    same(
        MLPClassifier(**FAST, activation="identity").fit(X, SPECIES),
        MLPClassifier(**FAST, activation=[cdl.activations.linear] * 2).fit(X, SPECIES),
    )


def test_gradients_of_networks_with_everything_between():
    """The network's gradients are those of its loss, by central differences, dropout being a function of its seed."""
    from cdl.sklearn.heads import head
    from cdl.sklearn.network import loss_and_gradients

    mlp = MLPClassifier(**{**FAST, "max_iter": 1, **OPTIONS["all"], "dropout": 0.3}).fit(X, SPECIES)
    targets, weight = mlp._label_binarizer.transform(SPECIES).astype(float), np.linspace(0.5, 2, len(X))
    network, loss_head = mlp._network(), head(mlp.out_activation_, mlp.loss)
    layers, stages = [layer for stage in network.stages for layer in stage[3]], network.stages
    seeds = [layer.seed_generator for layer in layers if hasattr(layer, "seed_generator")]

    def run():
        for seed in seeds:
            seed.stream = 0
        return loss_and_gradients(network, loss_head, 0.1, X, targets, weight)

    _, gradients = run()
    between = [variable.value for layer in layers for variable in layer.trainable_weights]
    biases = [bias for _, bias, _, _ in stages]
    for array, gradient in zip([*network.kernels, *biases, *between], gradients, strict=True):
        for place in [(0,) * array.ndim, (-1,) * array.ndim]:
            before, step = array[place], 1e-5
            losses = []
            for shift in (step, -step):
                array[place] = before + shift
                losses.append(run()[0])
            array[place] = before
            np.testing.assert_allclose((losses[0] - losses[1]) / (2 * step), gradient[place], rtol=1e-5, atol=1e-8)


# ---------------------------------------------------------------------------------------------------------- losses


@pytest.mark.parametrize("loss", ["mae", "huber", "log_cosh", cdl.losses.Huber(0.5), cdl.losses.mean_absolute_error])
def test_losses_for_regression(loss):
    rng = np.random.default_rng(0)
    outliers = Y_PLANE[:, 0] + np.where(rng.random(150) < 0.1, 20.0, 0.0)
    robust = MLPRegressor(loss=loss, **{**FAST, "max_iter": 300}, alpha=0).fit(X_PLANE, outliers)
    squared = MLPRegressor(**{**FAST, "max_iter": 300}, alpha=0).fit(X_PLANE, outliers)
    errors = [np.median(np.abs(mlp.predict(X_PLANE) - Y_PLANE[:, 0])) for mlp in (robust, squared)]
    assert errors[0] < errors[1] / 2


def test_a_named_loss_is_averaged_by_the_weights():
    weight = np.linspace(0, 3, len(X_PLANE))
    mlp = MLPRegressor(loss="mae", max_iter=1, batch_size=150, alpha=0, random_state=0)
    start = clone(mlp).set_params(learning_rate_init=1e-12).fit(X_PLANE, Y_PLANE, weight)
    error = np.abs(start.predict(X_PLANE) - Y_PLANE).mean(axis=1)
    assert start.loss_ == pytest.approx(np.average(error, weights=weight))


def test_losses_for_classification():
    focal = MLPClassifier(**FAST, loss=cdl.losses.CategoricalFocalCrossentropy(gamma=2.0)).fit(X, SPECIES)
    assert focal.score(X, SPECIES) > 0.9
    np.testing.assert_allclose(focal.predict_proba(X).sum(axis=1), 1)
    with pytest.raises(ValueError, match="The 'loss' parameter of MLPClassifier must be"):
        MLPClassifier(loss="squared_error").fit(X, SPECIES)


def test_our_losses_with_lbfgs():
    mlp = MLPRegressor(loss="log_cosh", solver="lbfgs", random_state=0, max_iter=200).fit(X_PLANE, Y_PLANE)
    assert mlp.score(X_PLANE, Y_PLANE) > 0.99


# ------------------------------------------------------------------------------------------------ weights of classes


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_class_weight_is_a_weight_of_samples(solver):
    weights = {0: 0.5, 1: 2.0, 2: 1.0}
    mlp = MLPClassifier(**FAST, solver=solver)
    by_class = clone(mlp).set_params(class_weight=weights).fit(X, SPECIES)
    same(by_class, clone(mlp).fit(X, SPECIES, sample_weight=np.array([0.5, 2.0, 1.0])[SPECIES]))
    own = np.linspace(1, 2, len(X))
    by_both = clone(by_class).fit(X, SPECIES, own)
    same(by_both, clone(mlp).fit(X, SPECIES, sample_weight=own * np.array([0.5, 2.0, 1.0])[SPECIES]))


def test_balanced_class_weight():
    few = np.r_[0:50, 50:55, 100:150]
    names = np.array(["setosa", "versicolor", "virginica"])[SPECIES[few]]
    share = len(few) / 3 / np.array([50, 5, 50])
    same(
        MLPClassifier(**FAST, class_weight="balanced").fit(X[few], names),
        MLPClassifier(**FAST).fit(X[few], names, sample_weight=share[SPECIES[few]]),
    )
    with pytest.raises(ValueError, match="class_weight='balanced' is not supported for partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(X, SPECIES, classes=[0, 1, 2])


# ------------------------------------------------------------------------------------------------------- validation


def test_validation_data_of_the_users_own():
    X_train, X_val, y_train, y_val = train_test_split(X, SPECIES, random_state=0)
    mlp = MLPClassifier(**FAST).fit(X_train, y_train, X_val=X_val, y_val=y_val)
    assert len(mlp.validation_loss_curve_) == mlp.n_iter_
    p = mlp.predict_proba(X_val)[np.arange(len(y_val)), y_val]
    assert mlp.validation_loss_curve_[-1] == pytest.approx(-np.log(p).mean())
    same(mlp, MLPClassifier(**FAST).fit(X_train, y_train))  # watching changes nothing
    assert not hasattr(mlp.fit(X_train, y_train), "validation_loss_curve_")

    weight = np.linspace(0, 1, len(X_val))
    mlp.fit(X_train, y_train, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    assert mlp.validation_loss_curve_[-1] == pytest.approx(np.average(-np.log(p), weights=weight))


def test_early_stopping_on_the_users_own_data():
    X_train, X_val, y_train, y_val = train_test_split(X, SPECIES, random_state=0)
    mlp = MLPClassifier(**{**FAST, "max_iter": 500}, early_stopping=True, batch_norm=True, n_iter_no_change=5)
    mlp.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    assert mlp.n_iter_ < 500 and len(mlp.validation_scores_) == mlp.n_iter_
    assert mlp.score(X_val, y_val) == mlp.best_validation_score_ == max(mlp.validation_scores_)


def test_early_stopping_with_partial_fit():
    X_train, X_val, y_train, y_val = train_test_split(X_PLANE, Y_PLANE, random_state=0)
    mlp = MLPRegressor(**FAST, early_stopping=True, n_iter_no_change=3, tol=1e-3, batch_norm=True, dropout=0.1)
    calls = 0
    while not getattr(mlp, "stopped_", False) and calls < 500:
        mlp.partial_fit(X_train, y_train, X_val=X_val, y_val=y_val)
        calls += 1
    assert mlp.stopped_ and len(mlp.validation_scores_) == len(mlp.validation_loss_curve_) == calls
    assert mlp.score(X_val, y_val) == pytest.approx(max(mlp.validation_scores_))
    mlp.partial_fit(X_train, y_train, X_val=X_val, y_val=y_val)
    assert not mlp.stopped_


BAD_VALIDATION = [
    ({"X_val": X}, "X_val and y_val belong together, and y_val is missing"),
    ({"y_val": SPECIES}, "X_val and y_val belong together, and X_val is missing"),
    ({"X_val": X[:, :2], "y_val": SPECIES}, "X has 2 features, but MLPClassifier is expecting 4"),
    ({"X_val": X, "y_val": SPECIES + 1}, r"`y_val` has classes not in `self.classes_`: \[3\]"),
    ({"X_val": X, "y_val": SPECIES[:9]}, "inconsistent numbers of samples"),
]


@pytest.mark.parametrize(
    ("given", "message"), BAD_VALIDATION, ids=lambda value: value if isinstance(value, str) else ""
)
def test_validation_data_that_do_not_fit(given, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**FAST).fit(X, SPECIES, **given)


def test_validation_data_with_another_number_of_outputs():
    with pytest.raises(ValueError, match="y_val has 1 outputs, but y has 2"):
        MLPRegressor(**FAST).fit(X_PLANE, Y_PLANE, X_val=X_PLANE, y_val=Y_PLANE[:, 0])


# -------------------------------------------------------------------------------------------------------- callbacks


def test_functions_are_told_of_each_epoch():
    told = []
    mlp = MLPClassifier(**FAST, callbacks=lambda epoch, logs: told.append((epoch, logs)) or epoch == 4)
    mlp.fit(X, SPECIES, X_val=X[:9], y_val=SPECIES[:9])
    assert [epoch for epoch, _ in told] == [0, 1, 2, 3, 4] and mlp.n_iter_ == 5
    assert [logs["loss"] for _, logs in told] == mlp.loss_curve_
    assert [logs["val_loss"] for _, logs in told] == mlp.validation_loss_curve_


def test_callbacks_of_cdl_watch_and_steer():
    stop = cdl.callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)
    slow = cdl.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10.0)
    mlp = MLPClassifier(**{**FAST, "learning_rate_init": 0.2, "max_iter": 300}, callbacks=[stop, slow])
    mlp.fit(X[::2], SPECIES[::2], X_val=X[1::2], y_val=SPECIES[1::2])
    assert mlp.n_iter_ < 300 and mlp._optimizer.learning_rate < 0.2
    p = mlp.predict_proba(X[1::2])[np.arange(75), SPECIES[1::2]]
    assert -np.log(p).mean() == pytest.approx(min(mlp.validation_loss_curve_))
    assert stop.model is None and len(pickle.dumps(clone(mlp))) < 20_000  # a copy of a callback is not one of the model


def test_a_score_that_is_watched_shall_rise():
    stop = cdl.callbacks.EarlyStopping("val_score", patience=2)
    mlp = MLPClassifier(**FAST, early_stopping=True, callbacks=stop).fit(X, SPECIES)
    assert mlp.n_iter_ - 1 == stop.stopped_epoch and stop.best == mlp.best_validation_score_


def test_batches_are_counted():
    steps = []
    watcher = cdl.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append((batch, logs["loss"])))
    mlp = MLPClassifier(max_iter=2, batch_size=60, callbacks=[watcher]).fit(X, SPECIES)
    assert [step for step, _ in steps] == [0, 1, 2, 0, 1, 2]
    assert np.average([loss for _, loss in steps[3:]], weights=[60, 60, 30]) == pytest.approx(mlp.loss_)


# ------------------------------------------------------------------------------------------- scikit-learn, and errors


def test_options_can_be_searched():
    grid = {"dropout": [0.0, 0.3], "activation": ["relu", "mish"], "solver": ["adam", "rmsprop"]}
    search = GridSearchCV(MLPClassifier(max_iter=15, random_state=0), grid, cv=2).fit(X, SPECIES)
    assert set(search.best_params_) == set(grid)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_batch_normalisation_moves_into_scikit_learns_weights(dropout):
    for kind, y in ((MLPClassifier, SPECIES), (MLPRegressor, SPECIES.astype(float))):
        ours = kind(**FAST, batch_norm=True, dropout=dropout, solver="adamw", batch_size=30).fit(X, y)
        theirs = ours.to_sklearn()
        method = "predict_proba" if kind is MLPClassifier else "predict"
        np.testing.assert_allclose(getattr(theirs, method)(X), getattr(ours, method)(X), rtol=1e-9, atol=1e-12)
        theirs.fit(X, y)


def test_what_scikit_learn_cannot_express():
    for activation in ("gelu", ["relu", "tanh"]):
        mlp = MLPClassifier(**{**FAST, "max_iter": 1}, activation=activation).fit(X, SPECIES)
        with pytest.raises(ValueError, match="to_sklearn: scikit-learn's MLP has one activation for all hidden layers"):
            mlp.to_sklearn()


BAD = [
    ({"activation": ["relu"]}, "activation has 1 entries, but there are 2 hidden layers"),
    ({"activation": "rellu"}, "The 'activation' parameter of MLPClassifier must be"),
    ({"dropout": [0.1, 0.1, 0.1]}, "dropout has 3 entries, but there are 2 hidden layers"),
    ({"dropout": 1.0}, "The 'dropout' parameter of MLPClassifier must be"),
    ({"dropout": [0.1, 7.0]}, "rate"),
    ({"solver": "adamz"}, "The 'solver' parameter of MLPClassifier must be"),
    ({"clipnorm": 1.0, "clipvalue": 1.0}, "Only one of `clipnorm`, `clipvalue` and `global_clipnorm`"),
    ({"clipnorm": 0}, "The 'clipnorm' parameter of MLPClassifier must be"),
    ({"solver": "lbfgs", "dropout": 0.1}, "it has no use for dropout"),
    ({"solver": "lbfgs", "batch_norm": True, "clipnorm": 1.0}, "it has no use for batch_norm, clipnorm"),
    ({"callbacks": [3]}, "callbacks holds instances of cdl.callbacks.Callback"),
    ({"class_weight": "equal"}, "The 'class_weight' parameter of MLPClassifier must be"),
]


@pytest.mark.parametrize(("parameters", "message"), BAD, ids=str)
def test_options_that_cannot_be(parameters, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**{**FAST, **parameters}).fit(X, SPECIES)


def test_lbfgs_has_no_epochs_to_validate():
    with pytest.raises(ValueError, match="it has no use for X_val"):
        MLPClassifier(solver="lbfgs").fit(X, SPECIES, X_val=X, y_val=SPECIES)
