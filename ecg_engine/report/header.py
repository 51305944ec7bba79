"""Everything in words above and below the traces: patient, measurements, conclusion, urgency, signature, facts."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from typing import Any, Final

from ecg_engine import vocabulary
from ecg_engine.report.drawing import Drawing
from ecg_engine.report.flow import GREY, Paragraph, Place, Run, draw_lines, fitted, line_mm
from ecg_engine.report.layout import Grid, Plan
from ecg_engine.report.typeface import ellipsised, shrunk, text_width_mm
from ecg_engine.report.words import (
    DASH,
    age_text,
    applied_text,
    comparison_text,
    date_text,
    day_text,
    evidence_text,
    filters_text,
    length_text,
    normal_text,
    note_words,
    number,
    quantity_text,
    reason_words,
    statement_detail,
)
from ecg_engine.types import EcgReport, Note, Statement
from ecg_engine.vocabulary import page_text

__all__ = ["draw_footer", "draw_header", "draw_signature", "draw_top", "statement_paragraph"]

LEFT, RIGHT = 11.0, 286.0
#: The three columns of the header: measurements, conclusion, urgency and notes. x and width, mm.
_TABLE, _CONCLUSION, _NOTES = (11.0, 72.0), (84.0, 122.0), (210.0, 76.0)
_FIRST_COLUMN, _COLUMN_GAP = 36.5, 1.5
#: Size of the normal limits behind a value, pt.
_NORMAL_PT = 5.5
_TITLE_Y, _PATIENT_Y, _BODY_Y, _BODY_END = 6.0, 14.0, 24.6, 57.3
#: So many scores of a kind are shown even where none reaches its threshold.
_LEAST_SCORES: Final = 3
#: So many disagreements are on the page; the report has all.
_MOST_DISPUTED: Final = 3
_RULE: Final = "#777777"
_ALARM: Final = "#a00018"

#: The badge by level: fill, ink, width of the frame. Dark to white, so that it reads in black and white too.
_BADGES: Final = {
    "critical": ("#a00018", "#ffffff", 0.8),
    "urgent": ("#ffb74d", "#000000", 0.8),
    "unscored": ("#e3e3e3", "#000000", 0.5),
    "routine": ("#ffffff", "#1b5e20", 0.3),
}
#: The table of measurements by column: key of the label on the page (None: the quantity's own), quantity code
#: (empty: the shortest and longest RR).
_QUANTITIES: Final = (
    (
        ("heart_rate", "heart_rate_bpm"), (None, "rr_ms"), ("rr_range", ""), (None, "p_duration_ms"),
        (None, "pr_ms"), (None, "qrs_ms"), (None, "qt_ms"),
    ),
    (
        ("qtc_bazett", "qtc_bazett_ms"), ("qtc_fridericia", "qtc_fridericia_ms"), ("qrs_axis", "qrs_axis_deg"),
        ("p_axis", "p_axis_deg"), ("t_axis", "t_axis_deg"),
    ),
)  # fmt: skip


def draw_header(drawing: Drawing, report: EcgReport) -> None:
    """Draw the title, the patient, the measurements, the conclusion, the urgency and the notes."""
    draw_top(drawing, report, page_text("title", drawing.lang))
    _draw_measurements(drawing, report)
    _draw_conclusion(drawing, report)
    _draw_notes(drawing, report)


def draw_top(drawing: Drawing, report: EcgReport, title: str) -> None:
    """Draw what stands at the top of a first page: title, badges, patient."""
    _draw_title(drawing, report, title)
    _draw_patient(drawing, report)


def _draw_title(drawing: Drawing, report: EcgReport, title: str) -> None:
    lang = drawing.lang
    title, size = shrunk(title, _CONCLUSION[0] - LEFT - 3, 14, 9, bold=True)
    drawing.text("title", LEFT, _TITLE_Y + 5.2, title, size, bold=True)
    x, width = _CONCLUSION
    _draw_badge(drawing, "preliminary", page_text("preliminary", lang), x, width, "#ffffff", "#000000", 0.5)
    level = report.urgency.level
    words = page_text(level, lang) if level in _BADGES else level
    x, width = _NOTES
    fill, ink, frame = _BADGES.get(level, _BADGES["unscored"])
    _draw_badge(drawing, "urgency", f"{page_text('urgency', lang)}: {words}", x, width, fill, ink, frame)


def _draw_badge(
    drawing: Drawing, role: str, words: str, x: float, width: float, fill: str, ink: str, frame: float
) -> None:
    stroke = "#000000" if ink != "#1b5e20" else ink
    drawing.box(f"{role}-box", x, _TITLE_Y, width, 6.6, fill=fill, stroke=stroke, line_width=frame)
    text, size = shrunk(words, width - 4, 11, 6, bold=True)
    middle = x + (width - text_width_mm(text, size, bold=True)) / 2
    drawing.text(role, middle, _TITLE_Y + 4.65, text, size, bold=True, colour=ink)


def _field(drawing: Drawing, label: str, value: Any, x: float, y: float, width: float, *, bold: bool = False) -> None:
    words = str(value).strip() if value not in (None, "") else DASH
    size = 7.0
    drawing.text("label", x, y, label, size, colour=GREY)
    x_value = x + text_width_mm(label, size) + 1.3
    text, size = shrunk(words, x + width - x_value - 1.5, 9.0, 6.5, bold=bold)
    drawing.text("patient", x_value, y, text, size, bold=bold)


def _draw_patient(drawing: Drawing, report: EcgReport) -> None:
    lang, patient, source = drawing.lang, report.patient, report.source

    def word(key: str) -> str:
        return page_text(key, lang)

    sex = {"F": word("female"), "M": word("male")}.get(patient.get("sex") or "", DASH)
    y = _PATIENT_Y + 3.0
    _field(drawing, word("patient"), patient.get("name"), 11, y, 101, bold=True)
    _field(drawing, word("patient_id"), patient.get("id"), 112, y, 42)
    _field(drawing, word("birth_date"), day_text(patient.get("birth_date"), lang), 154, y, 37)
    _field(drawing, word("age"), age_text(patient.get("age_years"), lang), 191, y, 27)
    _field(drawing, word("sex"), sex, 218, y, 20)
    _field(drawing, word("recorded"), date_text(report.start, lang), 238, y, 48)
    y += 4.6
    path = source.get("path")
    _field(drawing, word("device"), source.get("device"), 11, y, 101)
    _field(drawing, word("file"), PurePath(str(path)).name if path else None, 112, y, 79)
    _field(drawing, word("clinical"), _clinical(patient, lang), 191, y, 95)
    drawing.rule("rule", LEFT, RIGHT, _PATIENT_Y + 9.3, _RULE, 0.2)


def _clinical(patient: Any, lang: str) -> str:
    parts = []
    if patient.get("pacemaker") is not None:
        parts.append(page_text("pacemaker" if patient["pacemaker"] else "no_pacemaker", lang))
    if patient.get("complaint"):
        parts.append(str(patient["complaint"]))
    if patient.get("drugs"):
        parts.append(page_text("drugs", lang, drugs=", ".join(map(str, patient["drugs"]))))
    return "; ".join(parts)


def _heading(drawing: Drawing, key: str, x: float) -> None:
    drawing.text("heading", x, _BODY_Y + 2.5, page_text(key, drawing.lang), 7.5, bold=True, colour=GREY)


def _draw_measurements(drawing: Drawing, report: EcgReport) -> None:
    x, width = _TABLE
    _heading(drawing, "measurements", x)
    _draw_column(drawing, report, _QUANTITIES[0], x, _FIRST_COLUMN)
    second = x + _FIRST_COLUMN + _COLUMN_GAP
    _draw_column(drawing, report, _QUANTITIES[1], second, x + width - second)
    _draw_axis_words(drawing, report, second, x + width - second)


def _draw_axis_words(drawing: Drawing, report: EcgReport, x: float, wide: float) -> None:
    """Draw what the QRS axis is called under the second column, the convention of the page's language first."""
    lang = drawing.lang
    words = report.measurements.words.get("qrs_axis_deg", {})
    y = _BODY_Y + 7.0 + 4.2 * len(_QUANTITIES[1])
    for convention in sorted(words, key=lambda name: (name == "russian") != (lang == "ru")):
        label = page_text(f"axis_{convention}", lang)
        drawing.text("measurement-label", x, y, label, 6.5, colour=GREY)
        begin = x + text_width_mm(label, 6.5) + 1.0
        text, size = shrunk(vocabulary.axis_text(words[convention], lang), x + wide - begin, 7.5, 5.0)
        drawing.text("axis-words", x + wide - text_width_mm(text, size), y, text, size)
        y += 4.2


