"""The drop-in estimators beside scikit-learn's: the same weights, losses and predictions over whole fits."""

import copy
import os
import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
import sklearn
import sklearn.neural_network as theirs
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_iris, make_multilabel_classification, make_regression
from sklearn.ensemble import BaggingClassifier, VotingRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

import cdl
from cdl.sklearn import MLPClassifier, MLPRegressor, peer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True, scope="module")
def serial_blas():
    """scikit-learn's small products would wait for threads longer than they take."""
    with threadpool_limits(1, user_api="blas"):
        yield


IRIS, SPECIES = load_iris(return_X_y=True)
CELLS, MALIGNANT = (data[::4] for data in load_breast_cancer(return_X_y=True))
PICTURES, TAGS = make_multilabel_classification(120, 8, n_classes=4, random_state=0)
X_PLANE, Y_PLANE = make_regression(120, 6, n_targets=3, noise=5.0, random_state=0)
Y_PLANE = scale(Y_PLANE)
COUNTS = np.random.default_rng(0).poisson(np.exp(X_PLANE[:, 0] / 2))

DATA = {
    "multiclass": (MLPClassifier, IRIS, SPECIES),
    "binary": (MLPClassifier, scale(CELLS), MALIGNANT),
    "unscaled": (MLPClassifier, CELLS, MALIGNANT),  # probabilities that meet scikit-learn's limits
    "multilabel": (MLPClassifier, PICTURES, TAGS),
    "regression": (MLPRegressor, X_PLANE, Y_PLANE[:, 0]),
    "multioutput": (MLPRegressor, X_PLANE, Y_PLANE),
}
SLOWING = {"learning_rate": "adaptive", "tol": 1e-2, "n_iter_no_change": 2, "momentum": 0, "alpha": 0.1}
SOLVERS = {
    "adam": {"solver": "adam"},
    "adam, no penalty, in order": {"solver": "adam", "alpha": 0, "shuffle": False, "beta_1": 0.8, "epsilon": 1e-6},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "sgd, plain momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate": "invscaling"},
    "sgd, adaptive": {"solver": "sgd", **SLOWING},
    "lbfgs": {"solver": "lbfgs", "max_iter": 15},
}


def peer_of(estimator):
    return getattr(theirs, estimator.__name__)


def fitted(kind, X, y, weight=None, **parameters):
    """Ours and scikit-learn's, trained alike; and the warnings of each."""
    pair, heard = [], []
    for estimator in (kind, peer_of(kind)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pair.append(estimator(**parameters).fit(X, y, sample_weight=weight))
        heard.append([(w.category, str(w.message)) for w in caught if w.category is not RuntimeWarning])
    assert heard[0] == heard[1]
    return pair


def assert_same(ours, their, X, tolerance=1e-6):
    for mine, other in zip(ours.coefs_ + ours.intercepts_, their.coefs_ + their.intercepts_, strict=True):
        assert mine.dtype == other.dtype and mine.flags.c_contiguous
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance * np.abs(other).max())
    for name in ("loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"):
        if getattr(their, name, None) is not None:
            np.testing.assert_allclose(getattr(ours, name), getattr(their, name), rtol=tolerance, err_msg=name)
        else:
            assert getattr(ours, name, None) is None
    assert isinstance(ours.loss_, np.floating)  # as theirs: it can be rounded
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(their, name), name
    mine, other = ours.predict(X), their.predict(X)
    if hasattr(their, "predict_proba"):
        np.testing.assert_array_equal(mine, other)
        mine, other = ours.predict_proba(X), their.predict_proba(X)
        np.testing.assert_array_equal(ours.classes_, their.classes_)
    np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance * np.abs(other).max())
    assert mine.dtype == other.dtype


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("data", DATA)
def test_whole_fits_agree(data, solver):
    kind, X, y = DATA[data]
    parameters = {"hidden_layer_sizes": (12,), "max_iter": 40, "random_state": 0, "batch_size": 32} | SOLVERS[solver]
    if data == "unscaled" and parameters["solver"] != "adam":
        parameters["learning_rate_init"] = 1e-6
    ours, their = fitted(kind, X, y, **parameters)
    assert_same(ours, their, X, 1e-4 if (data, solver) == ("unscaled", "lbfgs") else 1e-6)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("data", ["multiclass", "multioutput"])
