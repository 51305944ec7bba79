"""Rate, intervals and axes of the whole recording."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.atria import AtrialSigns
from ecg_engine.detection.p_train import PTrain
from ecg_engine.measurement.av_measures import measure_av
from ecg_engine.measurement.lead_measures import LEVEL_S
from ecg_engine.measurement.pacing_measures import measure_pacing
from ecg_engine.measurement.qtc import qtc_bazett_ms, qtc_framingham_ms, qtc_fridericia_ms, qtc_hodges_ms
from ecg_engine.measurement.rhythm_measures import measure_atria, measure_ectopy, rr_irregularity
from ecg_engine.types import ABSENT, Beats, Delineation, MedianBeat

#: P waves are taken as such where so many of the beats have one ...
P_SHARE: Final = 0.6
#: ... at so even a distance (median absolute deviation of P peak to QRS onset), ms.
P_SPREAD_MS: Final = 20.0
#: ... and the time before the QRS looks the same in each beat to this share of its power, %: in atrial fibrillation it
#: is 3 to 30, in sinus rhythm 50 to 100.
P_COHERENCE_PERCENT: Final = 45.0
#: A lead's own PR is the median of so many beats at least, and so many leads make a share of them.
LEAST_BEATS: Final = 2
LEAST_LEADS: Final = 4
#: QTc (Fridericia) that is believed, ms: the short QT syndromes reach down to about 280, the long ones up to about 700.
QTC_MS: Final = (270.0, 700.0)
#: An axis needs a net area of at least so much, mV·ms: below it the angle is noise.
MIN_AREA: Final = {"p": 0.15, "qrs": 0.5, "t": 0.5}


def measure_global(
    *,
    fs: float,
    leads: Sequence[str],
    beats: Beats,
    marks: Delineation | None,
    beat: MedianBeat | None,
    usable: Sequence[str],
    n_samples: int,
    atria: AtrialSigns | None = None,
    p_train: PTrain | None = None,
) -> dict[str, float]:
    """Measure what belongs to all leads together.

    Parameters
    ----------
    fs : float
        Hz.
    leads : sequence of str
        Names of the rows of the signal behind `marks` and `beat`.
    beats : Beats
    marks : Delineation, optional
        Of every beat: whether P is there, and how evenly.
    beat : MedianBeat, optional
        Its marks give the intervals: noise and single odd beats do not count.
    usable : sequence of str
        Leads good enough for an axis.
    n_samples : int
        Length of the recording.
    atria : AtrialSigns, optional
        What was seen between the QRS complexes.
    p_train : PTrain, optional
        P waves wherever they stand.

    Returns
    -------
    dict of str to float
        By quantity code; what cannot be measured is absent. Times in ms, rates per minute, angles in degrees.
    """
    out: dict[str, float] = {}
    out.update(_rates(beats, fs, n_samples))
    if marks is not None and len(beats.r_peaks):
        out.update(_p_waves(marks, beats, fs))
    out.update(measure_ectopy(beats, marks, fs))
    out.update(measure_av(p_train, beats, fs))
    out.update(measure_pacing(beats, fs))
    irregular = rr_irregularity(beats, fs)
    if irregular is not None:
        out["rr_irregularity_percent"] = irregular
    if beat is not None:
        if not math.isnan(beat.p_coherence):
            out["p_coherence_percent"] = 100 * beat.p_coherence
        if not math.isnan(beat.p_noise_mv):
            out["p_noise_mv"] = beat.p_noise_mv
        has_p = _has_p(out)
        out.update(_intervals(beat, has_p=has_p))
        out.update(_axes(beat, leads, usable, has_p=has_p))
        out.update(measure_atria(atria, out))
    if "qt_ms" in out and "rr_ms" in out and not _plausible_qt(out["qt_ms"], out["rr_ms"]):
        del out["qt_ms"]
    if {"qt_ms", "qrs_ms"} <= set(out):
        out["jt_ms"] = out["qt_ms"] - out["qrs_ms"]
    if {"qrs_axis_deg", "t_axis_deg"} <= set(out):
        turn = abs(out["qrs_axis_deg"] - out["t_axis_deg"])
        out["qrs_t_angle_deg"] = min(turn, 360 - turn)
    if "qt_ms" in out and "rr_ms" in out:
        qt, rr = out["qt_ms"], out["rr_ms"]
        out["qtc_bazett_ms"] = qtc_bazett_ms(qt, rr)
        out["qtc_fridericia_ms"] = qtc_fridericia_ms(qt, rr)
        out["qtc_framingham_ms"] = qtc_framingham_ms(qt, rr)
        out["qtc_hodges_ms"] = qtc_hodges_ms(qt, rr)
    return out


def _rates(beats: Beats, fs: float, n_samples: int) -> dict[str, float]:
    r = beats.r_peaks
    out = {"n_pacing_spikes": float(len(beats.pacing_spikes))} if len(beats.pacing_spikes) else {}
    edges = np.concatenate(([0], r, [n_samples - 1]))
    seen = ~_in_gap(edges, beats.gaps)
    lengths = np.diff(edges)
    if seen.any():
        out["pause_s"] = float(lengths[seen].max()) / fs
    rr = lengths[1:-1][seen[1:-1]] / fs * 1000
    if not rr.size:
        return out
    mean = float(rr.mean())
    out["rr_ms"] = mean
    out["heart_rate_bpm"] = 60000 / mean
    out["rr_min_ms"], out["rr_max_ms"] = float(rr.min()), float(rr.max())
    if rr.size >= 3:
        out["rr_cv_percent"] = float(100 * rr.std(ddof=1) / mean)
        changes = _rr_changes(beats, lengths[1:-1] / fs * 1000, seen[1:-1])
        if changes.size >= 2:
            out["rr_change_percent"] = float(100 * np.median(np.abs(changes)) / mean)
            out["rmssd_ms"] = float(np.sqrt(np.mean(np.square(changes))))
    return out


def _rr_changes(beats: Beats, rr: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the changes from one RR to the next, ms, over three ordinary beats in a row that no gap interrupts.

    A premature beat makes two intervals odd whatever the rhythm is: where there is one it says nothing.
    """
    plain = np.ones(len(rr) + 1, dtype=bool)
    if beats.kinds is not None:
        plain = ~np.isin(beats.kinds, ["S", "V", "F"])
    usable = seen[:-1] & seen[1:] & plain[:-2] & plain[1:-1] & plain[2:]
    return np.diff(rr)[usable]


