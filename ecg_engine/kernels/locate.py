"""Where R stands in a beat, and how large its QRS is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import helper
from ecg_engine.kernels.rules import BeatRules


@helper
def locate(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    time: float,
    weights: NDArray[np.float64],
    rules: BeatRules,
    work: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:
    """Write R near thinned sample `time` and the largest QRS swing of a lead into `found`.

    R is where the leads together stand farthest, either way, from their level.
    """
    n_leads = x.shape[0]
    thin = int(rules.thin)
    centre = int(time) * thin + thin // 2 - base
    n = stop - base
    half, smooth, level_half = int(rules.locate), int(rules.locate_smooth), int(rules.level)
    centre = min(centre, n - 1)
    start, end = max(0, centre - half), min(n, centre + half + 1)
    for k in range(end - start):
        work[k] = 0.0
    swing = 0.0
    for lead in range(n_leads):
        level = 0.0
        count = 0
        for k in range(max(0, centre - level_half), min(n, centre + level_half + 1)):
            if not np.isnan(x[lead, k]):
                level += x[lead, k]
                count += 1
        if count == 0:
            continue
        level /= count
        first = x[lead, start] if not np.isnan(x[lead, start]) else level
        last = x[lead, end - 1] if not np.isnan(x[lead, end - 1]) else level
        tilt = (last - first) / max(1, end - 1 - start)
        lowest = 0.0
        highest = 0.0
        for k in range(start, end):
            value = 0.0
            count = 0
            for j in range(max(0, k - smooth), min(n, k + smooth + 1)):
                if not np.isnan(x[lead, j]):
                    value += x[lead, j]
                    count += 1
            if count == 0:
                continue
            value /= count
            over = value - first - tilt * (k - start)
            lowest = min(lowest, over)
            highest = max(highest, over)
            away = (value - level) * weights[lead]
            work[k - start] += away * away
        swing = max(swing, highest - lowest)
    best = 0
    for k in range(end - start):
        if work[k] > work[best]:
            best = k
    found[0] = base + start + best
    found[1] = swing
