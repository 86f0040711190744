"""Models as estimators of scikit-learn: its own checks, labels of any kind, parameters, seeds, and what goes wrong."""

import copy
import pickle
import random
import sys

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import StackingClassifier, VotingRegressor
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import cdl
from cdl import Sequential, callbacks, config, layers, losses, optimizers, utils
from cdl.sklearn import Classifier, Regressor, Transformer

IRIS = load_iris()
X, Y = StandardScaler().fit_transform(IRIS.data).astype(np.float32), IRIS.target
NAMES = IRIS.target_names[Y]
TWO = Y < 2


def network(X, y, units=16, last="softmax", loss="categorical_crossentropy", rate=0.02, outputs=None):
    model = Sequential(
        [layers.Input(X.shape[1:]), layers.Dense(units, "relu"), layers.Dense(outputs or y.shape[1], last)]
    )
    model.compile(optimizers.Adam(rate), loss)
    return model


def template(units, last, loss, **arguments):
    model = Sequential([layers.Dense(16, "relu"), layers.Dense(units, last)])
    model.compile(optimizers.Adam(0.02), loss, **arguments)
    return model


def classifier(**arguments):
    return Classifier(network, **{"fit_kwargs": {"epochs": 20}, "random_state": 0, **arguments})


SIGMOID = {"last": "sigmoid", "loss": "binary_crossentropy"}
LINEAR = {"last": None, "loss": "mse"}
NOT_FOR_NETWORKS = {
    "check_sample_weight_equivalence_on_dense_data": "batches are drawn from rows, so a row of weight 2 is not two rows"
}


@parametrize_with_checks(
    [
        classifier(model_kwargs=SIGMOID),  # which goes for one label of several, and for several at once
        Regressor(network, model_kwargs=LINEAR, fit_kwargs={"epochs": 20}, random_state=0),
        Transformer(network, model_kwargs=LINEAR, fit_kwargs={"epochs": 2}, random_state=0),
    ],
    expected_failed_checks=lambda estimator: NOT_FOR_NETWORKS,
)
def test_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_weights_are_repeated_rows_where_there_is_one_batch():
    """What the check above asks for, and what a network can do: no batches, and a loss that divides by the weights."""
    config.set_floatx("float64")
    try:
        loss = losses.CategoricalCrossentropy(reduction="mean_with_sample_weight")
        whole = {"batch_size": 1000, "shuffle": False, "epochs": 20}
        estimator = classifier(model_kwargs={"loss": loss}, fit_kwargs=whole)
        weight = np.random.default_rng(0).integers(0, 4, len(X))
        weighted = clone(estimator).fit(X, NAMES, sample_weight=weight)
        repeated = clone(estimator).fit(X.repeat(weight, axis=0), NAMES.repeat(weight))
        np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-10)
    finally:
        config.set_floatx("float32")


# ---- labels and outputs ----


@pytest.mark.parametrize(
    "labels",
    [NAMES, NAMES.astype(object), list(NAMES), pd.Series(NAMES), pd.Categorical(NAMES), Y - 7, 10**10 * Y, 2.0 * Y],
    ids=["str", "object", "list", "series", "categorical", "negative", "large", "float"],
)
def test_labels_of_any_type(labels):
    estimator = classifier().fit(X, labels)
    assert estimator.score(X, labels) > 0.9
    assert estimator.classes_.tolist() == sorted(set(np.asarray(labels).tolist()))
    assert set(estimator.predict(X)) == set(estimator.classes_)


