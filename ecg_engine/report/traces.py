"""The millimetre paper and the traces upon it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine import vocabulary
from ecg_engine.leads import standard_name
from ecg_engine.report.drawing import Drawing, Text, segments
from ecg_engine.report.layout import Cell, Grid, Plan, Row
from ecg_engine.report.proof import draw_proofs
from ecg_engine.report.typeface import name_shrunk, shrunk, text_width_mm
from ecg_engine.report.words import note_words
from ecg_engine.types import ABSENT, EcgReport, LeadMarks, LeadQuality, Note
from ecg_engine.vocabulary import page_text

__all__ = ["draw_grid", "draw_saliency", "draw_traces"]

THIN: Final = ("#f8d3cf", 0.1)
THICK: Final = ("#eda29b", 0.2)
INK: Final = ("#000000", 0.28)
MARK: Final = ("#3d6aa8", 0.18)
PACING: Final = ("#7b1fa2", 0.35)
CLIPPED: Final = "#b00020"

#: Tint of a second by its share of the largest fall of a score.
_TINTS: Final = ((0.6, "#cfe0fb"), (0.25, "#e6effd"))
_LABEL_PT: Final = 9.5
_REASON_PT: Final = 7.5
_PULSE_MV, _PULSE_S = 1.0, 0.2
#: A name keeps out of the way of its trace by so much, mm: farther, and it would seem to belong to another beat.
_NAME_SHIFT_MM: Final = 12.0
#: Marks of clipped stretches nearer than this become one, mm.
_MARK_APART_MM: Final = 2.0
#: Below this height of a row there is no room for marks under its trace, mm.
_LEAST_MARKED_MM: Final = 12.0


def draw_grid(drawing: Drawing, grid: Grid) -> None:
    """Draw the paper: 1 mm thin, 5 mm thick."""
    right, bottom = grid.left + grid.width, grid.top + grid.height
    x = grid.left + np.arange(round(grid.width) + 1.0)
    y = grid.top + np.arange(round(grid.height) + 1.0)
    for role, every, (colour, width) in (("grid-1mm", False, THIN), ("grid-5mm", True, THICK)):
        xs = x[(np.arange(x.size) % 5 == 0) == every]
        ys = y[(np.arange(y.size) % 5 == 0) == every]
        upright = np.column_stack((xs, np.full_like(xs, grid.top), xs, np.full_like(xs, bottom)))
        level = np.column_stack((np.full_like(ys, grid.left), ys, np.full_like(ys, right), ys))
        drawing.strokes(role, segments(np.vstack((upright, level))), colour, width)


def draw_saliency(drawing: Drawing, plan: Plan, report: EcgReport) -> str | None:
    """Tint, before the paper is drawn, the seconds that a model's score rests on; return what that means, if any."""
    told = [score for score in report.scores if score.get("saliency")]
    if not told:
        return None
    score = max(told, key=lambda one: float(one["score"]))
    seen = score["saliency"]
    top = max(max(row) for row in seen["drop"])
    if top <= 0:
        return None
    drops = dict(zip(map(standard_name, seen["leads"]), seen["drop"], strict=True))
    scale = plan.speed / report.fs
    for row in plan.rows:
        for cell in row.cells:
            for i, drop in enumerate(drops.get(standard_name(cell.lead), ())):
                tint = next((colour for share, colour in _TINTS if drop >= share * top), None)
                first = (seen["start_s"] + i * seen["step_s"]) * report.fs
                left = max(first, cell.start)
                right = min(first + seen["step_s"] * report.fs, cell.stop)
                if tint is not None and right > left:
                    x = cell.x + (left - cell.start) * scale
                    drawing.box("saliency", x, row.top, (right - left) * scale, row.bottom - row.top, fill=tint)
    facts = {"model": score["model"], "label": vocabulary.score_text(score["label"], drawing.lang)}
    return page_text("saliency", drawing.lang, **facts)


def draw_traces(
    drawing: Drawing,
    plan: Plan,
    traces: dict[str, NDArray[np.float64]],
    report: EcgReport,
    quality: Mapping[str, LeadQuality | None],
    grid: Grid,
) -> bool:
    """Draw pulses, marks, traces and the leads' names; return whether any trace goes beyond its row.

    `traces` and `quality` are by the names of the leads as they are shown.
    """
    fs = report.fs
    _draw_pulses(drawing, plan, grid)
    _draw_separators(drawing, plan)
    _draw_marks(drawing, plan, report, fs)
    clipped = False
    curves: list[tuple[Row, Cell, NDArray[np.float64]]] = []
    for row in plan.rows:
        for cell in row.cells:
            points, beyond = _curve(row, cell, traces[cell.lead], plan, fs)
            drawing.strokes("trace", points, *INK, lead=cell.lead, start_s=f"{cell.start / fs:g}")
            clipped |= _draw_clipped(drawing, row, beyond)
            curves.append((row, cell, points))
    draw_proofs(drawing, plan, report, curves, _marked_rows(plan))
    for row, cell, points in curves:
        _draw_names(drawing, row, cell, points, quality.get(cell.lead), grid)
    return clipped


