"""Reports as plain JSON types: the one place where codes meet their texts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from ecg_engine import vocabulary
from ecg_engine.errors import InputError
from ecg_engine.types.engine import engine
from ecg_engine.types.marks import ABSENT, MARK_NAMES, LeadMarks

if TYPE_CHECKING:
    from ecg_engine.types.long import LongSummary
    from ecg_engine.types.report import (
        Comparison,
        EcgReport,
        Evidence,
        LeadQuality,
        Measurements,
        MedianBeat,
        Statement,
    )

#: Version of the structure; it rises when a key changes its meaning or goes.
SCHEMA_VERSION: Final = "1.0"


def ecg_report_to_dict(report: EcgReport, lang: str) -> dict[str, Any]:
    """Return `report` as ``docs/report.schema.json`` says."""
    if lang not in vocabulary.LANGUAGES:
        raise InputError(f"lang: no texts in {lang!r}; choose {' or '.join(vocabulary.LANGUAGES)}", argument="lang")
    return {
        "schema_version": SCHEMA_VERSION,
        "engine": engine(),
        "lang": lang,
        "recording": {
            "fs": report.fs,
            "leads": list(report.leads),
            "duration_s": report.duration_s,
            "start": report.start,
            "source": dict(report.source),
            "patient": dict(report.patient),
            "filters_applied": list(report.filters_applied),
            "corrections": None if report.corrections is None else report.corrections.to_dict(),
        },
        "quality": {
            "by_lead": {name: _lead_quality(q) for name, q in report.quality.by_lead.items()},
            "acceptable": report.quality.acceptable,
            "reasons": list(report.quality.reasons),
            "score": _number(report.quality.score),
        },
        "beats": {
            "r_peaks": report.beats.r_peaks.tolist(),
            "kinds": None if report.beats.kinds is None else report.beats.kinds.tolist(),
            "pacing_spikes": report.beats.pacing_spikes.tolist(),
            "marks": None if report.delineation is None else _marks(report.delineation),
            "median": None if report.median_beat is None else _median(report.median_beat),
        },
        "measurements": _measurements(report.measurements, lang),
        "statements": [_statement(s, lang) for s in report.statements],
        "stability_n": report.stability_n,
        "comparison": None if report.comparison is None else _comparison(report.comparison, lang),
        "scores": [{**score, "text": vocabulary.score_text(score["label"], lang)} for score in report.scores],
        "urgency": {
            "level": report.urgency.level,
            "because": list(report.urgency.because),
            "repeat_recording": list(report.urgency.repeat_recording),
        },
        "notes": [
            {
                "stage": n.stage,
                "code": n.code,
                "facts": dict(n.facts),
                "text": vocabulary.note_text(n.code, lang, n.facts),
            }
            for n in report.notes
        ],
        "long": None if report.long is None else _long(report.long),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _lead_quality(q: LeadQuality) -> dict[str, Any]:
    return {
        "usable": q.usable,
        "reasons": list(q.reasons),
        "gap_fraction": q.gap_fraction,
        "flat_fraction": q.flat_fraction,
        "clipped_fraction": q.clipped_fraction,
        "noise_mv": _number(q.noise_mv),
        "wander_mv": _number(q.wander_mv),
        "mains_mv": _number(q.mains_mv),
        "spells": [{"reason": s.reason, "start_s": s.start_s, "stop_s": s.stop_s} for s in q.spells],
    }


def _marks(marks: LeadMarks) -> dict[str, list[int]]:
    return {name: getattr(marks, name).tolist() for name in MARK_NAMES}


def _median(beat: MedianBeat) -> dict[str, Any]:
    """Return how many beats the median beat is of and its marks, ms from R; a mark that is not there is null."""
    at = {name: int(getattr(beat.marks, name)[0]) for name in MARK_NAMES}
    ms = {f"{k}_ms": None if v == ABSENT else round(1000 * (v - beat.r_peak) / beat.fs, 3) for k, v in at.items()}
    return {"n_beats": beat.n_beats, "marks": ms}


def _quantities(table: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    return {code: {"value": float(v), "unit": vocabulary.quantity(code).unit} for code, v in table.items()}


def _measurements(m: Measurements, lang: str) -> dict[str, Any]:
    overall = _quantities(m.overall)
    for code, limits in m.normal.items():
        if code in overall:
            overall[code]["normal"] = list(limits)
    sources = vocabulary.axis_conventions()
    for code, words in m.words.items():
        if code in overall:
            overall[code]["words"] = {
                name: {"code": word, "text": vocabulary.axis_text(word, lang), "source": _cited(sources[name])}
                for name, word in words.items()
            }
    return {"global": overall, "by_lead": {lead: _quantities(t) for lead, t in m.by_lead.items()}}


def _comparison(comparison: Comparison, lang: str) -> dict[str, Any]:
    return {
        "start": comparison.start,
        "changes": [
            {
                "code": c.code,
                "kind": c.kind,
                "lead": c.lead,
                "before": c.before,
                "after": c.after,
                "difference": c.difference,
                "unit": None if c.kind != "measurement" else vocabulary.quantity(c.code).unit,
                "limit": c.limit,
                "beyond_error": c.beyond_error,
                "source": _cited(c.source),
                "age": c.age,
                "text": vocabulary.change_text(c.code, c.kind, lang, difference=c.difference, lead=c.lead, age=c.age),
            }
            for c in comparison.changes
        ],
    }


def _cited(key: str) -> dict[str, Any] | None:
    if not key:
        return None
    cited = vocabulary.source(key)
    return {"key": cited.key, "citation": cited.citation, "doi": cited.doi}


def _evidence(e: Evidence) -> dict[str, Any]:
    return {
        "lead": e.lead,
        "measurement": e.measurement,
        "value": float(e.value),
        "unit": vocabulary.quantity(e.measurement).unit,
        "relation": e.relation,
        "threshold": e.threshold,
        "source": _cited(e.source),
    }


def _statement(s: Statement, lang: str) -> dict[str, Any]:
    term = vocabulary.statement(s.code)
    return {
        "code": s.code,
        "text": term.text[lang],
        "leads": list(s.leads),
        "certainty": s.certainty,
        "age": s.age,
        "stability": s.stability,
        "evidence": [_evidence(e) for e in s.evidence],
        "codes": {"scp": term.scp, "aha": term.aha, "snomed": term.snomed, "minnesota": term.minnesota},
    }


def _long(tables: LongSummary) -> dict[str, Any]:
    v = tables.variability
    return {
        "duration_s": tables.duration_s,
        "analysed_s": tables.analysed_s,
        "counts": dict(tables.counts),
        "burden": {name: float(value) for name, value in tables.burden.items()},
        "extremes": {name: asdict(e) for name, e in tables.extremes.items()},
        "hours": [asdict(hour) for hour in tables.hours],
        "episodes": [asdict(e) for e in tables.episodes],
        "variability": None
        if v is None
        else {
            "n_intervals": v.n_intervals,
            "usable_s": v.usable_s,
            "usable_percent": v.usable_percent,
            "n_segments": v.n_segments,
            "values": _quantities(v.values),
        },
    }
