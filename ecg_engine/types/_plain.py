"""Reports as plain JSON types: the one place where codes meet their texts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from ecg_engine import vocabulary
from ecg_engine.errors import InputError
from ecg_engine.types.marks import MARK_NAMES, LeadMarks

if TYPE_CHECKING:
    from ecg_engine.types.long import LongSummary
    from ecg_engine.types.report import EcgReport, Evidence, LeadQuality, Measurements, Statement

#: Version of the structure; it rises when a key changes its meaning or goes.
SCHEMA_VERSION: Final = "1.0"


def ecg_report_to_dict(report: EcgReport, lang: str) -> dict[str, Any]:
    """Return `report` as ``docs/report.schema.json`` says."""
    if lang not in vocabulary.LANGUAGES:
        raise InputError(f"lang: no texts in {lang!r}; choose {' or '.join(vocabulary.LANGUAGES)}", argument="lang")
    return {
        "schema_version": SCHEMA_VERSION,
        "engine": {"name": "ecg_engine", "version": version("ecg_engine")},
        "lang": lang,
        "recording": {
            "fs": report.fs,
            "leads": list(report.leads),
            "duration_s": report.duration_s,
            "start": report.start,
            "source": dict(report.source),
            "patient": dict(report.patient),
            "filters_applied": list(report.filters_applied),
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
        },
        "measurements": _measurements(report.measurements),
        "statements": [_statement(s, lang) for s in report.statements],
        "scores": [dict(score) for score in report.scores],
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


def _quantities(table: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    return {code: {"value": float(v), "unit": vocabulary.quantity(code).unit} for code, v in table.items()}


def _measurements(m: Measurements) -> dict[str, Any]:
    return {"global": _quantities(m.overall), "by_lead": {lead: _quantities(t) for lead, t in m.by_lead.items()}}


def _evidence(e: Evidence) -> dict[str, Any]:
    cited = vocabulary.source(e.source) if e.source else None
    return {
        "lead": e.lead,
        "measurement": e.measurement,
        "value": float(e.value),
        "unit": vocabulary.quantity(e.measurement).unit,
        "relation": e.relation,
        "threshold": e.threshold,
        "source": None if cited is None else {"key": cited.key, "citation": cited.citation, "doi": cited.doi},
    }


def _statement(s: Statement, lang: str) -> dict[str, Any]:
    term = vocabulary.statement(s.code)
    return {
        "code": s.code,
        "text": term.text[lang],
        "leads": list(s.leads),
        "certainty": s.certainty,
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
