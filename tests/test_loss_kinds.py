"""Every kind of loss that is written in NumPy: its derivative by finite differences, its values by hand, its mistakes.

What all losses have in common, and those with a primitive, are in test_losses.py.
"""

import itertools
import math

import numpy as np
import pytest
from layer_checks import numerical_gradient

import cdl
from cdl import Sequential, layers, losses

rng = np.random.default_rng(5)
Z = rng.normal(size=(3, 4))
T = rng.normal(size=(3, 4))
P = rng.dirichlet(np.ones(4), size=(2, 3))
IMAGES = rng.uniform(0.05, 0.95, size=(2, 3, 4, 2))
PIXELS = (rng.random(size=(2, 3, 4, 2)) > 0.5) * 1.0
ONE_HOT = np.eye(4)[rng.integers(0, 4, size=(2, 3))]
SPHERE = rng.normal(size=(6, 3))
SPHERE /= np.linalg.norm(SPHERE, axis=1, keepdims=True)
SPOKEN = np.array([[1, 2, 2], [3, 0, 0], [1, 3, 0], [0, 0, 0]])
CASES = [
    ("MeanAbsolutePercentageError", {}, T, Z),
    ("MeanSquaredLogarithmicError", {}, np.abs(T), Z),
    ("Huber", {}, T, 2 * Z),
    ("Huber", {"delta": 0.3}, T, Z),
    ("Huber", {}, T[:, 0], Z[:, :1]),
    ("LogCosh", {}, T, Z),
    ("CosineSimilarity", {}, T, Z),
    ("CosineSimilarity", {"axis": 1}, IMAGES, rng.normal(size=IMAGES.shape)),
    ("Poisson", {}, rng.integers(0, 5, size=(3, 4)), np.exp(Z)),
    ("KLDivergence", {}, ONE_HOT, P),
    ("KLDivergence", {}, P, 1.2 * P[:, ::-1]),
    ("Hinge", {}, np.sign(T), Z),
    ("Hinge", {}, T > 0, Z),
    ("SquaredHinge", {}, T > 0, Z),
    ("CategoricalHinge", {}, ONE_HOT, 2 * P),
    ("BinaryFocalCrossentropy", {}, PIXELS, IMAGES),
    ("BinaryFocalCrossentropy", {"gamma": 0, "axis": 1}, PIXELS, IMAGES),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.7, "gamma": 0.5}, PIXELS, IMAGES),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1, "axis": 2}, PIXELS, 3 * IMAGES),
    ("CategoricalFocalCrossentropy", {}, ONE_HOT, 2 * P),
    ("CategoricalFocalCrossentropy", {"alpha": [0.1, 0.2, 0.3, 0.4], "gamma": 0.5}, ONE_HOT, P),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, ONE_HOT, 5 * P),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "axis": 1}, PIXELS, IMAGES),
    ("CategoricalGeneralizedCrossEntropy", {}, [[0, 3, 1], [2, 2, 0]], P),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.9}, [[[0], [3], [1]], [[2], [2], [0]]], P),
    ("Dice", {}, PIXELS, IMAGES),
    ("Dice", {"axis": -1}, PIXELS, IMAGES),
    ("Dice", {"axis": (1, 2, 3)}, PIXELS, IMAGES),
    ("Dice", {"axis": [2, -3]}, PIXELS, IMAGES),
    ("Dice", {"axis": (1, 2)}, PIXELS[..., 0], IMAGES[..., :1]),
    ("Dice", {"axis": (0,)}, PIXELS[0, 0, :, 0], IMAGES[0, 0, :, :1]),
    ("Tversky", {"alpha": 0.3, "beta": 0.9}, PIXELS, IMAGES),
    ("Tversky", {"alpha": 0.3, "beta": 0.9, "axis": (1, 2, 3)}, PIXELS, IMAGES),
    ("Tversky", {"axis": 1}, PIXELS, IMAGES),
    ("Circle", {"gamma": 3.0}, [0, 1, 0, 2, 1, 1], SPHERE),
    ("Circle", {"margin": 0.1, "remove_diagonal": False}, [[0], [1], [0], [2], [1], [1]], 0.9 * SPHERE),
    ("Circle", {"gamma": 10, "margin": -0.3}, [0, 1, 0, 0, 1, 1], 1.3 * SPHERE),
    ("CTC", {}, SPOKEN, rng.normal(size=(4, 6, 5))),
    ("CTC", {}, SPOKEN[:, :1], 5 * rng.normal(size=(4, 1, 4))),
]
IDS = [f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES, ids=IDS)
def test_gradients(name, arguments, y_true, y_pred, reduction):
    loss = getattr(losses, name)(reduction=reduction, **arguments)
    y_pred = y_pred.copy()
    values = losses.deserialize(losses.serialize(loss))
    values.reduction = None
    shape = values(y_true, y_pred).shape
    for weight in (None, 0.5 + rng.random(size=shape or len(y_pred))):
        value, dy = loss.value_and_gradient(y_true, y_pred, weight)
        assert value == pytest.approx(loss(y_true, y_pred, weight))
        expected = numerical_gradient(lambda weight=weight: loss(y_true, y_pred, weight), y_pred)
        scale = max(1, np.abs(expected).max())
        np.testing.assert_allclose(dy / scale, expected / scale, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES, ids=IDS)
