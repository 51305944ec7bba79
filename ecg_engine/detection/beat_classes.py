"""Beats by shape and timing: the dominant shape, AAMI classes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import fill_gaps, leads_of, marks_of
from ecg_engine.detection.median_beat import FIT_S, VOTERS, align, spread
from ecg_engine.detection.pacing import find_pacing_spikes
from ecg_engine.detection.parameters import samples
from ecg_engine.kernels.beats import snippets_into
from ecg_engine.types.recording import check_fs

#: Beats at least so alike (correlation) are of one shape.
_ALIKE: Final = 0.90
#: Below this a beat is another shape for sure.
_UNLIKE: Final = 0.80
#: Shorter than this share of the usual RR is premature.
_PREMATURE: Final = 0.85
#: And by so many times the usual sway of RR.
_SWAYS: Final = 5.0
#: A spike so long before R belongs to the beat, s.
_CAPTURE_S: Final = 0.20


def _likeness(signal: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> NDArray[np.float64]:
    """Return each beat's QRS, all leads in one row, of unit length."""
    before, after = samples(FIT_S[0], fs), samples(FIT_S[1], fs)
    step = max(1, round(fs / 250))
    width = (before + after) // step
    out = np.empty((len(r_peaks), len(signal) * width))
    snippets_into(signal, r_peaks, before, after, step, out)
    length = np.linalg.norm(out, axis=1, keepdims=True)
    return np.asarray(out / np.where(length > 0, length, 1.0))


def dominant_beats(signal: NDArray[np.float64], *, fs: float, r_peaks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how alike each beat is to the dominant shape, as a correlation.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV, no NaN.
    fs : float
        Hz.
    r_peaks : (n_beats,) int64 array

    Returns
    -------
    (n_beats,) float64 array
        The dominant shape is the mean of the largest group of beats that are alike.
    """
    if not len(r_peaks):
        return np.zeros(0)
    shapes = _likeness(signal, align(signal, r_peaks, fs=fs), fs)
    voters = shapes[spread(np.arange(len(shapes)), VOTERS)]
    alike = voters @ voters.T >= _ALIKE
    group = alike[np.argmax(alike.sum(axis=1))]
    template = voters[group].mean(axis=0)
    length = float(np.linalg.norm(template))
    like = np.asarray(shapes @ (template / length if length > 0 else template))
    # A beat cut off by the recording's end is not known to be of another shape.
    whole = (r_peaks >= samples(FIT_S[0], fs)) & (r_peaks + samples(FIT_S[1], fs) < signal.shape[1])
    return np.where(whole, like, np.maximum(like, 1.0))


def classify_beats(ecg: Any, *, fs: float, r_peaks: Any) -> NDArray[np.str_]:
    """Class each beat by ANSI/AAMI EC57: ``N`` ``S`` ``V`` ``F`` ``Q``.

    Parameters
    ----------
    ecg : (n_samples,) or (n_leads, n_samples) array
        mV; NaN is a gap.
    fs : float
        Hz.
    r_peaks : (n_beats,) int array

    Returns
    -------
    (n_beats,) '<U1' array
        ``Q`` are beats behind a pacing spike; ``V`` are premature and of another shape than the dominant one, or of
        plainly another shape; ``S`` are premature and of the dominant shape; ``N`` the others. A first version: fusion
        beats (``F``) are not told apart, and where RR is irregular throughout nothing is called premature.

    Raises
    ------
    SignalError, InputError
        As `delineate`.
    """
    fs = check_fs(fs)
    signal = fill_gaps(leads_of(ecg))
    at = marks_of(r_peaks, signal.shape[1])
    kinds = np.full(len(at), "N", dtype="<U1")
    if not len(at):
        return kinds
    like = dominant_beats(signal, fs=fs, r_peaks=at)
    rr = np.diff(at) / fs
    early = np.zeros(len(at), dtype=bool)
    if len(rr) >= 3:
        usual = _running_median(rr, 4)
        change = np.abs(np.diff(rr)) / usual[1:]
        irregular = float(np.median(change)) > 0.12
        # Respiration makes RR sway: what is early must stand out from that too.
        sway = float(np.median(np.abs(rr - usual)))
        early[1:] = (rr < _PREMATURE * usual) & (rr < usual - _SWAYS * sway) & (not irregular)
    kinds[early & (like >= _ALIKE)] = "S"
    kinds[(early & (like < _ALIKE)) | (like < _UNLIKE)] = "V"
    spikes = find_pacing_spikes(signal, fs=fs)
    if spikes.size:
        last = np.searchsorted(spikes, at, side="right") - 1
        before = np.where(last >= 0, at - spikes[np.maximum(last, 0)], at + 1)
        kinds[before <= _CAPTURE_S * fs] = "Q"
    return kinds


def _running_median(values: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    padded = np.pad(values, half, mode="reflect" if len(values) > half else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.asarray(np.median(windows, axis=1))
