"""Height, second phase and area of P and T of each lead, and the terminal force of P in V1."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels import p_t_waves as kernels
from ecg_engine.kernels.p_t_waves import PhaseLimits, wave_phases_into
from ecg_engine.measurement.qrs_waves import MIN_WAVE_MV, MIN_WAVE_S

#: Quantity codes in the order of the kernel's columns.
P_CODES: Final = ("p_mv", "p2_mv", "p_area_mv_ms", "p_terminal_force_mv_ms")
T_CODES: Final = ("t_mv", "t2_mv", "t_area_mv_ms")
#: The terminal force is defined in this lead (Morris JJ et al. Circulation 1964;29:242-252).
TERMINAL_FORCE_LEAD: Final = "V1"


def p_waves(signal: NDArray[np.float64], *, fs: float, onset: int, offset: int) -> NDArray[np.float64]:
    """Return P of each lead over the line from its onset to the level before the QRS.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV.
    fs : float
        Hz.
    onset, offset : int
        Of the global P wave, in samples; ``offset > onset``.

    Returns
    -------
    (n_leads, 4) float64 array
        In the order of `P_CODES`; NaN where absent. The terminal force is depth times duration of the last phase where
        that is negative, the whole P where it is negative throughout.
    """
    return _phases(signal, fs, onset, offset, over_line=True)


def t_waves(signal: NDArray[np.float64], *, fs: float, onset: int, offset: int) -> NDArray[np.float64]:
    """Return T of each lead over zero, the level before the QRS; see `p_waves`.

    Returns
    -------
    (n_leads, 3) float64 array
        In the order of `T_CODES`. A second phase has a turning point of its own, `MIN_WAVE_MV` beyond the level at
        which T begins and ends: ST that runs into T from the other side is none.
    """
    return _phases(signal, fs, onset, offset, over_line=False)[:, : len(T_CODES)]


def _phases(signal: NDArray[np.float64], fs: float, onset: int, offset: int, *, over_line: bool) -> NDArray[np.float64]:
    limits = PhaseLimits(
        least_mv=MIN_WAVE_MV, least_samples=MIN_WAVE_S * fs, ms=1000 / fs, over_line=1.0 if over_line else 0.0
    )
    out = np.empty((len(signal), kernels.N_COLUMNS))
    wave_phases_into(signal, onset, offset, limits, out)
    return out
