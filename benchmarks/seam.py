"""What it costs to hand three arrays to C, and to get one back: why the binding takes ndarrays.

Compiles seam.pyx in a temporary folder (needs Cython and a C compiler), then prints the best time of a call.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import timeit
from pathlib import Path

import numpy as np

CALLS, ROUNDS = 2000, 200

with tempfile.TemporaryDirectory() as folder:
    shutil.copy(Path(__file__).with_suffix(".pyx"), folder)
    flags = os.environ | {"CFLAGS": f"-O3 -I{np.get_include()}"}
    compiled = [sys.executable, "-m", "Cython.Build.Cythonize", "-q", "-i", f"{folder}/seam.pyx"]
    subprocess.run(compiled, env=flags, cwd=folder, check=True, capture_output=True)
    sys.path.insert(0, folder)
    sys.modules.pop("seam", None)
    import seam

a, b, c = (np.ones((4, 4), "float32") for _ in range(3))


def nanoseconds(call):
    return min(timeit.repeat(call, number=CALLS, repeat=ROUNDS)) / CALLS * 1e9


nothing = nanoseconds(lambda: None)
for way in (seam.ndarray, seam.ndarray_with_output, seam.buffer_protocol, seam.memoryview):
    print(f"{way.__name__:20} {nanoseconds(lambda way=way: way(a, b, c)) - nothing:5.0f} ns")
print(f"{'np.empty':20} {nanoseconds(lambda: np.empty((4, 4), 'float32')) - nothing:5.0f} ns")
