"""Metrics of counts above thresholds, against definitions written out; and all new metrics as a user meets them."""

import numpy as np
import pytest

import cdl
from cdl import Sequential, layers, metrics

RNG = np.random.default_rng(0)
T = RNG.integers(0, 2, size=(40, 3))
P = RNG.integers(0, 41, size=(40, 3)).astype("float32") / 40
W = RNG.uniform(0.1, 2, size=(40, 3))


def by_definition(name, threshold, t, p, w):
    said_yes, is_yes = p > threshold, t == 1
    right = said_yes == is_yes
    return w[(right if name.startswith("True") else ~right) & (said_yes == name.endswith("Positives"))].sum()


@pytest.mark.parametrize("name", ["TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"])
@pytest.mark.parametrize("thresholds", [[0.5], [0.75, 0.1, 0.1, 1.0, 0.0], np.linspace(0, 1, 11).tolist()])
def test_counts(name, thresholds):
    metric = getattr(metrics, name)(thresholds if len(thresholds) > 1 else None)
    for part in (slice(0, 13), slice(13, None)):
        metric.update_state(T[part], P[part], W[part])
    expected = [by_definition(name, np.float32(threshold), T, P, W) for threshold in thresholds]
    np.testing.assert_allclose(metric.result(), expected if len(thresholds) > 1 else expected[0], rtol=1e-6, atol=1e-9)
    metric.reset_state()
    assert not np.any(metric.result())


def test_weights_align_with_the_first_axes():
    metric = metrics.TruePositives()
    t, p = np.ones((2, 3, 4)), np.ones((2, 3, 4))
    for weight, expected in [(2, 48), ([1, 0], 12), ([[1, 0, 0], [1, 1, 0]], 12), (np.ones((2, 1, 4)), 24)]:
        metric.reset_state()
        assert metric(t, p, weight) == expected
    with pytest.raises(ValueError, match=r"sample_weight has shape \(3,\), but what it weighs has shape \(2, 3, 4\)"):
        metric(t, p, [1, 2, 3])


def test_precision_and_recall():
    t, p = [0, 1, 1, 1], [1, 0, 1, 1]
    assert metrics.Precision()(t, p) == metrics.Recall()(t, p) == 2 / 3
    assert metrics.Precision()(t, p, sample_weight=[0, 0, 1, 0]) == 1
    assert metrics.Precision()([0, 0], [0.1, 0.1]) == metrics.Recall()([0, 0], [0.9, 0.1]) == 0
    assert metrics.Precision(thresholds=[0.2, 0.6])([1, 0], [0.9, 0.5]).tolist() == [0.5, 1]
    # Of equal scores the first are the best; what is not among the best is not predicted.
    assert metrics.Precision(top_k=2)([[0, 1, 1]], [[0.5, 0.5, 0.5]]) == 0.5
    assert metrics.Recall(top_k=1)([[0, 1, 1]], [[0.5, 0.7, 0.6]]) == 0.5
    assert metrics.Recall(class_id=1)([[0, 1], [1, 1]], [[0.9, 0.9], [0.1, 0.1]]) == 0.5


def test_not_a_number_is_no_prediction():
    t, p = [1, 1, 0], np.array([np.nan, 0.9, 0.1])
    assert metrics.Recall()(t, p) == 0.5
    assert metrics.Recall([0.0, 0.25, 0.5, 0.75, 1.0])(t, p).tolist() == [0.5, 0.5, 0.5, 0.5, 0]
    assert np.isfinite(metrics.AUC()(t, p))


@pytest.mark.parametrize("specificity", [0.0, 0.3, 0.7, 1.0])
def test_operating_points(specificity):
    t, p = T[:, 0], P[:, 0]
    thresholds = np.linspace(0, 1, 41, dtype="float32")
    points = [((p <= s)[t == 0].mean(), (p > s)[t == 1].mean()) for s in thresholds]
    expected = max([sensitivity for spec, sensitivity in points if spec >= specificity], default=0)
    metric = metrics.SensitivityAtSpecificity(specificity, num_thresholds=41)
    assert metric(t, p) == pytest.approx(expected)
    metric = metrics.SpecificityAtSensitivity(specificity, num_thresholds=41)
    expected = max([spec for spec, sensitivity in points if sensitivity >= specificity], default=0)
    assert metric(t, p) == pytest.approx(expected)


def test_precision_at_recall_and_back():
    t, p = [0, 0, 1, 1], [0, 0.5, 0.3, 0.9]
    assert metrics.PrecisionAtRecall(0.5)(t, p) == 1
    assert metrics.PrecisionAtRecall(0.8)(t, p) == pytest.approx(2 / 3)
    assert metrics.RecallAtPrecision(0.8)(t, p) == 0.5
    assert metrics.RecallAtPrecision(0.6)(t, p) == 1
    assert metrics.RecallAtPrecision(1.0)([0, 0], [0.4, 0.6]) == 0


@pytest.mark.parametrize("weighted", [False, True])
def test_area_under_roc_is_the_chance_of_the_right_order(weighted):
    t, p, w = T[:, 0], P[:, 0], W[:, 0] if weighted else np.ones(40)
    order = (p[t == 1, None] > p[t == 0]) + 0.5 * (p[t == 1, None] == p[t == 0])
    expected = np.average(order, weights=np.outer(w[t == 1], w[t == 0]))
    metric = metrics.AUC(thresholds=(np.arange(40) + 0.5) / 40)
    metric.update_state(t[:7], p[:7], w[:7] if weighted else None)
    assert metric(t[7:], p[7:], w[7:] if weighted else None) == pytest.approx(expected, rel=1e-9)


