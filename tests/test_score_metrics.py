"""F-scores, intersection over union, R2 and correlations, against definitions written out."""

import numpy as np
import pytest

from cdl import metrics

RNG = np.random.default_rng(0)
T = RNG.integers(0, 2, size=(30, 4))
P = RNG.uniform(size=(30, 4)).astype("float32")
W = RNG.uniform(0.1, 2, size=30)


def f_by_definition(t, yes, beta, w):
    tp, predicted, true = ((w * a).sum() for a in (t * yes, yes, t))
    precision, recall = tp / predicted, tp / true
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_f_scores(beta, weighted):
    w, yes = W if weighted else np.ones(30), P > 0.4
    classes = [f_by_definition(T[:, i], yes[:, i], beta, w) for i in range(4)]
    expected = {
        None: classes,
        "macro": np.mean(classes),
        "weighted": np.average(classes, weights=w @ T),
        "micro": f_by_definition(T, yes, beta, w[:, None]),
    }
    for average, score in expected.items():
        metric = metrics.FBetaScore(average, beta, 0.4)
        assert metric.result() == 0
        metric.update_state(T[:11], P[:11], w[:11] if weighted else None)
        np.testing.assert_allclose(metric(T[11:], P[11:], w[11:] if weighted else None), score, rtol=1e-6)
        metric.reset_state()
        assert not np.any(metric.result())


def test_the_largest_score_is_predicted():
    assert metrics.F1Score()([[1, 0], [0, 1]], [[0.2, 0.1], [0.3, 0.3]]).tolist() == pytest.approx([2 / 3, 1])
    assert metrics.F1Score("micro")([[1, 0]], [[0.0, 0.0]]) == 0  # nothing is


def test_regions():
    t, p = RNG.integers(0, 3, size=(2, 5, 6, 7))
    iou = [((t == c) & (p == c)).sum() / ((t == c) | (p == c)).sum() for c in range(3)]
    assert metrics.MeanIoU(3)(t, p) == pytest.approx(np.mean(iou))
    assert metrics.MeanIoU(5)(t, p) == pytest.approx(np.mean(iou))  # two classes occur nowhere
    assert metrics.IoU(3, [2])(t, p) == pytest.approx(iou[2])
    metric = metrics.OneHotIoU(3, [0, 1])
    metric.update_state(np.eye(3)[t[:2]], np.eye(3)[p[:2]])
    assert metric(np.eye(3)[t[2:]], np.eye(3)[p[2:]]) == pytest.approx(np.mean(iou[:2]))
    moved = metrics.OneHotMeanIoU(3, axis=1)
    assert moved(np.moveaxis(np.eye(3)[t], -1, 1), np.moveaxis(np.eye(3)[p], -1, 1)) == pytest.approx(np.mean(iou))
    assert metrics.MeanIoU(3)([], []) == 0


def test_ignored_and_unknown_classes():
    t, p = np.array([0, 1, 255, 1, -1]), np.array([0, 1, 1, 9, 0])
    metric = metrics.MeanIoU(2)
    assert metric(t, p) == 1
    assert metric.total_cm.value.tolist() == [[1, 0], [0, 1]]
    assert metrics.MeanIoU(2, ignore_class=1)(t, p) == 1
    assert metrics.IoU(2, [1], ignore_class=1)(t, p) == 0


def test_weights_of_regions_are_not_rounded():
    weight = [0.3, 0.3, 0.3, 0.1]
    expected = (0.3 / 0.9 + 0.1 / 0.7) / 2
    assert metrics.MeanIoU(2)([0, 0, 1, 1], [0, 1, 0, 1], weight) == pytest.approx(expected)
    images = np.array([[[0, 1]], [[1, 1]]]), np.array([[[0, 0]], [[1, 1]]])
    assert metrics.MeanIoU(2)(*images, [1, 0]) == 0.25  # a weight for each image