def test_activations_and_depth_agree(data, activation):
    kind, X, y = DATA[data]
    ours, their = fitted(kind, X, y, hidden_layer_sizes=[9, 7, 5], activation=activation, max_iter=30, random_state=1)
    assert_same(ours, their, X)


@pytest.mark.parametrize("activation", ["relu", "logistic"])
@pytest.mark.parametrize("data", DATA)
def test_no_hidden_layers_agree(data, activation):
    kind, X, y = DATA[data]
    parameters = {"hidden_layer_sizes": (), "activation": activation, "alpha": np.float32(0.3), "random_state": 2}
    ours, their = fitted(kind, X, y, max_iter=5, **parameters)
    assert_same(ours, their, X, 1e-10)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_poisson_agrees(solver):
    ours, their = fitted(
        MLPRegressor, X_PLANE, COUNTS, loss="poisson", solver=solver, max_iter=20, random_state=0, hidden_layer_sizes=8
    )
    assert_same(ours, their, X_PLANE)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("data", DATA)
def test_early_stopping_agrees(data, weighted, solver):
    kind, X, y = DATA[data]
    weight = np.random.default_rng(1).uniform(0.1, 3, len(X)) if weighted else None
    if data == "unscaled":
        X = X / 10
    ours, their = fitted(
        kind, X, y, weight, solver=solver, early_stopping=True, n_iter_no_change=3, hidden_layer_sizes=8,
        random_state=3, max_iter=30, validation_fraction=0.2, learning_rate_init=1e-3 if data != "unscaled" else 1e-5,
    )  # fmt: skip
    assert_same(ours, their, X)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("data", ["multiclass", "multilabel", "unscaled", "multioutput"])
def test_weights_of_samples_agree(data, solver):
    kind, X, y = DATA[data]
    weight = np.random.default_rng(1).uniform(0, 3, len(X))
    weight[:20] = 0
    rate = 1e-6 if data == "unscaled" else 1e-3
    ours, their = fitted(
        kind, X, y, weight, solver=solver, random_state=3, max_iter=15, hidden_layer_sizes=8, learning_rate_init=rate
    )
    assert_same(ours, their, X, 1e-4 if (data, solver) == ("unscaled", "lbfgs") else 1e-6)


def test_a_batch_without_weight_is_refused_alike():
    weight = np.arange(len(X_PLANE)) < 10.0
    for kind in (MLPRegressor, theirs.MLPRegressor):
        with pytest.raises(ZeroDivisionError, match="Weights sum to zero, can't be normalized"):
            kind(batch_size=10, shuffle=False).fit(X_PLANE, COUNTS, sample_weight=weight)


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@pytest.mark.parametrize("parameters", [{"batch_size": 25}, {"solver": "lbfgs"}, {"early_stopping": True}])
def test_sparse_input_agrees(make, parameters):
    X = np.where(IRIS > 1.5, IRIS, 0)
    ours, their = fitted(
        MLPClassifier, make(X), SPECIES, max_iter=20, hidden_layer_sizes=(8, 6), random_state=0, **parameters
    )
    assert_same(ours, their, make(X))
    np.testing.assert_allclose(ours.predict_proba(X), ours.predict_proba(make(X)), rtol=1e-12)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[::1], lambda x: np.repeat(x, 2, axis=1)[:, ::2]])
@pytest.mark.parametrize("shuffle", [True, False])
def test_any_layout_agrees(layout, shuffle):
    X = layout(IRIS)
    ours, their = fitted(MLPClassifier, X, SPECIES, max_iter=5, random_state=0, shuffle=shuffle, batch_size=40)
    assert_same(ours, their, X)


def test_float32_is_trained_in_float32():
    X = IRIS.astype("float32")
    for parameters in ({"solver": "adam"}, {"solver": "sgd"}):
        ours, their = fitted(MLPClassifier, X, SPECIES, max_iter=20, random_state=0, **parameters)
        assert_same(ours, their, X, 1e-3)
        assert {array.dtype.name for array in ours.coefs_ + ours.intercepts_} == {"float32"}
        np.testing.assert_allclose(ours.predict_proba(IRIS), their.predict_proba(IRIS), rtol=1e-3)
        assert ours.predict_proba(IRIS).dtype == their.predict_proba(IRIS).dtype == "float64"
        assert ours.predict_proba(IRIS.astype(int)).dtype == their.predict_proba(IRIS.astype(int)).dtype
    regressor, their = fitted(MLPRegressor, X, SPECIES.astype("float32"), max_iter=20, random_state=0)
    assert_same(regressor, their, X, 1e-3)


