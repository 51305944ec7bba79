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
    f8_read,
    helper,
    i8,
    i8_2d_read,
    i8_read,
    kernel,
)
from ecg_engine.kernels.smoothing import clamp

#: Log odds are held inside this: a probability of 1e-4.
MOST_ODDS = 9.21


@kernel((f8_read, f8, f8, f8, i8, f4_write))
def grid_into(
    x: NDArray[np.float64], step: float, level: float, scale: float, pad: int, out: NDArray[np.float32]
) -> None:
    """Write the mean of ``(x - level) / scale`` over one step around each grid point, `step` samples apart.

    `out` repeats its first and last value `pad` times at its ends. A step of less than one sample is widened to it.

    Caller guarantees: ``len(x) >= 1``, ``step > 0``, ``scale > 0``, ``len(out) - 2 * pad`` points inside `x`, no NaN.
    """
    n = len(out) - 2 * pad
    width = max(step, 1.0)
    for k in range(n):
        low = min(max(k * step - 0.5 * width + 0.5, 0.0), float(len(x)))
        high = min(max(k * step + 0.5 * width + 0.5, 0.0), float(len(x)))
        first = int(low)
        last = int(high)
        total = 0.0
        for i in range(first, min(last + 1, len(x))):
            total += (x[i] - level) * (min(high, i + 1.0) - max(low, float(i)))
        out[pad + k] = total / ((high - low) * scale)
    for k in range(pad):
        out[k] = out[pad]
        out[pad + n + k] = out[pad + n - 1]


@kernel((f4_read, i8_read, f4_2d_write))
def boxes_into(grid: NDArray[np.float32], halves: NDArray[np.int64], out: NDArray[np.float32]) -> None:
    """Write the means over ``2 * half + 1`` points into a row of `out` for each of `halves`; the ends stay as they are.

    Caller guarantees: ``out.shape == (len(halves), len(grid))``, ``halves >= 0``.
    """
    n = len(grid)
    for row in range(len(halves)):
        half = halves[row]
        one = out[row]
        one[:] = grid
        if half == 0 or n <= 2 * half:
            continue
        one[half : n - half] = 0.0
        for shift in range(-half, half + 1):
            for k in range(half, n - half):
                one[k] += grid[k + shift]
        share = np.float32(1.0 / (2 * half + 1))
        for k in range(half, n - half):
            one[k] *= share


@kernel((f4_2d_read, i8_2d_read, f4_read, i8, i8, f4_2d_write))
def features_into(
    boxes: NDArray[np.float32],
    table: NDArray[np.int64],
    gains: NDArray[np.float32],
    start: int,
    step: int,
    out: NDArray[np.float32],
) -> None:
    """Write differences of smoothed values around each point, bent so that small ones count: ``v / (|v| + gain)``.

    A row of `table` says: box, shift, other box, other shift; a row of `out` holds that feature at every
    `step`-th point from `start` (an index into the boxes' columns).

    Caller guarantees: ``out.shape == (len(table), n)``, every shifted column exists, ``gains > 0``.
    """
    n = out.shape[1]
    for row in range(len(table)):
        one = boxes[table[row, 0]]
        other = boxes[table[row, 2]]
        a = start + table[row, 1]
        b = start + table[row, 3]
        gain = gains[row]
        for k in range(n):
            v = one[a + k * step] - other[b + k * step]
            out[row, k] = v / (abs(v) + gain)


@helper
def _add_hat(
    value: float, knots: NDArray[np.float64], table: NDArray[np.float32], base: int, out: NDArray[np.float32]
) -> None:
    """Add what the table says at `value`, linear between the knots, whose rows begin at `base`."""
    last = len(knots) - 1
    i = 0
    while i < last - 1 and value >= knots[i + 1]:
        i += 1
    share = np.float32(min(max((value - knots[i]) / (knots[i + 1] - knots[i]), 0.0), 1.0))
    rest = np.float32(1.0) - share
    one = table[base + i]
    other = table[base + i + 1]
    for h in range(len(out)):
        out[h] += rest * one[h] + share * other[h]


