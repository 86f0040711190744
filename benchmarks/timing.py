"""Times contestants side by side on a machine that is never quite quiet.

Every contestant lives in a process of its own, with its own thread pool, and measures a short block of calls when it is
told to.  While one measures, the others are stopped by a signal, so that no idle pool spins on the cores in use.
Blocks go round and round in random order, so that all meet the same weather.  Of each contestant's blocks those count
in which its threads waited least for a core: the kernel knows it, and times play no part in the choice.
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

BLOCK = 0.03  # seconds of measured calls in a block
LEAD = 1 / 4  # before them, this share of the calls is made unmeasured: caches and threads wake up
MIN_ROUNDS = 3
KEPT = 1 / 2  # the share of a contestant's blocks that counts: the quieter ones


@dataclass
class Task:
    """What is timed: `call`, again and again."""

    call: Callable[[], object]  # one unit of work
    rewind: Callable[[], object] = lambda: None  # before every block: back to the state of the first call
    wait: Callable[[], object] = lambda: None  # until the work that was called for is really done
    read: Callable[[object], object] = lambda value: value  # a call's value as all contestants write it (not timed)

    @classmethod
    def cycle(cls, step: Callable, batches: list, reset: Callable, wait: Callable = lambda: None) -> Task:
        """`step(*batch)`, batch after batch and round again; a rewind resets the network and begins with the first."""
        todo = itertools.cycle(batches)

        def rewind() -> None:
            nonlocal todo
            reset()
            todo = itertools.cycle(batches)

        return cls(lambda: step(*next(todo)), rewind, wait)

    def block(self, calls: int) -> tuple[float, float]:
        """(seconds per call, seconds that our threads waited for a core in each second)"""
        self.rewind()
        for _ in range(int(calls * LEAD)):
            self.call()
        self.wait()
        waited = waiting()
        start = time.perf_counter()
        for _ in range(calls):
            self.call()
        self.wait()
        seconds = time.perf_counter() - start
        return seconds / calls, (waiting() - waited) / seconds

    def calls_per_block(self) -> int:
        for exponent in itertools.count():
            calls = 2**exponent
            seconds, _ = self.block(calls)
            if seconds * calls > BLOCK / 8:
                return max(1, round(BLOCK / seconds))

    def peak_memory(self, calls: int) -> tuple[int, int]:
        """(bytes of this process in memory before so many calls, what they add to that at most) (Linux)."""
        PEAK_IS_NOW = "5"  # proc_pid_clear_refs(5)
        Path("/proc/self/clear_refs").write_text(PEAK_IS_NOW)
        before = resident()
        for _ in range(calls):
            self.call()
        self.wait()
        return before, resident("VmHWM") - before

    def values(self, count: int) -> list[object]:
        import numpy as np

        self.rewind()
        return [np.ravel(self.read(self.call())).astype(np.float64) for _ in range(count)]


def waiting() -> float:
    """Seconds so far that threads of this process were ready and no core was free for them (Linux; elsewhere 0)."""
    nanoseconds = 0
    for file in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread may end between listing and reading
            nanoseconds += int(file.read_text().split()[1])
    return nanoseconds * 1e-9


def resident(which: str = "VmRSS") -> int:
    """Bytes of this process in memory now, or VmHWM: at most so far (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{which}:")) * 1024


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


class Times:
    """Seconds per call of every contestant, in those of its blocks in which it waited least for a core."""

    def __init__(self, blocks: dict[str, list[tuple[float, float]]]):
        """`blocks[name]`: the (seconds per call, share of the time waited) of each block."""
        self.seconds = {}
        for name, measured in blocks.items():
            quiet = sorted(measured, key=lambda block: block[1])[: max(MIN_ROUNDS, round(KEPT * len(measured)))]
            self.seconds[name] = [seconds for seconds, _ in quiet]

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def best(self, name: str) -> float:
        return min(self.seconds[name])

    def best_peer(self, ours: str, time: Callable[[Times, str], float] = median) -> tuple[str, float]:
        """The fastest peer by `time` (median or best), and its time over that of `ours`: (name, ratio)."""
        peers = {name: time(self, name) for name in self.seconds if name != ours}
        if ours not in self.seconds or not peers:
            return "", math.nan
        name = min(peers, key=peers.get)
        return name, peers[name] / time(self, ours)


def compete(entrants: list[Contestant], seconds: float, seed: int = 0) -> Times:
    """Measure the prepared `entrants` in turn for about `seconds`, at least MIN_ROUNDS rounds."""
    calls = {one: one.ask("calls_per_block") for one in entrants}
    blocks = {one.name: [] for one in entrants}
    order = random.Random(seed)
    end = time.monotonic() + seconds
    for done in itertools.count(1):
        for one in order.sample(entrants, len(entrants)):
            blocks[one.name].append(one.ask("block", calls[one]))
        if done >= MIN_ROUNDS and time.monotonic() > end:
            return Times(blocks)


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
