"""The beats beside: what a lead does in the neighbouring beats that are alike, at the same time from R.

A P wave that is in all of them is one, a wiggle that is in one only is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import (
    f4_2d_read,
    f4_2d_write,
    f4_read,
    f8,
    f8_2d_read,
    f8_2d_write,
    f8_read,
    f8_write,
    helper,
    i8,
    kernel,
)
from ecg_engine.kernels.smoothing import clamp, median_of


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
    rows: NDArray[np.float32],
    alike: NDArray[np.float64],
    beats: NDArray[np.float64],
    near: int,
    least: float,
    out: NDArray[np.float32],
) -> None:
    """Write what `rows` are in the neighbouring beats at the same time from R, weighted by how alike the beats are.

    The first half of `out` sets the beats side by side at the R before a point, the other half at the R after it;
    `near` beats on each side count. `beats` are in points of `rows`; `alike` is from `likeness_into`. The sum of
    weights is `least` at least, so that beats like no other get small values.

    Caller guarantees: ``len(beats) >= 1``, increasing; ``out.shape == (2 * len(rows), rows.shape[1])``.
    """
    count, n = rows.shape
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
                for c in range(count):
                    _add_shifted(rows[c], start, whole, rest, share, out[count * side + c, start:stop])
            share = np.float32(1.0 / max(total, least))
            for c in range(count):
                part = out[count * side + c, start:stop]
                for k in range(len(part)):
                    part[k] *= share


@kernel((f8_read, f8, f8_write), allocates=False)
def usual_rr(beats: NDArray[np.float64], least: float, work: NDArray[np.float64]) -> tuple[float, float]:
    """Return the median RR, and the median change from one RR to the next against it; NaN where there is none.

    The change is a share of `least` where RR is shorter.

    Caller guarantees: `beats` increase; ``len(work) >= len(beats) - 1``.
    """
    n = len(beats) - 1
    for k in range(n - 1):
        work[k] = abs((beats[k + 2] - beats[k + 1]) - (beats[k + 1] - beats[k]))
    change = median_of(work, max(0, n - 1))
    for k in range(n):
        work[k] = beats[k + 1] - beats[k]
    rr = median_of(work, max(0, n))
    return rr, change / max(rr, least)
