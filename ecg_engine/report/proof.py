"""Where on the drawing a statement is proved: a bracket at the wave of a beat, or at a pause, with its measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine import vocabulary
from ecg_engine.report.drawing import Drawing, Text, segments
from ecg_engine.report.layout import Cell, Plan, Row
from ecg_engine.report.words import fact_text
from ecg_engine.types import ABSENT, EcgReport, Evidence, LeadMarks
from ecg_engine.vocabulary import page_text

__all__ = ["PROOF", "Proof", "draw_proofs", "proofs"]

PROOF: Final = ("#b35900", 0.35)
_LABEL_PT: Final = 6.0
#: Free of the trace by so much, mm.
_CLEAR_MM: Final = 0.9
_TICK_MM: Final = 0.9
#: Height of a label, mm.
_LABEL_MM: Final = 1.7
#: What a bracket reaches from and to, by the beginning of the quantity's code: marks of the beat, ms added to each.
_SPANS: Final[Mapping[str, tuple[str, float, str, float]]] = {
    "st_": ("qrs_offset", 0.0, "qrs_offset", 80.0),
    "pr_ms": ("p_onset", 0.0, "qrs_onset", 0.0),
    "qrs_ms": ("qrs_onset", 0.0, "qrs_offset", 0.0),
    "qt_ms": ("qrs_onset", 0.0, "t_offset", 0.0),
    "qtc_": ("qrs_onset", 0.0, "t_offset", 0.0),
    "p_": ("p_onset", 0.0, "p_offset", 0.0),
    "p2_": ("p_onset", 0.0, "p_offset", 0.0),
    "t_": ("qrs_offset", 0.0, "t_offset", 0.0),
    "t2_": ("qrs_offset", 0.0, "t_offset", 0.0),
    **{
        code: ("qrs_onset", 0.0, "qrs_offset", 0.0)
        for code in ("q_", "r_", "s_", "r2_", "s2_", "qrs_pp_", "qrs_notches", "intrinsicoid_", "upstroke_")
    },
}
#: Statements that call nothing abnormal, or only the recording.
_NOT_PROVED: Final = frozenset(
    {
        "normal_ecg", "sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia", "sinus_arrhythmia",
        "undetermined_rhythm", "lead_reversal", "leg_electrode_reversal", "precordial_reversal", "lead_lost",
        "lead_flat", "lead_noisy",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One measured fact that is marked.

    Parameters
    ----------
    lead : str or None
        Where it is marked; None: on the rhythm strip.
    evidence : Evidence
    """

    lead: str | None
    evidence: Evidence


def proofs(report: EcgReport) -> tuple[Proof, ...]:
    """Return what is marked: of each lead the first fact, what presses before the rest.

    A fact is marked where it has a lead, or a threshold that it crosses, and the drawing can show it.
    """
    pressing = [s for s in report.statements if s.code in report.urgency.because]
    found: dict[str | None, Proof] = {}
    for statement in (*pressing, *(s for s in report.statements if s not in pressing)):
        if statement.code in _NOT_PROVED:
            continue
        for e in statement.evidence:
            shown = _span_of(e.measurement) is not None and (e.lead is not None or e.threshold is not None)
            pause = e.measurement == "pause_s" and e.threshold is not None
            if shown or pause:
                found.setdefault(e.lead, Proof(lead=e.lead, evidence=e))
    return tuple(found.values())


def _span_of(code: str) -> tuple[str, float, str, float] | None:
    return next((_SPANS[begin] for begin in sorted(_SPANS, key=len, reverse=True) if code.startswith(begin)), None)


def draw_proofs(
    drawing: Drawing,
    plan: Plan,
    report: EcgReport,
    curves: Sequence[tuple[Row, Cell, NDArray[np.float64]]],
    strips: Sequence[Row],
) -> None:
    """Draw the brackets and their labels.

    Parameters
    ----------
    drawing : Drawing
    plan : Plan
    report : EcgReport
    curves : sequence of (Row, Cell, (n, 2) array)
        What is drawn, in mm.
    strips : sequence of Row
        The rows that carry the global marks.
    """
    brackets: list[tuple[float, float, float, float]] = []
    taken: list[Text] = []
    for proof in proofs(report):
        for row, cell, points in curves:
            here = row in strips if proof.lead is None else cell.lead == proof.lead and not row.is_rhythm
            span = _place(proof.evidence, report, cell) if here else None
            if span is None:
                continue
            scale = plan.speed / report.fs
            left, right = (cell.x + (at - cell.start) * scale for at in span)
            label = _label(proof.evidence, drawing.lang)
            placed = _bracket(row, points, left, right, label, taken)
            if placed is not None:
                lines, text = placed
                brackets += lines
                taken.append(text)
                break
    if brackets:
        drawing.strokes("proof", segments(np.array(brackets)), *PROOF)
    drawing.elements.extend(taken)


