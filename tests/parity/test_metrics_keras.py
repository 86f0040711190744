"""Metrics beside Keras: streams of small batches, with and without weights; configs, names and errors."""

import json

import numpy as np
import pytest
from keras_peer import assert_same_mistake, keras

import cdl

pytestmark = pytest.mark.filterwarnings("ignore")
RNG = np.random.default_rng


def scores(*shape, seed=0):
    """Numbers in [0, 1]; some of them on thresholds, at the ends and equal."""
    return np.round(RNG(seed).uniform(size=shape), 2).astype("float32")


def labels(*shape, seed=1):
    return RNG(seed).integers(0, 2, size=shape).astype("float32")


def normal(*shape, seed=0):
    return RNG(seed).normal(size=shape).astype("float32")


ONE, ROWS, STEPS = (12,), (12, 3), (4, 6, 3)
BINARY = [
    *((name, {}, shape) for name in ("TruePositives", "TrueNegatives") for shape in (ONE, ROWS)),
    *((name, {"thresholds": [0.7, 0.1, 0.35]}, ROWS) for name in ("FalsePositives", "FalseNegatives")),
    ("TruePositives", {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}, ROWS),
    ("FalseNegatives", {"thresholds": (np.arange(11) / 10).tolist()}, ONE),
    ("Precision", {}, ONE),
    ("Precision", {"thresholds": 0.0}, ROWS),
    ("Precision", {"thresholds": [0.2, 0.8, 0.2]}, STEPS),
    ("Precision", {"top_k": 2}, ROWS),
    ("Precision", {"top_k": 2, "thresholds": 0.6}, STEPS),
    ("Precision", {"top_k": 3}, ONE),
    ("Precision", {"class_id": 1}, ROWS),
    ("Recall", {"class_id": 2, "top_k": 1}, ROWS),
    ("Recall", {"class_id": 0, "thresholds": [0.0, 0.5, 1.0]}, STEPS),
    ("Recall", {"thresholds": 1}, ROWS),
    ("Recall", {}, STEPS),
    ("SensitivityAtSpecificity", {"specificity": 0.5}, ONE),
    ("SensitivityAtSpecificity", {"specificity": 0.0, "num_thresholds": 1}, ROWS),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6, "class_id": 1}, ROWS),
    ("SpecificityAtSensitivity", {"sensitivity": 1, "num_thresholds": 2}, STEPS),
    ("PrecisionAtRecall", {"recall": 0.4, "num_thresholds": 7}, ROWS),
    ("RecallAtPrecision", {"precision": 0.55}, ROWS),
    ("RecallAtPrecision", {"precision": 1.0}, ONE),
    *(
        ("AUC", {"curve": curve, "summation_method": method, **more}, ROWS)
        for curve in ("ROC", "PR", "PRGAIN")
        for method in ("interpolation", "minoring", "Majoring")
        for more in ({}, {"multi_label": True, "label_weights": [0.5, 1.0, 2.0]})
    ),
    ("AUC", {"num_thresholds": 2}, ONE),
    ("AUC", {"num_thresholds": 21, "label_weights": [0.5, 0.0, 2.0]}, ROWS),
    ("AUC", {"thresholds": [0.9, 0.3, 0.31]}, STEPS),
    ("AUC", {"thresholds": [0.25, 0.5, 0.75], "curve": "pr"}, ONE),
    ("AUC", {"thresholds": [0.1, 0.6], "multi_label": True, "num_labels": 3}, ROWS),
    ("AUC", {"from_logits": True}, ONE),
    ("BinaryIoU", {"dtype": "float32"}, ROWS),
    ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.2, "dtype": "float32"}, STEPS),
    *(
        ("FBetaScore", {"average": average, "beta": 2.0, "threshold": threshold}, ROWS)
        for average in (None, "micro", "macro", "weighted")
        for threshold in (None, 0.4)
    ),
    ("F1Score", {}, ROWS),
    ("F1Score", {"average": "weighted", "threshold": 1.0}, ROWS),
]


