"""Marks of several leads made one: only leads that agree on the place of a wave are heard."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8_read, helper, i8, i8_2d_write, i8_3d_read, i8_read, kernel
from ecg_engine.kernels.smoothing import median_of

ABSENT = -1


@helper
def _outer(
    table: NDArray[np.int64],
    b: int,
    column: int,
    heard: NDArray[np.int64],
    count: int,
    reach: float,
    latest: bool,
    work: NDArray[np.float64],
) -> int:
    """Return the second earliest or latest mark of the leads heard (the first of fewer than four); `ABSENT` if none."""
    n = 0
    for k in range(count):
        if table[heard[k], b, column] != ABSENT:
            work[n] = table[heard[k], b, column]
            n += 1
    if n == 0:
        return ABSENT
    middle = median_of(work, n)
    first = -np.inf
    second = -np.inf
    near = 0
    for k in range(n):
        if abs(work[k] - middle) > reach:
            continue
        near += 1
        value = work[k] if latest else -work[k]
        if value > first:
            second = first
            first = value
        elif value > second:
            second = value
    if near == 0:
        return ABSENT
    best = second if near >= 4 else first
    return int(best) if latest else int(-best)


@kernel((i8_3d_read, i8_read, f8_read, i8, i8_2d_write))
def combine_marks_into(
    table: NDArray[np.int64],
    preferred: NDArray[np.int64],
    reach: NDArray[np.float64],
    least: int,
    out: NDArray[np.int64],
) -> None:
    """Write one set of marks for those of several leads, shape (n_leads, n_beats, 8), into `out`, (n_beats, 8).

    The columns are onset, peak, offset of P; onset, offset of QRS; onset, peak, offset of T. A wave is placed by its
    peak (QRS: its onset). Leads within `reach` (P, QRS, T) of the median place are heard; where they are fewer than
    `least` the wave is `ABSENT`. Of two leads that contradict each other the first of `preferred` is heard alone.

    Caller guarantees: ``len(preferred) == n_leads``, ``len(reach) == 3``, ``least >= 1``.
    """
    n_leads, n_beats, _ = table.shape
    work = np.empty(n_leads)
    heard = np.empty(n_leads, np.int64)
    for b in range(n_beats):
        for wave in range(3):
            onset = (0, 3, 5)[wave]
            peak = (1, 3, 6)[wave]
            offset = (2, 4, 7)[wave]
            n = 0
            for lead in range(n_leads):
                if table[lead, b, peak] != ABSENT:
                    work[n] = table[lead, b, peak]
                    n += 1
            out[b, onset] = ABSENT
            out[b, peak] = ABSENT
            out[b, offset] = ABSENT
            if n == 0:
                continue
            contradict = n == 2 and abs(work[0] - work[1]) > reach[wave]
            middle = median_of(work, n)
            count = 0
            for k in range(n_leads):
                lead = preferred[k]
                place = table[lead, b, peak]
                if place == ABSENT:
                    continue
                if contradict or abs(place - middle) <= reach[wave]:
                    heard[count] = lead
                    work[count] = place
                    count += 1
                    if contradict:
                        break
            if count < least:
                continue
            if wave != 1:
                out[b, peak] = int(median_of(work, count))
            out[b, onset] = _outer(table, b, onset, heard, count, reach[wave], False, work)
            out[b, offset] = _outer(table, b, offset, heard, count, reach[wave], True, work)