def test_types_shapes_and_arguments(name, arguments, y_true, y_pred):
    loss = getattr(losses, name)(**arguments)
    y_pred = y_pred.astype(np.float32)
    y_pred.setflags(write=False)
    value, dy = loss.value_and_gradient(y_true, y_pred)
    assert (dy.dtype, dy.shape) == (np.float32, y_pred.shape)
    values = getattr(losses, name)(reduction=None, **arguments)(y_true, y_pred)
    assert values.dtype == np.float32
    double, exact = getattr(losses, name)(dtype="float64", **arguments).value_and_gradient(y_true, y_pred)
    assert exact.dtype == np.float32
    assert value == pytest.approx(double, rel=1e-4)
    np.testing.assert_allclose(dy, exact, rtol=1e-3, atol=1e-4 * np.abs(exact).max())


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES, ids=IDS)
def test_a_function_trains_as_its_class(name, arguments, y_true, y_pred):
    direct = getattr(losses, name)(**arguments)
    function = next(function for function, loss in losses.CLASS_OF.items() if loss is type(direct))
    np.testing.assert_array_equal(
        function(y_true, y_pred, **({"q": 0.5} if "Generalized" in name else {}) | arguments),
        getattr(losses, name)(reduction=None, **arguments)(y_true, y_pred),
    )
    weight = 0.5 + rng.random(size=len(y_pred))
    if arguments.get("axis", -1) in (
        -1,
        None,
        (1, 2),
        (1, 2, 3),
    ):  # others have values that not even y_pred's axes show
        wrapped = losses.LossFunctionWrapper(function, reduction="sum", **arguments)
        summed = getattr(losses, name)(reduction="sum", **arguments)
        if "Generalized" in name and not arguments:
            wrapped = losses.LossFunctionWrapper(function, reduction="sum", q=0.5)
        np.testing.assert_allclose(
            wrapped.value_and_gradient(y_true, y_pred, weight)[1],
            summed.value_and_gradient(y_true, y_pred, weight)[1],
            rtol=1e-10,
            atol=1e-12,
        )


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES, ids=IDS)
def test_configs(name, arguments, y_true, y_pred):
    loss = getattr(losses, name)(reduction="sum", name="mine", **arguments)
    config = losses.serialize(loss)
    again = losses.deserialize(config)
    assert losses.serialize(again) == config
    assert again(y_true, y_pred) == loss(y_true, y_pred)


# ------------------------------------------------------------------------------------------------------- by hand