@pytest.mark.parametrize("labels", [np.array(["no", "yes"]), np.array([False, True]), np.array([-1, 1])])
@pytest.mark.parametrize(
    "units, last, loss",
    [
        (1, "sigmoid", "binary_crossentropy"),
        (1, None, losses.BinaryCrossentropy(from_logits=True)),
        (1, "sigmoid", "mse"),
        (2, "softmax", "categorical_crossentropy"),
        (2, "softmax", "sparse_categorical_crossentropy"),
        (2, None, losses.SparseCategoricalCrossentropy(from_logits=True)),
        (2, "sigmoid", "binary_crossentropy"),
    ],
)
def test_two_classes(labels, units, last, loss):
    y = labels[Y[TWO]]
    estimator = Classifier(template(units, last, loss), fit_kwargs={"epochs": 15}, random_state=0).fit(X[TWO], y)
    p, scores = estimator.predict_proba(X[TWO]), estimator.decision_function(X[TWO])
    assert p.shape == (100, 2) and scores.shape == (100,)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert estimator.score(X[TWO], y) == 1
    assert (estimator.predict(X[TWO]) == labels[(scores > 0).astype(int)]).all()
    if "sigmoid" not in str(last) or units == 1:
        np.testing.assert_allclose(scores, np.log(p[:, 1] / p[:, 0]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "last, loss",
    [
        ("softmax", "categorical_crossentropy"),
        ("softmax", "sparse_categorical_crossentropy"),
        (None, losses.CategoricalCrossentropy(from_logits=True)),
        (None, losses.SparseCategoricalCrossentropy(from_logits=True)),
        ("softmax", losses.CategoricalGeneralizedCrossEntropy()),
        ("softmax", "kl_divergence"),
        ("softmax", "mse"),
    ],
)
def test_three_classes(last, loss):
    fitted = Classifier(template(3, last, loss, metrics=["accuracy"]), fit_kwargs={"epochs": 20}, random_state=0)
    fitted.fit(X, NAMES)
    p = fitted.predict_proba(X)
    assert fitted.history_["accuracy"][-1] > 0.9 and fitted.score(X, NAMES) > 0.9
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert (fitted.classes_[p.argmax(axis=1)] == fitted.predict(X)).all()
    assert (fitted.classes_[fitted.decision_function(X).argmax(axis=1)] == fitted.predict(X)).all()


def test_probabilities_of_logits_are_those_of_the_layer():
    """The same weights, with the softmax in the model or in the loss."""
    inside = Classifier(template(3, "softmax", "sparse_categorical_crossentropy"), random_state=0).fit(X, Y)
    logits = losses.SparseCategoricalCrossentropy(from_logits=True)
    outside = Classifier(template(3, None, logits), random_state=0).fit(X, Y)
    outside.model_.set_weights(inside.model_.get_weights())
    np.testing.assert_allclose(outside.predict_proba(X), inside.predict_proba(X), rtol=1e-5)
    scores = outside.decision_function(1e4 * X)
    assert np.isfinite(scores).all() and np.isfinite(outside.predict_proba(1e4 * X)).all()
    assert np.isfinite(inside.decision_function(1e4 * X)).all()


def test_margins_are_no_probabilities():
    for units, last, loss, rows in ((1, None, "hinge", TWO), (3, None, "categorical_hinge", Y >= 0)):
        estimator = Classifier(template(units, last, loss), fit_kwargs={"epochs": 15}, random_state=0)
        assert not hasattr(estimator, "predict_proba")
        estimator.fit(X[rows], NAMES[rows])
        assert estimator.score(X[rows], NAMES[rows]) > 0.9
        with pytest.raises(AttributeError, match="no attribute 'predict_proba'") as refused:
            _ = estimator.predict_proba
        assert "margins, not probabilities; ask for decision_function" in str(refused.value.__cause__)
        calibrated = CalibratedClassifierCV(estimator, cv=3).fit(X[rows], NAMES[rows])
        assert calibrated.score(X[rows], NAMES[rows]) > 0.9


def test_rows_of_zeros_and_ones():
    """Any number of labels per row; or one, if the loss is for one of many."""
    several = np.stack([Y == 0, Y >= 1, X[:, 0] > 0], axis=1).astype(int)
    estimator = classifier(model_kwargs=SIGMOID, fit_kwargs={"epochs": 40}).fit(X, several)
    assert estimator.classes_.tolist() == [0, 1, 2]
    assert accuracy_score(several, estimator.predict(X)) > 0.9
    assert estimator.predict(X).shape == estimator.predict_proba(X).shape == estimator.decision_function(X).shape
    assert ((estimator.decision_function(X) > 0) == estimator.predict(X)).all()
    sparse = clone(estimator).fit(X, csr_matrix(several))
    np.testing.assert_array_equal(sparse.predict_proba(X), estimator.predict_proba(X))

    one_hot = np.eye(3, dtype=int)[Y]
    for loss in ("categorical_crossentropy", "sparse_categorical_crossentropy"):
        estimator = classifier(model_kwargs={"loss": loss}).fit(X, one_hot)
        assert (estimator.predict(X).sum(axis=1) == 1).all() and estimator.score(X, one_hot) > 0.9
    with pytest.raises(ValueError, match=r"row \d+ of y has 2 labels, but the loss 'categorical_crossentropy'"):
        classifier().fit(X, several)


def test_one_target_and_several():
    x, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    estimator = Regressor(template(1, None, "mse"), fit_kwargs={"epochs": 60}, random_state=0).fit(10 * x, y)
    assert estimator.score(10 * x, y) > 0.4
    assert estimator.predict(10 * x).shape == y.shape and estimator.predict(10 * x).dtype == y.dtype
    column = clone(estimator).fit(10 * x, y[:, None]).predict(10 * x)
    np.testing.assert_array_equal(column, estimator.predict(10 * x)[:, None])
    both = Regressor(network, model_kwargs=LINEAR, fit_kwargs={"epochs": 60}).fit(10 * x, np.c_[y, -y])
    assert both.predict(10 * x).shape == (len(x), 2) and both.score(10 * x, np.c_[y, -y]) > 0.4
    assert VotingRegressor([("a", estimator), ("b", clone(estimator))]).fit(10 * x, y).score(10 * x, y) > 0.4


def test_pictures_stay_pictures_and_integers_integers():
    kept = []

    def convolutional(X, y):
        kept.append(X)
        model = Sequential([layers.Rescaling(1 / 255), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(y.shape[1])])
        model.compile(optimizers.Adam(0.02), losses.CategoricalCrossentropy(from_logits=True))
        return model

    pictures = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 1), dtype=np.uint8)
    pictures[::2] //= 4
    estimator = Classifier(convolutional, fit_kwargs={"epochs": 15}).fit(pictures, ["dark", "bright"] * 20)
    assert kept[0].dtype == np.uint8 and kept[0].shape == (40, 6, 6, 1)
    assert estimator.score(pictures, ["dark", "bright"] * 20) > 0.9


