"""P and T of one beat by lead: the two phases, the area, the terminal force."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import (
    f4_read,
    f8,
    f8_2d_read,
    f8_2d_write,
    f8_named,
    f8_write,
    helper,
    i8,
    i8_2d_read,
    kernel,
)
from ecg_engine.kernels.smoothing import median_of
from ecg_engine.kernels.waves import P_OFFSET, P_ONSET, QRS_OFFSET, QRS_ONSET, T_OFFSET

#: Columns of the result.
PEAK, SECOND, AREA, TERMINAL = range(4)
N_COLUMNS = 4


class PhaseLimits(NamedTuple):
    """Limits of a phase of a wave; all floats."""

    least_mv: float  # lower ones are none
    least_samples: float  # shorter ones are none
    ms: float  # milliseconds of a sample
    over_line: float  # 1: the wave is measured over the line from its onset to zero at its offset, 0: over zero


@helper
def _height(x: NDArray[np.float64], i: int, first: int, last: int, over_line: float) -> float:
    """Return the wave's height at a sample."""
    if over_line == 0.0:
        return x[i]
    share = (i - first) / (last - first)
    return x[i] - (1.0 - share) * x[first]


@helper
def _phase_length(x: NDArray[np.float64], at: int, first: int, last: int, over_line: float) -> float:
    """Return between which zero crossings (samples apart) the phase around a sample lies."""
    sign = 1.0 if _height(x, at, first, last, over_line) > 0.0 else -1.0
    a = at
    while a > first and _height(x, a - 1, first, last, over_line) * sign > 0.0:
        a -= 1
    b = at
    while b < last and _height(x, b + 1, first, last, over_line) * sign > 0.0:
        b += 1
    begin = float(a)
    if a > first:
        inside = abs(_height(x, a, first, last, over_line))
        outside = abs(_height(x, a - 1, first, last, over_line))
        begin = a - inside / (inside + outside)
    end = float(b)
    if b < last:
        inside = abs(_height(x, b, first, last, over_line))
        outside = abs(_height(x, b + 1, first, last, over_line))
        end = b + inside / (inside + outside)
    return end - begin


@kernel((f8_2d_read, i8, i8, f8_named(PhaseLimits), f8_2d_write))
def wave_phases_into(
    signal: NDArray[np.float64], first: int, last: int, w: PhaseLimits, out: NDArray[np.float64]
) -> None:
    """Write the phases of a wave from `first` to `last`, each lead a row over its own zero level; NaN where absent."""
    for k in range(len(signal)):
        x = signal[k]
        row = out[k]
        row[:] = np.nan
        high = first
        low = first
        area = 0.0
        for i in range(first, last + 1):
            h = _height(x, i, first, last, w.over_line)
            area += h
            if h > _height(x, high, first, last, w.over_line):
                high = i
            if h < _height(x, low, first, last, w.over_line):
                low = i
        up = _height(x, high, first, last, w.over_line)
        down = _height(x, low, first, last, w.over_line)
        row[AREA] = area * w.ms
        row[PEAK] = up if up >= -down else down
        second, at = (down, low) if up >= -down else (up, high)
        # The other phase has a peak of its own: not the level at which the wave begins or ends.
        edge = max(
            second * _height(x, first, first, last, w.over_line), second * _height(x, last, first, last, w.over_line)
        )
        turns = abs(second) >= w.least_mv and abs(second) - max(edge, 0.0) / abs(second) >= w.least_mv
        if turns and second * row[PEAK] < 0.0 and _phase_length(x, at, first, last, w.over_line) >= w.least_samples:
            row[SECOND] = second
        # The terminal part is negative where the last phase is the low one.
        if down <= -w.least_mv and (low > high or up < w.least_mv):
            length = _phase_length(x, low, first, last, w.over_line)
            if length >= w.least_samples:
                row[TERMINAL] = down * length * w.ms


@helper
def _bump(x: NDArray[np.float32], start: int, stop: int) -> float:
    """Return how far a lead goes away from the straight line through the ends of ``start .. stop``."""
    most = 0.0
    tilt = (x[stop] - x[start]) / max(1, stop - start)
    for i in range(start + 1, stop):
        most = max(most, abs(x[i] - x[start] - tilt * (i - start)))
    return most


@kernel((f4_read, i8_2d_read, f8, i8, f8_write), allocates=False)
def highest_between(
    x: NDArray[np.float32], marks: NDArray[np.int64], step: float, margin: int, work: NDArray[np.float64]
) -> float:
    """Return how high something as long as a P wave stands between two beats at most, as a share of the usual P wave.

    Looked at is what lies between T (or a QRS without one) and the next P (or QRS), `margin` points left out at both
    ends. `marks` has the eight of each beat in samples, -1 where there is none; a point of `x` is `step` samples. 0
    where fewer than two beats have a P wave.

    Caller guarantees: marks inside; ``len(work) >= len(marks) - 1``; no NaN.
    """
    n = len(marks) - 1
    last = len(x) - 1
    most = 0.0
    count = 0
    for k in range(1, n + 1):
        if marks[k, P_ONSET] >= 0:
            work[count] = marks[k, P_OFFSET] - marks[k, P_ONSET]
            count += 1
    if count < 2:
        return 0.0
    width = max(2, int(np.rint(median_of(work, count) / step)))
    count = 0
    for k in range(1, n + 1):
        if marks[k, P_ONSET] >= 0:
            start = min(int(np.rint(marks[k, P_ONSET] / step)), last)
            work[count] = _bump(x, start, min(int(np.rint(marks[k, P_OFFSET] / step)), last))
            count += 1
    usual = max(median_of(work, count), 1e-12)
    for k in range(n):
        before = max(marks[k, QRS_OFFSET], marks[k, T_OFFSET])
        after = marks[k + 1, P_ONSET] if marks[k + 1, P_ONSET] >= 0 else marks[k + 1, QRS_ONSET]
        start = int(np.rint(before / step)) + margin
        stop = min(int(np.rint(after / step)) - margin, last)
        for i in range(start, stop - width + 1):
            most = max(most, _bump(x, i, i + width))
    return most / usual
