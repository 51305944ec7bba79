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


@helper
def _lengths_into(row: NDArray[np.float64], n_leads: int, start: int, width: int, out: NDArray[np.float64]) -> None:
    """Write the length of a beat's part, each lead around its own mean, at each move: `start` and ``len(out) - 1`` on.

    Four moves at once, in registers: the last four may be done twice.
    """
    full = len(row) // n_leads
    for block in range(0, len(out), 4):
        move = min(block, len(out) - 4)
        square_0, square_1, square_2, square_3 = 0.0, 0.0, 0.0, 0.0
        for lead in range(n_leads):
            first = lead * full + start + move
            part = row[first : first + width + 3]
            mean_0, mean_1, mean_2, mean_3 = 0.0, 0.0, 0.0, 0.0
            for k in range(width):
                mean_0 += part[k]
                mean_1 += part[k + 1]
                mean_2 += part[k + 2]
                mean_3 += part[k + 3]
            mean_0, mean_1, mean_2, mean_3 = mean_0 / width, mean_1 / width, mean_2 / width, mean_3 / width
            for k in range(width):
                square_0 += (part[k] - mean_0) * (part[k] - mean_0)
                square_1 += (part[k + 1] - mean_1) * (part[k + 1] - mean_1)
                square_2 += (part[k + 2] - mean_2) * (part[k + 2] - mean_2)
                square_3 += (part[k + 3] - mean_3) * (part[k + 3] - mean_3)
        out[move], out[move + 1] = np.sqrt(square_0), np.sqrt(square_1)
        out[move + 2], out[move + 3] = np.sqrt(square_2), np.sqrt(square_3)


