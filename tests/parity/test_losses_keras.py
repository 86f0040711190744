"""The losses beside Keras': values, gradients, weights, masks, configurations and error classes of every kind.

Those with a primitive are in test_vocabulary_keras.py.
"""

import numpy as np
import pytest
from keras_peer import assert_same_mistake, jax_or_skip, keras

import cdl

jax = jax_or_skip()
pytestmark = pytest.mark.filterwarnings("ignore")

rng = np.random.default_rng(9)


def numbers(*shape):
    return rng.normal(size=shape).astype("float32")


def probabilities(*shape):
    return rng.dirichlet(np.ones(shape[-1]), size=shape[:-1]).astype("float32")


IMAGES = rng.uniform(size=(2, 3, 4, 2)).astype("float32")
PIXELS = (rng.uniform(size=(2, 3, 4, 2)) > 0.5).astype("float32")
BITS = rng.integers(0, 2, size=(4, 3))
ONE_HOT = np.eye(5, dtype="float32")[[0, 4, 2, 2]]
EMBEDDINGS = numbers(7, 4)
EMBEDDINGS /= np.linalg.norm(EMBEDDINGS, axis=1, keepdims=True)
CLASSES = np.array([0, 1, 0, 2, 1, 1, 0])
SPOKEN = np.array([[1, 2, 2, 4], [3, 0, 0, 0], [4, 4, 0, 0], [1, 2, 1, 0]])

ROWS = [
    ("MeanAbsolutePercentageError", {}, numbers(4, 3), numbers(4, 3)),
    ("MeanAbsolutePercentageError", {}, np.array([[0.0, 1.0]]), np.array([[1.0, 1.5]], "float32")),
    ("MeanSquaredLogarithmicError", {}, 5 * np.abs(numbers(4, 3)), 5 * numbers(4, 3)),
    ("Huber", {}, numbers(4, 3), 3 * numbers(4, 3)),
    ("Huber", {"delta": 0.25}, numbers(4), numbers(4, 1)),
    ("Huber", {"delta": 2}, numbers(4, 1), numbers(4)),
    ("LogCosh", {}, numbers(2, 3, 4), 30 * numbers(2, 3, 4)),
    ("CosineSimilarity", {}, numbers(4, 3), numbers(4, 3)),
    ("CosineSimilarity", {}, np.eye(3), (np.array([[3e-9], [1], [2e-8]]) * numbers(3, 3)).astype("float32")),
    ("CosineSimilarity", {"axis": 1}, numbers(2, 3, 4), numbers(2, 3, 4)),
    ("Poisson", {}, rng.integers(0, 6, size=(4, 3)), np.exp(numbers(4, 3))),
    ("KLDivergence", {}, probabilities(4, 3), probabilities(4, 3)),
    ("KLDivergence", {}, ONE_HOT, np.concatenate([probabilities(2, 5), 2 * probabilities(1, 5), -probabilities(1, 5)])),
    *((name, {}, y_true, numbers(4, 3)) for name in ("Hinge", "SquaredHinge") for y_true in (BITS, 2 * BITS - 1)),
    ("Hinge", {}, BITS + 1, numbers(4, 3)),
    ("CategoricalHinge", {}, ONE_HOT, numbers(4, 5)),
    ("CategoricalHinge", {}, np.eye(3), np.array([[0, 1, 1], [1, 5, 1], [0, 0, 0]], "float32")),
    ("BinaryFocalCrossentropy", {}, PIXELS, IMAGES),
    ("BinaryFocalCrossentropy", {"axis": 1, "gamma": 3.5, "label_smoothing": 0.1}, PIXELS, IMAGES),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.7, "gamma": 0}, PIXELS, IMAGES),
    ("BinaryFocalCrossentropy", {"from_logits": True}, BITS, 4 * numbers(4, 3)),
    ("BinaryFocalCrossentropy", {}, np.array([[0, 1, 0, 1]]), np.array([[0, 0, 1, 1]], "float32")),
    ("CategoricalFocalCrossentropy", {}, ONE_HOT, 3 * probabilities(4, 5)),
    ("CategoricalFocalCrossentropy", {"gamma": 0.5, "label_smoothing": 0.2}, ONE_HOT, probabilities(4, 5)),
    ("CategoricalFocalCrossentropy", {"alpha": [0.1, 0.2, 0.3, 0.4, 0.5]}, ONE_HOT, probabilities(4, 5)),
    ("CategoricalFocalCrossentropy", {"from_logits": True}, ONE_HOT, 4 * numbers(4, 5)),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "axis": 2}, PIXELS, numbers(2, 3, 4, 2)),
    ("CategoricalFocalCrossentropy", {}, np.eye(2), np.array([[0, 1], [0, 1]], "float32")),
    ("CategoricalGeneralizedCrossEntropy", {}, CLASSES[:4], probabilities(4, 5)),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.8}, np.array([[0, 3], [1, 1]]), probabilities(2, 2, 5)),
    ("Dice", {"axis": (1, 2, 3)}, PIXELS, IMAGES),
    ("Dice", {"axis": -1}, PIXELS, IMAGES),
    ("Dice", {"axis": (2, 0)}, PIXELS, IMAGES),
    ("Dice", {"axis": 1}, np.zeros((2, 3)), np.zeros((2, 3), "float32")),
    ("Tversky", {"alpha": 0.2, "beta": 0.9, "axis": (1, 2, 3)}, PIXELS, IMAGES),
    ("Tversky", {"axis": 1}, PIXELS, IMAGES),
    ("Circle", {}, CLASSES, EMBEDDINGS),
    ("Circle", {"gamma": 2, "margin": 0.25, "remove_diagonal": False}, CLASSES[:, None], 0.9 * EMBEDDINGS),
    ("CTC", {}, SPOKEN, 3 * numbers(4, 8, 5)),
    ("CTC", {}, SPOKEN[:, :3], numbers(4, 5, 6)),
]
WHOLE = [
    ("Dice", {}, PIXELS, IMAGES),
    ("Dice", {}, np.zeros((2, 3)), np.zeros((2, 3), "float32")),
    ("Tversky", {"alpha": 0.2, "beta": 0.9}, PIXELS, IMAGES),
]
REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"]


