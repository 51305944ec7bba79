"""Delineation: onset, peak and offset of P, QRS and T in one lead.

The marks are read off the slope of the smoothed signal, as in the wavelet method of Martinez et al. 2004
(doi:10.1109/TBME.2003.821031), whose wavelet is the derivative of a smoothing function: a wave is a pair of slopes of
opposite sign around its peak, and it begins and ends where the outermost slope has fallen to a share of its maximum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8, f8_named, f8_read, helper, i8, i8_2d_write, i8_read, i8_write, kernel

ABSENT = -1
P_ONSET, P_PEAK, P_OFFSET, QRS_ONSET, QRS_OFFSET, T_ONSET, T_PEAK, T_OFFSET = range(8)


class WaveShares(NamedTuple):
    """Windows in samples and thresholds as shares; all floats, filled by the caller for its sampling rate."""

    qrs_before: float  # farthest QRS onset before R
    qrs_after: float  # farthest QRS offset after R
    qrs_quiet: float  # the slope stays low for so long outside the QRS
    qrs_high: float  # share of the greatest slope that belongs to the QRS for sure
    qrs_on_low: float  # share at which it begins
    qrs_off_low: float  # share at which it ends
    qrs_walk: float  # farthest walk from the sure part to the begin or end
    t_begin: float  # T is looked for from so long after the QRS offset
    t_reach: float  # to so long after R at most
    t_rr_share: float  # and to this share of the RR interval at most
    t_lobe: float  # a slope of T lies within so much of its peak
    t_on_low: float
    t_off_low: float
    t_second: float  # a second slope of at least this share of the first belongs to T
    t_min: float  # lowest T as a share of the QRS swing
    p_reach: float  # P is looked for from so long before the QRS onset
    p_end: float  # to so long before it
    p_lobe: float
    p_on_low: float
    p_off_low: float
    p_min: float  # lowest P as a share of the QRS swing
    p_noise: float  # and as a multiple of the noise


@helper
def _slope(x: NDArray[np.float64], i: int) -> float:
    """Return the central difference, 0 outside."""
    if i < 1 or i >= len(x) - 1:
        return 0.0
    return 0.5 * (x[i + 1] - x[i - 1])


@helper
def _steepest(x: NDArray[np.float64], start: int, stop: int, sign: float) -> int:
    """Return where in ``start .. stop-1`` the slope of this sign (0: either) is greatest; `ABSENT` where none is."""
    best = ABSENT
    value = 0.0
    for i in range(max(start, 1), min(stop, len(x) - 1)):
        s = _slope(x, i)
        s = abs(s) if sign == 0.0 else s * sign
        if s > value:
            value = s
            best = i
    return best


@helper
def _qrs_edge(x: NDArray[np.float64], r: int, step: int, reach: int, greatest: float, low: float, w: WaveShares) -> int:
    """Walk from R outwards (`step` -1 or 1) over the steep part, then on to where the slope has died down."""
    quiet = int(w.qrs_quiet)
    sure = r
    still = 0
    i = r
    while 1 <= i < len(x) - 1 and abs(i - r) <= reach and still <= quiet:
        if abs(_slope(x, i)) >= w.qrs_high * greatest:
            sure = i
            still = 0
        else:
            still += 1
        i += step
    i = sure
    while 1 <= i < len(x) - 1 and abs(i - sure) < w.qrs_walk and abs(_slope(x, i)) > low * greatest:
        i += step
    return i


@helper
def _edge(x: NDArray[np.float64], start: int, step: int, limit: int, low: float) -> int:
    """Walk from a steep place outwards until the slope falls to share `low` of it, changes sign, or `limit`."""
    steep = _slope(x, start)
    i = start
    while i != limit and _slope(x, i) * steep > low * steep * steep:
        i += step
    return i


@helper
def _mark_t(
    x: NDArray[np.float64], start: int, stop: int, swing: float, w: WaveShares, marks: NDArray[np.int64]
) -> None:
    """Find T in ``start .. stop`` and write its onset, peak and offset."""
    if stop - start < 4:
        return
    # The wave is the pair of opposite slopes that encloses the largest sum of slopes; of a biphasic T, the larger pair.
    best = 0.0
    peak = ABSENT
    before = ABSENT
    after = ABSENT
    reach = int(w.t_lobe)
    for i in range(start + 1, stop):
        one = _slope(x, i - 1)
        two = _slope(x, i)
        if one * two > 0.0 or (one == 0.0 and two == 0.0):
            continue
        sign = 1.0 if one > two else -1.0
        left = _steepest(x, max(start, i - reach), i + 1, sign)
        right = _steepest(x, i, min(stop, i + reach), -sign)
        if right == ABSENT:
            continue
        rise = 0.0 if left == ABSENT else abs(_slope(x, left))
        fall = abs(_slope(x, right))
        # Another turn between the peak and the slope: the slope belongs to that other wave.
        if sign * (x[i] - x[right]) <= 0.0:
            continue
        score = fall + min(rise, fall)
        if score > best:
            best = score
            peak = i
            before = left
            after = right
    if peak == ABSENT:
        return
    sign = 1.0 if _slope(x, after) < 0.0 else -1.0
    height = sign * (x[peak] - x[min(stop, after + (after - peak))])
    if height < w.t_min * swing:
        return
    marks[T_PEAK] = peak
    second = _steepest(x, after, min(stop, after + reach), sign)
    if second != ABSENT and abs(_slope(x, second)) >= w.t_second * abs(_slope(x, after)):
        after = second
    marks[T_OFFSET] = _edge(x, after, 1, stop, w.t_off_low)
    if before != ABSENT:
        marks[T_ONSET] = _edge(x, before, -1, start, w.t_on_low)


@helper
def _mark_p(
    x: NDArray[np.float64], start: int, stop: int, swing: float, noise: float, w: WaveShares, marks: NDArray[np.int64]
) -> None:
    """Find P in ``start .. stop`` and write its onset, peak and offset."""
    if stop - start < 4:
        return
    best = 0.0
    peak = ABSENT
    before = ABSENT
    after = ABSENT
    reach = int(w.p_lobe)
    for i in range(start + 1, stop):
        one = _slope(x, i - 1)
        two = _slope(x, i)
        if one * two > 0.0 or (one == 0.0 and two == 0.0):
            continue
        sign = 1.0 if one > two else -1.0
        left = _steepest(x, max(start, i - reach), i + 1, sign)
        right = _steepest(x, i, min(stop, i + reach), -sign)
        if left == ABSENT or right == ABSENT:
            continue
        rise = abs(_slope(x, left))
        fall = abs(_slope(x, right))
        score = min(rise, fall)
        if score > best:
            best = score
            peak = i
            before = left
            after = right
    if peak == ABSENT:
        return
    onset = _edge(x, before, -1, start, w.p_on_low)
    offset = _edge(x, after, 1, stop, w.p_off_low)
    share = (peak - onset) / max(1, offset - onset)
    height = abs(x[peak] - (x[onset] + share * (x[offset] - x[onset])))
    if height < w.p_min * swing or height < w.p_noise * noise:
        return
    marks[P_ONSET] = onset
    marks[P_PEAK] = peak
    marks[P_OFFSET] = offset


@kernel((f8_read, f8_read, f8_read, i8_read, f8, f8_named(WaveShares), i8_2d_write))
def delineate_lead_into(
    fine: NDArray[np.float64],
    middle: NDArray[np.float64],
    coarse: NDArray[np.float64],
    r_peaks: NDArray[np.int64],
    noise: float,
    w: WaveShares,
    marks: NDArray[np.int64],
) -> None:
    """Write the eight marks of each beat into `marks`, shape (n_beats, 8), `ABSENT` where there is no wave.

    `fine`, `middle` and `coarse` are the lead smoothed for QRS, P and T; `noise` is its RMS noise in `middle`.

    Caller guarantees: equal lengths, `r_peaks` increasing and inside, no NaN, ``|x| <= 1e6``.
    """
    n = len(fine)
    n_beats = len(r_peaks)
    for b in range(n_beats):
        row = marks[b]
        row[:] = ABSENT
        r = r_peaks[b]
        rr_before = r - r_peaks[b - 1] if b > 0 else n
        rr_after = r_peaks[b + 1] - r if b + 1 < n_beats else n
        before = int(min(w.qrs_before, 0.5 * rr_before))
        after = int(min(w.qrs_after, 0.5 * rr_after))
        steep = _steepest(fine, r - before, r + after + 1, 0.0)
        if steep == ABSENT:
            continue
        greatest = abs(_slope(fine, steep))
        row[QRS_ONSET] = _qrs_edge(fine, r, -1, before, greatest, w.qrs_on_low, w)
        row[QRS_OFFSET] = _qrs_edge(fine, r, 1, after, greatest, w.qrs_off_low, w)
    for b in range(n_beats):
        row = marks[b]
        if row[QRS_ONSET] == ABSENT:
            continue
        r = r_peaks[b]
        low = fine[r]
        high = fine[r]
        for i in range(row[QRS_ONSET], row[QRS_OFFSET] + 1):
            low = min(low, fine[i])
            high = max(high, fine[i])
        swing = high - low
        next_onset = n - 1
        reach = w.t_reach
        if b + 1 < n_beats:
            reach = min(reach, w.t_rr_share * (r_peaks[b + 1] - r))
            if marks[b + 1, QRS_ONSET] != ABSENT:
                next_onset = marks[b + 1, QRS_ONSET]
        start = int(row[QRS_OFFSET] + w.t_begin)
        _mark_t(coarse, start, min(int(r + reach), next_onset), swing, w, row)
        start = int(row[QRS_ONSET] - w.p_reach)
        if b > 0:
            previous = marks[b - 1, QRS_OFFSET]
            if marks[b - 1, T_OFFSET] != ABSENT:
                previous = marks[b - 1, T_OFFSET]
            start = max(start, previous)
        _mark_p(middle, max(start, 1), int(row[QRS_ONSET] - w.p_end), swing, noise, w, row)


@kernel((f8_read, i8, i8, i8, f8, f8, i8_write))
def steep_span_into(
    speed: NDArray[np.float64],
    r: int,
    reach: int,
    quiet: int,
    share: float,
    least: float,
    out: NDArray[np.int64],
) -> None:
    """Write where the common slope of all leads rises above its threshold around R, and where it has fallen below.

    The threshold is `share` of the greatest within `reach` of R, and `least` at least. Breaks of up to `quiet` samples
    belong to the span: its first and last samples are those beside which the slope stays low.

    Caller guarantees: ``speed >= 0``, ``0 <= r < len(speed)``, ``len(out) == 2``, no NaN.
    """
    n = len(speed)
    greatest = 0.0
    for i in range(max(0, r - reach), min(n, r + reach + 1)):
        greatest = max(greatest, speed[i])
    threshold = max(share * greatest, least)
    for side in range(2):
        step = -1 if side == 0 else 1
        sure = r
        still = 0
        i = r
        while 0 < i < n - 1 and abs(i - r) <= reach and still <= quiet:
            if speed[i] >= threshold:
                sure = i
                still = 0
            else:
                still += 1
            i += step
        out[side] = min(max(sure + step, 0), n - 1)