@pytest.mark.parametrize("weighted", [False, True])
def test_r2_score(weighted):
    t = RNG.normal(size=(30, 2)) * [1, 5] + 1e4
    p = t + RNG.normal(size=(30, 2))
    w = W if weighted else np.ones(30)
    mean = np.average(t, axis=0, weights=w)
    rest, total = w @ (t - p) ** 2, w @ (t - mean) ** 2
    each = 1 - rest / total
    expected = {None: each, "uniform_average": each.mean(), "variance_weighted_average": (total @ each) / total.sum()}
    for aggregation, score in expected.items():
        metric = metrics.R2Score(aggregation)
        assert metric.result() == 0
        metric.update_state(t[:11], p[:11], w[:11] if weighted else None)
        np.testing.assert_allclose(metric(t[11:], p[11:], w[11:] if weighted else None), score, rtol=1e-5)
    adjusted = metrics.R2Score(num_regressors=3)(t[:, 0], p[:, :1])
    plain = metrics.R2Score()(t[:, 0], p[:, :1])
    assert adjusted == pytest.approx(1 - (1 - plain) * 29 / 26)


def test_too_many_regressors_are_told():
    with pytest.warns(UserWarning, match="30 regressors and 30 targets"):
        metrics.R2Score(num_regressors=30)(T[:, :1], P[:, :1])


def test_correlations():
    t, p = RNG.normal(size=(2, 6, 50))
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(t, p, strict=True)]
    np.testing.assert_allclose(metrics.pearson_correlation(t, p), expected, rtol=1e-9)
    assert metrics.PearsonCorrelation()(t, p) == pytest.approx(np.mean(expected))
    assert metrics.PearsonCorrelation()(t, 3 * t + 1) == pytest.approx(1)
    assert metrics.ConcordanceCorrelation()(t, t) == pytest.approx(1, abs=1e-6)
    scale = 2 * t.std(1) ** 2 / (2 * t.std(1) ** 2 + 1)  # a shift by one
    np.testing.assert_allclose(metrics.concordance_correlation(t, t + 1), scale, rtol=1e-6)
    with np.errstate(all="raise"):
        assert np.isnan(metrics.PearsonCorrelation()(np.ones((2, 3)), t[:2, :3]))


MISTAKES = {
    "F shapes": (lambda: metrics.F1Score()(T, P[:, :2]), "must be equal"),
    "F of rows": (lambda: metrics.F1Score()(T[0], P[0]), r"\(samples, classes\).*\(4,\)"),
    "F weights": (lambda: metrics.F1Score()(T, P, [1, 2]), r"sample_weight has shape \(2,\)"),
    "beta": (lambda: metrics.FBetaScore(beta=2), "beta=2"),
    "F threshold": (lambda: metrics.F1Score(threshold=0.0), "threshold=0.0"),
    "target": (lambda: metrics.IoU(2, [0, -1]), "-1 is out of range"),
    "sizes": (lambda: metrics.MeanIoU(2)([0, 1], [0, 1, 1]), "2 elements.*3"),
    "scores for classes": (lambda: metrics.MeanIoU(2)([0, 1], [0.2, 0.9]), "0.2 at position 0.*BinaryIoU"),
    "R2 shapes": (lambda: metrics.R2Score()(np.ones((3, 2)), np.ones((3, 1))), "must be equal"),
    "R2 of rows": (lambda: metrics.R2Score()(np.ones(3), np.ones(3)), r"\(samples, d\)"),
    "correlation shapes": (lambda: metrics.pearson_correlation(T, P[:2]), "must be equal"),
}


@pytest.mark.parametrize(("mistake", "text"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes(mistake, text):
    with pytest.raises(ValueError, match=text):
        mistake()


@pytest.mark.parametrize("metric", [metrics.F1Score(), metrics.R2Score()])
def test_batches_have_the_same_columns(metric):
    metric.update_state(T, P)
    with pytest.raises(ValueError, match="4 c"):
        metric.update_state(T[:, :3], P[:, :3])
