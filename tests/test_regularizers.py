import numpy as np
import pytest
from layer_checks import numerical_gradient

from cdl import regularizers

W = np.array([[1.0, -2.0], [0.5, 3.0], [-0.4, 0.3]])


def test_values():
    assert regularizers.L1(0.1)(W) == pytest.approx(0.72)
    assert regularizers.L2(0.1)(W) == pytest.approx(1.45)
    assert regularizers.L1L2(0.1, 0.1)(W) == pytest.approx(2.17)
    assert regularizers.L1L2()(W) == 0


def test_orthogonal_counts_angles():
    # Rows at 0, 60 and 90 degrees: |cos| = 1/2, 0, sqrt(3)/2, whatever their lengths.
    w = np.array([[2.0, 0.0], [0.5, np.sqrt(3) / 2], [0.0, 3.0]])
    expected = 0.3 * (0.5 + 0 + np.sqrt(3) / 2) / 3
    assert regularizers.OrthogonalRegularizer(0.3)(w) == pytest.approx(expected)
    assert regularizers.OrthogonalRegularizer(0.3, "columns")(w.T) == pytest.approx(expected)


@pytest.mark.parametrize(
    "regularizer",
    [
        regularizers.L1(0.1),
        regularizers.L2(0.1),
        regularizers.L1L2(0.1, 0.2),
        regularizers.L1L2(),
        regularizers.OrthogonalRegularizer(0.3),
        regularizers.OrthogonalRegularizer(0.3, "columns"),
    ],
)
def test_gradients(regularizer):
    w = W.copy()
    np.testing.assert_allclose(
        regularizer.gradient(w), numerical_gradient(lambda: regularizer(w), w), rtol=1e-6, atol=1e-9
    )
    assert regularizer.gradient(w.astype("float32")).dtype == np.float32
    again = regularizers.deserialize(regularizers.serialize(regularizer))
    assert again.get_config() == regularizer.get_config()


def test_a_zero_row_has_no_direction():
    assert np.all(np.isfinite(regularizers.OrthogonalRegularizer().gradient(np.zeros((2, 3)))))


def test_functions():
    def penalty(w):
        return np.sum(w**4)

    regularizer = regularizers.get(penalty)
    assert regularizer(W) == pytest.approx(np.sum(W**4))
    with pytest.raises(NotImplementedError, match=r"'penalty'.*gradient\(w\)"):
        regularizer.gradient(W)
    penalty.gradient = lambda w: 4 * w**3
    np.testing.assert_array_equal(regularizer.gradient(W), 4 * W**3)
    assert regularizers.serialize(regularizer)["config"] == "penalty"


def test_a_class_without_gradient_says_so():
    class Silent(regularizers.Regularizer):
        pass

    with pytest.raises(NotImplementedError, match="'Silent'"):
        regularizers.get(Silent).gradient(W)


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (lambda: regularizers.get("l3"), "Did you mean 'l"),
        (lambda: regularizers.L1(-1), "l1=-1"),
        (lambda: regularizers.L2(float("nan")), "l2=nan"),
        (lambda: regularizers.OrthogonalRegularizer(mode="x"), "mode='x'"),
        (lambda: regularizers.OrthogonalRegularizer()(np.ones(3)), r"\(3,\)"),
    ],
)
def test_mistakes(mistake, told):
    with pytest.raises(ValueError, match=told):
        mistake()
