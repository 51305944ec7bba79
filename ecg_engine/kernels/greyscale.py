"""Packed bytes to pixels, stored pixels to greys: a table applied in one pass, box resampling, the histogram.

A table has one entry for each 16-bit pattern, so that signed and unsigned pixels take the same way: the caller views
its pixels as uint16.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import (
    f4_2d_read,
    f4_2d_write,
    f4_read,
    f8,
    helper,
    i8_write,
    kernel,
    u1_2d_write,
    u1_read,
    u1_write,
    u2_2d_read,
)


@kernel((u2_2d_read, u1_read, u1_2d_write))
def look_up_into(pixels: NDArray[np.uint16], table: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write ``table[pixels]`` into `out`.

    NumPy would first turn the pixels into indices of 8 bytes each.

    Caller guarantees: equal shapes, ``len(table) == 65536``.
    """
    rows, columns = pixels.shape
    for i in range(rows):
        for j in range(columns):
            out[i, j] = table[pixels[i, j]]


@helper
def _span(at: int, wide: float, shift: float, n_in: int) -> tuple[int, int, float, float]:
    """Return the first and last input pixel of output pixel `at`, and how much of each lies in it, 0 to 1.

    Where they are one, the first share is the whole. An output pixel is `wide` input pixels long; the first begins at
    `shift`. What would lie beyond the last input pixel is left out.
    """
    start = min(at * wide + shift, n_in - 0.5)
    end = min(at * wide + wide + shift, float(n_in))
    first, last = int(start), min(int(np.ceil(end)), n_in) - 1
    return first, last, min(first + 1.0, end) - start, end - last


@helper
def _length(first: int, last: int, first_share: float, last_share: float) -> float:
    """Return how many input pixels `_span` covers."""
    return first_share if first == last else first_share + (last - first - 1) + last_share


@helper
def _across_into(line: NDArray[np.float32], wide: float, shift: float, scale: float, out: NDArray[np.float32]) -> None:
    """Write `scale` times the mean of `line` over each output pixel's length into `out`."""
    for j in range(len(out)):
        first, last, first_share, last_share = _span(j, wide, shift, len(line))
        total = first_share * line[first]
        for c in range(first + 1, last):
            total += line[c]
        if last > first:
            total += last_share * line[last]
        out[j] = scale * total / _length(first, last, first_share, last_share)


@kernel((u2_2d_read, f4_read, f8, f8, f8, f4_2d_write))
def box_mean_into(
    pixels: NDArray[np.uint16],
    table: NDArray[np.float32],
    high: float,
    wide: float,
    shift: float,
    out: NDArray[np.float32],
) -> None:
    """Write the mean of ``table[pixels]`` over each output pixel's area into `out`; edge pixels count by their share.

    An output pixel covers `high` by `wide` input pixels; the first begins at `shift` in both directions. Rows are added
    in float32, a fifth faster than in float64.

    Caller guarantees: ``out.shape * (high, wide)`` within a pixel of ``pixels.shape``, ``high, wide >= 1``,
    ``0 <= shift < 0.5``, ``len(table) == 65536``, entries in 0 to 1.
    """
    rows, columns = pixels.shape
    line = np.empty(columns, np.float32)
    for i in range(out.shape[0]):
        first, last, first_share, last_share = _span(i, high, shift, rows)
        line[:] = 0.0
        for r in range(first, last + 1):
            share = np.float32(first_share if r == first else last_share if r == last else 1.0)
            for c in range(columns):
                line[c] += share * table[pixels[r, c]]
        _across_into(line, wide, shift, 1.0 / _length(first, last, first_share, last_share), out[i])


@kernel((f4_2d_read, f4_2d_write))
def shrink_into(picture: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write the mean of `picture` over each output pixel's area into `out`; edge pixels count by their share.

    Caller guarantees: ``1 <= out.shape <= picture.shape`` in each direction, greys in 0 to 1, no NaN.
    """
    rows, columns = picture.shape
    out_rows, out_columns = out.shape
    line = np.empty(columns, np.float32)
    for i in range(out_rows):
        first, last, first_share, last_share = _span(i, rows / out_rows, 0.0, rows)
        line[:] = 0.0
        for r in range(first, last + 1):
            share = np.float32(first_share if r == first else last_share if r == last else 1.0)
            for c in range(columns):
                line[c] += share * picture[r, c]
        scale = 1.0 / _length(first, last, first_share, last_share)
        _across_into(line, columns / out_columns, 0.0, scale, out[i])


@kernel((u2_2d_read, i8_write))
def histogram_into(pixels: NDArray[np.uint16], out: NDArray[np.int64]) -> None:
    """Write how often each 16-bit pattern occurs into `out`.

    Caller guarantees: ``len(out) == 65536``.
    """
    out[:] = 0
    rows, columns = pixels.shape
    for i in range(rows):
        for j in range(columns):
            out[pixels[i, j]] += 1


@kernel((u1_read, u1_write))
def unpack_bytes_into(packed: NDArray[np.uint8], out: NDArray[np.uint8]) -> int:
    """Write what PackBits (PS3.5 G.3) makes of `packed` into `out`; return how many bytes that were.

    It stops where `out` is full or `packed` ends, in the middle of a run too. Nothing is assumed of either: other
    decoders read or write outside when the bytes are damaged.
    """
    n, room = len(packed), len(out)
    at = count = 0
    while at < n and count < room:
        control = int(packed[at])
        at += 1
        if control < 128:
            length = min(control + 1, n - at, room - count)
            for k in range(length):
                out[count + k] = packed[at + k]
            at += control + 1
            count += length
        elif control > 128 and at < n:
            length = min(257 - control, room - count)
            for k in range(length):
                out[count + k] = packed[at]
            at += 1
            count += length
    return count
