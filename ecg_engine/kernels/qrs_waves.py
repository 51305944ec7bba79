"""The waves of one QRS by lead: Q, R, S, R', S', notches, the steepest rise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8_2d_read, f8_2d_write, f8_named, helper, i8, kernel

#: Waves kept of one QRS: Q R S R' S' and as many again, which nobody names.
MOST = 10
#: Columns of the result.
Q, R, S, R2, S2, Q_MS, R_MS, S_MS, R2_MS, SWING, AREA, INTRINSICOID, REVERSAL, UPSTROKE, NOTCHES, NOTCHES_ALL = range(
    16
)
N_COLUMNS = 16


class WaveLimits(NamedTuple):
    """Limits in mV, samples and shares; all floats, filled by the caller for its sampling rate."""

    least_mv: float  # lower deflections are no wave
    least_samples: float  # shorter ones are none
    ms: float  # milliseconds of a sample
    slope_reach: float  # a slope is taken over so many samples to either side
    lobe_share: float  # slopes below this share of the steepest stand still
    dip_share: float  # a slope has a dip where it falls to this share of the lower of its two maxima
    away_share: float  # a slur lies at least at this share of the largest deflection
    plateau_samples: float  # a curve that stands still for so long at its top is slurred
    middle_from: float  # notches count from so many samples after the onset, a reversal of R up to there
    middle_share: float  # to this share of the QRS


@helper
def _parts(
    x: NDArray[np.float64],
    first: int,
    last: int,
    w: WaveLimits,
    edges: NDArray[np.float64],
    heights: NDArray[np.float64],
) -> int:
    """Write begin and end (samples, between zero crossings) and signed height of each wave; return how many."""
    n = 0
    i = first
    while i <= last:
        if x[i] == 0.0:
            i += 1
            continue
        sign = 1.0 if x[i] > 0.0 else -1.0
        j = i
        top = i
        while j < last and x[j + 1] * sign > 0.0:
            j += 1
            if x[j] * sign > x[top] * sign:
                top = j
        begin = float(i) if i == first else i - 1 + abs(x[i - 1]) / (abs(x[i - 1]) + abs(x[i]))
        end = float(j) if j == last else j + abs(x[j]) / (abs(x[j]) + abs(x[j + 1]))
        height = abs(x[top])
        wave = height >= w.least_mv and end - begin >= w.least_samples
        if wave and j == last and n > 0 and height - abs(x[last]) < w.least_mv and height < abs(heights[n - 1]):
            wave = False  # What has no peak of its own is the beginning of ST.
        if wave:
            begin, end = _without_flat(x, i, j, begin, end, w)
            if n > 0 and heights[n - 1] * sign > 0.0:
                edges[n - 1, 1] = end
                if height > abs(heights[n - 1]):
                    heights[n - 1] = x[top]
            elif n < MOST:
                edges[n, 0] = begin
                edges[n, 1] = end
                heights[n] = x[top]
                n += 1
        i = j + 1
    return n


@helper
def _without_flat(
    x: NDArray[np.float64], i: int, j: int, begin: float, end: float, w: WaveLimits
) -> tuple[float, float]:
    """Return begin and end of a wave without flat stretches, by the line through the edge where it leaves them."""
    a = i
    while abs(x[a]) < w.least_mv:
        a += 1
    if a - begin >= w.least_samples and a > i:
        begin = max(begin, a - abs(x[a]) / (abs(x[a]) - abs(x[a - 1])))
    b = j
    while abs(x[b]) < w.least_mv:
        b -= 1
    if end - b >= w.least_samples and b < j:
        end = min(end, b + abs(x[b]) / (abs(x[b]) - abs(x[b + 1])))
    return begin, end


@helper
def _label(
    n: int, edges: NDArray[np.float64], heights: NDArray[np.float64], ms: float, row: NDArray[np.float64]
) -> int:
    """Write heights and durations under the waves' names; return which wave is the first R (`n`: none)."""
    first_r = 0
    while first_r < n and heights[first_r] < 0.0:
        first_r += 1
    if first_r == n:
        if n > 0:
            row[S] = heights[0]
            row[S_MS] = (edges[0, 1] - edges[0, 0]) * ms
        return n
    if first_r > 0:
        row[Q] = heights[0]
        row[Q_MS] = (edges[0, 1] - edges[0, 0]) * ms
    for k in range(first_r, n):
        length = (edges[k, 1] - edges[k, 0]) * ms
        if k == first_r:
            row[R] = heights[k]
            row[R_MS] = length
        elif k == first_r + 1:
            row[S] = heights[k]
            row[S_MS] = length
        elif k == first_r + 2:
            row[R2] = heights[k]
            row[R2_MS] = length
        elif k == first_r + 3:
            row[S2] = heights[k]
    return first_r


@helper
def _highest(x: NDArray[np.float64], begin: float, end: float, last: int) -> int:
    """Return where between the edges of a wave the lead stands highest."""
    start = int(np.ceil(begin))
    best = start
    for i in range(start, min(last, int(end)) + 1):
        if x[i] > x[best]:
            best = i
    return best