def test_values_by_hand():
    assert losses.MeanAbsolutePercentageError()([[2.0, 4.0]], [[3.0, 4.0]]) == 25
    assert losses.MeanAbsolutePercentageError()([[0.0]], [[1.0]]) == pytest.approx(1e9)
    assert losses.MeanSquaredLogarithmicError()([[math.e - 1]], [[-3.0]]) == pytest.approx(1)
    assert losses.Huber(delta=2.0)([[0.0, 0.0]], [[1.0, 3.0]]) == pytest.approx((0.5 + 4) / 2)
    assert losses.LogCosh()([[0.0]], [[1.0]]) == pytest.approx(math.log(math.cosh(1)))
    assert losses.LogCosh()([[0.0]], [[1e30]]) == pytest.approx(1e30)
    assert losses.Poisson()([[3.0]], [[2.0]]) == pytest.approx(2 - 3 * math.log(2), abs=1e-6)
    assert losses.KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]) == pytest.approx(
        0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    )
    assert losses.Hinge()([[0, 1]], [[0.5, 0.5]]) == losses.Hinge()([[-1, 1]], [[0.5, 0.5]]) == 1
    assert losses.SquaredHinge()([[0, 1]], [[0.5, 0.5]]) == 1.25
    assert losses.CategoricalHinge()([[0, 1, 0]], [[0.75, 0.5, 0.0]]) == 1.25
    assert losses.CategoricalHinge()([[0, 1, 0]], [[0.75, 2.5, 0.0]]) == 0
    assert losses.CategoricalGeneralizedCrossEntropy()([0], [[0.25, 0.75]]) == 1
    assert losses.Dice()([[1.0, 0.0]], [[0.5, 0.5]]) == pytest.approx(0.5)
    assert losses.Tversky(alpha=1, beta=0)([[1.0, 0.0]], [[0.25, 0.5]]) == pytest.approx(0.75)
    assert losses.Tversky(alpha=0, beta=1)([[1.0, 0.0]], [[0.25, 0.5]]) == pytest.approx(1 - 0.25 / 0.75)


def test_cosine_of_directions():
    loss = losses.CosineSimilarity(reduction=None)
    assert loss([[1.0, 0], [1, 0], [1, 0], [1, 0]], [[9.0, 0], [0, 3], [-2, 0], [0, 0]]).tolist() == [-1, 0, 1, 0]


def test_the_cosine_of_almost_nothing_is_that_of_a_longer_vector():
    y_pred = np.array([[3e-9, 4e-9]])
    value, dy = losses.CosineSimilarity().value_and_gradient(np.array([[0.0, 1.0]]), y_pred)
    assert value == pytest.approx(-0.04)
    np.testing.assert_allclose(dy, [[0.0, -1e7]])


def test_focal_losses_without_focus_are_crossentropies():
    focal, plain = losses.BinaryFocalCrossentropy(gamma=0), losses.BinaryCrossentropy()
    assert focal(PIXELS, IMAGES) == pytest.approx(plain(PIXELS, IMAGES))
    focal, plain = losses.CategoricalFocalCrossentropy(alpha=1, gamma=0), losses.CategoricalCrossentropy()
    assert focal(ONE_HOT, P) == pytest.approx(plain(ONE_HOT, P))
    assert losses.BinaryFocalCrossentropy()([[1.0]], [[0.75]]) == pytest.approx(-math.log(0.75) / 16)


def test_certain_predictions_keep_gradients_finite():
    certain = np.array([[1.0, 0.0], [0.0, 1.0]])
    for loss, y_true in itertools.product(
        (
            losses.BinaryFocalCrossentropy(gamma=0.5),
            losses.CategoricalFocalCrossentropy(gamma=0.5),
            losses.KLDivergence(),
            losses.Poisson(),
        ),
        (certain, 1 - certain),
    ):
        value, dy = loss.value_and_gradient(y_true, certain)
        assert np.isfinite(value) and np.isfinite(dy).all()
    value, dy = losses.CategoricalGeneralizedCrossEntropy().value_and_gradient([1, 0], certain)
    assert value == 2 and np.isfinite(dy).all()