@pytest.mark.parametrize("parameters", [{}, {"solver": "sgd"}, {"solver": "lbfgs"}, {"early_stopping": True}])
def test_warm_start_agrees(parameters):
    pair = [
        kind(warm_start=True, max_iter=4, random_state=0, n_iter_no_change=50, **parameters)
        for kind in (MLPClassifier, theirs.MLPClassifier)
    ]
    for _ in range(3):
        for estimator in pair:
            estimator.fit(IRIS, SPECIES)
        assert_same(*pair, IRIS)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_agrees(solver):
    pair = [kind(solver=solver, random_state=0) for kind in (MLPClassifier, theirs.MLPClassifier)]
    for begin in (0, 50, 100, 30):
        for estimator in pair:
            estimator.partial_fit(IRIS[begin : begin + 50], SPECIES[begin : begin + 50], classes=[0, 1, 2])
        assert_same(*pair, IRIS)
    pair = [estimator.fit(IRIS, SPECIES).partial_fit(IRIS, SPECIES) for estimator in pair]
    assert_same(*pair, IRIS)


@pytest.mark.parametrize("save", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_a_copy_goes_on_as_the_original(save, tmp_path):
    for solver in ("adam", "sgd", "rmsprop"):
        original = MLPRegressor(solver=solver, random_state=0).partial_fit(X_PLANE, Y_PLANE)
        joblib.dump(original, tmp_path / "mlp")
        copies = [save(original), save(save(original)), joblib.load(tmp_path / "mlp")]
        for estimator in (original, *copies):
            estimator.partial_fit(X_PLANE, Y_PLANE).partial_fit(X_PLANE, Y_PLANE)
        for estimator in copies:
            for mine, other in zip(estimator.coefs_, original.coefs_, strict=True):
                np.testing.assert_array_equal(mine, other)


def test_a_pickle_holds_the_weights_once():
    big = MLPRegressor(hidden_layer_sizes=(1000,), max_iter=1).fit(X_PLANE, Y_PLANE)
    their = theirs.MLPRegressor(hidden_layer_sizes=(1000,), max_iter=1).fit(X_PLANE, Y_PLANE)
    assert len(pickle.dumps(big)) < len(pickle.dumps(their)) + 5000


def test_verbose_says_the_same(capsys):
    said = []
    for kind in (MLPClassifier, theirs.MLPClassifier):
        kind(verbose=True, max_iter=60, random_state=0, tol=0.1, n_iter_no_change=2).fit(IRIS, SPECIES)
        kind(verbose=True, max_iter=30, random_state=0, early_stopping=True, tol=0.5, n_iter_no_change=2).fit(
            IRIS, SPECIES
        )
        shrinking = {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1}
        kind(verbose=True, max_iter=30, random_state=0, **shrinking).fit(IRIS, SPECIES)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "Stopping." in said[0] and "Validation score" in said[0] and "Setting learning rate to" in said[0]


BAD = [
    {"hidden_layer_sizes": (3, 0)},
    {"alpha": -1},
    {"learning_rate": "fast"},
    {"max_iter": 0},
    {"batch_size": 500},  # a warning
    {"early_stopping": True, "validation_fraction": 0.01},
    {"learning_rate_init": 1e300, "solver": "sgd"},
]


@pytest.mark.parametrize("parameters", BAD, ids=str)
def test_errors_and_warnings_are_scikit_learns(parameters):
    heard = []
    for kind in (MLPRegressor, theirs.MLPRegressor):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                kind(**{"max_iter": 5, "random_state": 0, **parameters}).fit(X_PLANE, Y_PLANE)
                error = None
            except ValueError as refusal:
                error = type(refusal), str(refusal)
        heard.append((error, {(w.category, str(w.message)) for w in caught} - {None}))
    of_numpy = {item for _, found in heard for item in found if item[0] is RuntimeWarning}  # overflow in its products
    assert heard[0][0] == heard[1][0]
    assert heard[0][1] - of_numpy == heard[1][1] - of_numpy


def test_an_interrupted_fit_keeps_what_it_has():
    class Impatient(MLPClassifier):
        def _update_no_improvement_count(self, *args):
            super()._update_no_improvement_count(*args)
            if self.n_iter_ == 3:
                raise KeyboardInterrupt

    with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
        estimator = Impatient(random_state=0).fit(IRIS, SPECIES)
    assert estimator.n_iter_ == 3
    estimator.predict(IRIS)


# ------------------------------------------------------------------------------------------------------ prediction


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("labels", ["numbers", "strings", "one class"])
def test_predictions_of_any_labels_agree(data, labels):
    kind, X, y = DATA[data]
    if labels != "numbers":
        if kind is MLPRegressor or y.ndim == 2:
            pytest.skip("labels are numbers here")
        y = np.array(["one", "two", "three"], object)[y] if labels == "strings" else np.full(len(y), "only")
    ours, their = fitted(kind, X, y, max_iter=2, random_state=0)
    for rows in (X, X[:1], X[:1].astype("float32"), np.asfortranarray(X[:7]), X.tolist()[:2]):
        mine, other = ours.predict(rows), their.predict(rows)
        assert mine.shape == other.shape and mine.dtype == other.dtype
        if kind is MLPRegressor:
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)
        else:
            np.testing.assert_array_equal(mine, other)
            mine, other = ours.predict_log_proba(rows), their.predict_log_proba(rows)
            np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "score"])
