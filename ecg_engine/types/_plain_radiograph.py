"""Reports of radiographs as plain JSON types: the one place where their codes meet their texts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ecg_engine import vocabulary
from ecg_engine.errors import InputError
from ecg_engine.types.engine import engine

if TYPE_CHECKING:
    from ecg_engine.types.findings import Change, Finding, Phrase, RadiographReport, StudyReport
    from ecg_engine.types.report import Measurements, Note

#: Version of the structure; it rises when a key changes its meaning or goes.
STUDY_SCHEMA_VERSION: Final = "1.0"


def radiograph_report_to_dict(report: RadiographReport, lang: str) -> dict[str, Any]:
    """Return `report` as ``docs/radiograph.schema.json`` says."""
    _check_lang(lang)
    return {
        "schema_version": STUDY_SCHEMA_VERSION,
        "engine": engine(),
        "lang": lang,
        "patient": dict(report.patient),
        **_image(report, lang),
    }


def study_report_to_dict(report: StudyReport, lang: str) -> dict[str, Any]:
    """Return `report` as ``docs/study.schema.json`` says."""
    _check_lang(lang)
    return {
        "schema_version": STUDY_SCHEMA_VERSION,
        "engine": engine(),
        "lang": lang,
        "study": dict(report.study),
        "patient": dict(report.patient),
        "images": [_image(image, lang) for image in report.images],
        "findings": [_finding(finding, lang) for finding in report.findings],
        "urgency": {"level": report.urgency.level, "because": list(report.urgency.because)},
        "priority": report.priority,
        "changes": [_change(change, lang) for change in report.changes],
        "previous": None if report.previous is None else dict(report.previous),
        "draft": {
            "description": _text(report.phrases, "description", lang),
            "conclusion": _text(report.phrases, "conclusion", lang),
            "status": vocabulary.phrase_text("status", lang),
        },
        "notes": [_note(note, lang) for note in report.notes],
    }


def _check_lang(lang: str) -> None:
    if lang not in vocabulary.LANGUAGES:
        raise InputError(f"lang: no texts in {lang!r}; choose {' or '.join(vocabulary.LANGUAGES)}", argument="lang")


def _image(report: RadiographReport, lang: str) -> dict[str, Any]:
    gate = report.gate
    return {
        "image": dict(report.image),
        "gate": {
            "accepted": gate.accepted,
            "reasons": list(gate.reasons),
            "view": gate.view,
            "view_source": gate.view_source,
            "child": gate.child,
            "body_part": gate.body_part,
            "turned_deg": gate.turned_deg,
            "inverted": gate.inverted,
            "probabilities": {name: float(p) for name, p in gate.probabilities.items()},
        },
        "quality": {"acceptable": report.quality.acceptable, "reasons": list(report.quality.reasons)},
        "measurements": {"global": _measurements(report.measurements)},
        "findings": [_finding(finding, lang) for finding in report.findings],
        "urgency": {"level": report.urgency.level, "because": list(report.urgency.because)},
        "notes": [_note(note, lang) for note in report.notes],
    }


def _measurements(measured: Measurements) -> dict[str, dict[str, Any]]:
    return {
        code: {"value": float(value), "unit": vocabulary.quantity(code).unit}
        for code, value in measured.overall.items()
        if math.isfinite(value)
    }


def _finding(finding: Finding, lang: str) -> dict[str, Any]:
    return {
        "code": finding.code,
        "text": vocabulary.finding(finding.code).text[lang],
        "score": float(finding.score),
        "threshold": float(finding.threshold),
        "seen": bool(finding.seen),
        "model": finding.model,
        "model_sha256": finding.model_sha256,
        "region": None if finding.region is None else [int(side) for side in finding.region],
        "report": finding.report,
    }


def _change(change: Change, lang: str) -> dict[str, Any]:
    is_finding = change.kind == "finding"
    term = vocabulary.finding(change.code) if is_finding else vocabulary.quantity(change.code)
    return {
        "code": change.code,
        "text": term.text[lang],
        "kind": change.kind,
        "before": float(change.before),
        "after": float(change.after),
        "beyond_error": bool(change.beyond_error),
    }


def _note(note: Note, lang: str) -> dict[str, Any]:
    return {
        "stage": note.stage,
        "code": note.code,
        "facts": dict(note.facts),
        "text": vocabulary.note_text(note.code, lang, note.facts),
    }


def _text(phrases: Iterable[Phrase], section: str, lang: str) -> str:
    """Return the sentences of a section; those that the vocabulary says so start a line."""
    text = ""
    for phrase in phrases:
        if phrase.section == section:
            between = "\n" if vocabulary.phrase_starts_line(phrase.code) else " "
            text += (between if text else "") + vocabulary.phrase_text(phrase.code, lang, phrase.facts)
    return text