def _draw_column(
    drawing: Drawing, report: EcgReport, rows: tuple[tuple[str | None, str], ...], x: float, wide: float
) -> None:
    """Draw labels, values and behind them the normal limits, which take what room the longest of them needs."""
    lang, normal = drawing.lang, report.measurements.normal
    limits = [normal_text(code, normal.get(code), lang) if code else "" for _, code in rows]
    room = max(text_width_mm(text, _NORMAL_PT) for text in limits)
    end = x + wide - (room + 0.8 if room else 0.0)
    y = _BODY_Y + 7.0
    for (key, code), limit in zip(rows, limits, strict=True):
        label = page_text(key, lang) if key else vocabulary.quantity(code).text[lang]
        value = quantity_text(code, report.measurements.get(code), lang) if code else _rr_range(report, lang)
        value_width = text_width_mm(value, 9.0, bold=True)
        # A value without limits may stand in their place, where its label needs the room.
        crowded = not limit and text_width_mm(label, 6.0) > end - x - value_width - 1.0
        stop = x + wide if crowded else end
        label, size = shrunk(label, stop - x - value_width - 1.0, 8.0, 5.0)
        drawing.text("measurement-label", x, y, label, size, colour=GREY)
        drawing.text("measurement", stop - value_width, y, value, 9.0, bold=True)
        if limit:
            drawing.text("normal", end + 0.8, y, limit, _NORMAL_PT, colour=GREY)
        y += 4.2