def test_bad_input_is_refused_alike(method):
    pair = fitted(MLPClassifier, IRIS, SPECIES, max_iter=2, random_state=0)
    with_nan = IRIS[:3].copy()
    with_nan[1, 2] = np.nan
    for rows in (IRIS[:2, :3], with_nan, IRIS[0], np.empty((0, 4)), IRIS[:2].astype(str) + "x", IRIS[:2] + 1j):
        said = []
        for estimator in pair:
            with pytest.raises(ValueError) as refusal:
                getattr(estimator, method)(*((rows, SPECIES[: len(rows)]) if method == "score" else (rows,)))
            said.append(str(refusal.value))
        assert said[0] == said[1]


def test_prediction_needs_a_fit():
    for estimator in (MLPClassifier(), MLPRegressor()):
        for method in ("predict", "predict_proba", "to_sklearn")[:: 2 if isinstance(estimator, MLPRegressor) else 1]:
            with pytest.raises(NotFittedError):
                getattr(estimator, method)(*(() if method == "to_sklearn" else (IRIS,)))
        with pytest.raises(ValueError, match="sample_weight"):
            estimator.fit(IRIS, SPECIES, sample_weight=[1.0])
        with pytest.raises(NotFittedError, match="not fitted yet"):
            estimator.predict(IRIS)


def test_names_of_features_are_kept_and_checked():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    ours = MLPClassifier(max_iter=2).fit(frame, SPECIES)
    assert list(ours.feature_names_in_) == list("abcd")
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        ours.predict(IRIS[:1])
    with pytest.raises(ValueError, match="feature names should match"):
        ours.predict(frame[list("dcba")])


# ------------------------------------------------------------------------------------------- in scikit-learn's world


@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100), MLPRegressor(solver="lbfgs")])
def test_estimator_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_parameters_are_scikit_learns_and_ours():
    for kind in (MLPClassifier, MLPRegressor):
        their = peer_of(kind)().get_params()
        ours = kind().get_params()
        assert {name: ours[name] for name in their} == their
        assert repr(kind()) == repr(peer_of(kind)()) and repr(kind(alpha=0.5)) == f"{kind.__name__}(alpha=0.5)"
        assert kind().__sklearn_tags__() == peer_of(kind)().__sklearn_tags__()
        changed = clone(kind(dropout=[0.1], batch_norm=True).set_params(clipnorm=2.0))
        assert (changed.dropout, changed.batch_norm, changed.clipnorm) == ([0.1], True, 2.0)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_grid_search_agrees(backend):
    grid = {"hidden_layer_sizes": [(4,), (6, 3)], "alpha": [1e-4, 1e-1]}
    scores = []
    for kind, jobs in ((MLPClassifier, 2), (theirs.MLPClassifier, 1)):
        with joblib.parallel_backend(backend, n_jobs=jobs):
            search = GridSearchCV(kind(max_iter=15, random_state=0), grid, cv=2).fit(IRIS, SPECIES)
        scores.append(search.cv_results_["mean_test_score"])
    np.testing.assert_allclose(*scores)


