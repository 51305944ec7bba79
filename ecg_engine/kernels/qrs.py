"""QRS detection: slope energy, candidates, local level, choice of the beats, R peaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8, f8_2d_read, f8_read, f8_write, helper, i8, i8_read, i8_write, kernel, u1_write
from ecg_engine.kernels.smoothing import RESTART, median_of, running_mean

#: Search back looks at every gap so often, halving it at best each time.
LOOKS = 8


@kernel((f8_read, i8, i8, i8, f8_write, f8_write))
def slope_energy_into(
    x: NDArray[np.float64],
    smooth: int,
    lag: int,
    width: int,
    work: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the root mean square slope of the smoothed signal into `out`.

    The signal is smoothed by two centred means over `smooth` samples, differenced over ``2 * lag`` samples, squared,
    and averaged over `width` samples: linear in the amplitude, symmetrical in time, blind to level and polarity.

    Caller guarantees: equal lengths >= 1, odd `smooth` and `width`, ``lag >= 1``, no NaN, ``|x| <= 1e4`` after scaling.
    """
    n = len(x)
    running_mean(x, smooth, work)
    running_mean(work, smooth, out)
    for i in range(n):
        work[i] = 0.0
    for i in range(lag, n - lag):
        slope = out[i + lag] - out[i - lag]
        work[i] = slope * slope
    half = width // 2
    total = 0.0
    for i in range(n):
        if i % RESTART == 0:
            total = 0.0
            for k in range(max(i - half, 0), min(i + half + 1, n)):
                total += work[k]
        out[i] = np.sqrt(max(total, 0.0) / width)
        if i + half + 1 < n:
            total += work[i + half + 1]
        if i - half >= 0:
            total -= work[i - half]


@kernel((f8_read, i8, i8_write))
def local_maxima_into(x: NDArray[np.float64], half: int, out: NDArray[np.int64]) -> int:
    """Write the samples that are positive and highest within `half` samples either side; return how many.

    Of equal neighbours the first counts. Caller guarantees: ``half >= 1``, ``len(out) >= len(x) // half + 2``, no NaN.
    """
    n = len(x)
    count = 0
    i = 0
    while i < n:
        highest = x[i] > 0.0 and (i == 0 or x[i] > x[i - 1]) and (i == n - 1 or x[i] >= x[i + 1])
        k = max(0, i - half)
        while highest and k < i:
            highest = x[k] < x[i]
            k += 1
        k = i + 1
        while highest and k < min(n, i + half + 1):
            highest = x[k] <= x[i]
            k += 1
        if highest:
            out[count] = i
            count += 1
            i += half
        i += 1
    return count


@kernel((i8_read, f8_read, i8, i8, f8_write, u1_write, f8_write))
def local_levels_into(
    at: NDArray[np.int64],
    height: NDArray[np.float64],
    apart: int,
    span: int,
    work: NDArray[np.float64],
    top: NDArray[np.uint8],
    out: NDArray[np.float64],
) -> None:
    """Write the usual height of a beat around each candidate: the median of the tops within `span` samples.

    A top is a candidate that no other within `apart` samples exceeds.

    Caller guarantees: `at` increases, equal lengths, ``len(work) >= 2 * span // apart + 3``.
    """
    n = len(at)
    for i in range(n):
        highest = True
        j = i - 1
        while highest and j >= 0 and at[i] - at[j] <= apart:
            highest = height[j] < height[i]
            j -= 1
        j = i + 1
        while highest and j < n and at[j] - at[i] <= apart:
            highest = height[j] <= height[i]
            j += 1
        top[i] = 1 if highest else 0
    first = 0
    last = 0
    for i in range(n):
        while at[first] < at[i] - span:
            first += 1
        while last < n and at[last] <= at[i] + span:
            last += 1
        count = 0
        for j in range(first, last):
            if top[j] == 1 and count < len(work):
                work[count] = height[j]
                count += 1
        out[i] = median_of(work, count) if count > 0 else height[i]