def stream(shape, make_true, make_pred, weights):
    """Three batches, the last a smaller one."""
    for seed in range(3):
        y_true, y_pred = make_true(*shape, seed=seed + 10), make_pred(*shape, seed=seed)
        weight = None
        if weights is not None:
            rows = shape if weights == "each" else shape[:-1] or shape
            weight = RNG(seed + 20).uniform(0.1, 2, size=rows).astype("float32") * (RNG(seed).uniform(size=rows) > 0.2)
        n = len(y_true) - (seed == 2)
        yield y_true[:n], y_pred[:n], None if weight is None else weight[:n]


def compare(name, arguments, batches, tolerance=3e-6):
    theirs, ours = getattr(keras.metrics, name)(**arguments), getattr(cdl.metrics, name)(**arguments)
    for epoch in range(2):
        for y_true, y_pred, weight in batches:
            expected = np.asarray(theirs(y_true, y_pred, sample_weight=weight))
            result = ours(y_true, y_pred, sample_weight=weight)
            assert type(result) is float if expected.ndim == 0 else result.dtype == expected.dtype
            np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance)
        theirs.reset_state()
        ours.reset_state()
        batches = list(batches)[::-1]
        assert epoch or ours(*batches[0]) is not None
        ours.reset_state()


WEIGHTS = [None, "rows", "each"]


def unfit(name, arguments):
    """The weights that Keras refuses."""
    return "rows" if name == "BinaryIoU" else "each" if "class_id" in arguments or "Score" in name else "none"


@pytest.mark.parametrize(
    ("name", "arguments", "shape", "weights"),
    [(*case, weights) for case in BINARY for weights in WEIGHTS if weights != unfit(*case[:2])],
)
def test_labels_and_scores(name, arguments, shape, weights):
    compare(name, arguments, list(stream(shape, labels, scores, weights)))


def classes(*shape, seed=0):
    return RNG(seed).integers(-1, 5, size=shape)


def one_hot(*shape, seed=0):
    return np.eye(4, dtype="float32")[RNG(seed).integers(0, 4, size=shape)]


def four_scores(*shape, seed=0):
    return scores(*shape, 4, seed=seed)


REGIONS = [
    ("IoU", {"num_classes": 4, "target_class_ids": [0, 2]}, classes, classes),
    ("IoU", {"num_classes": 5, "target_class_ids": (1,), "ignore_class": 2}, classes, classes),
    ("IoU", {"num_classes": 4, "target_class_ids": [3], "sparse_y_pred": False}, classes, four_scores),
    ("MeanIoU", {"num_classes": 6, "ignore_class": -1}, classes, classes),
    ("MeanIoU", {"num_classes": 5, "sparse_y_true": False}, one_hot, classes),
    ("OneHotIoU", {"num_classes": 4, "target_class_ids": [0, 3]}, one_hot, four_scores),
    ("OneHotIoU", {"num_classes": 4, "target_class_ids": [0], "sparse_y_pred": True}, one_hot, classes),
    ("OneHotMeanIoU", {"num_classes": 4, "ignore_class": 1}, one_hot, four_scores),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "arguments", "make_true", "make_pred"), REGIONS)
def test_regions(name, arguments, make_true, make_pred, weighted):
    shape = (3, 4, 2)
    batches = []
    for seed in range(3):
        weight = RNG(seed).uniform(0.1, 2, size=shape).astype("float32") if weighted else None
        batches.append((make_true(*shape, seed=seed), make_pred(*shape, seed=seed + 5), weight))
    compare(name, {**arguments, "dtype": "float32"} if weighted else arguments, batches)


