import math

import numpy as np
import pytest

from cdl import losses, metrics

P = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.1, 0.8, 0.1], [0.2, 0.5, 0.3]])
LABELS = np.array([0, 2, 0, 1])  # predicted: 0 2 1 1


def test_mean_and_sum():
    mean, total = metrics.Mean(), metrics.Sum()
    mean.update_state([1.0, 3.0])
    assert mean(5.0) == 3
    assert total([1.0, 2.0]) == 3
    assert total([1.0, 2.0], sample_weight=[0, 2]) == 7
    mean.reset_state()
    assert mean.result() == 0
    assert mean([1.0, 2.0, 4.0], sample_weight=[1, 0, 3]) == 13 / 4
    assert mean(2.0, sample_weight=4) == 21 / 8
    assert mean(np.array([])) == 21 / 8


def test_the_mean_is_over_samples():
    mean = metrics.Mean()
    assert mean([[1.0, 2.0], [3.0, 6.0]]) == 3
    assert mean.count == 2
    assert metrics.Mean()([[1.0, 2.0], [3.0, 6.0]], sample_weight=[1, 3]) == (1.5 + 3 * 4.5) / 4
    assert metrics.Mean()([[1.0, 2.0], [3.0, 6.0]], sample_weight=[[1, 0], [0, 3]]) == 19 / 4
    with pytest.raises(ValueError, match=r"sample_weight has shape \(3,\)"):
        metrics.Mean()([[1.0, 2.0], [3.0, 6.0]], sample_weight=[1, 2, 3])


ONE_HOT = np.eye(3)[LABELS]
ACCURACIES = [
    (metrics.SparseCategoricalAccuracy(), LABELS, P, [1, 1, 0, 1]),
    (metrics.SparseCategoricalAccuracy(), LABELS[:, None].astype("float32"), P.astype("float32"), [1, 1, 0, 1]),
    (metrics.SparseCategoricalAccuracy(), LABELS.astype("uint8"), P.tolist(), [1, 1, 0, 1]),
    (metrics.CategoricalAccuracy(), ONE_HOT, P, [1, 1, 0, 1]),
    (metrics.TopKCategoricalAccuracy(k=1), ONE_HOT, P, [1, 1, 0, 1]),
    (metrics.SparseTopKCategoricalAccuracy(k=2), [2, 0, 2, 2], P, [0, 1, 1, 1]),
    (metrics.SparseTopKCategoricalAccuracy(k=2), [3, -1, 1, 0], P, [0, 0, 1, 0]),
    (metrics.SparseTopKCategoricalAccuracy(k=1, from_sorted_ids=True), [2, 0], np.array([[2, 1], [1, 0]]), [1, 0]),
    (metrics.BinaryAccuracy(), [0, 1, 1, 0], [[0.2], [0.7], [0.5], [0.6]], [1, 1, 0, 0]),
    (metrics.BinaryAccuracy(threshold=0.65), [0, 1, 1, 0], [0.2, 0.7, 0.5, 0.6], [1, 1, 0, 1]),
    (metrics.Accuracy(), [[1], [2], [3]], [1, 0, 3], [1, 0, 1]),
]


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred", "matches"), ACCURACIES, ids=lambda value: getattr(value, "name", "")
)
def test_accuracies(metric, y_true, y_pred, matches):
    weight = np.arange(1.0, len(matches) + 1)
    metric.reset_state()
    assert metric(y_true, y_pred) == np.mean(matches)
    metric.reset_state()
    assert metric(y_true, y_pred, sample_weight=weight) == pytest.approx(np.average(matches, weights=weight))
    metric.reset_state()
    metric.update_state(y_true[:1], y_pred[:1])
    assert metric(y_true[1:], y_pred[1:]) == pytest.approx(np.mean(matches))


