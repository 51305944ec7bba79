"""The network of the learnt wave scores: a lead on an even grid, what is seen of it, and layers of short convolutions.

All but the grid's sums is float32: the inputs are shares between -1 and 1, and twice as many of them fit a register.
The network is a small U-Net: ever coarser levels, each at half the rate of the one above, and back. All that is
between stands in one working array, level by level, row by row (a channel each), `EDGE` zeros at both ends of a row.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import (
    f4_2d_read,
    f4_2d_write,
    f4_read,
    f4_write,
    f8,
    f8_named,
    f8_read,
    f8_write,
    helper,
    i8,
    i8_2d_read,
    i8_read,
    kernel,
    within,
)
from ecg_engine.kernels.bend import extremes
from ecg_engine.kernels.products import add_products
from ecg_engine.kernels.smoothing import median_of

#: Log odds are held inside this: a probability of 1e-4.
MOST_ODDS = 9.21
#: Zeros at both ends of each row: as far as any layer reaches.
EDGE: Final = 4
#: Rows of what is seen: the lead at three bends and its slope, R near, since R, until R, their share; the first four
#: again, half a step later; the lead at two bends in the beats beside, from the R before and to the R after; how uneven
#: RR is. The first twelve are the lead's own.
OWN: Final = 12
SEEN: Final = 17
#: What a row of a plan does, and its columns.
CONVOLVE, CONVOLVE_AND_ADD, HALVE, DOUBLE = range(4)
DEED, LEVEL, SOURCE, N_IN, TARGET, N_OUT, REACH, WEIGHTS = range(8)


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


class SeenShares(NamedTuple):
    """What the inputs are made with; all floats."""

    gain_coarse: float  # a difference so great counts half, in QRS swings; and so on
    gain_middle: float
    gain_fine: float
    gain_slope: float
    apart_s: float  # so far away is a beat that is not there
    near_s: float  # a beat is near up to so far away
    bend_s: float  # a beat so far away counts half


@helper
def _bend(v: np.float32, gain: np.float32) -> np.float32:
    return v / (abs(v) + gain)


@kernel((f4_read, i8, i8, f4_write), allocates=False)
def over_mean_into(grid: NDArray[np.float32], pad: int, half: int, out: NDArray[np.float32]) -> None:
    """Write `grid`, which has `pad` points more at both ends, without its mean over `half` points on both sides.

    Caller guarantees: ``half <= pad``, ``len(out) == len(grid) - 2 * pad``.
    """
    total = 0.0
    for i in range(pad - half, pad + half + 1):
        total += grid[i]
    share = 1.0 / (2 * half + 1)
    for i in range(pad, pad + len(out)):
        if i > pad:
            total += grid[i + half] - grid[i - half - 1]
        out[i - pad] = grid[i] - total * share


@kernel((f4_read, f4_read, f4_2d_write), allocates=False)
def own_into(over: NDArray[np.float32], gains: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write every second value of `over`, bent at each of `gains`: ``v / (|v| + gain)``.

    Caller guarantees: ``out.shape == (len(gains), (len(over) + 1) // 2)``.
    """
    for row in range(len(gains)):
        gain, one = gains[row], out[row]
        for k in range(len(one)):
            one[k] = _bend(over[2 * k], gain)


@kernel((f8_read, f8, i8, i8, f8_named(SeenShares), f4_2d_write), allocates=False)
def near_into(
    beats: NDArray[np.float64], fine_s: float, start: int, last: int, w: SeenShares, out: NDArray[np.float32]
) -> None:
    """Write where every second of the points `fine_s` s apart, from ``2 * start`` on, lies between the beats.

    Rows: how near R is, the time since R and that until R, bent, and their share; `beats` are R peaks in s. What is
    beyond point `last` repeats it; where no beat is before or after, it is thought `w.apart_s` away.

    Caller guarantees: ``len(out) == 4``; ``len(beats) >= 1``, increasing.
    """
    m = len(beats)
    j = 0  # beats that are over
    for k in range(out.shape[1]):
        t = min(2 * (start + k), last) * fine_s
        while j < m and beats[j] <= t:
            j += 1
        since = t - beats[j - 1] if j > 0 else w.apart_s
        until = beats[j] - t if j < m else w.apart_s
        out[0, k] = max(0.0, 1.0 - min(since, until) / w.near_s)
        out[1, k] = since / (since + w.bend_s)
        out[2, k] = until / (until + w.bend_s)
        out[3, k] = since / max(since + until, w.near_s)


@helper
def _copy(source: NDArray[np.float32], start: int, out: NDArray[np.float32]) -> None:
    """Write `source` from `start` on; what is beyond its end repeats its last value."""
    inside = min(len(out), len(source) - start)
    for k in range(inside):
        out[k] = source[start + k]
    for k in range(inside, len(out)):
        out[k] = source[len(source) - 1]


