"""Boxes and arrows as SVG: things one after the other, side by side, and inside each other.

Things are laid out along an axis on which the arrows run. `main` is the way along it, `cross` the distance from it;
which of them is x, and which y, depends on the direction: "TB" is from top to bottom, "LR" from left to right, and so
on. Each thing has a `length` along the axis, and reaches `before` and `after` to the two sides of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cdl.utils.text_width import columns

INK, LINE, SOFT = "#1b2733", "#66788a", "#f4f6f9"
TITLE, SMALL = 14.0, 11.5  # sizes of letters
LETTER = 0.58  # a letter's width as a part of its size, on average and not too little: fonts differ
ARROW, BEND, BETWEEN, CORNER, MARGIN = 30.0, 22.0, 28.0, 8.0, 12.0
FONT = "font-family='Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif'"


def width_of(text: str, size: float) -> float:
    """How wide the text is about; an even number, so that halves are whole ones."""
    return 2.0 * math.ceil(LETTER * size * columns(text) / 2)


class Canvas:
    """Collects shapes, and how far they reach."""

    def __init__(self, direction: str) -> None:
        self.vertical, self.backwards = direction in ("TB", "BT"), direction in ("BT", "RL")
        self.shapes: list[str] = []
        self.corners: list[tuple[float, float]] = []

    def point(self, main: float, cross: float) -> tuple[float, float]:
        main = -main if self.backwards else main
        return (cross, main) if self.vertical else (main, cross)

    def rectangle(self, main: float, length: float, start: float, end: float, look: str) -> tuple[float, float]:
        """A rectangle from `start` to `end` across the axis; returns its left upper corner."""
        (x0, y0), (x1, y1) = self.point(main, start), self.point(main + length, end)
        x, y, width, height = min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)
        self.corners += [(x, y), (x + width, y + height)]
        self.shapes.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" {look}/>')
        return x, y

    def line(self, places: Sequence[tuple[float, float]], headed: bool) -> None:
        """A line through places (main, cross), with round corners, and at the end the head of an arrow."""
        points = [self.point(*place) for place in places]
        steps = [f"M{points[0][0]:g} {points[0][1]:g}"]
        for before, (x, y), after in zip(points, points[1:], points[2:], strict=False):
            (u, v), (w, z) = near((x, y), before), near((x, y), after)
            steps.append(f"L{u:g} {v:g}Q{x:g} {y:g} {w:g} {z:g}")
        steps.append(f"L{points[-1][0]:g} {points[-1][1]:g}")
        head = ' marker-end="url(#head)"' if headed else ""
        self.shapes.append(f'<path d="{"".join(steps)}"{head}/>')
        self.corners += points

    def text(self, x: float, y: float, text: str, size: float, look: str = "") -> None:
        width = width_of(text, size)
        left = x - width / 2 if "middle" in look else x
        self.corners += [(left, y - size), (left + width, y)]
        self.shapes.append(f'<text x="{x:g}" y="{y:g}" font-size="{size:g}"{look}>{escaped(text)}</text>')

    def svg(self, scale: float) -> str:
        """The whole picture."""
        (left, right), (top, bottom) = (
            (min(ends) - MARGIN, max(ends) + MARGIN) for ends in zip(*self.corners, strict=True)
        )
        width, height = right - left, bottom - top
        size = f'width="{scale * width:g}" height="{scale * height:g}" viewBox="{left:g} {top:g} {width:g} {height:g}"'
        head = (
            '<marker id="head" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" orient="auto" '
            f'markerUnits="userSpaceOnUse"><path d="M0 0.5L8 4L0 7.5L1.5 4Z" fill="{LINE}" stroke="none"/></marker>'
        )
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
                f"<defs>{head}</defs>",
                f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" fill="#ffffff"/>',
                f'<g {FONT} fill="{INK}" stroke="none"><g fill="none" stroke="{LINE}" stroke-width="1.4">',
                *(shape for shape in self.shapes if not shape.startswith("<text")),
                "</g>",
                *(shape for shape in self.shapes if shape.startswith("<text")),
                "</g></svg>\n",
            ]
        )


class Thing(Protocol):
    """What can stand on the axis."""

    headed: bool  # whether a line that leads to it ends as an arrow

    def extent(self, vertical: bool) -> tuple[float, float, float]:
        """length, before, after"""

    def draw(self, canvas: Canvas, main: float, cross: float) -> None: ...


@dataclass
class Box:
    """A title over small lines; `fill` is its colour."""

    title: str
    lines: Sequence[str] = ()
    fill: str = "#ffffff"
    headed = True

    def size(self) -> tuple[float, float]:
        widths = [width_of(self.title, 1.06 * TITLE), *(width_of(line, SMALL) for line in self.lines)]
        return max(96.0, max(widths) + 28), 34 + 17 * len(self.lines)

    def extent(self, vertical: bool) -> tuple[float, float, float]:
        width, height = self.size()
        return (height, width / 2, width / 2) if vertical else (width, height / 2, height / 2)

    def draw(self, canvas: Canvas, main: float, cross: float) -> None:
        length, before, after = self.extent(canvas.vertical)
        x, y = canvas.rectangle(main, length, cross - before, cross + after, f'rx="7" fill="{self.fill}"')
        x += self.size()[0] / 2
        canvas.text(x, y + 22, self.title, TITLE, ' font-weight="600" text-anchor="middle"')
        for number, line in enumerate(self.lines):
            canvas.text(x, y + 40 + 17 * number, line, SMALL, ' text-anchor="middle"')


@dataclass
class Series:
    """Things one after the other; labels[i] stands at the line behind the i-th.

    After the last there is a line if it has a label, and if everything `ends` there, it is an arrow.
    """

    things: Sequence[Thing]
    labels: list[str]
    ends: bool = False

    @property
    def headed(self) -> bool:
        return not self.things or self.things[0].headed

    def gap(self, number: int, vertical: bool) -> float:
        label = self.labels[number]
        if number == len(self.things) - 1 and not label:
            return 0.0
        return ARROW if vertical or not label else max(ARROW, width_of(label, SMALL) + 26)

    def extent(self, vertical: bool) -> tuple[float, float, float]:
        inner = [thing.extent(vertical) for thing in self.things]
        labels = [label for label in self.labels if label]
        room = max([10.0, *(width_of(label, SMALL) for label in labels)] if vertical else [6.0])
        before, after = (0.0, 20.0 + room) if vertical else (22.0, 0.0)
        length = sum(extent[0] for extent in inner) + sum(self.gap(i, vertical) for i in range(len(inner)))
        return (
            length,
            max([before if labels else 0.0, *(extent[1] for extent in inner)]),
            max([after if labels else 0.0, *(extent[2] for extent in inner)]),
        )

    def draw(self, canvas: Canvas, main: float, cross: float) -> None:
        for number, (thing, label) in enumerate(zip(self.things, self.labels, strict=True)):
            thing.draw(canvas, main, cross)
            main += thing.extent(canvas.vertical)[0]
            gap = self.gap(number, canvas.vertical)
            headed = self.ends if number == len(self.things) - 1 else self.things[number + 1].headed
            if gap:
                canvas.line([(main, cross), (main + gap, cross)], headed)
            x, y = canvas.point(main + gap / 2, cross)
            if label and canvas.vertical:
                canvas.text(x + 9, y + 4, label, SMALL)
            elif label:
                canvas.text(x, y - 8, label, SMALL, ' text-anchor="middle"')
            main += gap


@dataclass
class Fork:
    """Branches side by side that meet again in a box; a branch without things is a line.

    The middle one of an odd number stays on the axis, and so does the only one that is no line.
    """

    branches: Sequence[Series]
    meeting: Box
    headed = False

    def places(self, vertical: bool) -> list[float]:
        """Where, across the axis, the branches run."""
        extents = [branch.extent(vertical) for branch in self.branches]
        spread = [0.0]
        for (_, _, after), (_, before, _) in itertools.pairwise(extents):
            spread.append(spread[-1] + after + BETWEEN + before)
        full = [place for place, branch in zip(spread, self.branches, strict=True) if branch.things]
        if len(full) == 1:
            axis = full[0]
        elif len(spread) % 2:
            axis = spread[len(spread) // 2]
        else:
            axis = (spread[0] - extents[0][1] + spread[-1] + extents[-1][2]) / 2
        return [place - axis for place in spread]

    def lengths(self, vertical: bool) -> tuple[float, float]:
        """Of the longest branch, and of the box."""
        return max(b.extent(vertical)[0] for b in self.branches), self.meeting.extent(vertical)[0]

    def extent(self, vertical: bool) -> tuple[float, float, float]:
        places, extents = self.places(vertical), [branch.extent(vertical) for branch in self.branches]
        _, before, after = self.meeting.extent(vertical)
        return (
            sum(self.lengths(vertical)) + 4 * BEND,
            max([before, *(extent[1] - place for extent, place in zip(extents, places, strict=True))]),
            max([after, *(extent[2] + place for extent, place in zip(extents, places, strict=True))]),
        )

    def draw(self, canvas: Canvas, main: float, cross: float) -> None:
        longest, _ = self.lengths(canvas.vertical)
        start, end = main + 2 * BEND, main + 2 * BEND + longest
        meeting = end + 2 * BEND
        for place, branch in zip(self.places(canvas.vertical), self.branches, strict=True):
            length = branch.extent(canvas.vertical)[0]
            begin = start + (longest - length) / 2
            way_in = [(main, cross), (main + BEND, cross), (main + BEND, cross + place), (begin, cross + place)]
            way_out = [
                (begin + length, cross + place),
                (end + BEND, cross + place),
                (end + BEND, cross),
                (meeting, cross),
            ]
            if branch.things:
                canvas.line(straight(way_in), branch.headed)
                canvas.line(straight(way_out), True)
                branch.draw(canvas, begin, cross + place)
            else:
                canvas.line(straight([*way_in[:3], *way_out[1:]]), True)
        self.meeting.draw(canvas, meeting, cross)


@dataclass
class Cluster:
    """Things in a frame with a title."""

    title: str
    inner: Series
    headed = False

    def frame(self, vertical: bool) -> tuple[float, float]:
        """The room along and across the axis; the title is at the upper edge."""
        return (30.0, 16.0) if vertical else (22.0, 30.0)

    def extent(self, vertical: bool) -> tuple[float, float, float]:
        (along, across), (length, before, after) = self.frame(vertical), self.inner.extent(vertical)
        title = width_of(self.title, SMALL) + 20
        if vertical:  # beside the line that leads in, there must be room for the title
            return length + 2 * along, max(title, before + across), after + across
        return max(length + 2 * along, title), before + across, after + across

    def draw(self, canvas: Canvas, main: float, cross: float) -> None:
        length, before, after = self.extent(canvas.vertical)
        look = f'rx="10" fill="{SOFT}" stroke="#c3ccd6" stroke-width="1"'
        x, y = canvas.rectangle(main, length, cross - before, cross + after, look)
        canvas.text(x + 10, y + 17, self.title, SMALL, f' fill="{LINE}"')
        inside = self.inner.extent(canvas.vertical)[0]
        begin = main + (length - inside) / 2
        canvas.line([(main, cross), (begin, cross)], self.inner.headed)
        canvas.line([(begin + inside, cross), (main + length, cross)], False)
        self.inner.draw(canvas, begin, cross)


def near(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """The point where a round corner begins, on the way to another point."""
    (x, y), (u, v) = corner, other
    far = max(abs(u - x), abs(v - y), 1e-9)
    part = min(CORNER, far / 2) / far
    return x + part * (u - x), y + part * (v - y)


def straight(places: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The places without those at which nothing turns."""
    kept = places[:1]
    for place, later in zip(places[1:], [*places[2:], None], strict=True):
        if place == kept[-1]:
            continue
        if later and any(kept[-1][axis] == place[axis] == later[axis] for axis in (0, 1)):
            continue
        kept.append(place)
    return kept


def escaped(text: str) -> str:
    """The text as XML has it; what XML cannot hold is left out."""
    text = "".join(letter for letter in text if letter.isprintable())
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
