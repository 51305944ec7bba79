"""Pacing spikes: found, reported, taken out before beats are looked for."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import median_of_many
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
        usual = median_of_many(steps[steps > 0]) if (steps > 0).any() else 0.0
        out = np.empty(len(row) // width + 1, np.int64)
        height = max(SPIKE_MV, SPIKE_NOISE * usual)
        found.append(out[: spikes_into(np.ascontiguousarray(row), width, height, out)])
    return _merge(found, width, at_least=2 if len(signal) >= 3 else 1)


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
