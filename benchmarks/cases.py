"""Every case of tests/cases.py, native beside its meaning in NumPy: microseconds and ratio. Needs only cdl.

The small cases show what a call costs, the large ones what the core is worth.
"""

import argparse
import sys
import timeit
from pathlib import Path

from cdl import config, ops

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from cases import CASES  # the folder of the tests is not a package


def microseconds(call):
    """The best of some rounds of about a millisecond."""
    timer = timeit.Timer(call)
    number = max(1, round(1e-3 / max(timer.timeit(1), 1e-7)))
    return min(timer.repeat(repeat=15, number=number)) / number * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    config.set_num_threads(options.threads)
    print("| case | native us | NumPy us | ratio |\n|---|--:|--:|--:|")
    for case in CASES:
        if options.only in str(case):
            arguments, function = case.draw(options.dtype), getattr(ops, case.op)
            times = []
            for backend in ("native", "reference"):
                with config.set_backend(backend):
                    times.append(microseconds(lambda: function(*arguments)))  # noqa: B023 - called in this round only
            print(f"| {case} | {times[0]:.1f} | {times[1]:.1f} | {times[1] / times[0]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
