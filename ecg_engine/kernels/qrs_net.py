"""The dense network that tells a QRS from what is beside it: differences around a point, its place between the beats.

All is float32: the features are shares between -1 and 1, and twice as many of them fit a register.
"""

from __future__ import annotations

from typing import Final

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
    i8_2d_write,
    kernel,
    within,
)
from ecg_engine.kernels._tile import VECTOR
from ecg_engine.kernels.products import add_products
from ecg_engine.kernels.wave_net import class_odds

#: Classes of each point; which of them is the QRS.
CLASSES: Final = 4
QRS: Final = 2
#: So many points go through the dense layers at a time.
TOGETHER: Final = 48


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


@kernel((f4_2d_read, i8_2d_read, f4_read, i8, i8, i8_2d_read, f4_2d_write), allocates=False)
def features_into(
    phases: NDArray[np.float32],
    table: NDArray[np.int64],
    gains: NDArray[np.float32],
    start: int,
    step: int,
    runs: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Write differences of smoothed values around each point, bent so that small ones count: ``v / (|v| + gain)``.

    A row of `table` says: box, shift, other box, other shift; a row of `out` holds that feature at the points of
    `runs`, side by side. Points are `step` columns of the boxes apart, the first at `start`; `phases_into` has dealt
    the columns out by `step`.

    Caller guarantees: ``out.shape == (len(table), points of runs)``, every shifted column exists, ``gains > 0``.
    """
    for row in range(len(table)):
        a = start + table[row, 1]
        b = start + table[row, 3]
        one = phases[table[row, 0] * step + a % step, a // step :]
        other = phases[table[row, 2] * step + b % step, b // step :]
        gain = gains[row]
        at = 0
        for i in range(len(runs)):
            first, last = runs[i, 0], runs[i, 1]
            x, y, target = one[first:last], other[first:last], out[row, at : at + last - first]
            for k in range(len(target)):
                v = x[k] - y[k]
                target[k] = v / (abs(v) + gain)
            at += last - first


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


@helper
def _rectify(x: NDArray[np.float32]) -> None:
    for k in range(len(x)):
        x[k] = max(x[k], np.float32(0.0))


@kernel(
    (f4_2d_read, f4_2d_read, f4_2d_read, f4_read, f4_2d_read, f4_read, f4_2d_read, f4_write, f4_2d_write),
    allocates=False,
)
def dense_into(
    inputs: NDArray[np.float32],
    places: NDArray[np.float32],
    first: NDArray[np.float32],
    bias: NDArray[np.float32],
    second: NDArray[np.float32],
    last_bias: NDArray[np.float32],
    third: NDArray[np.float32],
    work: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Write the sums of the last of three layers, a row for each class, for `inputs`, a column for each point.

    `places` is what is added to the first layer's sums, its bias in it. `third` is narrower than a vector: it is
    multiplied with zeros beside it. Some points at a time go through all layers: their sums stay in the nearest cache.

    Caller guarantees: ``places.shape == (points, hidden)``, weights ``(n_in, n_out)``, ``out.shape == (n, points)``,
    ``n <= VECTOR``; `work` has `dense_room` values.
    """
    n, points = out.shape
    n_hidden, n_narrow = second.shape
    hidden = work[: TOGETHER * n_hidden]
    narrow = work[len(hidden) :][: TOGETHER * n_narrow]
    sums = work[len(hidden) + len(narrow) :][: TOGETHER * VECTOR]
    wide = work[len(hidden) + len(narrow) + len(sums) :][: n_narrow * VECTOR]
    wide[:] = np.float32(0.0)
    for i in range(n_narrow):
        for k in range(n):
            wide[i * VECTOR + k] = third[i, k]
    x, weights = inputs.reshape(inputs.size), (first.reshape(first.size), second.reshape(second.size))
    for at in range(0, points, TOGETHER):
        m = min(TOGETHER, points - at)
        for k in range(m):
            for o in range(n_hidden):
                hidden[k * n_hidden + o] = places[at + k, o]
            for o in range(n_narrow):
                narrow[k * n_narrow + o] = bias[o]
            for o in range(VECTOR):
                sums[k * VECTOR + o] = last_bias[o] if o < n else np.float32(0.0)
        add_products(
            x, at, 1, points, weights[0], 0, n_hidden, 1, 0, hidden, 0, n_hidden, m, len(first), n_hidden
        )  # fmt: skip
        _rectify(hidden[: m * n_hidden])
        add_products(
            hidden, 0, n_hidden, 1, weights[1], 0, n_narrow, 1, 0, narrow, 0, n_narrow, m, n_hidden, n_narrow
        )  # fmt: skip
        _rectify(narrow[: m * n_narrow])
        add_products(narrow, 0, n_narrow, 1, wide, 0, VECTOR, 1, 0, sums, 0, VECTOR, m, n_narrow, VECTOR)
        for o in range(n):
            for k in range(m):
                out[o, at + k] = sums[k * VECTOR + o]


def dense_room(hidden: int, narrow: int) -> int:
    """Return how many values `dense_into` needs beside, for layers of so many sums."""
    return TOGETHER * (hidden + narrow + VECTOR) + narrow * VECTOR


@kernel((f8_read, f8, f8, f8, i8, i8, i8_2d_write), allocates=False)
def runs_near_into(
    beats: NDArray[np.float64],
    before: float,
    after: float,
    step: float,
    start: int,
    stop: int,
    out: NDArray[np.int64],
) -> tuple[int, int]:
    """Write the runs of points that lie up to `before` and `after` the beats, and one more on both sides.

    A run is its first point and the one after its last, counted from `start`; points are `step` apart, those from
    `start` to ``stop - 1`` are looked at. Return how many runs and how many points there are; no point is in two.

    Caller guarantees: `beats` increase; ``out.shape == (len(beats), 2)``.
    """
    count = 0
    points = 0
    last = start
    for at in beats:
        low = max(int(np.floor((at - before) / step)) - 1, last)
        high = min(int(np.ceil((at + after) / step)) + 2, stop)
        if high <= low:
            continue
        out[count, 0] = low - start
        out[count, 1] = high - start
        points += high - low
        count += 1
        last = high
    return count, points


@kernel((f4_read, i8_2d_read, i8, i8, f8, f8, f4_write), allocates=False)
def mix_runs_into(
    values: NDArray[np.float32],
    runs: NDArray[np.int64],
    count: int,
    length: int,
    share: float,
    rest: float,
    out: NDArray[np.float32],
) -> None:
    """Draw the points of the first `count` runs of `out` towards `values` by `share`; what is in no run becomes `rest`.

    `values` are those of the runs, side by side; the first `length` points of `out` are looked at.

    Caller guarantees: runs increase, inside `length`; `values` has as many as they have points.
    """
    part, none = np.float32(share), np.float32(rest)
    k = 0
    at = 0
    for i in range(count):
        for j in range(k, runs[i, 0]):
            out[j] = none
        for j in range(runs[i, 0], runs[i, 1]):
            out[j] += part * (values[at] - out[j])
            at += 1
        k = runs[i, 1]
    for j in range(k, length):
        out[j] = none


_features, _sums, _mix = within(features_into), within(dense_into), within(mix_runs_into)


@kernel(
    (
        f4_2d_read, i8_2d_read, f4_read, i8, i8, i8_2d_read, f4_2d_read, f4_2d_read, f4_read, f4_2d_read, f4_read,
        f4_2d_read, f8, f8, f4_write, f4_write,
    ),
    allocates=False,
)  # fmt: skip
def qrs_odds_into(
    phases: NDArray[np.float32],
    table: NDArray[np.int64],
    gains: NDArray[np.float32],
    start: int,
    step: int,
    runs: NDArray[np.int64],
    places: NDArray[np.float32],
    first: NDArray[np.float32],
    bias: NDArray[np.float32],
    second: NDArray[np.float32],
    last_bias: NDArray[np.float32],
    third: NDArray[np.float32],
    share: float,
    rest: float,
    work: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Draw the log odds `out` of the QRS in a piece of a lead towards what the dense network says; see what it does by.

    `features_into` (from column `start` of the boxes on), `dense_into`, `mix_runs_into`.

    Caller guarantees: as these; `work` has `qrs_room` values.
    """
    points = len(places)
    inputs = work[: len(table) * points].reshape(len(table), points)
    beside = work[len(table) * points :]
    logits = beside[: CLASSES * points].reshape(CLASSES, points)
    odds = beside[CLASSES * points : (CLASSES + 1) * points]
    _features(phases, table, gains, start, step, runs, inputs)
    _sums(inputs, places, first, bias, second, last_bias, third, beside[(CLASSES + 1) * points :], logits)
    class_odds(logits, QRS, 0, odds)
    _mix(odds, runs, len(runs), len(out), share, rest, out)


def qrs_room(points: int, inputs: int, hidden: int, narrow: int) -> int:
    """Return how many values `qrs_odds_into` needs beside, for layers of so many inputs and sums."""
    return points * (inputs + CLASSES + 1) + dense_room(hidden, narrow)
