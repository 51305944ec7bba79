"""Beats set side by side: likeness, alignment, the median beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8_2d_read, f8_2d_write, f8_write, i8, i8_read, i8_write, kernel
from ecg_engine.kernels.smoothing import clamp, median_of


@kernel((f8_2d_read, i8_read, i8, i8, i8, f8_2d_write))
def snippets_into(
    signal: NDArray[np.float64],
    r_peaks: NDArray[np.int64],
    before: int,
    after: int,
    step: int,
    out: NDArray[np.float64],
) -> None:
    """Write every `step`-th sample around each R, all leads in one row, each lead's part around its own mean.

    Caller guarantees: ``out.shape == (n_beats, n_leads * ((before + after) // step))``, no NaN.
    """
    n_leads, n = signal.shape
    width = (before + after) // step
    for b in range(len(r_peaks)):
        for lead in range(n_leads):
            mean = 0.0
            for k in range(width):
                value = signal[lead, clamp(r_peaks[b] - before + k * step, n)]
                out[b, lead * width + k] = value
                mean += value
            mean /= width
            for k in range(width):
                out[b, lead * width + k] -= mean


@kernel((f8_2d_read, i8_read, f8_2d_read, i8, i8, i8_write))
def align_into(
    signal: NDArray[np.float64],
    r_peaks: NDArray[np.int64],
    template: NDArray[np.float64],
    before: int,
    reach: int,
    out: NDArray[np.int64],
) -> None:
    """Write each R moved by at most `reach` samples to where its beat is nearest to `template` (least squares).

    `template` has shape (n_leads, width) and R at `before`. Caller guarantees: no NaN.
    """
    n_leads, n = signal.shape
    width = template.shape[1]
    for b in range(len(r_peaks)):
        best = np.inf
        out[b] = r_peaks[b]
        for shift in range(-reach, reach + 1):
            cost = 0.0
            for lead in range(n_leads):
                offset = 0.0
                square = 0.0
                for k in range(width):
                    off = signal[lead, clamp(r_peaks[b] + shift - before + k, n)] - template[lead, k]
                    offset += off
                    square += off * off
                cost += square - offset * offset / width
            if cost < best:
                best = cost
                out[b] = r_peaks[b] + shift


@kernel((f8_2d_read, i8_read, i8, f8_write, f8_2d_write))
def median_beat_into(
    signal: NDArray[np.float64],
    r_peaks: NDArray[np.int64],
    before: int,
    work: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the median over the beats, sample by sample, R at `before`; beats that reach outside do not count there.

    0 where no beat counts. Caller guarantees: ``len(work) >= n_beats``, ``len(out) == n_leads``, no NaN.
    """
    n_leads, n = signal.shape
    for lead in range(n_leads):
        for k in range(out.shape[1]):
            count = 0
            for b in range(len(r_peaks)):
                i = r_peaks[b] - before + k
                if 0 <= i < n:
                    work[count] = signal[lead, i]
                    count += 1
            out[lead, k] = median_of(work, count) if count > 0 else 0.0


@kernel((f8_2d_read, i8_read, i8, f8_2d_write))
def swings_into(signal: NDArray[np.float64], r_peaks: NDArray[np.int64], half: int, out: NDArray[np.float64]) -> None:
    """Write how far each lead goes up and down within `half` samples of each R peak into `out`, (n_leads, n_beats).

    Caller guarantees: every R peak is inside, no NaN.
    """
    n_leads, n = signal.shape
    for lead in range(n_leads):
        for b in range(len(r_peaks)):
            start = max(0, r_peaks[b] - half)
            low = signal[lead, start]
            high = low
            for i in range(start + 1, min(n, r_peaks[b] + half + 1)):
                low = min(low, signal[lead, i])
                high = max(high, signal[lead, i])
            out[lead, b] = high - low


@kernel((f8_2d_read, i8_read, i8, f8_2d_read, f8_write, f8_write))
def matches_into(
    signal: NDArray[np.float64],
    places: NDArray[np.int64],
    half: int,
    shape: NDArray[np.float64],
    dot: NDArray[np.float64],
    length: NDArray[np.float64],
) -> None:
    """Write how the leads around each place, each around its own mean there, lie to `shape`, and how long they are.

    `dot` is the sum of the products, `length` the root of the sum of squares; the ends repeat the outermost samples.
    Caller guarantees: ``shape.shape == (n_leads, 2 * half + 1)``, no NaN.
    """
    n_leads, n = signal.shape
    width = 2 * half + 1
    for p in range(len(places)):
        product = 0.0
        square = 0.0
        for lead in range(n_leads):
            mean = 0.0
            for k in range(width):
                mean += signal[lead, clamp(places[p] - half + k, n)]
            mean /= width
            for k in range(width):
                off = signal[lead, clamp(places[p] - half + k, n)] - mean
                product += off * shape[lead, k]
                square += off * off
        dot[p] = product
        length[p] = np.sqrt(square)
