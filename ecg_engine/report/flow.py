"""Paragraphs of mixed type set into a rectangle: broken into lines, shrunk a little, then shortened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ecg_engine.report.drawing import ASCENT, MM_PER_PT, Drawing
from ecg_engine.report.typeface import ellipsised, printable, text_width_mm

__all__ = ["LINE_HEIGHT", "Paragraph", "Place", "Run", "draw_lines", "fitted", "line_mm", "set_lines"]

#: From one base line to the next, in ems; above ascent + descent, so that lines never touch.
LINE_HEIGHT: Final = 1.2
GREY: Final = "#444444"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Words of one look; `scale` is against the size of the paragraph."""

    text: str
    bold: bool = False
    colour: str = "#000000"
    scale: float = 1.0


Paragraph = tuple[Run, ...]
#: Pieces of one line: offset from its left end in mm, and what stands there.
Line = list[tuple[float, Run]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A rectangle for text, mm."""

    x: float
    y: float
    width: float
    height: float


def line_mm(size_pt: float) -> float:
    """Return the height of a line, mm."""
    return size_pt * MM_PER_PT * LINE_HEIGHT


def set_lines(paragraph: Paragraph, width: float, size_pt: float, *, indent: float = 2.5) -> list[Line]:
    """Return a paragraph broken into lines of at most `width` mm; the second and later ones are indented."""
    lines: list[Line] = [[]]
    x = 0.0
    for run in paragraph:
        size = size_pt * run.scale
        space = text_width_mm(" ", size, bold=run.bold)
        for word in printable(run.text).split():
            wide = text_width_mm(word, size, bold=run.bold)
            line = lines[-1]
            if line and x + space + wide > width:
                line = []
                lines.append(line)
            if not line:
                x = indent if len(lines) > 1 else 0.0
                word = ellipsised(word, width - x, size, bold=run.bold)
                line.append((x, _same(run, word)))
            elif line[-1][1] is not run and _looks(line[-1][1]) == _looks(run):
                at, before = line[-1]
                line[-1] = (at, _same(run, f"{before.text} {word}"))
            else:
                line.append((x + space, _same(run, word)))
            at, last = line[-1]
            x = at + text_width_mm(last.text, size, bold=run.bold)
    return lines if lines[0] else []


def _looks(run: Run) -> tuple[bool, str, float]:
    return run.bold, run.colour, run.scale


def _same(run: Run, text: str) -> Run:
    return Run(text=text, bold=run.bold, colour=run.colour, scale=run.scale)


def first_line(paragraph: Paragraph, width: float, size_pt: float) -> list[Line]:
    """Return a paragraph cut to one line, an ellipsis at its end where something is left out."""
    lines = set_lines(paragraph, width, size_pt)
    if len(lines) < 2:
        return lines
    at, last = lines[0][-1]
    size = size_pt * last.scale
    cut = ellipsised(last.text + " …", width - at, size, bold=last.bold)
    if not cut.endswith("…"):
        cut = ellipsised(last.text + "…" * 3, width - at, size, bold=last.bold) or last.text
    return [[*lines[0][:-1], (at, _same(last, cut))]]


def fitted(
    paragraphs: Sequence[Paragraph],
    place: Place,
    sizes_pt: Sequence[float],
    *,
    more: Callable[[int], str],
    keep: Sequence[bool] = (),
) -> tuple[list[Line], float]:
    """Return the lines that fit `place`, and their size.

    Smaller sizes are tried first; then paragraphs are cut to their first line; then they are left out from the end, and
    `more` words how many. Those marked in `keep` are cut and left out last.
    """
    for size in sizes_pt:
        lines = [line for p in paragraphs for line in set_lines(p, place.width, size)]
        if len(lines) * line_mm(size) <= place.height:
            return lines, size
    size = sizes_pt[-1]
    room = max(1, int(place.height / line_mm(size) + 1e-6))
    whole = [set_lines(p, place.width, size) for p in paragraphs]
    cut = [first_line(p, place.width, size) for p in paragraphs]
    wanted = keep or (False,) * len(paragraphs)
    by_weight = sorted(range(len(paragraphs)), key=lambda i: (not wanted[i], i))
    chosen = _chosen(whole, cut, wanted, by_weight, room)
    lines = [line for i in sorted(chosen) for line in chosen[i]]
    if len(chosen) < len(paragraphs):
        words = more(len(paragraphs) - len(chosen))
        lines += set_lines((Run(text=words, colour=GREY),), place.width, size)[:1]
    return lines, size


def _chosen(
    whole: Sequence[list[Line]],
    cut: Sequence[list[Line]],
    wanted: Sequence[bool],
    by_weight: Sequence[int],
    room: int,
) -> dict[int, list[Line]]:
    """Return the lines of the paragraphs that are shown: the wanted ones whole if they can be, then as many as fit."""
    least = [len(w if keep else c) for w, c, keep in zip(whole, cut, wanted, strict=True)]
    everything = sum(least) <= room
    left = room if everything else room - 1
    waiting = sum(least) if everything else sum(wanted)
    chosen: dict[int, list[Line]] = {}
    for i in by_weight:
        waiting -= least[i] if everything else wanted[i]
        may_be_whole = (everything or wanted[i]) and len(whole[i]) + waiting <= left
        lines = whole[i] if may_be_whole else cut[i]
        if len(lines) > left:
            break
        chosen[i] = lines
        left -= len(lines)
    return chosen


def draw_lines(drawing: Drawing, role: str, lines: Sequence[Line], place: Place, size_pt: float) -> float:
    """Write lines from the top of `place` downwards; return where the next would begin, mm."""
    y = place.y
    for line in lines:
        base = y + ASCENT * size_pt * MM_PER_PT
        for x, run in line:
            drawing.text(role, place.x + x, base, run.text, size_pt * run.scale, bold=run.bold, colour=run.colour)
        y += line_mm(size_pt)
    return y
