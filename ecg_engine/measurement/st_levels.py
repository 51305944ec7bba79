"""Level and slope of ST of each lead."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: ST is the mean of so long around its point, s.
ST_WINDOW_S: Final = 0.008
#: Level by quantity code, ms after J.
ST_POINTS_MS: Final = {"st_j_mv": 0, "st_j20_mv": 20, "st_j40_mv": 40, "st_j60_mv": 60, "st_j80_mv": 80}
#: The slope is that of the line through the levels at J and so long after it, ms.
SLOPE_MS: Final = 80
CODES: Final = (*ST_POINTS_MS, "st_slope_mv_s")


def st_levels(signal: NDArray[np.float64], *, fs: float, j: int) -> NDArray[np.float64]:
    """Return ST of each lead.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV over each lead's level before the QRS.
    fs : float
        Hz.
    j : int
        The global QRS offset, in samples.

    Returns
    -------
    (n_leads, n_codes) float64 array
        In the order of `CODES`: mV, the slope mV/s; NaN where the signal ends before.
    """
    out = np.full((len(signal), len(CODES)), np.nan)
    half = max(1, round(ST_WINDOW_S * fs / 2))
    for k, after_ms in enumerate(ST_POINTS_MS.values()):
        at = j + round(after_ms * fs / 1000)
        if at + half < signal.shape[1]:
            # Before J there is QRS: the mean at J itself takes what follows only.
            out[:, k] = signal[:, at if after_ms == 0 else at - half : at + half + 1].mean(axis=1)
    points = list(ST_POINTS_MS.values())
    out[:, -1] = (out[:, points.index(SLOPE_MS)] - out[:, points.index(0)]) / SLOPE_MS * 1000
    return out
