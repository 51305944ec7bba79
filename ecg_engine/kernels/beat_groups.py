"""Beats put into groups of one shape, and runs of early beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import (
    b1_write,
    f8,
    f8_2d_read,
    f8_2d_write,
    f8_read,
    f8_write,
    helper,
    i8,
    i8_write,
    kernel,
)


@helper
def _moved_into(row: NDArray[np.float64], n_leads: int, start: int, out: NDArray[np.float64]) -> float:
    """Write a part of each lead of a beat around its own mean, and return the length of the whole."""
    full = len(row) // n_leads
    width = len(out) // n_leads
    square = 0.0
    for lead in range(n_leads):
        mean = 0.0
        for k in range(width):
            mean += row[lead * full + start + k]
        mean /= width
        for k in range(width):
            value = row[lead * full + start + k] - mean
            out[lead * width + k] = value
            square += value * value
    return float(np.sqrt(square))


@kernel((f8_2d_read, i8, i8, i8, f8, f8, f8_2d_write, f8_write, i8_write, i8_write))
def group_beats_into(
    beats: NDArray[np.float64],
    n_leads: int,
    start: int,
    reach: int,
    alike: float,
    slowest: float,
    shapes: NDArray[np.float64],
    work: NDArray[np.float64],
    group: NDArray[np.int64],
    shift: NDArray[np.int64],
) -> int:
    """Put each beat into the group whose shape it correlates with best, a new one below `alike`; return their number.

    A beat's part from `start` (each lead around its own mean) may be moved by at most `reach` samples. A shape is the
    running mean of its beats, each of unit length; a new beat counts no less than `slowest`. When all rows of `shapes`
    are taken the best group takes the beat.
    Caller guarantees: ``beats.shape == (n_beats, n_leads * full)``, ``shapes.shape == (k, n_leads * width)``,
    ``len(work) == shapes.shape[1]``, ``reach <= start``, ``start + width + reach <= full``, no NaN, |samples| <= 1e6.
    """
    used = 0
    width = shapes.shape[1]
    counts = np.zeros(len(shapes), np.int64)
    for b in range(len(beats)):
        best = -2.0
        at = 0
        moved = 0
        for s in range(-reach, reach + 1):
            length = _moved_into(beats[b], n_leads, start + s, work)
            if length == 0.0:
                continue
            for j in range(used):
                dot = 0.0
                for k in range(width):
                    dot += work[k] * shapes[j, k]
                dot /= length
                if dot > best:
                    best = dot
                    at = j
                    moved = s
        if used == 0 or (best < alike and used < len(shapes)):
            at = used
            moved = 0
            shapes[at] = 0.0
            used += 1
        group[b] = at
        shift[b] = moved
        counts[at] += 1
        length = _moved_into(beats[b], n_leads, start + moved, work)
        if length == 0.0:
            continue
        share = max(1.0 / counts[at], slowest)
        square = 0.0
        for k in range(width):
            shapes[at, k] = (1 - share) * shapes[at, k] + share * work[k] / length
            square += shapes[at, k] * shapes[at, k]
        if square > 0.0:
            for k in range(width):
                shapes[at, k] /= np.sqrt(square)
    return used


@kernel((f8_2d_read, i8, i8, i8, f8_2d_read, f8_write, f8_write, f8_write))
def likeness_into(
    beats: NDArray[np.float64],
    n_leads: int,
    start: int,
    reach: int,
    shapes: NDArray[np.float64],
    work: NDArray[np.float64],
    like: NDArray[np.float64],
    length: NDArray[np.float64],
) -> None:
    """Write each beat's best correlation with any of `shapes` (rows of unit length), and its length there.

    Caller guarantees: as `group_beats_into`; at least one shape.
    """
    for b in range(len(beats)):
        like[b] = 0.0
        length[b] = 0.0
        best = -2.0
        for s in range(-reach, reach + 1):
            long = _moved_into(beats[b], n_leads, start + s, work)
            if long == 0.0:
                continue
            for j in range(len(shapes)):
                dot = 0.0
                for k in range(len(work)):
                    dot += work[k] * shapes[j, k]
                if dot / long > best:
                    best = dot / long
                    like[b] = best
                    length[b] = long


@helper
def _late_median(values: NDArray[np.float64], count: int, width: int) -> float:
    part = np.sort(values[max(0, count - width) : count])
    half = len(part) // 2
    return float(part[half]) if len(part) % 2 else 0.5 * (part[half - 1] + part[half])


@kernel((f8_read, f8_read, f8, f8, f8_read, f8_write, f8_write, b1_write))
def early_runs_into(
    log_rr: NDArray[np.float64],
    scatter: NDArray[np.float64],
    usual: float,
    sway: float,
    p: NDArray[np.float64],
    levels: NDArray[np.float64],
    steps: NDArray[np.float64],
    out: NDArray[np.bool_],
) -> None:
    """Mark beats that come early, singly or in runs that begin and end at once.

    `p` holds, in this order: early, sways, step, step_sways, scatter, stay, end, deep, longest, least, open_end, late.
    `usual` and `sway` start the level and the usual step of ``log_rr``. A run begins where an interval is shorter than
    the level and than the one before by both limits, lasts while intervals stay under `stay` of its mean, and counts
    where it ends by a jump or is long and deep.
    Caller guarantees: ``len(scatter) == len(out) == n``; ``len(levels)`` and ``len(steps)`` are at least ``2 * n + 8``.
    """
    early, sways, step, step_sways, irregular, stay, end = p[0], p[1], p[2], p[3], p[4], p[5], p[6]
    deep, longest, least, open_end, late = p[7], int(p[8]), int(p[9]), p[10], p[11]
    n_levels, n_steps = 3, 4
    levels[:3] = usual
    steps[:4] = sway
    last = usual
    begun, total, seen = -1, 0.0, 0
    for i in range(len(log_rr)):
        out[i] = False
        x = log_rr[i]
        level = _late_median(levels, n_levels, 8)
        now = _late_median(steps, n_steps, 12)
        off = x - level
        if begun >= 0:
            long = i - begun
            mean = total / long
            if off < stay * mean and long < longest:
                total += off
                continue
            ends = x - log_rr[i - 1] > max(end, -0.6 * stay * mean)
            if long < longest and (ends or (long >= 3 and mean < -deep)):
                for j in range(begun, i):
                    out[j] = True
            elif long >= 3:
                for j in range(max(begun, i - 5), i):
                    levels[n_levels] = log_rr[j]
                    n_levels += 1
            begun = -1
        else:
            seen += 1
            limit = max(early, sways * now)
            if off < -limit and x - last < -max(step, step_sways * now) and scatter[i] < irregular and seen > least:
                begun, total = i, off
                continue
            steps[n_steps] = abs(x - last)
            n_steps += 1
        last = x
        levels[n_levels] = min(x, level + late)
        n_levels += 1
    if begun >= 0 and total / (len(log_rr) - begun) < -open_end and len(log_rr) - begun < longest:
        for j in range(begun, len(log_rr)):
            out[j] = True
