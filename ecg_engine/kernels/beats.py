"""Beats set side by side: likeness, alignment, the median beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8_2d_read, f8_2d_write, f8_read, f8_write, helper, i8, i8_read, i8_write, kernel
from ecg_engine.kernels.smoothing import clamp, median_of

#: A value between two samples lies on the polynomial through so many of them, half on either side.
NEAR = 8


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


@helper
def _misfit(signal: NDArray[np.float64], template: NDArray[np.float64], start: int) -> float:
    """Return the sum of squares between the leads from `start` on and the template, each lead's mean removed."""
    n = signal.shape[1]
    width = template.shape[1]
    cost = 0.0
    for lead in range(len(template)):
        offset = 0.0
        square = 0.0
        for k in range(width):
            off = signal[lead, clamp(start + k, n)] - template[lead, k]
            offset += off
            square += off * off
        cost += square - offset * offset / width
    return cost


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
    for b in range(len(r_peaks)):
        best = np.inf
        out[b] = r_peaks[b]
        for shift in range(-reach, reach + 1):
            cost = _misfit(signal, template, r_peaks[b] + shift - before)
            if cost < best:
                best = cost
                out[b] = r_peaks[b] + shift


@kernel((f8_2d_read, i8_read, f8_2d_read, i8, i8, f8_write))
def align_finely_into(
    signal: NDArray[np.float64],
    r_peaks: NDArray[np.int64],
    template: NDArray[np.float64],
    before: int,
    reach: int,
    out: NDArray[np.float64],
) -> None:
    """Write each R as `align_into` does, then moved by a part of a sample to the vertex of the parabola of its misfit.

    The parabola goes through the least misfit and those beside it; where the least is at the end of the reach, or none
    of the three is greater, the whole sample stays. Caller guarantees: no NaN.
    """
    misfits = np.empty(2 * reach + 1)
    for b in range(len(r_peaks)):
        best = reach
        for k in range(2 * reach + 1):
            misfits[k] = _misfit(signal, template, r_peaks[b] + k - reach - before)
        for k in range(2 * reach + 1):
            if misfits[k] < misfits[best]:
                best = k
        out[b] = r_peaks[b] + best - reach
        if 0 < best < 2 * reach:
            bend = misfits[best - 1] - 2.0 * misfits[best] + misfits[best + 1]
            if bend > 0.0:
                out[b] += 0.5 * (misfits[best - 1] - misfits[best + 1]) / bend