def test_auc_of_labels_is_their_mean():
    areas = [metrics.AUC(curve="PR")(T[:, i], P[:, i]) for i in range(3)]
    assert metrics.AUC(curve="PR", multi_label=True)(T, P) == pytest.approx(np.mean(areas))
    weighted = metrics.AUC(curve="PR", multi_label=True, label_weights=[1, 2, 0])
    assert weighted.result() == 0
    weighted.update_state(T[:9], P[:9])
    assert weighted.true_positives.shape == (200, 3)
    assert weighted(T[9:], P[9:]) == pytest.approx(np.average(areas, weights=[1, 2, 0]))


def test_auc_of_logits():
    logits = np.log(np.clip(P, 0.01, 0.99) / (1 - np.clip(P, 0.01, 0.99)))
    assert metrics.AUC(from_logits=True)(T, logits) == pytest.approx(metrics.AUC()(T, np.clip(P, 0.01, 0.99)), abs=1e-2)


@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
def test_lower_and_upper_sums(curve):
    low, mid, high = (metrics.AUC(21, curve, method)(T, P) for method in ("minoring", "interpolation", "majoring"))
    assert low < mid < high


MISTAKES = {
    "shapes": (lambda: metrics.Precision()(np.ones(3), np.ones(2)), r"\(3,\).*\(2,\)"),
    "text": (lambda: metrics.Precision()(["a"], [1.0]), "y_true"),
    "class": (lambda: metrics.Recall(class_id=3)(T, P), "class_id=3.*3 classes"),
    "best": (lambda: metrics.Recall(top_k=4)(T, P), "top_k=4"),
    "labels": (lambda: metrics.AUC(multi_label=True, num_labels=2)(T, P), "2 labels.*(40, 3)"),
    "label weights": (lambda: metrics.AUC(multi_label=True, label_weights=[1, 2])(T, P), r"\(2,\).*3 labels"),
    "flat label weights": (lambda: metrics.AUC(label_weights=[1, 2])(T, P), "label_weights"),
    "rows of labels": (lambda: metrics.AUC(multi_label=True)(T[0], P[0]), r"\(samples, labels\)"),
    "threshold": (lambda: metrics.Precision([0.5, 1.5]), r"\[1.5\]"),
    "curve": (lambda: metrics.AUC(curve="ROCK"), "ROCK"),
}


@pytest.mark.parametrize(("mistake", "text"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes(mistake, text):
    with pytest.raises((ValueError, TypeError), match=text):
        mistake()


# ------------------------------------------------------------------------------------------------------------ in models


def test_in_fit_and_evaluate():
    cdl.utils.set_random_seed(1)
    x = RNG.normal(size=(200, 2)).astype("float32")
    y = (x @ [1.0, -2.0] > 0).astype("float32")
    model = Sequential([layers.Input((2,)), layers.Dense(1, activation="sigmoid")])
    wanted = ["AUC", metrics.Precision(name="p"), metrics.Recall(name="r"), metrics.BinaryIoU(name="iou")]
    model.compile(cdl.optimizers.Adam(0.1), "binary_crossentropy", metrics=[*wanted, metrics.R2Score])
    history = model.fit(x, y, epochs=8, validation_split=0.25, verbose=0).history
    assert {"AUC", "p", "r", "iou", "r2_score", "val_AUC", "val_r2_score"} <= set(history)
    assert history["AUC"][-1] > 0.97 > history["AUC"][0]
    logs = model.evaluate(x, y, batch_size=32, verbose=0, return_dict=True)
    predicted = model.predict(x, verbose=0)[:, 0]
    assert logs["AUC"] == pytest.approx(metrics.AUC()(y, predicted), abs=1e-6)
    assert logs["p"] == pytest.approx((y[predicted > 0.5] == 1).mean())
    assert logs["r"] == pytest.approx((predicted[y == 1] > 0.5).mean())
    assert logs["r2_score"] == pytest.approx(1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2), abs=1e-5)


def test_classes_and_names_do_not_use_up_names():
    cdl.utils.clear_session()
    x = np.ones((4, 1), "float32")
    model = Sequential([layers.Input((1,)), layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "mse", metrics=[metrics.Precision, "Recall"])
    assert set(model.fit(x, x, verbose=0).history) == {"loss", "precision", "Recall"}
    assert metrics.Precision().name == "precision_1"


def test_masked_steps_do_not_count():
    x = RNG.normal(size=(5, 4, 2)).astype("float32")
    x[0, 2:] = x[3, 1:] = 0
    y = RNG.integers(0, 2, size=(5, 4, 1))
    counted = np.any(x != 0, axis=-1)
    weight = RNG.uniform(0.5, 2, size=5).astype("float32")
    model = Sequential([layers.Masking(), layers.Dense(1, activation="sigmoid")])
    named = {"precision": metrics.Precision, "auc": metrics.AUC, "binary_io_u": metrics.BinaryIoU}
    model.compile(
        "sgd", "mse", metrics=[make(name=name) for name, make in named.items()],
        weighted_metrics=[make(name="weighted_" + name) for name, make in named.items()],
    )  # fmt: skip
    logs = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    p = model.predict(x, verbose=0)
    for name, make in named.items():
        assert logs[name] == pytest.approx(make()(y[counted], p[counted]), rel=1e-6)
        each = np.broadcast_to(weight[:, None], (5, 4))[counted]
        assert logs["weighted_" + name] == pytest.approx(make()(y[counted], p[counted], each), rel=1e-6)
