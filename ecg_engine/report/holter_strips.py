"""Strips of a long recording: which episodes are shown, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.leads import display_order, standard_name
from ecg_engine.report.drawing import Drawing
from ecg_engine.report.flow import GREY
from ecg_engine.report.holter_words import clock, kind_text, span_text
from ecg_engine.report.layout import PADDING_MM, SPAN_MM, Cell, Grid, Plan, Row, with_bands
from ecg_engine.report.traces import draw_grid, draw_traces
from ecg_engine.report.typeface import text_width_mm
from ecg_engine.report.words import number
from ecg_engine.settings import PageSettings
from ecg_engine.types import Beats, EcgReport, Recording
from ecg_engine.types.long import Episode
from ecg_engine.vocabulary import holter_text, page_text

__all__ = ["MOST_STRIPS", "PreparedStrip", "Strip", "choose_strips", "draw_strip", "prepare_strip", "strip_leads"]

#: So many strips at most, and of each kind so many; the gravest kinds first.
MOST_STRIPS: Final = 24
_OF_KIND: Final = {
    "fast_ventricular": 1, "ventricular_run": 4, "pause_3s": 3, "atrial_fibrillation": 3, "supraventricular_run": 3,
    "pause_2s": 1, "idioventricular_run": 2, "rate_min": 1, "rate_max": 1, "ventricular_couplet": 2, "bigeminy": 1,
    "trigeminy": 1, "supraventricular_couplet": 1, "paced": 1, "ventricular_single": 1, "supraventricular_single": 1,
}  # fmt: skip
#: Room above the paper of a strip: its caption, the row of classes and RR, mm.
_CAPTION_MM: Final = 5.0
_BEATS_MM: Final = 3.2
#: The paper of a strip is as high as its leads need, in whole squares between these, mm.
_PAPER_MM: Final = (25.0, 80.0)
_LEAST_ROW_MM: Final = 12.0
#: A long episode is shown from so long before its begin, s.
_BEFORE_S: Final = 2.5
#: A shorter episode is on its strip whole, s.
_WHOLE_S: Final = 7.5
#: What is cleaned beyond the part that is shown, s.
_MARGIN_S: Final = 3.0
_MOST_LEADS: Final = 3
_PREFERRED: Final = ("II", "V1", "V5", "I", "III", "aVF", "V2", "V6")
_ECTOPIC: Final = "#a00018"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A strip: the kind of what it shows, and the episode (of one beat, of eight at the least rate ...)."""

    episode: Episode
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedStrip:
    """A strip with what it shows: samples [start, stop), leads without mains and baseline, mV; height on paper, mm."""

    strip: Strip
    start: int
    stop: int
    traces: dict[str, NDArray[np.float64]]
    paper_mm: float

    @property
    def height_mm(self) -> float:
        """Height on the page, caption included."""
        return _CAPTION_MM + _BEATS_MM + self.paper_mm


def choose_strips(report: EcgReport) -> tuple[Strip, ...]:
    """Return the strips of a long recording, the gravest kind first, of each kind the longest and fastest."""
    tables = report.long
    assert tables is not None
    found: list[Strip] = []
    for kind, most in _OF_KIND.items():
        episodes = _of_kind(report, kind)
        ordered = sorted(episodes, key=lambda e: (-e.n_beats, -e.duration_s, -(e.rate_bpm or 0.0), e.start_s))
        if kind == "atrial_fibrillation":
            ordered = sorted(episodes, key=lambda e: -e.duration_s)
        # What a graver kind shows already is not shown again.
        fresh = [e for e in ordered if not any(_holds(strip.episode, e) for strip in found)]
        found += [Strip(episode=e, kind=kind) for e in sorted(fresh[:most], key=lambda e: e.start_s)]
    return tuple(found[:MOST_STRIPS])


def _holds(shown: Episode, e: Episode) -> bool:
    """Return whether an episode lies, for the most part, in one that is shown whole."""
    middle = (e.start_s + e.stop_s) / 2
    return shown.duration_s < _WHOLE_S and shown.start_s <= middle <= shown.stop_s


