import math

import numpy as np
import pytest
from layer_checks import numerical_gradient

import cdl
from cdl import losses

LOG2 = math.log(2)
P = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
Z = np.log(P) + 5.0  # softmax gives P


def test_values_by_hand():
    t, p = np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([[1.0, 1.0], [2.0, 0.0]])
    assert losses.MeanSquaredError()(t, p) == 2.5
    assert losses.MeanAbsoluteError()(t, p) == 1.0
    half = np.full((2, 2), 0.5)
    assert losses.BinaryCrossentropy()(np.eye(2), half) == pytest.approx(LOG2)
    assert losses.CategoricalCrossentropy()(np.eye(2), half) == pytest.approx(LOG2)
    assert losses.SparseCategoricalCrossentropy()([0, 1], half) == pytest.approx(LOG2)


def test_crossentropies_of_probabilities_and_logits():
    expected = -(math.log(0.7) + math.log(0.4)) / 2
    one_hot = np.array([[1.0, 0, 0], [0, 0, 1.0]])
    assert losses.CategoricalCrossentropy()(one_hot, 3 * P) == pytest.approx(expected)
    assert losses.CategoricalCrossentropy(from_logits=True)(one_hot, Z) == pytest.approx(expected)
    assert losses.SparseCategoricalCrossentropy()([0, 2], P) == pytest.approx(expected)
    assert losses.SparseCategoricalCrossentropy(from_logits=True)([0, 2], Z) == pytest.approx(expected)
    binary = -(math.log(0.7) + math.log(0.8) + math.log(0.9)) / 3
    logits = np.log(P / (1 - P))
    assert losses.BinaryCrossentropy()(one_hot[:1], P[:1]) == pytest.approx(binary)
    assert losses.BinaryCrossentropy(from_logits=True)(one_hot[:1], logits[:1]) == pytest.approx(binary)


def test_label_smoothing():
    smooth = losses.CategoricalCrossentropy(label_smoothing=0.3)([[1, 0, 0]], P[:1])
    assert smooth == pytest.approx(-(0.8 * math.log(0.7) + 0.1 * math.log(0.2) + 0.1 * math.log(0.1)))
    smooth = losses.BinaryCrossentropy(label_smoothing=0.2)([[1.0]], [[0.7]])
    assert smooth == pytest.approx(-(0.9 * math.log(0.7) + 0.1 * math.log(0.3)), rel=1e-6)


def test_certain_mistakes_stay_finite():
    eps = cdl.config.epsilon()
    assert losses.BinaryCrossentropy()([[1.0]], np.array([[0.0]])) == pytest.approx(-math.log(eps))
    assert losses.CategoricalCrossentropy()([[1, 0]], np.array([[0.0, 1.0]])) == pytest.approx(-math.log(eps))
    value, dy = losses.SparseCategoricalCrossentropy(from_logits=True).value_and_gradient([0], np.array([[-1e4, 1e4]]))
    assert value == 2e4
    assert dy.tolist() == [[-1.0, 1.0]]


REDUCTIONS = {"sum": 30.0, "sum_over_batch_size": 10.0, "mean": 10.0, "mean_with_sample_weight": 5.0}


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_reductions(reduction):
    # Values 1, 4, 9 with weights 3, 0, 3.
    t, p = np.zeros((3, 1)), np.array([[1.0], [2.0], [3.0]])
    loss = losses.MeanSquaredError(reduction=reduction)
    assert loss(t, p, [3, 0, 3]) == pytest.approx(REDUCTIONS[reduction])
    value, dy = loss.value_and_gradient(t, p, [3, 0, 3])
    assert value == pytest.approx(REDUCTIONS[reduction])
    np.testing.assert_allclose(dy.ravel(), np.array([6, 0, 18]) * REDUCTIONS[reduction] / 30)


@pytest.mark.parametrize("reduction", ["none", None])
def test_no_reduction(reduction):
    loss = losses.MeanSquaredError(reduction=reduction)
    assert loss(np.zeros((2, 2)), [[1, 1], [2, 0]], [1, 3]).tolist() == [1, 6]
    with pytest.raises(ValueError, match="one value per sample"):
        loss.value_and_gradient(np.zeros((2, 2)), np.ones((2, 2)))


@pytest.mark.parametrize("shape", [(), (1,), (2,), (2, 1), (2, 3), (2, 3, 1)])
def test_weights_broadcast_from_the_first_axis(shape):
    rng = np.random.default_rng(1)
    t, p, w = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4)), rng.random(size=shape)
    full = w.reshape(shape[:2] + (1,) * (2 - len(shape))) * np.ones((2, 3))
    expected = (full * ((t - p) ** 2).mean(-1)).mean()
    loss = losses.MeanSquaredError()
    assert loss(t, p, w) == pytest.approx(expected)
    value, dy = loss.value_and_gradient(t, p, w)
    assert value == pytest.approx(expected)
    np.testing.assert_allclose(dy, full[..., None] * (p - t) / 12)


