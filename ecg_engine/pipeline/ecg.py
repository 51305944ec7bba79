"""A recording to a report, and a file to its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from ecg_engine.detection.fibrillation import FastVentricular
from ecg_engine.detection.whole import Seen, see
from ecg_engine.errors import EcgEngineError, InputError
from ecg_engine.interpretation import judge_urgency
from ecg_engine.interpretation.advice import advise
from ecg_engine.interpretation.clinical import clinical_notes
from ecg_engine.interpretation.ecg_comparison import compare_ecg
from ecg_engine.interpretation.fusion import join_scores
from ecg_engine.interpretation.stability import with_stability
from ecg_engine.measurement.long import LONG_S, summarise
from ecg_engine.measurement.scores import ecg_scores
from ecg_engine.pipeline._ecg_context import Judged, judge, slow_bpm, statements_of, ventricular_of, with_tables
from ecg_engine.pipeline._plain import plain_patient
from ecg_engine.pipeline.corrections import correction_notes, known_kinds, with_marks
from ecg_engine.pipeline.previous import read_previous
from ecg_engine.pipeline.stability import count_readings
from ecg_engine.settings import Corrections, DecodeSettings, PatientSettings, check_stability_n
from ecg_engine.types import EcgChange, EcgReport, LongSummary, Note, Outcome, Recording, Statement, Task, Urgency
from ecg_engine.types.corrections import corrected

__all__ = ["analyze_ecg", "decode_file", "with_patient"]


def analyze_ecg(
    recording: Recording,
    previous: EcgReport | Recording | Mapping[str, Any] | None = None,
    corrections: Corrections | Mapping[str, Any] | None = None,
    stability_n: int = 0,
    saliency: bool = False,
) -> EcgReport:
    """Decode one recording: quality, beats, waves, measurements, statements, urgency.

    Parameters
    ----------
    recording : Recording
        One lead or more, of any length. Limb leads that are missing but follow from others are derived.
    previous : EcgReport, mapping or Recording, optional
        An earlier ECG of the patient: its report, what `EcgReport.to_dict` returned, or the recording, which is decoded
        first. What differs beyond measurement error stands in the report's `comparison`.
    corrections : Corrections or mapping, optional
        What a doctor puts right before it is read again; a mapping is the JSON form of `Corrections`.

    stability_n : int
        How many slightly altered readings are made, 0 to 1000: each statement then has the share of them that say it
        again, and is no more certain than that allows. 100 take less than a second.
    saliency : bool
        Whether it is told, and drawn on the page, where each model looked for the highest of its scores that counts.

    Returns
    -------
    EcgReport
        What could not be done is absent, and its `notes` say why.

    Raises
    ------
    InputError
        A correction that cannot be made, an earlier report that is none, or another number of readings.

    Examples
    --------
    >>> import numpy as np
    >>> import ecg_engine as ee
    >>> flat = ee.Recording(signal=np.zeros((1, 5000)), fs=500, leads=("II",))
    >>> analyze_ecg(flat).urgency.level
    'unscored'
    """
    if corrections is not None and not isinstance(corrections, Corrections):
        corrections = Corrections.from_dict(corrections)
    put_right = corrections or Corrections()
    check_stability_n(stability_n)
    recording = corrected(recording, put_right)
    seen = see(recording.signal, fs=recording.fs, leads=recording.leads, kinds=known_kinds(put_right, recording.fs))
    seen = with_marks(seen, put_right, recording.fs)
    ventricular = ventricular_of(recording, seen)
    judged = judge(recording, seen, ventricular=ventricular)
    tables = _long(recording, judged, ventricular.fast)
    judged = with_tables(judged, tables)
    said = statements = statements_of(judged)
    if stability_n:
        counts = count_readings(recording, seen, stability_n, corrections=put_right, tables=tables)
        statements = with_stability(said, counts, stability_n)
    scores, score_notes = ecg_scores(
        recording,
        usable=judged.context.quality.usable_leads,
        unscorable=judged.judged,
        measured=judged.context.measurements.overall,
        saliency=saliency,
    )
    urgency, disputed = _pressing(judged, said, scores)
    report = EcgReport(
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
        urgency=urgency,
        scores=scores,
        notes=(
            *correction_notes(put_right),
            *clinical_notes(judged.context, said),
            *judged.notes,
            *_qtc_notes(judged, said),
            *score_notes,
            *disputed,
            *advise(said, seen.leads),
        ),
        filters_applied=_applied(seen),
        corrections=put_right if put_right else None,
        stability_n=stability_n,
        long=tables,
    )
    if previous is None:
        return report
    comparison, notes = compare_ecg(_plain_previous(previous, recording), report)
    changes = () if comparison is None else comparison.changes
    urgency, _ = _pressing(judged, said, scores, changes)
    return replace(report, comparison=comparison, notes=notes + report.notes, urgency=urgency)


def _pressing(
    judged: Judged,
    said: tuple[Statement, ...],
    scores: Sequence[Mapping[str, Any]],
    changes: Sequence[EcgChange] = (),
) -> tuple[Urgency, tuple[Note, ...]]:
    """Return how soon a doctor should see it, by rules and models, and what these disagree on.

    What altered readings do not say again presses as much: it may be there.
    """
    urgency = judge_urgency(judged.context, said, judged=judged.judged, changes=changes)
    return join_scores(urgency, said, scores, judged=judged.judged, complaint=judged.context.patient.complaint)


def _plain_previous(previous: EcgReport | Recording | Mapping[str, Any], current: Recording) -> Mapping[str, Any]:
    """Return the report of an earlier ECG in plain JSON types."""
    if isinstance(previous, EcgReport):
        return previous.to_dict()
    if not isinstance(previous, Recording):
        return previous
    # Where only one of the files says who it is of, both are read by the same limits.
    known, now = previous.patient, current.patient
    age, sex = known.age_years, known.sex
    patient = replace(known, age_years=now.age_years if age is None else age, sex=now.sex if sex is None else sex)
    return analyze_ecg(replace(previous, patient=patient)).to_dict()


def _long(recording: Recording, judged: Judged, found: FastVentricular | None) -> LongSummary | None:
    """Return the tables of a long recording, None for a short one."""
    if recording.duration_s < LONG_S:
        return None
    context, limits = judged.context, judged.context.limits
    fast = [] if found is None else [(found.start_s, found.start_s + found.duration_s, found.rate_bpm)]
    return summarise(
        context.beats,
        judged.marks,
        context.quality,
        leads=[name for name in context.quality.usable_leads if name in recording.leads],
        fs=recording.fs,
        n_samples=recording.n_samples,
        slow_bpm=slow_bpm(limits),
        fast_bpm=limits.fast_bpm,
        start=recording.start,
        fast_ventricular=fast,
    )


def _qtc_notes(judged: Judged, statements: tuple[Statement, ...]) -> tuple[Note, ...]:
    """Say which RR the QTc of an irregular rhythm takes."""
    context = judged.context
    rr = context.get("rr_ms")
    if rr is None or context.get("qtc_fridericia_ms") is None:
        return ()
    if all(statement.code != "atrial_fibrillation" for statement in statements):
        return ()
    facts = {"rr_ms": round(rr), "n_beats": len(context.beats.r_peaks)}
    return (Note(stage="measurement", code="qtc_in_fibrillation", facts=facts),)


def _applied(seen: Seen) -> tuple[str, ...]:
    """Return what was done to the signal before it was measured."""
    mains = () if seen.mains_hz is None else (f"mains_removed:{seen.mains_hz:g}",)
    return (*mains, "baseline_level" if seen.marks is None else "baseline_removed")


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
        report = analyze_ecg(
            recording,
            previous=None if settings.previous is None else read_previous(settings.previous),
            corrections=settings.corrections,
            stability_n=settings.stability_n,
            saliency=settings.saliency,
        )
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
