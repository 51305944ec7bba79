"""Flat, clipped and noisy stretches of a lead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8, f8_read, i8, i8_write, kernel


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