def test_empty_batches_and_zero_weights():
    loss = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    value, dy = loss.value_and_gradient(np.zeros((0, 3)), np.zeros((0, 3)))
    assert (value, dy.shape) == (0.0, (0, 3))
    assert loss(np.zeros((2, 1)), np.ones((2, 1)), [0, 0]) == 0


def make_cases():
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(4), size=(2, 3))
    z = rng.normal(size=(2, 3, 4))
    one_hot = np.eye(4)[rng.integers(0, 4, (2, 3))]
    bits = rng.integers(0, 2, (2, 3, 4))
    labels = rng.integers(0, 4, (2, 3))
    yield losses.MeanSquaredError(), z + 1, z
    yield losses.MeanAbsoluteError(), z + 1, z
    yield losses.MeanSquaredError(), rng.normal(size=5), rng.normal(size=(5, 1))
    yield losses.MeanSquaredError(), rng.normal(size=(5, 1)), rng.normal(size=5)
    for axis in (-1, 1):
        yield losses.BinaryCrossentropy(label_smoothing=0.1, axis=axis), bits, p
        yield losses.BinaryCrossentropy(from_logits=True, axis=axis), bits, z
        yield losses.CategoricalCrossentropy(label_smoothing=0.1, axis=axis), one_hot, p
        yield losses.CategoricalCrossentropy(from_logits=True, axis=axis), one_hot, z
    yield losses.SparseCategoricalCrossentropy(), labels, p
    yield losses.SparseCategoricalCrossentropy(from_logits=True), labels[..., None], z
    yield losses.SparseCategoricalCrossentropy(axis=1), labels[:, 0, None] * np.ones((1, 4)) % 3, p
    yield losses.SparseCategoricalCrossentropy(ignore_class=int(labels[0, 0])), labels, p


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", list(make_cases()), ids=lambda case: case[0].name)
def test_gradients(case, weighted):
    loss, y_true, y_pred = case
    weight = np.linspace(0.5, 1.5, len(y_pred)) if weighted else None
    y_pred = y_pred.copy()
    value, dy = loss.value_and_gradient(y_true, y_pred, weight)
    assert value == pytest.approx(loss(y_true, y_pred, weight))
    assert dy.shape == y_pred.shape
    expected = numerical_gradient(lambda: loss(y_true, y_pred, weight), y_pred)
    np.testing.assert_allclose(dy, expected, rtol=1e-6, atol=1e-8)
    per_sample = numerical_gradient(
        lambda: float(np.sum(type(loss)(**{**options(loss), "reduction": "sum"})(y_true, y_pred))), y_pred
    )
    np.testing.assert_allclose(loss.gradient(y_true, y_pred), per_sample, rtol=1e-6, atol=1e-8)


def options(loss):
    # Keras' config of the sparse loss does not hold its axis.
    return {**loss.get_config(), "axis": loss.axis} if "axis" in vars(loss) else loss.get_config()


