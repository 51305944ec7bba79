"""Packed bytes to pixels, stored pixels to greys: a table applied in one pass, box resampling, the histogram.

A table has one entry for each 16-bit pattern, so that signed and unsigned pixels take the same way: the caller views
its pixels as uint16.
"""

from __future__ import annotations

from typing import Final

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

#: Greys that no picture tells apart: far below one part of 65,536, the most that a file's table has.
_SAME_GREY: Final = 1e-6


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
def _spans(n_out: int, wide: float, shift: float, n_in: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the first and last input pixel of each output pixel, and the weights of the first, middle and last ones.

    The weights are shares over the length; that of the last is 0 where it is the first.
    """
    ends, weights = np.empty((n_out, 2), np.int64), np.empty((n_out, 3), np.float64)
    for j in range(n_out):
        first, last, first_share, last_share = _span(j, wide, shift, n_in)
        length = _length(first, last, first_share, last_share)
        ends[j, 0], ends[j, 1] = first, last
        weights[j, 0], weights[j, 1] = first_share / length, 1.0 / length
        weights[j, 2] = last_share / length if last > first else 0.0
    return ends, weights


@helper
def _across_into(
    line: NDArray[np.float32],
    ends: NDArray[np.int64],
    weights: NDArray[np.float64],
    scale: float,
    out: NDArray[np.float32],
) -> None:
    """Write `scale` times the mean of `line` over each output pixel's length (`_spans`) into `out`."""
    for j in range(len(out)):
        first, last = ends[j, 0], ends[j, 1]
        middle = 0.0
        for c in range(first + 1, last):
            middle += line[c]
        mean = weights[j, 0] * line[first] + weights[j, 1] * middle + weights[j, 2] * line[last]
        out[j] = scale * mean


@helper
def _straight(pattern: int, slope: np.float32, base: np.float32) -> np.float32:
    """Return the grey of a pattern on a straight line that ends at 0 and at 1."""
    grey: np.float32 = min(max(np.float32(pattern) * slope + base, np.float32(0.0)), np.float32(1.0))
    return grey


@helper
def _line_through(table: NDArray[np.float32]) -> tuple[bool, np.float32, np.float32]:
    """Return whether `table` is a straight line that ends at 0 and at 1, as windows are, and its slope and base."""
    first, last = -1, -1
    for p in range(len(table)):
        if 0.0 < table[p] < 1.0:
            first = p if first < 0 else first
            last = p
    if last <= first:
        return False, np.float32(0.0), np.float32(0.0)
    steep = (np.float64(table[last]) - np.float64(table[first])) / (last - first)
    slope, base = np.float32(steep), np.float32(table[first] - steep * first)
    if abs(base) <= _SAME_GREY:  # black stays exactly black
        base = np.float32(0.0)
    worst = np.float32(0.0)
    for p in range(len(table)):
        worst = max(worst, abs(table[p] - _straight(p, slope, base)))
    return bool(worst <= _SAME_GREY), slope, base


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
    in float32, a fifth faster than in float64. A table that is a straight line to 1e-6 is computed, not looked up: a
    tenth of the time.

    Caller guarantees: ``out.shape * (high, wide)`` within a pixel of ``pixels.shape``, ``high, wide >= 1``,
    ``0 <= shift < 0.5``, ``len(table) == 65536``, entries in 0 to 1.
    """
    rows, columns = pixels.shape
    line = np.empty(columns, np.float32)
    is_line, slope, base = _line_through(table)
    ends, weights = _spans(out.shape[1], wide, shift, columns)
    for i in range(out.shape[0]):
        first, last, first_share, last_share = _span(i, high, shift, rows)
        line[:] = 0.0
        for r in range(first, last + 1):
            share = np.float32(first_share if r == first else last_share if r == last else 1.0)
            row = pixels[r]
            if is_line:
                for c in range(columns):
                    line[c] += share * _straight(row[c], slope, base)
            else:
                for c in range(columns):
                    line[c] += share * table[row[c]]
        _across_into(line, ends, weights, 1.0 / _length(first, last, first_share, last_share), out[i])


@kernel((f4_2d_read, f4_2d_write))
def shrink_into(picture: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write the mean of `picture` over each output pixel's area into `out`; edge pixels count by their share.

    Caller guarantees: ``1 <= out.shape <= picture.shape`` in each direction, greys in 0 to 1, no NaN.
    """
    rows, columns = picture.shape
    out_rows, out_columns = out.shape
    line = np.empty(columns, np.float32)
    ends, weights = _spans(out_columns, columns / out_columns, 0.0, columns)
    for i in range(out_rows):
        first, last, first_share, last_share = _span(i, rows / out_rows, 0.0, rows)
        line[:] = 0.0
        for r in range(first, last + 1):
            share = np.float32(first_share if r == first else last_share if r == last else 1.0)
            for c in range(columns):
                line[c] += share * picture[r, c]
        scale = 1.0 / _length(first, last, first_share, last_share)
        _across_into(line, ends, weights, scale, out[i])


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
