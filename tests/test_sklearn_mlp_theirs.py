"""scikit-learn's own tests of its MLP, from the installed package, with our classes in the place of its own."""

import importlib.util
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
THEIRS = Path(importlib.util.find_spec("sklearn.neural_network.tests.test_mlp").origin)

# As in scikit-learn, where a warning that no test expects is not an error.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True, scope="module")
def serial_blas():
    """Small products would wait for threads longer than they take."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(name="global_random_seed")
def seed_of_scikit_learn():
    """Their conftest's fixture, with its default."""
    return 42


def test_the_classes_are_exchanged():
    from cdl import sklearn as ours

    assert MLPClassifier is ours.MLPClassifier and MLPRegressor is ours.MLPRegressor  # noqa: F821 - in their source
    assert sum(name.startswith("test_") for name in globals()) > 40


source = THEIRS.read_text()
assert source.count(IMPORT) == 1
exec(compile(source.replace(IMPORT, "from cdl.sklearn import MLPClassifier, MLPRegressor"), THEIRS, "exec"), globals())
