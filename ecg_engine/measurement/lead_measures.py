"""Amplitudes and ST of each lead, from the median beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.types import ABSENT, MedianBeat

#: The isoelectric level is the mean of so long before the QRS onset, s (AHA/ACC/HRS 2009, part IV: the PR segment).
LEVEL_S: Final = 0.016
#: ST is the mean of so long around its point, s.
ST_WINDOW_S: Final = 0.008
ST_POINTS_MS: Final = {"st_j_mv": 0, "st_j40_mv": 40, "st_j60_mv": 60, "st_j80_mv": 80}
#: Deflections below it are no Q or S, mV (AHA/ACC/HRS 2007 part I: 20 µV for at least 6 ms is a wave).
MIN_WAVE_MV: Final = 0.02


def measure_leads(
    beat: MedianBeat | None, *, leads: Sequence[str], usable: Sequence[str], has_p: bool, st: bool
) -> dict[str, dict[str, float]]:
    """Measure each usable lead.

    Parameters
    ----------
    beat : MedianBeat, optional
    leads : sequence of str
        Names of the rows of the median beat.
    usable : sequence of str
        Leads that are measured.
    has_p : bool
        Whether P waves are there.
    st : bool
        Whether the recording's filters leave ST as it was.

    Returns
    -------
    dict of str to dict of str to float
        mV by lead and quantity code, against the PR segment; J is the global QRS offset. Absent waves are absent.
    """
    if beat is None or int(beat.marks.qrs_onset[0]) == ABSENT or int(beat.marks.qrs_offset[0]) == ABSENT:
        return {}
    return {name: _lead(beat, row, has_p=has_p, st=st) for row, name in enumerate(leads) if name in usable}


def _lead(beat: MedianBeat, row: int, *, has_p: bool, st: bool) -> dict[str, float]:
    onset, j = int(beat.marks.qrs_onset[0]), int(beat.marks.qrs_offset[0])
    samples: NDArray[np.float64] = beat.signal[row]
    level = float(samples[max(0, onset - max(1, round(LEVEL_S * beat.fs))) : onset + 1].mean())
    x = samples - level
    out = _qrs(x[onset : j + 1])
    if has_p:
        p = _signed_peak(x, beat, "p")
        if p is not None:
            out["p_mv"] = p
    t = _signed_peak(x, beat, "t")
    if t is not None:
        out["t_mv"] = t
    if st:
        half = max(1, round(ST_WINDOW_S * beat.fs / 2))
        for code, after_ms in ST_POINTS_MS.items():
            at = j + round(after_ms * beat.fs / 1000)
            if at + half < len(x):
                # Before J there is QRS: the mean at J itself takes what follows only.
                out[code] = float(x[at if after_ms == 0 else at - half : at + half + 1].mean())
    return out


def _qrs(x: NDArray[np.float64]) -> dict[str, float]:
    """Return Q, R, S and the whole swing of a QRS; Q stands before R and S behind it; without R, one S (QS)."""
    out = {"qrs_pp_mv": float(x.max() - x.min())}
    top = int(np.argmax(x))
    if x[top] < MIN_WAVE_MV:
        out["s_mv"] = float(x.min())
        return out
    out["r_mv"] = float(x[top])
    before, after = x[:top], x[top:]
    if before.size and before.min() <= -MIN_WAVE_MV:
        out["q_mv"] = float(before.min())
    if after.min() <= -MIN_WAVE_MV:
        out["s_mv"] = float(after.min())
    return out


def _signed_peak(x: NDArray[np.float64], beat: MedianBeat, wave: str) -> float | None:
    """Return the larger deflection of a wave within its global marks, with its sign."""
    start, stop = int(getattr(beat.marks, f"{wave}_onset")[0]), int(getattr(beat.marks, f"{wave}_offset")[0])
    if wave == "t" and start == ABSENT:
        start = int(beat.marks.qrs_offset[0])
    if ABSENT in (start, stop) or stop <= start:
        return None
    part = x[start : stop + 1]
    if wave == "p":
        part = part - np.linspace(part[0], part[-1], len(part))
    return float(part[int(np.argmax(np.abs(part)))])
