"""Does memory grow?  10,000 training steps, then 10,000 predictions of one model.

`python benchmarks/memory.py [--calls N] [--threads N]`

Prints the resident memory after each tenth; exits with 1 if it grew by more than a megabyte after the first two tenths.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from networks import perceptron
from peers import cdl_
from timing import Task

ALLOWED = 2**20
TENTHS = 10
NETWORK = perceptron((784, 128, 10), 32)


def resident() -> int:
    """Bytes of this process in memory (Linux)."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def growth(name: str, task: Task, calls: int) -> int:
    """Bytes gained from the second tenth to the last: the first fills the pools."""
    sizes = []
    for _ in range(TENTHS):
        for _ in range(calls // TENTHS):
            task.call()
        sizes.append(resident())
    gained = sizes[-1] - sizes[1]
    sequence = " ".join(f"{size / 2**20:.1f}" for size in sizes)
    print(f"{calls:,} x {name}: {sequence} MiB, gained {gained / 1024:.0f} KiB")
    return gained


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    calls, peer = chosen.calls, cdl_.Peer(chosen.threads, variant="")
    gains = [
        growth("train_on_batch", peer.train_step(NETWORK), calls),
        growth("predict, 1 sample", peer.predict(NETWORK, 1), calls),
        growth("predict, 500 samples", peer.predict(NETWORK, 500), calls),
    ]
    return int(max(gains) > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