REGRESSION = [
    ("R2Score", {}, (8, 1)),
    ("R2Score", {}, (8, 3)),
    ("R2Score", {"class_aggregation": None}, (8, 3)),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, (8, 3)),
    ("R2Score", {"num_regressors": 2}, (8, 3)),
    ("R2Score", {"class_aggregation": None, "num_regressors": 2}, (8, 3)),
    ("R2Score", {"num_regressors": 500}, (8, 3)),
    ("PearsonCorrelation", {}, (8, 5)),
    ("PearsonCorrelation", {"axis": 1}, (4, 6, 3)),
    ("ConcordanceCorrelation", {}, (8, 5)),
    ("ConcordanceCorrelation", {"axis": 1}, (4, 6, 3)),
]


@pytest.mark.parametrize(
    ("name", "arguments", "shape", "weights"),
    [(*case, weights) for case in REGRESSION for weights in WEIGHTS if weights != "each" or case[0] == "R2Score"],
)
def test_regression(name, arguments, shape, weights):
    batches = list(stream(shape, normal, lambda *shape, seed: normal(*shape, seed=seed) + 0.5, weights))
    if len(shape) == 3:  # a value for each of the last axis, where there is one
        batches = [(t, p, None if w is None else w[:, :3]) for t, p, w in batches]
    compare(name, arguments, batches, 2e-5)


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("name", ["pearson_correlation", "concordance_correlation"])
def test_correlation_functions(name, axis):
    t, p = normal(4, 6, 5), normal(4, 6, 5, seed=1)
    ours = getattr(cdl.metrics, name)(t, p, axis)
    np.testing.assert_allclose(ours, getattr(keras.metrics, name)(t, p, axis), rtol=2e-5, atol=1e-6)


def test_a_column_of_equal_targets():
    for y_pred in ([[1.0], [2.0]], [[1.0], [1.0]]):
        compare("R2Score", {}, [(np.ones((2, 1), "float32"), np.array(y_pred, "float32"), None)])


@pytest.mark.parametrize("targets", [(12,), (12, 1)])
@pytest.mark.parametrize("outputs", [(12,), (12, 1)])
@pytest.mark.parametrize("weights", [None, (), (12,)])
def test_a_last_axis_of_one(targets, outputs, weights):
    weight = None if weights is None else RNG(3).uniform(size=weights).astype("float32")
    y_true, y_pred = labels(*targets), scores(*outputs)
    for name in ("Precision", "AUC", "BinaryIoU", "R2Score"):
        if name == "R2Score" and targets == outputs == (12,):
            continue
        compare(name, {"dtype": "float32"}, [(y_true, y_pred, weight)])


# --------------------------------------------------------------------------------------------------- configs and names


@pytest.mark.parametrize(
    ("name", "arguments"),
    [(name, arguments) for name, arguments, *_ in BINARY + REGIONS + REGRESSION if "label_weights" not in arguments]
    + [(name, {"num_classes": 3}) for name in ("MeanIoU", "OneHotMeanIoU")]
    + [("BinaryIoU", {}), ("IoU", {"num_classes": 3, "target_class_ids": (0, 1)})],
)
def test_configs_are_exchanged(name, arguments):
    theirs = getattr(keras.metrics, name)(**arguments, name="m")
    ours = getattr(cdl.metrics, name)(**arguments, name="m")
    config = cdl.metrics.serialize(ours)
    assert config == keras.metrics.serialize(theirs)
    again = cdl.metrics.deserialize(json.loads(json.dumps(config)))
    assert json.dumps(cdl.metrics.serialize(again)) == json.dumps(config)


def test_label_weights_survive_their_config():
    metric = cdl.metrics.AUC(multi_label=True, label_weights=[1.0, 3.0])
    again = cdl.metrics.deserialize(json.loads(json.dumps(cdl.metrics.serialize(metric))))
    assert again.label_weights.tolist() == [1.0, 3.0]
    assert keras.metrics.AUC(**metric.get_config()).label_weights.tolist() == [1.0, 3.0]


def test_default_names():
    keras.utils.clear_session()
    cdl.utils.clear_session()
    for name in sorted({name for name, *_ in BINARY + REGIONS + REGRESSION}):
        arguments = next(given for known, given, *_ in BINARY + REGIONS + REGRESSION if known == name)
        assert getattr(cdl.metrics, name)(**arguments).name == getattr(keras.metrics, name)(**arguments).name


