"""lbfgs and the threads of BLAS."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from cdl.sklearn import MLPRegressor
from cdl.sklearn.blas import libraries, one_blas_thread


def threads():
    return {library["num_threads"] for library in libraries().info()}


@pytest.fixture(autouse=True)
def two_threads():
    if not libraries().lib_controllers:
        pytest.skip("NumPy and SciPy have a BLAS whose threads cannot be told")
    with threadpool_limits(2, user_api="blas"):
        if threads() != {2}:
            pytest.skip("a BLAS without threads")
        yield


def test_lbfgs_has_one_and_leaves_two():
    seen = []

    class Watched(MLPRegressor):
        def _loss_grad_lbfgs(self, *args):
            seen.append(threads())
            return super()._loss_grad_lbfgs(*args)

    x = np.random.default_rng(0).normal(size=(20, 3))
    Watched(solver="lbfgs", max_iter=50, random_state=0).fit(x, x.sum(axis=1))
    assert seen and all(found == {1} for found in seen)
    assert threads() == {2}


def test_fits_that_overlap_leave_two():
    first, second = one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    assert threads() == {1}
    first.__exit__(None, None, None)
    assert threads() == {1}
    second.__exit__(None, None, None)
    assert threads() == {2}


def test_a_fit_that_fails_leaves_two():
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        raise ZeroDivisionError
    assert threads() == {2}
