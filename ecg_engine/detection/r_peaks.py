"""Heart beats in one or several leads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._machine import Machine
from ecg_engine.detection._prepare import gaps_of
from ecg_engine.detection._spikes import SpikeFinder
from ecg_engine.detection.pacing import MIN_FS
from ecg_engine.detection.parameters import QRS, samples
from ecg_engine.detection.streaming import PIECE_S, Feed
from ecg_engine.errors import SignalError
from ecg_engine.kernels.pacing import odd_samples
from ecg_engine.types import Beats
from ecg_engine.types.recording import MAX_MV, as_signal, check_fs, check_signal


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
    Scheme of Pan and Tompkins 1985 (doi:10.1109/TBME.1985.325532) with a symmetrical second difference for its filters
    and the median level of Hamilton 2002 for its running peaks. A beat is decided from what came before it and less
    than a second behind it, so that `RPeakDetector` finds the same in a stream. A gap under 2 s is bridged: the usual
    RR counts across it; a longer one splits, and the rhythm begins anew.

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
    signal = as_signal(ecg)
    n_leads, n = signal.shape
    spikes = np.zeros(0, np.int64)
    if signal.dtype == np.float64 and fs < MIN_FS:  # the machine looks at each sample itself: no pass for that alone
        machine = Machine(n_leads, fs, amplitude_floor_mv)
        r_peaks = machine.feed(signal, 0, n, final=True)
        leads, has_gaps = machine.moved, machine.has_gaps
    elif n <= PIECE_S * fs:
        machine = Machine(n_leads, fs, amplitude_floor_mv)
        r_peaks, spikes = _whole_piece(signal, machine, fs, amplitude_floor_mv)
        leads, has_gaps = machine.moved, machine.has_gaps
    else:
        feed = Feed(n_leads, fs, amplitude_floor_mv)
        r_peaks = feed.push(check_signal(signal), final=True)
        spikes, leads, has_gaps = feed.spikes, feed.moved, True
    if has_gaps and np.isnan(signal[:, 0]).all() and np.isnan(signal).all():
        raise SignalError("signal: every sample is NaN; there is nothing to analyse", argument="ecg")
    gaps = gaps_of(signal, samples(QRS.refractory_s, fs)) if has_gaps else ()
    return Beats(r_peaks=r_peaks, pacing_spikes=spikes, gaps=gaps, leads=leads)


def _whole_piece(
    signal: NDArray[Any], machine: Machine, fs: float, floor_mv: float | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return R peaks and pacing spikes of a recording no longer than a piece: nothing of it need be kept for later."""
    n_leads, n = signal.shape
    x = np.array(signal, np.float64, order="C")
    if odd_samples(x, MAX_MV) < 0:
        check_signal(signal)
    finder = SpikeFinder(n_leads, fs, floor_mv) if fs >= MIN_FS else None
    if finder is not None:
        finder.clear(x, 0, n, final=True)
    r_peaks = machine.feed(x, 0, n, final=True)
    return r_peaks, np.zeros(0, np.int64) if finder is None else finder.spikes