@kernel((f8_read, f8, f8, i8, f8_read, f8_read, f8_read, f8_read, f4_2d_read, f4_read, f4_2d_write))
def add_places_into(
    beats: NDArray[np.float64],
    usual: float,
    step: float,
    start: int,
    since: NDArray[np.float64],
    until: NDArray[np.float64],
    share: NDArray[np.float64],
    interval: NDArray[np.float64],
    table: NDArray[np.float32],
    bias: NDArray[np.float32],
    hidden: NDArray[np.float32],
) -> None:
    """Add to each point's hidden sums what its place between the beats says, and the bias; then hold them above 0.

    The place is four numbers: s since the last R, s until the next, their share, s between them; each has its knots,
    and `table` a row for each knot. `beats` are R peaks in s; before the first and after the last one another is
    thought `usual` s away. `hidden` has a row for each point from `start` on, `step` s apart.

    Caller guarantees: ``len(beats) >= 1``, increasing; knots increase, two at least;
    ``table.shape == (sum of knots, len(bias))``.
    """
    m = len(beats)
    j = -1
    ends = -1e30  # the interval's part is the same until its last point
    before = 0.0
    after = 0.0
    same = np.empty_like(bias)
    two, three = len(since), len(since) + len(until)
    for k in range(len(hidden)):
        t = (start + k) * step
        if t >= ends:
            while j + 1 < m and beats[j + 1] <= t:
                j += 1
            before = beats[j] if j >= 0 else beats[0] - usual
            after = beats[j + 1] if j + 1 < m else beats[m - 1] + usual
            ends = beats[j + 1] if j + 1 < m else 1e30
            same[:] = bias
            _add_hat(after - before, interval, table, three + len(share), same)
        row = hidden[k]
        gone = max(t - before, 0.0)
        _add_hat(gone, since, table, 0, row)
        _add_hat(max(after - t, 0.0), until, table, two, row)
        _add_hat(gone / max(after - before, 0.05), share, table, three, row)
        for h in range(len(row)):
            row[h] = max(row[h] + same[h], np.float32(0.0))


@kernel((f4_read, f4_2d_write))
def rectify_into(bias: NDArray[np.float32], hidden: NDArray[np.float32]) -> None:
    """Add the bias to each row and hold the sums above 0.

    Caller guarantees: ``hidden.shape[1] == len(bias)``.
    """
    for k in range(len(hidden)):
        row = hidden[k]
        for h in range(len(row)):
            row[h] = max(row[h] + bias[h], np.float32(0.0))


@helper
def _log_share(own: float, rest: float) -> float:
    return min(max(np.log((own + 1e-30) / (rest + 1e-30)), -MOST_ODDS), MOST_ODDS)


@kernel((f4_2d_read, f4_read, i8, f4_2d_write))
def log_odds_into(logits: NDArray[np.float32], bias: NDArray[np.float32], start: int, out: NDArray[np.float32]) -> None:
    """Write the log odds of P, QRS and T (classes 1 to 3 of 4) against the rest, rows of `out`, from column `start`.

    Caller guarantees: ``logits.shape == (n, 4)``, ``len(bias) == 4``, ``out.shape[0] == 3`` with ``start + n`` columns.
    """
    for k in range(len(logits)):
        greatest = logits[k, 0] + bias[0]
        for c in range(1, 4):
            greatest = max(greatest, logits[k, c] + bias[c])
        none = np.exp(logits[k, 0] + bias[0] - greatest)
        p = np.exp(logits[k, 1] + bias[1] - greatest)
        qrs = np.exp(logits[k, 2] + bias[2] - greatest)
        t = np.exp(logits[k, 3] + bias[3] - greatest)
        at = start + k
        out[0, at] = _log_share(p, none + qrs + t)
        out[1, at] = _log_share(qrs, none + p + t)
        out[2, at] = _log_share(t, none + p + qrs)


