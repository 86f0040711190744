"""Markdown that appears line by line while it is measured, and is kept in a file if one is named."""

from __future__ import annotations

import math
import os
import platform
import sys
from datetime import date
from importlib import metadata
from pathlib import Path

from timing import Rounds

LIBRARIES = ["cdlearn", "numpy", "torch", "jax", "keras", "onnxruntime"]


def seconds(value: float) -> str:
    """1.5e-5 -> '15 µs', with three digits."""
    for unit, scale in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if value * scale >= 1 or unit == "µs":
            digits = max(0, 2 - math.floor(math.log10(value * scale))) if value else 0
            return f"{value * scale:.{min(digits, 2)}f} {unit}"


def median_and_best(rounds: Rounds, name: str) -> str:
    return f"{seconds(rounds.median(name))} ({seconds(rounds.best(name))})" if name in rounds.seconds else "-"


def ratio(value: float) -> str:
    return "-" if math.isnan(value) else f"**{value:.2f}**"


class Report:
    def __init__(self, title: str, path: str | None):
        self.lines: list[str] = []
        self.notes: list[str] = []
        self.path = path
        self.say(f"# {title}\n\n{machine()}")

    def __enter__(self) -> Report:
        return self

    def __exit__(self, *failure) -> None:
        if self.path:
            Path(self.path).write_text("\n".join(self.lines + [f"\n* {note}" for note in self.notes]) + "\n")

    def say(self, text: str) -> None:
        self.lines.append(text)
        print(text, flush=True)

    def note(self, text: str) -> None:
        """Goes below the table; on the screen, beside it."""
        self.notes.append(text)
        print(text, file=sys.stderr, flush=True)

    def table(self, header: list[str]) -> None:
        self.say("| " + " | ".join(header) + " |")
        self.say("|---" + "|--:" * (len(header) - 1) + "|")

    def row(self, cells: list[str]) -> None:
        self.say("| " + " | ".join(cells) + " |")


def machine() -> str:
    """One paragraph: date, processor, versions, and how busy the machine already was."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    versions = []
    for library in LIBRARIES:
        try:
            versions.append(f"{library} {metadata.version(library)}")
        except metadata.PackageNotFoundError:
            pass
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return (f"{date.today()}, {processor or platform.processor()}, {os.cpu_count()} cores{load}. "
            f"Python {platform.python_version()}, {', '.join(versions)}.")
