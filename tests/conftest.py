"""What holds for the whole suite."""

import os

# On a machine that has more to do than the tests, OpenMP's threads would wait for each other at full speed, taking each
# other's processors: steps of half a millisecond become 20. Read when libgomp is loaded, so before cdl is.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# Tests that start Python themselves must not find the source folder on its path: it would hide the installed package.
os.environ["PYTHONSAFEPATH"] = "1"

import cdl


def pytest_report_header():
    """Say what is under test."""
    isa, threads = cdl.config.isa(), cdl.config.num_threads()
    return f"cdl {cdl.__version__} from {os.path.dirname(cdl.__file__)} ({isa}, {threads} threads)"
