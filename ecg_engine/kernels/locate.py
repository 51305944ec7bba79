"""Where R stands in a beat, and how large its QRS is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import helper
from ecg_engine.kernels.bend import PLACE, extremes, greatest
from ecg_engine.kernels.rules import BeatRules

#: A lead's usual swing follows that of each beat by this share.
SWING_PACE = 0.1
#: Values that differ by no more than this share are equal.
ROUNDING = 1e-9


@helper
def _level(row: NDArray[np.float64], start: int, stop: int) -> tuple[float, bool]:
    """Return the mean of ``row[start:stop]`` without its gaps, NaN where there is nothing else; and if it has none."""
    part = row[start:stop]
    n = len(part)
    a = b = c = d = e = f = g = h = 0.0
    for j in range(n // 8):  # eight sums side by side: one alone waits for itself
        eight = part[8 * j : 8 * j + 8]
        a += eight[0]
        b += eight[1]
        c += eight[2]
        d += eight[3]
        e += eight[4]
        f += eight[5]
        g += eight[6]
        h += eight[7]
    for k in range(n - n % 8, n):
        a += part[k]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    if total == total:
        return total / (stop - start), True
    total = 0.0
    count = 0
    for k in range(start, stop):
        if not np.isnan(row[k]):
            total += row[k]
            count += 1
    return total / count if count > 0 else np.nan, False


@helper
def smoothed_into(row: NDArray[np.float64], start: int, smooth: int, out: NDArray[np.float64]) -> None:
    """Write the mean over `smooth` samples either side of each from `start` on; at the ends of `row` over fewer."""
    n = len(row)
    m = len(out)
    if smooth == 1 and start >= 1 and start + m + 1 <= n:  # at 250 and 360 Hz: in one pass for four
        before, at, behind = row[start - 1 : start - 1 + m], row[start : start + m], row[start + 1 : start + 1 + m]
        for k in range(m):
            out[k] = ((before[k] + at[k]) + behind[k]) * (1.0 / 3.0)
        return
    if start >= smooth and start + m + smooth <= n:
        out[:] = 0.0
        for s in range(-smooth, smooth + 1):
            part = row[start + s : start + s + m]
            for k in range(m):
                out[k] += part[k]
        share = 1.0 / (2 * smooth + 1)
        for k in range(m):
            out[k] *= share
        return
    for k in range(m):
        low, high = max(0, start + k - smooth), min(n, start + k + smooth + 1)
        value = 0.0
        for j in range(low, high):
            value += row[j]
        out[k] = value / (high - low)


@helper
def _swing(line: NDArray[np.float64], first: float, tilt: float, over: NDArray[np.float64]) -> float:
    """Return how far `line` goes above and below the straight line from `first` on; NaN are left out."""
    n = len(line)
    for k in range(n):
        value = line[k] - first - tilt * k
        over[k] = value if value == value else 0.0
    least, most = extremes(over, 0, n)
    return max(most, 0.0) - min(least, 0.0)


@helper
def _around(n: int, base: int, time: float, rules: BeatRules) -> tuple[int, int, int]:
    """Return the sample in the middle of thinned sample `time`, counted from `base`, and the window in which R lies."""
    thin, half = int(rules.thin), int(rules.locate)
    centre = min(int(time) * thin + thin // 2 - base, n - 1)
    return centre, max(0, centre - half), min(n, centre + half + 1)


@helper
def steepness(
    x: NDArray[np.float64], base: int, stop: int, time: float, stats: NDArray[np.float64], rules: BeatRules
) -> float:
    """Return the largest step over ``rules.slope`` near thinned sample `time`, in usual swings, all leads together."""
    n, by = stop - base, int(rules.slope)
    _, start, end = _around(n, base, time, rules)
    total = 0.0
    for lead in range(x.shape[0]):
        most = 0.0
        for k in range(start, end - by):
            step = abs(x[lead, k + by] - x[lead, k])
            most = step if step > most else most  # a gap, NaN, is no step
        usual = stats[lead, PLACE]
        total += most / usual if usual > 0.0 else most
    return total


@helper
def locate(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    time: float,
    stats: NDArray[np.float64],
    rules: BeatRules,
    work: NDArray[np.float64],
) -> tuple[int, float]:
    """Return R near thinned sample `time`, and the largest QRS swing of a lead.

    R is where the leads together, each in units of its usual swing, stand farthest, either way, from their level, each
    smoothed by a short mean; so it keeps its place from beat to beat. `stats` holds the usual swings. The
    swing is taken over the line from end to end of the window: drift is no QRS. `work` has room for three windows.
    """
    n = stop - base
    smooth, around = int(rules.locate_smooth), int(rules.level)
    centre, start, end = _around(n, base, time, rules)
    m = end - start
    far, line, over = work[:m], work[m : 2 * m], work[2 * m : 3 * m]
    far[:] = 0.0
    swing = 0.0
    for lead in range(x.shape[0]):
        row = x[lead, :n]
        level, clean = _level(row, max(0, centre - around), min(n, centre + around + 1))
        if level != level:
            continue
        first = row[start] if row[start] == row[start] else level
        last = row[end - 1] if row[end - 1] == row[end - 1] else level
        smoothed_into(row, start, smooth, line)
        largest = _swing(line, first, (last - first) / max(1, m - 1), over)
        usual = stats[lead, PLACE]
        weight = 1.0 / (usual * usual) if usual > 0.0 else 1.0
        for k in range(m):
            away = line[k] - level
            away *= away
            far[k] += weight * away if clean or away == away else 0.0
        swing = max(swing, largest)
        pace = SWING_PACE if usual > 0.0 else 1.0
        stats[lead, PLACE] += pace * (largest - usual)
    # Of equals the first: rounding, which scale and level decide, must not choose.
    best = greatest(far) * (1.0 - ROUNDING)
    k = 0
    while far[k] < best:
        k += 1
    return base + start + k, swing
