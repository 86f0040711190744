"""From a list of workloads to a table: start the peers, check that they compute the same, time them, print."""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import peers
from report import Report, seconds
from timing import Contestant, Refused, Times, compete, contestants


@dataclass(frozen=True)
class Workload:
    """Something to time: the peers' method `kind`, called with `details`, makes the task.

    Its first `compared` values must agree among the contestants, to the fraction `tolerance` of the largest; `goal` is
    the ratio that we want.  Values in which chance plays a part can agree but loosely: `rehearsal` is the same work
    without chance, and who fails there is not admitted.
    """

    name: str
    kind: str
    details: tuple
    goal: float = math.nan
    compared: int = 1
    tolerance: float = 1e-4
    rehearsal: Workload | None = None


def options(description: str, names: list[str], seconds: float) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", default="", help="workloads whose name or section contains this")
    of = f"of {', '.join(peers.PEERS)}"
    parser.add_argument("--peers", nargs="+", default=names, choices=peers.PEERS, metavar="PEER", help=of)
    parser.add_argument("--seconds", type=float, default=seconds, help="for each workload (%(default)s)")
    parser.add_argument("--save", metavar="FILE.md")
    return parser


def run(title: str, sections: dict[str, list[Workload]], chosen: argparse.Namespace) -> None:
    """Time every workload that was chosen, with every number of threads."""
    names = [peers.OURS] + [name for name in chosen.peers if name != peers.OURS]
    with Report(title, chosen.save) as page:
        page.say("ratio: best peer's median time / ours (of the best times). Times: median (best).")
        for threads in chosen.threads:
            with contestants(names, peers.create, threads, peers.environment(threads)) as (present, missing):
                page.say(f"\n## {threads} thread{'s' * (threads > 1)}")
                for name, reason in missing.items():
                    page.note(f"{name} is missing: {reason}")
                for section, workloads in sections.items():
                    wanted = [workload for workload in workloads if chosen.only in f"{section}: {workload.name}"]
                    if wanted:
                        page.say(f"\n### {section}\n")
                        time_section(page, wanted, present, chosen.seconds)


def time_section(page: Report, workloads: list[Workload], present: list[Contestant], duration: float) -> None:
    names = [one.name for one in present]
    ratios = {}
    page.table_head(["work", "goal", "ratio", "best peer", *names])
    for workload in workloads:
        times = compete(ready(workload, present, page.note), duration)
        best, ratio = times.best_peer(peers.OURS)
        _, lucky = times.best_peer(peers.OURS, Times.best)
        shown = f"**{number(ratio)}** ({number(lucky)})"
        page.table_row([workload.name, number(workload.goal), shown, best, *(cell(times, name) for name in names)])
        ratios[workload.name] = ratio
    known = [ratio for ratio in ratios.values() if ratio > 0]
    if len(known) > 1:
        worst = min(ratios, key=ratios.get)
        page.say(f"\nRatios: geometric mean {statistics.geometric_mean(known):.2f}, least {min(known):.2f} ({worst}).")


def ready(workload: Workload, present: list[Contestant], note: Callable[[str], None]) -> list[Contestant]:
    """Those who can do `workload` and get its first values right: the others' failures are noted."""
    if workload.rehearsal:
        present = ready(workload.rehearsal, present, note)
    values = {}
    for one in present:
        try:
            if one.ask("prepare", workload.kind, *workload.details):
                values[one] = np.array(one.ask("values", workload.compared))
        except Refused as reason:
            note(f"{one.name}, {workload.name}: {reason}")
    if not values:
        return []
    agreed = np.median(list(values.values()), axis=0)
    fit = []
    for one, value in values.items():
        difference = np.max(np.abs(value - agreed)) / np.max(np.abs(agreed))
        if difference <= workload.tolerance:
            fit.append(one)
        else:
            note(f"{one.name}, {workload.name}: not timed, computes something else (off by {difference:.1e})")
    return fit


def number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def cell(times: Times, name: str) -> str:
    return f"{seconds(times.median(name))} ({seconds(times.best(name))})" if name in times.seconds else "-"
