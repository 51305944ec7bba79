"""The pages of a long recording: summary, tables, strips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import PurePath
from typing import Final

from ecg_engine.report.drawing import Drawing
from ecg_engine.report.flow import GREY, Paragraph, Place, Run, draw_lines, fitted
from ecg_engine.report.header import LEFT, RIGHT, draw_signature, draw_top, statement_paragraph
from ecg_engine.report.holter_strips import (
    PreparedStrip,
    choose_strips,
    draw_strip,
    prepare_strip,
    strip_leads,
)
from ecg_engine.report.holter_tables import ROW_MM, draw_episodes, draw_hours
from ecg_engine.report.holter_trend import draw_trend
from ecg_engine.report.holter_words import clock, summary_lines, variability_note, variability_rows
from ecg_engine.report.typeface import ellipsised, shrunk, text_width_mm
from ecg_engine.report.words import DASH, applied_text, date_text, filters_text
from ecg_engine.settings import PageSettings
from ecg_engine.types import EcgReport, Recording
from ecg_engine.types.long import Hour
from ecg_engine.vocabulary import holter_text, page_text

__all__ = ["HOLTER_S", "draw_holter"]

#: From so long on a recording is drawn as a Holter report, s: what is shorter fits on one page of consecutive lines.
HOLTER_S: Final = 300.0
_BODY_Y: Final = 24.6
_TREND_Y, _TREND_END = 112.0, 188.5
_SIGN_Y, _FOOT_Y = 196.0, 205.2
_STRIPS_Y, _STRIPS_END, _STRIPS_APART = 19.0, 201.0, 3.5
_SUMMARY: Final = (11.0, 176.0)
_VARIABILITY: Final = (193.0, 93.0)
#: Rows of the hourly table on a page.
_HOUR_ROWS: Final = 33


def draw_holter(report: EcgReport, recording: Recording, *, lang: str, settings: PageSettings) -> list[Drawing]:
    """Return the pages of a long recording.

    Parameters
    ----------
    report : EcgReport
        With its tables (`EcgReport.long`).
    recording : Recording
    lang : {"en", "ru"}
    settings : PageSettings
        Speed and gain of the strips.

    Returns
    -------
    list of Drawing
        Summary with trend and variability; hourly table and table of episodes; up to 24 strips of 10 s.
    """
    tables = report.long
    assert tables is not None
    leads = strip_leads(recording, report)
    strips = [prepare_strip(s, report, recording, settings=settings, leads=leads) for s in choose_strips(report)]
    draws: list[Callable[[Drawing], None]] = [lambda drawing: _draw_summary(drawing, report)]
    for rows, total in _hour_pages(tables.hours):
        draws.append(lambda drawing, rows=rows, total=total: _draw_tables(drawing, report, rows, total))  # type: ignore[misc]
    for part in _strip_pages(strips):
        draws.append(
            lambda drawing, part=part: _draw_strips(drawing, part, report, settings=settings, n_strips=len(strips))  # type: ignore[misc]
        )
    title = f"{holter_text('title', lang)} {date_text(report.start, lang)}"
    pages = []
    for number, draw in enumerate(draws, start=1):
        drawing = Drawing(width=297.0, height=210.0, title=title, lang=lang)
        draw(drawing)
        _draw_foot(drawing, report, number, len(draws))
        pages.append(drawing)
    return pages


def _hour_pages(hours: tuple[Hour, ...]) -> list[tuple[tuple[Hour, ...], bool]]:
    """Return the rows of each page of tables, and whether the total stands under them (on the last)."""
    pages = [hours[at : at + _HOUR_ROWS] for at in range(0, max(1, len(hours)), _HOUR_ROWS)]
    return [(rows, k == len(pages) - 1) for k, rows in enumerate(pages)]


def _draw_summary(drawing: Drawing, report: EcgReport) -> None:
    lang = drawing.lang
    tables = report.long
    assert tables is not None
    draw_top(drawing, report, holter_text("title", lang))
    x, width = _SUMMARY
    _heading(drawing, page_text("conclusion", lang), x, _BODY_Y)
    paragraphs: list[Paragraph] = [statement_paragraph(s, lang) for s in report.statements]
    keep = [s.code in report.urgency.because for s in report.statements]
    if not paragraphs:
        paragraphs, keep = [(Run(text=f"{DASH} {page_text('no_statement', lang)}"),)], [True]
    lasting = [(Run(text=line),) for line in summary_lines(report, lang)]
    paragraphs += lasting
    keep += [True] * len(lasting)
    place = Place(x=x, y=_BODY_Y + 3.6, width=width, height=_TREND_Y - _BODY_Y - 5.0)
    lines, size = fitted(paragraphs, place, (9.0, 8.4, 7.8, 7.2, 6.6), more=_more(lang), keep=keep)
    draw_lines(drawing, "summary", lines, place, size)
    _draw_variability(drawing, report)
    draw_trend(drawing, report, Place(x=LEFT, y=_TREND_Y, width=RIGHT - LEFT, height=_TREND_END - _TREND_Y))
    draw_signature(drawing, _SIGN_Y)


def _more(lang: str) -> Callable[[int], str]:
    return lambda n: page_text("more", lang, n=n)


def _heading(drawing: Drawing, words: str, x: float, y: float) -> None:
    drawing.text("heading", x, y + 2.5, words, 7.5, bold=True, colour=GREY)


def _draw_variability(drawing: Drawing, report: EcgReport) -> None:
    lang = drawing.lang
    tables = report.long
    assert tables is not None
    x, width = _VARIABILITY
    _heading(drawing, holter_text("variability", lang), x, _BODY_Y)
    place = Place(x=x, y=_BODY_Y + 3.6, width=width, height=8.0)
    words = (Run(text=variability_note(tables, lang), colour=GREY),)
    lines, size = fitted([words], place, (7.6, 7.0, 6.4), more=lambda n: "…")
    y = draw_lines(drawing, "variability-note", lines, place, size) + 4.5
    for column in variability_rows(tables, lang):
        for label, value in column:
            wide = text_width_mm(value, 9.0, bold=True)
            label, label_pt = shrunk(label, width - wide - 3, 8.0, 5.5)
            drawing.text("variability-label", x, y, label, label_pt, colour=GREY)
            drawing.text("variability", x + width - wide, y, value, 9.0, bold=True)
            y += 4.2
        y += 1.4


def _draw_tables(drawing: Drawing, report: EcgReport, rows: tuple[Hour, ...], total: bool) -> None:
    lang = drawing.lang
    tables = report.long
    assert tables is not None
    first = rows[:1] == tables.hours[:1]
    _draw_strap(drawing, report, holter_text("hours_title", lang))
    narrow = 138.0 if first else RIGHT - LEFT
    draw_hours(drawing, report, rows, Place(x=LEFT, y=18.0, width=narrow, height=(len(rows) + 2) * ROW_MM), total=total)
    if first:
        x = LEFT + narrow + 5
        drawing.text("title", x, 12.0, holter_text("episodes_title", lang), 11, bold=True)
        draw_episodes(drawing, report, Place(x=x, y=18.0, width=RIGHT - x, height=150))


def _strip_pages(strips: Sequence[PreparedStrip]) -> list[list[PreparedStrip]]:
    """Return the strips of each page, in their order, as many as fit."""
    pages: list[list[PreparedStrip]] = []
    y = _STRIPS_END
    for strip in strips:
        if y + strip.height_mm > _STRIPS_END:
            pages.append([])
            y = _STRIPS_Y
        pages[-1].append(strip)
        y += strip.height_mm + _STRIPS_APART
    return pages


def _draw_strips(
    drawing: Drawing, strips: Sequence[PreparedStrip], report: EcgReport, *, settings: PageSettings, n_strips: int
) -> None:
    lang = drawing.lang
    tables = report.long
    assert tables is not None
    _draw_strap(drawing, report, holter_text("strips_title", lang))
    words = holter_text("strips_chosen", lang, shown=n_strips, all=max(n_strips, len(tables.episodes)))
    drawing.text("remarks", LEFT, 16.6, words, 7.0, colour=GREY)
    y = _STRIPS_Y
    for strip in strips:
        draw_strip(drawing, strip, report, y=y, settings=settings)
        y += strip.height_mm + _STRIPS_APART


def _draw_strap(drawing: Drawing, report: EcgReport, title: str) -> None:
    """Draw the top of a further page: what it is, of whom, from when."""
    lang, patient = drawing.lang, report.patient
    drawing.text("title", LEFT, 12.0, title, 12, bold=True)
    parts = [patient.get("name"), patient.get("id"), date_text(report.start, lang) if report.start else None]
    words = " · ".join(str(part) for part in parts if part)
    words, size = shrunk(words, 150.0, 8.5, 6.0)
    drawing.text("patient", RIGHT - text_width_mm(words, size), 8.0, words, size)


def _draw_foot(drawing: Drawing, report: EcgReport, page: int, pages: int) -> None:
    lang = drawing.lang
    path = report.source.get("path")
    name = ellipsised(PurePath(str(path)).name, 80, 6.5) if path else DASH
    number = page_text("page_number", lang, page=page, pages=pages)
    identity = " · ".join((f"ecg_engine {version('ecg_engine')}", name, number))
    wide = text_width_mm(identity, 6.5)
    drawing.text("identity", RIGHT - wide, _FOOT_Y, identity, 6.5, colour=GREY)
    end = clock(report, report.duration_s, lang)
    parts = [
        page_text("preliminary", lang),
        f"{date_text(report.start, lang)} – {end}" if report.start else f"0:00:00 – {end}",
        page_text("device_filters", lang, filters=filters_text(report.source.get("filters"), lang)),
        page_text("applied", lang, filters=applied_text(report.filters_applied, lang)),
    ]
    facts, size = shrunk(" · ".join(parts), RIGHT - LEFT - wide - 6, 7.0, 5.5)
    drawing.text("facts", LEFT, _FOOT_Y, facts, size)