def _of_kind(report: EcgReport, kind: str) -> Sequence[Episode]:
    tables = report.long
    assert tables is not None
    if kind in ("rate_min", "rate_max"):
        extreme = tables.extremes.get(f"{kind}_bpm")
        if extreme is None:
            return ()
        stop = extreme.at_s + 60 * 8 / extreme.value
        return (Episode(kind=kind, start_s=extreme.at_s, stop_s=stop, n_beats=9, rate_bpm=extreme.value),)
    if kind in ("ventricular_single", "supraventricular_single"):
        at = _single(report.beats, "V" if kind.startswith("v") else "S")
        return [Episode(kind=kind, start_s=r / report.fs, stop_s=r / report.fs, n_beats=1) for r in at]
    return tables.of_kind(kind)


def _single(beats: Beats, letter: str) -> list[int]:
    """Return the first beat of a class that stands alone among ordinary ones for four beats to either side."""
    if beats.kinds is None:
        return []
    ordinary = np.concatenate(([0], np.cumsum(beats.kinds == "N")))
    for i in np.flatnonzero(beats.kinds == letter).tolist():
        if i >= 4 and i + 5 <= len(beats.kinds) and ordinary[i + 5] - ordinary[i - 4] == 8:
            return [int(beats.r_peaks[i])]
    return []


def strip_leads(recording: Recording, report: EcgReport) -> tuple[str, ...]:
    """Return the leads that strips show: all where there are up to three, else those with the plainest P and QRS."""
    if recording.n_leads <= _MOST_LEADS:
        return tuple(recording.leads[i] for i in display_order(recording.leads))
    usable = [name for name in recording.leads if name in report.quality.usable_leads] or list(recording.leads)
    rank = {name: k for k, name in enumerate(_PREFERRED)}
    ordered = sorted(usable, key=lambda name: rank.get(standard_name(name), len(rank)))
    return tuple(ordered[:_MOST_LEADS])


def prepare_strip(
    strip: Strip, report: EcgReport, recording: Recording, *, settings: PageSettings, leads: tuple[str, ...]
) -> PreparedStrip:
    """Cut a strip out of the recording, clean it, and see how high it is at the gain that is asked for."""
    from ecg_engine.detection.cleaning import clean

    start, stop = _window(strip, recording, settings.speed_mm_s)
    margin = round(_MARGIN_S * recording.fs)
    first, last = max(0, start - margin), min(recording.n_samples, stop + margin)
    onsets = np.zeros(0, np.int64)
    if report.delineation is not None:
        a, b = np.searchsorted(report.beats.r_peaks, (first, last))
        onsets = report.delineation.qrs_onset[a:b] - first
        onsets = onsets[(onsets >= 0) & (onsets < last - first)]
    rows = [recording.leads.index(name) for name in leads]
    piece = np.stack([recording.signal[row, first:last] for row in rows])
    signal = clean(piece, fs=recording.fs, qrs_onsets=onsets)[:, start - first : stop - first]
    need = sum(_row_mm(row, settings.gain_mm_mv) for row in signal)
    height = 5.0 * np.ceil(min(max(need, _PAPER_MM[0]), _PAPER_MM[1]) / 5.0)
    traces = dict(zip(leads, signal, strict=True))
    return PreparedStrip(strip=strip, start=start, stop=stop, traces=traces, paper_mm=float(height))


def _row_mm(trace: NDArray[np.float64], gain: float) -> float:
    seen = trace[~np.isnan(trace)]
    swing = max(0.0, float(seen.max())) - min(0.0, float(seen.min())) if seen.size else 0.0
    return max(_LEAST_ROW_MM, swing * gain + 3 * PADDING_MM)