def _in_gap(edges: NDArray[np.int64], gaps: tuple[tuple[int, int], ...]) -> NDArray[np.bool_]:
    """Return which of the intervals between neighbouring edges touch a gap; `gaps` increase and do not overlap."""
    starts, stops = np.array(gaps, np.int64).reshape(-1, 2).T
    # Gaps that begin before an interval's end, less those that are over at its beginning.
    return np.asarray(np.searchsorted(starts, edges[1:]) > np.searchsorted(stops, edges[:-1], side="right"))


def _p_waves(marks: Delineation, beats: Beats, fs: float) -> dict[str, float]:
    """Return how many beats have a P wave, and how evenly it stands before the QRS. The first beat may lack room."""
    ordinary = np.ones(len(beats.r_peaks), dtype=bool) if beats.kinds is None else beats.kinds == "N"
    ordinary = ordinary & (marks.qrs_onset != ABSENT) & (marks.qrs_onset > 0.25 * fs)
    if not ordinary.any():
        return {}
    has = ordinary & (marks.p_peak != ABSENT)
    out = {"p_share_percent": float(100 * has.sum() / ordinary.sum())}
    if has.sum() >= 2:
        distance = (marks.qrs_onset[has] - marks.p_peak[has]) / fs * 1000
        out["pr_spread_ms"] = float(np.median(np.abs(distance - np.median(distance))))
        whole = has & (marks.p_onset != ABSENT)
        if has.sum() >= P_SHARE * ordinary.sum() and whole.any():
            # The P peak of a single beat is surer than its onset: the onset stands before it as it mostly does.
            rise = float(np.median((marks.p_peak - marks.p_onset)[whole])) / fs * 1000
            out["pr_min_ms"], out["pr_max_ms"] = float(distance.min()) + rise, float(distance.max()) + rise
            out.update(_pr_of_most_leads(marks, whole, fs))
    return out


def _pr_of_most_leads(marks: Delineation, beats: NDArray[np.bool_], fs: float) -> dict[str, float]:
    """Return the PR that three leads of four reach, each from its own P onset to the QRS onset of all, over `beats`.

    A global PR begins with the P wave of the second earliest lead, which a low wave sets early by chance.
    """
    of_leads = []
    for lead in marks.by_lead:
        seen = beats & (lead.p_onset != ABSENT)
        if seen.sum() >= LEAST_BEATS:
            of_leads.append(float(np.median((marks.qrs_onset - lead.p_onset)[seen])) / fs * 1000)
    return {"pr_most_leads_ms": float(np.percentile(of_leads, 25))} if len(of_leads) >= LEAST_LEADS else {}


