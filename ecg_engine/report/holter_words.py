"""What the pages of a long recording say: times of day, lines of the summary, figures of variability."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ecg_engine import vocabulary
from ecg_engine.report.words import DASH, number
from ecg_engine.types import EcgReport
from ecg_engine.types.long import Episode, LongSummary
from ecg_engine.vocabulary import holter_text, page_text

__all__ = ["clock", "kind_text", "span_text", "summary_lines", "variability_note", "variability_rows"]

_DAY_S: Final = 86400.0
#: Kinds that the line of ventricular, and of supraventricular, beats is followed by.
_VENTRICULAR: Final = ("ventricular_couplet", "bigeminy", "trigeminy")
_VARIABILITY: Final = (
    ("mean_nn_ms", "sdnn_ms", "sdann_ms", "sdnn_index_ms", "rmssd_ms", "pnn50_percent", "hrv_triangular_index"),
    ("vlf_power_ms2", "lf_power_ms2", "hf_power_ms2", "lf_hf_ratio"),
    ("sd1_ms", "sd2_ms", "sample_entropy", "dfa_alpha1"),
)


def clock(report: EcgReport, seconds: float, lang: str, *, short: bool = False) -> str:
    """Return the time of day of a moment of the recording, with its day where there are several.

    Where the begin is unknown it is the time since then. `short` leaves out the seconds.
    """
    begin = None
    if report.start:
        try:
            begin = datetime.fromisoformat(str(report.start)).replace(tzinfo=None)
        except ValueError:
            begin = None
    moment = (begin or datetime(2000, 1, 1)) + timedelta(seconds=round(seconds))
    if begin is None:
        hours = int(round(seconds) // 3600)
        return f"{hours}:{moment:%M}" if short else f"{hours}:{moment:%M:%S}"
    text = f"{moment:%H:%M}" if short else f"{moment:%H:%M:%S}"
    if report.duration_s <= _DAY_S:
        return text
    day = (moment.date() - begin.date()).days + 1
    return f"{holter_text('day', lang, n=day)} {text}"


def span_text(seconds: float, lang: str) -> str:
    """Return a length in words: seconds below a minute, hours, minutes and seconds above.

    Examples
    --------
    >>> span_text(7.5, "en"), span_text(7.54, "ru"), span_text(3725.0, "en")
    ('7.5 s', '7,5 с', '1:02:05')
    """
    if seconds < 60:
        return f"{number(seconds, 1, lang)} {page_text('unit_s', lang)}"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def kind_text(kind: str, lang: str) -> str:
    """Return the name of a kind of episode."""
    return holter_text(f"kind_{kind}", lang)


def summary_lines(report: EcgReport, lang: str) -> list[str]:
    """Return the lines that sum up a long recording, in the order of a Holter conclusion."""
    tables = report.long
    assert tables is not None
    lines = [
        holter_text(
            "line_length",
            lang,
            length=span_text(tables.duration_s, lang),
            analysed=span_text(tables.analysed_s, lang),
            percent=number(100 * tables.analysed_s / tables.duration_s, 1, lang),
        )
    ]
    if not tables.counts["beats"]:
        return lines
    lines += _rate(report, tables, lang)
    lines += _counted(report, tables, "ventricular", _VENTRICULAR, "ventricular_run", lang)
    lines += [_run(report, tables, kind, lang) for kind in ("idioventricular_run", "fast_ventricular")]
    lines += _counted(report, tables, "supraventricular", ("supraventricular_couplet",), "supraventricular_run", lang)
    lines.append(_fibrillation(report, tables, lang))
    lines.append(_pauses(report, tables, lang))
    lines += [_outside(report, tables, kind, lang) for kind in ("bradycardia", "tachycardia")]
    if tables.counts["paced"]:
        percent = number(tables.burden["paced_percent"], 1, lang)
        lines.append(holter_text("line_paced", lang, n=tables.counts["paced"], percent=percent))
    return [line for line in lines if line]


def _at(report: EcgReport, seconds: float, lang: str) -> str:
    return clock(report, seconds, lang)


def _rate(report: EcgReport, tables: LongSummary, lang: str) -> list[str]:
    least, most = tables.extremes.get("rate_min_bpm"), tables.extremes.get("rate_max_bpm")
    mean = report.measurements.get("heart_rate_bpm")
    if least is None or most is None or mean is None:
        return []
    line = holter_text(
        "line_rate",
        lang,
        mean=number(mean, 0, lang),
        least=number(least.value, 0, lang),
        least_at=_at(report, least.at_s, lang),
        most=number(most.value, 0, lang),
        most_at=_at(report, most.at_s, lang),
        beats=tables.counts["beats"],
    )
    return [line]


def _counted(
    report: EcgReport, tables: LongSummary, name: str, kinds: tuple[str, ...], run: str, lang: str
) -> list[str]:
    """Return the line of a class of premature beats and those of its couplets and runs."""
    n = tables.counts[name]
    if not n:
        return [holter_text(f"line_none_{name}", lang)]
    hours = max(tables.analysed_s, 60.0) / 3600
    line = holter_text(
        f"line_{name}",
        lang,
        n=n,
        percent=number(tables.burden[f"{name}_percent"], 2 if tables.burden[f"{name}_percent"] < 1 else 1, lang),
        per_hour=number(n / hours, 1 if n / hours < 10 else 0, lang),
    )
    counted = [
        holter_text("line_kind", lang, kind=kind_text(kind, lang), n=tables.counts[kind])
        for kind in kinds
        if tables.counts.get(kind)
    ]
    runs = _run(report, tables, run, lang)
    return [line, *([", ".join(counted)] if counted else []), *([runs] if runs else [])]


def _run(report: EcgReport, tables: LongSummary, kind: str, lang: str) -> str:
    episodes = tables.of_kind(kind)
    if not episodes:
        return ""
    longest = max(episodes, key=lambda e: (e.n_beats, e.rate_bpm or 0.0))
    return holter_text(
        "line_run",
        lang,
        kind=kind_text(kind, lang),
        n=len(episodes),
        beats=longest.n_beats,
        rate=DASH if longest.rate_bpm is None else number(longest.rate_bpm, 0, lang),
        at=_at(report, longest.start_s, lang),
    )


def _longest(report: EcgReport, episodes: tuple[Episode, ...], lang: str) -> dict[str, object]:
    longest = max(episodes, key=lambda e: e.duration_s)
    return {
        "n": len(episodes),
        "total": span_text(sum(e.duration_s for e in episodes), lang),
        "longest": span_text(longest.duration_s, lang),
        "at": _at(report, longest.start_s, lang),
    }


def _fibrillation(report: EcgReport, tables: LongSummary, lang: str) -> str:
    episodes = tables.of_kind("atrial_fibrillation")
    if not episodes:
        return holter_text("line_no_fibrillation", lang)
    percent = number(tables.burden["atrial_fibrillation_percent"], 1, lang)
    return holter_text("line_fibrillation", lang, percent=percent, **_longest(report, episodes, lang))


def _pauses(report: EcgReport, tables: LongSummary, lang: str) -> str:
    n_long = tables.counts.get("pause_3s", 0)
    n = n_long + tables.counts.get("pause_2s", 0)
    longest = tables.extremes.get("rr_max_s")
    if longest is None:
        return ""
    if not n:
        facts = {"longest": number(min(longest.value, 1.99), 2, lang), "at": _at(report, longest.at_s, lang)}
        return holter_text("line_no_pause", lang, **facts) if longest.value < 2 else ""
    pause = max((*tables.of_kind("pause_2s"), *tables.of_kind("pause_3s")), key=lambda e: e.duration_s)
    facts = {"longest": number(pause.duration_s, 1, lang), "at": _at(report, pause.start_s, lang)}
    return holter_text("line_pauses", lang, n=n, n_long=n_long, **facts)


def _outside(report: EcgReport, tables: LongSummary, kind: str, lang: str) -> str:
    episodes = tables.of_kind(kind)
    if not episodes:
        return ""
    return holter_text("line_rate_episode", lang, kind=kind_text(kind, lang), **_longest(report, episodes, lang))


def variability_rows(tables: LongSummary, lang: str) -> list[list[tuple[str, str]]]:
    """Return the columns of the figures of variability: name, value with its unit. Intervals stay in ms."""
    if tables.variability is None:
        return []
    columns = []
    for codes in _VARIABILITY:
        column = []
        for code in codes:
            value = tables.variability.values.get(code)
            term = vocabulary.quantity(code)
            unit = {"ms": page_text("unit_ms", lang), "ms2": holter_text("unit_ms2", lang), "%": "%"}.get(term.unit, "")
            text = DASH if value is None else f"{number(value, term.decimals, lang)} {unit}".strip()
            column.append((term.text[lang], text))
        columns.append(column)
    return columns


def variability_note(tables: LongSummary, lang: str) -> str:
    """Return how much of the time the figures of variability rest on."""
    v = tables.variability
    if v is None:
        return holter_text("no_variability", lang)
    facts = {"percent": number(v.usable_percent, 0, lang), "n": v.n_intervals}
    if not v.n_segments:
        return holter_text("variability_brief", lang, **facts)
    return holter_text("variability_of", lang, segments=v.n_segments, **facts)
