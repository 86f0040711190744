"""What `import cdl` costs over `import numpy`, in fresh interpreters.

`python benchmarks/import_time.py [--runs N]`
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

TIMED = "import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"


def seconds(module: str) -> float:
    """One fresh interpreter's time for the import alone."""
    command = [sys.executable, "-c", TIMED.format(module=module)]
    caching = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return float(subprocess.run(command, check=True, capture_output=True, env=caching).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    pairs = [(seconds("numpy"), seconds("cdl")) for _ in range(runs + 1)][1:]  # the first fills the disk cache
    numpy, cdl = (min(times) * 1e3 for times in zip(*pairs, strict=True))
    print(f"import numpy {numpy:.1f} ms, import cdl {cdl:.1f} ms: {cdl - numpy:.1f} ms more (best of {runs})")


if __name__ == "__main__":
    main()
