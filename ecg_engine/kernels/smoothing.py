"""Moving means, medians and robust levels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8_2d_read, f8_2d_write, f8_read, f8_write, helper, i8, kernel

#: A running sum is started anew after so many samples, so that rounding cannot pile up.
RESTART = 1024
#: So few values are put in order by moving each to its place,
FEW = 6
#: and of so few it is counted how many are no greater than each, as vectors, in a third of the time of a quickselect.
MANY = 32


@helper
def clamp(i: int, n: int) -> int:
    """Return `i` held inside ``0 .. n-1``."""
    if i < 0:
        return 0
    if i >= n:
        return n - 1
    return i


@helper
def running_mean(x: NDArray[np.float64], width: int, out: NDArray[np.float64]) -> None:
    """Write the centred mean over `width` samples into `out`; inside, without a test for the ends: twice as fast."""
    n = len(x)
    half = width // 2
    share = 1.0 / width
    for start in range(0, n, RESTART):
        stop = min(n, start + RESTART)
        total = 0.0
        for k in range(start - half, start + half + 1):
            total += x[clamp(k, n)]
        if start - half >= 0 and stop + half < n:
            for i in range(start, stop):
                out[i] = total * share
                total += x[i + half + 1] - x[i - half]
        else:
            for i in range(start, stop):
                out[i] = total * share
                total += x[clamp(i + half + 1, n)] - x[clamp(i - half, n)]


@helper
def four_running_means(x: NDArray[np.float64], first: int, width: int, out: NDArray[np.float64]) -> None:
    """Do as `running_mean` for four rows from `first` on: no sum waits for another, which is 2.5 times as fast."""
    n = x.shape[1]
    half = width // 2
    share = 1.0 / width
    a, b, c, d = first, first + 1, first + 2, first + 3
    for start in range(0, n, RESTART):
        stop = min(n, start + RESTART)
        ta = tb = tc = td = 0.0
        for k in range(start - half, start + half + 1):
            i = clamp(k, n)
            ta += x[a, i]
            tb += x[b, i]
            tc += x[c, i]
            td += x[d, i]
        inside = start - half >= 0 and stop + half < n
        for i in range(start, stop):
            out[a, i] = ta * share
            out[b, i] = tb * share
            out[c, i] = tc * share
            out[d, i] = td * share
            come = i + half + 1
            go = i - half
            if not inside:
                come = clamp(come, n)
                go = clamp(go, n)
            ta += x[a, come] - x[a, go]
            tb += x[b, come] - x[b, go]
            tc += x[c, come] - x[c, go]
            td += x[d, come] - x[d, go]


@helper
def running_means(x: NDArray[np.float64], width: int, out: NDArray[np.float64]) -> None:
    """Do as `running_mean` for each row."""
    rows = len(x)
    for first in range(0, rows - 3, 4):
        four_running_means(x, first, width, out)
    for row in range(rows - rows % 4, rows):
        running_mean(x[row], width, out[row])


@kernel((f8_2d_read, i8, f8_2d_write))
def moving_means_into(x: NDArray[np.float64], width: int, out: NDArray[np.float64]) -> None:
    """Write the centred mean of each row over `width` samples into `out`, as `moving_mean_into`.

    Caller guarantees: equal shapes, a sample at least, odd ``width >= 1``, no NaN, ``|x| <= 1e6`` after scaling.
    """
    running_means(x, width, out)


@kernel((f8_2d_read, i8, f8_2d_write, f8_2d_write))
def twice_moving_means_into(
    x: NDArray[np.float64], width: int, work: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Write the mean of the mean of each row, `moving_means_into` done twice, into `out`.

    Caller guarantees: as `moving_means_into`; `work` has the same shape.
    """
    running_means(x, width, work)
    running_means(work, width, out)


@kernel((f8_read, i8, f8_write))
def moving_mean_into(x: NDArray[np.float64], width: int, out: NDArray[np.float64]) -> None:
    """Write the centred mean over `width` samples into `out`; the edges repeat the first and last sample.

    Caller guarantees: equal lengths >= 1, odd ``width >= 1``, no NaN, ``|x| <= 1e6`` after scaling.
    """
    running_mean(x, width, out)


@helper
def select(values: NDArray[np.float64], count: int, k: int) -> float:
    """Return the `k`-th smallest (from 0) of the first `count` values, which are reordered (Hoare's quickselect)."""
    left = 0
    right = count - 1
    while left < right:
        pivot = values[(left + right) // 2]
        i = left
        j = right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                keep = values[i]
                values[i] = values[j]
                values[j] = keep
                i += 1
                j -= 1
        if k <= j:
            right = j
        elif k >= i:
            left = i
        else:
            break
    return values[k]


@helper
def median_of(values: NDArray[np.float64], count: int) -> float:
    """Return the median of the first `count` values, which may be reordered; NaN where there is none."""
    if count == 0:
        return np.nan
    if count <= FEW:
        for i in range(1, count):
            value = values[i]
            k = i
            while k > 0 and values[k - 1] > value:
                values[k] = values[k - 1]
                k -= 1
            values[k] = value
        return values[count // 2] if count % 2 == 1 else 0.5 * (values[count // 2 - 1] + values[count // 2])
    if count <= MANY:
        below = above = np.inf
        for i in range(count):
            value = values[i]
            no_greater = 0
            for k in range(count):
                no_greater += values[k] <= value
            below = min(below, value if 2 * no_greater >= count else np.inf)
            above = min(above, value if 2 * no_greater > count else np.inf)
        return 0.5 * (below + above)
    upper = select(values, count, count // 2)
    if count % 2 == 1:
        return upper
    lower = values[0]
    for i in range(1, count // 2):
        lower = max(lower, values[i])
    return 0.5 * (lower + upper)


@kernel((f8_write,), allocates=False)
def median_in_place(values: NDArray[np.float64]) -> float:
    """Return the median of `values`, which are reordered.

    Caller guarantees: one value at least, no NaN.
    """
    return median_of(values, len(values))


@kernel((f8_read, i8, i8, f8_write, f8_write))
def moving_median_into(
    x: NDArray[np.float64], width: int, step: int, work: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Write the centred median over `width` samples into `out`: exact at every `step`-th, linear between them.

    Caller guarantees: equal lengths >= 1, odd ``width >= 1``, ``step >= 1``, ``len(work) >= width``, no NaN.
    """
    n = len(x)
    half = width // 2
    before = 0
    last = 0.0
    at = 0
    while True:
        for k in range(width):
            work[k] = x[clamp(at - half + k, n)]
        value = median_of(work, width)
        out[at] = value
        for i in range(before + 1, at):
            out[i] = last + (value - last) * (i - before) / (at - before)
        if at == n - 1:
            return
        before = at
        last = value
        at = min(at + step, n - 1)