def test_workers_do_not_crowd_the_machine():
    cores = joblib.cpu_count()
    inside = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(cdl.config.num_threads)() for _ in range(2))
    assert max(inside) <= max(1, cores // 2)


def test_pipelines_ensembles_and_calibration():
    mlp = make_pipeline(StandardScaler(), MLPClassifier(max_iter=30, random_state=0))
    assert CalibratedClassifierCV(mlp, cv=2).fit(IRIS, SPECIES).score(IRIS, SPECIES) > 0.8
    assert BaggingClassifier(mlp, 2, random_state=0).fit(IRIS, SPECIES).score(IRIS, SPECIES) > 0.8
    assert cross_val_predict(mlp, IRIS, SPECIES, method="predict_proba", cv=3).shape == (150, 3)
    voting = VotingRegressor([("one", MLPRegressor(max_iter=30)), ("two", MLPRegressor(max_iter=30))])
    assert voting.fit(X_PLANE, COUNTS).predict(X_PLANE).shape == (120,)


def test_metadata_is_routed():
    weight = np.linspace(0.1, 2, len(IRIS))
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = MLPClassifier(max_iter=5, random_state=0).set_fit_request(sample_weight=True, X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), mlp)
        pipeline.set_params(transform_input=["X_val"])
        pipeline.fit(IRIS, SPECIES, sample_weight=weight, X_val=IRIS[:9], y_val=SPECIES[:9])
    Z = StandardScaler().fit(IRIS).transform(IRIS)
    alone = MLPClassifier(max_iter=5, random_state=0).fit(Z, SPECIES, weight, X_val=Z[:9], y_val=SPECIES[:9])
    np.testing.assert_allclose(pipeline[-1].validation_loss_curve_, alone.validation_loss_curve_)


# ------------------------------------------------------------------------------------------------ to and fro, import


@pytest.mark.parametrize("data", DATA)
def test_weights_move_both_ways(data):
    kind, X, y = DATA[data]
    ours = kind(max_iter=5, random_state=0, activation="tanh").fit(X, y)
    theirs_now = ours.to_sklearn()
    assert type(theirs_now) is peer_of(kind)
    back = kind.from_sklearn(theirs_now)
    for other in (theirs_now, back):
        np.testing.assert_allclose(ours.predict(X).astype(float), other.predict(X).astype(float), rtol=1e-9)
        assert other.get_params().items() <= ours.get_params().items()
    theirs_now.partial_fit(X, y)
    back.partial_fit(X, y)
    ours.predict(X)
    assert not np.shares_memory(ours.coefs_[0], back.coefs_[0])


def test_from_sklearn_takes_its_own_kind():
    with pytest.raises(TypeError, match=r"MLPClassifier\.from_sklearn takes a sklearn.neural_network"):
        MLPClassifier.from_sklearn(theirs.MLPRegressor())
    with pytest.raises(NotFittedError):
        MLPClassifier.from_sklearn(theirs.MLPClassifier())


def test_scikit_learns_private_parts_are_there():
    peer.check()

    class Another:
        __name__ = "Another"

    with pytest.raises(RuntimeError, match=r"made for scikit-learn 1\.9\. In version .*_check_solver does not exist"):
        peer.check(Another())


def run(script, **environment):
    env = os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(cdl.__file__)), **environment}
    return subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=120)


def test_import_of_cdl_does_not_import_scikit_learn():
    result = run("import sys, cdl; assert 'sklearn' not in sys.modules; print(cdl.sklearn.MLPClassifier.__name__)")
    assert result.stdout.strip() == "MLPClassifier", result.stderr


def test_without_scikit_learn_the_extra_is_named():
    result = run("import sys; sys.modules['sklearn'] = None; import cdl; cdl.sklearn")
    assert 'ImportError: cdl.sklearn needs scikit-learn: pip install "cdlearn[sklearn]"' in result.stderr


def test_unknown_parts_of_cdl_are_refused():
    with pytest.raises(AttributeError, match="module 'cdl' has no attribute 'sclearn'"):
        cdl.sclearn  # noqa: B018


def test_stopping_is_announced_as_scikit_learn_does():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\) reached"):
        MLPClassifier(max_iter=3).fit(IRIS, SPECIES)