@pytest.mark.parametrize(
    "identifier",
    [
        *("AUC", "auc", "Precision", "recall", "f1_score", "F1Score", "f_beta_score", "r2_score", "binary_io_u"),
        *("true_positives", "FalseNegatives", "pearson_correlation", "ConcordanceCorrelation", "BinaryIoU"),
    ],
)
def test_names(identifier):
    ours, theirs = cdl.metrics.get(identifier), keras.metrics.get(identifier)
    assert type(ours).__name__ == type(theirs).__name__


MISTAKES = {
    "threshold": lambda m: m.Precision(2.0),
    "thresholds": lambda m: m.FalsePositives([0.5, -0.1]),
    "no threshold": lambda m: m.TruePositives([None]),
    "top_k": lambda m: m.Precision(top_k=5)([0, 1], [0.1, 0.2]),
    "class_id": lambda m: m.Recall(class_id=0)([0, 1], [0.1, 0.2]),
    "specificity": lambda m: m.SensitivityAtSpecificity(2),
    "sensitivity": lambda m: m.SpecificityAtSensitivity(-1),
    "recall": lambda m: m.PrecisionAtRecall(1.5),
    "precision": lambda m: m.RecallAtPrecision(-0.5),
    "num_thresholds": lambda m: m.RecallAtPrecision(0.5, num_thresholds=0),
    "one threshold": lambda m: m.AUC(num_thresholds=1),
    "curve": lambda m: m.AUC(curve="x"),
    "summation_method": lambda m: m.AUC(summation_method="x"),
    "num_labels": lambda m: m.AUC(num_labels=3),
    "multi_label": lambda m: m.AUC(multi_label=True)(np.ones(2), np.ones(2)),
    "average": lambda m: m.F1Score("x"),
    "beta": lambda m: m.FBetaScore(beta=1),
    "negative beta": lambda m: m.FBetaScore(beta=-1.0),
    "F threshold": lambda m: m.F1Score(threshold=1),
    "large F threshold": lambda m: m.F1Score(threshold=1.5),
    "F of numbers": lambda m: m.F1Score()(np.ones(2), np.ones(2)),
    "target class": lambda m: m.IoU(2, [2]),
    "class_aggregation": lambda m: m.R2Score("x"),
    "num_regressors": lambda m: m.R2Score(num_regressors=-1),
    "R2 of numbers": lambda m: m.R2Score()(np.ones(2), np.ones(2)),
    "no num_classes": lambda m: m.get("mean_io_u"),
    "unknown": lambda m: m.get("fbeta_score"),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_raise_the_same_class(mistake):
    assert_same_mistake(lambda library: mistake(library.metrics))


# ----------------------------------------------------------------------------------------------------------- in compile


def test_in_compile():
    """The same names and numbers in the logs, where both libraries have the same weights."""
    x, y = normal(60, 4), labels(60, 1)
    weight = RNG(9).uniform(0.5, 2, size=60).astype("float32")
    kernel, bias = normal(4, 1, seed=5), normal(1, seed=6)

    def logs(library):
        library.utils.clear_session()
        m = library.metrics
        model = library.Sequential([library.layers.Input((4,)), library.layers.Dense(1, activation="sigmoid")])
        model.compile(
            "sgd",
            "binary_crossentropy",
            metrics=["AUC", m.Precision(), m.Recall, m.AUC(curve="PR"), "binary_io_u", m.R2Score(), m.F1Score("macro")],
            weighted_metrics=[m.Precision(), "AUC", m.TruePositives([0.4])],
        )
        model.set_weights([kernel, bias])
        return model.evaluate(x, y, sample_weight=weight, batch_size=16, verbose=0, return_dict=True)

    theirs, ours = logs(keras), logs(cdl)
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-4, err_msg=name)
