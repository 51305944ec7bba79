"""Q, R, S, R', S' of each lead, and what the shape of the QRS says of conduction."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels import qrs_waves as kernels
from ecg_engine.kernels.qrs_waves import WaveLimits, qrs_waves_into

#: A deflection is a wave from this height, mV, and length, s, on (IEC 60601-2-25 and the CSE group's recommendations,
#: Eur Heart J 1985;6:815-825).
MIN_WAVE_MV: Final = 0.02
MIN_WAVE_S: Final = 0.006
#: What interpolation and averaging take off a height of exactly the least, mV: a tenth of a device's step of 5 µV.
_ROUNDING_MV: Final = 0.0005
#: A slope is taken over so long to either side, s, chosen: shorter, and it is noise; longer, and it hides a notch.
SLOPE_S: Final = 0.004
#: A curve stands still below this share of its steepest slope, chosen; half a sine does for 6 % of its length.
LOBE_SHARE: Final = 0.1
#: A slur is a dip of the slope to this share of the lower of the two maxima beside it, chosen ...
DIP_SHARE: Final = 0.5
#: ... at this share of the largest deflection at least (near zero the next wave begins), chosen ...
AWAY_SHARE: Final = 0.25
#: ... or a top on which the curve stands still for so long, s, chosen.
PLATEAU_S: Final = 0.016
#: The middle part of the QRS: from so long after its onset, s, to this share of it (Strauss DG et al. Am J Cardiol
#: 2011;107:927-934: a notch of LBBB lies behind the first 40 ms and does not belong to the last third).
MIDDLE_FROM_S: Final = 0.04
MIDDLE_SHARE: Final = 2 / 3

#: Quantity codes in the order of the kernel's columns.
CODES: Final = (
    "q_mv", "r_mv", "s_mv", "r2_mv", "s2_mv", "q_ms", "r_ms", "s_ms", "r2_ms", "qrs_pp_mv", "qrs_area_mv_ms",
    "intrinsicoid_ms", "r_reversal_mv", "upstroke_ms", "qrs_notches", "qrs_notches_all",
)  # fmt: skip


def qrs_waves(signal: NDArray[np.float64], *, fs: float, onset: int, offset: int) -> NDArray[np.float64]:
    """Return the waves of the QRS of each lead.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV over each lead's level before the QRS.
    fs : float
        Hz.
    onset, offset : int
        Of the global QRS, in samples; within the signal.

    Returns
    -------
    (n_leads, n_codes) float64 array
        In the order of `CODES`; NaN where absent.

    Notes
    -----
    A wave lies between two crossings of zero and has at least `MIN_WAVE_MV` and `MIN_WAVE_S`; what lies between two
    waves of one sign and is none parts nothing. Q is the negative wave before the first positive one, R; S, R' and S'
    follow.
    Without R the lead has one S (QS). Flat stretches (below `MIN_WAVE_MV` for `MIN_WAVE_S`) belong to no wave's
    duration (IEC 60601-2-25). The beginning of an elevated or depressed ST at the end of the QRS is no wave.
    """
    limits = WaveLimits(
        least_mv=MIN_WAVE_MV - _ROUNDING_MV,
        least_samples=MIN_WAVE_S * fs,
        ms=1000 / fs,
        slope_reach=float(max(1, round(SLOPE_S * fs))),
        lobe_share=LOBE_SHARE,
        dip_share=DIP_SHARE,
        away_share=AWAY_SHARE,
        plateau_samples=PLATEAU_S * fs,
        middle_from=MIDDLE_FROM_S * fs,
        middle_share=MIDDLE_SHARE,
    )
    out = np.empty((len(signal), kernels.N_COLUMNS))
    qrs_waves_into(signal, onset, offset, limits, out)
    return out
