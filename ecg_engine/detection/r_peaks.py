"""Heart beats in one or several leads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import fill_gaps, gaps_of, leads_of, scaled
from ecg_engine.detection.pacing import find_pacing_spikes, without_spikes
from ecg_engine.detection.parameters import QRS, odd_samples, samples
from ecg_engine.kernels.qrs import (
    add_weighted_square_into,
    choose_beats_into,
    local_levels_into,
    local_maxima_into,
    locate_r_into,
    slope_energy_into,
)
from ecg_engine.kernels.smoothing import moving_median_into
from ecg_engine.types import Beats
from ecg_engine.types.recording import check_fs

#: A lead whose beats stand out less than this over its own noise has no vote.
_NO_VOTE = 1.5


def detect_r_peaks(ecg: Any, *, fs: float, amplitude_floor_mv: float | None = QRS.floor_mv) -> NDArray[np.int64]:
    """Find the R peak of every beat.

    Parameters
    ----------
    ecg : (n_samples,) or (n_leads, n_samples) array
        mV; NaN is a gap. Several rows are simultaneous leads and give one answer.
    fs : float
        Hz.
    amplitude_floor_mv : float or None
        A QRS below it (peak to peak, best lead) is no beat. None says that the unit is unknown: then scaling the
        signal does not change the answer.

    Returns
    -------
    (n_beats,) int64 array
        Samples, increasing: where the leads together stand farthest from their level, upwards or downwards.

    Raises
    ------
    SignalError
        No samples, infinite or only NaN, or more than two dimensions.
    InputError
        `fs` is no sampling rate.

    Notes
    -----
    Scheme of Pan and Tompkins 1985 (doi:10.1109/TBME.1985.325532) with symmetrical moving means for its filters, the
    median level of Hamilton 2002 for its running peaks, and the whole signal in view instead of a learning phase.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(5000) / 500
    >>> ecg = sum(np.exp(-(((t - at) / 0.012) ** 2)) for at in np.arange(0.6, 9.9, 0.8))
    >>> detect_r_peaks(ecg, fs=500)[:3]
    array([ 300,  700, 1100])
    """
    return detect_beats(ecg, fs=fs, amplitude_floor_mv=amplitude_floor_mv).r_peaks


def detect_beats(ecg: Any, *, fs: float, amplitude_floor_mv: float | None = QRS.floor_mv) -> Beats:
    """Find the beats and what else is seen on the way: pacing spikes, gaps, the leads used.

    Parameters and errors are those of `detect_r_peaks`.

    Returns
    -------
    Beats
        Its `kinds` is None: see `classify_beats`.
    """
    fs = check_fs(fs)
    given = leads_of(ecg)
    signal = fill_gaps(given)
    spikes = find_pacing_spikes(signal, fs=fs)
    pairs = [scaled(row) for row in without_spikes(signal, spikes, fs=fs)]
    used = tuple(i for i, (_, unit) in enumerate(pairs) if unit > 0)
    gaps = gaps_of(given, samples(QRS.refractory_s, fs))
    rows, units = [pairs[i][0] for i in used], np.array([pairs[i][1] for i in used])
    at = _outside(_beats_in(_energy(rows, fs), fs), gaps)
    r_peaks = _r_near(rows, units, at, fs, amplitude_floor_mv)
    return Beats(r_peaks=r_peaks, pacing_spikes=spikes, gaps=gaps, leads=used)


def _energy(rows: list[NDArray[np.float64]], fs: float) -> NDArray[np.float64]:
    """Return one slope energy over all leads; each lead's share follows how far its beats stand out at the time."""
    if not rows:
        return np.zeros(0)
    n = len(rows[0])
    smooth, lag = odd_samples(QRS.smooth_s, fs), samples(QRS.lag_s, fs)
    width = odd_samples(QRS.width_s, fs)
    work = np.empty(n)
    energies = []
    for row in rows:
        energy = np.empty(n)
        slope_energy_into(row, smooth, lag, width, work, energy)
        energies.append(energy)
    if len(energies) == 1:
        return energies[0]
    total = np.zeros(n)
    votes = np.zeros(n)
    for energy in energies:
        weight, vote = _vote(energy, fs)
        add_weighted_square_into(energy, weight, total)
        votes += vote * vote
    return np.sqrt(total / np.maximum(votes, 1e-12))


