"""Level of the PR segment against the line before P, and how that line falls."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: A level is the mean of so long, s (as that of the PR segment).
LEVEL_S: Final = 0.016
#: The line before P is looked at from so long before it on, s, at most, and where so much of it is seen at least; the
#: T wave before it is left out. Chosen.
MOST_TP_S: Final = 0.2
LEAST_TP_S: Final = 0.08

CODES: Final = ("pr_segment_mv", "tp_fall_mv")


def pr_levels(
    signal: NDArray[np.float64],
    *,
    fs: float,
    p_onset: int,
    p_offset: int,
    qrs_onset: int,
    t_before: int | None = None,
) -> NDArray[np.float64]:
    """Return the PR segment of each lead over the line before P.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV.
    fs : float
        Hz.
    p_onset, p_offset, qrs_onset : int
        Global marks, in samples.
    t_before : int, optional
        Where the T wave of the beat before ends, in samples, negative before the first one; None where it is not known.

    Returns
    -------
    (n_leads, n_codes) float64 array
        In the order of `CODES`, mV: the level before the QRS over that before P, negative where PR is depressed; and by
        how much the line before P falls until P, negative where it rises. NaN where P runs into the QRS, or where less
        than `LEAST_TP_S` of the line is seen.
    """
    out = np.full((len(signal), len(CODES)), np.nan)
    width = max(1, round(LEVEL_S * fs))
    if p_onset - width >= 0 and p_offset <= qrs_onset - width:
        before = signal[:, p_onset - width : p_onset + 1].mean(axis=1)
        out[:, 0] = signal[:, qrs_onset - width : qrs_onset + 1].mean(axis=1) - before
    if t_before is not None:
        start = max(0, t_before, p_onset - round(MOST_TP_S * fs))
        if p_onset - start >= round(LEAST_TP_S * fs):
            at = np.arange(p_onset - start) - (p_onset - start - 1) / 2
            slope = signal[:, start:p_onset] @ at / (at @ at)
            out[:, 1] = -slope * (p_onset - start)
    return out
