"""Pacing spikes: deflections far steeper and shorter than any wave of the heart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8, f8_2d_read, f8_read, f8_write, helper, i8, i8_read, i8_write, kernel
from ecg_engine.kernels.bend import odd_ones
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
            here, last = x[i : i + _CALM], x[i - 1 : i - 1 + _CALM]
            for k in range(_CALM):
                great += not abs(here[k] - last[k]) < 0.5 * height
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


@kernel((f8_2d_read, i8, i8, i8, i8, f8_read, i8_write, i8_write), allocates=False)
def next_spikes_into(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    until: int,
    width: int,
    heights: NDArray[np.float64],
    begin: NDArray[np.int64],
    out: NDArray[np.int64],
) -> int:
    """Write the spikes, as `spikes_into` tells them, of each lead that begin before `until`; return how many.

    ``x[:, 0]`` is sample `base` of the recording, `stop` the sample after the last; `begin` says where each lead is
    gone on with, and then where next. `out` counts samples of the recording, lead after lead.

    Caller guarantees: ``base < begin``, ``width >= 2``, ``len(out)`` has for each lead room for
    ``(until - begin) // width + 2``; a NaN is no spike.
    """
    count = 0
    for lead in range(len(x)):
        if begin[lead] >= until:
            continue
        first = begin[lead] - base
        found, after = _spikes(x[lead, : stop - base], first, until - base, width, heights[lead], out[count:])
        for k in range(count, count + found):
            out[k] += base
        begin[lead] = after + base
        count += found
    return count


@helper
def usual_step(x: NDArray[np.float64], every: int, least: float, work: NDArray[np.float64]) -> float:
    """Return the median of every `every`-th step that is `least` or more and not 0; 0 where there is none."""
    count = 0
    for k in range((len(x) - 1) // every):
        step = abs(x[k * every + 1] - x[k * every])
        work[count] = step
        count += step > 0.0 and step >= least
    return median_of(work, count) if count > 0 else 0.0


@kernel((f8_2d_read, i8, i8, i8, f8, f8, f8, f8_write, f8_write), allocates=False)
def spike_heights_into(
    x: NDArray[np.float64],
    start: int,
    stop: int,
    every: int,
    least_step: float,
    share: float,
    least: float,
    work: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write how high a spike of each lead is at least: `share` usual steps, or `least`; infinite where both are 0.

    The usual one is the median of every `every`-th step that is `least_step` or more and not 0.

    Caller guarantees: ``0 <= start < stop <= x.shape[1]``, ``every >= 1``, ``len(work) > (stop - start - 1) // every``;
    a NaN makes no step.
    """
    for lead in range(len(x)):
        height = max(least, share * usual_step(x[lead, start:stop], every, least_step, work))
        out[lead] = height if height > 0.0 else np.inf


@kernel((f8_2d_read, f8), allocates=False)
def odd_samples(x: NDArray[np.float64], most: float) -> int:
    """Return how many samples are NaN; -1 where one is infinite or beyond `most`."""
    count = 0
    for lead in range(len(x)):
        odd, beyond = odd_ones(x[lead], most)
        if beyond:
            return -1
        count += odd
    return count


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
