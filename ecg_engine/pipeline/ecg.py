"""A recording to a report, and a file to its results."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from typing import Any, Final

import numpy as np

from ecg_engine.detection.fibrillation import FastVentricular, find_fast_ventricular, longest_ventricular_run
from ecg_engine.detection.parameters import EPISODES
from ecg_engine.detection.whole import Seen, see
from ecg_engine.errors import EcgEngineError, InputError
from ecg_engine.interpretation import Context, interpret, judge_urgency
from ecg_engine.interpretation.limits import Limits, limits_for
from ecg_engine.interpretation.ventricular import RUN_BPM
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.measurement import measure_electrodes, measure_global, measure_leads
from ecg_engine.measurement.global_measures import P_COHERENCE_PERCENT
from ecg_engine.measurement.long import LONG_S, summarise
from ecg_engine.pipeline._plain import plain_patient
from ecg_engine.settings import DecodeSettings, PatientSettings
from ecg_engine.types import (
    ABSENT,
    Beats,
    Delineation,
    EcgReport,
    LongSummary,
    Measurements,
    Note,
    Outcome,
    Quality,
    Recording,
    Task,
)

__all__ = ["analyze_ecg", "decode_file", "with_patient"]

#: Shorter than this no rhythm is named and nothing is judged, s.
MIN_DURATION_S: Final = 2.0
#: Slower sampling shows neither width nor height of a QRS, Hz: its marks would be a fifth of it off, and of the 150 Hz
#: that a diagnostic ECG needs (AHA/ACC/HRS 2007, part I) less than a third would be left.
MIN_FS_HZ: Final = 100.0
#: A QRS or wave above it is no heart's: the unit is wrong, mV. The largest QRS of a thin child stays below 10 mV.
MAX_QRS_MV: Final = 20.0
#: A QRS below it is no heart's, ms: that of a newborn lasts 50.
MIN_QRS_MS: Final = 30.0
#: The highest high-pass corner that leaves ST as it was, Hz (AHA/ACC/HRS 2007, part I,
#: doi:10.1161/CIRCULATIONAHA.106.180200).
MAX_ST_HIGHPASS_HZ: Final = 0.05


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
    notes: list[Note] = []
    leads, quality, beats, marks, beat = seen.leads, seen.quality, seen.beats, seen.marks, seen.beat
    usable = quality.usable_leads
    st = _st_kept(recording, notes)
    overall = measure_global(
        fs=recording.fs, leads=leads, beats=beats, marks=marks, beat=beat, usable=usable, n_samples=recording.n_samples
    )
    if marks is not None and overall.get("p_coherence_percent", 100.0) < P_COHERENCE_PERCENT:
        marks = _without_p(marks)
    by_lead = measure_leads(beat, leads=leads, usable=usable, has_p="pr_ms" in overall, st=st)
    swaps, swaps_by_lead = measure_electrodes(beat, leads=leads, usable=usable, has_p="pr_ms" in overall)
    judged = _cannot_judge(recording, quality, beats)
    alike = seen.alike and overall.get("qrs_ms", MIN_QRS_MS) >= MIN_QRS_MS
    if not alike:
        _keep_rates(overall)
        by_lead.clear()
        judged += ("beats_unlike",)
    else:
        overall.update(swaps)
        for name, values in swaps_by_lead.items():
            by_lead.setdefault(name, {}).update(values)
    if recording.fs < MIN_FS_HZ:
        _too_slow(recording, overall, by_lead, notes)
        judged += ("rate_too_low",)
    if not _plausible(by_lead, notes):
        quality = _without_voltages(quality)
        judged += ("unit_implausible",)
    if seen.dead_s:
        notes.append(Note(stage="detection", code="no_signal_for", facts={"seconds": round(seen.dead_s, 1)}))
    found = _fast_ventricular(recording, quality, beats)
    overall.update(_ventricular(recording, beats, found))
    measurements = Measurements(overall=overall, by_lead=by_lead)
    limits = limits_for(recording.patient.age_years, recording.patient.sex)
    context = Context(
        measurements=measurements,
        quality=quality,
        beats=beats,
        patient=recording.patient,
        limits=limits,
        leads=leads,
        n_beats_in_median=0 if beat is None else beat.n_beats,
        duration_s=recording.duration_s,
        st_certain=recording.source.filters is not None and recording.source.filters.highpass_hz is not None,
    )
    statements = interpret(context) if "too_short" not in judged else ()
    if not alike:
        # The intervals between what may be noise prove no rhythm; a high rate and a long silence still press.
        statements = tuple(s for s in statements if s.code != "atrial_fibrillation")
    _add_notes(notes, context, judged)
    return EcgReport(
        fs=recording.fs,
        leads=recording.leads,
        duration_s=recording.duration_s,
        start=None if recording.start is None else recording.start.isoformat(),
        source=_plain_source(recording),
        patient=plain_patient(recording.patient),
        quality=quality,
        beats=beats,
        delineation=marks,
        median_beat=beat,
        measurements=measurements,
        statements=statements,
        urgency=judge_urgency(context, statements, judged=judged),
        notes=tuple(notes),
        filters_applied=applied,
        long=_long(recording, quality, beats, marks, limits, found),
    )


def _long(
    recording: Recording,
    quality: Quality,
    beats: Beats,
    marks: Delineation | None,
    limits: Limits,
    found: FastVentricular | None,
) -> LongSummary | None:
    """Return the tables of a long recording, None for a short one."""
    if recording.duration_s < LONG_S:
        return None
    fast = [] if found is None else [(found.start_s, found.start_s + found.duration_s, found.rate_bpm)]
    return summarise(
        beats,
        marks,
        quality,
        leads=[name for name in quality.usable_leads if name in recording.leads],
        fs=recording.fs,
        n_samples=recording.n_samples,
        slow_bpm=EPISODES.slow_bpm if limits.adult else limits.slow_bpm,
        fast_bpm=limits.fast_bpm,
        start=recording.start,
        fast_ventricular=fast,
    )


def _fast_ventricular(recording: Recording, quality: Quality, beats: Beats) -> FastVentricular | None:
    on = np.array([not {"flat", "missing"} & set(quality.by_lead[name].reasons) for name in recording.leads])
    return find_fast_ventricular(recording.signal, fs=recording.fs, beats=beats, leads=on)


def _ventricular(recording: Recording, beats: Beats, found: FastVentricular | None) -> dict[str, float]:
    """Return what the leads and the classes of the beats say of a fast rhythm of the ventricles."""
    out: dict[str, float] = {}
    if found is not None:
        out |= {
            "fast_ventricular_percent": 100 * found.likelihood,
            "fast_ventricular_s": found.duration_s,
            "fast_ventricular_bpm": found.rate_bpm,
            "ventricular_evenness_percent": 100 * found.evenness,
            "vf_leakage_percent": 100 * found.leakage,
        }
        if found.usual_beat is not None:
            out["usual_beat_percent"] = 100 * found.usual_beat
    n_beats, bpm = longest_ventricular_run(beats, fs=recording.fs, least_bpm=RUN_BPM)
    if n_beats >= 2:
        out |= {"ventricular_run_beats": float(n_beats), "ventricular_run_bpm": bpm}
    return out


def _without_p(marks: Delineation) -> Delineation:
    """Return the marks without P waves: what differs from beat to beat is no P wave, however it looks in one beat."""
    none = np.full(len(marks.qrs_onset), ABSENT, np.int64)
    blank = dict.fromkeys(("p_onset", "p_peak", "p_offset"), none)
    return replace(marks, **blank, by_lead=tuple(replace(one, **blank) for one in marks.by_lead))


def _st_kept(recording: Recording, notes: list[Note]) -> bool:
    """Return whether the source's filters leave ST as it was; a note says where they do not, or where nobody knows."""
    filters = recording.source.filters
    if filters is None or filters.highpass_hz is None:
        notes.append(Note(stage="measurement", code="filters_unknown"))
        return True
    if filters.highpass_hz > MAX_ST_HIGHPASS_HZ + 1e-9:
        facts = {"highpass_hz": filters.highpass_hz}
        notes.append(Note(stage="measurement", code="st_filtered", facts=facts))
        return False
    return True