def test_ignored_classes_do_not_count():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    p = np.concatenate([P, [[np.nan, np.nan, np.nan]]])
    assert loss([0, 2, -1], p) == pytest.approx(-(math.log(0.7) + math.log(0.4)) / 2)
    _, dy = loss.value_and_gradient([0, 2, -1], p)
    assert dy[2].tolist() == [0, 0, 0]
    np.testing.assert_allclose(dy[:2], losses.SparseCategoricalCrossentropy().value_and_gradient([0, 2], P)[1])
    assert losses.sparse_categorical_crossentropy([0, -1], P, ignore_class=-1)[1] == 0


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64", "float32", "float64", "object"])
def test_labels_of_any_dtype(dtype):
    labels = np.array([0, 2]).astype(dtype)
    assert losses.SparseCategoricalCrossentropy()(labels, P) == pytest.approx(-(math.log(0.7) + math.log(0.4)) / 2)
    assert labels.tolist() == [0, 2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_gradient_has_the_type_of_the_predictions(dtype):
    for loss in (losses.MeanSquaredError(), losses.MeanSquaredError(dtype="float64")):
        value, dy = loss.value_and_gradient([[1, 2]], np.ones((1, 2), dtype))
        assert isinstance(value, float)
        assert dy.dtype == dtype


def test_arguments_are_not_changed():
    t, p, w = np.asfortranarray(np.eye(3)), np.asfortranarray(np.full((3, 3), 1 / 3)), np.ones(6)[::2]
    for array in (t, p, w):
        array.setflags(write=False)
    value, _ = losses.CategoricalCrossentropy().value_and_gradient(t, p, w)
    assert value == pytest.approx(math.log(3))


@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred", "told"),
    [
        ("MeanSquaredError", np.ones((3, 4)), np.ones((3, 5)), r"\(3, 4\).*\(3, 5\)"),
        ("MeanSquaredError", np.ones(3), np.ones((3, 5)), r"\(3,\).*\(3, 5\)"),
        ("MeanSquaredError", 1.0, 2.0, "one axis"),
        ("CategoricalCrossentropy", np.ones(3), np.ones((3, 5)), r"\(3,\).*\(3, 5\)"),
        ("SparseCategoricalCrossentropy", np.ones(4), np.ones((3, 5)), r"\(4,\).*\(3,\)"),
        ("SparseCategoricalCrossentropy", np.eye(3), np.ones((3, 3)), "one-hot"),
        ("SparseCategoricalCrossentropy", [0, 1, 7], np.ones((3, 5)), r"label 7 at position 2 .*0\.\.4"),
        ("SparseCategoricalCrossentropy", [0, -1], np.ones((2, 5)), r"label -1 at position 1"),
        ("SparseCategoricalCrossentropy", [0, 2**32 + 1], np.ones((2, 5)), "4294967297 at position 1"),
        ("SparseCategoricalCrossentropy", [0.0, np.nan], np.ones((2, 5)), "nan at position 1"),
        ("SparseCategoricalCrossentropy", [0.0, 1.5], np.ones((2, 5)), "1.5 at position 1"),
        ("SparseCategoricalCrossentropy", [0.0, np.inf], np.ones((2, 5)), "inf at position 1"),
    ],
)
def test_bad_targets(loss, y_true, y_pred, told):
    loss = getattr(losses, loss)()
    with pytest.raises(ValueError, match=told):
        loss(y_true, y_pred)
    with pytest.raises(ValueError, match=told):
        loss.value_and_gradient(y_true, y_pred)


@pytest.mark.parametrize("shape", [(5,), (3, 2), (2, 3)])
def test_bad_weights(shape):
    with pytest.raises(ValueError, match="sample_weight has shape"):
        losses.MeanSquaredError()(np.ones((3, 4)), np.ones((3, 4)), np.ones(shape))


@pytest.mark.parametrize("bad", [np.array([["a"]]), np.array([[1j]]), np.array([[None]])])
def test_bad_dtypes(bad):
    with pytest.raises((TypeError, ValueError), match="y_true"):
        losses.MeanSquaredError()(bad, [[1.0]])


@pytest.mark.parametrize(
    "make",
    [
        lambda: losses.Loss(reduction="average"),
        lambda: losses.BinaryCrossentropy(label_smoothing=2),
        lambda: losses.CategoricalCrossentropy(axis=True),
        lambda: losses.get("msee"),
        lambda: losses.get(3),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError):
        make()


def test_one_class_warns():
    with pytest.warns(SyntaxWarning, match="binary_crossentropy"):
        losses.CategoricalCrossentropy()(np.ones((2, 1)), np.ones((2, 1)))


# ---------------------------------------------------------------------------------------------------- of ones own


class Quartic(losses.Loss):
    def call(self, y_true, y_pred):
        return ((y_pred - y_true) ** 4).mean(-1)

    def gradient(self, y_true, y_pred):
        return 4 * (y_pred - y_true) ** 3 / y_pred.shape[-1]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, [1.0, 0.0, 2.0]])
def test_a_loss_of_ones_own(reduction, weight):
    rng = np.random.default_rng(4)
    t, p = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    loss = Quartic(reduction=reduction)
    value, dy = loss.value_and_gradient(t, p, weight)
    assert value == loss(t, p, weight)
    np.testing.assert_allclose(dy, numerical_gradient(lambda: loss(t, p, weight), p), rtol=1e-6, atol=1e-8)
    assert loss.name.startswith("quartic")


def test_whoever_redefines_the_values_needs_a_gradient():
    class Double(losses.MeanSquaredError):
        def call(self, y_true, y_pred):
            return 2 * super().call(y_true, y_pred)

    assert Double()([[0.0]], [[1.0]]) == 2
    with pytest.raises(NotImplementedError, match="gradient"):
        Double().value_and_gradient([[0.0]], [[1.0]])

    class Both(Double):
        def call(self, y_true, y_pred):
            return super().call(y_true, y_pred)

        def gradient(self, y_true, y_pred):
            return 4 * (y_pred - y_true)

    assert Both().value_and_gradient([[0.0]], np.array([[1.0]]))[1].tolist() == [[4.0]]


def test_a_gradient_of_the_wrong_shape_is_refused():
    class Wrong(Quartic):
        def gradient(self, y_true, y_pred):
            return np.ones(2)

    with pytest.raises(ValueError, match=r"\(2,\).*\(3, 2\)"):
        Wrong().value_and_gradient(np.ones((3, 2)), np.ones((3, 2)))