def test_texts_are_for_models_that_read():
    def reader(X, y):
        words = layers.TextVectorization(output_mode="multi_hot")
        words.adapt(X)
        model = Sequential([words, layers.Dense(y.shape[1], "softmax")])
        model.compile(optimizers.Adam(0.05), "categorical_crossentropy")
        return model

    texts = [f"{verb} it {n}" for n in range(20) for verb in ("love", "like", "hate")]
    moods = ["good", "good", "bad"] * 20
    for given in (texts, np.array(texts), pd.Series(texts)):
        estimator = Classifier(reader, fit_kwargs={"epochs": 20}, random_state=0).fit(given, moods)
        assert estimator.score(given, moods) == 1 and estimator.predict(["i hate it"]) == "bad"
        assert not hasattr(estimator, "n_features_in_")
    assert cross_val_score(estimator, texts, moods, cv=3).min() == 1
    with pytest.raises(ValueError, match="inconsistent numbers of samples: \\[60, 59\\]"):
        estimator.fit(texts, moods[1:])


# ---- what fit does ----


def test_a_model_is_a_template():
    model = template(3, "softmax", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, epochs=5, verbose=0)
    before = model.get_weights()
    estimator = Classifier(model, random_state=0).fit(X, Y)
    assert estimator.model is model and estimator.model_ is not model
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert estimator.model_.optimizer.iterations == 5 and model.optimizer.iterations == 25
    assert estimator.model_.optimizer.learning_rate == pytest.approx(0.02)
    assert estimator.history_["loss"][0] > 0.8 and list(estimator.history_) == ["accuracy", "loss"]


