"""Training, fitting and predicting beside the other libraries.

    python benchmarks/training.py [--threads 1 2] [--only NAME] [--peers numpy torch ...] [--seconds S] [--save FILE.md]

Before anything is timed, every contestant shows its first results (losses, probabilities): who computes something else
is named and not timed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import peers
import report
from timing import Contestant, Refused, Rounds, compete, contestants
from workloads import Network

STEPS_COMPARED = 30


@dataclass(frozen=True)
class Workload:
    name: str
    kind: str                   # the method of a Peer
    details: tuple              # its arguments
    compared: int = 1           # this many first values of every contestant ...
    tolerance: float = 1e-4     # ... must agree to this relative difference


def step(network: Network) -> Workload:
    return Workload(f"step {network}", "train_step", (network,), STEPS_COMPARED, 1e-2)


SMALL = Network((784, 128, 10), 32)
WORKLOADS = [
    step(SMALL),
    step(Network((784, 128, 10), 128)),
    step(Network((784, 32, 10), 32)),
    step(Network((784, 512, 512, 512, 10), 128)),
    step(Network((4, 16, 3), 16)),
    step(Network((784, 128, 10), 32, "float64")),
    step(Network((784, 128, 10), 128, "float64")),
    Workload(f"fit {SMALL}, one epoch of 60,000", "fit_epoch", (SMALL,), tolerance=0.05),   # everyone shuffles its own way
    Workload("predict 784-128-10, 1 sample", "predict", (SMALL, 1)),
    Workload("predict 784-128-10, 10,000 samples", "predict", (SMALL, 10_000)),
]


def prepare(workload: Workload, everyone: list[Contestant], say: Callable[[str], None]) -> list[Contestant]:
    """Those contestants that can do `workload` and get its first values right; `say` hears about failures."""
    results = {}
    for one in everyone:
        try:
            if one.ask("prepare", workload.kind, *workload.details):
                results[one] = np.array(one.ask("values", workload.compared))
        except Refused as reason:
            say(f"{one.name}, {workload.name}: {reason}")
    if not results:
        return []
    agreed = np.median(list(results.values()), axis=0)
    difference = {one: np.max(np.abs(values - agreed)) / np.max(np.abs(agreed)) for one, values in results.items()}
    for one in results:
        if not difference[one] <= workload.tolerance:
            say(f"{one.name}, {workload.name}: computes something else (off by {difference[one]:.1e}), not timed")
    return [one for one in results if difference[one] <= workload.tolerance]


def row(workload: Workload, rounds: Rounds, names: list[str]) -> list[str]:
    best, ratio = rounds.best_peer(peers.OURS)
    return [workload.name, report.ratio(ratio), best] + [report.median_and_best(rounds, name) for name in names]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--peers", nargs="+", default=peers.DEFAULT, choices=peers.PEERS, metavar="PEER")
    parser.add_argument("--seconds", type=float, default=5, help="for each workload (%(default)s)")
    parser.add_argument("--save", metavar="FILE.md")
    options = parser.parse_args(arguments)
    names = [peers.OURS] + [name for name in options.peers if name != peers.OURS]

    with report.Report("Training beside the other libraries", options.save) as page:
        for threads in options.threads:
            page.say(f"\n## {threads} thread{'s' * (threads > 1)}\n")
            with contestants(names, peers.create, threads, peers.environment(threads)) as (present, missing):
                for name, reason in missing.items():
                    page.say(f"{name} is missing ({reason})\n")
                columns = [one.name for one in present]
                page.table(["work", "ratio", "best peer", *columns])
                for workload in WORKLOADS:
                    if options.only in workload.name:
                        ready = prepare(workload, present, page.note)
                        page.row(row(workload, compete(ready, options.seconds), columns))
        page.say("\nratio = best peer's time / ours, the median over rounds; times are median (best).")


if __name__ == "__main__":
    main(sys.argv[1:])
