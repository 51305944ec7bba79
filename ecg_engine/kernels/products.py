"""Sums of products of rows with weights: matrix products and short convolutions, without copies of what they read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f4_read, f4_write, helper, i8, kernel
from ecg_engine.kernels._tile import COLUMNS, ROWS, VECTOR, add_half, add_row, add_tile, add_vector, add_vector_of_row

__all__ = ["add_products", "add_products_into"]


@helper
def add_products(
    a: NDArray[np.float32],
    a_at: int,
    a_row: int,
    a_step: int,
    b: NDArray[np.float32],
    b_at: int,
    b_row: int,
    taps: int,
    reach: int,
    out: NDArray[np.float32],
    out_at: int,
    out_row: int,
    rows: int,
    inner: int,
    columns: int,
) -> None:
    """Add products as `add_products_into` does, which says what is what; for kernels.

    Tiles of `ROWS` rows, or one, and some vectors; the columns left at the end are added up one by one.
    """
    if rows <= 0 or columns <= 0 or inner <= 0:
        return
    # Tiles check nothing: where bounds are checked at all, the first and last that they reach are looked at here.
    a[a_at], a[a_at + (rows - 1) * a_row + (inner * taps - 1) * a_step]
    b[b_at], b[b_at + (inner - 1) * b_row + (taps - 1) * reach + columns - 1]
    out[out_at], out[out_at + (rows - 1) * out_row + columns - 1]
    tiled = rows - rows % ROWS
    whole = columns - columns % VECTOR
    for r in range(0, tiled, ROWS):
        first, target, j = a_at + r * a_row, out_at + r * out_row, 0
        while j + COLUMNS <= whole:
            add_tile(a, first, a_row, a_step, b, b_at + j, b_row, taps, reach, out, target + j, out_row, inner)
            j += COLUMNS
        if j + COLUMNS // 2 <= whole:
            add_half(a, first, a_row, a_step, b, b_at + j, b_row, taps, reach, out, target + j, out_row, inner)
            j += COLUMNS // 2
        while j < whole:
            add_vector(a, first, a_row, a_step, b, b_at + j, b_row, taps, reach, out, target + j, out_row, inner)
            j += VECTOR
    for r in range(tiled, rows):
        first, target, j = a_at + r * a_row, out_at + r * out_row, 0
        while j + COLUMNS <= whole:
            add_row(a, first, a_row, a_step, b, b_at + j, b_row, taps, reach, out, target + j, out_row, inner)
            j += COLUMNS
        while j < whole:
            add_vector_of_row(a, first, a_row, a_step, b, b_at + j, b_row, taps, reach, out, target + j, out_row, inner)
            j += VECTOR
    if whole == columns:
        return
    for r in range(rows):
        for k in range(inner * taps):
            weight = a[a_at + r * a_row + k * a_step]
            source = b_at + (k // taps) * b_row + (k % taps) * reach
            for j in range(whole, columns):
                out[out_at + r * out_row + j] += weight * b[source + j]


@kernel((f4_read, i8, i8, i8, f4_read, i8, i8, i8, i8, f4_write, i8, i8, i8, i8, i8), allocates=False)
def add_products_into(
    a: NDArray[np.float32],
    a_at: int,
    a_row: int,
    a_step: int,
    b: NDArray[np.float32],
    b_at: int,
    b_row: int,
    taps: int,
    reach: int,
    out: NDArray[np.float32],
    out_at: int,
    out_row: int,
    rows: int,
    inner: int,
    columns: int,
) -> None:
    """Add to ``out[r, j]`` the sum over ``i < inner`` and ``t < taps`` of ``a[r, i * taps + t] * b[i, t * reach + j]``.

    The arrays are flat: each begins at its ``..._at``, its rows lie ``..._row`` apart, the factors of one row of `a`
    `a_step`. With one tap it is a product of matrices, `a` by its columns where ``a_row == 1``; with more a
    convolution, whose rows of `b` hold what is beyond their ends too.

    Caller guarantees: all that is read and written lies inside; `out` overlaps neither.
    """
    add_products(a, a_at, a_row, a_step, b, b_at, b_row, taps, reach, out, out_at, out_row, rows, inner, columns)