def test_a_template_keeps_what_adapt_found():
    scale = layers.Normalization()
    scale.adapt(IRIS.data)
    inner = Sequential([scale, layers.Dense(8, "relu")])
    model = Sequential([inner, layers.Dense(3, "softmax")])
    model.compile(optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    estimator = Classifier(model, fit_kwargs={"epochs": 20}, random_state=0).fit(IRIS.data, NAMES)
    copied = estimator.model_.layers[0].layers[0]
    assert copied is not scale
    np.testing.assert_array_equal(copied.mean, scale.mean)
    assert estimator.score(IRIS.data, NAMES) > 0.9
    other = clone(estimator).set_params(random_state=1).fit(IRIS.data, NAMES, epochs=0)
    first, second = (e.model_.layers[0].layers[1].kernel.value for e in (estimator, other))
    assert np.abs(first - second).max() > 0.1


def test_warm_start_goes_on_from_the_weights():
    model = template(3, "softmax", "sparse_categorical_crossentropy")
    model.fit(X, Y, epochs=30, verbose=0)
    estimator = Classifier(model, warm_start=True, random_state=0).fit(X, NAMES)
    assert estimator.history_["loss"][0] < 0.3, "the weights of the model given"
    first, steps = estimator.model_, estimator.model_.optimizer.iterations
    assert estimator.fit(X, NAMES).model_ is first and first.optimizer.iterations == steps + 5
    with pytest.raises(ValueError, match=r"warm_start=True, y has the classes of the last fit.*Clone"):
        estimator.fit(X, Y)
    assert estimator.score(X, NAMES) > 0.9, "as it was"


def test_fit_kwargs_of_the_call_come_first():
    given = {"epochs": 3, "batch_size": 50}
    estimator = classifier(fit_kwargs=given).fit(X, NAMES, epochs=2)
    assert len(estimator.history_["loss"]) == 2 and estimator.model_.optimizer.iterations == 6
    assert given == {"epochs": 3, "batch_size": 50}


def test_validation_data_have_labels_too():
    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    mine = {"epochs": 60, "callbacks": [stop], "validation_data": (X[::5], NAMES[::5])}
    estimator = classifier(fit_kwargs=mine, model_kwargs={"loss": "sparse_categorical_crossentropy", "rate": 0.2})
    estimator.fit(X, NAMES)
    assert len(estimator.history_["val_loss"]) < 60
    assert mine["validation_data"][1][0] == "setosa", "the parameter is as it was"
    x, y = X[:, 1:], X[:, 0].astype(np.float64)
    regressor = Regressor(template(1, None, "mse")).fit(x, y, epochs=2, validation_data=(x, y, np.ones(150)))
    assert len(regressor.history_["val_loss"]) == 2


def test_class_weight_goes_by_labels():
    rare = np.r_[0:50, 50:55, 100:150]
    plain, heavy = (
        classifier(fit_kwargs={"epochs": 20, "class_weight": weight}).fit(X[rare], NAMES[rare])
        for weight in (None, {"versicolor": 100.0})
    )
    assert np.mean(heavy.predict(X) == "versicolor") > np.mean(plain.predict(X) == "versicolor") + 0.1
    # "balanced" is a weight for each sample, and multiplies those given.
    given = np.linspace(0.5, 2, len(rare))
    counts = np.array([50, 5, 50])[Y[rare]]
    balanced = classifier(fit_kwargs={"epochs": 3, "class_weight": "balanced"}).fit(X[rare], NAMES[rare], given)
    by_hand = classifier(fit_kwargs={"epochs": 3}).fit(X[rare], NAMES[rare], given * 105 / (3 * counts))
    np.testing.assert_allclose(balanced.predict_proba(X), by_hand.predict_proba(X), rtol=1e-4)


def test_what_an_interrupted_fit_has_learned_can_be_used():
    def stop(epoch, logs):
        if epoch == 15:
            raise KeyboardInterrupt

    estimator = classifier()
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X, NAMES, callbacks=[callbacks.LambdaCallback(on_epoch_begin=stop)])
    assert len(estimator.history_["loss"]) == 15 and estimator.score(X, NAMES) > 0.9


# ---- random_state ----


def noisy(X, y):
    model = Sequential([layers.Dense(16, "relu"), layers.Dropout(0.5), layers.Dense(y.shape[1], "softmax")])
    model.compile("adam", "categorical_crossentropy")
    return model


