"""P and T of one beat by lead: the two phases, the area, the terminal force."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8, f8_2d_read, f8_2d_write, f8_named, f8_write, helper, i8, i8_2d_read, kernel
from ecg_engine.kernels.bend import extremes
from ecg_engine.kernels.smoothing import median_of
from ecg_engine.kernels.waves import P_OFFSET, P_ONSET, QRS_OFFSET, T_OFFSET

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
def _range(x: NDArray[np.float64], start: int, stop: int) -> float:
    """Return how far a lead goes up and down in a stretch, 0 in an empty one."""
    if stop <= start:
        return 0.0
    low, high = extremes(x, start, stop)
    return high - low


@kernel((f8_2d_read, i8_2d_read, i8, f8, f8_write), allocates=False)
def may_hide_p(
    signal: NDArray[np.float64], marks: NDArray[np.int64], margin: int, share: float, work: NDArray[np.float64]
) -> bool:
    """Return whether P waves may stand between beats: a beat has none, or what stands between T and P is as high.

    As high is `share` of a lead's usual P wave, in most leads; `margin` samples are left out behind T (or a QRS without
    one) and before P. `marks` has the eight of each beat, -1 where there is none.

    Caller guarantees: marks inside; ``len(work) >= 2 * (len(marks) - 1)``; no NaN.
    """
    n = len(marks) - 1
    for b in range(1, n + 1):
        if marks[b, P_ONSET] < 0:
            return True
    heights, votes = work[:n], work[n : 2 * n]
    votes[:] = 0.0
    for lead in range(len(signal)):
        x = signal[lead]
        for k in range(n):
            heights[k] = _range(x, marks[k + 1, P_ONSET], marks[k + 1, P_OFFSET])
        least = share * median_of(heights, n)
        for k in range(n):
            start = max(marks[k, QRS_OFFSET], marks[k, T_OFFSET]) + margin
            stop = marks[k + 1, P_ONSET] - margin
            if stop > start and _range(x, start, stop) >= least:
                votes[k] += 1.0
    most = 0.0
    for k in range(n):
        most = max(most, votes[k])
    return 2.0 * most > len(signal)