@helper
def _between(row: NDArray[np.float32], at: float) -> float:
    """Return the value at a place between two points, that of the end outside."""
    n = len(row)
    i = int(np.floor(at))
    share = at - i
    return row[clamp(i, n)] * (1.0 - share) + row[clamp(i + 1, n)] * share


@helper
def _likeness(grid: NDArray[np.float32], one: float, other: float, before: int, after: int, unlike: float) -> float:
    """Return 1 for two beats of one shape around R, near 0 for two that differ."""
    level = _between(grid, one - before) - _between(grid, other - before)
    total = 0.0
    for o in range(-before, after + 1):
        total += abs(_between(grid, one + o) - _between(grid, other + o) - level)
    far = total / ((before + after + 1) * unlike)
    return 1.0 / ((1.0 + far * far) * (1.0 + far * far))


@kernel((f4_2d_read, f4_read, f8_read, i8, i8, i8, i8, f8, f8, f4_2d_write))
def neighbours_into(
    scores: NDArray[np.float32],
    grid: NDArray[np.float32],
    beats: NDArray[np.float64],
    finer: int,
    near: int,
    before: int,
    after: int,
    unlike: float,
    least: float,
    out: NDArray[np.float32],
) -> None:
    """Write what the scores of the neighbouring beats are at the same time from R, weighted by how alike they are.

    The first three rows of `out` set the beats side by side at the R before a point, the other three at the R after
    it; `near` beats on each side count. `beats` are in points of `scores`; `grid`, the lead itself, has `finer` points
    for one of them. The sum of weights is `least` at least, so that beats like no other get small values.

    Caller guarantees: ``len(beats) >= 1``, increasing; ``scores.shape[0] == 3``, ``out.shape == (6, n)``.
    """
    n = scores.shape[1]
    m = len(beats)
    out[:] = 0.0
    for side in range(2):
        for i in range(m):
            if side == 0:
                start = clamp(int(np.ceil(beats[i])), n)
                stop = n if i + 1 == m else int(np.ceil(beats[i + 1]))
            else:
                start = 0 if i == 0 else clamp(int(np.ceil(beats[i - 1])), n)
                stop = int(np.ceil(beats[i]))
            stop = min(stop, n)
            total = 0.0
            for j in range(max(0, i - near), min(m, i + near + 1)):
                if j == i:
                    continue
                weight = _likeness(grid, finer * beats[i], finer * beats[j], before, after, unlike)
                total += weight
                shift = beats[j] - beats[i]
                whole = int(np.floor(shift))
                share = np.float32(weight * (shift - whole))
                rest = np.float32(weight * (1.0 - (shift - whole)))
                for c in range(3):
                    for k in range(start, stop):
                        out[3 * side + c, k] += (
                            rest * scores[c, clamp(k + whole, n)] + share * scores[c, clamp(k + whole + 1, n)]
                        )
            share = np.float32(1.0 / max(total, least))
            for c in range(3):
                for k in range(start, stop):
                    out[3 * side + c, k] *= share


@kernel((f4_2d_read, i8_read, i8, i8, f4_2d_write))
def shifted_into(
    rows: NDArray[np.float32], shifts: NDArray[np.int64], start: int, at: int, out: NDArray[np.float32]
) -> None:
    """Write each of `rows` once for each shift into the rows of `out` from `at` on: points from `start`, ends repeated.

    Caller guarantees: `out` has ``at + len(rows) * len(shifts)`` rows at least.
    """
    n = rows.shape[1]
    width = out.shape[1]
    for s in range(len(shifts)):
        for c in range(len(rows)):
            target = out[at + s * len(rows) + c]
            for k in range(width):
                target[k] = rows[c, clamp(start + k + shifts[s], n)]
