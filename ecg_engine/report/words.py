"""How the page says things: numbers, ages, dates, evidence, reasons, in the language of the page.

A Russian page writes intervals in seconds with a decimal comma, as Russian conclusions do; an English one in ms.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final

from ecg_engine import vocabulary
from ecg_engine.errors import InputError
from ecg_engine.types import Comparison, EcgReport, Evidence, Note, Statement
from ecg_engine.vocabulary import page_text

__all__ = [
    "DASH",
    "age_text",
    "comparison_text",
    "date_text",
    "day_text",
    "evidence_text",
    "fact_text",
    "filters_text",
    "length_text",
    "normal_text",
    "note_words",
    "number",
    "quantity_text",
    "reason_words",
]

DASH: Final = "—"
_RELATIONS: Final = {">=": "≥", "<=": "≤"}
_HOLDS: Final = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
_DECIMAL_POINT: Final = re.compile(r"(?<=\d)\.(?=\d)")


def number(value: float, decimals: int, lang: str) -> str:
    """Return a number with a true minus sign and the decimal mark of the language; a dash where there is none."""
    if not math.isfinite(value):
        return DASH
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return _localised(text.replace("-", "−"), lang)


def _localised(text: str, lang: str) -> str:
    return _DECIMAL_POINT.sub(",", text) if lang == "ru" else text


def _scaled(code: str, lang: str) -> tuple[float, str, int]:
    """Return the factor, the unit's word and the decimals with which the page gives a quantity."""
    term = vocabulary.quantity(code)
    if term.unit == "ms" and lang == "ru":
        return 1e-3, page_text("unit_s", lang), 2
    return 1.0, vocabulary.unit_text(term.unit, lang), term.decimals


def _with_unit(text: str, unit: str) -> str:
    return text + unit if unit in ("°", "") or text == DASH else f"{text} {unit}"


def quantity_text(code: str, value: float | None, lang: str) -> str:
    """Return a measured quantity with its unit, or a dash where it could not be measured."""
    if value is None or not math.isfinite(value):
        return DASH
    factor, unit, decimals = _scaled(code, lang)
    return _with_unit(number(value * factor, decimals, lang), unit)


def normal_text(code: str, limits: tuple[float | None, float | None] | None, lang: str) -> str:
    """Return normal limits without their unit, in the scale of `quantity_text`; empty where there are none.

    Examples
    --------
    >>> normal_text("pr_ms", (120.0, 200.0), "en"), normal_text("qtc_fridericia_ms", (None, 450.0), "ru")
    ('120–200', '≤0,45')
    """
    if limits is None or limits == (None, None):
        return ""
    factor, _, decimals = _scaled(code, lang)
    low, high = (None if limit is None else number(limit * factor, decimals, lang) for limit in limits)
    if low is None:
        return f"≤{high}"
    # A range that begins below zero would read as a row of dashes.
    return f"≥{low}" if high is None else f"{low}{'…' if low.startswith('−') else '–'}{high}"


def evidence_text(evidence: Iterable[Evidence], lang: str) -> str:
    """Return the facts behind a statement in short; the leads of one measurement and threshold stand together."""
    groups: dict[tuple[Any, ...], list[Evidence]] = {}
    for e in evidence:
        groups.setdefault((e.measurement, e.relation, e.threshold), []).append(e)
    return "; ".join(_fact(group, lang) for group in groups.values())


def fact_text(evidence: Evidence, lang: str) -> str:
    """Return the value of one fact with its unit, as finely as `evidence_text` gives it."""
    factor, unit, decimals = _fine(evidence.measurement, lang)
    return _with_unit(_told(evidence, factor, decimals, lang), unit)


def _fine(code: str, lang: str) -> tuple[float, str, int]:
    factor, unit, decimals = _scaled(code, lang)
    if unit == page_text("unit_s", lang) and factor != 1.0:
        decimals = 3  # a QRS of 0.118 s beside a limit of 0.12 s must not read as 0.12
    if unit == page_text("unit_mv", lang):
        decimals = 2
    return factor, unit, decimals


def _told(evidence: Evidence, factor: float, decimals: int, lang: str) -> str:
    """Return a value as finely as its relation to the threshold asks: 59.8 that is below 60 must not read as 60."""
    value = evidence.value * factor
    relation, limit = _HOLDS.get(evidence.relation or ""), evidence.threshold
    if relation is not None and limit is not None and relation(value, limit * factor):
        decimals = next(
            (n for n in range(decimals, decimals + 3) if relation(round(value, n), limit * factor)), decimals + 3
        )
    return number(value, decimals, lang)


def _fact(group: list[Evidence], lang: str) -> str:
    first = group[0]
    factor, unit, decimals = _fine(first.measurement, lang)
    values = " / ".join(f"{e.lead or ''} {_told(e, factor, decimals, lang)}".strip() for e in group)
    words = f"{vocabulary.quantity(first.measurement).text[lang]} {_with_unit(values, unit)}"
    if first.threshold is None:
        return words
    limit = _localised(f"{first.threshold * factor:.4g}".replace("-", "−"), lang)
    return f"{words} {_RELATIONS.get(first.relation or '', first.relation or '')} {limit}"