@helper
def _weights(u: float, out: NDArray[np.float64]) -> None:
    """Write Lagrange's weights of the `NEAR` samples around a place `u` behind the last of those before it."""
    for j in range(NEAR):
        at = j - NEAR // 2 + 1
        weight = 1.0
        for m in range(-NEAR // 2 + 1, NEAR // 2 + 1):
            if m != at:
                weight *= (u - m) / (at - m)
        out[j] = weight


@kernel((f8_2d_read, f8_read, i8, f8_2d_write))
def lay_beats_into(
    signal: NDArray[np.float64], places: NDArray[np.float64], before: int, out: NDArray[np.float64]
) -> None:
    """Write the beats one behind the other, each with its place at `before`.

    A value between samples lies on the polynomial through the `NEAR` nearest (the ends repeat the outermost samples):
    up to a fifth of the sampling rate it is right to half a per cent. NaN where a beat reaches outside. Caller
    guarantees: ``out.shape == (n_leads, n_beats * width)``, places inside, no NaN.
    """
    n_leads, n = signal.shape
    width = out.shape[1] // max(1, len(places))
    weights = np.empty(NEAR)
    for b in range(len(places)):
        at = places[b] - before
        start = int(np.floor(at))
        _weights(at - start, weights)
        for lead in range(n_leads):
            i = start
            for k in range(b * width, (b + 1) * width):
                if i < 0 or i >= n or (i == n - 1 and at > start):
                    out[lead, k] = np.nan
                elif i >= NEAR // 2 - 1 and i + NEAR // 2 < n:
                    value = 0.0
                    for j in range(NEAR):
                        value += weights[j] * signal[lead, i - NEAR // 2 + 1 + j]
                    out[lead, k] = value
                else:
                    value = 0.0
                    for j in range(NEAR):
                        value += weights[j] * signal[lead, clamp(i - NEAR // 2 + 1 + j, n)]
                    out[lead, k] = value
                i += 1


@kernel((f8_2d_read, i8_read, i8, f8_write, f8_2d_write))
def median_beat_into(
    signal: NDArray[np.float64],
    r_peaks: NDArray[np.int64],
    before: int,
    work: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the median over the beats, sample by sample, R at `before`; what is outside, or NaN, does not count.

    0 where no beat counts. Caller guarantees: ``len(work) >= n_beats``, ``len(out) == n_leads``.
    """
    n_leads, n = signal.shape
    for lead in range(n_leads):
        for k in range(out.shape[1]):
            count = 0
            for b in range(len(r_peaks)):
                i = r_peaks[b] - before + k
                if 0 <= i < n and not np.isnan(signal[lead, i]):
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


@helper
def _match(signal: NDArray[np.float64], place: int, half: int, shape: NDArray[np.float64]) -> tuple[float, float]:
    """Return the sum of the products of the leads around a place with `shape`, and of their squares; see below."""
    n_leads, n = signal.shape
    width = 2 * half + 1
    product = 0.0
    square = 0.0
    for lead in range(n_leads):
        mean = 0.0
        for k in range(width):
            mean += signal[lead, clamp(place - half + k, n)]
        mean /= width
        for k in range(width):
            off = signal[lead, clamp(place - half + k, n)] - mean
            product += off * shape[lead, k]
            square += off * off
    return product, square


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
    for p in range(len(places)):
        product, square = _match(signal, places[p], half, shape)
        dot[p] = product
        length[p] = np.sqrt(square)


@kernel((f8_2d_read, i8_read, i8, i8, f8_2d_read, i8_write), allocates=False)
def moved_to_match_into(
    signal: NDArray[np.float64],
    places: NDArray[np.int64],
    half: int,
    reach: int,
    shape: NDArray[np.float64],
    out: NDArray[np.int64],
) -> None:
    """Write where within `reach` of each place the product of `matches_into` is greatest, the first of equal ones.

    Caller guarantees: as `matches_into`; equal lengths.
    """
    for p in range(len(places)):
        best = -np.inf
        for place in range(places[p] - reach, places[p] + reach + 1):
            product, _ = _match(signal, place, half, shape)
            if product > best:
                best = product
                out[p] = place


@kernel((f8_read, f8_read, i8, i8, i8, f8_write, f8_write), allocates=False)
def clearest_period(
    values: NDArray[np.float64],
    seen: NDArray[np.float64],
    least: int,
    most: int,
    fewest: int,
    total: NDArray[np.float64],
    room: NDArray[np.float64],
) -> tuple[int, int]:
    """Return the period, and the phase in it, at which `values` stand out most; 0 and 0 where none does.

    `seen` says how much of each value was seen, 0 to 1. A phase stands out by its mean over that of all, times the root
    of how many places it was seen in: `fewest` at least. The first of equals counts.

    Caller guarantees: equal lengths, ``1 <= least <= most``, no NaN; `total` and `room` hold `most` values.
    """
    sum_of_values = sum_of_seen = 0.0
    for i in range(len(values)):
        sum_of_values += values[i]
        sum_of_seen += seen[i]
    usual = sum_of_values / max(sum_of_seen, 1.0)
    best = 0.0
    period = phase = 0
    for length in range(least, most + 1):
        for k in range(length):
            total[k] = room[k] = 0.0
        start = 0
        while start < len(values):
            n = min(length, len(values) - start)
            part, clear = values[start : start + n], seen[start : start + n]
            for k in range(n):
                total[k] += part[k]
                room[k] += clear[k]
            start += length
        for k in range(length):
            if room[k] >= fewest:
                out = (total[k] / max(room[k], 1.0) - usual) * np.sqrt(room[k])
                if out > best:
                    best = out
                    period = length
                    phase = k
    return period, phase
