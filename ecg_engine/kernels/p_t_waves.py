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


class ExtraRules(NamedTuple):
    """Where a P wave that no QRS follows may stand; all floats, lengths in points of the lead."""

    margin: float  # so much beyond T and before the next P is left out
    bump: float  # it is as high as this share of the usual P wave
    shortest: float  # one P wave follows another no sooner
    near: float  # it stands no nearer to its neighbours than this share of an even step
    slack: float  # but for so much
    long: float  # a pause is so long against the shortest PP
    share: float  # without a pause there is one in so many of the intervals


@helper
def _centre(row: NDArray[np.int64], step: float) -> float:
    """Return the middle of a P wave in points; NaN where there is none."""
    return 0.5 * (row[P_ONSET] + row[P_OFFSET]) / step if row[P_ONSET] >= 0 else np.nan


@helper
def _has_another(
    x: NDArray[np.float32],
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    step: float,
    width: int,
    least: float,
    w: ExtraRules,
) -> bool:
    """Return whether between two beats something stands as high as `least` where another P wave may."""
    last_p, next_p = _centre(before, step), _centre(after, step)
    pp = next_p - last_p
    even = pp / max(2.0, np.floor(pp / w.shortest)) if pp > 0.0 else w.shortest  # NaN where one P is not known
    free = w.near * even - w.slack
    start = int(np.rint(max(before[QRS_OFFSET], before[T_OFFSET]) / step)) + int(w.margin)
    end = after[P_ONSET] if after[P_ONSET] >= 0 else after[QRS_ONSET]
    stop = min(int(np.rint(end / step)) - int(w.margin), len(x) - 1)
    for i in range(start, stop - width + 1):
        at = i + 0.5 * width
        if at - last_p < free or next_p - at < free:  # neither is so of NaN
            continue
        if _bump(x, i, i + width) >= least:
            return True
    return False


@kernel((f4_read, i8_2d_read, f8, f8_named(ExtraRules), f8_write), allocates=False)
def may_hold_another(
    x: NDArray[np.float32], marks: NDArray[np.int64], step: float, w: ExtraRules, work: NDArray[np.float64]
) -> bool:
    """Return whether another P wave may stand between two beats: in a pause, or in many intervals.

    Looked at is what lies between T (or a QRS without one) and the next P (or QRS). Another P wave that follows the
    others evenly makes its interval twice the shortest, unless there is one in most. `marks` has the eight of each beat
    in samples, -1 where there is none; a point of `x` is `step` samples. False where fewer than two beats have a P.

    Caller guarantees: marks inside; ``len(work) >= len(marks) - 1``; no NaN.
    """
    n = len(marks) - 1
    last = len(x) - 1
    count = 0
    for k in range(1, n + 1):
        if marks[k, P_ONSET] >= 0:
            work[count] = marks[k, P_OFFSET] - marks[k, P_ONSET]
            count += 1
    if count < 2:
        return False
    width = max(2, int(np.rint(median_of(work, count) / step)))
    count = 0
    shortest = np.inf
    for k in range(1, n + 1):
        if marks[k, P_ONSET] >= 0:
            start = min(int(np.rint(marks[k, P_ONSET] / step)), last)
            work[count] = _bump(x, start, min(int(np.rint(marks[k, P_OFFSET] / step)), last))
            count += 1
        pp = _centre(marks[k], step) - _centre(marks[k - 1], step)
        if pp < shortest:
            shortest = pp
    least = w.bump * max(median_of(work, count), 1e-12)
    held = 0
    for k in range(n):
        if _has_another(x, marks[k], marks[k + 1], step, width, least, w):
            held += 1
            if not _centre(marks[k + 1], step) - _centre(marks[k], step) < w.long * shortest:
                return True
    return held > 0 and held >= w.share * n