def test_a_negative_rate_is_not_a_number():
    value, dy = losses.Poisson().value_and_gradient([[1.0], [1.0]], [[-1.0], [1.0]])
    assert math.isnan(value) and np.isfinite(dy[1, 0])


def test_equal_wrong_scores_share_the_gradient():
    _, dy = losses.CategoricalHinge().value_and_gradient([[1.0, 0, 0]], [[0.0, 1, 1]])
    assert dy.tolist() == [[-1, 0.5, 0.5]]


# ---------------------------------------------------------------------------------------- one value for many samples


def test_dice_of_images_is_that_of_each():
    each = losses.dice(PIXELS, IMAGES, axis=(1, 2, 3))
    assert each.shape == (2,)
    assert each[1] == pytest.approx(float(losses.dice(PIXELS[1], IMAGES[1])))
    loss = losses.Dice(axis=(1, 2, 3))
    assert loss(PIXELS, IMAGES, [1.0, 3.0]) == pytest.approx((each[0] + 3 * each[1]) / 2)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_one_value_of_the_batch_stands_for_each_weight(reduction):
    whole = float(losses.dice(PIXELS, IMAGES))
    loss = losses.Dice(reduction)
    weight, mask = np.array([1.0, 3.0]), np.array([[True, True, False], [True, False, False]])
    factor = {"sum": 4.0, "sum_over_batch_size": 2.0, "mean_with_sample_weight": 1.0}[reduction]
    value, dy = loss.value_and_gradient(PIXELS, IMAGES, weight)
    assert value == loss(PIXELS, IMAGES, weight) == pytest.approx(factor * whole)
    np.testing.assert_allclose(dy, factor * losses.Dice().value_and_gradient(PIXELS, IMAGES)[1])
    masked, _ = loss.value_and_gradient(PIXELS, IMAGES, None, mask)
    assert masked == pytest.approx(3 * whole if reduction == "sum" else whole)
    both, _ = loss.value_and_gradient(PIXELS, IMAGES, weight, mask)
    factor = {"sum": 5.0, "sum_over_batch_size": 5 / 3, "mean_with_sample_weight": 1.0}[reduction]
    assert both == pytest.approx(factor * whole)
    np.testing.assert_allclose(losses.Dice("none")(PIXELS, IMAGES, weight), whole * weight)


