"""Numbers about the waves and the kinds of beats of one lead, for the rhythm model: what the engine's kernels mark."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection import classify_beats, delineate
from ecg_engine.detection.delineation import mark_leads
from ecg_engine.detection.wave_inputs import STEP_S
from ecg_engine.detection.wave_scores import score_lead
from ecg_engine.errors import SignalError
from ecg_engine.measurement.rhythm_measures import measure_ectopy, rr_irregularity
from ecg_engine.types import ABSENT, Beats, Delineation
from ecg_engine.types.marks import MARK_NAMES

__all__ = ["WAVE_NUMBERS", "wave_numbers"]

#: How many `wave_numbers` gives.
WAVE_NUMBERS: Final = 50
#: Fewer beats than these say nothing of P waves from beat to beat.
FEWEST_BEATS: Final = 5
FEWEST_WAVES: Final = 3
#: P waves of one focus stand so near to their usual place before R, ms: twice the step of 100 Hz.
PLACE_MS: Final = 20.0
#: Where a P wave is looked for before R, s: PR of 120 to 300 ms, less what stands between QRS onset and R.
P_BEFORE_S: Final = (0.34, 0.06)
#: A beat is early where the RR before it is a smaller share of the median.
EARLY: Final = 0.87
#: Stands for what cannot be said where 0 would say something.
UNKNOWN: Final = -1.0
#: Premature beats: how many, how early, what follows, in which order.
ECTOPY: Final = (
    "n_premature_ventricular", "n_premature_atrial", "premature_atrial_rr_ms", "premature_atrial_pause_percent",
    "premature_ventricular_pause_percent", "n_atrial_couplets", "atrial_run_longest_beats", "atrial_bigeminy_beats",
    "ventricular_bigeminy_beats", "ventricular_run_longest_beats",
)  # fmt: skip


def wave_numbers(x: NDArray[np.float64], r_peaks: NDArray[np.int64], *, fs: float) -> NDArray[np.float64]:
    """Return numbers that tell whether P waves stand before the QRS, and what interrupts the rhythm.

    Parameters
    ----------
    x : (m,) float64 array
        One lead in any unit, no NaN.
    r_peaks : (n,) int64 array
        Samples, increasing.
    fs : float
        Hz.

    Returns
    -------
    (50,) float64 array
        How many beats have a P wave, how evenly it stands, how long and high it is (14); QRS and T (5); kinds of beats
        (6), premature beats (10) and how RR changes without them (1); P waves of irregular and early beats (4); how
        likely a P wave is before each beat, and how evenly its likeliest place stands (6); how many beats have one by
        rule, how evenly it stands and how alike in height (4). All 0 where there are fewer than five beats or no waves
        can be marked.
    """
    out = np.zeros(WAVE_NUMBERS)
    if len(r_peaks) < FEWEST_BEATS:
        return out
    try:
        marks = delineate(x, fs=fs, r_peaks=r_peaks)
        kinds = classify_beats(x, fs=fs, r_peaks=r_peaks)
    except SignalError:
        return out
    beats = Beats(r_peaks=r_peaks, kinds=kinds)
    out[:] = [
        *_p_numbers(x, beats, marks, fs),
        *_qrs_t_numbers(marks, fs),
        *_kind_numbers(beats, marks, fs),
        *_p_where_irregular(r_peaks, _has_p(marks)),
        *_likely_p(x, r_peaks, fs),
        *_p_by_rule(x, r_peaks, fs),
    ]
    return out


def _has_p(marks: Delineation) -> NDArray[np.bool_]:
    """Return which beats have a P wave; the first may lack room for one."""
    out = (marks.p_peak != ABSENT) & (marks.p_onset != ABSENT) & (marks.p_offset != ABSENT)
    out[0] = False
    return np.asarray(out)


def _p_numbers(x: NDArray[np.float64], beats: Beats, marks: Delineation, fs: float) -> list[float]:
    has, step, r = _has_p(marks), 1000.0 / fs, beats.r_peaks
    kinds = np.asarray(beats.kinds)
    pr = (marks.qrs_onset - marks.p_onset)[has & (marks.qrs_onset != ABSENT)] * step
    place = (r - marks.p_peak)[has] * step
    length = (marks.p_offset - marks.p_onset)[has] * step
    height = x[marks.p_peak[has]] - (x[marks.p_onset[has]] + x[marks.p_offset[has]]) / 2
    size = float(np.median(x[r])) or 1.0
    height = height / size
    return [
        float(has[1:].mean()),
        _mean(has[1:][kinds[1:] == "N"]),
        _middle(pr),
        float(np.subtract(*np.quantile(pr, (0.8, 0.2)))) if len(pr) else 0.0,
        _middle(np.abs(np.diff(place))),
        _spread(place),
        _mean(np.abs(place - np.median(place)) > PLACE_MS) if len(place) else 0.0,
        _middle(length),
        _spread(length),
        _middle(height),
        _spread(height),
        _mean(height > 0),
        _middle(height) / (_spread(height) + 1e-3),
        len(marks.extra_p_peaks) / len(r),
    ]


def _qrs_t_numbers(marks: Delineation, fs: float) -> list[float]:
    begun = marks.qrs_onset != ABSENT
    width = (marks.qrs_offset - marks.qrs_onset)[begun & (marks.qrs_offset != ABSENT)] * 1000 / fs
    qt = (marks.t_offset - marks.qrs_onset)[begun & (marks.t_offset != ABSENT)] * 1000 / fs
    widest = float(np.quantile(width, 0.95)) if len(width) else 0.0
    return [_middle(width), widest, _middle(qt), _spread(qt), float((marks.t_peak != ABSENT).mean())]


def _kind_numbers(beats: Beats, marks: Delineation, fs: float) -> list[float]:
    kinds = np.asarray(beats.kinds)
    found = measure_ectopy(beats, marks, fs)
    irregular = rr_irregularity(beats, fs)
    return [
        *(float((kinds == kind).mean()) for kind in "SVFQ"),
        *(float((kinds == kind).sum()) for kind in "SV"),
        *(found.get(code, 0.0) for code in ECTOPY),
        UNKNOWN if irregular is None else float(np.log(max(irregular, 0.5))),
    ]


def _p_where_irregular(r_peaks: NDArray[np.int64], has: NDArray[np.bool_]) -> list[float]:
    """Return changes of RR where P waves stand and where none do, and how many early and other beats have one."""
    rr = np.diff(r_peaks).astype(np.float64)
    change = np.abs(np.diff(np.log(rr)))
    both = has[2:] & has[1:-1]
    early = np.concatenate(([False], rr < EARLY * np.median(rr)))
    return [
        *(float(np.median(change[some])) if some.sum() >= FEWEST_WAVES else UNKNOWN for some in (both, ~both)),
        float(has[early].mean()) if early.any() else UNKNOWN,
        float(has[~early].mean()),
    ]


def _likely_p(x: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> list[float]:
    """Return what the likeliest place of a P wave before each R but the first says.

    Four quantiles of its log odds, the median distance of the places from the usual one, ms, and the log odds' spread.
    """
    scores = score_lead(np.ascontiguousarray(x, np.float64), r_peaks, fs)
    if scores is None:
        return [UNKNOWN] * 6
    odds = scores.odds[0]
    low, high = ((r_peaks[1:, None] / fs - np.array(P_BEFORE_S)) / STEP_S).astype(np.int64).T
    greatest, place = [], []
    for first, last in zip(np.maximum(low, 0), high, strict=True):
        part = odds[first:last]
        if len(part):
            k = int(part.argmax())
            greatest.append(float(part[k]))
            place.append((last - first - k) * STEP_S * 1000)
    if not greatest:
        return [UNKNOWN] * 6
    tenth, quarter, half, most = np.quantile(greatest, (0.1, 0.25, 0.5, 0.9))
    apart = np.abs(np.array(place) - np.median(place))
    return [float(tenth), float(quarter), float(half), float(most), float(np.median(apart)), float(np.std(greatest))]


def _p_by_rule(x: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> list[float]:
    """Return how many beats have a P wave by rule, the spread and change of its place, ms, and of its height."""
    marks = mark_leads(np.ascontiguousarray(x, np.float64)[None], r_peaks, fs)[0, 1:]
    has = marks[:, MARK_NAMES.index("p_peak")] != ABSENT
    peak = marks[has, MARK_NAMES.index("p_peak")]
    place, height = (r_peaks[1:][has] - peak) * 1000.0 / fs, x[peak]
    size = float(np.median(np.abs(x[r_peaks]))) or 1.0
    return [_mean(has), _spread(place), _middle(np.abs(np.diff(place))), _spread(height) / size]


def _middle(values: NDArray[np.floating[Any]]) -> float:
    return float(np.median(values)) if len(values) else 0.0


def _spread(values: NDArray[np.floating[Any]]) -> float:
    return float(np.std(values)) if len(values) >= FEWEST_WAVES else 0.0


def _mean(values: NDArray[np.bool_]) -> float:
    return float(np.mean(values)) if len(values) else 0.0
