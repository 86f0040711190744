"""Markdown that appears line by line while it is measured, and is kept in a file if one is named."""

from __future__ import annotations

import math
import os
import platform
import sys
from datetime import date
from importlib import metadata
from pathlib import Path

LIBRARIES = ["cdlearn", "numpy", "torch", "jax", "keras", "tensorflow", "tensorflow_cpu", "onnxruntime", "scikit-learn"]


class Report:
    def __init__(self, title: str, path: str | None):
        self.path = path
        self.lines: list[str] = []
        self.notes: list[str] = []
        self.say(f"# {title}\n\n{machine()}\n")

    def __enter__(self) -> Report:
        return self

    def __exit__(self, *failure: object) -> None:
        if self.path:
            Path(self.path).write_text("\n".join([*self.lines, "", *(f"* {note}" for note in self.notes)]) + "\n")

    def say(self, text: str) -> None:
        self.lines.append(text)
        print(text, flush=True)

    def note(self, text: str) -> None:
        """Seen at once on the screen; in the file it goes to the end, not into the middle of a table."""
        self.notes.append(text)
        print(text, file=sys.stderr, flush=True)

    def table_head(self, cells: list[str]) -> None:
        self.table_row(cells)
        self.say("|---" + "|--:" * (len(cells) - 1) + "|")

    def table_row(self, cells: list[str]) -> None:
        self.say(f"| {' | '.join(cells)} |")


def seconds(value: float) -> str:
    """Three digits and a unit: 1.5e-5 -> '15.0 µs'."""
    unit, scale = next((pair for pair in (("s", 1), ("ms", 1e3)) if value * pair[1] >= 1), ("µs", 1e6))
    digits = 2 - math.floor(math.log10(value * scale))
    return f"{value * scale:.{min(max(digits, 0), 2)}f} {unit}"


def machine() -> str:
    """Date, processor, how busy the machine already was, versions."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    installed = {distribution.name for distribution in metadata.distributions()}
    versions = [f"{name} {metadata.version(name)}" for name in LIBRARIES if name in installed]
    return (
        f"{date.today()}, {next(named, platform.processor())}, {os.cpu_count()} cores{load}. "
        f"Python {platform.python_version()}, {', '.join(versions)}."
    )
