"""Baseline through knots, and mains as a fitted sine: nothing that rings beside a QRS or moves ST."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8, f8_2d_read, f8_2d_write, f8_read, f8_write, i8, i8_read, kernel
from ecg_engine.kernels.smoothing import median_of


@kernel((i8_read, f8_read, f8_write))
def spline_into(at: NDArray[np.int64], value: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write the natural cubic spline through the knots into `out`, level before the first and after the last knot.

    Caller guarantees: `at` increases strictly, inside `out`; at least one knot; finite values.
    """
    m = len(at)
    n = len(out)
    if m == 1:
        out[:] = value[0]
        return
    # Second derivatives by the tridiagonal system (Thomas algorithm); natural ends.
    second = np.zeros(m)
    upper = np.zeros(m)
    for k in range(1, m - 1):
        left = float(at[k] - at[k - 1])
        right = float(at[k + 1] - at[k])
        rhs = 6.0 * ((value[k + 1] - value[k]) / right - (value[k] - value[k - 1]) / left)
        pivot = 2.0 * (left + right) - left * upper[k - 1]
        upper[k] = right / pivot
        second[k] = (rhs - left * second[k - 1]) / pivot
    for k in range(m - 2, 0, -1):
        second[k] -= upper[k] * second[k + 1]
    for i in range(at[0]):
        out[i] = value[0]
    for k in range(m - 1):
        step = float(at[k + 1] - at[k])
        for i in range(at[k], at[k + 1]):
            b = (i - at[k]) / step
            a = 1.0 - b
            bend = (a * a * a - a) * second[k] + (b * b * b - b) * second[k + 1]
            out[i] = a * value[k] + b * value[k + 1] + bend * step * step / 6.0
    for i in range(at[m - 1], n):
        out[i] = value[m - 1]


@kernel((f8_2d_read, i8_read, i8, i8, f8_2d_write))
def knots_into(
    signal: NDArray[np.float64], qrs_onsets: NDArray[np.int64], before: int, width: int, out: NDArray[np.float64]
) -> None:
    """Write the median of `width` samples that end `before` samples ahead of each QRS onset; shape (n_leads, n_onsets).

    The median, so that an artefact that reaches into the window by less than half does not move the knot.

    Caller guarantees: onsets inside, ``width >= 1``, no NaN.
    """
    work = np.empty(width)
    n_leads = signal.shape[0]
    for lead in range(n_leads):
        for k in range(len(qrs_onsets)):
            stop = max(1, qrs_onsets[k] - before)
            start = max(0, stop - width)
            for i in range(start, stop):
                work[i - start] = signal[lead, i]
            out[lead, k] = median_of(work, stop - start)


@kernel((f8_read, f8_read, f8_read, f8_read, i8, i8, f8_2d_write))
def fit_sine_into(
    x: NDArray[np.float64],
    weight: NDArray[np.float64],
    cosine: NDArray[np.float64],
    sine: NDArray[np.float64],
    length: int,
    hop: int,
    out: NDArray[np.float64],
) -> None:
    """Fit ``a cosine + b sine`` to each window by weighted least squares; rows of `out` are (a, b).

    Window `k` holds the samples ``k * hop .. k * hop + length - 1`` as far as they exist; 0 where there are too few.

    The waves are handed in, made once for all leads: to make them took nine tenths of the time.

    Caller guarantees: equal lengths, no NaN.
    """
    n = len(x)
    for k in range(out.shape[0]):
        cc = 0.0
        ss = 0.0
        cs = 0.0
        xc = 0.0
        xs = 0.0
        for i in range(k * hop, min(n, k * hop + length)):
            w = weight[i]
            c = cosine[i]
            s = sine[i]
            cc += w * c * c
            ss += w * s * s
            cs += w * c * s
            xc += w * x[i] * c
            xs += w * x[i] * s
        det = cc * ss - cs * cs
        out[k, 0] = 0.0
        out[k, 1] = 0.0
        if det > 1e-6 * (cc + ss) * (cc + ss) and cc + ss > 16.0:
            out[k, 0] = (xc * ss - xs * cs) / det
            out[k, 1] = (xs * cc - xc * cs) / det


@kernel((f8_2d_read, f8, i8, i8, f8_write))
def subtract_sine_into(
    coefficients: NDArray[np.float64], omega: float, length: int, hop: int, out: NDArray[np.float64]
) -> None:
    """Subtract the fitted sine from `out`; between the windows' middles the coefficients change linearly.

    Caller guarantees: at least one row.
    """
    last = coefficients.shape[0] - 1
    for i in range(len(out)):
        place = (i - 0.5 * length) / hop
        k = int(np.floor(place))
        share = place - k
        if k < 0:
            k = 0
            share = 0.0
        if k >= last:
            k = last
            share = 0.0
        a = coefficients[k, 0]
        b = coefficients[k, 1]
        if share > 0.0:
            a += share * (coefficients[k + 1, 0] - a)
            b += share * (coefficients[k + 1, 1] - b)
        out[i] -= a * np.cos(omega * i) + b * np.sin(omega * i)
