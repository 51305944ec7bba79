"""Outlines on a square: values between the places of a coarse grid, and where each row of a mask begins and ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f4_2d_read, f4_2d_write, i8, i8_write, kernel, u1_2d_read, u8_2d_read
from ecg_engine.kernels.equalise import neighbours


@kernel((f4_2d_read, i8, i8, i8, f4_2d_write))
def enlarge_into(values: NDArray[np.float32], size: int, top: int, left: int, out: NDArray[np.float32]) -> None:
    """Write a window of `values` enlarged to a square of `size` into `out`: linear between the centres of places.

    The window's first pixel is (`top`, `left`) of the square; beyond the outermost centres their values go on.

    Caller guarantees: `values` is square; ``0 <= top, left``, ``top + rows, left + columns <= size``; finite.
    """
    side = values.shape[0]
    rows, columns = out.shape
    line = np.empty(side, np.float64)
    first, second, parts = np.empty(columns, np.int64), np.empty(columns, np.int64), np.empty(columns, np.float64)
    for j in range(columns):
        first[j], second[j], parts[j] = neighbours(left + j, size, side)
    for i in range(rows):
        above, below, share = neighbours(top + i, size, side)
        for k in range(side):
            line[k] = (1.0 - share) * values[above, k] + share * values[below, k]
        for j in range(columns):
            out[i, j] = (1.0 - parts[j]) * line[first[j]] + parts[j] * line[second[j]]


@kernel((u8_2d_read, u1_2d_read, i8_write, i8_write), allocates=False)
def row_ends_into(
    words: NDArray[np.uint64], mask: NDArray[np.uint8], first: NDArray[np.int64], last: NDArray[np.int64]
) -> None:
    """Write the first and the last column of each row that `mask` holds; -1 where it holds none.

    Caller guarantees: `words` is the memory of `mask`, eight columns a word; `first` and `last` are as long as it has
    rows.
    """
    rows, n = words.shape
    for i in range(rows):
        first[i] = -1
        last[i] = -1
        at = 0
        while at < n and words[i, at] == 0:
            at += 1
        if at == n:
            continue
        first[i] = 8 * at
        while mask[i, first[i]] == 0:
            first[i] += 1
        at = n - 1
        while words[i, at] == 0:
            at -= 1
        last[i] = 8 * at + 7
        while mask[i, last[i]] == 0:
            last[i] -= 1