@kernel((f4_read, f4_read, i8, f4_2d_read, f4_2d_read, i8, f8_named(SeenShares), f4_2d_write), allocates=False)
def seen_into(
    over: NDArray[np.float32],
    grid: NDArray[np.float32],
    pad: int,
    near: NDArray[np.float32],
    beside: NDArray[np.float32],
    start: int,
    w: SeenShares,
    out: NDArray[np.float32],
) -> None:
    """Write what the network sees of every second point of a lead from ``2 * start`` on, `EDGE` zeros at both ends.

    `over` is the lead without its moving mean (`over_mean_into`), `grid` the lead with `pad` points more at both ends,
    `near` (`near_into`) holds the points that are asked for, `beside` all second points of the lead. What is beyond the
    last point repeats it.

    Caller guarantees: ``len(grid) == len(over) + 2 * pad``, ``pad >= 1``, ``0 <= start < beside.shape[1]``;
    ``out.shape == (SEEN, n + 2 * EDGE)``, ``near.shape == (4, n)``, ``len(beside) == SEEN - OWN``.
    """
    points = out.shape[1] - 2 * EDGE
    n = len(over)
    for row in range(len(out)):
        for k in range(EDGE):
            out[row, k] = out[row, EDGE + points + k] = np.float32(0.0)
    coarse, middle = np.float32(w.gain_coarse), np.float32(w.gain_middle)
    fine, slope = np.float32(w.gain_fine), np.float32(w.gain_slope)
    for phase in range(2):
        one, two, three, four = out[8 * phase], out[8 * phase + 1], out[8 * phase + 2], out[8 * phase + 3]
        first = 2 * start + phase
        inside = min(points, max(0, (n - first + 1) // 2))
        values = over[first : first + 2 * inside]
        for k in range(inside):
            value = values[2 * k]
            one[EDGE + k] = _bend(value, coarse)
            two[EDGE + k] = _bend(value, middle)
            three[EDGE + k] = _bend(value, fine)
        here, before = grid[pad + first :], grid[pad + first - 1 :]
        for k in range(inside):
            four[EDGE + k] = _bend(here[2 * k] - before[2 * k], slope)
        value, step = over[n - 1], grid[pad + n - 1] - grid[pad + n - 2]
        for k in range(EDGE + inside, EDGE + points):
            one[k] = _bend(value, coarse)
            two[k] = _bend(value, middle)
            three[k] = _bend(value, fine)
            four[k] = _bend(step, slope)
    for row in range(len(near)):
        _copy(near[row], 0, out[4 + row, EDGE : EDGE + points])
    for row in range(len(beside)):
        _copy(beside[row], start, out[OWN + row, EDGE : EDGE + points])


@helper
def _close(work: NDArray[np.float32], at: int, n: int) -> None:
    """Write the zeros at both ends of the row whose first value is at `at`."""
    for k in range(EDGE):
        work[at - EDGE + k] = np.float32(0.0)
        work[at + n + k] = np.float32(0.0)


@helper
def _spread(biases: NDArray[np.float32], n: int, stride: int, work: NDArray[np.float32], at: int) -> None:
    """Write each of `biases` into a row of `n` values of `work`, from `at` on, `stride` apart."""
    for row in range(len(biases)):
        y, bias = work[at + row * stride :][:n], biases[row]
        for k in range(n):
            y[k] = bias


@helper
def _rectify(work: NDArray[np.float32], at: int, rows: int, n: int) -> None:
    """Hold rows of `work` from `at` on above 0, and write the zeros at their ends."""
    for row in range(rows):
        o = at + row * (n + 2 * EDGE)
        y = work[o : o + n]
        for k in range(n):
            y[k] = max(y[k], np.float32(0.0))
        _close(work, o, n)


@helper
def _double(x: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write each value of `x` twice: as one number of 64 bits, four times as fast as one by one."""
    bits, pairs = x.view(np.uint32), out.view(np.uint64)
    for k in range(len(bits)):
        one = np.uint64(bits[k])
        pairs[k] = one | (one << np.uint64(32))


@helper
def _add(work: NDArray[np.float32], source: int, target: int, count: int) -> None:
    """Add `count` values from `source` on to those from `target` on."""
    x, y = work[source : source + count], work[target : target + count]
    for k in range(count):
        y[k] += x[k]


@kernel((i8_2d_read, i8_read, i8, f4_read, f4_write, f4_2d_write), allocates=False)
def run_plan_into(
    plan: NDArray[np.int64],
    bases: NDArray[np.int64],
    points: int,
    weights: NDArray[np.float32],
    work: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Do what the rows of `plan` say with the rows of `work`; then write sums of the last one's rows into `out`.

    A row of `plan`: what to do, on which level (of `CONVOLVE`) or from which one, first row and count of rows read,
    first row and count of rows written, how far it reaches, where its weights begin: ``(n_out, n_in, 3)``, then biases.
    `bases` say where each level begins in `work`, whose first level has `points` values a row. `weights` end with those
    of the sums: ``(len(out), n_in)``, then biases.

    Caller guarantees: `points` a multiple of ``2 ** (levels - 1)``, reaches ``<= EDGE``;
    ``len(work) >= bases[-1]``, its first `SEEN` rows are written.
    """
    stride = n = 0
    last = 0
    for p in range(len(plan)):
        deed, level, n_in, n_out = plan[p, DEED], plan[p, LEVEL], plan[p, N_IN], plan[p, N_OUT]
        n = points >> level
        stride = n + 2 * EDGE
        source = bases[level] + plan[p, SOURCE] * stride + EDGE
        last = source
        if deed <= CONVOLVE_AND_ADD:
            last = bases[level] + plan[p, TARGET] * stride + EDGE
            first, width = plan[p, WEIGHTS], 3 * n_in
            biases = first + n_out * width
            _spread(weights[biases : biases + n_out], n, stride, work, last)
            reach = plan[p, REACH]
            add_products(
                weights, first, width, 1, work, source - reach, stride, 3, reach, work, last, stride, n_out, n_in, n
            )
            _rectify(work, last, n_out, n)
            if deed == CONVOLVE_AND_ADD:
                _add(work, source, last, n_out * stride - 2 * EDGE)
            continue
        other = level + 1 if deed == HALVE else level - 1
        m = points >> other
        target = bases[other] + plan[p, TARGET] * (m + 2 * EDGE) + EDGE
        for row in range(n_in):
            x, y = work[source + row * stride :][:n], work[target + row * (m + 2 * EDGE) :][:m]
            if deed == HALVE:
                for k in range(m):
                    y[k] = np.float32(0.5) * (x[2 * k] + x[2 * k + 1])
            else:
                _double(x, y)
            _close(work, target + row * (m + 2 * EDGE), m)
    n_in = plan[len(plan) - 1, N_OUT]
    first = len(weights) - len(out) * (n_in + 1)
    for row in range(len(out)):
        target_row = out[row]
        for k in range(n):
            target_row[k] = weights[first + len(out) * n_in + row]
    add_products(
        weights, first, n_in, 1, work, last, stride, 1, 0, out.reshape(out.size), 0, n, len(out), n_in, n
    )  # fmt: skip


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


@helper
def class_odds(logits: NDArray[np.float32], c: int, skip: int, out: NDArray[np.float32]) -> None:
    """Write the log odds of class `c` (1 to 3 of 4) against the rest, from column `skip` of `logits` on."""
    n = len(out)
    most, least = np.float32(MOST_ODDS), np.float32(-MOST_ODDS)
    own, one = logits[c, skip : skip + n], logits[c % 3 + 1, skip : skip + n]
    other, none = logits[(c + 1) % 3 + 1, skip : skip + n], logits[0, skip : skip + n]
    for k in range(n):
        a, b, d = one[k], other[k], none[k]
        greatest = max(max(a, b), d)
        rest = _exp(a - greatest) + _exp(b - greatest) + _exp(d - greatest)
        odds = own[k] - greatest - _log(rest)
        out[k] = min(max(odds, least), most)


@kernel((f4_2d_read, i8, i8, f4_2d_write), allocates=False)
def log_odds_into(logits: NDArray[np.float32], skip: int, start: int, out: NDArray[np.float32]) -> None:
    """Write the log odds of P, QRS and T (classes 1 to 3 of 4) against the rest, rows of `out`, from column `start`.

    The first `skip` columns of `logits` are left out; as many as `out` has room for are written.

    Caller guarantees: ``logits.shape == (4, m)``, ``out.shape[0] == 3``, ``|logits| <= 1e4``.
    """
    n = min(logits.shape[1] - skip, out.shape[1] - start)
    for c in range(1, 4):
        class_odds(logits, c, skip, out[c - 1, start : start + n])


_seen, _run_plan, _log_odds = within(seen_into), within(run_plan_into), within(log_odds_into)


@kernel(
    (
        f4_read, f4_read, i8, f4_2d_read, f4_2d_read, i8, i8, f8_named(SeenShares), i8_2d_read, i8_read, f4_read,
        f4_write, f4_2d_write,
    ),
    allocates=False,
)  # fmt: skip
def wave_odds_into(
    over: NDArray[np.float32],
    grid: NDArray[np.float32],
    pad: int,
    near: NDArray[np.float32],
    beside: NDArray[np.float32],
    first: int,
    start: int,
    w: SeenShares,
    plan: NDArray[np.int64],
    bases: NDArray[np.int64],
    weights: NDArray[np.float32],
    work: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Write the log odds of P, QRS and T of a piece of a lead, from point `start` on; the network sees it from `first`.

    `seen_into`, `run_plan_into`, `log_odds_into`: see what it does by.

    Caller guarantees: as these, ``first <= start``; ``len(work) >= bases[-1] + 4 * near.shape[1]``.
    """
    points, whole = near.shape[1], bases[len(bases) - 1]
    seen = work[: SEEN * (points + 2 * EDGE)].reshape(SEEN, points + 2 * EDGE)
    logits = work[whole : whole + 4 * points].reshape(4, points)
    _seen(over, grid, pad, near, beside, first, w, seen)
    _run_plan(plan, bases, points, weights, work[:whole], logits)
    _log_odds(logits, start - first, start, out)  # beyond this piece too: the next writes it again


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
