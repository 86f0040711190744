"""Times contestants side by side on a machine that is never quite quiet.

Every contestant lives in a process of its own, with its own thread pool, and measures a short block of calls when it is
told to.  While one measures, the others are stopped by a signal, so that no idle pool spins on the cores in use.
Blocks go round and round in random order.  Rounds in which threads waited longest for a core are dropped, whatever
their times were.  What happens in a round happens to all who run in it, so the numbers to trust are medians over rounds
of *ratios within a round*.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import multiprocessing
import os
import random
import signal
import statistics
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

BLOCK = 0.02  # seconds of measured calls in a block
LEAD = 1 / 4  # before them, this share of the calls is made unmeasured: caches and threads wake up
MIN_ROUNDS = 3
KEPT = 1 / 2  # the share of rounds that counts: the quieter ones


@dataclass
class Task:
    """What is timed: `call`, again and again."""

    call: Callable[[], object]  # one unit of work; its value is what `Contestant.values` collects
    rewind: Callable[[], object] = lambda: None  # before every block: back to the state of the first call
    wait: Callable[[], object] = lambda: None  # until the work that was called for is really done

    @classmethod
    def cycle(cls, step: Callable, batches: list, reset: Callable, wait: Callable = lambda: None) -> Task:
        """`step(*batch)`, batch after batch and round again; a rewind resets the network and begins with the first."""
        todo = iter(batches)

        def rewind() -> None:
            nonlocal todo
            reset()
            todo = itertools.cycle(batches)

        return cls(lambda: step(*next(todo)), rewind, wait)

    def block(self, calls: int) -> tuple[float, float]:
        """(seconds per call, seconds that our threads waited for a core)"""
        self.rewind()
        for _ in range(int(calls * LEAD)):
            self.call()
        self.wait()
        waited = waiting()
        start = time.perf_counter()
        for _ in range(calls):
            self.call()
        self.wait()
        return (time.perf_counter() - start) / calls, waiting() - waited

    def calls_per_block(self) -> int:
        for exponent in itertools.count():
            calls = 2**exponent
            seconds, _ = self.block(calls)
            if seconds * calls > BLOCK / 8:
                return max(1, round(BLOCK / seconds))

    def values(self, count: int) -> list[object]:
        import numpy as np

        self.rewind()
        return [np.asarray(self.call(), dtype=np.float64) for _ in range(count)]


def waiting() -> float:
    """Seconds so far that threads of this process were ready and no core was free for them (Linux; elsewhere 0)."""
    return sum(int(file.read_text().split()[1]) for file in Path("/proc/self/task").glob("*/schedstat")) * 1e-9


def die_with_parent() -> None:
    """A stopped process would outlive a driver that was killed (Linux only)."""
    if Path("/proc/self").exists():
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def serve(pipe, create: Callable[..., object], arguments: tuple) -> None:
    """The contestant's side: create the peer, then answer (method, arguments) until None arrives."""
    die_with_parent()
    warnings.simplefilter("ignore")
    peer = task = None

    def prepare(kind: str, *details) -> bool:
        """Make the task, if the peer has that kind."""
        nonlocal task
        task = None
        task = getattr(peer, kind)(*details) if hasattr(peer, kind) else None
        return task is not None

    def answer(method: str, *details):
        return prepare(*details) if method == "prepare" else getattr(task, method)(*details)

    try:
        peer = create(*arguments)
        pipe.send((True, None))
    except Exception as error:
        pipe.send((False, f"{type(error).__name__}: {error}"))
        return
    while (message := pipe.recv()) is not None:
        try:
            pipe.send((True, answer(*message)))
        except Exception as error:
            pipe.send((False, f"{type(error).__name__}: {error}".splitlines()[0]))


class Refused(Exception):
    """A contestant could not do what it was asked; the text says why."""


class Contestant:
    """The driver's side of one process.  It runs only while it is asked something."""

    def __init__(self, name: str, create: Callable[..., object], arguments: tuple, environment: dict[str, str]):
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other, create, arguments), daemon=True)
        with _environment(environment):
            self._process.start()
        other.close()

    def _signal(self, name: str) -> None:
        if hasattr(signal, name) and self._process.is_alive():
            os.kill(self._process.pid, getattr(signal, name))

    def receive(self):
        try:
            fine, value = self._pipe.recv()
        except (EOFError, ConnectionError):
            raise Refused("its process died") from None
        self._signal("SIGSTOP")
        if not fine:
            raise Refused(value)
        return value

    def ask(self, *message):
        self._signal("SIGCONT")
        try:
            self._pipe.send(message)
        except (BrokenPipeError, ConnectionError):
            raise Refused("its process died") from None
        return self.receive()

    def close(self) -> None:
        self._signal("SIGCONT")
        with suppress(OSError):
            self._pipe.send(None)
        self._process.join(5)
        self._process.kill()


@contextmanager
def contestants(names: Iterable[str], create: Callable[..., object], threads: int, environment: dict[str, str]):
    """Start `create(name, threads)` in a process each; yield those that started and {name: why another did not}."""
    started = [Contestant(name, create, (name, threads), environment) for name in names]
    ready, missing = [], {}
    try:
        for one in started:
            try:
                one.receive()
                ready.append(one)
            except Refused as reason:
                missing[one.name] = str(reason)
        yield ready, missing
    finally:
        for one in started:
            one.close()


class Rounds:
    """Seconds per call: `seconds[name][r]` is what contestant `name` took in round r."""

    def __init__(self, rounds: list[dict[str, tuple[float, float]]]):
        """Each round is {name: (seconds per call, seconds waited)}."""
        quiet = sorted(rounds, key=lambda blocks: sum(waited for _, waited in blocks.values()))
        kept = quiet[: max(MIN_ROUNDS, round(KEPT * len(rounds)))]
        self.seconds = {name: [blocks[name][0] for blocks in kept] for name in (kept[0] if kept else ())}

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def best(self, name: str) -> float:
        return min(self.seconds[name])

    def ratio(self, name: str, ours: str) -> float:
        """How many times longer `name` takes than `ours`: the median over rounds."""
        return statistics.median(a / b for a, b in zip(self.seconds[name], self.seconds[ours], strict=True))

    def best_peer(self, ours: str) -> tuple[str, float]:
        """The peer that comes closest (or is furthest ahead), and its ratio: (name, ratio)."""
        peers = [name for name in self.seconds if name != ours]
        if ours not in self.seconds or not peers:
            return "", math.nan
        return min(((name, self.ratio(name, ours)) for name in peers), key=lambda pair: pair[1])

    def best_ratio(self, ours: str) -> float:
        """The same of the best times: what a quiet machine would show if everyone had a lucky block."""
        peers = [self.best(name) for name in self.seconds if name != ours]
        return min(peers) / self.best(ours) if ours in self.seconds and peers else math.nan


def compete(entrants: list[Contestant], seconds: float, seed: int = 0) -> Rounds:
    """Measure the prepared `entrants` in turn for about `seconds`, at least MIN_ROUNDS rounds."""
    calls = {one: one.ask("calls_per_block") for one in entrants}
    rounds = []
    order = random.Random(seed)
    end = time.monotonic() + seconds
    while entrants and (len(rounds) < MIN_ROUNDS or time.monotonic() < end):
        rounds.append({one.name: one.ask("block", calls[one]) for one in order.sample(entrants, len(entrants))})
    return Rounds(rounds)


@contextmanager
def _environment(changes: dict[str, str]):
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