def _rr_range(report: EcgReport, lang: str) -> str:
    shortest, longest = (report.measurements.get(code) for code in ("rr_min_ms", "rr_max_ms"))
    if shortest is None or longest is None:
        return DASH
    return f"{quantity_text('rr_min_ms', shortest, lang).split()[0]}–{quantity_text('rr_max_ms', longest, lang)}"


def _draw_conclusion(drawing: Drawing, report: EcgReport) -> None:
    lang = drawing.lang
    x, width = _CONCLUSION
    _heading(drawing, "conclusion", x)
    bottom = _BODY_END
    checked = [note for note in report.notes if note.code == "rules_checked"]
    if checked:
        # What was looked for belongs to the conclusion: a short list is no proof of a normal heart.
        words = (Run(text=note_words(checked[0], lang), colour=GREY),)
        place = Place(x=x, y=0, width=width, height=2.05 * line_mm(6.2))
        lines, size = fitted([words], place, (6.2, 5.6), more=lambda n: "…")
        bottom -= len(lines) * line_mm(size)
        draw_lines(drawing, "checked", lines, Place(x=x, y=bottom, width=width, height=0), size)
        bottom -= 0.6
    place = Place(x=x, y=_BODY_Y + 3.6, width=width, height=bottom - _BODY_Y - 3.6)
    paragraphs = [statement_paragraph(s, lang, report.stability_n) for s in report.statements]
    if not paragraphs:
        paragraphs = [(Run(text=f"{DASH} {page_text('no_statement', lang)}"),)]
    keep = [s.code in report.urgency.because for s in report.statements] or [True]
    if report.comparison is not None:
        head, changes = comparison_text(report.comparison, lang)
        paragraphs.append((Run(text=f"{head}:", bold=True), Run(text=changes)))
        keep.append(True)
    lines, size = fitted(paragraphs, place, (9.5, 8.8, 8.0, 7.2, 6.6), more=lambda n: _more(n, lang), keep=keep)
    draw_lines(drawing, "statement", lines, place, size)


