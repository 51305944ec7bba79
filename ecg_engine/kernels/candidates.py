"""Candidates for beats: peaks of the energy, and the usual height of a beat around each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import helper, inlined
from ecg_engine.kernels.bend import greatest, move, place_of
from ecg_engine.kernels.rules import (
    CANDIDATE_ROWS,
    CANDIDATES,
    CLOCK,
    DECIDE,
    HEIGHT,
    HIGH,
    JUDGED,
    LOW,
    N_CANDS,
    N_RANKS,
    PLAIN,
    RANKS,
    SHARPNESS,
    SPARE,
    TENT,
    TIME,
    TOP,
    TOPS,
    UNKNOWN,
    BeatRules,
)


@inlined
def seek(
    energy: NDArray[np.float64],
    first: int,
    start: int,
    end: int,
    apart: int,
    final: bool,
    silent: int,
    cands: NDArray[np.float64],
    count: int,
) -> tuple[int, int]:
    """Add candidates: samples that are positive and highest within `apart` either side. Return the new seek and count.

    ``energy[0]`` belongs to time `first`; of equal neighbours the first counts. The clock is `silent` behind the time.
    """
    stop = end if final else end - apart
    i = start
    while i < stop:
        # Of a piece that is no longer than the reach only the highest can be one.
        until = min(i + apart + 1, stop)
        piece = energy[i - first : until - first]
        value = greatest(piece)
        p = place_of(piece, value) + i - first
        alone = value > 0.0 and count < CANDIDATES
        k = i - first - 1
        while alone and k >= max(0, p - apart):
            alone = energy[k] < value
            k -= 1
        k = until - first
        while alone and k < min(end - first, p + apart + 1):
            alone = energy[k] <= value
            k += 1
        i = until
        if alone:
            cands[TIME, count] = p + first
            cands[HEIGHT, count] = cands[PLAIN, count] = np.sqrt(value)
            cands[SHARPNESS, count] = UNKNOWN
            cands[TOP, count] = 0.0
            cands[CLOCK, count] = p + first - silent
            count += 1
            i = p + first + apart + 1
    return i, count


@inlined
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


@inlined
def put_in(ranks: NDArray[np.float64], count: int, value: float) -> None:
    """Put `value` into its place among the first `count` values, which increase."""
    k = count
    while k > 0 and ranks[k - 1] > value:
        ranks[k] = ranks[k - 1]
        k -= 1
    ranks[k] = value


@inlined
def take_away(ranks: NDArray[np.float64], count: int, value: float) -> None:
    """Take `value`, which is one of them, from the first `count` values, which increase."""
    k = 0
    while k < count - 1 and ranks[k] < value:
        k += 1
    move(ranks[k:], 1, count - 1 - k)


@inlined
def level(cands: NDArray[np.float64], state: NDArray[np.int64], i: int, rules: BeatRules) -> float:
    """Return the usual height of a beat at candidate `i`: the median of the tops before it, or in the beginning.

    The tops that count are kept in the order of their heights: to find their median anew each time is dear. Silence
    does not age them: after it beats are as high as before.
    """
    ranks = cands[RANKS]
    count = state[N_RANKS]
    low, high = state[LOW], state[HIGH]
    while low < i and cands[CLOCK, low] < cands[CLOCK, i] - rules.span:
        if low < high and cands[TOP, low] > 0.0:
            take_away(ranks, count, cands[HEIGHT, low])
            count -= 1
        low += 1
    until = max(cands[TIME, i] - rules.top, rules.begin)
    while high < state[TOPS] and cands[TIME, high] <= until:
        if high >= low and cands[TOP, high] > 0.0:
            put_in(ranks, count, cands[HEIGHT, high])
            count += 1
        high += 1
    state[LOW] = low
    state[HIGH] = high
    state[N_RANKS] = count
    if count == 0:
        return float(cands[HEIGHT, i])
    return 0.5 * (ranks[(count - 1) // 2] + ranks[count // 2])


@helper
def forget(cands: NDArray[np.float64], state: NDArray[np.int64], until: float) -> None:
    """Drop the candidates before `until`, by the clock, and more where there are still too many."""
    drop = 0
    limit = min(state[DECIDE] - 1, state[TOPS])
    if state[TENT] >= 0:
        limit = min(limit, state[TENT])
    while drop < limit and (cands[CLOCK, drop] < until or drop < SPARE):
        drop += 1
    for j in range(state[LOW], min(drop, state[HIGH])):
        if cands[TOP, j] > 0.0:
            take_away(cands[RANKS], state[N_RANKS], cands[HEIGHT, j])
            state[N_RANKS] -= 1
    for row in range(CANDIDATE_ROWS):
        move(cands[row], drop, state[N_CANDS] - drop)
    for place in (N_CANDS, TOPS, DECIDE, JUDGED):
        state[place] -= drop
    state[LOW] = max(0, state[LOW] - drop)
    state[HIGH] = max(0, state[HIGH] - drop)
    if state[TENT] >= 0:
        state[TENT] -= drop
