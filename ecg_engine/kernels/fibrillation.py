"""Measures of fast ventricular rhythms over sliding windows: how even, how wide, how unlike the usual beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8, f8_2d_read, f8_2d_write, f8_read, f8_write, helper, i8, kernel

#: How many measures `window_measures_into` writes for each window.
N_MEASURES = 6


@kernel((f8_2d_read, f8_2d_read, f8, f8, f8_2d_write))
def likeness_into(
    signal: NDArray[np.float64],
    template: NDArray[np.float64],
    least_gain: float,
    most_gain: float,
    out: NDArray[np.float64],
) -> None:
    """Write how like its row of `template` the stretch of each lead from each sample on is, as a correlation.

    A stretch that is smaller than `least_gain` or larger than `most_gain` times the template, by its norm, counts as
    unlike: 0, as does a correlation below 0, and where the template does not fit in. Each stretch is taken around its
    own mean.

    Caller guarantees: ``template.shape == (n_leads, width)`` with rows of mean 0, ``signal.shape == (n_leads, n)``,
    ``out.shape == signal.shape``, no NaN.
    """
    n_leads, n = signal.shape
    width = template.shape[1]
    for lead in range(n_leads):
        for i in range(n):
            out[lead, i] = 0.0
        norm = 0.0
        for k in range(width):
            norm += template[lead, k] * template[lead, k]
        if norm <= 0.0:
            continue
        for i in range(n - width + 1):
            total = 0.0
            square = 0.0
            product = 0.0
            for k in range(width):
                value = signal[lead, i + k]
                total += value
                square += value * value
                product += value * template[lead, k]
            square -= total * total / width
            if product <= 0.0 or not least_gain * least_gain * norm <= square <= most_gain * most_gain * norm:
                continue
            out[lead, i] = min(1.0, product / np.sqrt(square * norm))


@helper
def _leakage(x: NDArray[np.float64], start: int, stop: int) -> float:
    """Return the VF filter leakage: how little is left of the signal when half a period later is added to it."""
    total = 0.0
    change = 0.0
    for i in range(start + 1, stop):
        total += abs(x[i])
        change += abs(x[i] - x[i - 1])
    if total <= 0.0 or change <= 0.0:
        return 1.0
    half = max(1, int(np.pi * total / change + 0.5))
    left = 0.0
    whole = 0.0
    for i in range(start + half, stop):
        left += abs(x[i] + x[i - half])
        whole += abs(x[i]) + abs(x[i - half])
    return left / whole if whole > 0.0 else 1.0


@kernel((f8_read, f8_read, f8_read, i8, i8, f8_2d_write))
def window_measures_into(
    main: NDArray[np.float64],
    fast: NDArray[np.float64],
    slow: NDArray[np.float64],
    width: int,
    step: int,
    out: NDArray[np.float64],
) -> None:
    """Write the measures of one lead over windows of `width` samples, one each `step` samples.

    In the order of the columns: root mean square of `main`, of `fast`; range of `slow`; VF filter leakage, kurtosis and
    extreme of `main`.

    Caller guarantees: equal lengths, ``out.shape == (n_windows, N_MEASURES)``, the last window inside, no NaN.
    """
    for w in range(len(out)):
        start = w * step
        stop = start + width
        squares = 0.0
        fourth = 0.0
        sharp = 0.0
        extreme = 0.0
        low = slow[start]
        high = slow[start]
        for i in range(start, stop):
            square = main[i] * main[i]
            squares += square
            fourth += square * square
            sharp += fast[i] * fast[i]
            extreme = max(extreme, abs(main[i]))
            low = min(low, slow[i])
            high = max(high, slow[i])
        out[w, 0] = np.sqrt(squares / width)
        out[w, 1] = np.sqrt(sharp / width)
        out[w, 2] = high - low
        out[w, 3] = _leakage(main, start, stop)
        out[w, 4] = fourth * width / (squares * squares) if squares > 0.0 else 0.0
        out[w, 5] = extreme


@kernel((f8_2d_read, f8_2d_read, i8, i8, i8, i8, i8, f8_2d_write))
def evenness_into(
    main: NDArray[np.float64],
    size: NDArray[np.float64],
    width: int,
    step: int,
    every: int,
    first_lag: int,
    last_lag: int,
    out: NDArray[np.float64],
) -> None:
    """Write how even the signal of all leads together is in each window, its period, and how the leads move together.

    Column 0 is the highest peak of the joint autocorrelation at lags `first_lag` to `last_lag` (in steps of `every`
    samples), each lead weighted so that it has the power 1; column 1 the lag, samples, 0 where there is no peak;
    column 2 the mean absolute correlation between pairs of leads. `size` (n_windows, n_leads) holds each lead's root
    mean square; a lead of size 0 does not count.

    Caller guarantees: ``len(out) == len(size)``, ``out.shape[1] == 3``, the last window inside, no NaN.
    """
    n_leads = len(main)
    count = width // every
    values = np.empty(last_lag + 2)
    scaled = np.empty((n_leads, count))
    for w in range(len(out)):
        start = w * step
        used = 0
        for lead in range(n_leads):
            if size[w, lead] <= 0.0:
                continue
            mean = 0.0
            for k in range(count):
                mean += main[lead, start + k * every]
            mean /= count
            square = 0.0
            for k in range(count):
                value = main[lead, start + k * every] - mean
                scaled[used, k] = value
                square += value * value
            if square <= 0.0:
                continue
            share = 1.0 / np.sqrt(square)
            for k in range(count):
                scaled[used, k] *= share
            used += 1
        out[w, 0] = 0.0
        out[w, 1] = 0.0
        out[w, 2] = 0.0
        if used == 0:
            continue
        for lag in range(first_lag - 1, last_lag + 2):
            total = 0.0
            for lead in range(used):
                for k in range(count - lag):
                    total += scaled[lead, k] * scaled[lead, k + lag]
            values[lag] = total * count / ((count - lag) * used)
        for lag in range(first_lag, last_lag + 1):
            if values[lag] > out[w, 0] and values[lag] >= values[lag - 1] and values[lag] >= values[lag + 1]:
                out[w, 0] = values[lag]
                out[w, 1] = lag * every
        pairs = 0
        total = 0.0
        for one in range(used):
            for other in range(one + 1, used):
                product = 0.0
                for k in range(count):
                    product += scaled[one, k] * scaled[other, k]
                total += abs(product)
                pairs += 1
        if pairs > 0:
            out[w, 2] = total / pairs


@kernel((f8_read, i8, i8, i8, f8_write))
def window_maxima_into(x: NDArray[np.float64], width: int, step: int, reach: int, out: NDArray[np.float64]) -> None:
    """Write the greatest value whose stretch of `reach` samples lies in each window.

    Caller guarantees: the last window inside, ``1 <= reach <= width``, no NaN.
    """
    for w in range(len(out)):
        best = 0.0
        for i in range(w * step, w * step + width - reach + 1):
            best = max(best, x[i])
        out[w] = best
