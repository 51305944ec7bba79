"""What is seen of a recording to what the rules may look at: measurements, quality, and what could not be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ecg_engine import vocabulary
from ecg_engine.detection.fibrillation import FastVentricular, find_fast_ventricular
from ecg_engine.detection.parameters import EPISODES
from ecg_engine.detection.ventricular_runs import longest_ventricular_run
from ecg_engine.detection.whole import Seen
from ecg_engine.interpretation import Context, interpret
from ecg_engine.interpretation.basic import may_hide_p, noise_around_p_mv
from ecg_engine.interpretation.limits import Limits, limits_for
from ecg_engine.interpretation.normal_limits import normal_limits
from ecg_engine.interpretation.ventricular import RUN_BPM
from ecg_engine.leads import STANDARD_LEADS, named_leads
from ecg_engine.measurement import measure_electrodes, measure_global, measure_leads, measure_voltages
from ecg_engine.measurement.global_measures import P_COHERENCE_PERCENT
from ecg_engine.measurement.infarct_size import selvester_points
from ecg_engine.measurement.over_time import over_time
from ecg_engine.types import ABSENT, Beats, Delineation, LongSummary, Measurements, Note, Quality, Recording, Statement

__all__ = ["Judged", "Ventricular", "judge", "slow_bpm", "statements_of", "ventricular_of", "with_tables"]

#: Shorter than this no rhythm is named and nothing is judged, s.
MIN_DURATION_S: Final = 2.0
#: Slower sampling shows neither width nor height of a QRS, Hz: its marks would be a fifth of it off, and of the 150 Hz
#: that a diagnostic ECG needs (AHA/ACC/HRS 2007, part I) less than a third would be left.
MIN_FS_HZ: Final = 100.0
#: A QRS or wave above it is no heart's: the unit is wrong, mV. The largest QRS of a thin child stays below 10 mV.
MAX_QRS_MV: Final = 20.0
#: A QRS below it is no heart's, ms: that of a newborn lasts 50.
MIN_QRS_MS: Final = 30.0
#: The kind of a bundle branch block is told from these (AHA/ACCF/HRS 2009, part III).
BLOCK_LEADS: Final = ("I", "V1", "V6")
#: The highest high-pass corner that leaves ST as it was, Hz (AHA/ACC/HRS 2007, part I,
#: doi:10.1161/CIRCULATIONAHA.106.180200).
MAX_ST_HIGHPASS_HZ: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What `judge` returns.

    Parameters
    ----------
    context : Context
        What the rules see.
    judged : tuple of str
        Codes of what keeps the engine from judging; empty where it can.
    marks : Delineation, optional
        The marks of the beats that count.
    notes : tuple of Note
    alike : bool
        Whether the beats are of one heart.
    """

    context: Context
    judged: tuple[str, ...]
    marks: Delineation | None
    notes: tuple[Note, ...]
    alike: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ventricular:
    """What the leads show of rhythms of the ventricles.

    Parameters
    ----------
    fast : FastVentricular, optional
        The longest stretch that looks like a fast rhythm.
    run_beats : int
        The longest run of ventricular beats at `RUN_BPM` and more.
    run_bpm : float
        Its rate, per minute.
    """

    fast: FastVentricular | None
    run_beats: int = 0
    run_bpm: float = 0.0


def judge(recording: Recording, seen: Seen, *, ventricular: Ventricular, finer: int = 1) -> Judged:
    """Measure what is seen.

    Parameters
    ----------
    recording : Recording
    seen : Seen
        What `detection.whole.see` found in it.
    ventricular : Ventricular
        What `ventricular_of` says of it.
    finer : int
        The beats and marks of `seen` are counted in so small parts of a sample.

    Returns
    -------
    Judged
    """
    notes: list[Note] = []
    leads, quality, beats, marks, beat = seen.leads, seen.quality, seen.beats, seen.marks, seen.beat
    usable = quality.usable_leads
    st = _st_kept(recording, notes)
    overall = measure_global(
        fs=recording.fs * finer,
        leads=leads,
        beats=beats,
        marks=marks,
        beat=beat,
        usable=usable,
        n_samples=recording.n_samples * finer,
        atria=seen.atria,
        p_train=seen.p_train,
    )
    if marks is not None and overall.get("p_coherence_percent", 100.0) < P_COHERENCE_PERCENT:
        marks = _without_p(marks)
    has_p, rr_ms = "pr_ms" in overall, overall.get("rr_ms")
    by_lead = measure_leads(beat, leads=leads, usable=usable, has_p=has_p, st=st, rr_ms=rr_ms)
    swaps, swaps_by_lead = measure_electrodes(beat, leads=leads, usable=usable, has_p=has_p)
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
    overall.update(_ventricular(ventricular))
    who = recording.patient
    overall.update(measure_voltages(by_lead, overall, sex=who.sex, drugs=who.drugs))
    points = selvester_points(by_lead, overall, sex=who.sex, age_years=who.age_years)
    if points is not None:
        overall["selvester_points"] = float(points)
    limits = limits_for(who.age_years, who.sex)
    normal = normal_limits(who.age_years, who.sex)
    measurements = Measurements(
        overall=overall,
        by_lead=by_lead,
        normal={c: normal[c] for c in normal if c in overall},
        words=_words(overall, adult=limits.adult),
    )
    context = Context(
        measurements=measurements,
        quality=quality,
        beats=beats,
        patient=who,
        limits=limits,
        leads=leads,
        n_beats_in_median=0 if beat is None else beat.n_beats,
        duration_s=recording.duration_s,
        st_certain=recording.source.filters is not None and recording.source.filters.highpass_hz is not None,
    )
    _add_notes(notes, context, judged)
    return Judged(context=context, judged=judged, marks=marks, notes=tuple(notes), alike=alike)


