"""The display list: what stands on a page, in millimetres, before it becomes PDF, SVG or PNG.

The origin is the upper left corner of the sheet, x to the right, y downwards. Every element carries a `role`, by which
the SVG names it and tests find it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.report.typeface import printable, text_width_mm

__all__ = ["MM_PER_PT", "Box", "Drawing", "Element", "Shape", "Strokes", "Text", "path_template", "segments", "stacked"]

MM_PER_PT: Final = 25.4 / 72
#: Extent of a line of text above and below its base line, in ems of DejaVu Sans (accents of capitals included).
ASCENT, DESCENT = 0.93, 0.24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strokes:
    """Lines of one colour and width.

    Parameters
    ----------
    points : (n, 2) array
        mm; a row of NaN lifts the pen.
    data : dict of str to str
        Facts for the SVG's ``data-`` attributes.
    """

    role: str
    points: NDArray[np.float64]
    colour: str
    width: float
    data: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle, filled, outlined or both."""

    role: str
    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    stroke: str | None = None
    line_width: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A filled polygon."""

    role: str
    points: tuple[tuple[float, float], ...]
    fill: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One line of text; `x` is its left end and `y` its base line, `size_pt` its size in points."""

    role: str
    x: float
    y: float
    text: str
    size_pt: float
    bold: bool = False
    colour: str = "#000000"

    @property
    def width(self) -> float:
        """Width in the bundled font, mm."""
        return text_width_mm(self.text, self.size_pt, bold=self.bold)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, mm."""
        em = self.size_pt * MM_PER_PT
        return self.x, self.y - ASCENT * em, self.x + self.width, self.y + DESCENT * em


Element = Strokes | Box | Shape | Text


@dataclass(slots=True)
class Drawing:
    """A sheet and what stands on it, from back to front."""

    width: float
    height: float
    title: str = ""
    lang: str = "en"
    elements: list[Element] = field(default_factory=list)

    def strokes(self, role: str, points: NDArray[Any], colour: str, width: float, **data: str) -> None:
        """Add lines; a row of NaN in `points` lifts the pen."""
        array = np.asarray(points, dtype=np.float64)
        self.elements.append(Strokes(role=role, points=array, colour=colour, width=width, data=data))

    def box(self, role: str, x: float, y: float, width: float, height: float, **style: Any) -> None:
        """Add a rectangle."""
        self.elements.append(Box(role=role, x=x, y=y, width=width, height=height, **style))

    def rule(self, role: str, left: float, right: float, y: float, colour: str, width: float) -> None:
        """Add a level line."""
        self.strokes(role, np.array([[left, y], [right, y]]), colour, width)

    def shape(self, role: str, points: tuple[tuple[float, float], ...], fill: str) -> None:
        """Add a filled polygon."""
        self.elements.append(Shape(role=role, points=points, fill=fill))

    def text(
        self, role: str, x: float, y: float, text: str, size_pt: float, *, bold: bool = False, colour: str = "#000000"
    ) -> Text:
        """Add one line of text and return it; characters that no page can show are left out."""
        element = Text(role=role, x=x, y=y, text=printable(text), size_pt=size_pt, bold=bold, colour=colour)
        if element.text:
            self.elements.append(element)
        return element

    def of(self, role: str) -> list[Element]:
        """Return the elements of one role."""
        return [e for e in self.elements if e.role == role]

    def texts(self) -> list[Text]:
        """Return every line of text."""
        return [e for e in self.elements if isinstance(e, Text)]


def stacked(pages: Sequence[Drawing]) -> Drawing:
    """Return pages one under the other on a single sheet, for formats that have no pages."""
    if len(pages) == 1:
        return pages[0]
    first = pages[0]
    out = Drawing(width=first.width, height=sum(p.height for p in pages), title=first.title, lang=first.lang)
    top = 0.0
    for page in pages:
        out.elements += [_lowered(element, top) for element in page.elements]
        top += page.height
    return out


def _lowered(element: Element, by: float) -> Element:
    if isinstance(element, Strokes):
        return replace(element, points=element.points + np.array([0.0, by]))
    if isinstance(element, Shape):
        return replace(element, points=tuple((x, y + by) for x, y in element.points))
    return replace(element, y=element.y + by)


def segments(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return separate straight lines, (n, 4) of x0 y0 x1 y1, as the (3n, 2) points of `Strokes`."""
    out = np.full((len(pairs), 3, 2), np.nan)
    out[:, 0] = pairs[:, :2]
    out[:, 1] = pairs[:, 2:]
    return out.reshape(-1, 2)


def path_template(points: NDArray[np.float64], move: str, line: str) -> tuple[str, list[float]]:
    """Return a format string for the pen's moves through `points` and the numbers that fill it.

    A point with no neighbour (a single sample between two gaps) is drawn as a dot.
    """
    seen = ~np.isnan(points[:, 0]) & ~np.isnan(points[:, 1])
    first = seen & ~np.concatenate(([False], seen[:-1]))
    last = seen & ~np.concatenate((seen[1:], [False]))
    lone = np.flatnonzero(first & last)
    if lone.size:
        points = np.insert(points, lone + 1, points[lone], axis=0)
        first = np.insert(first, lone + 1, False)
        seen = np.insert(seen, lone + 1, True)
    template = "".join([move if starts else line for starts in first[seen].tolist()])
    return template, points[seen].ravel().tolist()