def draw_strip(
    drawing: Drawing, prepared: PreparedStrip, report: EcgReport, *, y: float, settings: PageSettings
) -> None:
    """Draw a strip from `y` mm downwards: caption, classes and RR, paper with its traces."""
    grid = Grid(top=y + _CAPTION_MM + _BEATS_MM, height=prepared.paper_mm)
    start, stop = prepared.start, prepared.stop
    n, leads = stop - start, tuple(prepared.traces)
    rows = [Row(cells=(Cell(lead=name, start=0, stop=n, x=grid.x_zero),), label=name) for name in leads]
    plan = Plan(
        rows=tuple(rows), start=0, stop=n, n_columns=1, speed=settings.speed_mm_s, gain=settings.gain_mm_mv
    )  # fmt: skip
    plan = with_bands(plan, prepared.traces, set(leads), grid)
    spikes = report.beats.pacing_spikes
    spikes = spikes[(spikes >= start) & (spikes < stop)] - start
    # The traces know nothing but the strip: what is marked on them counts from its first sample.
    beats = Beats(r_peaks=np.zeros(0, np.int64), pacing_spikes=spikes)
    here = replace(report, beats=beats, delineation=None, long=None)
    draw_grid(drawing, grid)
    draw_traces(drawing, plan, prepared.traces, here, {}, grid)
    _draw_beats(drawing, report, start, stop, grid, plan)
    _draw_caption(drawing, prepared.strip, report, start, plan, y)


def _window(strip: Strip, recording: Recording, speed: float) -> tuple[int, int]:
    """Return what is shown: a short episode in the middle, of a long one its begin."""
    fs, n = recording.fs, recording.n_samples
    length = min(n, round(SPAN_MM / speed * fs))
    e = strip.episode
    if e.duration_s + _BEFORE_S <= length / fs:
        first = round((e.start_s + e.stop_s) / 2 * fs) - length // 2
    else:
        first = round((e.start_s - _BEFORE_S) * fs)
    first = min(max(0, first), n - length)
    return first, first + length


def _draw_beats(drawing: Drawing, report: EcgReport, start: int, stop: int, grid: Grid, plan: Plan) -> None:
    """Write the class of each beat over it and RR between two, ms; what is not N stands out."""
    a, b = np.searchsorted(report.beats.r_peaks, (start, stop))
    r = report.beats.r_peaks[a:b]
    kinds = np.full(len(r), "N") if report.beats.kinds is None else report.beats.kinds[a:b]
    x = grid.x_zero + (r - start) * (plan.speed / report.fs)
    y = grid.top - 0.9
    for at, kind in zip(x.tolist(), kinds.tolist(), strict=True):
        ordinary = kind == "N"
        drawing.text(
            "beat-class", at - text_width_mm(kind, 6.5, bold=not ordinary) / 2, y, kind, 6.5,
            bold=not ordinary, colour=GREY if ordinary else _ECTOPIC,
        )  # fmt: skip
    for left, right, rr in zip(x[:-1].tolist(), x[1:].tolist(), np.diff(r).tolist(), strict=True):
        words = f"{rr / report.fs * 1000:.0f}"
        wide = text_width_mm(words, 5.5)
        if right - left > wide + 4.0:
            drawing.text("rr", (left + right - wide) / 2, y, words, 5.5, colour=GREY)


def _draw_caption(drawing: Drawing, strip: Strip, report: EcgReport, start: int, plan: Plan, y: float) -> None:
    lang, e = drawing.lang, strip.episode
    x = Grid().left
    words = kind_text(strip.kind, lang)
    drawing.text("strip-kind", x, y + 3.6, words, 9.5, bold=True)
    facts = [clock(report, e.start_s, lang)]
    if e.duration_s:
        facts.append(span_text(e.duration_s, lang))
    if e.n_beats > 1:
        facts.append(holter_text("strip_beats", lang, n=e.n_beats))
    if e.rate_bpm is not None:
        facts.append(holter_text("strip_rate", lang, rate=number(e.rate_bpm, 0, lang)))
    drawing.text("strip-facts", x + text_width_mm(words, 9.5, bold=True) + 4, y + 3.6, " · ".join(facts), 8.5)
    scale = (
        f"{clock(report, start / report.fs, lang)} · {page_text('speed', lang, speed=f'{plan.speed:g}')} · "
        f"{page_text('gain', lang, gain=f'{plan.gain:g}')}"
    )
    right = Grid().left + Grid().width
    drawing.text("strip-scale", right - text_width_mm(scale, 7.5), y + 3.6, scale, 7.5, colour=GREY)