@helper
def _choose(
    at: NDArray[np.int64],
    height: NDArray[np.float64],
    level: NDArray[np.float64],
    threshold: float,
    refractory: int,
    t_window: int,
    t_share: float,
    p_window: int,
    p_share: float,
    chosen: NDArray[np.uint8],
) -> None:
    """Forward pass: high enough, outside the refractory period, no T wave behind and no P wave before a QRS."""
    last = -1
    for i in range(len(at)):
        chosen[i] = 0
        if height[i] < threshold * level[i]:
            continue
        if last >= 0:
            after = at[i] - at[last]
            if after < refractory or (after < p_window and height[last] < p_share * height[i]):
                if height[i] > height[last]:
                    chosen[last] = 0
                    chosen[i] = 1
                    last = i
                continue
            if after < t_window and height[i] < t_share * height[last]:
                continue
        chosen[i] = 1
        last = i


@helper
def _usual_rr(
    at: NDArray[np.int64], beats: NDArray[np.int64], q: int, n_beats: int, work: NDArray[np.float64]
) -> float:
    """Return the median RR of the (up to) ten intervals around the `q`-th beat."""
    low = max(0, q - 5)
    high = min(n_beats - 1, q + 5)
    for k in range(low, high):
        work[k - low] = at[beats[k + 1]] - at[beats[k]]
    return median_of(work, high - low)


@helper
def _gather(chosen: NDArray[np.uint8], beats: NDArray[np.int64]) -> int:
    """Write the indices of the chosen candidates into `beats`; return how many."""
    count = 0
    for i in range(len(chosen)):
        if chosen[i] == 1:
            beats[count] = i
            count += 1
    return count


@helper
def _search_back(
    at: NDArray[np.int64],
    height: NDArray[np.float64],
    level: NDArray[np.float64],
    share: float,
    late: float,
    margin: int,
    t_window: int,
    t_share: float,
    chosen: NDArray[np.uint8],
    beats: NDArray[np.int64],
    work: NDArray[np.float64],
) -> None:
    """Where a beat is late, take the highest candidate between that passes the lower threshold, and look again."""
    for _turn in range(LOOKS):
        n_beats = _gather(chosen, beats)
        found = 0
        for q in range(n_beats - 1):
            left = beats[q]
            right = beats[q + 1]
            if at[right] - at[left] <= late * _usual_rr(at, beats, q, n_beats, work):
                continue
            best = -1
            for j in range(left + 1, right):
                after = at[j] - at[left]
                if after < margin or at[right] - at[j] < margin:
                    continue
                if after < t_window and height[j] < t_share * height[left]:
                    continue
                if height[j] >= share * level[j] and (best < 0 or height[j] > height[best]):
                    best = j
            if best >= 0:
                chosen[best] = 1
                found += 1
        if found == 0:
            return


@helper
def _drop_splitters(
    at: NDArray[np.int64],
    height: NDArray[np.float64],
    low_share: float,
    usual_share: float,
    soon_share: float,
    chosen: NDArray[np.uint8],
    beats: NDArray[np.int64],
    work: NDArray[np.float64],
) -> None:
    """Drop low beats that split an ordinary RR interval in two: T and P waves between two QRS complexes."""
    for _turn in range(2):
        n_beats = _gather(chosen, beats)
        for q in range(1, n_beats - 1):
            i = beats[q]
            before = beats[q - 1]
            after = beats[q + 1]
            if chosen[before] == 0 or height[i] >= low_share * min(height[before], height[after]):
                continue
            low = max(0, q - 8)
            high = min(n_beats - 1, q + 8)
            for k in range(low, high + 1):
                work[k - low] = height[beats[k]]
            tall = low_share * median_of(work, high - low + 1)
            count = 0
            previous = -1
            for k in range(low, high + 1):
                if k != q and height[beats[k]] >= tall:
                    if previous >= 0:
                        work[count] = at[beats[k]] - at[previous]
                        count += 1
                    previous = beats[k]
            if count >= 2 and at[after] - at[before] <= usual_share * median_of(work, count):
                chosen[i] = 0
    # At either end there is one neighbour only: a low beat that comes far too soon is the T or P wave of that one.
    n_beats = _gather(chosen, beats)
    if n_beats < 4:
        return
    usual = _usual_rr(at, beats, 0, n_beats, work)
    if height[beats[0]] < low_share * height[beats[1]] and at[beats[1]] - at[beats[0]] < soon_share * usual:
        chosen[beats[0]] = 0
    usual = _usual_rr(at, beats, n_beats - 1, n_beats, work)
    last = beats[n_beats - 1]
    before = beats[n_beats - 2]
    if height[last] < low_share * height[before] and at[last] - at[before] < soon_share * usual:
        chosen[last] = 0