def close(ours, theirs, tolerance=2e-5):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * max(1, np.abs(theirs).max()))


def both(loss, **arguments):
    return getattr(cdl.losses, loss)(**arguments), getattr(keras.losses, loss)(**arguments)


def check(name, arguments, y_true, y_pred, weight, reduction="sum_over_batch_size"):
    ours, theirs = both(name, reduction=reduction, **arguments)
    value, dy = jax.value_and_grad(lambda p: theirs(y_true, p, sample_weight=weight))(y_pred)
    our_value, our_dy = ours.value_and_gradient(y_true, y_pred, weight)
    close(our_value, value)
    close(our_dy, dy)
    close(ours(y_true, y_pred, weight), value)


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), ROWS)
def test_values_and_gradients(name, arguments, y_true, y_pred):
    check(name, arguments, y_true, y_pred, None)
    shape = getattr(cdl.losses, name)(reduction=None, **arguments)(y_true, y_pred).shape
    check(name, arguments, y_true, y_pred, rng.uniform(size=shape).astype("float32"))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), WHOLE)
def test_one_value_of_the_batch(name, arguments, y_true, y_pred, reduction):
    # No weight without axes: where the value has none either, Keras' "mean_with_sample_weight" does not divide by it.
    for weight in (None, rng.uniform(size=len(y_pred)).astype("float32")):
        check(name, arguments, y_true, y_pred, weight, reduction)


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), ROWS + WHOLE)
def test_functions(name, arguments, y_true, y_pred):
    ours, theirs = both(name, reduction=None, **arguments)
    close(ours(y_true, y_pred), theirs(y_true, y_pred))
    function = theirs.fn.__name__
    if function == "categorical_generalized_cross_entropy":
        arguments = {"q": 0.5, **arguments}
    if np.shape(y_true) == y_pred.shape or name in ("Circle", "CTC"):
        their_values = getattr(keras.losses, function)(y_true, y_pred, **arguments)
        close(getattr(cdl.losses, function)(y_true, y_pred, **arguments), their_values)


