"""The tables on the pages of a long recording: by the hour, by the kind of episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ecg_engine.report.drawing import Drawing
from ecg_engine.report.flow import GREY, Place
from ecg_engine.report.holter_words import clock, kind_text, span_text
from ecg_engine.report.typeface import shrunk, text_width_mm
from ecg_engine.report.words import DASH, number
from ecg_engine.types import EcgReport
from ecg_engine.types.long import EPISODE_KINDS, Hour
from ecg_engine.vocabulary import holter_text

__all__ = ["ROW_MM", "draw_episodes", "draw_hours"]

ROW_MM: Final = 5.0
_RULE: Final = "#bdbdbd"
_HOURS: Final = (
    "time", "analysed", "beats", "mean", "min", "max", "ventricular", "supraventricular", "paced", "pauses",
    "fibrillation",
)  # fmt: skip
_EPISODES: Final = ("kind", "n", "total", "longest", "at", "rate")


def draw_hours(drawing: Drawing, report: EcgReport, rows: Sequence[Hour], place: Place, *, total: bool) -> None:
    """Draw the hourly table of `rows`; `total` adds the line of the whole recording."""
    lang = drawing.lang
    heads = [holter_text(f"column_{name}", lang) for name in _HOURS]
    lines = [_hour(report, row, lang) for row in rows]
    if total:
        lines.append(_total(report, lang))
    widths = [23.0, 15.0] + [(place.width - 38.0) / (len(heads) - 2)] * (len(heads) - 2)
    _table(drawing, "hour", heads, lines, widths, place, bold_last=total)


def _hour(report: EcgReport, row: Hour, lang: str) -> list[str]:
    short = row.stop_s - row.start_s >= 60
    begin, end = clock(report, row.start_s, lang, short=short), clock(report, row.stop_s, lang, short=short)
    share = 100 * row.analysed_s / max(row.stop_s - row.start_s, 1e-9)
    rates = [DASH if bpm is None else number(bpm, 0, lang) for bpm in (row.mean_bpm, row.min_bpm, row.max_bpm)]
    counts = [row.n_ventricular, row.n_supraventricular, row.n_paced, row.n_pauses]
    return [
        f"{begin}–{end.split()[-1]}",
        number(share, 0, lang),
        str(row.n_beats),
        *rates,
        *(str(n) if n else DASH for n in counts),
        number(row.fibrillation_s / 60, 1, lang) if row.fibrillation_s else DASH,
    ]


def _total(report: EcgReport, lang: str) -> list[str]:
    tables = report.long
    assert tables is not None
    least, most = (tables.extremes.get(name) for name in ("rate_min_bpm", "rate_max_bpm"))
    mean = report.measurements.get("heart_rate_bpm")
    pauses = tables.counts.get("pause_2s", 0) + tables.counts.get("pause_3s", 0)
    fibrillation = sum(row.fibrillation_s for row in tables.hours)
    rates = [mean, None if least is None else least.value, None if most is None else most.value]
    counts = [tables.counts["ventricular"], tables.counts["supraventricular"], tables.counts["paced"], pauses]
    return [
        holter_text("row_total", lang),
        number(100 * tables.analysed_s / tables.duration_s, 0, lang),
        str(tables.counts["beats"]),
        *(DASH if bpm is None else number(bpm, 0, lang) for bpm in rates),
        *(str(n) if n else DASH for n in counts),
        number(fibrillation / 60, 1, lang) if fibrillation else DASH,
    ]


def draw_episodes(drawing: Drawing, report: EcgReport, place: Place) -> None:
    """Draw the table of episodes: a line for each kind that came, the gravest first."""
    lang = drawing.lang
    assert report.long is not None
    heads = [holter_text(f"column_{name}", lang) for name in _EPISODES]
    lines = []
    for kind in EPISODE_KINDS:
        episodes = report.long.of_kind(kind)
        if not episodes:
            continue
        longest = max(episodes, key=lambda e: (e.duration_s, e.n_beats))
        rates = [e.rate_bpm for e in episodes if e.rate_bpm is not None]
        rate = DASH
        if rates and kind != "unreadable":
            low, high = (number(bpm, 0, lang) for bpm in (min(rates), max(rates)))
            rate = low if low == high else f"{low}–{high}"
        total = span_text(sum(e.duration_s for e in episodes), lang)
        when = clock(report, longest.start_s, lang)
        length = span_text(longest.duration_s, lang)
        lines.append([kind_text(kind, lang), str(len(episodes)), total, length, when, rate])
    if not lines:
        lines = [[holter_text("no_episode", lang), *[""] * (len(heads) - 1)]]
    widths = [11.0, 15.0, 15.0, 19.0, 14.0]
    _table(drawing, "episode", heads, lines, [place.width - sum(widths), *widths], place)


def _table(
    drawing: Drawing,
    role: str,
    heads: Sequence[str],
    lines: Sequence[Sequence[str]],
    widths: Sequence[float],
    place: Place,
    *,
    bold_last: bool = False,
) -> None:
    """Draw a table: the first column to the left, the others to the right."""
    y = place.y
    for i, cells in enumerate([heads, *lines]):
        x = place.x
        head, last = i == 0, bold_last and i == len(lines)
        for k, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            size = 6.8 if head else 8.0
            words, size = shrunk(cell, width - 1.5, size, 5.0, bold=last)
            at = x + 0.5 if k == 0 else x + width - 1.0 - text_width_mm(words, size, bold=last)
            colour = GREY if head else "#000000"
            drawing.text(f"{role}-head" if head else role, at, y + 3.5, words, size, bold=last, colour=colour)
            x += width
        y += ROW_MM
        drawing.rule("table-rule", place.x, place.x + sum(widths), y - 0.3, "#777777" if head else _RULE, 0.15)