@helper
def _dots_into(
    row: NDArray[np.float64], n_leads: int, start: int, shape: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Write the product of a beat's part with a shape (whose leads have mean 0) at each move, as `_lengths_into`."""
    full = len(row) // n_leads
    width = len(shape) // n_leads
    for block in range(0, len(out), 4):
        move = min(block, len(out) - 4)
        dot_0, dot_1, dot_2, dot_3 = 0.0, 0.0, 0.0, 0.0
        for lead in range(n_leads):
            first = lead * full + start + move
            part = row[first : first + width + 3]
            own = shape[lead * width : (lead + 1) * width]
            for k in range(width):
                dot_0 += own[k] * part[k]
                dot_1 += own[k] * part[k + 1]
                dot_2 += own[k] * part[k + 2]
                dot_3 += own[k] * part[k + 3]
        out[move], out[move + 1], out[move + 2], out[move + 3] = dot_0, dot_1, dot_2, dot_3


@helper
def _compared(
    row: NDArray[np.float64],
    n_leads: int,
    start: int,
    shapes: NDArray[np.float64],
    alikes: NDArray[np.float64],
    first: int,
    lengths: NDArray[np.float64],
    dots: NDArray[np.float64],
    compared: NDArray[np.bool_],
) -> int:
    """Write a beat's correlations with those shapes, at each move, that may be its best; return which is.

    By the triangle of angles between the beat, the best shape so far and another one, most need no comparison.
    """
    best, place = -2.0, first
    compared[:] = False
    for turn in range(-1, len(shapes)):
        j = first if turn < 0 else turn
        if j >= len(shapes) or compared[j]:
            continue
        if best > -2.0:
            alike = alikes[place, j]
            other = np.sqrt(max(0.0, 1.0 - alike * alike))
            hope = False
            for s in range(len(lengths)):
                dot = dots[place, s]
                hope |= alike * dot + other * np.sqrt(max(0.0, 1.0 - dot * dot)) > best - 1e-6
            if not hope:
                continue
        _dots_into(row, n_leads, start, shapes[j], dots[j])
        compared[j] = True
        top = -2.0
        for s in range(len(lengths)):
            dots[j, s] = dots[j, s] / lengths[s] if lengths[s] > 0.0 else -2.0
            top = max(top, dots[j, s])
        if top > best:
            best, place = top, j
    return place


@helper
def _alikes_into(
    shapes: NDArray[np.float64], at: int, used: int, columns: NDArray[np.float64], alikes: NDArray[np.float64]
) -> None:
    """Write the changed shape `at` into its column, and its products with all `used` shapes."""
    for j in range(used):
        alikes[at, j] = 0.0
    for k in range(len(columns)):
        value = shapes[at, k]
        columns[k, at] = value
        for j in range(used):
            alikes[at, j] += value * columns[k, j]
    for j in range(used):
        alikes[j, at] = alikes[at, j]


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
    ``len(work) == shapes.shape[1]``, ``2 <= reach <= start``, ``start + width + reach <= full``, no NaN,
    |samples| <= 1e6.
    """
    used = 0
    width = shapes.shape[1]
    counts = np.zeros(len(shapes), np.int64)
    moves = 2 * reach + 1
    dots, lengths = np.empty((len(shapes), moves)), np.empty(moves)
    columns, alikes = np.zeros((width, len(shapes))), np.zeros((len(shapes), len(shapes)))
    compared = np.zeros(len(shapes), np.bool_)
    last = 0
    for b in range(len(beats)):
        best = -2.0
        at = 0
        moved = 0
        _lengths_into(beats[b], n_leads, start - reach, width // n_leads, lengths)
        last = _compared(beats[b], n_leads, start - reach, shapes[:used], alikes, last, lengths, dots, compared)
        for s in range(moves):
            for j in range(used):
                if compared[j] and dots[j, s] > best:
                    best = dots[j, s]
                    at = j
                    moved = s - reach
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
        _alikes_into(shapes, at, used, columns, alikes)
    return used


@kernel((f8_2d_read, i8, i8, i8, f8_2d_read, f8_write, f8_write))
def likeness_into(
    beats: NDArray[np.float64],
    n_leads: int,
    start: int,
    reach: int,
    shapes: NDArray[np.float64],
    like: NDArray[np.float64],
    length: NDArray[np.float64],
) -> None:
    """Write each beat's best correlation with any of `shapes` (rows of unit length), and its length there.

    Caller guarantees: as `group_beats_into`; at least one shape.
    """
    moves = 2 * reach + 1
    dots, lengths = np.empty((len(shapes), moves)), np.empty(moves)
    for b in range(len(beats)):
        like[b] = 0.0
        length[b] = 0.0
        best = -2.0
        _lengths_into(beats[b], n_leads, start - reach, shapes.shape[1] // n_leads, lengths)
        for j in range(len(shapes)):
            _dots_into(beats[b], n_leads, start - reach, shapes[j], dots[j])
        for s in range(moves):
            if lengths[s] == 0.0:
                continue
            for j in range(len(shapes)):
                if dots[j, s] / lengths[s] > best:
                    best = dots[j, s] / lengths[s]
                    like[b] = best
                    length[b] = lengths[s]


@helper
def _overlap(a: NDArray[np.float64], b: NDArray[np.float64], n_leads: int, move: int) -> float:
    """Return the correlation of two shapes where they overlap, each lead around its own mean there."""
    width = len(a) // n_leads
    many = width - abs(move)
    both, a_square, b_square = 0.0, 0.0, 0.0
    for lead in range(n_leads):
        i, j = lead * width + max(0, move), lead * width + max(0, -move)
        a_mean, b_mean = 0.0, 0.0
        for k in range(many):
            a_mean += a[i + k]
            b_mean += b[j + k]
        a_mean /= many
        b_mean /= many
        for k in range(many):
            x, y = a[i + k] - a_mean, b[j + k] - b_mean
            both += x * y
            a_square += x * x
            b_square += y * y
    length = np.sqrt(a_square * b_square)
    return float(both / length) if length > 0 else 0.0


@kernel((f8_2d_read, i8, i8, f8, i8_write))
def join_groups_into(
    shapes: NDArray[np.float64], n_leads: int, reach: int, alike: float, out: NDArray[np.int64]
) -> None:
    """Write for each shape one of those that it is joined with, by single linkage of what is at least `alike`.

    A shape may be moved by at most `reach` samples against another.
    Caller guarantees: ``len(out) == len(shapes)``, ``reach < shapes.shape[1] // n_leads``, no NaN.
    """
    for i in range(len(shapes)):
        out[i] = i
    for i in range(1, len(shapes)):
        for j in range(i):
            if out[i] == out[j]:
                continue
            for move in range(-reach, reach + 1):
                if _overlap(shapes[i], shapes[j], n_leads, move) >= alike:
                    old, new = out[i], out[j]
                    for k in range(len(shapes)):
                        if out[k] == old:
                            out[k] = new
                    break


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