@pytest.mark.parametrize(("reduction", "weighted"), [("mean", False), ("sum", True), ("mean", True)])
@pytest.mark.parametrize(
    ("name", "arguments", "y_true", "y_pred"),
    [
        ("Huber", {}, numbers(3, 4, 2), numbers(3, 4, 2)),
        ("CategoricalFocalCrossentropy", {}, np.eye(3)[rng.integers(0, 3, (3, 4))], probabilities(3, 4, 3)),
        ("Dice", {"axis": -1}, PIXELS[:, :, 0], IMAGES[:, :, 0]),
        ("Dice", {}, PIXELS[:, :, 0], IMAGES[:, :, 0]),
    ],
)
def test_masks(name, arguments, y_true, y_pred, reduction, weighted):
    mask = rng.uniform(size=y_pred.shape[:2]) > 0.4
    weight = rng.uniform(size=mask.shape).astype("float32") if weighted else None
    ours, theirs = both(name, reduction=reduction, **arguments)

    def masked(p):
        p = p + 0.0
        keras.src.backend.set_keras_mask(p, mask)
        return theirs(y_true, p, sample_weight=weight)

    value, dy = jax.value_and_grad(masked)(y_pred)
    our_value, our_dy = ours.value_and_gradient(y_true, y_pred, weight, mask)
    close(our_value, value)
    close(our_dy, dy)


@pytest.mark.parametrize("remove_diagonal", [False, True])
def test_circle_among_other_embeddings(remove_diagonal):
    arguments = {"ref_labels": CLASSES[2:], "ref_embeddings": EMBEDDINGS[2:], "remove_diagonal": remove_diagonal}
    ours = cdl.losses.circle(CLASSES, EMBEDDINGS, **arguments)
    close(ours, keras.losses.circle(CLASSES, EMBEDDINGS, **arguments), 1e-4)


@pytest.mark.parametrize(("name", "arguments"), [case[:2] for case in ROWS + WHOLE if "Generalized" not in case[0]])
def test_configs_are_exchanged(name, arguments):
    ours, theirs = both(name, reduction="sum", name="mine", **arguments)
    ours, theirs = cdl.losses.serialize(ours), keras.losses.serialize(theirs)
    if not {"delta", "axis"} & set(arguments):  # which Keras leaves out of some configurations
        assert ours == theirs
    again = cdl.losses.deserialize(theirs)
    assert {**cdl.losses.serialize(again), "config": None} == {**theirs, "config": None}
    assert keras.losses.serialize(keras.losses.deserialize(ours))["class_name"] == name


MISTAKES = {
    "focal shapes": lambda library: library.losses.BinaryFocalCrossentropy()(np.ones((3, 4)), np.ones((3, 5))),
    "focal axis": lambda library: library.losses.CategoricalFocalCrossentropy(axis=True)(np.eye(2), np.eye(2)),
    "q": lambda library: library.losses.CategoricalGeneralizedCrossEntropy(q=1.0),
    "labels of CTC": lambda library: library.losses.CTC()(np.ones(2), np.ones((2, 3, 4))),
    "logits of CTC": lambda library: library.losses.CTC()(np.ones((2, 3)), np.ones((2, 3))),
    "axis of Dice": lambda library: library.losses.Dice(axis=4)(np.ones((2, 3)), np.ones((2, 3))),
    "name": lambda library: library.losses.get("hubert"),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_raise_the_same_class(mistake):
    assert_same_mistake(mistake)


@pytest.mark.parametrize("name", ["huber", "kld", "MAPE", "LogCosh", "dice", "CTC", "CategoricalHinge"])
def test_names_in_compile(name):
    from keras.src.trainers import compile_utils

    arrays = np.ones((4, 3)), np.ones((4, 3))
    assert cdl.losses.resolve(name).name == compile_utils.get_loss(name, *arrays).name