def test_values_of_the_wrong_shape_are_refused():
    class Wrong(Quartic):
        def call(self, y_true, y_pred):
            return np.ones(2)

        def gradient(self, y_true, y_pred):
            return y_pred

    with pytest.raises(ValueError, match=r"\(2,\).*\(3, 2\)"):
        Wrong().value_and_gradient(np.ones((3, 2)), np.ones((3, 2)))


def test_functions():
    def cubic(y_true, y_pred, factor=1.0):
        return factor * np.abs(y_pred - y_true).mean(-1) ** 3

    loss = losses.LossFunctionWrapper(cubic, factor=2.0)
    assert loss([0.0, 0.0], [[1.0], [2.0]]) == 9
    with pytest.raises(NotImplementedError, match="gradient"):
        loss.value_and_gradient([0.0], [[1.0]])
    cubic.gradient = lambda y_true, y_pred, factor: factor * 3 * np.sign(y_pred - y_true) * (y_pred - y_true) ** 2
    assert loss.value_and_gradient([0.0, 0.0], [[1.0], [2.0]])[1].tolist() == [[3.0], [12.0]]
    built_in = losses.LossFunctionWrapper(losses.categorical_crossentropy, from_logits=True, reduction="sum")
    direct = losses.CategoricalCrossentropy(from_logits=True, reduction="sum")
    np.testing.assert_array_equal(
        built_in.value_and_gradient(np.eye(3), np.eye(3))[1], direct.value_and_gradient(np.eye(3), np.eye(3))[1]
    )


def test_what_compile_means():
    assert losses.resolve(None) is None
    loss = losses.resolve("mse")
    assert (type(loss), loss.name) == (losses.MeanSquaredError, "mse")
    assert losses.resolve(losses.binary_crossentropy).name == "binary_crossentropy"
    assert type(losses.resolve("MeanAbsoluteError")) is losses.MeanAbsoluteError
    assert type(losses.resolve("ce", (8,), (8, 3))) is losses.SparseCategoricalCrossentropy
    assert type(losses.resolve("crossentropy", (8, 3), (8, 3))) is losses.CategoricalCrossentropy
    assert type(losses.resolve("crossentropy", (8,), (8, 1))) is losses.BinaryCrossentropy
    wrapped = losses.resolve(lambda y_true, y_pred: y_pred[:, 0])
    assert isinstance(wrapped, losses.LossFunctionWrapper)
    with pytest.raises(ValueError, match="Did you mean 'mse'"):
        losses.resolve("msee")


@pytest.mark.parametrize(
    "loss",
    [
        losses.MeanSquaredError(reduction="sum", name="m"),
        losses.BinaryCrossentropy(True, 0.1, 1),
        losses.SparseCategoricalCrossentropy(ignore_class=3),
        losses.LossFunctionWrapper(losses.binary_crossentropy, from_logits=True),
    ],
)
def test_configs(loss):
    config = losses.serialize(loss)
    again = losses.deserialize(config)
    assert type(again) is type(loss)
    assert losses.serialize(again) == config


def test_a_gradient_of_ones_own_replaces_the_built_in_one():
    class Clipped(losses.MeanSquaredError):
        def gradient(self, y_true, y_pred):
            return np.clip(super().gradient(y_true, y_pred), -1, 1)

    assert Clipped().value_and_gradient([[0.0]], np.array([[5.0]]))[1].tolist() == [[1.0]]


@pytest.mark.parametrize(
    "loss, targets, outputs, cure",
    [
        ("categorical_crossentropy", (4,), (4, 3), "For integer labels, use sparse_categorical_crossentropy"),
        ("categorical_focal_crossentropy", (4, 1), (4, 3), "use sparse_categorical_crossentropy"),
        ("categorical_crossentropy", (4, 5), (4, 3), "last layer 5 units"),
        ("binary_crossentropy", (4,), (4, 3), "last layer one unit"),
        ("mse", (4, 2), (4, 1), "last layer 2 units"),
        ("mse", (4, 2, 2), (4, 3), "Change the last layer, or the targets"),
        ("mse", (4, 2), (4, 7, 1), "return_sequences=True be too many"),
        ("sparse_categorical_crossentropy", (4,), (4, 6, 6, 3), "a Flatten or a pooling may be missing"),
        ("sparse_categorical_crossentropy", (4, 3), (4, 3), "use categorical_crossentropy"),
    ],
)
def test_shapes_that_differ_are_told_with_a_cure(loss, targets, outputs, cure):
    with pytest.raises(ValueError, match=cure):
        losses.get(loss)(np.ones(targets), np.ones(outputs))
