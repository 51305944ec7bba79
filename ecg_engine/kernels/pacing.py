"""Pacing spikes: deflections far steeper and shorter than any wave of the heart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8, f8_read, f8_write, helper, i8, i8_read, i8_write, kernel
from ecg_engine.kernels.smoothing import median_of

#: So many samples are tested together.
_CALM = 32


@helper
def _spikes(
    x: NDArray[np.float64], start: int, stop: int, width: int, height: float, out: NDArray[np.int64]
) -> tuple[int, int]:
    """Write the spikes that begin in ``start .. stop - 1``; return how many, and where to go on."""
    n = len(x)
    count = 0
    i = start
    end = min(stop, n - width - 1)
    tested = 0
    while i < end:
        if tested <= i <= end - _CALM:  # a stretch without a step so great is passed at once: the test becomes vectors
            great = 0
            for k in range(i, i + _CALM):
                great += not abs(x[k] - x[k - 1]) < 0.5 * height
            if great == 0:
                i += _CALM
                continue
            tested = i + _CALM
        before = x[i - 1]
        if abs(x[i] - before) < 0.5 * height:
            i += 1
            continue
        best = i
        for k in range(i, i + width):
            if abs(x[k] - before) > abs(x[best] - before):
                best = k
        after = x[min(best + width, n - 1)]
        rise = x[best] - before
        fall = x[best] - after
        same_side = rise * fall > 0.0
        early = abs(before - x[max(i - 1 - width, 0)])
        late = abs(x[min(best + 2 * width, n - 1)] - after)
        calm = max(early, late, abs(after - before)) < 0.3 * min(abs(rise), abs(fall))
        if same_side and calm and min(abs(rise), abs(fall)) >= height:
            out[count] = best
            count += 1
            i = best + width
        i += 1
    return count, i


@kernel((f8_read, i8, f8, i8_write))
def spikes_into(x: NDArray[np.float64], width: int, height: float, out: NDArray[np.int64]) -> int:
    """Write where single spikes stand; return how many.

    A spike rises by `height` and falls again (or the other way) within `width` samples, and on both sides of it the
    signal runs on at nearly one level: the top of a narrow R does the first, but not the second.

    Caller guarantees: ``width >= 2``, ``len(out) >= len(x) // width + 1``, no NaN.
    """
    return _spikes(x, 1, len(x), width, height, out)[0]


@kernel((f8_read, i8, i8, i8, f8, i8_write))
def next_spikes_into(
    x: NDArray[np.float64], start: int, stop: int, width: int, height: float, out: NDArray[np.int64]
) -> int:
    """Write the spikes, as `spikes_into` tells them, that begin in ``start .. stop - 1``; return how many.

    Behind them stands in `out` where to go on. Caller guarantees: ``start >= 1``, ``width >= 2``, and
    ``len(out) >= (stop - start) // width + 2``; a NaN is no spike.
    """
    count, after = _spikes(x, start, stop, width, height, out)
    out[count] = after
    return count


@kernel((f8_read, i8, f8, f8_write), allocates=False)
def usual_step(x: NDArray[np.float64], every: int, least: float, work: NDArray[np.float64]) -> float:
    """Return the median of every `every`-th step that is `least` or more and not 0; 0 where there is none.

    Caller guarantees: ``every >= 1``, ``len(work) > (len(x) - 1) // every``; a NaN makes no step.
    """
    count = 0
    for k in range((len(x) - 1) // every):
        step = abs(x[k * every + 1] - x[k * every])
        work[count] = step
        count += step > 0.0 and step >= least
    return median_of(work, count) if count > 0 else 0.0


@kernel((f8_read, i8_read, i8, i8, f8_write))
def bridge_into(
    x: NDArray[np.float64], at: NDArray[np.int64], before: int, after: int, out: NDArray[np.float64]
) -> None:
    """Copy `x` to `out` with a straight line from ``at - before`` to ``at + after`` around each mark.

    Caller guarantees: equal lengths, marks inside.
    """
    n = len(x)
    out[:] = x
    for i in at:
        start = max(0, i - before)
        stop = min(n - 1, i + after)
        for k in range(start, stop + 1):
            share = (k - start) / max(1, stop - start)
            out[k] = x[start] + share * (x[stop] - x[start])