def _more(n: int, lang: str) -> str:
    return page_text("more", lang, n=n)


def statement_paragraph(statement: Statement, lang: str, readings: int = 0) -> Paragraph:
    """Return a statement as the page says it: its name, certainty and leads, the facts behind it."""
    runs = [Run(text=vocabulary.statement(statement.code).text[lang], bold=True)]
    detail = statement_detail(statement, lang, readings=readings)
    if detail:
        runs.append(Run(text=detail))
    facts = evidence_text(statement.evidence, lang)
    if facts:
        runs.append(Run(text=f"[{facts}]", colour=GREY, scale=0.82))
    return tuple(runs)


def _draw_notes(drawing: Drawing, report: EcgReport) -> None:
    lang = drawing.lang
    x, width = _NOTES
    paragraphs: list[Paragraph] = []
    urgency = report.urgency
    if urgency.repeat_recording:
        reasons = ", ".join(reason_words(code, report, lang) for code in urgency.repeat_recording)
        head = Run(text=f"{page_text('repeat', lang)}:", bold=True, colour=_ALARM)
        paragraphs.append((head, Run(text=reasons, bold=True)))
    if urgency.because:
        reasons = "; ".join(reason_words(code, report, lang) for code in urgency.because)
        paragraphs.append((Run(text=f"{page_text('because', lang)}:", bold=True), Run(text=reasons)))
    advice = [note for note in report.notes if note.code.startswith("advice_")]
    if advice:
        words = "; ".join(note_words(note, lang) for note in advice)
        paragraphs.append((Run(text=f"{page_text('next', lang)}:", bold=True), Run(text=words, bold=True)))
    disputed = [note for note in report.notes if note.stage == "fusion"]
    if disputed:
        words = "; ".join(note_words(note, lang) for note in disputed[:_MOST_DISPUTED])
        paragraphs.append((Run(text=f"{page_text('disagreements', lang)}:", bold=True, colour=_ALARM), Run(text=words)))
    n_kept = len(paragraphs)
    said = {*(note.code for note in (*advice, *disputed)), *urgency.repeat_recording, *urgency.because, "rules_checked"}
    quality = [code for code in report.quality.reasons if code not in said]
    noted = [n for n in report.notes if n.code not in said]
    known = {n.code for n in noted}
    noted = [Note(stage="quality", code=code) for code in quality if code not in known] + noted
    paragraphs += [(Run(text=f"• {words}"),) for words in dict.fromkeys(_noted_words(n, report, lang) for n in noted)]
    paragraphs += [*_scores(report, "scores", lang), *_device(report, lang), *_scores(report, "research_scores", lang)]
    place = Place(x=x, y=_BODY_Y, width=width, height=_BODY_END - _BODY_Y)
    keep = [i < n_kept for i in range(len(paragraphs))]
    lines, size = fitted(paragraphs, place, (7.6, 7.0, 6.4, 5.8), more=lambda n: _more(n, lang), keep=keep)
    draw_lines(drawing, "note", lines, place, size)


def _device(report: EcgReport, lang: str) -> list[Paragraph]:
    """Return what the device itself said, and what it measured of the quantities in our table."""
    said = "; ".join(map(str, report.source.get("statements") or ()))
    values = report.source.get("measurements") or {}
    measured = []
    for key, code in (row for column in _QUANTITIES for row in column):
        if code and values.get(code) is not None:
            label = page_text(key, lang) if key else vocabulary.quantity(code).text[lang]
            measured.append(f"{label} {quantity_text(code, float(values[code]), lang)}")
    return [
        (Run(text=f"{page_text(key, lang)}:", bold=True), Run(text=words, colour=GREY))
        for key, words in (("device_says", said), ("device_measured", ", ".join(measured)))
        if words
    ]


