"""Quantities of pacing: which spikes stand before a beat, and which none follows."""

from __future__ import annotations

from typing import Final

import numpy as np

from ecg_engine.types import Beats

#: A spike belongs to the next R peak within so long, ms: an AV delay of 300 ms and the way to R.
REACH_MS: Final = 400.0
#: Two spikes so near are one, ms.
APART_MS: Final = 20.0
#: A spike so soon after an R finds the ventricles not recovered: it need not capture, ms.
REFRACTORY_MS: Final = 400.0


def measure_pacing(beats: Beats, fs: float) -> dict[str, float]:
    """Measure the spikes against the beats.

    Parameters
    ----------
    beats : Beats
    fs : float
        Hz.

    Returns
    -------
    dict of str to float
        By quantity code; empty without spikes or beats.
    """
    r, spikes = beats.r_peaks / fs * 1000, beats.pacing_spikes / fs * 1000
    if not len(spikes) or len(r) < 2:
        return {}
    spikes = spikes[np.append(True, np.diff(spikes) >= APART_MS)]
    following = np.searchsorted(r, spikes)
    inside = following < len(r)
    gap = np.where(inside, r[np.minimum(following, len(r) - 1)] - spikes, np.inf)
    leads = gap <= REACH_MS
    out: dict[str, float] = {}
    counts = np.bincount(following[leads], minlength=len(r))
    if leads.any():
        paced = np.flatnonzero(counts)
        last = {int(k): float(g) for k, g in zip(following[leads], gap[leads], strict=True)}
        first: dict[int, float] = {}
        for k, g in zip(following[leads].tolist(), gap[leads].tolist(), strict=True):
            first.setdefault(k, g)
        out["spikes_a_beat"] = float(np.median(counts[paced]))
        out["spike_to_r_ms"] = float(np.median([last[k] for k in paced.tolist()]))
        out["first_spike_to_r_ms"] = float(np.median([first[k] for k in paced.tolist()]))
    since = np.where(following > 0, spikes - r[np.maximum(following - 1, 0)], np.inf)
    lone = inside & ~leads & (since >= REFRACTORY_MS)
    if lone.any():
        out["n_spikes_without_beat"] = float(lone.sum())
    return out
