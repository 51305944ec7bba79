"""Candidates for beats: peaks of the energy, and the usual height of a beat around each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import helper
from ecg_engine.kernels.bend import move
from ecg_engine.kernels.rules import (
    CANDIDATE_ROWS,
    CANDIDATES,
    DECIDE,
    HEIGHT,
    HIGH,
    LEVEL,
    LOW,
    N_CANDS,
    SPARE,
    TENT,
    TIME,
    TOP,
    TOPS,
    TOPS_USED,
    BeatRules,
)
from ecg_engine.kernels.smoothing import median_of


@helper
def seek(
    energy: NDArray[np.float64],
    first: int,
    start: int,
    end: int,
    apart: int,
    final: bool,
    cands: NDArray[np.float64],
    count: int,
) -> tuple[int, int]:
    """Add candidates: samples that are positive and highest within `apart` either side. Return the new seek and count.

    ``energy[0]`` belongs to time `first`; of equal neighbours the first counts.
    """
    stop = end if final else end - apart
    i = start
    while i < stop:
        p = i - first
        value = energy[p]
        if not (value > 0.0 and (i == 0 or value > energy[p - 1]) and (i == end - 1 or value >= energy[p + 1])):
            i += 1
            continue
        highest = True
        k = max(0, p - apart)
        while highest and k < p:
            highest = energy[k] < value
            k += 1
        k = p + 1
        while highest and k < min(end - first, p + apart + 1):
            highest = energy[k] <= value
            k += 1
        if highest and count < CANDIDATES:
            cands[TIME, count] = i
            cands[HEIGHT, count] = np.sqrt(value)
            cands[TOP, count] = 0.0
            count += 1
            i += apart
        i += 1
    return i, count


@helper
def judge_tops(cands: NDArray[np.float64], state: NDArray[np.int64], front: float, top: float, final: bool) -> None:
    """Say of each candidate whether no other within `top` exceeds it, where enough behind it is known."""
    count = state[N_CANDS]
    i = state[TOPS]
    while i < count and (final or cands[TIME, i] + top < front):
        highest = True
        j = i - 1
        while highest and j >= 0 and cands[TIME, i] - cands[TIME, j] <= top:
            highest = cands[HEIGHT, j] < cands[HEIGHT, i]
            j -= 1
        j = i + 1
        while highest and j < count and cands[TIME, j] - cands[TIME, i] <= top:
            highest = cands[HEIGHT, j] <= cands[HEIGHT, i]
            j += 1
        cands[TOP, i] = 1.0 if highest else 0.0
        i += 1
    state[TOPS] = i


@helper
def level(
    cands: NDArray[np.float64], state: NDArray[np.int64], i: int, rules: BeatRules, work: NDArray[np.float64]
) -> float:
    """Return the usual height of a beat at candidate `i`: the median of the tops before it, or in the beginning."""
    until = max(cands[TIME, i] - rules.top, rules.begin)
    same = i > 0
    low = state[LOW]
    while low < i and cands[TIME, low] < cands[TIME, i] - rules.span:
        same = same and cands[TOP, low] == 0.0
        low += 1
    high = state[HIGH]
    while high < state[TOPS] and cands[TIME, high] <= until:
        same = same and cands[TOP, high] == 0.0
        high += 1
    state[LOW] = low
    state[HIGH] = high
    if same and cands[TOPS_USED, i - 1] > 0.0:  # a median is dear: only where the tops are others
        cands[TOPS_USED, i] = cands[TOPS_USED, i - 1]
        return float(cands[LEVEL, i - 1])
    count = 0
    for j in range(low, high):
        if cands[TOP, j] > 0.0 and count < len(work):
            work[count] = cands[HEIGHT, j]
            count += 1
    cands[TOPS_USED, i] = float(count)
    return median_of(work, count) if count > 0 else float(cands[HEIGHT, i])


@helper
def forget(cands: NDArray[np.float64], state: NDArray[np.int64], until: float) -> None:
    """Drop the candidates before `until`, and more where there are still too many."""
    drop = 0
    limit = min(state[DECIDE] - 1, state[TOPS])
    if state[TENT] >= 0:
        limit = min(limit, state[TENT])
    while drop < limit and (cands[TIME, drop] < until or drop < SPARE):
        drop += 1
    for row in range(CANDIDATE_ROWS):
        move(cands[row], drop, state[N_CANDS] - drop)
    for place in (N_CANDS, TOPS, DECIDE):
        state[place] -= drop
    state[LOW] = max(0, state[LOW] - drop)
    state[HIGH] = max(0, state[HIGH] - drop)
    if state[TENT] >= 0:
        state[TENT] -= drop