def test_one_value_of_numbers_without_rows():
    loss, t, p, weight = losses.MeanSquaredError(), np.zeros(3), np.array([1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]
    value, dy = loss.value_and_gradient(t, p, weight)
    assert value == loss(t, p, weight) == pytest.approx(2 * 14 / 3)
    np.testing.assert_allclose(dy, 2 * 2 * p / 3)


def test_masked_rows_do_not_count():
    mask = np.array([[True, False, True], [False, True, True]])
    loss = losses.CategoricalFocalCrossentropy()
    value, dy = loss.value_and_gradient(ONE_HOT, P, None, mask)
    assert value == pytest.approx(losses.categorical_focal_crossentropy(ONE_HOT, P)[mask].mean())
    assert not dy[~mask].any() and dy[mask].any(axis=-1).all()


# --------------------------------------------------------------------------------------------------------------- CTC


def spelled(path):
    """What a path says: without repetitions, then without blanks."""
    return [label for label, _ in itertools.groupby(path) if label]


@pytest.mark.parametrize("labels", [[], [1], [2, 1], [1, 1], [2, 2, 1]])
def test_ctc_is_the_sum_over_all_paths(labels):
    logits = np.random.default_rng(6).normal(size=(5, 3))
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    probability = sum(
        math.exp(sum(log_p[t, label] for t, label in enumerate(path)))
        for path in itertools.product(range(3), repeat=5)
        if spelled(path) == labels
    )
    y_true = np.zeros((1, 4))
    y_true[0, : len(labels)] = labels
    assert losses.CTC()(y_true, logits[None]) == pytest.approx(-math.log(probability))


def test_ctc_of_samples_is_that_of_each():
    logits = np.random.default_rng(7).normal(size=(4, 6, 5))
    each = [float(losses.ctc(y[None, : np.count_nonzero(y)], z[None])[0]) for y, z in zip(SPOKEN, logits, strict=True)]
    np.testing.assert_allclose(losses.ctc(SPOKEN, logits), each)


def test_ctc_of_long_sequences_and_large_logits():
    labels = np.tile([1, 2, 3, 3], (2, 25))
    logits = np.random.default_rng(8).normal(scale=30, size=(2, 400, 5)).astype(np.float32)
    value, dy = losses.CTC().value_and_gradient(labels, logits)
    assert np.isfinite(value) and value > 0
    np.testing.assert_allclose(dy.sum(-1), 0, atol=1e-5)


def test_a_network_learns_to_spell():
    cdl.utils.set_random_seed(1)
    x = np.repeat(np.eye(4, dtype=np.float32)[[[1, 2, 3], [3, 1, 2], [2, 1, 2], [1, 3, 1]]], 2, axis=1)
    y = np.array([[1, 2, 3], [3, 1, 2], [2, 1, 2], [1, 3, 1]])
    model = Sequential([layers.Input((6, 4)), layers.Dense(4)])
    model.compile(cdl.optimizers.Adam(0.3), losses.CTC())
    history = model.fit(x, y, epochs=60, batch_size=4, verbose=0).history["loss"]
    assert history[-1] < 0.1 * history[0]
    assert [spelled(path) for path in model.predict(x, verbose=0).argmax(-1)] == [[k for k in row if k] for row in y]


# ------------------------------------------------------------------------------------------------------------ circle


def test_circle_by_hand():
    loss = losses.Circle(gamma=2.0, margin=0.25, reduction=None)
    values = loss([0, 0, 1], np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]))
    near, far, other = 2 * (0.4**2 - 0.25**2), 2 * (1.25 - 1) * (0.75 - 1), 2 * (1.25 - 0.2) * (0.75 - 0.2)
    assert values[0] == pytest.approx(math.log1p(math.exp(near + far)))
    assert values[1] == pytest.approx(math.log1p(math.exp(near + other)))
    assert values[2] == 0


def test_samples_alone_in_their_class_do_not_count_in_the_mean():
    values = losses.Circle(reduction="none")([0, 0, 1], SPHERE[:3])
    assert losses.Circle()([0, 0, 1], SPHERE[:3]) == pytest.approx(values[:2].mean())
    value, dy = losses.Circle().value_and_gradient([0, 1, 2], SPHERE[:3])
    assert value == 0 and not dy.any()


def test_circle_among_other_embeddings():
    labels = np.array([0, 1, 0, 2, 1, 1])
    np.testing.assert_allclose(
        losses.circle(labels, SPHERE, labels, SPHERE, gamma=5), losses.circle(labels, SPHERE, gamma=5)
    )
    some = losses.circle(labels[:2], SPHERE[:2], labels, SPHERE, remove_diagonal=False)
    np.testing.assert_allclose(some, losses.circle(labels, SPHERE, remove_diagonal=False)[:2])


