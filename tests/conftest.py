"""What holds for the whole suite."""

import os

import pytest

import cdl

# Tests that start Python themselves must not find the source folder on its path: it would hide the installed package.
os.environ["PYTHONSAFEPATH"] = "1"


@pytest.fixture(autouse=True)
def seeded():
    """Every test draws the same numbers every time, whatever ran before it."""
    cdl.utils.set_random_seed(1)


def pytest_report_header():
    """Say what is under test."""
    isa, threads = cdl.config.isa(), cdl.config.num_threads()
    return f"cdl {cdl.__version__} from {os.path.dirname(cdl.__file__)} ({isa}, {threads} threads)"