def test_accuracy_of_sequences():
    p = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.9, 0.1], [0.2, 0.8]]])
    assert metrics.SparseCategoricalAccuracy()([[0, 1], [1, 1]], p) == 0.75
    assert metrics.SparseCategoricalAccuracy()([[0, 1], [1, 1]], p, sample_weight=[0, 1]) == 0.5
    assert metrics.SparseCategoricalAccuracy()([[[0], [1]], [[1], [1]]], p) == 0.75
    assert metrics.sparse_categorical_accuracy([[0, 1], [1, 1]], p).tolist() == [[1, 1], [0, 1]]


def test_nan_is_no_prediction():
    p = np.array([[np.nan, 0.0, 1.0]])
    assert metrics.SparseTopKCategoricalAccuracy(k=2)([0], p) == 0
    assert metrics.BinaryAccuracy()([1.0], [np.nan]) == 0


def test_functions_give_floats():
    assert metrics.binary_accuracy([[1], [0]], [[0.9], [0.9]]).tolist() == [[1], [0]]
    assert metrics.categorical_accuracy(ONE_HOT, P).dtype == np.float32
    assert metrics.top_k_categorical_accuracy(ONE_HOT, P, k=3).tolist() == [1, 1, 1, 1]
    assert metrics.sparse_top_k_categorical_accuracy(LABELS, P, k=1).tolist() == [1, 1, 0, 1]


def test_errors_over_batches():
    t, p = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 3.0], [2.0, 0.0], [0.0, 2.0]])
    for metric, expected in (
        (metrics.MeanSquaredError(), 3),
        (metrics.MeanAbsoluteError(), 8 / 6),
        (metrics.RootMeanSquaredError(), math.sqrt(3)),
    ):
        metric.update_state(t[:1], p[:1])
        assert metric(t[1:], p[1:]) == pytest.approx(expected)
    assert metrics.RootMeanSquaredError()(t, p, sample_weight=[1, 0, 0]) == pytest.approx(math.sqrt(5))
    assert metrics.RootMeanSquaredError()([1.0, 2.0], [[1.0], [4.0]]) == pytest.approx(math.sqrt(2))


def test_crossentropies_are_means_of_the_losses():
    expected = losses.SparseCategoricalCrossentropy()(LABELS, P)
    assert metrics.SparseCategoricalCrossentropy()(LABELS, P) == pytest.approx(expected)
    assert metrics.CategoricalCrossentropy()(ONE_HOT, P) == pytest.approx(expected)
    logits = np.array([[0.3], [-2.0]])
    expected = losses.BinaryCrossentropy(from_logits=True)([1, 0], logits)
    assert metrics.BinaryCrossentropy(from_logits=True)([1, 0], logits) == pytest.approx(expected)


@pytest.mark.parametrize(
    "name",
    [
        *("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Hinge", "SquaredHinge", "CategoricalHinge"),
        *("Poisson", "KLDivergence", "LogCoshError", "CosineSimilarity"),
    ],
)
def test_metrics_that_are_means_of_a_loss(name):
    loss = getattr(losses, name.removesuffix("Error") if name.startswith("LogCosh") else name)()
    sign = -1 if name == "CosineSimilarity" else 1
    weight = np.array([1.0, 2.0, 0.5, 3.0])
    expected = [sign * loss(ONE_HOT[i : i + 1] + 0.1, P[i : i + 1]) for i in range(4)]
    metric = getattr(metrics, name)()
    metric.update_state(ONE_HOT[:1] + 0.1, P[:1], weight[:1])
    assert metric(ONE_HOT[1:] + 0.1, P[1:], weight[1:]) == pytest.approx(np.average(expected, weights=weight))


def test_cosine_similarity_along_an_axis():
    metric = metrics.CosineSimilarity(axis=1)
    t, p = np.moveaxis(ONE_HOT[None], 1, 2), np.moveaxis(P[None], 1, 2)
    assert metric(t, p) == pytest.approx(metrics.CosineSimilarity()(ONE_HOT, P))
    assert metrics.deserialize(metrics.serialize(metric)).axis == 1


