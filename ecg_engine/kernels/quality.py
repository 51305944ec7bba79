"""Flat, clipped and noisy stretches of a lead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8, f8_read, f8_write, i8, i8_read, i8_write, kernel
from ecg_engine.kernels.smoothing import median_of


@kernel((f8_read, i8, f8, i8_write))
def flat_samples(x: NDArray[np.float64], width: int, span: float, work: NDArray[np.int64]) -> int:
    """Return how many samples lie in any window of `width` samples that moves by no more than `span`.

    Sliding extremes by two monotone queues, so that the time does not depend on `width`.

    Caller guarantees: no NaN, ``2 <= width <= len(x)``, ``len(work) >= 2 * len(x)``.
    """
    n = len(x)
    low_first = low_last = 0  # queue of indices of rising values in work[:n]
    high_first = high_last = 0  # queue of indices of falling values in work[n:]
    total = 0
    covered = 0  # samples before it are counted
    for i in range(n):
        while low_last > low_first and x[work[low_last - 1]] >= x[i]:
            low_last -= 1
        work[low_last] = i
        low_last += 1
        while high_last > high_first and x[work[n + high_last - 1]] <= x[i]:
            high_last -= 1
        work[n + high_last] = i
        high_last += 1
        start = i - width + 1
        if start < 0:
            continue
        if work[low_first] < start:
            low_first += 1
        if work[n + high_first] < start:
            high_first += 1
        if x[work[n + high_first]] - x[work[low_first]] <= span:
            total += i + 1 - max(start, covered)
            covered = i + 1
    return total


@kernel((f8_read, f8, i8))
def samples_at_level(x: NDArray[np.float64], level: float, shortest: int) -> int:
    """Return how many samples stand exactly at `level` for at least `shortest` in a row.

    Caller guarantees: ``shortest >= 1``.
    """
    total = 0
    run = 0
    for value in x:
        if value == level:
            run += 1
            continue
        if run >= shortest:
            total += run
        run = 0
    return total + run if run >= shortest else total


@kernel((f8_read, f8_read, i8_read, i8, i8, i8, f8_write, f8_write))
def noise_and_swing_into(
    x: NDArray[np.float64],
    smooth: NDArray[np.float64],
    r_peaks: NDArray[np.int64],
    away: int,
    reach: int,
    block: int,
    work: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the noise of `x` between its beats, and the usual swing of the beats, into ``out[0]`` and ``out[1]``.

    Noise: median of the RMS of ``x - smooth`` over blocks of `block` samples, those within `away` of a beat left out
    (of all samples where fewer than a block are left). Swing: median over the beats of the range of `smooth` within
    `reach`; without beats over pieces of `out[1]` samples, as given.

    Caller guarantees: equal lengths >= 1, no NaN, increasing `r_peaks` inside ``x``, ``away, reach, block >= 1``,
    ``out[1] >= 1``, ``len(work) >= max(len(x) // block, len(r_peaks), len(x) // out[1]) + 1``.
    """
    n = len(x)
    piece = int(out[1])
    outside = n
    last = 0
    for r in r_peaks:
        first = max(last, r - away)
        stop = min(n, r + away)
        outside -= max(0, stop - first)
        last = max(last, stop)
    everything = outside < block
    beat = 0
    count = 0
    held = 0
    power = 0.0
    total = 0.0
    for i in range(n):
        while beat < len(r_peaks) and i >= r_peaks[beat] + away:
            beat += 1
        if not everything and beat < len(r_peaks) and i >= r_peaks[beat] - away:
            continue
        power += (x[i] - smooth[i]) ** 2
        held += 1
        if held == block:
            work[count] = np.sqrt(power / block)
            count += 1
            total += power
            power = 0.0
            held = 0
    out[0] = median_of(work, count) if count else np.sqrt((total + power) / max(1, held))
    count = len(r_peaks) if len(r_peaks) else (n + piece - 1) // piece
    for k in range(count):
        if len(r_peaks):
            first = max(0, r_peaks[k] - reach)
            stop = min(n, r_peaks[k] + reach + 1)
        else:
            first = k * piece
            stop = min(n, first + piece)
        low = high = smooth[first]
        for i in range(first, stop):
            low = min(low, smooth[i])
            high = max(high, smooth[i])
        work[k] = high - low
    out[1] = median_of(work, count)