def test_random_state_determines_weights_shuffles_and_dropout():
    def fitted(model, random_state):
        return Classifier(model, fit_kwargs={"epochs": 3}, random_state=random_state).fit(X, Y).predict_proba(X)

    for model in (noisy, noisy(X, np.eye(3))):
        first = fitted(model, 7)
        np.testing.assert_array_equal(first, fitted(model, 7))
        assert np.abs(first - fitted(model, 8)).max() > 1e-3
        np.testing.assert_array_equal(fitted(model, np.random.RandomState(3)), fitted(model, np.random.RandomState(3)))
        utils.set_random_seed(5)
        unseeded = fitted(model, None)
        assert np.abs(unseeded - fitted(model, None)).max() > 1e-3
        utils.set_random_seed(5)
        np.testing.assert_array_equal(unseeded, fitted(model, None))


def test_random_state_leaves_the_programs_numbers_alone():
    def draw():
        return (
            random.random(),
            np.random.random(),
            cdl.random.SeedGenerator().next(),
            noisy(X, np.eye(3))(X[:2]).tolist(),
        )

    utils.set_random_seed(2)
    draw()
    expected = draw()
    utils.set_random_seed(2)
    draw()
    Classifier(noisy, random_state=1).fit(X, Y)
    with pytest.raises(RuntimeError, match="interrupted"):
        Classifier(noisy, random_state=1).fit(X, Y, callbacks=[callbacks.LambdaCallback(on_epoch_end=interrupt)])
    assert draw() == expected


