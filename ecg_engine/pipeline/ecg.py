"""A recording to a report, and a file to its results."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from typing import Any

from ecg_engine.detection.whole import Seen, see
from ecg_engine.errors import EcgEngineError, InputError
from ecg_engine.interpretation import judge_urgency
from ecg_engine.pipeline._ecg_context import judge, statements_of
from ecg_engine.pipeline._plain import plain_patient
from ecg_engine.settings import DecodeSettings, PatientSettings
from ecg_engine.types import EcgReport, Outcome, Recording, Task

__all__ = ["analyze_ecg", "decode_file", "with_patient"]


def analyze_ecg(recording: Recording) -> EcgReport:
    """Decode one recording: quality, beats, waves, measurements, statements, urgency.

    Parameters
    ----------
    recording : Recording
        One lead or more, of any length. Limb leads that are missing but follow from others are derived.

    Returns
    -------
    EcgReport
        What could not be done is absent, and its `notes` say why.

    Examples
    --------
    >>> import numpy as np
    >>> import ecg_engine as ee
    >>> flat = ee.Recording(signal=np.zeros((1, 5000)), fs=500, leads=("II",))
    >>> analyze_ecg(flat).urgency.level
    'unscored'
    """
    seen = see(recording.signal, fs=recording.fs, leads=recording.leads)
    applied = [f"mains_removed:{seen.mains_hz:g}"] if seen.mains_hz is not None else []
    applied.append("baseline_level" if seen.marks is None else "baseline_removed")
    return _report(recording, seen, tuple(applied))


def _report(recording: Recording, seen: Seen, applied: tuple[str, ...]) -> EcgReport:
    judged = judge(recording, seen)
    statements = statements_of(judged)
    return EcgReport(
        fs=recording.fs,
        leads=recording.leads,
        duration_s=recording.duration_s,
        start=None if recording.start is None else recording.start.isoformat(),
        source=_plain_source(recording),
        patient=plain_patient(recording.patient),
        quality=judged.context.quality,
        beats=seen.beats,
        delineation=judged.marks,
        median_beat=seen.beat,
        measurements=judged.context.measurements,
        statements=statements,
        urgency=judge_urgency(judged.context, statements, judged=judged.judged),
        notes=judged.notes,
        filters_applied=applied,
    )


def _plain_source(recording: Recording) -> dict[str, Any]:
    s = recording.source
    return {
        "path": s.path,
        "format": s.format,
        "device": s.device,
        "filters": None if s.filters is None else asdict(s.filters),
        "lsb_mv": None if s.lsb_mv is None else [float(v) for v in s.lsb_mv],
        "measurements": {k: float(v) for k, v in s.measurements.items()},
        "statements": list(s.statements),
    }


def with_patient(recording: Recording, said: PatientSettings) -> Recording:
    """Return `recording` with what the sender says of the patient put over what the file says.

    Raises
    ------
    InputError
        The birth date is no date, or a value is outside its range.
    """
    values: dict[str, Any] = {k: v for k, v in asdict(said).items() if v is not None and v != ()}
    if "birth_date" in values:
        try:
            values["birth_date"] = date.fromisoformat(values["birth_date"])
        except ValueError:
            raise InputError("birth_date: give it as YYYY-MM-DD", argument="birth_date") from None
    return replace(recording, patient=replace(recording.patient, **values)) if values else recording


def decode_file(task: Task) -> Outcome:
    """Read a file, decode it, draw what the settings ask for.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Outcome
        Never raises for a bad file: `Outcome.error` says what, where and how to mend.
    """
    from ecg_engine.formats import read_ecg

    settings = task.settings
    try:
        recording = read_ecg(task.path, format=settings.input_format, fs=settings.fs, leads=settings.leads or None)
        recording = with_patient(recording, settings.patient)
        report = analyze_ecg(recording)
        files = _drawn(report, recording, settings)
    except EcgEngineError as exc:
        return Outcome(path=task.path, error=str(exc), error_kind=type(exc).__name__)
    return Outcome(path=task.path, report=report.to_dict(settings.lang), files=files)


def _drawn(report: EcgReport, recording: Recording, settings: DecodeSettings) -> dict[str, bytes]:
    from ecg_engine.report import render_bytes, report_json

    files = {}
    for name in settings.formats:
        if name == "json":
            files[name] = report_json(report, settings.lang)
        else:
            files[name] = render_bytes(report, recording, name, lang=settings.lang, settings=settings.page)
    return files
