"""Stretches of atrial fibrillation in long recordings, by the irregularity of RR."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ecg_engine.detection.parameters import EPISODES
from ecg_engine.types import ABSENT, Beats, Delineation

__all__ = ["find_fibrillation", "irregularity", "touches_gap"]


def touches_gap(
    starts: NDArray[np.int64], stops: NDArray[np.int64], gaps: tuple[tuple[int, int], ...]
) -> NDArray[np.bool_]:
    """Return which of the stretches ``[start, stop]`` touch a gap; both increase, and `gaps` do not overlap."""
    begin, end = np.array(gaps, np.int64).reshape(-1, 2).T
    return np.asarray(np.searchsorted(begin, stops) > np.searchsorted(end, starts, side="right"))


def irregularity(rr_s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how irregular RR is around each interval, and how far its medians are from its means.

    Parameters
    ----------
    rr_s : (n,) float64 array
        Successive intervals, s.

    Returns
    -------
    tuple of two (n,) float64 arrays
        The share of unlike pairs in the window against the mean interval, 1/s; the squared relative difference of the
        sums of the medians of three and of the intervals themselves, which is near 0 in bigeminy and in sinus rhythm.

    Notes
    -----
    Both averaged over `EPISODES.af_smooth` intervals to either side evenly, where Petrenas et al. 2015
    (doi:10.1016/j.compbiomed.2015.01.019) use an exponential average of about 50 forwards: nothing here has to be known
    at once, and the begin and end of an episode stay where they are.

    Examples
    --------
    >>> even = np.full(40, 0.8)
    >>> irregularity(even)[0].max()
    np.float64(0.0)
    """
    width = EPISODES.af_window
    if len(rr_s) < width:
        return np.zeros(len(rr_s)), np.zeros(len(rr_s))
    around = (width // 2, width - 1 - width // 2)
    medians = np.median(sliding_window_view(np.pad(rr_s, 1, mode="edge"), 3), axis=1)
    window = sliding_window_view(np.pad(medians, around, mode="edge"), width)
    unlike = np.zeros(len(rr_s))
    for i, j in combinations(range(width), 2):
        unlike += np.abs(window[:, i] - window[:, j]) >= EPISODES.af_tolerance_s
    unlike *= 2.0 / (width * (width - 1))
    sums = sliding_window_view(np.pad(rr_s, around, mode="edge"), width).sum(axis=1)
    apart = (window.sum(axis=1) / sums - 1.0) ** 2
    return _mean(unlike) / _mean(rr_s), _mean(apart)


def _mean(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over `EPISODES.af_smooth` values around each, fewer at the ends."""
    half = EPISODES.af_smooth // 2
    total = np.concatenate(([0.0], np.cumsum(x)))
    at = np.arange(len(x))
    first, last = np.maximum(0, at - half), np.minimum(len(x), at + half + 1)
    return np.asarray((total[last] - total[first]) / (last - first))


def find_fibrillation(beats: Beats, marks: Delineation | None = None, *, fs: float) -> tuple[tuple[int, int], ...]:
    """Return the stretches of atrial fibrillation, first R to last R.

    Parameters
    ----------
    beats : Beats
        With their classes: intervals beside ventricular and paced beats are passed over.
    marks : Delineation, optional
        Of every beat: where P waves stand evenly before the QRS an irregular rhythm is no fibrillation.
    fs : float
        Hz.

    Returns
    -------
    tuple of (int, int)
        Samples, increasing; each at least `EPISODES.af_least_s` long.

    Notes
    -----
    Multifocal atrial tachycardia and flutter with changing block may pass for fibrillation.
    """
    r = beats.r_peaks
    if len(r) <= EPISODES.af_window:
        return ()
    ordinary = np.ones(len(r), bool) if beats.kinds is None else ~np.isin(beats.kinds, ["V", "Q"])
    at = np.flatnonzero(ordinary[1:] & ordinary[:-1] & ~touches_gap(r[:-1], r[1:], beats.gaps))
    irregular, apart = irregularity((r[at + 1] - r[at]) / fs)
    fibrillates = (irregular > EPISODES.af_threshold) & (apart >= EPISODES.af_bigeminy)
    found: list[tuple[int, int]] = []
    for i, j in np.flatnonzero(np.diff(np.concatenate(([0], fibrillates.view(np.int8), [0])))).reshape(-1, 2).tolist():
        start, stop = int(r[at[i]]), int(r[at[j - 1] + 1])
        if found and start - found[-1][1] <= EPISODES.af_bridge_s * fs:
            start = found.pop()[0]
        found.append((start, stop))
    long_enough = ((a, b) for a, b in found if b - a >= EPISODES.af_least_s * fs)
    return tuple((a, b) for a, b in long_enough if marks is None or not _has_p(beats, marks, a, b, fs))


def _has_p(beats: Beats, marks: Delineation, start: int, stop: int, fs: float) -> bool:
    """Return whether P waves stand before the ordinary beats of a stretch, and evenly."""
    first, last = np.searchsorted(beats.r_peaks, (start, stop))
    ordinary = np.ones(last - first, bool) if beats.kinds is None else beats.kinds[first:last] == "N"
    onset, p_peak = marks.qrs_onset[first:last][ordinary], marks.p_peak[first:last][ordinary]
    has = (onset != ABSENT) & (p_peak != ABSENT)
    if not len(has) or has.mean() < EPISODES.p_share:
        return False
    distance = onset[has] - p_peak[has]
    return bool(np.median(np.abs(distance - np.median(distance))) <= EPISODES.p_spread_s * fs)
