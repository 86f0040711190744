import numpy as np
import pytest

from cdl import constraints

W = np.array([[3.0, 0.3], [-4.0, 0.4]])  # columns of length 5 and 0.5


def lengths(w):
    return np.sqrt((w**2).sum(axis=0))


def test_norms():
    np.testing.assert_allclose(lengths(constraints.MaxNorm(2)(W)), [2, 0.5], rtol=1e-6)
    np.testing.assert_allclose(lengths(constraints.UnitNorm()(W)), [1, 1], rtol=1e-6)
    np.testing.assert_allclose(lengths(constraints.MinMaxNorm(1, 2)(W)), [2, 1], rtol=1e-6)
    np.testing.assert_allclose(lengths(constraints.MinMaxNorm(1, 2, rate=0.5)(W)), [3.5, 0.75], rtol=1e-6)
    np.testing.assert_allclose(constraints.MaxNorm(1, axis=1)(W), constraints.MaxNorm(1)(W.T).T)
    kernel = np.ones((3, 3, 2, 4))
    np.testing.assert_allclose((constraints.UnitNorm([0, 1, 2])(kernel) ** 2).sum((0, 1, 2)), np.ones(4), rtol=1e-6)


def test_signs():
    assert constraints.NonNeg()(W).tolist() == [[3.0, 0.3], [0.0, 0.4]]


@pytest.mark.parametrize("name", ["max_norm", "non_neg", "unit_norm", "min_max_norm"])
def test_names(name):
    constraint = constraints.get(name)
    w = W.astype("float32")
    assert constraint(w).dtype == np.float32
    assert w.tolist() == W.astype("float32").tolist()
    again = constraints.deserialize(constraints.serialize(constraint))
    np.testing.assert_array_equal(again(w), constraint(w))


def test_zero_stays_zero():
    assert constraints.UnitNorm()(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]


def test_mistakes():
    with pytest.raises(ValueError, match=r"Did you mean .*'max_norm'"):
        constraints.get("maxnorm")
    assert constraints.get(None) is None