@helper
def _reversal(x: NDArray[np.float64], begin: float, end: float, last: int, until: float) -> float:
    """Return how far the lead falls within a wave and rises again, the lesser, with its low no later than `until`."""
    start = int(np.ceil(begin))
    top = x[start]
    low = x[start]
    low_at = start
    best = 0.0
    for i in range(start + 1, min(last, int(end)) + 1):
        if low_at <= until:
            best = max(best, min(top, x[i]) - low)
        if x[i] >= top:
            top = x[i]
            low = x[i]
            low_at = i
        elif x[i] < low:
            low = x[i]
            low_at = i
    return best


@helper
def _slope_at(x: NDArray[np.float64], i: int, reach: int, first: int, last: int) -> float:
    """Return the mean slope around a sample, mV a sample, from what lies within the QRS."""
    a = max(first, i - reach)
    b = min(last, i + reach)
    return (x[b] - x[a]) / (b - a) if b > a else 0.0


@helper
def _upstroke(x: NDArray[np.float64], first: int, last: int, reach: int) -> int:
    """Return how many samples after the onset the lead moves fastest towards its largest deflection."""
    top = first
    for i in range(first, last + 1):
        if abs(x[i]) > abs(x[top]):
            top = i
    sign = 1.0 if x[top] >= 0.0 else -1.0
    best = first
    value = 0.0
    for i in range(first, top + 1):
        s = _slope_at(x, i, reach, first, last) * sign
        if s > value:
            value = s
            best = i
    return best - first


@helper
def _notches(x: NDArray[np.float64], first: int, last: int, start: float, stop: float, w: WaveLimits) -> int:
    """Return how many notches and slurs the QRS has from `start` to `stop`.

    A notch is a turn back towards zero and away again inside a wave; a slur a stretch where the curve goes on more
    slowly, or stands still at its top.
    """
    reach = int(w.slope_reach)
    steepest = 0.0
    largest = 0.0
    for i in range(first, last + 1):
        steepest = max(steepest, abs(_slope_at(x, i, reach, first, last)))
        largest = max(largest, abs(x[i]))
    still = w.lobe_share * steepest
    count = 0
    # Of the lobe before: its sign, its greatest slope, the lowest slope since and where that was, its last sample.
    sign = 0.0
    greatest = 0.0
    lowest = 0.0
    lowest_at = first
    lobe_end = first
    for i in range(first, last + 1):
        s = _slope_at(x, i, reach, first, last)
        if sign != 0.0 and s * sign < lowest:
            lowest = s * sign
            lowest_at = i
        if abs(s) < still or s == 0.0:
            continue
        now = 1.0 if s > 0.0 else -1.0
        if now != sign:
            # Turned: a turn towards zero inside a wave opens a notch, a long stand at the top is a slur.
            turn = (lobe_end + i) // 2
            if sign != 0.0 and start <= turn <= stop:
                notch = x[turn] * now >= w.least_mv
                slur = i - lobe_end >= w.plateau_samples and abs(x[turn]) >= w.away_share * largest
                count += 1 if notch or slur else 0
            sign = now
            greatest = abs(s)
            lowest = greatest
            lowest_at = i
        elif lowest < w.dip_share * min(greatest, abs(s)):
            if start <= lowest_at <= stop and abs(x[lowest_at]) >= w.away_share * largest:
                count += 1
            greatest = abs(s)
            lowest = greatest
            lowest_at = i
        elif abs(s) > greatest:
            greatest = abs(s)
            lowest = greatest
            lowest_at = i
        lobe_end = i
    return count


@kernel((f8_2d_read, i8, i8, f8_named(WaveLimits), f8_2d_write))
def qrs_waves_into(signal: NDArray[np.float64], first: int, last: int, w: WaveLimits, out: NDArray[np.float64]) -> None:
    """Write what the QRS from `first` to `last` holds, each lead a row over its own zero level; NaN where absent."""
    edges = np.empty((MOST, 2))
    heights = np.empty(MOST)
    for k in range(len(signal)):
        x = signal[k]
        row = out[k]
        row[:] = np.nan
        n = _parts(x, first, last, w, edges, heights)
        r = _label(n, edges, heights, w.ms, row)
        low = x[first]
        high = x[first]
        area = 0.0
        for i in range(first, last + 1):
            low = min(low, x[i])
            high = max(high, x[i])
            area += x[i]
        row[SWING] = high - low
        row[AREA] = area * w.ms
        if n == 0:
            continue
        if r < n:
            later = r + 2 if r + 2 < n else r
            row[INTRINSICOID] = (_highest(x, edges[later, 0], edges[later, 1], last) - first) * w.ms
            row[REVERSAL] = _reversal(x, edges[r, 0], edges[r, 1], last, first + w.middle_from)
        row[UPSTROKE] = _upstroke(x, first, last, int(w.slope_reach)) * w.ms
        until = first + w.middle_share * (last - first)
        row[NOTCHES] = _notches(x, first, last, first + w.middle_from, until, w)
        row[NOTCHES_ALL] = _notches(x, first, last, float(first), float(last), w)
