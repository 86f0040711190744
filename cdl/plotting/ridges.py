"""Distributions one below the other on one scale: how layers compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdl.plotting.style import BLUE, INK, SMALL, axes_for, plain

HIGHEST = 0.85  # the highest bar, as a part of the distance between two rows
BINS = 80


def plot_ridges(rows: Sequence[tuple[str, np.ndarray, str]], ax: Any = None) -> Any:
    """A histogram for each (name, values, note), the first at the top, all with the same bins; returns the `Axes`."""
    ax = axes_for(ax, 7.5, 1.0 + 0.42 * len(rows))
    ends = [end for _, values, _ in rows if values.size for end in (values.min(), values.max())] or [0.0]
    low, high = float(min(ends)), float(max(ends))
    bins = np.linspace(low, high, BINS + 1) if high > low else np.linspace(low - 0.5, high + 0.5, BINS + 2)
    for base, (_, values, note) in enumerate(reversed(rows)):
        counts, _ = np.histogram(values, bins)
        heights = base + HIGHEST * counts / max(1, counts.max())
        ax.stairs(heights, bins, baseline=base, fill=True, color=BLUE, alpha=0.8, linewidth=0)
        ax.axhline(base, color=BLUE, linewidth=0.6)
        beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        ax.annotate(note, (1, base), (6, 1), fontsize=SMALL, color=INK, **beside)
    plain(ax)
    ax.spines["left"].set_visible(False)
    ax.set_yticks(range(len(rows)), [name for name, _, _ in reversed(rows)])
    ax.tick_params(axis="y", length=0)
    ax.set(ylim=(-0.1, len(rows)), xlim=(bins[0], bins[-1]))
    return ax