def age_text(years: float | None, lang: str) -> str:
    """Return an age in words: months below three years."""
    if years is None or not math.isfinite(years):
        return DASH
    if years < 3:
        return page_text("months", lang, n=int(years * 12 + 1e-9))
    n = int(years)
    if n % 10 == 1 and n % 100 != 11:
        return page_text("years_one", lang, n=n)
    if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14:
        return page_text("years_few", lang, n=n)
    return page_text("years_many", lang, n=n)


def day_text(day: Any, lang: str) -> str:
    """Return a day (a date or its ISO text) as the language writes it, other text as it is, a dash for nothing."""
    if not day:
        return DASH
    try:
        parsed = day if isinstance(day, date) else date.fromisoformat(str(day)[:10])
    except ValueError:
        return str(day)
    return f"{parsed:%d.%m.%Y}" if lang == "ru" else f"{parsed:%Y-%m-%d}"


def date_text(start: Any, lang: str) -> str:
    """Return a moment (a datetime or its ISO text) to the second."""
    if not start:
        return DASH
    try:
        moment = start if isinstance(start, datetime) else datetime.fromisoformat(str(start))
    except ValueError:
        return str(start)
    return f"{day_text(moment.date(), lang)} {moment:%H:%M:%S}"


def length_text(seconds: float, lang: str) -> str:
    """Return a length: in seconds, from ten minutes on as hours, minutes and seconds.

    Examples
    --------
    >>> length_text(10.004, "en"), length_text(1805.56, "ru"), length_text(86400.0, "en")
    ('10 s', '0:30:06', '24:00:00')
    """
    if seconds < 600:
        return f"{round(seconds, 2):g} {page_text('unit_s', lang)}"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def note_words(note: Note, lang: str) -> str:
    """Return a note's text; its code where the vocabulary lacks it, so that nothing is hidden."""
    try:
        text = _localised(vocabulary.note_text(note.code, lang, note.facts), lang)
    except InputError:
        return note.code
    # The dot of a version is no decimal mark.
    model = str(note.facts.get("model", ""))
    return text.replace(_localised(model, lang), model) if model else text


def reason_words(code: str, report: EcgReport, lang: str) -> str:
    """Return the words of a reason: a statement's, a note's (with the facts of the report's own note), or its code."""
    if code in vocabulary.statements():
        return vocabulary.statement(code).text[lang]
    for note in report.notes:
        if note.code == code:
            return note_words(note, lang)
    if code in vocabulary.quantities():
        return f"{vocabulary.quantity(code).text[lang]} {quantity_text(code, report.measurements.get(code), lang)}"
    return note_words(Note(stage="report", code=code), lang)


def comparison_text(comparison: Comparison, lang: str) -> tuple[str, str]:
    """Return what the recording is compared with, and what differs beyond measurement error."""
    head = page_text("compared_undated", lang)
    if comparison.start:
        head = page_text("compared", lang, start=date_text(comparison.start, lang))
    words = [
        vocabulary.change_text(c.code, c.kind, lang, difference=c.difference, lead=c.lead, age=c.age)
        for c in comparison.changes
        if c.beyond_error
    ]
    return head, "; ".join(words) or page_text("no_change", lang)


def statement_detail(statement: Statement, lang: str, *, readings: int = 0) -> str:
    """Return what follows a statement's name: leads, age, certainty, how many of so many altered readings say it."""
    parts = []
    if statement.leads:
        parts.append(page_text("in_leads", lang, leads=", ".join(statement.leads)))
    marks = []
    if statement.age is not None:
        marks.append(page_text(f"age_{statement.age}", lang))
    if statement.certainty != "definite":
        known = statement.certainty in ("probable", "possible")
        marks.append(page_text(statement.certainty, lang) if known else statement.certainty)
    if statement.stability is not None and readings:
        said = round(statement.stability * readings)
        marks.append(page_text("stability", lang, said=said, n=readings))
    if marks:
        parts.append(f"({', '.join(marks)})")
    return " ".join(parts)


def _hz(value: float, lang: str) -> str:
    return _localised(f"{value:g}", lang)


def filters_text(filters: Any, lang: str) -> str:
    """Return the filters that the device had applied, or that they are unknown."""
    if not isinstance(filters, Mapping):
        return page_text("unknown", lang)
    low, high, notch = (filters.get(key) for key in ("highpass_hz", "lowpass_hz", "notch_hz"))
    parts = []
    if low is not None and high is not None:
        parts.append(page_text("band", lang, low=_hz(low, lang), high=_hz(high, lang)))
    elif low is not None:
        parts.append(page_text("highpass", lang, hz=_hz(low, lang)))
    elif high is not None:
        parts.append(page_text("lowpass", lang, hz=_hz(high, lang)))
    if notch is not None:
        parts.append(page_text("notch", lang, hz=_hz(notch, lang)))
    return ", ".join(parts) or page_text("unknown", lang)


def applied_text(codes: Iterable[str], lang: str) -> str:
    """Return what the engine did to the trace before it was measured and drawn."""
    words = []
    for code in codes:
        name, _, value = code.partition(":")
        facts = {}
        if value:
            try:
                facts = {"mains_hz": float(value)}
            except ValueError:
                name = code
        words.append(note_words(Note(stage="report", code=name, facts=facts), lang))
    return ", ".join(words) or page_text("none", lang)