def _words(overall: Mapping[str, float], *, adult: bool) -> dict[str, dict[str, str]]:
    """Return what the QRS axis is called by each convention; they speak of adults."""
    axis = overall.get("qrs_axis_deg")
    if axis is None or not adult:
        return {}
    return {"qrs_axis_deg": {name: vocabulary.axis_word(axis, name) for name in vocabulary.axis_conventions()}}


def slow_bpm(limits: Limits) -> float:
    """Return the rate below which a long recording, with its nights, is slow, /min."""
    return EPISODES.slow_bpm if limits.adult else limits.slow_bpm


def with_tables(judged: Judged, tables: LongSummary | None) -> Judged:
    """Return what the rules may look at with what the tables of a long recording say."""
    if tables is None:
        return judged
    context = judged.context
    values = over_time(tables, slow_bpm=slow_bpm(context.limits), fast_bpm=context.limits.fast_bpm)
    measurements = replace(context.measurements, overall={**context.measurements.overall, **values})
    return replace(judged, context=replace(context, measurements=measurements))


def statements_of(judged: Judged) -> tuple[Statement, ...]:
    """Return what the rules say."""
    if "too_short" in judged.judged:
        return ()
    statements = interpret(judged.context)
    if not judged.alike:
        # The intervals between what may be noise prove no rhythm; a high rate and a long silence still press.
        statements = tuple(s for s in statements if s.code != "atrial_fibrillation")
    return statements


def ventricular_of(recording: Recording, seen: Seen) -> Ventricular:
    """Return what the connected leads show of rhythms of the ventricles."""
    quality = seen.quality.by_lead
    off = {name for name, lead in quality.items() if {"flat", "missing"} & set(lead.reasons)}
    on = np.array([name not in off for name in recording.leads])
    fast = find_fast_ventricular(recording.signal, fs=recording.fs, beats=seen.beats, leads=on)
    usable = [i for i, name in enumerate(recording.leads) if name in quality and quality[name].usable]
    if not usable:
        return Ventricular(fast=fast)
    spells = [quality[recording.leads[i]].spells for i in usable]
    signal = recording.signal if len(usable) == len(recording.leads) else recording.signal[usable]
    beats, bpm = longest_ventricular_run(signal, fs=recording.fs, beats=seen.beats, spells=spells, least_bpm=RUN_BPM)
    return Ventricular(fast=fast, run_beats=beats, run_bpm=bpm)


def _ventricular(signs: Ventricular) -> dict[str, float]:
    """Return what the leads and the classes of the beats say of a fast rhythm of the ventricles."""
    out: dict[str, float] = {}
    found = signs.fast
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
    if signs.run_beats >= 2:
        out |= {"ventricular_run_beats": float(signs.run_beats), "ventricular_run_bpm": signs.run_bpm}
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
    for code in [code for code in overall if not code.startswith(("rr_", "heart_rate", "pause", "n_pacing"))]:
        del overall[code]


def _too_slow(
    recording: Recording, overall: dict[str, float], by_lead: dict[str, dict[str, float]], notes: list[Note]
) -> None:
    """Take back what so few samples a second cannot show; rate, rhythm and PR stay."""
    by_lead.clear()
    for code in [code for code in overall if code in ("qrs_ms", "qt_ms", "jt_ms") or code.startswith("qtc_")]:
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


def _of_missing_leads(context: Context) -> list[Note]:
    """Say which of the twelve leads are not recorded, or not usable, and what is not said without them."""
    usable = set(context.quality.usable_leads)
    missing = [name for name in STANDARD_LEADS if name not in usable]
    if not usable or not missing:
        return []
    facts = {"missing": named_leads(missing)}
    notes = [Note(stage="interpretation", code="territory_needs_leads", facts=facts)]
    lacking = [name for name in BLOCK_LEADS if name in missing]
    if lacking and (context.get("qrs_ms") or 0.0) >= context.limits.qrs_wide_ms:
        notes.append(Note(stage="interpretation", code="block_needs_leads", facts={"missing": named_leads(lacking)}))
    return notes


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
        no_p = "p_hidden" if may_hide_p(context) else "no_p_wave"
        facts["p_hidden"] = {"noise_mv": round(noise_around_p_mv(context), 3)}
        absent = [("pr_ms", no_p), ("qt_ms", "no_t_wave"), ("qrs_axis_deg", "axis_needs_limb_leads")]
        if "beats_unlike" in judged or not context.n_beats_in_median:
            absent = []
        elif "rate_too_low" in judged:
            absent.remove(("qt_ms", "no_t_wave"))
        notes.extend(
            Note(stage="measurement", code=code, facts=facts.get(code, {}))
            for quantity, code in absent
            if quantity not in overall
        )
    notes.extend(_of_missing_leads(context))
    if context.patient.age_years is None:
        notes.append(Note(stage="interpretation", code="age_unknown"))
    elif not context.limits.adult:
        notes.append(Note(stage="interpretation", code="child_limits"))
    if context.patient.sex is None:
        notes.append(Note(stage="interpretation", code="sex_unknown"))
    if context.limits.adult and (context.get("qrs_ms") or 0.0) >= context.limits.qrs_wide_ms:
        notes.append(Note(stage="interpretation", code="wide_qrs_qt"))
    notes.append(Note(stage="interpretation", code="rules_checked"))
