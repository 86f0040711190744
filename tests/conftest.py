"""Settings for all tests."""

import os

# On a machine that has more to do than the tests, OpenMP's threads would wait for each other at full speed, taking each
# other's processors: steps of half a millisecond become 20. Read when libgomp is loaded, so before cdl is.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