def test_random_state_holds_in_threads():
    """Each of them beside one that draws without a seed."""
    from concurrent.futures import ThreadPoolExecutor

    def fitted(random_state):
        return Classifier(noisy, fit_kwargs={"epochs": 5}, random_state=random_state).fit(X, Y).predict_proba(X)

    expected = [fitted(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(fitted, [0, None, 1, None, 2, None, 3]))
    for alone, together in zip(expected, found[::2], strict=True):
        np.testing.assert_array_equal(alone, together)


def interrupt(epoch, logs):
    raise RuntimeError("interrupted")


# ---- with the rest of scikit-learn ----


def test_parameters_inside_the_dictionaries_have_names():
    estimator = classifier(model_kwargs={"units": 4})
    assert estimator.get_params()["model_kwargs__units"] == 4 and estimator.get_params()["fit_kwargs__epochs"] == 20
    assert "fit_kwargs__epochs" not in estimator.get_params(deep=False)
    inside = estimator.model_kwargs
    estimator.set_params(model_kwargs__units=8, fit_kwargs__batch_size=10)
    assert estimator.model_kwargs == {"units": 8} and inside == {"units": 4}, "other estimators may hold the old one"
    assert estimator.fit_kwargs == {"epochs": 20, "batch_size": 10}
    estimator.set_params(model_kwargs={"units": 5}, model_kwargs__rate=0.1)
    assert estimator.model_kwargs == {"units": 5, "rate": 0.1}
    with pytest.raises(ValueError, match="Invalid parameter 'kwargs'"):
        estimator.set_params(kwargs__units=3)


@pytest.mark.parametrize("grid", [{"model_kwargs": [{"units": 1}, {"units": 24}]}, {"model_kwargs__units": [1, 24]}])
def test_grid_search(grid):
    search = GridSearchCV(classifier(), grid, cv=3).fit(X, NAMES)
    assert search.best_estimator_.model_kwargs == {"units": 24} and search.best_score_ > 0.9
    assert search.best_estimator_.model_.layers[0].units == 24


@pytest.fixture
def travelling():
    """The functions of this module go to workers as they are: these cannot import a module of tests."""
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    yield
    cloudpickle.unregister_pickle_by_value(module)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_searches_side_by_side_find_the_same(backend, travelling):
    from joblib import parallel_config

    pipeline = make_pipeline(StandardScaler(), classifier(fit_kwargs={"epochs": 5}))
    grid = {"classifier__model_kwargs__units": [4, 16], "classifier__fit_kwargs__batch_size": [8, 32]}
    alone = GridSearchCV(pipeline, grid, cv=3).fit(IRIS.data, NAMES)
    with parallel_config(backend, n_jobs=2):
        together = GridSearchCV(pipeline, grid, cv=3).fit(IRIS.data, NAMES)
    np.testing.assert_array_equal(alone.cv_results_["mean_test_score"], together.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(alone.predict_proba(IRIS.data), together.predict_proba(IRIS.data))


def test_ensembles_calibration_and_cross_validation():
    base = make_pipeline(StandardScaler(), classifier())
    assert cross_val_score(base, IRIS.data, NAMES, cv=3).mean() > 0.9
    stacked = StackingClassifier(
        [("net", base), ("line", LogisticRegression(max_iter=1000))], LogisticRegression(max_iter=1000), cv=3
    ).fit(IRIS.data, NAMES)
    calibrated = CalibratedClassifierCV(base, cv=3).fit(IRIS.data, NAMES)
    for estimator in (stacked, calibrated):
        assert estimator.score(IRIS.data, NAMES) > 0.9
        np.testing.assert_allclose(estimator.predict_proba(IRIS.data).sum(axis=1), 1, rtol=1e-6)
    scores = cross_validate(base, IRIS.data, NAMES, cv=3, scoring=["roc_auc_ovr", "neg_log_loss"])
    assert scores["test_roc_auc_ovr"].min() > 0.95 and scores["test_neg_log_loss"].min() > -0.5


@pytest.mark.parametrize("take_along", [copy.deepcopy, lambda estimator: pickle.loads(pickle.dumps(estimator))])
def test_copies_predict_the_same(take_along):
    for model in (network, template(3, "softmax", "categorical_crossentropy")):
        estimator = Classifier(model, fit_kwargs={"epochs": 2}, random_state=0).fit(X, NAMES)
        other = take_along(estimator)
        np.testing.assert_array_equal(other.predict_proba(X), estimator.predict_proba(X))
        np.testing.assert_array_equal(other.fit(X, NAMES).predict_proba(X), estimator.predict_proba(X))
        assert clone(estimator).get_params()["fit_kwargs"] == {"epochs": 2}
        assert not hasattr(clone(estimator), "model_")


def test_weights_of_samples_are_routed():
    weight = np.where(Y == 1, 100.0, 1.0)
    with config_context(enable_metadata_routing=True):
        estimator = classifier(fit_kwargs={"epochs": 5}).set_fit_request(sample_weight=True)
        estimator.set_score_request(sample_weight=False)
        search = GridSearchCV(estimator, {"model_kwargs__units": [16]}, cv=3).fit(X, NAMES, sample_weight=weight)
    direct = classifier(fit_kwargs={"epochs": 5}, model_kwargs={"units": 16}).fit(X, NAMES, sample_weight=weight)
    np.testing.assert_array_equal(search.predict_proba(X), direct.predict_proba(X))
    plain = clone(direct).fit(X, NAMES)
    assert np.abs(plain.predict_proba(X) - direct.predict_proba(X)).max() > 0.1


def test_frames_name_the_columns():
    frame = load_iris(as_frame=True).data
    estimator = classifier().fit(frame, NAMES)
    assert estimator.feature_names_in_.tolist() == frame.columns.tolist() and estimator.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(frame.rename(columns={frame.columns[0]: "length"}))
    squeeze = Transformer(network, model_kwargs={**LINEAR, "units": 2}, random_state=0)
    out = squeeze.set_output(transform="pandas").fit_transform(frame)
    assert out.columns.tolist() == [f"transformer{i}" for i in range(4)] and out.shape == frame.shape


def test_a_transformer_for_no_epoch_is_the_model_given():
    model = template(4, None, "mse")
    model.fit(X, X, epochs=3, verbose=0)
    kept = Transformer(model, warm_start=True).fit(X, epochs=0)
    pipeline = make_pipeline(FrozenEstimator(kept), LogisticRegression()).fit(X, NAMES)
    np.testing.assert_array_equal(pipeline[0].transform(X), model.predict(X, verbose=0))
    assert pipeline.score(X, NAMES) > 0.8


# ---- what goes wrong ----


def test_a_model_that_is_none():
    with pytest.raises(TypeError, match=r"Classifier: `model` is 'adam' \(of type str\). Give a compiled Sequential"):
        Classifier("adam").fit(X, Y)
    with pytest.raises(TypeError, match=r"Regressor: .* returned None \(of type NoneType\).*`return model`"):
        Regressor(lambda X, y: None).fit(X, Y)
    with pytest.raises(ValueError, match=r"model_kwargs=\{'units': 3\} are for a function that makes a model, but"):
        Classifier(template(3, "softmax", "mse"), model_kwargs={"units": 3}).fit(X, Y)
    with pytest.raises(TypeError, match="unexpected keyword argument 'unit'"):
        classifier(model_kwargs={"unit": 3}).fit(X, Y)


def test_a_model_that_does_not_know_how_to_learn():
    bare = Sequential([layers.Dense(3)], name="bare")
    cure = r"lacks an optimizer and a loss. Given model needs to be compiled: model.compile\('adam', loss=...\)"
    with pytest.raises(RuntimeError, match=f"Classifier: Sequential 'bare' {cure}"):
        Classifier(bare).fit(X, Y)
    with pytest.raises(RuntimeError, match=cure):
        Classifier(lambda X, y: bare).fit(X, Y)
    with pytest.raises(RuntimeError, match="lacks a loss"):
        Regressor(template(1, None, None)).fit(X, Y)


@pytest.mark.parametrize(
    "units, loss, message",
    [
        (4, "categorical_crossentropy", "the model has 4 outputs, and y has 3 classes: 'setosa', 'versicolor', 'virg"),
        (1, "binary_crossentropy", r"the model has 1 output, and y has 3 classes: .* Give the last layer 3 units\."),
    ],
)
def test_outputs_that_do_not_go_with_the_classes(units, loss, message):
    with pytest.raises(ValueError, match=message):
        Classifier(template(units, "softmax", loss)).fit(X, NAMES)


def test_outputs_that_do_not_go_with_the_targets():
    with pytest.raises(ValueError, match=r"2 classes: False, True. Give the last layer 2 units \(or one, with a loss"):
        Classifier(template(3, "softmax", "mse")).fit(X, TWO)
    with pytest.raises(ValueError, match="the model has 1 output, and y has 2 classes"):
        Classifier(template(1, "sigmoid", "sparse_categorical_crossentropy")).fit(X, TWO)
    with pytest.raises(ValueError, match=r"Regressor: the model has 2 outputs, and y has 1 column\. Give the last"):
        Regressor(template(2, None, "mse")).fit(X, Y)
    flat = Sequential([layers.Reshape((4, 1)), layers.Dense(1)])
    flat.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"has outputs of shape \(None, 4, 1\), but \(None, units\) is needed"):
        Regressor(flat).fit(X, Y)


def test_targets_that_are_no_classes():
    with pytest.raises(ValueError, match="y has one class, 'a', and there is nothing to tell apart"):
        classifier().fit(X, ["a"] * 150)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        classifier().fit(X, X[:, 0])
    with pytest.raises(ValueError, match="y has 2 columns with classes of their own"):
        classifier().fit(X, np.c_[Y, Y])
    with pytest.raises(ValueError, match="previously unseen labels"):
        classifier().fit(X, NAMES, validation_data=(X, Y.astype(str)))
    with pytest.warns(DataConversionWarning, match="column-vector"):
        classifier().fit(X, Y[:, None])


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # scikit-learn's, before its error
def test_not_fitted_and_fitted_to_something_else():
    with pytest.raises(NotFittedError):
        classifier().predict(X)
    broken = classifier(model_kwargs={"outputs": 5})
    with pytest.raises(ValueError, match="5 outputs"):
        broken.fit(X, Y)
    with pytest.raises(NotFittedError):
        broken.predict_proba(X)
    again = classifier().fit(X, NAMES)
    with pytest.raises(ValueError, match="5 outputs"):
        again.set_params(model_kwargs__outputs=5).fit(X, Y)
    with pytest.raises(NotFittedError):  # the labels would be those of another fit
        again.predict(X)
    fitted = classifier().fit(X, Y)
    with pytest.raises(ValueError, match="X has 3 features, but Classifier is expecting 4"):
        fitted.predict(X[:, 1:])
    for wrong, message in ((np.nan, "NaN"), (-np.inf, "infinity"), (1e39, "too large for dtype")):
        for rows in (1, 150 * 40):  # what is small is checked in a shorter way
            x = np.ones((rows, 4))
            x[0, 2] = wrong
            with pytest.raises(ValueError, match=message):
                fitted.predict(x)


def test_the_names_of_keras():
    from cdl import wrappers

    assert wrappers.SKLearnClassifier is Classifier
    assert wrappers.SKLearnRegressor is Regressor
    assert wrappers.SKLearnTransformer is Transformer
