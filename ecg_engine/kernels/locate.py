"""Where R stands in a beat, and how large its QRS is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import helper
from ecg_engine.kernels.bend import PLACE
from ecg_engine.kernels.rules import BeatRules

#: A lead's usual swing follows that of each beat by this share.
SWING_PACE = 0.1


@helper
def _level(row: NDArray[np.float64], start: int, stop: int) -> float:
    """Return the mean of ``row[start:stop]`` without its gaps; NaN where there is nothing else."""
    total = 0.0
    for k in range(start, stop):
        total += row[k]
    if total == total:
        return total / (stop - start)
    total = 0.0
    count = 0
    for k in range(start, stop):
        if not np.isnan(row[k]):
            total += row[k]
            count += 1
    return total / count if count > 0 else np.nan


@helper
def locate(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    time: float,
    stats: NDArray[np.float64],
    rules: BeatRules,
    work: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:
    """Write R near thinned sample `time` and the largest QRS swing of a lead into `found`.

    R is where the leads together, each in units of its usual swing, stand farthest, either way, from their level, each
    smoothed by a short mean; so it keeps its place from beat to beat. `stats` holds the usual swings. The
    swing is taken over the line from end to end of the window: drift is no QRS.
    """
    thin = int(rules.thin)
    n = stop - base
    half, smooth, around = int(rules.locate), int(rules.locate_smooth), int(rules.level)
    centre = min(int(time) * thin + thin // 2 - base, n - 1)
    start, end = max(0, centre - half), min(n, centre + half + 1)
    for k in range(end - start):
        work[k] = 0.0
    swing = 0.0
    for lead in range(x.shape[0]):
        row = x[lead]
        level = _level(row, max(0, centre - around), min(n, centre + around + 1))
        if level != level:
            continue
        first = row[start] if row[start] == row[start] else level
        last = row[end - 1] if row[end - 1] == row[end - 1] else level
        tilt = (last - first) / max(1, end - 1 - start)
        lowest = 0.0
        highest = 0.0
        usual = stats[lead, PLACE]
        weight = 1.0 / (usual * usual) if usual > 0.0 else 1.0
        for k in range(start, end):
            low, high = max(0, k - smooth), min(n, k + smooth + 1)
            value = 0.0
            for j in range(low, high):
                value += row[j]
            value /= high - low
            if value == value:  # not in a gap
                over = value - first - tilt * (k - start)
                lowest = min(lowest, over)
                highest = max(highest, over)
                away = value - level
                work[k - start] += weight * away * away
        swing = max(swing, highest - lowest)
        pace = SWING_PACE if usual > 0.0 else 1.0
        stats[lead, PLACE] += pace * (highest - lowest - usual)
    best = 0
    for k in range(end - start):
        if work[k] > work[best]:
            best = k
    found[0] = base + start + best
    found[1] = swing
