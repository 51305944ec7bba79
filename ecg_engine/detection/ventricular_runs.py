"""Runs of ventricular beats: by the classes of the beats, and only where the leads bear them out.

A moving electrode writes broad early deflections that are classed as ventricular. They differ from one another and ride
on a wandering baseline, while the beats of a run from one place of the ventricles are alike. So a run counts where its
beats are alike, or where they at least do not contradict each other and the baseline stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import fill_gaps
from ecg_engine.detection.laying import spread
from ecg_engine.detection.parameters import VENTRICULAR, odd_samples, samples
from ecg_engine.kernels.smoothing import moving_means_into
from ecg_engine.types import Beats, Spell

__all__ = ["longest_ventricular_run"]

#: In such seconds a lead shows no beat's shape.
_FAULTS = frozenset({"gaps", "saturated", "lead_off", "noisy", "baseline_wander"})
#: The size of the usual beat is taken from so many beats, evenly spread.
_VOTERS = 64
#: Of a longer run so many beats in its middle are looked at: memory does not grow with the hours that it lasts.
_MOST_BEATS = 64
_TINY = 1e-9


def longest_ventricular_run(
    signal: NDArray[np.floating], *, fs: float, beats: Beats, spells: Sequence[Sequence[Spell]], least_bpm: float
) -> tuple[int, float]:
    """Return the longest run of beats of class V that the leads bear out: how many, and their mean rate, /min.

    Parameters
    ----------
    signal : (n_leads, n_samples) array
        mV; NaN is a gap. The leads that can be used, at least one.
    fs : float
        Hz.
    beats : Beats
        With their classes.
    spells : sequence of sequence of Spell
        Of each lead: in a second in which all leads are bad no beat counts.
    least_bpm : float
        None of the run's intervals is slower.

    Returns
    -------
    n_beats : int
        0 without a beat of class V.
    rate_bpm : float
        0 with fewer than two.

    Notes
    -----
    Two beats are a couplet, which is not examined. A fusion beat counts: a run begins or ends with it.
    """
    if beats.kinds is None or not (beats.kinds == "V").any():
        return 0, 0.0
    counted = np.isin(beats.kinds, ("V", "F")) & ~_hidden(beats.r_peaks / fs, spells)
    found = sorted(_runs(beats.r_peaks, counted, fs * 60.0 / least_bpm), key=lambda run: run[0] - run[1])
    for first, last in found:
        if last - first < 2 or _borne_out(signal, fs, beats.r_peaks, first, last):
            seconds = float(beats.r_peaks[last] - beats.r_peaks[first]) / fs
            return last - first + 1, 60.0 * (last - first) / seconds if seconds > 0 else 0.0
    return 0, 0.0


def _runs(at: NDArray[np.int64], counted: NDArray[np.bool_], reach: float) -> Iterator[tuple[int, int]]:
    """Yield the first and last beat of each run."""
    joined = counted[1:] & counted[:-1] & (np.diff(at) <= reach)
    edges = np.diff(np.concatenate(([0], joined.astype(np.int8), [0])))
    yield from zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True)
    if not joined.any():
        first = int(np.argmax(counted))
        if counted[first]:
            yield first, first


def _hidden(times_s: NDArray[np.float64], spells: Sequence[Sequence[Spell]]) -> NDArray[np.bool_]:
    """Return which beats stand in seconds in which every lead is bad."""
    out = np.ones(len(times_s), dtype=bool)
    for lead in spells:
        bad = np.zeros(len(times_s), dtype=bool)
        for spell in lead:
            if spell.reason in _FAULTS:
                bad |= (times_s >= spell.start_s) & (times_s < spell.stop_s)
        out &= bad
    return out


def _borne_out(signal: NDArray[np.floating], fs: float, at: NDArray[np.int64], first: int, last: int) -> bool:
    """Return whether the beats of a run are alike, or not unlike on a baseline that stays."""
    size = _usual_size(signal, fs, at)
    more = max(0, last - first + 1 - _MOST_BEATS)
    first, last = first + more // 2, last - (more - more // 2)
    margin = samples(VENTRICULAR.run_margin_s, fs)
    start, stop = max(0, int(at[first]) - margin), min(signal.shape[1], int(at[last]) + margin)
    piece = fill_gaps(np.array(signal[:, start:stop], dtype=np.float64)) / size[:, None]
    alike = _alike(piece, fs, at[first : last + 1] - start)
    if alike >= VENTRICULAR.run_alike:
        return True
    level = np.empty_like(piece)
    moving_means_into(piece, odd_samples(VENTRICULAR.run_level_s, fs), level)
    return alike >= VENTRICULAR.run_unlike and float(np.ptp(level, axis=1).min()) < VENTRICULAR.run_wander


def _usual_size(signal: NDArray[np.floating], fs: float, at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the swing of the usual beat in each lead, mV."""
    before, after = (samples(s, fs) for s in VENTRICULAR.beat_s)
    whole = spread(at[(at >= before) & (at + after <= signal.shape[1])], _VOTERS)
    if not len(whole):
        return np.ones(len(signal))
    cut = signal[:, whole[:, None] + np.arange(-before, after)]
    swing = np.where(np.isnan(cut).any(axis=2), np.nan, np.ptp(cut, axis=2))
    known = np.isfinite(swing).any(axis=1)
    out = np.ones(len(signal))
    out[known] = np.nanmedian(swing[known], axis=1)
    return np.maximum(out, _TINY)


def _alike(piece: NDArray[np.float64], fs: float, at: NDArray[np.int64]) -> float:
    """Return the median correlation of each beat with the one before, moved against each other to fit best."""
    before, after = (samples(s, fs) for s in VENTRICULAR.beat_s)
    reach = samples(VENTRICULAR.run_shift_s, fs)
    smooth = np.empty_like(piece)
    moving_means_into(piece, odd_samples(VENTRICULAR.run_smooth_s, fs), smooth)
    at = at[(at >= before + reach) & (at + after + reach <= piece.shape[1])]
    if len(at) < 2:
        return -1.0
    shifts = np.arange(-reach, reach + 1, max(1, reach // 6))
    moved = smooth[:, at[:, None, None] + shifts[:, None] + np.arange(-before, after)]
    moved = moved - moved.mean(axis=3, keepdims=True)
    still = smooth[:, at[:, None] + np.arange(-before, after)]
    still = still - still.mean(axis=2, keepdims=True)
    product = np.einsum("lbt,lbst->bs", still[:, :-1], moved[:, 1:])
    power = np.einsum("lbt,lbt->b", still[:, :-1], still[:, :-1])[:, None] * np.einsum(
        "lbst,lbst->bs", moved[:, 1:], moved[:, 1:]
    )
    return float(np.median((product / np.sqrt(np.maximum(power, _TINY**2))).max(axis=1)))