def _label(e: Evidence, lang: str) -> str:
    name = page_text("st", lang) if e.measurement.startswith("st_") else vocabulary.quantity(e.measurement).text[lang]
    return f"{name} {fact_text(e, lang)}"


def _place(e: Evidence, report: EcgReport, cell: Cell) -> tuple[float, float] | None:
    """Return the samples that a fact is seen between in a cell: in a beat that stands clear of the lead's name."""
    if e.measurement == "pause_s":
        return _longest_gap(report, cell)
    span = _span_of(e.measurement)
    if span is None or report.delineation is None:
        return None
    marks = report.delineation
    return next(_spans(marks, _of_usual_class(report, marks), span, cell, report.fs), None)


def _spans(
    marks: LeadMarks, usual: NDArray[np.bool_], span: tuple[str, float, str, float], cell: Cell, fs: float
) -> Iterator[tuple[float, float]]:
    """Yield the spans of the beats in a cell, that of its second whole beat first."""
    first, add_first, last, add_last = span
    starts, stops = getattr(marks, first), getattr(marks, last)
    known = usual & (starts != ABSENT) & (stops != ABSENT)
    found = []
    for a, b in zip(starts[known].tolist(), stops[known].tolist(), strict=True):
        start, stop = a + add_first * fs / 1000, b + add_last * fs / 1000
        if cell.start <= start < stop < cell.stop:
            found.append((start, stop))
    yield from found[1:2] + found[:1] + found[2:]


def _of_usual_class(report: EcgReport, marks: LeadMarks) -> NDArray[np.bool_]:
    kinds = report.beats.kinds
    if kinds is None or not len(kinds) or len(kinds) != len(marks.qrs_onset):
        return np.ones(len(marks.qrs_onset), dtype=bool)
    names, counts = np.unique(kinds, return_counts=True)
    usual: NDArray[np.bool_] = kinds == names[np.argmax(counts)]
    return usual


def _longest_gap(report: EcgReport, cell: Cell) -> tuple[float, float] | None:
    edges = np.concatenate(([0], report.beats.r_peaks, [round(report.duration_s * report.fs) - 1]))
    k = int(np.argmax(np.diff(edges)))
    start, stop = float(edges[k]), float(edges[k + 1])
    return (start, stop) if cell.start <= start and stop <= cell.stop else None


def _bracket(
    row: Row, points: NDArray[np.float64], left: float, right: float, label: str, taken: Sequence[Text]
) -> tuple[list[tuple[float, float, float, float]], Text] | None:
    """Return a bracket at the trace and its label, over or under it where they stand nearer; None without room."""
    width = Text(role="", x=0.0, y=0.0, text=label, size_pt=_LABEL_PT, bold=True).width
    x = (left + right - width) / 2
    here, near = _heights(points, left, right), _heights(points, min(left, x) - 0.5, max(right, x + width) + 0.5)
    if not here.size:
        return None
    found = []
    for up in (-1.0, 1.0):  # y grows downwards
        edge = float(here.min()) if up < 0 else float(here.max())
        far = float(near.min()) if up < 0 else float(near.max())
        y = edge + up * (_CLEAR_MM + _TICK_MM)
        clear = y + up * 0.6 if up * (far - y) < 0 else far + up * _CLEAR_MM
        base = clear if up < 0 else clear + _LABEL_MM
        text = Text(role="proof-label", x=x, y=base, text=label, size_pt=_LABEL_PT, bold=True, colour=PROOF[0])
        inside = base - _LABEL_MM >= row.top and base <= row.bottom - 1.8
        if inside and not any(_overlap(text, other) for other in taken):
            tick = -up * _TICK_MM
            lines = [(left, y, right, y), (left, y, left, y + tick), (right, y, right, y + tick)]
            found.append((abs(clear - edge), lines, text))
    if not found:
        return None
    _, lines, text = min(found, key=lambda one: one[0])
    return lines, text


def _heights(points: NDArray[np.float64], left: float, right: float) -> NDArray[np.float64]:
    y: NDArray[np.float64] = points[(points[:, 0] >= left) & (points[:, 0] <= right), 1]
    return y[~np.isnan(y)]


def _overlap(one: Text, other: Text) -> bool:
    a, b = one.bounds, other.bounds
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
