"""Notch or slur at the end of the QRS: its peak, and how ST goes on behind it (Macfarlane PW et al. 2015)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.measurement.qrs_waves import DIP_SHARE, MIN_WAVE_MV, SLOPE_S

#: R prevails and is so high, mV, where its downslope is looked at (a "prominent" R; the figure chosen).
LEAST_R_MV: Final = 0.3
#: What lies higher on the downslope than this share of R is a notch within the QRS, not at its end.
LOWER_HALF: Final = 0.5
#: A wave at the end of the QRS may outlast the global mark of its end by so much, s, chosen.
BEYOND_S: Final = 0.03
#: A slur lasts so long, s, at least: from where the slope breaks to where it ends; chosen, since a QRS without one
#: runs out within half of it.
LEAST_SLUR_S: Final = 0.014
#: The slope has broken below this share of the steepest of the downslope, chosen.
BREAK_SHARE: Final = 0.35
#: A slur is straight or a shoulder: in its middle the curve lies below the chord of its begin and end by no more than
#: this share of its fall. A QRS that runs out softly, as an exponential does, lies below it by a sixth; chosen.
SAG_SHARE: Final = 0.05
#: A notch or slur ends where the slope has fallen below this share, chosen.
END_SHARE: Final = 0.08
#: A slur falls by so much at least, mV: without it ST is elevated, and there is no slur; chosen.
LEAST_FALL_MV: Final = 0.05
#: ST rises where it stands higher so long after the end of the notch or slur than there, s (same source).
ST_AFTER_S: Final = 0.1

#: Quantity codes in the order of the columns.
CODES: Final = ("j_notch_mv", "j_slur_mv", "j_st_rise_mv")


def j_waves(signal: NDArray[np.float64], *, fs: float, onset: int, offset: int) -> NDArray[np.float64]:
    """Return the notch or the slur at the end of the QRS of each lead.

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
        In the order of `CODES`, mV: the peak of a notch, or the onset of a slur (Jp; one of them at most), and ST
        100 ms after its end over that end; NaN where there is none.

    Notes
    -----
    Macfarlane PW et al. J Am Coll Cardiol 2015;66:470-477, doi:10.1016/j.jacc.2015.05.033: a notch is a second peak on
    the downslope of R, wholly above the baseline; a slur a break of the slope above the baseline. The paper defines
    them for the eye; what is taken for a peak and for a break here is chosen, see the constants.
    """
    out = np.full((len(signal), len(CODES)), np.nan)
    stop = min(signal.shape[1] - 1, offset + round(BEYOND_S * fs))
    reach = max(1, round(SLOPE_S * fs))
    for lead, values in zip(signal, out, strict=True):
        _one_lead(lead, fs, onset, offset, stop, reach, values)
    return out


def _one_lead(
    lead: NDArray[np.float64], fs: float, onset: int, offset: int, stop: int, reach: int, out: NDArray[np.float64]
) -> None:
    """Write the three values of a lead."""
    peak = onset + int(np.argmax(lead[onset : offset + 1]))
    r = float(lead[peak])
    if r < LEAST_R_MV or r < -float(lead[onset : offset + 1].min()) or stop - peak < 3 * reach:
        return
    wide = lead[peak : stop + reach + 1]
    slope = np.zeros(len(wide))
    slope[reach:-reach] = (wide[2 * reach :] - wide[: -2 * reach]) / (2 * reach)
    part, slope = wide[: stop - peak + 1], slope[: stop - peak + 1]
    low = np.flatnonzero(part <= LOWER_HALF * r)
    if not len(low):
        return
    first = int(low[0])
    found = _notch(part, slope, first, LOWER_HALF * r)
    column = 0
    if found is None:
        found, column = _slur(part, slope, first, fs), 1
    if found is None:
        return
    at, end = found
    out[column] = part[at]
    after = peak + end + round(ST_AFTER_S * fs)
    if after + reach < len(lead):
        out[2] = lead[after - reach : after + reach + 1].mean() - part[end]


def _notch(part: NDArray[np.float64], slope: NDArray[np.float64], first: int, most_mv: float) -> tuple[int, int] | None:
    """Return peak and end of a second peak in the lower half of the downslope, wholly above the baseline."""
    rises = np.flatnonzero(slope[first:-1] > 0)
    if not len(rises):
        return None
    valley = first + int(np.argmin(part[first : first + int(rises[0]) + 1]))
    falls = np.flatnonzero(slope[valley + 1 :] < 0)
    falls = falls[falls > int(rises[0]) - (valley - first)]
    if not len(falls):
        return None
    top = valley + int(np.argmax(part[valley : valley + 1 + int(falls[0]) + 1]))
    end = _end(slope, top + int(np.argmin(slope[top:])))
    enough = part[top] - part[valley] >= MIN_WAVE_MV and part[top] - part[end] >= MIN_WAVE_MV
    return (top, end) if enough and part[valley] > 0 and part[top] <= most_mv else None


def _slur(part: NDArray[np.float64], slope: NDArray[np.float64], first: int, fs: float) -> tuple[int, int] | None:
    """Return onset and end of a slower part of the lower half of the downslope that follows its steep one."""
    falls = -slope
    steepest = int(np.argmax(falls))
    steep = float(falls[steepest])
    if steep <= 0:
        return None
    begin = max(first, steepest)
    slow = np.flatnonzero(falls[begin:] <= BREAK_SHARE * steep)
    if not len(slow):
        return None
    at = begin + int(slow[0])
    end = _end(slope, at)
    again_steep = (falls[at:end] > DIP_SHARE * steep).any()
    if again_steep or end - at < round(LEAST_SLUR_S * fs):
        return None
    sag = (part[at] + part[end]) / 2 - (part[(at + end) // 2] + part[(at + end + 1) // 2]) / 2
    if sag > SAG_SHARE * (part[at] - part[end]):
        return None
    return (at, end) if part[at] > 0 and part[at] - part[end] >= LEAST_FALL_MV else None


def _end(slope: NDArray[np.float64], start: int) -> int:
    """Return where, from `start` on, the curve falls no longer to speak of."""
    over = np.flatnonzero(-slope[start:] <= -END_SHARE * float(slope.min()))
    return start + int(over[0]) if len(over) else len(slope) - 1
