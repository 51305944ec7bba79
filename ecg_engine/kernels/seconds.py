"""Second by second: how far a lead moves, what is noise in it, how it steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8, f8_2d_read, f8_2d_write, f8_read, f8_write, i8, i8_write, kernel
from ecg_engine.kernels.smoothing import running_mean, select

#: Columns of what `seconds_into` writes.
RANGE, NOISE, STEP, LEVEL = 0, 1, 2, 3
#: Entries of what `lead_numbers_into` writes.
NOISE_USUAL, NOISE_HIGH, SWING, WANDER, SLOPE_HIGH, SLOPE_USUAL = 0, 1, 2, 3, 4, 5
#: Parts of a second in which noise is taken.
PARTS = 5


@kernel((f8_2d_read, i8, f8_2d_write))
def block_means_into(x: NDArray[np.float64], step: int, out: NDArray[np.float64]) -> None:
    """Write the means of `step` samples each into `out`: a coarser rate, by which every rate is judged alike.

    Caller guarantees: no NaN, ``out.shape[1] == x.shape[1] // step >= 1``.
    """
    share = 1.0 / step
    for row in range(x.shape[0]):
        for k in range(out.shape[1]):
            total = 0.0
            for i in range(k * step, (k + 1) * step):
                total += x[row, i]
            out[row, k] = total * share


@kernel((f8_read, f8, f8_write, f8_2d_write))
def seconds_into(x: NDArray[np.float64], fs: float, work: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write range, noise, largest step and mean of each second of `x` into the rows of `out`.

    Noise is the RMS of what a mean over three samples leaves, the median of the second's fifths: a QRS stands in one
    or two of them.

    Caller guarantees: no NaN, ``|x| <= 1e6``, ``fs >= 1``, ``len(work) >= len(x)``, ``out.shape[1] >= 4``, and every
    second ``[round(k fs), round((k + 1) fs))`` of `out` begins inside `x`.
    """
    n = len(x)
    running_mean(x, 3, work)
    parts = np.empty(PARTS)
    for k in range(out.shape[0]):
        first = round(k * fs)
        stop = min(n, round((k + 1) * fs))
        low = high = x[first]
        total = 0.0
        step = 0.0
        for i in range(first, stop):
            low = min(low, x[i])
            high = max(high, x[i])
            total += x[i]
            if i > first:
                step = max(step, abs(x[i] - x[i - 1]))
        count = 0
        for part in range(PARTS):
            a = first + part * (stop - first) // PARTS
            b = first + (part + 1) * (stop - first) // PARTS
            power = 0.0
            for i in range(a, b):
                power += (x[i] - work[i]) ** 2
            if b > a:
                parts[count] = np.sqrt(power / (b - a))
                count += 1
        out[k, 0] = high - low
        out[k, 1] = select(parts, count, count // 2)
        out[k, 2] = step
        out[k, 3] = total / (stop - first)


@kernel((f8_read, f8, f8_write, f8_write))
def lead_numbers_into(x: NDArray[np.float64], fs: float, work: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write noise (median and ninth tenth), swing, wander and slope (highest twentieth and median) of `x` into `out`.

    Noise: RMS, by fifths of a second, of what a mean over three samples leaves. Wander: range of the mean over 0.6 s.
    Swing: median over the seconds of the range of what that mean leaves. Slope: the mean over 0.1 s of the absolute
    central difference of the mean over three samples, times `fs`.

    Caller guarantees: no NaN, ``|x| <= 1e6``, ``fs >= 5``, ``len(x) >= fs / 5``, ``len(work) >= 4 * len(x)``.
    """
    n = len(x)
    smooth = work[:n]
    other = work[n : 2 * n]
    slope = work[2 * n : 3 * n]
    kept = work[3 * n : 4 * n]
    running_mean(x, 3, smooth)
    width = int(fs / 5)
    count = n // width
    for k in range(count):
        power = 0.0
        for i in range(k * width, (k + 1) * width):
            power += (x[i] - smooth[i]) ** 2
        kept[k] = np.sqrt(power / width)
    out[0] = select(kept, count, count // 2)
    out[1] = select(kept, count, count * 9 // 10)
    running_mean(x, 2 * int(0.3 * fs) + 1, other)
    low = high = other[0]
    for i in range(n):
        low = min(low, other[i])
        high = max(high, other[i])
    out[3] = high - low
    count = max(1, int(n / fs))
    for k in range(count):
        first = int(k * fs)
        stop = min(n, int((k + 1) * fs))
        low = high = x[first] - other[first]
        for i in range(first, stop):
            low = min(low, x[i] - other[i])
            high = max(high, x[i] - other[i])
        kept[k] = high - low
    out[2] = select(kept, count, count // 2)
    for i in range(n):
        slope[i] = abs(smooth[min(n - 1, i + 1)] - smooth[max(0, i - 1)]) * 0.5 * fs
    running_mean(slope, 2 * int(0.05 * fs) + 1, other)
    out[5] = select(other, n, n // 2)
    out[4] = select(other, n, n * 19 // 20)


@kernel((f8_read, f8, i8, f8, i8_write))
def seconds_at_level_into(
    x: NDArray[np.float64], level: float, shortest: int, fs: float, out: NDArray[np.int64]
) -> None:
    """Add to each entry of `out` how many samples of that second stand at `level` for at least `shortest` in a row.

    Caller guarantees: no NaN, ``shortest >= 1``, and the second of every sample, ``int((i + 0.5) / fs)``, is at most
    ``len(out) - 1`` or is counted to the last.
    """
    run = 0
    last = len(out) - 1
    for i in range(len(x) + 1):
        if i < len(x) and x[i] == level:
            run += 1
            continue
        if run >= shortest:
            for k in range(i - run, i):
                out[min(last, int((k + 0.5) / fs))] += 1
        run = 0
