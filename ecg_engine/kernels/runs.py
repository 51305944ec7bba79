"""The second of two networks sees only the points that the first leaves open: they are taken out, and put back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f4_2d_read, f4_2d_write, f8, i8, i8_2d_read, i8_2d_write, i8_read, kernel


@kernel((f4_2d_read, i8_read, i8, i8, f8, i8_2d_write), allocates=False)
def open_runs_into(
    odds: NDArray[np.float32], rows: NDArray[np.int64], start: int, stop: int, least: float, runs: NDArray[np.int64]
) -> tuple[int, int]:
    """Write where one of `rows` of the log odds is `least` or more: first point and the one after the last.

    Points are counted from `start`. Return how many such runs there are and how many points they have.

    Caller guarantees: room for ``(stop - start + 1) // 2`` runs.
    """
    count = 0
    points = 0
    inside = False
    for k in range(start, stop):
        is_open = False
        for row in rows:
            is_open = is_open or odds[row, k] >= least
        if is_open and not inside:
            runs[count, 0] = k - start
            count += 1
        if is_open:
            runs[count - 1, 1] = k - start + 1
            points += 1
        inside = is_open
    return count, points


@kernel((f4_2d_read, i8_2d_read, i8, f4_2d_write), allocates=False)
def columns_into(values: NDArray[np.float32], runs: NDArray[np.int64], count: int, out: NDArray[np.float32]) -> None:
    """Write the columns of the first `count` runs side by side.

    Caller guarantees: equal rows; runs inside `values`; `out` has as many columns as they have.
    """
    for row in range(len(values)):
        at = 0
        for i in range(count):
            source = values[row, runs[i, 0] : runs[i, 1]]
            target = out[row, at : at + len(source)]
            for k in range(len(source)):
                target[k] = source[k]
            at += len(source)


@kernel((f4_2d_read, i8_2d_read, i8, f4_2d_write), allocates=False)
def rows_into(values: NDArray[np.float32], runs: NDArray[np.int64], count: int, out: NDArray[np.float32]) -> None:
    """Write the rows of the first `count` runs one below the other.

    Caller guarantees: equal columns; runs inside `values`; `out` has as many rows as they have.
    """
    at = 0
    for i in range(count):
        for j in range(runs[i, 0], runs[i, 1]):
            source, target = values[j], out[at]
            for k in range(len(source)):
                target[k] = source[k]
            at += 1


@kernel((f4_2d_read, i8_read, i8_2d_read, i8, i8, f4_2d_write), allocates=False)
def mix_runs_into(
    second: NDArray[np.float32],
    rows: NDArray[np.int64],
    runs: NDArray[np.int64],
    count: int,
    start: int,
    odds: NDArray[np.float32],
) -> None:
    """Make `rows` of the log odds their means with `second`, whose columns are the first `count` runs from `start` on.

    Caller guarantees: as `columns_into`; equal rows.
    """
    for row in rows:
        at = 0
        for i in range(count):
            n = runs[i, 1] - runs[i, 0]
            source = second[row, at : at + n]
            target = odds[row, start + runs[i, 0] : start + runs[i, 1]]
            for k in range(n):
                target[k] = np.float32(0.5) * (target[k] + source[k])
            at += n
