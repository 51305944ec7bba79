"""Packed bytes to pixels, stored pixels to greys: a table applied in one pass, box resampling, the histogram.

A table has one entry for each 16-bit pattern, so that signed and unsigned pixels take the same way: the caller views
its pixels as uint16.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f4_2d_write, f4_read, i8_write, kernel, u1_2d_write, u1_read, u1_write, u2_2d_read


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


@kernel((u2_2d_read, f4_read, f4_2d_write))
def box_mean_into(pixels: NDArray[np.uint16], table: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write the mean of ``table[pixels]`` over each output pixel's area into `out`; edge pixels count by their share.

    Caller guarantees: ``1 <= out.shape <= pixels.shape`` in each direction, ``len(table) == 65536``, entries in 0 to 1.
    """
    rows, columns = pixels.shape
    out_rows, out_columns = out.shape
    high, wide = rows / out_rows, columns / out_columns
    line = np.empty(columns)
    for i in range(out_rows):
        top, bottom = i * high, min((i + 1) * high, float(rows))
        line[:] = 0.0
        for r in range(int(top), min(int(np.ceil(bottom)), rows)):
            share = min(bottom, r + 1.0) - max(top, float(r))
            for c in range(columns):
                line[c] += share * table[pixels[r, c]]
        for j in range(out_columns):
            left, right = j * wide, min((j + 1) * wide, float(columns))
            total = 0.0
            for c in range(int(left), min(int(np.ceil(right)), columns)):
                total += (min(right, c + 1.0) - max(left, float(c))) * line[c]
            out[i, j] = total / (high * wide)


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
