"""Baseline and mains removal that leaves ST where it is.

A linear high-pass cannot be both safe and useful: 0.1 Hz zero-phase leaves 99 % of a wander of 0.3 Hz, 0.5 Hz leaves
0.33 mV beside the impulse of IEC 60601-2-25. So the baseline is a curve through the PR segments, where the heart is
electrically silent, and mains is a fitted sine, taken away only where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import median_of_many, middle
from ecg_engine.detection.parameters import CLEANING, odd_samples, samples
from ecg_engine.kernels.cleaning import fit_sine_into, knots_into, spline_into, subtract_sine_into
from ecg_engine.kernels.smoothing import moving_mean_into

#: Harmonics of mains that are looked for.
_HARMONICS: Final = (1, 2, 3)
#: Of a recording of many windows one in so many is looked at first; with less than this share of the floor in them (or
#: with so few of them) no more are.
_PROBE, _FEW_WINDOWS, _PROBE_SHARE = 10, 10, 0.6
#: Waves kept for the next lead, a pair of arrays as long as it: more would cost memory in a long recording with mains.
_WAVES_KEPT: Final = 2
#: Up to so many samples the waves are kept for the next recording too, all that one with mains needs; so much of a
#: longer one says what the mains frequency is.
_SHORT, _SHORT_WAVES_KEPT = 20_000, 16
#: The mains frequency is told by how the sine turns from one block to the next, then over more of them; known to so
#: much, Hz, that most leads of a recording have one.
_BLOCK_S, _LAGS, _FINE_HZ = 0.2, (1, 5, 25), 0.01
#: Frequencies beside mains that its amplitude is held against, Hz.
_BESIDE_HZ: Final = (-7.0, -4.0, 4.0, 7.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MainsRemoved:
    """What `remove_mains` returns.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
    mains_hz : float or None
        The frequency that was found in any lead.
    amplitude_mv : (n_leads,) array
        Amplitude that was taken away, 0 where nothing was.
    """

    signal: NDArray[np.float64]
    mains_hz: float | None
    amplitude_mv: NDArray[np.float64]


def clean(signal: NDArray[np.floating], *, fs: float, qrs_onsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return `signal` without mains and baseline, gaps kept.

    Parameters
    ----------
    signal : (n_leads, n_samples) array
        mV; NaN is a gap.
    fs : float
        Hz.
    qrs_onsets : (n_beats,) int64 array
        Empty: then only the level is removed.

    Returns
    -------
    (n_leads, n_samples) float64 array
        mV, about 0 in the PR segments.
    """
    from ecg_engine.detection._prepare import fill_gaps

    given = np.ascontiguousarray(signal, dtype=np.float64)
    filled = fill_gaps(given)
    out = remove_baseline(remove_mains(filled, fs=fs).signal, fs=fs, qrs_onsets=qrs_onsets)
    if filled is not given:
        out[np.isnan(given)] = np.nan
    return out