def _keep_rates(overall: dict[str, float]) -> None:
    """Take back every interval and axis within a beat."""
    for code in [code for code in overall if not code.startswith(("rr_", "heart_rate", "pause", "n_"))]:
        del overall[code]


def _too_slow(
    recording: Recording, overall: dict[str, float], by_lead: dict[str, dict[str, float]], notes: list[Note]
) -> None:
    """Take back what so few samples a second cannot show; rate, rhythm and PR stay."""
    by_lead.clear()
    for code in [code for code in overall if code in ("qrs_ms", "qt_ms") or code.startswith("qtc_")]:
        del overall[code]
    facts = {"fs_hz": recording.fs, "needed_hz": MIN_FS_HZ}
    notes.append(Note(stage="measurement", code="rate_too_low", facts=facts))


def _plausible(by_lead: dict[str, dict[str, float]], notes: list[Note]) -> bool:
    """Return whether the voltages are a heart's; take back everything by voltage where they are not."""
    largest = max((values.get("qrs_pp_mv", 0.0) for values in by_lead.values()), default=0.0)
    if largest <= MAX_QRS_MV:
        return True
    by_lead.clear()
    notes.append(Note(stage="measurement", code="unit_implausible", facts={"value_mv": round(largest, 1)}))
    return False


def _without_voltages(quality: Quality) -> Quality:
    """Return the quality without what is said in mV, where the unit is wrong."""
    unknown = float("nan")
    by_lead = {
        name: replace(
            lead,
            reasons=tuple(r for r in lead.reasons if r not in ("noisy", "baseline_wander", "mains") or not lead.usable),
            noise_mv=unknown if lead.usable else lead.noise_mv,
            wander_mv=unknown,
            mains_mv=unknown,
        )
        for name, lead in quality.by_lead.items()
    }
    return replace(quality, by_lead=by_lead)