def _noted_words(note: Note, report: EcgReport, lang: str) -> str:
    return note_words(note, lang) if note.facts else reason_words(note.code, report, lang)


def _scores(report: EcgReport, key: str, lang: str) -> list[Paragraph]:
    """Return the scores that count, or in grey those for research, the highest first."""
    kept, colour = {"scores": ("default", "#000000"), "research_scores": ("research", GREY)}[key]
    some = [score for score in report.scores if score.get("report", "research") == kept]
    if not some:
        return []
    some.sort(key=lambda score: -float(score["score"] or 0.0))
    some = [one for i, one in enumerate(some) if i < _LEAST_SCORES or _is_above(one)]
    words = ", ".join(_score(score, lang) for score in some)
    return [(Run(text=f"{page_text(key, lang)}:", bold=True), Run(text=words, colour=colour))]


def _is_above(score: Any) -> bool:
    value, threshold = score.get("score"), score.get("threshold")
    return value is not None and threshold is not None and float(value) >= float(threshold)


def _score(score: Any, lang: str) -> str:
    value = score.get("score")
    words = vocabulary.score_text(str(score.get("label", "")), lang)
    return f"{words} {number(float(value), 2, lang) if value is not None else DASH}".strip()


def draw_signature(drawing: Drawing, y: float) -> None:
    """Draw the lines on which the physician corrects, signs and dates."""
    lang = drawing.lang
    x = LEFT
    for key, end in (("physician_conclusion", 136.0), ("physician", 199.0), ("signature", 248.0), ("date", RIGHT)):
        label = page_text(key, lang)
        drawing.text("sign-label", x, y, label, 8.0)
        begin = x + text_width_mm(label, 8.0) + 1.5
        drawing.rule("sign-line", begin, end, y + 0.6, "#000000", 0.2)
        x = end + 3.0


def draw_footer(
    drawing: Drawing, report: EcgReport, plan: Plan, fs: float, *, asked_gain: float, remarks: list[str], y: float
) -> None:
    """Draw the scale, what is shown and how it was filtered; under it the engine, the file and the page's number."""
    lang = drawing.lang
    scale = f"{page_text('speed', lang, speed=f'{plan.speed:g}')} · {page_text('gain', lang, gain=f'{plan.gain:g}')}"
    drawing.text("scale", LEFT, y, scale, 9.0, bold=True)
    shown = Note(
        stage="report",
        code="shown_part",
        facts={
            "start_s": round(plan.start / fs, 2),
            "stop_s": round(plan.stop / fs, 2),
            "duration": length_text(report.duration_s, lang),
        },
    )
    parts = [note_words(shown, lang)]
    if plan.gain != asked_gain:
        parts.insert(0, page_text("gain_reduced", lang, gain=f"{asked_gain:g}"))
    parts.append(page_text("device_filters", lang, filters=filters_text(report.source.get("filters"), lang)))
    parts.append(page_text("applied", lang, filters=applied_text(report.filters_applied, lang)))
    x = LEFT + text_width_mm(scale, 9.0, bold=True) + 4
    facts, size = shrunk(" · ".join(parts), RIGHT - x, 7.5, 5.8)
    drawing.text("facts", x, y, facts, size)
    y += 3.6
    path = report.source.get("path")
    name = ellipsised(PurePath(str(path)).name, 80, 6.5) if path else DASH
    identity = " · ".join((f"ecg_engine {_engine_version()}", name, page_text("page_number", lang, page=1, pages=1)))
    wide = text_width_mm(identity, 6.5)
    drawing.text("identity", RIGHT - wide, y, identity, 6.5, colour=GREY)
    said, size = shrunk(" · ".join(remarks), RIGHT - LEFT - wide - 6, 7.0, 5.8)
    drawing.text("remarks", LEFT, y, said, size)


def _engine_version() -> str:
    try:
        return version("ecg_engine")
    except PackageNotFoundError:
        return DASH


SIGNATURE_Y: Final = Grid().top + Grid().height + 7.5
FOOTER_Y: Final = SIGNATURE_Y + 5.6