def remove_baseline(signal: NDArray[np.float64], *, fs: float, qrs_onsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Subtract the natural cubic spline through the PR segments, or the median where no beat is known.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV, no NaN.
    fs : float
        Hz.
    qrs_onsets : (n_beats,) int64 array
        Increasing.

    Returns
    -------
    (n_leads, n_samples) float64 array

    Notes
    -----
    Knots in the PR segment: Meyer and Keiser 1977 (doi:10.1016/0010-4809(77)90021-0). A knot that stands more than
    0.5 mV and four usual deviations off the line through its neighbours is an artefact and is left out, so that an
    impulse of 3 mV does not bend the beats beside it.
    """
    if not qrs_onsets.size:
        return np.asarray(signal - np.median(signal, axis=1, keepdims=True))
    before, width = samples(CLEANING.knot_before_s, fs), samples(CLEANING.knot_s, fs)
    onsets = np.ascontiguousarray(qrs_onsets[qrs_onsets >= before + width])
    if not onsets.size:
        onsets = qrs_onsets
    level = np.empty((len(signal), len(onsets)))
    knots_into(signal, onsets, before, width, level)
    at = np.maximum(onsets - before - width // 2, 0)
    out = np.empty_like(signal)
    for row, knots, target in zip(signal, level, out, strict=True):
        keep = _no_artefact(at, knots)
        spline_into(np.ascontiguousarray(at[keep]), np.ascontiguousarray(knots[keep]), target)
        np.subtract(row, target, out=target)
    return out


def _no_artefact(at: NDArray[np.int64], knots: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which knots stand near the line through their neighbours (the first and last: near the next but one)."""
    m = len(knots)
    keep = np.ones(m, dtype=bool)
    if m < 4:
        level = np.median(knots)
        if m == 3:
            keep = np.abs(knots - level) <= 2 * CLEANING.knot_step_mv
        return keep
    off = np.empty(m)
    share = (at[1:-1] - at[:-2]) / (at[2:] - at[:-2])
    off[1:-1] = knots[1:-1] - (knots[:-2] + share * (knots[2:] - knots[:-2]))
    off[0], off[-1] = knots[0] - middle(knots[1:4]), knots[-1] - middle(knots[-4:-1])
    limit = max(CLEANING.knot_step_mv, 4 * 1.4826 * middle(np.abs(off)))
    # An outlier throws its neighbours' lines off by half its height: only the local extreme of a run is the outlier.
    size = np.abs(off)
    left, right = np.concatenate(([0.0], size[:-1])), np.concatenate((size[1:], [0.0]))
    keep[(size > limit) & (size >= left) & (size >= right)] = False
    return keep


def remove_mains(signal: NDArray[np.float64], *, fs: float) -> MainsRemoved:
    """Subtract mains interference of 50 or 60 Hz and its harmonics, where there is any.

    The sine is fitted in windows of 2 s to what a mean over one period leaves, outside the QRS, so that neither QRS nor
    ST enter into it; it is removed only where it stands out over the frequencies beside it. Its own frequency is
    found first, within `CLEANING.mains_off_hz` of what it should be: grids and generators stray, and a device's clock.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV, no NaN.
    fs : float
        Hz.

    Returns
    -------
    MainsRemoved

    Notes
    -----
    Regression subtraction, see Levkov et al. 2005 (doi:10.1186/1475-925X-4-50). How far mains may stray: EN 50160,
    4.2.1, 1 % in a large grid and 2 % in one of its own most of the time. The frequency: how the phase turns from block
    to block, see Kay 1989 (doi:10.1109/29.45547).
    """
    out = np.array(signal, dtype=np.float64)
    amplitude = np.zeros(len(signal))
    found: dict[float, float] = {}
    waves = (_short_waves_of if signal.shape[1] <= _SHORT else _waves_of)(signal.shape[1], fs)
    for mains_hz in CLEANING.mains_hz:
        if mains_hz > 0.45 * fs or signal.shape[1] < samples(0.5, fs):
            continue
        for i, row in enumerate(out):
            removed = _remove_one(row, mains_hz, fs, waves)
            amplitude[i] = max(amplitude[i], removed)
            found[mains_hz] = max(found.get(mains_hz, 0.0), removed)
    best = max(found, key=lambda hz: found[hz], default=None)
    return MainsRemoved(
        signal=out, mains_hz=best if best is not None and found[best] > 0 else None, amplitude_mv=amplitude
    )


_Waves = Callable[[float], tuple[NDArray[np.float64], NDArray[np.float64]]]


def _waves_of(n: int, fs: float) -> _Waves:
    """Return what makes `n` samples of cosine and sine of a frequency, Hz, and keeps the last ones."""

    @lru_cache(maxsize=_SHORT_WAVES_KEPT if n <= _SHORT else _WAVES_KEPT)
    def waves(hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        turns = (2 * np.pi * hz / fs) * np.arange(n)
        return np.cos(turns), np.sin(turns)

    return waves


#: Most recordings are of one length.
_short_waves_of = lru_cache(maxsize=2)(_waves_of)


def _remove_one(row: NDArray[np.float64], mains_hz: float, fs: float, waves: _Waves) -> float:
    """Subtract one mains frequency with its harmonics from `row` in place; return the fundamental's amplitude, mV."""
    width = odd_samples(1.0 / mains_hz, fs)
    smooth = np.empty_like(row)
    moving_mean_into(np.ascontiguousarray(row), width, smooth)
    rest = np.subtract(row, smooth, out=smooth)
    size_mv = np.abs(rest)
    weight = (size_mv <= 3.0 * median_of_many(size_mv)).astype(np.float64)
    mains_hz = _frequency(rest, weight, mains_hz, fs)
    length = min(samples(CLEANING.mains_window_s, fs), len(row))
    hop = max(1, length // 2)
    n_windows = max(1, (len(row) - length) // hop + 1)
    if n_windows > 2 * _PROBE * _FEW_WINDOWS:
        # Most long recordings have none of it: every tenth window says so.
        probe = _fit(rest, weight, mains_hz, fs, waves, width, length, hop * _PROBE, n_windows // _PROBE)
        if middle(np.hypot(probe[:, 0], probe[:, 1])) < _PROBE_SHARE * CLEANING.mains_floor_mv:
            return 0.0
    taken = 0.0
    for harmonic in _HARMONICS:
        hz = harmonic * mains_hz
        if hz > 0.45 * fs:
            break
        fitted = _fit(rest, weight, hz, fs, waves, width, length, hop, n_windows)
        size = middle(np.hypot(fitted[:, 0], fitted[:, 1]))
        if size < CLEANING.mains_floor_mv:
            if harmonic == 1:
                return 0.0
            continue
        beside = max(
            middle(np.hypot(*_fit(rest, weight, hz + d, fs, waves, width, length, hop, n_windows).T))
            for d in _BESIDE_HZ
            if 0 < hz + d < 0.49 * fs
        )
        if size < CLEANING.mains_contrast * beside:
            if harmonic == 1:
                return 0.0
            continue
        subtract_sine_into(fitted, 2 * np.pi * hz / fs, length, hop, row)
        taken = max(taken, size)
    return taken


def _frequency(rest: NDArray[np.float64], weight: NDArray[np.float64], nominal_hz: float, fs: float) -> float:
    """Return the frequency of a sine near `nominal_hz`; this itself where none keeps its pace or none is so near."""
    n = min(len(rest), _SHORT)
    first, length = (len(rest) - n) // 2, samples(_BLOCK_S, fs)
    blocks = np.empty((n // length, 2))
    if len(blocks) < 2:
        return nominal_hz
    part = slice(first, first + n)
    fit_sine_into(rest[part], weight[part], *_short_waves_of(n, fs)(nominal_hz), length, length, blocks)
    turning = blocks[:, 0] - 1j * blocks[:, 1]
    power = np.square(blocks).sum(axis=1)
    at_s, off_hz = np.arange(len(blocks)) * (length / fs), 0.0
    for lag in _LAGS[: 1 + (len(blocks) > 2 * _LAGS[1]) + (len(blocks) > 2 * _LAGS[2])]:
        still = turning * np.exp(-2j * np.pi * off_hz * at_s)
        turned = np.vdot(still[:-lag], still[lag:])
        if np.abs(turned) < CLEANING.mains_pace * np.sqrt(power[:-lag].sum() * power[lag:].sum()):
            break
        off_hz += float(np.angle(turned)) / (2 * np.pi * at_s[lag])
    if abs(off_hz) > CLEANING.mains_off_hz:
        return nominal_hz
    return nominal_hz + _FINE_HZ * round(off_hz / _FINE_HZ)


def _fit(
    rest: NDArray[np.float64],
    weight: NDArray[np.float64],
    hz: float,
    fs: float,
    waves: _Waves,
    width: int,
    length: int,
    hop: int,
    n_windows: int,
) -> NDArray[np.float64]:
    """Return the coefficients of each window, the gain of the mean over `width` samples made good."""
    omega = 2 * np.pi * hz / fs
    fitted = np.empty((n_windows, 2))
    fit_sine_into(rest, weight, *waves(hz), length, hop, fitted)
    passed = np.sin(omega * width / 2) / (width * np.sin(omega / 2))
    return np.asarray(fitted / (1.0 - passed))