def _cannot_judge(recording: Recording, quality: Quality, beats: Beats) -> tuple[str, ...]:
    """Return why the recording is left to a doctor unscored."""
    found = []
    if recording.duration_s < MIN_DURATION_S:
        found.append("too_short")
    if not quality.acceptable:
        found.extend(quality.reasons)
    elif not len(beats.r_peaks):
        found.append("no_beats")
    elif len(beats.r_peaks) < 3:
        found.append("few_beats")
    return tuple(found)


def _add_notes(notes: list[Note], context: Context, judged: tuple[str, ...]) -> None:
    """Say what could not be measured or judged, and why."""
    usable = len(context.quality.usable_leads)
    facts: dict[str, dict[str, Any]] = {
        "too_short": {"duration_s": round(context.duration_s, 2), "needed_s": MIN_DURATION_S},
        "few_usable_leads": {"usable": usable, "total": len(context.quality.by_lead)},
        "few_beats": {"n_beats": len(context.beats.r_peaks)},
    }
    noted = {note.code for note in notes}
    notes.extend(Note(stage="detection", code=code, facts=facts.get(code, {})) for code in judged if code not in noted)
    if context.beats.r_peaks.size:
        overall = context.measurements.overall
        absent = [("pr_ms", "no_p_wave"), ("qt_ms", "no_t_wave"), ("qrs_axis_deg", "axis_needs_limb_leads")]
        if "beats_unlike" in judged or not context.n_beats_in_median:
            absent = []
        elif "rate_too_low" in judged:
            absent.remove(("qt_ms", "no_t_wave"))
        notes.extend(Note(stage="measurement", code=code) for quantity, code in absent if quantity not in overall)
    missing = [name for name in STANDARD_LEADS if name not in context.leads]
    if missing:
        notes.append(
            Note(stage="interpretation", code="territory_needs_leads", facts={"leads": ", ".join(context.leads)})
        )
    if context.patient.age_years is None:
        notes.append(Note(stage="interpretation", code="age_unknown"))
    elif not context.limits.adult:
        notes.append(Note(stage="interpretation", code="child_limits"))
    if context.patient.sex is None:
        notes.append(Note(stage="interpretation", code="sex_unknown"))
    if context.limits.adult and (context.get("qrs_ms") or 0.0) >= context.limits.qrs_wide_ms:
        notes.append(Note(stage="interpretation", code="wide_qrs_qt"))
    notes.append(Note(stage="interpretation", code="rules_checked"))


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
