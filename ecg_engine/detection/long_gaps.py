"""Beats of a recording whose leads all fall silent for a while."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import QRS, samples
from ecg_engine.detection.r_peaks import detect_beats
from ecg_engine.types import Beats

__all__ = ["beats_between_gaps"]


def beats_between_gaps(signal: NDArray[np.float64], fs: float) -> Beats:
    """Return the beats of a signal, sought anew after each long gap of all leads.

    Nothing is heard of the leads in a gap: their weights would follow the silence, and beats after it would be missed.
    """
    silent = np.isnan(signal[0])
    if not silent.any():
        return detect_beats(signal, fs=fs)
    for row in signal[1:]:
        silent &= np.isnan(row)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], silent.view(np.int8), [0])))).reshape(-1, 2).tolist()
    long_ones = [(a, b) for a, b in edges if b - a >= samples(QRS.split_s, fs)]
    if not long_ones:
        return detect_beats(signal, fs=fs)
    bounds = [0, *(edge for gap in long_ones for edge in gap), signal.shape[1]]
    parts = [(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=True) if b > a]
    found = [(a, detect_beats(np.ascontiguousarray(signal[:, a:b]), fs=fs)) for a, b in parts]
    if not found:
        return detect_beats(signal, fs=fs)
    gaps = [*long_ones, *((x + a, y + a) for a, part in found for x, y in part.gaps)]
    return Beats(
        r_peaks=np.concatenate([part.r_peaks + a for a, part in found]),
        pacing_spikes=np.concatenate([part.pacing_spikes + a for a, part in found]),
        gaps=tuple(sorted(gaps)),
        leads=tuple(sorted({i for _, part in found for i in part.leads})),
    )