@kernel((i8_read, f8_read, f8_read, f8, f8, f8, i8, i8, i8, f8, i8, f8, f8, f8, f8, u1_write, i8_write))
def choose_beats_into(
    at: NDArray[np.int64],
    height: NDArray[np.float64],
    level: NDArray[np.float64],
    threshold: float,
    back_share: float,
    late: float,
    refractory: int,
    margin: int,
    t_window: int,
    t_share: float,
    p_window: int,
    p_share: float,
    low_share: float,
    usual_share: float,
    soon_share: float,
    chosen: NDArray[np.uint8],
    beats: NDArray[np.int64],
) -> int:
    """Choose the beats among the candidates; write their samples into `beats` and return how many.

    Forward pass with the local level, search back where a beat is late, removal of low ones that split an RR.

    Caller guarantees: `at` increases, equal lengths, heights and levels finite and >= 0.
    """
    work = np.empty(32)
    _choose(at, height, level, threshold, refractory, t_window, t_share, p_window, p_share, chosen)
    _search_back(at, height, level, back_share, late, margin, t_window, t_share, chosen, beats, work)
    _drop_splitters(at, height, low_share, usual_share, soon_share, chosen, beats, work)
    n_beats = _gather(chosen, beats)
    for q in range(n_beats):
        beats[q] = at[beats[q]]
    return n_beats


@kernel((f8_read, f8_read, f8_write))
def add_weighted_square_into(
    energy: NDArray[np.float64], weight: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Add the square of ``energy * weight`` to `out`. Caller guarantees: equal lengths, no NaN."""
    for i in range(len(energy)):
        value = energy[i] * weight[i]
        out[i] += value * value


@kernel((f8_2d_read, f8_read, i8_read, i8, i8, i8, f8_write, i8_write, f8_write))
def locate_r_into(
    signal: NDArray[np.float64],
    unit: NDArray[np.float64],
    at: NDArray[np.int64],
    half: int,
    smooth: int,
    level_half: int,
    work: NDArray[np.float64],
    out: NDArray[np.int64],
    swing: NDArray[np.float64],
) -> None:
    """Write the R peak near each candidate into `out`, and the largest QRS swing of a lead into `swing`.

    A lead's swing is multiplied by its `unit`.

    R is where the leads together stand farthest, either way, from the local level (their mean over ``2 * level_half``
    samples), within `half` samples of the candidate; each lead is smoothed over ``2 * smooth + 1`` samples.

    Caller guarantees: `at` inside the signal, ``len(work) >= 2 * half + 1``, no NaN, ``|signal| <= 1e6``.
    """
    n_leads, n = signal.shape
    for b in range(len(at)):
        start = max(0, at[b] - half)
        stop = min(n, at[b] + half + 1)
        for k in range(stop - start):
            work[k] = 0.0
        swing[b] = 0.0
        for lead in range(n_leads):
            level = 0.0
            count = 0
            for k in range(max(0, at[b] - level_half), min(n, at[b] + level_half + 1)):
                level += signal[lead, k]
                count += 1
            level /= count
            lowest = np.inf
            highest = -np.inf
            # The swing is taken over the line from end to end of the window: drift is no QRS.
            first = signal[lead, start]
            last = signal[lead, stop - 1]
            for k in range(start, stop):
                value = 0.0
                count = 0
                for j in range(max(0, k - smooth), min(n, k + smooth + 1)):
                    value += signal[lead, j]
                    count += 1
                value /= count
                over = value - first - (last - first) * (k - start) / max(1, stop - 1 - start)
                lowest = min(lowest, over)
                highest = max(highest, over)
                work[k - start] += (value - level) * (value - level)
            swing[b] = max(swing[b], (highest - lowest) * unit[lead])
        best = 0
        for k in range(stop - start):
            if work[k] > work[best]:
                best = k
        out[b] = start + best
