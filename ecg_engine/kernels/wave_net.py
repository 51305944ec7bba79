"""What the learnt wave scores are made from: a lead on an even grid, its features, its beats set side by side.

All but the grid is float32: the features are shares between -1 and 1, and twice as many of them fit a register.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import (
    f4_2d_read,
    f4_2d_write,
    f4_read,
    f4_write,
    f8,
    f8_2d_read,
    f8_2d_write,
    f8_read,
    f8_write,
    helper,
    i8,
    i8_2d_read,
    i8_read,
    kernel,
)
from ecg_engine.kernels.bend import extremes
from ecg_engine.kernels.smoothing import clamp, median_of

#: Log odds are held inside this: a probability of 1e-4.
MOST_ODDS = 9.21


@kernel((f8_read, f8, f8, f8, i8, f4_write), allocates=False)
def grid_into(
    x: NDArray[np.float64], step: float, level: float, scale: float, pad: int, out: NDArray[np.float32]
) -> None:
    """Write the mean of ``(x - level) / scale`` over one step around each grid point, `step` samples apart.

    `out` repeats its first and last value `pad` times at its ends. A step of less than one sample is widened to it.

    Caller guarantees: ``len(x) >= 1``, ``step > 0``, ``scale > 0``, ``len(out) - 2 * pad`` points inside `x`, no NaN.
    """
    n = len(out) - 2 * pad
    width = max(step, 1.0)
    ends = float(len(x))
    inverse = 1.0 / scale
    inside = 0
    if step == 4.0:  # 500 Hz: written out, four values at a time become vectors
        inside = max(0, (len(x) - 3) // 4 - 1)
        points = out[pad + 1 : pad + 1 + inside]
        for k in range(inside):
            i = 4 * k + 2
            total = 0.5 * (x[i] - level) + 0.5 * (x[i + 4] - level)
            total = ((total + (x[i + 1] - level)) + (x[i + 2] - level)) + (x[i + 3] - level)
            points[k] = total / 4.0 * inverse
    for k in range(n):
        if 1 <= k <= inside:
            continue
        low = min(max(k * step - 0.5 * width + 0.5, 0.0), ends)
        high = min(max(k * step + 0.5 * width + 0.5, 0.0), ends)
        first = int(low)
        last = int(high)
        if first == last:
            out[pad + k] = (x[first] - level) * inverse
            continue
        total = (x[first] - level) * (first + 1.0 - low)
        if last < len(x):
            total += (x[last] - level) * (high - last)
        for i in range(first + 1, last):
            total += x[i] - level
        out[pad + k] = total / (high - low) * inverse
    for k in range(pad):
        out[k] = out[pad]
        out[pad + n + k] = out[pad + n - 1]


@kernel((f4_read, i8_read, f4_2d_write), allocates=False)
def boxes_into(grid: NDArray[np.float32], halves: NDArray[np.int64], out: NDArray[np.float32]) -> None:
    """Write the means over ``2 * half + 1`` points into a row of `out` for each of `halves`; the ends stay as they are.

    Caller guarantees: ``out.shape == (len(halves), len(grid))``, ``halves >= 0``.
    """
    n = len(grid)
    for row in range(len(halves)):
        half = halves[row]
        one = out[row]
        for k in range(n):
            one[k] = grid[k]
        if half == 0 or n <= 2 * half:
            continue
        m = n - 2 * half
        inner = one[half : half + m]
        inner[:] = np.float32(0.0)
        for shift in range(2 * half + 1):
            part = grid[shift : shift + m]
            for k in range(m):
                inner[k] += part[k]
        share = np.float32(1.0 / (2 * half + 1))
        for k in range(m):
            inner[k] *= share


@kernel((f4_2d_read, i8, f4_2d_write), allocates=False)
def phases_into(boxes: NDArray[np.float32], step: int, out: NDArray[np.float32]) -> None:
    """Write every `step`-th column of `boxes` from each of the first `step` into a row of `out`: what is read in steps.

    Row ``r * step + phase`` of `out` holds the columns ``phase, phase + step, ...`` of row `r`; where they end early
    the last is repeated.

    Caller guarantees: ``out.shape == (len(boxes) * step, ceil(columns / step))``, ``columns >= step``.
    """
    last = boxes.shape[1] - 1
    for row in range(len(boxes)):
        one = boxes[row]
        for phase in range(step):
            target = out[row * step + phase]
            at = phase
            for k in range(len(target)):
                target[k] = one[min(at, last)]
                at += step


@kernel((f4_2d_read, i8_2d_read, f4_read, i8, i8, f4_2d_write), allocates=False)
def features_into(
    phases: NDArray[np.float32],
    table: NDArray[np.int64],
    gains: NDArray[np.float32],
    start: int,
    step: int,
    out: NDArray[np.float32],
) -> None:
    """Write differences of smoothed values around each point, bent so that small ones count: ``v / (|v| + gain)``.

    A row of `table` says: box, shift, other box, other shift; a row of `out` holds that feature at every
    `step`-th point from `start` (an index into the boxes' columns, which `phases_into` has dealt out by `step`).

    Caller guarantees: ``out.shape == (len(table), n)``, every shifted column exists, ``gains > 0``.
    """
    n = out.shape[1]
    for row in range(len(table)):
        a = start + table[row, 1]
        b = start + table[row, 3]
        one = phases[table[row, 0] * step + a % step, a // step : a // step + n]
        other = phases[table[row, 2] * step + b % step, b // step : b // step + n]
        gain = gains[row]
        target = out[row]
        for k in range(n):
            v = one[k] - other[k]
            target[k] = v / (abs(v) + gain)


@helper
def _hat(value: float, i: int, knots: NDArray[np.float64]) -> tuple[int, np.float32]:
    """Return the knot before `value`, looked for from `i` on, and the share of the next one, linear between them."""
    last = len(knots) - 1
    while i > 0 and value < knots[i]:
        i -= 1
    while i < last - 1 and value >= knots[i + 1]:
        i += 1
    return i, np.float32(min(max((value - knots[i]) / (knots[i + 1] - knots[i]), 0.0), 1.0))


@kernel(
    (
        f8_read,
        f8,
        f8,
        i8,
        i8_2d_read,
        i8,
        f8_read,
        f8_read,
        f8_read,
        f8_read,
        f4_2d_read,
        f4_read,
        f4_write,
        f4_2d_write,
    ),
    allocates=False,
)
def places_into(
    beats: NDArray[np.float64],
    usual: float,
    step: float,
    start: int,
    runs: NDArray[np.int64],
    count: int,
    since: NDArray[np.float64],
    until: NDArray[np.float64],
    share: NDArray[np.float64],
    interval: NDArray[np.float64],
    table: NDArray[np.float32],
    bias: NDArray[np.float32],
    same: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Write for each point what its place between the beats adds to the hidden sums, and the bias.

    The place is four numbers: s since the last R, s until the next, their share, s between them; each has its knots,
    and `table` a row for each knot. `beats` are R peaks in s; before the first and after the last one another is
    thought `usual` s away. `out` has a row for each point of the first `count` runs, counted from `start`, `step` s
    apart; `same` is working room.

    Caller guarantees: ``len(beats) >= 1``, increasing; runs increase, `out` has a row for each of their points; knots
    increase, two at least; ``table.shape == (sum of knots, len(bias))``, ``len(same) == len(bias)``.
    """
    m = len(beats)
    j = -1
    ends = -1e30  # the interval's part is the same until its last point
    before = 0.0
    after = 0.0
    second, third = len(since), len(since) + len(until)
    four = third + len(share)
    i = i_left = i_share = 0
    width = len(bias)
    at = 0
    for n in range(count):
        for k in range(runs[n, 0], runs[n, 1]):
            t = (start + k) * step
            if t >= ends:
                while j + 1 < m and beats[j + 1] <= t:
                    j += 1
                before = beats[j] if j >= 0 else beats[0] - usual
                after = beats[j + 1] if j + 1 < m else beats[m - 1] + usual
                ends = beats[j + 1] if j + 1 < m else 1e30
                i_same, part = _hat(after - before, 0, interval)
                one, two = table[four + i_same], table[four + i_same + 1]
                for h in range(width):
                    same[h] = bias[h] + (np.float32(1.0) - part) * one[h] + part * two[h]
            gone = max(t - before, 0.0)
            i, s = _hat(gone, i, since)
            i_left, u = _hat(max(after - t, 0.0), i_left, until)
            i_share, v = _hat(gone / max(after - before, 0.05), i_share, share)
            r, q, w = np.float32(1.0) - s, np.float32(1.0) - u, np.float32(1.0) - v
            # Six rows of the table in one loop: in three loops it takes twice as long.
            row, a, b, c = out[at], table[i : i + 2], table[second + i_left :], table[third + i_share :]
            for h in range(width):
                row[h] = same[h] + (
                    (r * a[0, h] + s * a[1, h]) + (q * b[0, h] + u * b[1, h]) + (w * c[0, h] + v * c[1, h])
                )
            at += 1


@kernel((f4_2d_read, f4_2d_write), allocates=False)
def add_rectify_into(more: NDArray[np.float32], hidden: NDArray[np.float32]) -> None:
    """Add `more` and hold the sums above 0.

    Caller guarantees: equal shapes.
    """
    for k in range(len(hidden)):
        row = hidden[k]
        add = more[k]
        for h in range(len(row)):
            row[h] = max(row[h] + add[h], np.float32(0.0))


@kernel((f4_read, f4_2d_write), allocates=False)
def rectify_into(bias: NDArray[np.float32], hidden: NDArray[np.float32]) -> None:
    """Add the bias to each row and hold the sums above 0.

    Caller guarantees: ``hidden.shape[1] == len(bias)``.
    """
    for k in range(len(hidden)):
        row = hidden[k]
        for h in range(len(row)):
            row[h] = max(row[h] + bias[h], np.float32(0.0))


@helper
def _exp(x: np.float32) -> np.float32:
    """Return e to the `x` for -85 <= x <= 0 to 1e-7: 2 to a whole number, and a series for what is left.

    The library's is a call for each value; this one becomes vectors.
    """
    x = max(x, np.float32(-85.0))
    whole = np.int32(x * np.float32(1.4426950408889634) - np.float32(0.5))
    n = np.float32(whole)
    r = (x - n * np.float32(0.693359375)) + n * np.float32(2.12194440e-4)
    p = np.float32(1.0 / 5040.0)
    p = p * r + np.float32(1.0 / 720.0)
    p = p * r + np.float32(1.0 / 120.0)
    p = p * r + np.float32(1.0 / 24.0)
    p = p * r + np.float32(1.0 / 6.0)
    p = p * r + np.float32(0.5)
    p = p * r + np.float32(1.0)
    p = p * r + np.float32(1.0)
    return p * np.int32((whole + np.int32(127)) << np.int32(23)).view(np.float32)


@helper
def _log(x: np.float32) -> np.float32:
    """Return the natural logarithm of a positive `x` to 1e-7: its exponent, and the series of the inverse tanh."""
    bits = np.float32(x).view(np.int32)
    # The mantissa is held between the root of 1/2 and of 2.
    exponent = (bits - np.int32(0x3F3504F3)) >> np.int32(23)
    m = np.int32(bits - (exponent << np.int32(23))).view(np.float32)
    f = (m - np.float32(1.0)) / (m + np.float32(1.0))
    g = f * f
    p = np.float32(2.0 / 9.0)
    p = p * g + np.float32(2.0 / 7.0)
    p = p * g + np.float32(2.0 / 5.0)
    p = p * g + np.float32(2.0 / 3.0)
    p = p * g + np.float32(2.0)
    return f * p + np.float32(exponent) * np.float32(0.6931471805599453)


@kernel((f4_2d_read, f4_read, i8, f4_2d_write), allocates=False)
def log_odds_into(logits: NDArray[np.float32], bias: NDArray[np.float32], start: int, out: NDArray[np.float32]) -> None:
    """Write the log odds of P, QRS and T (classes 1 to 3 of 4) against the rest, rows of `out`, from column `start`.

    Caller guarantees: ``logits.shape == (4, n)``, ``len(bias) == 4``, ``out.shape[0] == 3`` with ``start + n`` columns,
    ``|logits + bias| <= 1e4``.
    """
    n = logits.shape[1]
    most, least = np.float32(MOST_ODDS), np.float32(-MOST_ODDS)
    for c in range(1, 4):
        own, one = logits[c], logits[c % 3 + 1]
        other, none = logits[(c + 1) % 3 + 1], logits[0]
        bias_own, bias_one, bias_other, bias_none = bias[c], bias[c % 3 + 1], bias[(c + 1) % 3 + 1], bias[0]
        target = out[c - 1, start : start + n]
        for k in range(n):
            a, b, d = one[k] + bias_one, other[k] + bias_other, none[k] + bias_none
            greatest = max(max(a, b), d)
            rest = _exp(a - greatest) + _exp(b - greatest) + _exp(d - greatest)
            odds = own[k] + bias_own - greatest - _log(rest)
            target[k] = min(max(odds, least), most)


@helper
def _between(row: NDArray[np.float32], at: float) -> float:
    """Return the value at a place between two points, that of the end outside."""
    n = len(row)
    i = int(np.floor(at))
    share = at - i
    return row[clamp(i, n)] * (1.0 - share) + row[clamp(i + 1, n)] * share


@kernel((f4_read, f8_read, i8, i8, i8, i8, f8, f8_2d_write, f8_2d_write), allocates=False)
def likeness_into(
    grid: NDArray[np.float32],
    beats: NDArray[np.float64],
    finer: int,
    near: int,
    before: int,
    after: int,
    unlike: float,
    shapes: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write how alike each beat is to the next `near` beats: 1 of one shape around R, near 0 for two that differ.

    ``out[i, d]`` is that of the beats `i` and ``i + 1 + d``; `shapes` gets each beat against its first value. `grid`
    has `finer` points for one in which `beats` are counted.

    Caller guarantees: ``shapes.shape == (len(beats), before + after + 1)``, ``out.shape == (len(beats), near)``.
    """
    m = len(beats)
    width = before + after + 1
    for i in range(m):
        shape = shapes[i]
        for o in range(width):
            shape[o] = _between(grid, finer * beats[i] - before + o)
        level = shape[0]
        for o in range(width):
            shape[o] -= level
        for j in range(max(0, i - near), i):
            other = shapes[j]
            total = 0.0
            for o in range(width):
                total += abs(shape[o] - other[o])
            far = total / (width * unlike)
            out[j, i - j - 1] = 1.0 / ((1.0 + far * far) * (1.0 + far * far))


@helper
def _add_shifted(
    row: NDArray[np.float32], start: int, whole: int, rest: float, share: float, out: NDArray[np.float32]
) -> None:
    """Add ``rest * row[k + whole] + share * row[k + whole + 1]`` for k from `start` on; the ends of `row` repeat."""
    n = len(row)
    m = len(out)
    first = start + whole
    if first >= 0 and first + m < n:
        one, other = row[first : first + m], row[first + 1 : first + 1 + m]
        for k in range(m):
            out[k] += rest * one[k] + share * other[k]
    else:
        for k in range(m):
            out[k] += rest * row[clamp(first + k, n)] + share * row[clamp(first + k + 1, n)]


@kernel((f4_2d_read, f8_2d_read, f8_read, i8, f8, f4_2d_write), allocates=False)
def neighbours_into(
    scores: NDArray[np.float32],
    alike: NDArray[np.float64],
    beats: NDArray[np.float64],
    near: int,
    least: float,
    out: NDArray[np.float32],
) -> None:
    """Write what the scores of the neighbouring beats are at the same time from R, weighted by how alike they are.

    The first three rows of `out` set the beats side by side at the R before a point, the other three at the R after
    it; `near` beats on each side count. `beats` are in points of `scores`; `alike` is from `likeness_into`. The sum of
    weights is `least` at least, so that beats like no other get small values.

    Caller guarantees: ``len(beats) >= 1``, increasing; ``scores.shape[0] == 3``, ``out.shape == (6, n)``.
    """
    n = scores.shape[1]
    m = len(beats)
    out[:] = np.float32(0.0)
    for side in range(2):
        for i in range(m):
            if side == 0:
                start = clamp(int(np.ceil(beats[i])), n)
                stop = n if i + 1 == m else int(np.ceil(beats[i + 1]))
            else:
                start = 0 if i == 0 else clamp(int(np.ceil(beats[i - 1])), n)
                stop = int(np.ceil(beats[i]))
            stop = max(start, min(stop, n))
            total = 0.0
            for j in range(max(0, i - near), min(m, i + near + 1)):
                if j == i:
                    continue
                weight = alike[min(i, j), abs(i - j) - 1]
                total += weight
                shift = beats[j] - beats[i]
                whole = int(np.floor(shift))
                share = np.float32(weight * (shift - whole))
                rest = np.float32(weight * (1.0 - (shift - whole)))
                for c in range(3):
                    _add_shifted(scores[c], start, whole, rest, share, out[3 * side + c, start:stop])
            share = np.float32(1.0 / max(total, least))
            for c in range(3):
                part = out[3 * side + c, start:stop]
                for k in range(len(part)):
                    part[k] *= share


@kernel((f4_2d_read, i8_read, i8, i8, f4_2d_write), allocates=False)
def shifted_into(
    rows: NDArray[np.float32], shifts: NDArray[np.int64], start: int, at: int, out: NDArray[np.float32]
) -> None:
    """Write each of `rows` once for each shift into the rows of `out` from `at` on: points from `start`, ends repeated.

    Caller guarantees: `out` has ``at + len(rows) * len(shifts)`` rows at least.
    """
    n = rows.shape[1]
    width = out.shape[1]
    for s in range(len(shifts)):
        first = start + shifts[s]
        low = min(max(-first, 0), width)  # points before the beginning, and up to the end
        high = max(min(n - first, width), low)
        for c in range(len(rows)):
            row = rows[c]
            target = out[at + s * len(rows) + c]
            for k in range(low):
                target[k] = row[0]
            if high > low:
                inner, source = target[low:high], row[first + low : first + high]
                for k in range(high - low):
                    inner[k] = source[k]
            for k in range(high, width):
                target[k] = row[n - 1]


@kernel((f8_read, i8_read, i8, i8, f8_write), allocates=False)
def usual_swing(
    x: NDArray[np.float64], r_peaks: NDArray[np.int64], step: int, half: int, work: NDArray[np.float64]
) -> float:
    """Return the median of how far `x` goes up and down within `half` of every `step`-th R peak.

    Caller guarantees: an R peak at least, all inside `x`; no NaN; `work` has room for one value each.
    """
    count = 0
    for b in range(0, len(r_peaks), step):
        least, greatest = extremes(x, max(0, r_peaks[b] - half), min(len(x), r_peaks[b] + half + 1))
        work[count] = greatest - least
        count += 1
    return median_of(work, count)
