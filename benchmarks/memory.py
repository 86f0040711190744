"""How much memory does training take?

`python benchmarks/memory.py [--calls N] [--threads N] [--peers torch ...]`

1. Does it grow?  Resident memory after each tenth of 10,000 training steps, then of 10,000 predictions of one model.
2. What do 20 training steps of convolutional networks need at their peak, beside the other libraries?  Counted is what
   the process gains over the moment before the first step: libraries, data, weights and Adam's moments are there then.

Exits with 1 if memory grew by more than a megabyte after the first two tenths, or if our peak is above the best peer's.
"""

from __future__ import annotations

import argparse
import sys

import peers
from networks import Network, colours, digits, perceptron
from peers import cdl_
from timing import Refused, Task, contestants, resident

ALLOWED = 2**20
TENTHS = 10
STEPS = 20
NETWORK = perceptron((784, 128, 10), 32)


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


def grows(threads: int, calls: int) -> bool:
    peer = cdl_.Peer(threads, variant="")
    gains = [
        growth("train_on_batch", peer.train_step(NETWORK), calls),
        growth("predict, 1 sample", peer.predict(NETWORK, 1), calls),
        growth("predict, 500 samples", peer.predict(NETWORK, 500), calls),
    ]
    return max(gains) > ALLOWED


def peaks(network: Network, names: list[str], threads: int) -> dict[str, int]:
    """Bytes gained by each contestant, in a process of its own for this network alone."""
    gained = {}
    with contestants(names, peers.create, threads, peers.environment(threads)) as (present, missing):
        for name, reason in missing.items():
            print(f"{name} is missing: {reason}", file=sys.stderr)
        for one in present:
            try:
                if one.ask("prepare", "train_step", network):
                    before, gained[one.name] = one.ask("peak_memory", STEPS)
                    sizes = f"{before / 2**20:.0f} MiB + {gained[one.name] / 2**20:.1f} MiB"
                    print(f"{STEPS} steps, {network}: {one.name} {sizes}", flush=True)
            except Refused as reason:
                print(f"{one.name}, {network}: {reason}", file=sys.stderr)
    return gained


def above_peers(names: list[str], threads: int) -> bool:
    found = False
    for network in (digits(128), colours(64)):
        gained = peaks(network, [peers.OURS, *names], threads)
        ours, best = gained.pop(peers.OURS, 0), min(gained.values(), default=0)
        if ours and best:
            print(f"{network}: {ours / best:.2f} of the best peer's")
            found |= ours > best
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", nargs="+", default=["torch", "torch-tuned"], choices=peers.PEERS, metavar="PEER")
    chosen = parser.parse_args()
    return int(grows(chosen.threads, chosen.calls) | above_peers(chosen.peers, chosen.threads))


if __name__ == "__main__":
    sys.exit(main())
