"""The trend of the heart rate over a long recording, and where its episodes are."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.report.drawing import Drawing, segments
from ecg_engine.report.flow import GREY, Place
from ecg_engine.report.holter_words import clock
from ecg_engine.report.typeface import shrunk, text_width_mm
from ecg_engine.types import Beats, EcgReport
from ecg_engine.vocabulary import holter_text

__all__ = ["draw_trend", "rate_bins"]

#: Steps between the marks of the time axis, s: the first that leaves no more than this many.
_STEPS_S: Final = (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_MOST_MARKS: Final = 14
#: An interval outside these rates is an error of detection, or a pause that has a mark of its own, /min.
_RATES_BPM: Final = (20.0, 300.0)
_BAND: Final = "#cfd8dc"
_LINE: Final = ("#0d47a1", 0.3)
_AXIS: Final = "#9e9e9e"
_MARK_MM: Final = 3.1
#: The rows of marks under the trend: key of their label, kinds of episodes, colour.
_ROWS: Final = (
    ("short_ventricular_run", ("ventricular_run", "fast_ventricular", "idioventricular_run"), "#a00018"),
    ("short_atrial_fibrillation", ("atrial_fibrillation",), "#6a1b9a"),
    ("short_supraventricular_run", ("supraventricular_run",), "#00695c"),
    ("short_pauses", ("pause_2s", "pause_3s"), "#e65100"),
    ("short_unreadable", ("unreadable",), "#757575"),
)


def rate_bins(
    beats: Beats, *, fs: float, duration_s: float, n_bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean, least and greatest rate in equal parts of a recording, /min; NaN where nothing was seen.

    The least and the greatest are those of single intervals, a tenth left out at both ends.
    """
    r = beats.r_peaks
    empty = np.full(n_bins, np.nan)
    mean, low, high = empty.copy(), empty.copy(), empty.copy()
    if len(r) < 2:
        return mean, low, high
    from ecg_engine.detection.irregular import touches_gap

    rr = np.diff(r) / fs
    good = ~touches_gap(r[:-1], r[1:], beats.gaps) & (rr <= 60 / _RATES_BPM[0]) & (rr >= 60 / _RATES_BPM[1])
    at = np.minimum((r[1:][good] / fs / duration_s * n_bins).astype(np.int64), n_bins - 1)
    rr = rr[good]
    edges = np.searchsorted(at, np.arange(n_bins + 1))
    for k in np.flatnonzero(np.diff(edges)).tolist():
        part = np.sort(rr[edges[k] : edges[k + 1]])
        few = len(part) // 10
        mean[k], low[k], high[k] = 60 / part.mean(), 60 / part[len(part) - 1 - few], 60 / part[few]
    return mean, low, high


def draw_trend(drawing: Drawing, report: EcgReport, place: Place) -> None:
    """Draw rate over time into `place`: a band from least to greatest, a line of the mean, marks of the episodes."""
    lang = drawing.lang
    assert report.long is not None
    left, right = place.x + 16.0, place.x + place.width
    marks_mm = _MARK_MM * len(_ROWS) + 2.5
    top, bottom = place.y + 5.0, place.y + place.height - marks_mm - 4.5
    title = holter_text("trend", lang)
    if not report.start:
        title += f". {holter_text('no_start', lang)}"
    drawing.text("heading", place.x, place.y + 2.6, title, 7.5, bold=True, colour=GREY)
    n_bins = int(min((right - left) * 3, max(10, report.duration_s / 10)))
    mean, low, high = rate_bins(report.beats, fs=report.fs, duration_s=report.duration_s, n_bins=n_bins)
    least, most = _range(low, high)
    x = left + (np.arange(n_bins) + 0.5) * (right - left) / n_bins

    def level(bpm: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.asarray(bottom - (np.asarray(bpm) - least) / (most - least) * (bottom - top))

    _draw_axes(drawing, report, (left, right, top, bottom), (least, most), bottom + marks_mm)
    wide = (right - left) / n_bins
    for k in np.flatnonzero(~np.isnan(low)).tolist():
        upper, lower = float(level(high[k])), float(level(low[k]))
        drawing.box("rate-range", float(x[k]) - wide / 2, upper, wide, max(lower - upper, 0.2), fill=_BAND)
    drawing.strokes("rate-mean", np.column_stack((x, level(mean))), *_LINE)
    _draw_marks(drawing, report, left, right, bottom + 2.0)


def _range(low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[float, float]:
    """Return round ends of the axis, /min."""
    if np.isnan(low).all():
        return 40.0, 120.0
    least = 20.0 * np.floor(float(np.nanmin(low)) / 20)
    most = 20.0 * np.ceil(float(np.nanmax(high)) / 20)
    return min(40.0, least), max(120.0, most)


def _draw_axes(
    drawing: Drawing,
    report: EcgReport,
    frame: tuple[float, float, float, float],
    rates: tuple[float, float],
    foot: float,
) -> None:
    left, right, top, bottom = frame
    step = 20 if rates[1] - rates[0] <= 160 else 40
    lines = []
    for bpm in np.arange(rates[0], rates[1] + 1, step).tolist():
        y = bottom - (bpm - rates[0]) / (rates[1] - rates[0]) * (bottom - top)
        lines.append((left, y, right, y))
        words = f"{bpm:g}"
        drawing.text("axis", left - 1.2 - text_width_mm(words, 6.5), y + 0.8, words, 6.5, colour=GREY)
    for at in _times(report):
        x = left + at / report.duration_s * (right - left)
        lines.append((x, top, x, foot))
        words = clock(report, at, drawing.lang, short=report.duration_s > 1200)
        wide = text_width_mm(words, 6.5)
        x = min(max(x - wide / 2, left - 4), right - wide)
        drawing.text("axis", x, foot + 2.9, words, 6.5, colour=GREY)
    drawing.strokes("axis-line", segments(np.array(lines)), _AXIS, 0.1)


def _times(report: EcgReport) -> list[float]:
    """Return where the marks of the time axis stand, s: at full hours or minutes of the clock."""
    step = next((s for s in _STEPS_S if report.duration_s / s <= _MOST_MARKS), _STEPS_S[-1])
    past = 0.0
    words = clock(report, 0.0, "en")
    if report.start:
        hour, minute, second = (int(part) for part in words.split()[-1].split(":"))
        past = float((hour * 3600 + minute * 60 + second) % step)
    return [at for at in np.arange(-past, report.duration_s + 1, step).tolist() if at >= 0]


def _draw_marks(drawing: Drawing, report: EcgReport, left: float, right: float, y: float) -> None:
    assert report.long is not None
    scale = (right - left) / report.duration_s
    for key, kinds, colour in _ROWS:
        words, size = shrunk(holter_text(key, drawing.lang), 14.5, 6.5, 5.0)
        drawing.text("mark-label", left - 1.2 - text_width_mm(words, size), y + 2.2, words, size, colour=colour)
        spans = [(e.start_s, e.stop_s) for e in report.long.episodes if e.kind in kinds]
        # A mark is seen from 0.35 mm on; those nearer than that are one, so that a page stays small.
        boxes: list[tuple[float, float]] = []
        for start, stop in spans:
            a, b = left + start * scale, left + stop * scale
            if b - a < 0.35:
                b = a + 0.35
            if boxes and a <= boxes[-1][1] + 0.1:
                boxes[-1] = (boxes[-1][0], max(b, boxes[-1][1]))
            else:
                boxes.append((a, b))
        for a, b in boxes:
            drawing.box("episode-mark", a, y + 0.3, min(b, right) - a, _MARK_MM - 0.9, fill=colour)
        y += _MARK_MM