@pytest.mark.parametrize(
    ("name", "y_true", "y_pred", "expected"),
    [
        ("accuracy", (8,), (8, 1), metrics.BinaryAccuracy),
        ("acc", (8, 1), (8, 1), metrics.BinaryAccuracy),
        ("accuracy", (8,), (8, 3), metrics.SparseCategoricalAccuracy),
        ("Accuracy", (8, 1), (8, 3), metrics.SparseCategoricalAccuracy),
        ("accuracy", (8, 5), (8, 5, 3), metrics.SparseCategoricalAccuracy),
        ("accuracy", (8, 3), (8, 3), metrics.CategoricalAccuracy),
        ("mse", (8, 3), (8, 3), metrics.MeanSquaredError),
        ("sparse_categorical_accuracy", (8,), (8, 3), metrics.SparseCategoricalAccuracy),
    ],
)
def test_what_compile_means(name, y_true, y_pred, expected):
    metrics.check_identifier(name)
    metric = metrics.resolve(name, y_true, y_pred)
    assert type(metric) is expected
    assert metric.name == name


def test_functions_become_means():
    def largest(y_true, y_pred):
        return y_pred.max(axis=-1)

    metric = metrics.resolve(largest, (4,), (4, 3))
    assert metric.name == "largest"
    assert metric(LABELS, P) == pytest.approx((0.7 + 0.4 + 0.8 + 0.5) / 4)
    own = metrics.Mean(name="mine")
    assert metrics.resolve(own, (4,), (4, 3)) is own
    assert own.name == "mine"


@pytest.mark.parametrize("identifier", ["accuracies", 3, None])
def test_unknown_metrics(identifier):
    with pytest.raises(ValueError):
        metrics.check_identifier(identifier)
    with pytest.raises(ValueError):
        metrics.resolve(identifier, (1,), (1, 2))


class Positives(metrics.Metric):
    def __init__(self, name="positives", dtype=None):
        super().__init__(dtype, name)
        self.found = self.add_variable(shape=(), initializer="zeros", name="found")
        self.by_column = self.add_weight(shape=(2,), name="by_column")
        self.inner = metrics.Mean()

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.found.assign_add(np.sum(y_pred > 0))
        self.by_column.assign_add(np.sum(y_pred > 0, axis=0))
        self.inner.update_state(y_pred)

    def result(self):
        return float(self.found.value)


def test_a_metric_of_ones_own():
    metric = Positives()
    assert metric(None, np.array([[1.0, -1.0], [2.0, 3.0]])) == 3
    assert metric(None, np.array([[1.0, -1.0]])) == 4
    assert [variable.name for variable in metric.variables] == ["found", "by_column"]
    metric.reset_state()
    assert metric.result() == 0
    assert metric.by_column.value.tolist() == [0, 0]
    assert metric.inner.result() == 0
    assert metrics.Metric.from_config(metric.get_config()).name == "positives"


def test_forgetting_the_constructor_of_the_base_is_told():
    class Forgetful(metrics.Metric):
        def __init__(self):
            self.add_variable((), "zeros")

    with pytest.raises(RuntimeError, match="super"):
        Forgetful()


@pytest.mark.parametrize(
    "metric",
    [
        metrics.Mean(name="m", dtype="float64"),
        metrics.BinaryAccuracy(threshold=0.3),
        metrics.TopKCategoricalAccuracy(3),
        metrics.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        metrics.MeanMetricWrapper(losses.mean_absolute_error, name="w"),
    ],
)
def test_configs(metric):
    config = metrics.serialize(metric)
    again = metrics.deserialize(config)
    assert type(again) is type(metric)
    assert metrics.serialize(again) == config


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred"),
    [
        (metrics.BinaryAccuracy(), np.ones(3), np.ones((3, 2))),
        (metrics.CategoricalAccuracy(), np.ones((2, 3)), np.ones((3, 3))),
        (metrics.SparseCategoricalAccuracy(), np.ones(2), np.ones((3, 3))),
        (metrics.MeanSquaredError(), np.ones((2, 3)), np.ones((3, 3))),
        (metrics.RootMeanSquaredError(), np.ones((2, 3)), np.ones((3, 3))),
    ],
)
def test_shapes_that_do_not_fit(metric, y_true, y_pred):
    with pytest.raises(ValueError, match="must be equal"):
        metric(y_true, y_pred)