def _draw_pulses(drawing: Drawing, plan: Plan, grid: Grid) -> None:
    """Draw the calibration pulse of each row; where rows are lower than the pulse, of as many rows as have room."""
    height, width = _PULSE_MV * plan.gain, _PULSE_S * plan.speed
    flat = (grid.zero - grid.pulse - width) / 2
    x = grid.left + grid.pulse + np.array([0, flat, flat, flat + width, flat + width, 2 * flat + width])
    free_from = grid.top
    for row in plan.rows:
        if row.bottom - row.top >= height:
            base = min(max(row.baseline, row.top + height), row.bottom)
        else:
            base = max(row.top, free_from) + height
            if row.top < free_from or base > grid.top + grid.height:
                continue
        y = base - height * np.array([0, 0, 1, 1, 0, 0])
        drawing.strokes("calibration", np.column_stack((x, y)), *INK)
        free_from = base


def _draw_separators(drawing: Drawing, plan: Plan) -> None:
    """Draw a short stroke above and below the place where one lead follows another in a row."""
    pairs = []
    for row in plan.rows:
        length = min(3.0, (row.bottom - row.top) / 6)
        for cell in row.cells[1:]:
            pairs.append((cell.x, row.top + 0.5, cell.x, row.top + 0.5 + length))
            pairs.append((cell.x, row.bottom - 0.5 - length, cell.x, row.bottom - 0.5))
    if pairs:
        drawing.strokes("separator", segments(np.array(pairs)), "#555555", 0.2)


def _curve(
    row: Row, cell: Cell, trace: NDArray[np.float64], plan: Plan, fs: float
) -> tuple[NDArray[np.float64], list[tuple[float, bool]]]:
    """Return a stretch as points of the page, and where (x, whether above) it goes beyond its row."""
    stretch = trace[cell.start : cell.stop]
    x = cell.x + np.arange(stretch.size) * (plan.speed / fs)
    y = row.baseline - stretch * plan.gain
    above, below = y < row.top, y > row.bottom
    outside = above | below
    if not outside.any():
        return np.column_stack((x, y)), []
    beyond = [(at, True) for at in _middles(x[above])] + [(at, False) for at in _middles(x[below])]
    y = np.clip(y, row.top, row.bottom)
    # The pen is lifted inside a clipped stretch: a plateau at the edge would read as a saturated amplifier.
    inner = outside.copy()
    inner[1:] &= outside[:-1]
    inner[:-1] &= outside[1:]
    y[inner] = np.nan
    return np.column_stack((x, y)), beyond


def _middles(x: NDArray[np.floating]) -> list[float]:
    if not x.size:
        return []
    groups = np.split(x, np.flatnonzero(np.diff(x) > _MARK_APART_MM) + 1)
    return [float(group[0] + group[-1]) / 2 for group in groups]


def _draw_clipped(drawing: Drawing, row: Row, beyond: list[tuple[float, bool]]) -> bool:
    for x, is_above in beyond:
        edge, inward = (row.top, 1.4) if is_above else (row.bottom, -1.4)
        drawing.shape("clipped", ((x, edge), (x - 0.8, edge + inward), (x + 0.8, edge + inward)), CLIPPED)
    return bool(beyond)


def _marked_rows(plan: Plan) -> list[Row]:
    """Return the rows that carry the marks: the rhythm strip, else lead II (as monitors name it), or the first lead."""
    strips = [row for row in plan.rows if row.is_rhythm]
    if strips:
        return strips
    names = [row.cells[0].lead for row in plan.rows]
    chosen = next((name for name in ("II", "MLII") if name in names), names[0])
    return [row for row in plan.rows if row.cells[0].lead == chosen and len(row.cells) == 1]


def _draw_marks(drawing: Drawing, plan: Plan, report: EcgReport, fs: float) -> None:
    """Draw a bracket from onset to offset of P, QRS and T under the trace, and a stroke above it at a pacing spike."""
    brackets: list[tuple[float, float, float, float]] = []
    spikes: list[tuple[float, float, float, float]] = []
    for row in _marked_rows(plan):
        cell = row.cells[0]
        scale = plan.speed / fs
        for spike in report.beats.pacing_spikes[_within(report.beats.pacing_spikes, cell)].tolist():
            x = cell.x + (spike - cell.start) * scale
            spikes.append((x, row.top + 0.3, x, row.top + 2.5))
        if report.delineation is None or row.bottom - row.top < _LEAST_MARKED_MM:
            continue
        y = row.bottom - 0.8
        for onset, offset in _waves(report.delineation, cell):
            left, right = cell.x + (onset - cell.start) * scale, cell.x + (offset - cell.start) * scale
            brackets += [(left, y, right, y), (left, y, left, y - 0.9), (right, y, right, y - 0.9)]
    if brackets:
        drawing.strokes("marks", segments(np.array(brackets)), *MARK)
    if spikes:
        drawing.strokes("pacing", segments(np.array(spikes)), *PACING)