def _vote(energy: NDArray[np.float64], fs: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a lead's weight for its energy, and its vote: how far its beats stand out over its noise, over time."""
    n = len(energy)
    at, _, level = _candidates(energy, fs)
    if not at.size:
        return np.zeros(n), np.zeros(n)
    width = min(odd_samples(QRS.block_s, fs), 2 * (n // 2) + 1)
    noise = np.empty(n)
    moving_median_into(energy, width, samples(QRS.block_s / 4, fs), np.empty(width), noise)
    half = width // 2
    if n > 2 * half:
        # Near the ends the window repeats the last sample: what the last whole window says is better.
        noise[:half], noise[n - half :] = noise[half], noise[n - half - 1]
    usual = np.interp(np.arange(n), at, level)
    contrast = usual / np.maximum(noise, 1e-9 * usual.max())
    vote = np.clip(contrast - _NO_VOTE, 1e-3, 20.0)
    return vote / np.maximum(usual, 1e-9 * usual.max()), vote


def _candidates(
    energy: NDArray[np.float64], fs: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return where the energy has its peaks, their heights, and the usual height of a beat around each."""
    half = samples(QRS.apart_s, fs)
    found = np.empty(len(energy) // half + 2, np.int64)
    at = found[: local_maxima_into(energy, half, found)]
    height = energy[at]
    level = np.empty(len(at))
    apart, span = samples(QRS.top_s, fs), samples(QRS.span_s, fs)
    local_levels_into(at, height, apart, span, np.empty(2 * span // apart + 3), np.empty(len(at), np.uint8), level)
    return at, height, level


def _beats_in(energy: NDArray[np.float64], fs: float) -> NDArray[np.int64]:
    """Return where the energy says that there are beats."""
    if not energy.size:
        return np.zeros(0, np.int64)
    at, height, level = _candidates(energy, fs)
    beats = np.empty(len(at), np.int64)
    count = choose_beats_into(
        at,
        height,
        level,
        QRS.threshold,
        QRS.back_share,
        QRS.late,
        samples(QRS.refractory_s, fs),
        samples(QRS.margin_s, fs),
        samples(QRS.t_window_s, fs),
        QRS.t_share,
        samples(QRS.p_window_s, fs),
        QRS.p_share,
        QRS.low_share,
        QRS.usual_share,
        QRS.soon_share,
        np.empty(len(at), np.uint8),
        beats,
    )
    return beats[:count]


def _outside(at: NDArray[np.int64], gaps: tuple[tuple[int, int], ...]) -> NDArray[np.int64]:
    for start, stop in gaps:
        at = at[(at < start) | (at >= stop)]
    return np.ascontiguousarray(at)


def _r_near(
    rows: list[NDArray[np.float64]],
    units: NDArray[np.float64],
    at: NDArray[np.int64],
    fs: float,
    floor_mv: float | None,
) -> NDArray[np.int64]:
    """Return the R peaks at the beats, without those whose QRS is below the floor, and without doubles.

    `rows` are scaled leads, `units` what their scale is in mV.
    """
    if not at.size:
        return np.zeros(0, np.int64)
    half, smooth = samples(QRS.locate_s, fs), round(QRS.locate_smooth_s * fs)
    r_peaks, swing = np.empty(len(at), np.int64), np.empty(len(at))
    signal = rows[0][np.newaxis] if len(rows) == 1 else np.array(rows)
    work = np.empty(2 * half + 1)
    locate_r_into(signal, units, at, half, smooth, samples(QRS.level_s, fs), work, r_peaks, swing)
    if floor_mv is not None:
        r_peaks, swing = r_peaks[swing >= floor_mv], swing[swing >= floor_mv]
    return _once(r_peaks, swing, samples(QRS.twice_s, fs))


def _once(r_peaks: NDArray[np.int64], swing: NDArray[np.float64], apart: int) -> NDArray[np.int64]:
    """Return the R peaks in order; of two that are nearer than `apart` the one of the larger swing."""
    order = np.argsort(r_peaks, kind="stable")
    if not order.size or int(np.diff(r_peaks[order]).min(initial=apart)) >= apart:
        return np.ascontiguousarray(r_peaks[order])
    kept: list[int] = []
    for i in order:
        if kept and r_peaks[i] - r_peaks[kept[-1]] < apart:
            if swing[i] > swing[kept[-1]]:
                kept[-1] = int(i)
            continue
        kept.append(int(i))
    return np.ascontiguousarray(r_peaks[kept])
