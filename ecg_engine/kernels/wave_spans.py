"""From scores to marks: each wave is the stretch whose log odds sum to most."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import (
    f4_2d_read,
    f4_read,
    f8,
    f8_2d_read,
    f8_2d_write,
    f8_named,
    f8_read,
    f8_write,
    helper,
    i8,
    i8_2d_write,
    i8_read,
    kernel,
)
from ecg_engine.kernels.bend import extremes
from ecg_engine.kernels.smoothing import clamp, median_of
from ecg_engine.kernels.waves import P_OFFSET, P_ONSET, QRS_OFFSET, QRS_ONSET, T_OFFSET, T_ONSET

P, QRS, T = range(3)
#: The usual bend of a lead is that of so many of its values at most, evenly spread.
BENDS = 256


class SpanLimits(NamedTuple):
    """Windows in grid points, and least sums of log odds; all floats."""

    qrs_before: float  # farthest QRS onset before R
    qrs_after: float  # farthest QRS offset after R
    t_reach: float  # T ends so long after R at most
    p_reach: float  # P begins so long before R at most
    p_least: float  # log odds of a P wave sum to so much
    t_least: float
    t_sure: float  # and the greatest of a T wave's is so great


@helper
def _best_span(odds: NDArray[np.float32], start: int, stop: int) -> tuple[float, int, int]:
    """Return the greatest sum of a stretch inside ``start .. stop``, its first and its last point (Kadane)."""
    best = 0.0
    first = -1
    last = -1
    total = 0.0
    begun = start
    for i in range(start, stop + 1):
        if total <= 0.0:
            total = 0.0
            begun = i
        total += odds[i]
        if total > best:
            best = total
            first = begun
            last = i
    return best, first, last


@helper
def _farthest(odds: NDArray[np.float32], r: int, stop: int, step: int) -> int:
    """Return where the sum from `r` outwards to `stop` is greatest."""
    best = -1e30
    total = 0.0
    at = r
    i = r
    while i != stop + step:
        total += odds[i]
        if total > best:
            best = total
            at = i
        i += step
    return at


@helper
def _crossing(odds: NDArray[np.float32], i: int, step: int) -> float:
    """Return where between `i` and the next point outwards the log odds are 0."""
    j = i + step
    if j < 0 or j >= len(odds) or odds[i] <= 0.0 or odds[j] >= 0.0:
        return float(i)
    return i + step * odds[i] / (odds[i] - odds[j])


@helper
def _off_line(x: NDArray[np.float32], first: int, last: int) -> tuple[int, float]:
    """Return where values ``first .. last`` are farthest from the line through these two, and how far."""
    best = -1.0
    at = first
    for i in range(first, last + 1):
        share = (i - first) / max(1, last - first)
        far = abs(x[i] - (x[first] + share * (x[last] - x[first])))
        if far > best:
            best = far
            at = i
    return at, best


@helper
def _peak(x: NDArray[np.float32], finer: int, onset: float, offset: float) -> float:
    """Return where a wave is farthest from the line through its ends; `x` has `finer` values a grid point."""
    n = len(x)
    first = clamp(int(np.ceil(finer * onset)), n)
    last = clamp(int(finer * offset), n)
    if last <= first + 1:
        return 0.5 * (onset + offset)
    return _off_line(x, first, last)[0] / finer


@helper
def _greatest(odds: NDArray[np.float32], first: int, last: int) -> float:
    best = odds[first]
    for i in range(first, last + 1):
        best = max(best, odds[i])
    return best


@helper
def _mark(
    odds: NDArray[np.float32],
    x: NDArray[np.float32],
    finer: int,
    first: int,
    last: int,
    marks: NDArray[np.float64],
) -> None:
    marks[0] = _crossing(odds, first, -1)
    marks[2] = _crossing(odds, last, 1)
    marks[1] = _peak(x, finer, marks[0], marks[2])


@kernel((f4_2d_read, f4_read, i8, f8_read, f8_named(SpanLimits), f8_2d_write), allocates=False)
def wave_spans_into(
    odds: NDArray[np.float32],
    x: NDArray[np.float32],
    finer: int,
    beats: NDArray[np.float64],
    w: SpanLimits,
    marks: NDArray[np.float64],
) -> None:
    """Write the eight marks of each beat, in grid points with fractions, -1 where there is no wave.

    `odds` holds the log odds of P, QRS and T in its rows; `x` is the lead, lightly
    smoothed, with `finer` values for each of their points. The QRS reaches outwards
    from R to where its log odds sum to most; T is the best stretch after it, P the best before it.

    Caller guarantees: ``odds.shape[0] == 3``, `beats` (in grid points) increasing and inside,
    ``marks.shape == (len(beats), 8)``.
    """
    n = odds.shape[1]
    m = len(beats)
    for b in range(m):
        row = marks[b]
        row[:] = -1.0
        r = clamp(int(np.rint(beats[b])), n)
        low = 0 if b == 0 else int(0.5 * (beats[b - 1] + beats[b]))
        high = n - 1 if b + 1 == m else int(0.5 * (beats[b] + beats[b + 1]))
        low = min(max(low, r - int(w.qrs_before), 0), r)
        high = max(min(high, r + int(w.qrs_after), n - 1), r)
        row[QRS_ONSET] = _crossing(odds[QRS], _farthest(odds[QRS], r, low, -1), -1)
        row[QRS_OFFSET] = _crossing(odds[QRS], _farthest(odds[QRS], r, high, 1), 1)
    for b in range(m):
        row = marks[b]
        stop = min(n - 1, int(beats[b] + w.t_reach))
        if b + 1 < m:
            stop = min(stop, int(marks[b + 1, QRS_ONSET]) - 1)
        total, first, last = _best_span(odds[T], int(row[QRS_OFFSET]) + 1, stop)
        if total > w.t_least and _greatest(odds[T], first, last) >= w.t_sure:
            _mark(odds[T], x, finer, first, last, row[T_ONSET : T_OFFSET + 1])
    for b in range(m):
        row = marks[b]
        start = max(0, int(beats[b] - w.p_reach))
        if b > 0:
            before = marks[b - 1, T_OFFSET] if marks[b - 1, T_OFFSET] >= 0.0 else marks[b - 1, QRS_OFFSET]
            start = max(start, int(before) + 1)
        total, first, last = _best_span(odds[P], start, int(row[QRS_ONSET]) - 1)
        if total > w.p_least:
            _mark(odds[P], x, finer, first, last, row[P_ONSET : P_OFFSET + 1])


@helper
def _usual_bend(x: NDArray[np.float32], work: NDArray[np.float64]) -> float:
    """Return the median of how far values stand from the mean of their neighbours, twice; of `BENDS` of them or so."""
    n = len(x) - 2
    if n < 1:
        return 0.0
    step = -(-n // BENDS)
    count = 0
    for i in range(1, n + 1, step):
        work[count] = abs(x[i - 1] - np.float32(2.0) * x[i] + x[i + 1])
        count += 1
    return median_of(work, count)


@kernel((f4_read, i8, f8, f8_write, f8_2d_write), allocates=False)
def drop_faint_p_into(
    x: NDArray[np.float32], finer: int, over: float, work: NDArray[np.float64], marks: NDArray[np.float64]
) -> None:
    """Take P waves out of the marks of `wave_spans_into` that do not stand out of the noise.

    One that goes from the line through its ends by less than `over` times the lead's usual bend is none.

    Caller guarantees: ``len(x) >= 1``, marks inside, `work` has room for `BENDS` values.
    """
    n = len(x)
    least = over * _usual_bend(x, work)
    for b in range(len(marks)):
        row = marks[b]
        if row[P_ONSET] < 0.0:
            continue
        first, last = clamp(int(finer * row[P_ONSET]), n), clamp(int(np.ceil(finer * row[P_OFFSET])), n)
        if _off_line(x, first, last)[1] < least:
            for k in range(P_ONSET, P_OFFSET + 1):
                row[k] = -1.0


@kernel((f8_2d_read, f8, i8_read, i8, i8_2d_write), allocates=False)
def to_samples_into(
    places: NDArray[np.float64], step: float, r_peaks: NDArray[np.int64], n_samples: int, marks: NDArray[np.int64]
) -> None:
    """Write marks in grid points, `step` samples apart, as samples inside the lead; the QRS holds R and its neighbours.

    Caller guarantees: equal shapes, (n_beats, 8); R peaks inside the lead; -1 where there is no wave.
    """
    for b in range(len(places)):
        for k in range(places.shape[1]):
            at = places[b, k]
            marks[b, k] = min(int(np.rint(at * step)), n_samples - 1) if at >= 0.0 else -1
        marks[b, QRS_ONSET] = max(min(marks[b, QRS_ONSET], r_peaks[b] - 1), 0)
        marks[b, QRS_OFFSET] = min(max(marks[b, QRS_OFFSET], r_peaks[b] + 1), n_samples - 1)


@kernel((f8_read, f8, i8_2d_write), allocates=False)
def drop_flat_into(x: NDArray[np.float64], least: float, marks: NDArray[np.int64]) -> None:
    """Take P and T out of the marks (n_beats, 8) of a lead where it moves less than `least` of what it does in the QRS.

    Caller guarantees: marks inside `x`, -1 where there is none, offsets not before onsets; no NaN.
    """
    for b in range(len(marks)):
        row = marks[b]
        if row[QRS_ONSET] < 0:
            continue
        low, high = extremes(x, row[QRS_ONSET], row[QRS_OFFSET] + 1)
        for onset, offset in ((P_ONSET, P_OFFSET), (T_ONSET, T_OFFSET)):
            if row[onset] < 0:
                continue
            lowest, highest = extremes(x, row[onset], row[offset] + 1)
            if highest - lowest < least * (high - low):
                for k in range(onset, offset + 1):
                    row[k] = -1