# ---------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("name", "arguments", "y_true", "y_pred", "told"),
    [
        *(
            (name, {}, np.ones((3, 4)), np.ones((3, 5)), rf"{told}.*\(3, 4\).*\(3, 5\)")
            for name, told in [
                ("MeanAbsolutePercentageError", "mean_absolute_percentage_error"),
                ("MeanSquaredLogarithmicError", "mean_squared_logarithmic_error"),
                ("Huber", "huber_loss"),
                ("LogCosh", "log_cosh"),
                ("CosineSimilarity", "cosine_similarity"),
                ("Poisson", "poisson"),
                ("KLDivergence", "kl_divergence"),
                ("Hinge", "hinge"),
                ("SquaredHinge", "squared_hinge"),
                ("CategoricalHinge", "categorical_hinge"),
                ("BinaryFocalCrossentropy", "binary_focal_crossentropy"),
                ("CategoricalFocalCrossentropy", "categorical_focal_crossentropy"),
                ("Dice", "dice"),
                ("Tversky", "tversky"),
            ]
        ),
        ("Dice", {"axis": 2}, np.ones((3, 4)), np.ones((3, 4)), "out of bounds"),
        ("Dice", {"axis": (1, 1)}, np.ones((3, 4)), np.ones((3, 4)), "repeated axis"),
        ("CategoricalFocalCrossentropy", {"alpha": [1, 2]}, np.eye(3), np.eye(3), "2 numbers.*3 classes"),
        ("CategoricalGeneralizedCrossEntropy", {}, [0, 3], np.eye(2), r"label 3 at position 1 .*0\.\.1"),
        ("CategoricalGeneralizedCrossEntropy", {}, [0, 1, 1], np.eye(2), r"\(3,\).*\(2,\)"),
        ("Circle", {}, np.ones((3, 4)), np.ones((3, 5)), r"circle.*\(3, 5\).*\(3, 4\)"),
        ("Circle", {}, [0, 1], np.ones((2, 2, 2)), r"\(2, 2, 2\)"),
        ("Circle", {}, [0.5, 1], np.eye(2), "0.5 at position 0"),
        ("CTC", {}, [1, 2], np.ones((2, 3, 4)), r"\(2,\)"),
        ("CTC", {}, [[1, 2]], np.ones((2, 3, 4)), r"\(1, 2\).*\(2, 3, 4\)"),
        ("CTC", {}, [[1, 2]], np.ones((3, 4)), r"\(3, 4\)"),
        ("CTC", {}, [[1, 4]], np.ones((1, 3, 4)), r"label 4 at position 1 .*0\.\.3"),
        ("CTC", {}, [[1, -1]], np.ones((1, 3, 4)), "label -1"),
        ("CTC", {}, [[1, 2], [0, 2]], np.ones((2, 3, 4)), r"sample 1 is \[0, 2\]"),
        ("CTC", {}, [[1, 0], [2, 2]], np.ones((2, 2, 4)), "2 steps.*sample 1 need 3"),
        ("CTC", {}, [[0, 0]], np.ones((1, 0, 4)), "0 steps"),
    ],
)
def test_bad_targets(name, arguments, y_true, y_pred, told):
    loss = getattr(losses, name)(**arguments)
    with pytest.raises(ValueError, match=told):
        loss(y_true, y_pred)
    with pytest.raises(ValueError, match=told):
        loss.value_and_gradient(y_true, y_pred)


@pytest.mark.parametrize(
    "make",
    [
        lambda: losses.CosineSimilarity(axis=None),
        lambda: losses.CategoricalFocalCrossentropy(axis=True),
        lambda: losses.BinaryFocalCrossentropy(label_smoothing=1.5),
        lambda: losses.CategoricalGeneralizedCrossEntropy(q=1),
        lambda: losses.Dice(reduction="average"),
        lambda: losses.circle([0, 1], np.eye(2), [0, 1, 1], np.eye(2)),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError):
        make()


def test_whoever_redefines_a_circle_needs_a_gradient():
    class Double(losses.Circle):
        def call(self, labels, p):
            return 2 * super().call(labels, p)

    with pytest.raises(NotImplementedError, match="gradient"):
        Double().value_and_gradient([0, 1, 0, 2, 1, 1], SPHERE)


@pytest.mark.parametrize("name", ["huber", "Huber", "kld", "KLD", "mape", "MSLE", "log_cosh", "dice", "CTC", "hinge"])
def test_names(name):
    loss = losses.resolve(name)
    assert isinstance(loss, losses.Loss)
    assert losses.get(name) is not None
    assert loss.name == ("huber_loss" if name == "Huber" else "ctc" if name == "CTC" else name)
