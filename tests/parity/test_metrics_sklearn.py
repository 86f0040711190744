"""Metrics beside scikit-learn, which sees all samples at once."""

import numpy as np
import pytest

from cdl import metrics

sklearn = pytest.importorskip("sklearn.metrics", exc_type=ImportError)
RNG = np.random.default_rng(4)
N = 400
LABELS = RNG.integers(0, 2, size=(N, 3)).astype("float32")
SCORES = np.round(np.clip(0.3 * LABELS + RNG.uniform(0, 0.8, size=(N, 3)), 0, 1), 2).astype("float32")
WEIGHTS = RNG.uniform(0.1, 2, size=N)
WEIGHTED = pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighted"])


def streamed(metric, y_true, y_pred, weight=None, size=32):
    for i in range(0, N, size):
        metric.update_state(
            y_true[i : i + size], y_pred[i : i + size], None if weight is None else weight[i : i + size]
        )
    return metric.result()


# A threshold between any two scores: then nothing is approximate.
BETWEEN = (np.arange(100) + 0.5) / 100


@WEIGHTED
def test_area_under_roc(weight):
    metric = metrics.AUC(thresholds=BETWEEN)
    expected = sklearn.roc_auc_score(LABELS[:, 0], SCORES[:, 0], sample_weight=weight)
    assert streamed(metric, LABELS[:, 0], SCORES[:, 0], weight) == pytest.approx(expected, rel=1e-12)
    metric = metrics.AUC(thresholds=BETWEEN, multi_label=True)
    expected = sklearn.roc_auc_score(LABELS, SCORES, sample_weight=weight)
    assert streamed(metric, LABELS, SCORES, weight) == pytest.approx(expected, rel=1e-12)
    approximate = streamed(metrics.AUC(), LABELS[:, 0], SCORES[:, 0], weight)
    expected = sklearn.roc_auc_score(LABELS[:, 0], SCORES[:, 0], sample_weight=weight)
    assert approximate == pytest.approx(expected, rel=1e-3)


@WEIGHTED
def test_area_under_precision_recall(weight):
    metric = metrics.AUC(thresholds=BETWEEN, curve="PR", summation_method="interpolation")
    expected = sklearn.average_precision_score(LABELS[:, 0], SCORES[:, 0], sample_weight=weight)
    assert streamed(metric, LABELS[:, 0], SCORES[:, 0], weight) == pytest.approx(expected, abs=5e-3)


@WEIGHTED
@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
def test_f_scores_precision_and_recall(average, weight):
    predicted = SCORES > 0.5
    for beta in (0.5, 1.0, 2.0):
        metric = metrics.FBetaScore(average, beta, threshold=0.5)
        expected = sklearn.fbeta_score(LABELS, predicted, beta=beta, average=average, sample_weight=weight)
        np.testing.assert_allclose(streamed(metric, LABELS, SCORES, weight), expected, rtol=1e-6)
    for metric, score in ((metrics.Precision(), sklearn.precision_score), (metrics.Recall(), sklearn.recall_score)):
        expected = score(LABELS, predicted, average="micro", sample_weight=weight)
        assert streamed(metric, LABELS, SCORES, weight) == pytest.approx(expected, rel=1e-12)


@WEIGHTED
@pytest.mark.parametrize("averages", [(None, "raw_values"), ("uniform_average", "uniform_average")])
def test_r2_score(averages, weight):
    y_true, y_pred = 100 + LABELS + SCORES, 100 + 2 * SCORES
    metric = metrics.R2Score(averages[0])
    expected = sklearn.r2_score(y_true, y_pred, multioutput=averages[1], sample_weight=weight)
    np.testing.assert_allclose(streamed(metric, y_true, y_pred, weight), expected, rtol=1e-5)


@WEIGHTED
def test_intersection_over_union(weight):
    y_true, y_pred = RNG.integers(0, 4, size=(2, N))
    expected = sklearn.jaccard_score(y_true, y_pred, average="macro", sample_weight=weight)
    assert streamed(metrics.MeanIoU(4), y_true, y_pred, weight) == pytest.approx(expected, rel=1e-12)
