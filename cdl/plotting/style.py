"""What all pictures share: matplotlib, axes without ornaments, and colours that colour-blind eyes tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np

# Okabe and Ito 2008, Color universal design, without yellow, which is too light for a line.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
INK, FAINT = "#333333", "#b0b0b0"
SMALL = 9  # points


def pyplot() -> Any:
    """matplotlib.pyplot. Raises ImportError, with the cure, where matplotlib is not installed."""
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise ImportError('cdl.plotting needs matplotlib: pip install "cdlearn[plot]"') from error
    return matplotlib.pyplot


def axes_for(ax: Any, width: float, height: float) -> Any:
    """The axes to draw into: those given, or new ones of that size in inches."""
    return pyplot().subplots(figsize=(width, height), layout="constrained")[1] if ax is None else ax


def plain(ax: Any) -> None:
    """Only the lower and the left edge of the axes, and quiet ticks."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.tick_params(color=FAINT, labelcolor=INK, labelsize=SMALL)


def title(ax: Any, text: str) -> None:
    """A title at the left edge."""
    ax.set_title(text, loc="left", fontsize=SMALL + 2, color=INK)


def symmetric_limit(*arrays: Any) -> float:
    """The largest absolute value, for colours of which the middle is zero; never 0."""
    return max(float(np.max(np.abs(array), initial=0)) for array in arrays) or 1.0
