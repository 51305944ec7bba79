"""Pacing spikes: found, reported, taken out before beats are looked for."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import median_of_many, middle
from ecg_engine.detection.parameters import samples
from ecg_engine.kernels.pacing import bridge_into, spikes_into

#: A spike lasts 0.1 to 2.5 ms (IEC 60601-2-27); after the device's low-pass and sampling it spreads to about 8 ms.
SPIKE_S: Final = 0.008
#: It is bridged so far either side of its top, s: farther, and the line would cut into the QRS that it calls up.
BRIDGE_S: Final = 0.004
#: IEC 60601-2-25 asks for spikes of 2 mV and more; after 150 Hz low-pass at 500 Hz a tenth of it is left.
SPIKE_MV: Final = 0.25
#: Against the steepness of everything else in the lead (median absolute difference).
SPIKE_NOISE: Final = 25.0
#: Steps below half a microvolt, mV, are the rounding's: devices resolve 0.6 to 5 µV, and a lead that rests on one value
#: of its converter rests no longer once it is resampled.
LEAST_STEP_MV: Final = 0.0005
#: Smaller spikes are told by their place: each beat has one, so long before R, s, at one time to so much, s, in so many
#: of the beats. A wide QRS goes on for longer than the nearer limit.
LOCKED_S: Final = (0.20, 0.05)
LOCKED_WITHIN_S: Final = 0.010
LOCKED_SHARE: Final = 0.6
LOCKED_BEATS: Final = 4
#: Their sharpness, against the steepness of everything else, is at least this.
LOCKED_NOISE: Final = 27.0
#: Squares of the second differences around a spike of one sample and unit height: 1/4, 1, 1/4.
_LONE_SPIKE: Final = 1.5
#: Slower recordings cannot show a spike: it would be one sample.
MIN_FS: Final = 400.0


def find_pacing_spikes(signal: NDArray[np.float64], *, fs: float) -> NDArray[np.int64]:
    """Find pacing spikes in any lead.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV, no NaN.
    fs : float
        Hz; below 400 Hz nothing is found, since spikes cannot be told from noise.

    Returns
    -------
    (n_spikes,) int64 array
        Samples, increasing; those within 8 ms in several leads are one. A spike must stand in at least two leads where
        there are three or more.
    """
    if fs < MIN_FS:
        return np.zeros(0, np.int64)
    width = samples(SPIKE_S, fs)
    found: list[NDArray[np.int64]] = []
    for row in signal:
        steps = (
            np.abs(np.diff(row[:: max(1, len(row) // 200_000)]))
            if len(row) < 200_000
            else np.abs(np.diff(row[:200_000]))
        )
        steps = steps[steps >= LEAST_STEP_MV]
        usual = median_of_many(steps) if steps.size else 0.0
        out = np.empty(len(row) // width + 1, np.int64)
        height = max(SPIKE_MV, SPIKE_NOISE * usual)
        found.append(out[: spikes_into(np.ascontiguousarray(row), width, height, out)])
    return _merge(found, width, at_least=2 if len(signal) >= 3 else 1)


def find_locked_spikes(signal: NDArray[np.float64], r_peaks: NDArray[np.int64], *, fs: float) -> NDArray[np.int64]:
    """Find small spikes that stand at one time before the R peaks.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV, no NaN.
    r_peaks : (n_beats,) int64 array
    fs : float
        Hz; below 400 Hz nothing is found.

    Returns
    -------
    (n_spikes,) int64 array
        Samples, increasing; empty where the beats do not share such a spike.

    Notes
    -----
    A spike after the device's low-pass is a bend of one or two samples; it must be so many times as sharp as the lead
    is steep (`LOCKED_NOISE`), in the median beat, and in two leads at least. Sharp is the root of the summed squares of
    three second differences, as a share of what a spike of one sample has: the same wherever between two samples it
    stands.
    """
    near, far = samples(LOCKED_S[1], fs), samples(LOCKED_S[0], fs)
    whole = r_peaks[r_peaks >= far + 2]
    if fs < MIN_FS or len(signal) < 2 or len(whole) < LOCKED_BEATS:
        return np.zeros(0, np.int64)
    at = whole[:, None] + np.arange(-far, -near + 1)
    around = whole[:, None] + np.arange(-far - 2, -near + 3)
    sharp = np.empty((len(signal), *at.shape))
    for row, out in zip(signal, sharp, strict=True):
        steps = np.abs(np.diff(row[:200_000]))
        steps = steps[steps >= LEAST_STEP_MV]
        usual = middle(steps) if steps.size else np.inf
        part = row[around]
        bend = np.square(part[:, 1:-1] - 0.5 * (part[:, :-2] + part[:, 2:]))
        np.sqrt((bend[:, :-2] + bend[:, 1:-1] + bend[:, 2:]) / _LONE_SPIKE, out=out)
        out /= max(usual, 1e-6)
    second = np.partition(sharp, -2, axis=0)[-2]
    place = second.argmax(axis=1)
    usual_place = middle(place)
    locked = np.abs(place - usual_place) <= LOCKED_WITHIN_S * fs
    if middle(second.max(axis=1)) < LOCKED_NOISE or locked.mean() < LOCKED_SHARE:
        return np.zeros(0, np.int64)
    return np.asarray(at[np.arange(len(whole)), place][locked], np.int64)


def _merge(found: list[NDArray[np.int64]], width: int, *, at_least: int) -> NDArray[np.int64]:
    """Return one mark for marks of several leads within `width`, where at least so many leads have it."""
    every = np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)
    if not every.size:
        return np.zeros(0, np.int64)
    groups = np.split(every, np.flatnonzero(np.diff(every) > width) + 1)
    return np.array([int(np.median(g)) for g in groups if len(g) >= at_least], np.int64)


def without_spikes(signal: NDArray[Any], spikes: NDArray[np.int64], *, fs: float) -> NDArray[np.float64]:
    """Return `signal` with a straight line over each spike."""
    if not spikes.size:
        return np.ascontiguousarray(signal, dtype=np.float64)
    reach = samples(BRIDGE_S, fs)
    out = np.empty_like(signal, dtype=np.float64)
    for row, target in zip(signal, out, strict=True):
        bridge_into(np.ascontiguousarray(row, dtype=np.float64), spikes, reach, reach, target)
    return out