def _within(samples: NDArray[np.int64], cell: Cell) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (samples >= cell.start) & (samples < cell.stop)
    return inside


def _waves(marks: LeadMarks, cell: Cell) -> Iterable[tuple[int, int]]:
    for wave in ("p", "qrs", "t"):
        onset, offset = getattr(marks, f"{wave}_onset"), getattr(marks, f"{wave}_offset")
        if wave == "t":  # T often has no certain onset: its bracket then begins at its peak
            onset = np.where(onset == ABSENT, marks.t_peak, onset)
        known = (onset != ABSENT) & (offset != ABSENT) & _within(onset, cell) & _within(offset, cell)
        yield from zip(onset[known].tolist(), offset[known].tolist(), strict=True)


def _draw_names(
    drawing: Drawing, row: Row, cell: Cell, points: NDArray[np.float64], quality: LeadQuality | None, grid: Grid
) -> None:
    """Write the lead's name where no trace hides it, and why a lead is unusable."""
    lang = drawing.lang
    why = ""
    if quality is not None and not quality.usable:
        why = ", ".join(note_words(Note(stage="report", code=code), lang) for code in quality.reasons)
    if row.label:
        _draw_margin_name(drawing, row, grid)
        name = ""
    else:
        name = cell.lead
    if not name and not why:
        return
    name_width = text_width_mm(name, _LABEL_PT, bold=True) + 1.5 if name else 0.0
    room = grid.left + grid.width - cell.x - name_width - 2.0
    if len(row.cells) > 1:
        room = min(room, grid.width / len(row.cells) - name_width - 8.0)
    why, why_pt = shrunk(why, room, _REASON_PT, 5.5)
    width = name_width + text_width_mm(why, why_pt)
    x, y = _free_place(row, points, cell.x + 1.5, width, 0.0 if why else _NAME_SHIFT_MM)
    written = []
    if name:
        written.append(Text(role="lead", x=x, y=y, text=name, size_pt=_LABEL_PT, bold=True))
    if why:
        written.append(Text(role="lead-why", x=x + name_width, y=y, text=why, size_pt=why_pt, colour=CLIPPED))
    for text in written:
        left, top, right, bottom = text.bounds
        if _crossed(points, left, right, top, bottom):
            drawing.box("halo", left - 0.3, top + 0.5, right - left + 0.6, bottom - top - 0.6, fill="#ffffff")
        drawing.elements.append(text)


def _draw_margin_name(drawing: Drawing, row: Row, grid: Grid) -> None:
    room = grid.pulse - 1.8
    name, size = name_shrunk(row.label, room, _LABEL_PT, 5.5)
    centre = min(max(row.baseline, row.top + 3.0), row.bottom - 3.5)
    if row.under_label:
        drawing.text("lead", grid.left + 1, centre - 0.3, name, size, bold=True)
        clock, clock_pt = shrunk(row.under_label, room, 7.0, 5.0)
        drawing.text("line-start", grid.left + 1, centre + 3.0, clock, clock_pt)
    else:
        drawing.text("lead", grid.left + 1, min(centre + 1.2, row.bottom - 0.8), name, size, bold=True)


def _free_place(
    row: Row, points: NDArray[np.float64], x: float, width: float, most_shift: float
) -> tuple[float, float]:
    """Return where a name stands: at the upper edge of its row, if need be to the right or at the lower edge."""
    at_top, at_bottom = row.top + 3.7, row.bottom - 2.2
    places = [(x + shift, at_top) for shift in np.arange(0.0, most_shift + 0.1, 1.0).tolist()] + [(x, at_bottom)]
    for left, y in places:
        if not _crossed(points, left - 1.0, left + width + 0.5, y - 3.0, y + 0.8):
            return left, y
    return x, at_top


def _crossed(points: NDArray[np.float64], left: float, right: float, top: float, bottom: float) -> bool:
    inside = (points[:, 0] >= left) & (points[:, 0] <= right)
    y = points[inside, 1]
    y = y[~np.isnan(y)]
    return (
        bool(y.size)
        and float(y.min()) < bottom
        and float(y.max()) > top
        and bool(
            np.any((np.minimum(y[:-1], y[1:]) < bottom) & (np.maximum(y[:-1], y[1:]) > top)) if y.size > 1 else True
        )
    )
