"""Ventricular beats of many leads: told from ordinary ones on which one lead jumped."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import samples

#: With fewer leads there is no vote: the classifier's word stands.
MANY_LEADS: Final = 4
#: The part of a beat that is compared, s before and after R: a narrow QRS. Wide ones differ in it too.
QRS_S: Final = (0.07, 0.09)
#: A beat is moved by so much at most to fit, s: R may stand at the R or at the S wave.
MOVE_S: Final = 0.03
#: A lead shows another shape where the QRS correlates less than this with its usual one ...
UNLIKE: Final = 0.8
#: ... and a ventricular beat is another shape in so many of the leads, and less like than this in half of them: it
#: begins elsewhere, so that hardly a lead can stay the same (AHA/ACC/HRS 2017, section 2.2.2).
UNLIKE_SHARE: Final = 0.25
LIKE: Final = 0.95


def confirm_ventricular(
    signal: NDArray[np.float64], kinds: NDArray[np.str_], r_peaks: NDArray[np.int64], *, fs: float
) -> NDArray[np.str_]:
    """Return the classes with those V put back to N that have the usual shape in most leads.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV, no NaN. With fewer than four leads nothing changes.
    kinds : (n_beats,) '<U1' array
        From `classify_beats`.
    r_peaks : (n_beats,) int64 array
    fs : float
        Hz.

    Returns
    -------
    (n_beats,) '<U1' array
    """
    ventricular, others = np.flatnonzero(kinds == "V"), np.flatnonzero(~np.isin(kinds, ("V", "F")))
    if len(signal) < MANY_LEADS or not len(ventricular) or len(others) < len(ventricular) or len(others) < 3:
        return kinds
    like = best_likeness(signal, r_peaks[ventricular], r_peaks[others], fs=fs)
    differs = ((like < UNLIKE).mean(axis=0) >= UNLIKE_SHARE) & (np.median(like, axis=0) < LIKE)
    out = kinds.copy()
    out[ventricular[~differs]] = "N"
    return out


def best_likeness(
    signal: NDArray[np.float64], beats: NDArray[np.int64], usual: NDArray[np.int64], *, fs: float
) -> NDArray[np.float64]:
    """Return the correlation of the QRS of each of `beats` with the median of those of `usual`, (n_leads, n_beats).

    A beat is moved to where it fits best in the median lead.
    """
    around = np.arange(-samples(QRS_S[0], fs), samples(QRS_S[1], fs))
    template = np.median(_cut(signal, usual, around), axis=1)
    template -= template.mean(axis=1, keepdims=True)
    power = np.square(template).sum(axis=1)[:, None]
    best = np.full((len(signal), len(beats)), -1.0)
    fit = np.full(len(beats), -2.0)
    reach, step = samples(MOVE_S, fs), samples(0.004, fs)
    for move in range(-reach, reach + 1, step):
        qrs = _cut(signal, beats + move, around)
        both = np.sqrt(power * np.square(qrs).sum(axis=2))
        like = (qrs * template[:, None]).sum(axis=2) / np.maximum(both, 1e-9)
        middle = np.median(like, axis=0)
        better = middle > fit
        fit[better], best[:, better] = middle[better], like[:, better]
    return best


def _cut(signal: NDArray[np.float64], beats: NDArray[np.int64], around: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (n_leads, n_beats, n) stretches around the beats, each around its own mean."""
    at = np.clip(beats[:, None] + around, 0, signal.shape[1] - 1)
    part = signal[:, at]
    return np.asarray(part - part.mean(axis=2, keepdims=True))