def _has_p(measured: dict[str, float]) -> bool:
    """Return whether P waves stand before the QRS: in most beats, evenly, and alike."""
    return (
        measured.get("p_share_percent", 0.0) >= 100 * P_SHARE
        and measured.get("pr_spread_ms", 1e9) <= P_SPREAD_MS
        and measured.get("p_coherence_percent", 100.0) >= P_COHERENCE_PERCENT
    )


def _plausible_qt(qt_ms: float, rr_ms: float) -> bool:
    """Return whether a QT is a heart's: outside, another wave was taken for T, and no number is better than that."""
    return QTC_MS[0] <= qtc_fridericia_ms(qt_ms, rr_ms) <= QTC_MS[1]


def _between(beat: MedianBeat, first: str, last: str) -> float | None:
    a, b = int(getattr(beat.marks, first)[0]), int(getattr(beat.marks, last)[0])
    return None if ABSENT in (a, b) or b <= a else (b - a) / beat.fs * 1000


def _intervals(beat: MedianBeat, *, has_p: bool) -> dict[str, float]:
    pairs = [("qrs_ms", "qrs_onset", "qrs_offset"), ("qt_ms", "qrs_onset", "t_offset")]
    if has_p:
        pairs += [("p_duration_ms", "p_onset", "p_offset"), ("pr_ms", "p_onset", "qrs_onset")]
    found = {code: _between(beat, first, last) for code, first, last in pairs}
    return {code: value for code, value in found.items() if value is not None}


def _axes(beat: MedianBeat, leads: Sequence[str], usable: Sequence[str], *, has_p: bool) -> dict[str, float]:
    out = {}
    waves = [("qrs", "qrs_onset", "qrs_offset"), ("t", "t_onset", "t_offset")] + (
        [("p", "p_onset", "p_offset")] if has_p else []
    )
    for wave, first, last in waves:
        start, stop = int(getattr(beat.marks, first)[0]), int(getattr(beat.marks, last)[0])
        if wave == "t" and start == ABSENT:
            start = int(beat.marks.qrs_offset[0])
        if ABSENT in (start, stop) or stop - start < 2:
            continue
        areas = {name: _area(beat, leads.index(name), start, stop) for name in ("I", "II", "III") if name in usable}
        angle = axis_deg(areas, MIN_AREA[wave])
        if angle is not None:
            out[f"{wave}_axis_deg"] = angle
    return out


def _area(beat: MedianBeat, row: int, start: int, stop: int) -> float:
    """Return the net area of a wave, mV·ms, over the line onset to offset (QRS: over the level before it)."""
    part: NDArray[np.float64] = beat.signal[row, start : stop + 1]
    if start == int(beat.marks.qrs_onset[0]):
        level = beat.signal[row, max(0, start - max(1, round(LEVEL_S * beat.fs))) : start + 1].mean()
        return float((part - level).sum() / beat.fs * 1000)
    return float((part - np.linspace(part[0], part[-1], len(part))).sum() / beat.fs * 1000)


def axis_deg(areas: dict[str, float], least: float) -> float | None:
    """Return the frontal angle of a vector from its net areas in two or three of I, II and III.

    Parameters
    ----------
    areas : dict of str to float
        mV·ms (or amplitudes, mV).
    least : float
        Below this length there is no angle.

    Returns
    -------
    float or None
        Degrees, -180 to 180, clockwise from lead I.

    Examples
    --------
    >>> axis_deg({"I": 1.0, "II": 0.5}, 0.1)  # aVF = II - I / 2 = 0
    0.0
    >>> round(axis_deg({"II": 1.0, "III": 1.0}, 0.1))
    90
    """
    if "I" in areas and "II" in areas:
        one, two = areas["I"], areas["II"]
    elif "I" in areas and "III" in areas:
        one, two = areas["I"], areas["I"] + areas["III"]
    elif "II" in areas and "III" in areas:
        one, two = areas["II"] - areas["III"], areas["II"]
    else:
        return None
    # The limb leads are at 0, 60 and 120 degrees on one scale; aVF is augmented, so it is shorter by sqrt(3) / 2.
    x, y = one, (2 * two - one) / math.sqrt(3)
    return math.degrees(math.atan2(y, x)) if math.hypot(x, y) >= least else None
